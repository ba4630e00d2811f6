//! A resource on the page's timeline.

use std::fmt;

use netprobe::{Report, Span};
use serde::{Deserialize, Serialize};
use url::Url;

/// Something that the page asked for: when, why, how it came, and what came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resource {
    /// What was asked for, without user name and password unless they were asked for; a `data:` URL only from its beginning.
    pub url: String,
    /// What for.
    pub kind: ResourceKind,
    /// Who asked.
    pub initiator: Initiator,
    /// When it was fetched, on the same clock as the stages. What had not come when the page ended has been waited for until then.
    pub span: Span,
    /// The URLs on the way that sent us elsewhere.
    pub redirects: Vec<String>,
    /// The status of the last answer.
    pub status: Option<u16>,
    /// What the server says that it is.
    pub content_type: Option<String>,
    /// Bytes that came, decompressed.
    pub bytes: u64,
    /// Why it is not used: it did not come, not in time, is too large, or is not what it should be.
    pub error: Option<String>,
    /// How the network went about it. Its times are the stages' if [`crate::Network`] is on the painter's clock.
    pub report: Option<Box<Report>>,
}

/// What a resource is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceKind {
    /// A style sheet.
    StyleSheet,
    /// An image.
    Image,
    /// A font.
    Font,
}

impl ResourceKind {
    /// In words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::StyleSheet => "style sheet",
            Self::Image => "image",
            Self::Font => "font",
        }
    }
}

/// Who asked for a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Initiator {
    /// An element of the page, by its name, id and classes.
    Element(String),
    /// A style sheet, by its URL: an `@import` or a font in it.
    StyleSheet(String),
    /// The style of the page, once it was known: a background, say.
    Style,
}

impl fmt::Display for Initiator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Element(label) => write!(formatter, "<{label}>"),
            Self::StyleSheet(url) => formatter.write_str(url),
            Self::Style => formatter.write_str("style"),
        }
    }
}

/// A resource that the engine asked for and waits for.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) url: Url,
    pub(crate) initiator: Initiator,
}
