//! A page as it came.

use serde::{Deserialize, Serialize};

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

    /// The answer that ended a probe, if there was one.
    #[must_use]
    pub fn from_report(report: &netprobe::Report) -> Option<Self> {
        let hop = report.hops.last()?;
        let exchange = hop.exchange.as_ref()?;
        let content_type = exchange.header("content-type").map(str::to_owned);
        Some(Self { url: hop.url.clone(), content_type, bytes: exchange.body.clone() })
    }
}
