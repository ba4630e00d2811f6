//! Headers, as they are sent and as they are reported.

use base64::Engine;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use url::Url;

use super::decode::ACCEPT_ENCODING;
use super::{HttpError, HttpOptions, Protocol, path_and_query};
use crate::url::redacted;

/// A header, as a report has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// In lower case.
    pub name: String,
    /// As text; what is not UTF-8 is replaced. May hold anything that a peer sent: whoever shows it escapes it.
    pub value: String,
}

/// What stands in a report where a secret was.
pub(super) const REDACTED: &str = "[redacted]";

/// What a report says of headers.
pub(super) fn report(headers: &HeaderMap, reveal_secrets: bool) -> Vec<Header> {
    let header = |(name, value): (&HeaderName, &HeaderValue)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        let value = if reveal_secrets { value } else { redact(name.as_str(), value) };
        Header { name: name.as_str().to_owned(), value }
    };
    headers.iter().map(header).collect()
}

fn redact(name: &str, value: String) -> String {
    match name {
        "authorization" | "proxy-authorization" => REDACTED.to_owned(),
        "cookie" => {
            let pair = |pair: &str| format!("{}={REDACTED}", pair.split('=').next().unwrap_or_default().trim());
            value.split(';').map(pair).collect::<Vec<_>>().join("; ")
        }
        "set-cookie" => {
            let (pair, attributes) = value.split_at(value.find(';').unwrap_or(value.len()));
            format!("{}={REDACTED}{attributes}", pair.split('=').next().unwrap_or_default().trim())
        }
        "location" | "content-location" | "referer" => redact_reference(value),
        _ => redact_urls(value),
    }
}

/// A URL, or what stands for one beside another: `//user:password@host/` has secrets too.
fn redact_reference(value: String) -> String {
    let base = Url::parse("https://base.invalid/");
    match base.and_then(|base| base.join(&value)) {
        Ok(url) if !url.username().is_empty() || url.password().is_some() => redacted(&url),
        _ => redact_urls(value),
    }
}

/// User names and passwords of the URLs in a text, such as a `link` header.
fn redact_urls(value: String) -> String {
    let mut shown = String::new();
    let mut rest = value.as_str();
    while let Some(start) = rest.find("//") {
        let (before, after) = rest.split_at(start + 2);
        shown.push_str(before);
        let end = after.find(|one: char| one.is_whitespace() || "/?#\\<>\"',;".contains(one)).unwrap_or(after.len());
        rest = match after[..end].rfind('@') {
            Some(at) => {
                shown.push_str("redacted");
                &after[at..]
            }
            None => after,
        };
    }
    if shown.is_empty() { value } else { shown + rest }
}

/// The request for a URL. Over HTTP/1.1 its host is a header, over HTTP/2 a part of the target: sent as both, nginx answers 400.
pub(super) fn request<B>(
    url: &Url,
    cookie: Option<&str>,
    protocol: Protocol,
    options: &HttpOptions,
    body: B,
) -> Result<http::Request<B>, HttpError> {
    let authority = match url.port() {
        Some(port) => format!("{}:{port}", url.host_str().unwrap_or_default()),
        None => url.host_str().unwrap_or_default().to_owned(),
    };
    let target = match protocol {
        Protocol::Http1 => path_and_query(url),
        Protocol::Http2 => format!("{}://{authority}{}", url.scheme(), path_and_query(url)),
    };
    let host = (protocol == Protocol::Http1).then_some(("host", authority.as_str()));
    let own = [("user-agent", options.user_agent.as_str()), ("accept", "*/*"), ("accept-encoding", ACCEPT_ENCODING)];
    let cookie = cookie.map(|cookie| ("cookie", cookie));
    let credentials = credentials(url);
    let credentials = credentials.as_deref().map(|value| ("authorization", value));
    let further = options.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let mut headers = HeaderMap::new();
    for (name, value) in host.into_iter().chain(own).chain(cookie).chain(credentials).chain(further) {
        let wrong = |reason: String| HttpError::RequestHeader { name: name.to_owned(), reason };
        let key: HeaderName = name.parse().map_err(|_| wrong("not a header's name".to_owned()))?;
        let value = HeaderValue::from_str(value).map_err(|error| wrong(error.to_string()))?;
        headers.insert(key, value);
    }
    let built = http::Request::builder().method("GET").uri(target).body(body);
    let mut request =
        built.map_err(|error| HttpError::RequestHeader { name: ":path".to_owned(), reason: error.to_string() })?;
    *request.headers_mut() = headers;
    Ok(request)
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
    fn secrets_are_redacted_unless_asked_for() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("cookie", "a=1; b=2"),
            ("set-cookie", "sid=secret; Path=/; HttpOnly"),
            ("authorization", "Basic c2VjcmV0"),
            ("location", "https://ann:secret@a.test/"),
            ("server", "nginx"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        let values: Vec<String> = report(&headers, false).into_iter().map(|header| header.value).collect();
        let expected = [
            "a=[redacted]; b=[redacted]",
            "sid=[redacted]; Path=/; HttpOnly",
            "[redacted]",
            "https://redacted@a.test/",
            "nginx",
        ];
        assert_eq!(values, expected);
        assert!(report(&headers, true).iter().any(|header| header.value.contains("sid=secret")));
    }

    #[test]
    fn secrets_in_urls_are_redacted_wherever_they_are() {
        for (name, value, shown) in [
            ("location", "//ann:secret@b.test/x", "https://redacted@b.test/x"),
            ("location", "\\\\ann:secret@b.test/x", "https://redacted@b.test/x"),
            ("location", "/@ann:x//y", "/@ann:x//y"),
            ("location", "https://ann:secret@b.test:99999/", "https://redacted@b.test:99999/"),
            (
                "link",
                "<https://ann:secret@b.test/>; rel=x, <//a:secret@c.test>",
                "<https://redacted@b.test/>; rel=x, <//redacted@c.test>",
            ),
            ("refresh", "0; url=https://secret@b.test", "0; url=https://redacted@b.test"),
            ("server", "a@b // c", "a@b // c"),
        ] {
            assert_eq!(redact(name, value.to_owned()), shown, "{name}: {value}");
        }
    }

    #[test]
    fn the_host_is_said_once() {
        let url = crate::url::parse("https://ann:pa%20ss@a.test:8443/x?y#z").expect("a URL");
        let options = HttpOptions { headers: vec![("x-y".to_owned(), "z".to_owned())], ..HttpOptions::default() };
        let first = request(&url, Some("a=1"), Protocol::Http1, &options, ()).expect("a request");
        assert_eq!(first.uri(), "/x?y");
        assert_eq!(first.headers()["host"], "a.test:8443");
        assert_eq!(first.headers()["authorization"], "Basic YW5uOnBhIHNz");
        assert_eq!(
            (&first.headers()["cookie"], &first.headers()["x-y"]),
            (&"a=1".parse().expect("a value"), &"z".parse().expect("a value"))
        );
        let second = request(&url, None, Protocol::Http2, &options, ()).expect("a request");
        assert_eq!(second.uri(), "https://a.test:8443/x?y");
        assert!(!second.headers().contains_key("host"));
        let wrong = HttpOptions { headers: vec![("x y".to_owned(), String::new())], ..HttpOptions::default() };
        let error = request(&url, None, Protocol::Http1, &wrong, ());
        assert!(matches!(error, Err(HttpError::RequestHeader { name, .. }) if name == "x y"));
    }
}
