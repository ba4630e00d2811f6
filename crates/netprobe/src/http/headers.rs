//! The head of a request.

use base64::Engine;
use http::Method;
use http::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING};
use url::Url;

use super::channel::Forwarder;
use super::decode::ACCEPT_ENCODING;
use super::{HttpError, HttpOptions, Protocol, path_and_query};

/// The type of a body of which nobody says anything else, as with curl's `--data`.
const FORM: &str = "application/x-www-form-urlencoded";

/// Headers about the connection, for which HTTP/2 has means of its own (RFC 9113, section 8.2.2).
const OF_CONNECTION: [&str; 5] = ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"];

/// The request for a URL. Over HTTP/1.1 its host is a header, over HTTP/2 a part of the target: sent as both, nginx answers 400.
pub(super) fn request(
    url: &Url,
    cookie: Option<&str>,
    protocol: Protocol,
    forwarder: Option<&Forwarder>,
    options: &HttpOptions,
) -> Result<http::Request<()>, HttpError> {
    let authority = authority(url);
    let target = match protocol {
        Protocol::Http1 if forwarder.is_none() => path_and_query(url),
        Protocol::Http1 | Protocol::Http2 | Protocol::Http3 => absolute(url),
    };
    let host = (protocol == Protocol::Http1).then_some(("host", authority.as_str()));
    let own = [("user-agent", options.user_agent.as_str()), ("accept", "*/*"), ("accept-encoding", ACCEPT_ENCODING)];
    let cookie = cookie.map(|cookie| ("cookie", cookie));
    let credentials = credentials(url);
    let credentials = credentials.as_deref().map(|value| ("authorization", value));
    let proxy = forwarder.and_then(|forwarder| forwarder.authorization.as_deref());
    let proxy = proxy.map(|value| ("proxy-authorization", value));
    let kind = options.body.is_some().then_some(("content-type", FORM));
    let mut headers = HeaderMap::new();
    for (name, value) in host.into_iter().chain(own).chain(kind).chain(cookie).chain(credentials).chain(proxy) {
        let (name, value) = header(name, value)?;
        headers.insert(name, value);
    }
    replace(&mut headers, options)?;
    frame(&mut headers, options)?;
    if protocol != Protocol::Http1 {
        OF_CONNECTION.iter().for_each(|name| drop(headers.remove(*name)));
    }
    let built = http::Request::builder().method(method(options.method())?).uri(target).body(());
    let mut request =
        built.map_err(|error| HttpError::RequestHeader { name: ":path".to_owned(), reason: error.to_string() })?;
    *request.headers_mut() = headers;
    Ok(request)
}

/// A URL as a target: without user name, password and fragment.
pub(super) fn absolute(url: &Url) -> String {
    format!("{}://{}{}", url.scheme(), authority(url), path_and_query(url))
}

fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), HttpError> {
    let wrong = |reason: String| HttpError::RequestHeader { name: name.to_owned(), reason };
    let key = name.parse().map_err(|_| wrong("not a header's name".to_owned()))?;
    Ok((key, HeaderValue::from_str(value).map_err(|error| wrong(error.to_string()))?))
}

/// The caller's headers in place of ours, as often as they are given.
fn replace(headers: &mut HeaderMap, options: &HttpOptions) -> Result<(), HttpError> {
    let given: Result<Vec<_>, HttpError> = options.headers.iter().map(|(name, value)| header(name, value)).collect();
    let given = given?;
    for name in given.iter().map(|(name, _)| name.as_str()).chain(options.omitted_headers.iter().map(String::as_str)) {
        headers.remove(name);
    }
    for (name, value) in given {
        headers.append(name, value);
    }
    Ok(())
}

/// Says how long the body is. A caller who says something else would have the server take a part of it for another request.
fn frame(headers: &mut HeaderMap, options: &HttpOptions) -> Result<(), HttpError> {
    let bytes = options.body.as_ref().map(|body| body.len());
    let is_usual = bytes.is_some() || matches!(options.method(), "POST" | "PUT" | "PATCH");
    let length = HeaderValue::from(bytes.unwrap_or_default());
    let wrong = |name: &str, reason: String| Err(HttpError::RequestHeader { name: name.to_owned(), reason });
    if headers.contains_key(TRANSFER_ENCODING) {
        return wrong("transfer-encoding", "the body is sent as it is, and its length is known".to_owned());
    }
    if headers.get_all(CONTENT_LENGTH).iter().any(|given| given != length) {
        return wrong("content-length", format!("the body has {} bytes", bytes.unwrap_or_default()));
    }
    if is_usual {
        headers.insert(CONTENT_LENGTH, length);
    }
    Ok(())
}

