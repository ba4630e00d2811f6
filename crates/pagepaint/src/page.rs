//! A page as it came.

use serde::{Deserialize, Serialize};
use url::Url;

/// A page as it came: where from, what the server said that it is, and its bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// Its address, after redirects; what is in it is relative to that. Empty if it has none: then nothing relative is fetched.
    pub url: String,
    /// The `content-type` that the server gave, if it did.
    pub content_type: Option<String>,
    /// The body, decompressed.
    #[serde(skip)]
    pub bytes: Vec<u8>,
}

impl Page {
    /// A page of HTML without an address.
    #[must_use]
    pub fn html(html: &str) -> Self {
        let content_type = Some("text/html; charset=utf-8".to_owned());
        Self { url: String::new(), content_type, bytes: html.as_bytes().to_vec() }
    }

    /// The answer that ended a probe, if there was one. User name and password are no part of its address: what is relative to it would
    /// take them along.
    #[must_use]
    pub fn from_report(report: &netprobe::Report) -> Option<Self> {
        let hop = report.hops.last()?;
        let exchange = hop.exchange.as_ref()?;
        let content_type = exchange.header("content-type").map(str::to_owned);
        Some(Self { url: without_user(&hop.url), content_type, bytes: exchange.body.clone() })
    }

    /// Whether it is HTML, or nobody says what it is.
    pub(crate) fn is_html(&self) -> bool {
        matches!(essence(self.content_type.as_deref()).as_str(), "" | "text/html" | "application/xhtml+xml")
    }
}

/// What a server says that something is, without parameters and in lower case; empty if it does not say.
pub(crate) fn essence(content_type: Option<&str>) -> String {
    content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn without_user(text: &str) -> String {
    let Ok(mut url) = Url::parse(text) else { return text.to_owned() };
    // Neither fails on a URL with a host.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.to_string()
}
