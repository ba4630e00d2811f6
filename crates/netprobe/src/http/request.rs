//! How the requests of one run differ: by method, body and headers, from redirect to redirect.

use super::HttpOptions;

/// Headers that are meant for the origin that was asked for, and for nobody to whom its answers redirect.
const FOR_ONE_ORIGIN: [&str; 4] = ["authorization", "cookie", "proxy-authorization", "host"];

/// Headers that speak of a body (Fetch standard, "request-body-header name"), and what asks whether it is wanted.
const OF_BODY: [&str; 6] =
    ["content-encoding", "content-language", "content-location", "content-type", "content-length", "expect"];

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