fn method(name: &str) -> Result<Method, HttpError> {
    let wrong = |reason: &str| HttpError::Method { method: name.to_owned(), reason: reason.to_owned() };
    let method = Method::from_bytes(name.as_bytes()).map_err(|_| wrong("not a method's name"))?;
    if method == Method::CONNECT {
        return Err(wrong("it asks a proxy for a connection, and nobody for an answer"));
    }
    Ok(method)
}

/// User name and password of a URL as the `authorization` header [RFC 7617].
fn credentials(url: &Url) -> Option<String> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let plain = |text: &str| percent_encoding::percent_decode_str(text).collect::<Vec<u8>>();
    let mut pair = plain(url.username());
    pair.push(b':');
    pair.extend(plain(url.password().unwrap_or_default()));
    Some(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_said_once() {
        let url = crate::url::parse("https://ann:pa%20ss@a.test:8443/x?y#z").expect("a URL");
        let options = HttpOptions { headers: vec![("x-y".to_owned(), "z".to_owned())], ..HttpOptions::default() };
        let first = request(&url, Some("a=1"), Protocol::Http1, None, &options).expect("a request");
        assert_eq!(first.uri(), "/x?y");
        assert_eq!(first.headers()["host"], "a.test:8443");
        assert_eq!(first.headers()["authorization"], "Basic YW5uOnBhIHNz");
        assert_eq!(
            (&first.headers()["cookie"], &first.headers()["x-y"]),
            (&"a=1".parse().expect("a value"), &"z".parse().expect("a value"))
        );
        let second = request(&url, None, Protocol::Http2, None, &options).expect("a request");
        assert_eq!(second.uri(), "https://a.test:8443/x?y");
        assert!(!second.headers().contains_key("host"));
        let wrong = HttpOptions { headers: vec![("x y".to_owned(), String::new())], ..HttpOptions::default() };
        let error = request(&url, None, Protocol::Http1, None, &wrong);
        assert!(matches!(error, Err(HttpError::RequestHeader { name, .. }) if name == "x y"));
    }

    #[test]
    fn a_body_has_one_length_and_a_type() {
        let url = crate::url::parse("https://a.test/").expect("a URL");
        let body = || Some(b"a=b".as_slice().into());
        let with = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
        let options = HttpOptions { body: body(), ..HttpOptions::default() };
        let form = request(&url, None, Protocol::Http1, None, &options).expect("a request");
        assert_eq!((form.method(), &form.headers()["content-length"]), (&Method::POST, &HeaderValue::from(3)));
        assert_eq!(form.headers()["content-type"], FORM);
        let headers = vec![("Content-Type", "a/b"), ("X", "1"), ("x", "2"), ("Connection", "close")];
        let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let omitted_headers = vec!["Accept".to_owned()];
        let method = Some("PUT".to_owned());
        let options = HttpOptions { method, body: body(), headers, omitted_headers, ..HttpOptions::default() };
        for (protocol, connections) in [(Protocol::Http1, 1), (Protocol::Http2, 0)] {
            let put = request(&url, None, protocol, None, &options).expect("a request");
            let count = |name: &str| put.headers().get_all(name).iter().count();
            assert_eq!((put.method(), count("content-type"), count("x")), (&Method::PUT, 1, 2));
            assert_eq!((count("accept"), count("connection")), (0, connections));
        }
        let empty = HttpOptions { method: Some("PATCH".to_owned()), ..HttpOptions::default() };
        let empty = request(&url, None, Protocol::Http1, None, &empty).expect("a request");
        assert_eq!(empty.headers()["content-length"], "0");
        for (name, value) in [("content-length", "4"), ("Transfer-Encoding", "chunked"), ("Content-Length", "+3")] {
            let options = HttpOptions { body: body(), headers: with(name, value), ..HttpOptions::default() };
            let error = request(&url, None, Protocol::Http1, None, &options);
            assert!(matches!(error, Err(HttpError::RequestHeader { name: wrong, .. }) if wrong == name.to_lowercase()));
        }
        for name in ["CONNECT", "", "A B", "GET / HTTP/1.1\r\nx:"] {
            let options = HttpOptions { method: Some(name.to_owned()), ..HttpOptions::default() };
            let error = request(&url, None, Protocol::Http1, None, &options);
            assert!(matches!(error, Err(HttpError::Method { method, .. }) if method == name));
        }
    }
}
