//! Headers without their secrets.

use std::fmt;
use std::ops::Deref;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::url::{redacted as redacted_url, redacted_within};

/// A header, as a report has it. `Debug` shows neither credentials nor cookies nor users of URLs, whatever the report does. What else may be
/// a secret, such as an `x-api-key`, nobody here can know.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// In lower case.
    pub name: String,
    /// As text; what is not UTF-8 is replaced. May hold anything that a peer sent: whoever shows it escapes it.
    pub value: String,
}

/// What stands in a report where a secret was.
pub(super) const REDACTED: &str = "[redacted]";

impl fmt::Debug for Header {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Header")
            .field("name", &self.name)
            .field("value", &redact(&self.name, self.value.clone()))
            .finish()
    }
}

/// The headers of an answer as they came, secrets included.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct RawHeaders(pub(super) HeaderMap);

impl Deref for RawHeaders {
    type Target = HeaderMap;

    fn deref(&self) -> &HeaderMap {
        &self.0
    }
}

impl fmt::Debug for RawHeaders {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(report(self, false)).finish()
    }
}

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
    match name.to_ascii_lowercase().as_str() {
        "authorization" | "proxy-authorization" => REDACTED.to_owned(),
        "cookie" => value.split(';').map(redact_cookie).collect::<Vec<_>>().join("; "),
        "set-cookie" => {
            let (pair, attributes) = value.split_at(value.find(';').unwrap_or(value.len()));
            redact_cookie(pair) + attributes
        }
        "location" | "content-location" | "referer" => redact_reference(value),
        _ => redacted_within(&value),
    }
}

/// A cookie without a name is all value.
fn redact_cookie(pair: &str) -> String {
    pair.split_once('=').map_or(REDACTED.to_owned(), |(name, _)| format!("{}={REDACTED}", name.trim()))
}

/// A URL, or what stands for one beside another: `//user:password@host/` has secrets too.
fn redact_reference(value: String) -> String {
    let base = Url::parse("https://base.invalid/");
    match base.and_then(|base| base.join(&value)) {
        Ok(url) if !url.username().is_empty() || url.password().is_some() => redacted_url(&url),
        _ => redacted_within(&value),
    }
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
            ("set-cookie", "secret; Path=/", "[redacted]; Path=/"),
            ("cookie", "a=secret; secret", "a=[redacted]; [redacted]"),
        ] {
            assert_eq!(redact(name, value.to_owned()), shown, "{name}: {value}");
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let mut headers = HeaderMap::new();
        for name in ["set-cookie", "cookie", "authorization", "proxy-authorization"] {
            headers.insert(name, HeaderValue::from_static("secret"));
        }
        headers.insert("server", HeaderValue::from_static("nginx"));
        let options = crate::http::HttpOptions::default();
        let url = Url::parse("https://a.test/").expect("a URL");
        let mut exchange = crate::http::Exchange::begin(crate::http::Protocol::Http1, &url, &options);
        exchange.request_headers = report(&headers, true);
        exchange.response_headers = report(&headers, true);
        exchange.raw_headers = RawHeaders(headers);
        let shown = format!("{exchange:?}");
        assert!(!shown.contains("secret") && shown.matches("nginx").count() == 3, "{shown}");
        let json = serde_json::to_string(&exchange).expect("JSON");
        assert!(json.contains("secret"), "a report that was to have it has it: {json}");
    }
}
