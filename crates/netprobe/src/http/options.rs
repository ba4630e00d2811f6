//! How requests are made, and how much of an answer is taken.

use std::fmt;
use std::sync::Arc;

use super::redaction::REDACTED;

/// Headers that are meant for the origin that was asked for, and for nobody to whom its answers redirect.
const FOR_ONE_ORIGIN: [&str; 4] = ["authorization", "cookie", "proxy-authorization", "host"];

/// Headers that speak of a body (Fetch standard, "request-body-header name"), and what asks whether it is wanted.
const OF_BODY: [&str; 6] =
    ["content-encoding", "content-language", "content-location", "content-type", "content-length", "expect"];

/// How much of an answer is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the head; over HTTP/1.1 at least 8,192, whatever stands here.
    pub head_bytes_max: usize,
    /// Headers in the head.
    pub headers_max: usize,
    /// Bytes of the body, as it comes.
    pub body_bytes_max: usize,
    /// Bytes of the body, decompressed.
    pub decoded_bytes_max: usize,
    /// Informational answers (1xx) before the answer.
    pub informational_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes_max: 64 * 1024,
            headers_max: 256,
            body_bytes_max: 16 * 1024 * 1024,
            decoded_bytes_max: 64 * 1024 * 1024,
            informational_max: 32,
        }
    }
}

/// How requests are made: by method, body and headers, which differ from redirect to redirect. `Debug` shows the names of headers, and
/// neither their values, any of which may be a secret, nor the body.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpOptions {
    /// The method, such as `PUT`. If there is none: `POST` with a body, `GET` without. A redirect may turn it into `GET`
    /// ([`becomes_get`](super::becomes_get)).
    pub method: Option<String>,
    /// The body of the request. Without a `content-type` among the headers it is `application/x-www-form-urlencoded`, as with curl's
    /// `--data`. If `expect: 100-continue` is among them, it waits for the server's 100.
    pub body: Option<Arc<[u8]>>,
    /// For how long it waits: a server may never send a 100.
    pub expect_timeout_ms: u64,
    /// The `user-agent` header.
    pub user_agent: String,
    /// Further headers of every request, in place of ours where the names are the same. `authorization`, `cookie`,
    /// `proxy-authorization` and `host` are for the first URL's origin alone: a redirect to another does not take them along.
    /// What a page asks for takes none of these headers to any origin but the page's
    /// ([`Session::run_resource`](crate::Session::run_resource)).
    pub headers: Vec<(String, String)>,
    /// How much of an answer is taken.
    pub limits: Limits,
    /// Headers of ours that are left out.
    pub omitted_headers: Vec<String>,
    /// How long the request may take to be written, and then the head of the answer to come.
    pub wait_timeout_ms: u64,
    /// How long the body may take.
    pub transfer_timeout_ms: u64,
    /// Keep cookies and other secrets readable in reports.
    pub reveal_secrets: bool,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            method: None,
            body: None,
            expect_timeout_ms: 1_000,
            user_agent: concat!("netprobe/", env!("CARGO_PKG_VERSION")).to_owned(),
            headers: Vec::new(),
            omitted_headers: Vec::new(),
            limits: Limits::default(),
            wait_timeout_ms: 30_000,
            transfer_timeout_ms: 60_000,
            reveal_secrets: false,
        }
    }
}

impl HttpOptions {
    /// The method of a request with these options.
    #[must_use]
    pub fn method(&self) -> &str {
        let usual = if self.body.is_some() { "POST" } else { "GET" };
        self.method.as_deref().unwrap_or(usual)
    }

    /// Whether doing it twice is as good as doing it once, so that it may be sent again (RFC 9110, section 9.2.2).
    pub(crate) fn is_idempotent(&self) -> bool {
        matches!(self.method(), "GET" | "HEAD" | "OPTIONS" | "TRACE" | "PUT" | "DELETE")
    }

    /// The same without what was meant for another origin.
    pub(crate) fn for_another_origin(&self) -> Self {
        self.without(&FOR_ONE_ORIGIN)
    }

    /// The same without any header of the caller's: for whom a page asks, and nobody else did.
    pub(crate) fn for_strangers(&self) -> Self {
        Self { headers: Vec::new(), ..self.clone() }
    }

    /// The same as a GET, without a body and what was said of it.
    pub(crate) fn as_get(&self) -> Self {
        Self { method: None, body: None, ..self.without(&OF_BODY) }
    }

    fn without(&self, names: &[&str]) -> Self {
        let mut options = self.clone();
        options.headers.retain(|(name, _)| !names.contains(&name.to_ascii_lowercase().as_str()));
        options
    }
}

impl fmt::Debug for HttpOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<(&str, &str)> = self.headers.iter().map(|(name, _)| (name.as_str(), REDACTED)).collect();
        formatter
            .debug_struct("HttpOptions")
            .field("method", &self.method)
            .field("body_bytes", &self.body.as_ref().map(|body| body.len()))
            .field("expect_timeout_ms", &self.expect_timeout_ms)
            .field("user_agent", &self.user_agent)
            .field("headers", &headers)
            .field("limits", &self.limits)
            .field("omitted_headers", &self.omitted_headers)
            .field("wait_timeout_ms", &self.wait_timeout_ms)
            .field("transfer_timeout_ms", &self.transfer_timeout_ms)
            .field("reveal_secrets", &self.reveal_secrets)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_secret() {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let headers = ["Authorization", "COOKIE", "proxy-authorization", "Set-Cookie", "x-api-key"]
            .map(|name| header(name, "secret"));
        let headers = headers.to_vec();
        let body = Some(b"password=secret".as_slice().into());
        let options = HttpOptions { headers, body, reveal_secrets: true, ..HttpOptions::default() };
        let probe = crate::Probe { http: options.clone(), ..crate::Probe::default() };
        for shown in [format!("{options:?}"), format!("{options:#?}"), format!("{probe:?}")] {
            assert!(!shown.contains("secret\"") && !shown.contains("=secret"), "{shown}");
            assert!(shown.contains("Authorization") && shown.contains("x-api-key"), "{shown}");
        }
    }
}
