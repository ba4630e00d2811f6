//! Where style sheets, images and fonts come from.

mod budget;
mod data;
mod network;
mod offline;
mod resource;

use netprobe::Report;
use url::Url;

pub(crate) use budget::Budget;
pub(crate) use data::fetch_data;
pub use network::Network;
pub use offline::Offline;
pub(crate) use resource::Wanted;
pub use resource::{Initiator, Resource, ResourceKind};

/// Something that fetches what a page asks for: [`Network`] through a probe, [`Offline`] from memory, or yours.
///
/// `data:` URLs never come here. What comes is the page's wish and nothing that was checked: whoever implements this decides which
/// schemes and hosts may be asked.
pub trait Fetch {
    /// Fetches one URL, redirects followed. What does not come is [`Fetched::error`].
    fn fetch(&self, url: &Url) -> impl Future<Output = Fetched>;
}

/// What came.
#[derive(Debug, Clone, Default)]
pub struct Fetched {
    /// Where it came from in the end, if that is elsewhere.
    pub url: Option<String>,
    /// The status of the last answer, where there are statuses.
    pub status: Option<u16>,
    /// What the server says that it is.
    pub content_type: Option<String>,
    /// The URLs on the way that sent us elsewhere.
    pub redirects: Vec<String>,
    /// The bytes, decompressed.
    pub body: Vec<u8>,
    /// Why there are none, or none that count.
    pub error: Option<String>,
    /// How the network went about it.
    pub report: Option<Report>,
}

impl Fetched {
    /// Nothing, and why.
    #[must_use]
    pub fn failed(reason: impl Into<String>) -> Self {
        Self { error: Some(reason.into()), ..Self::default() }
    }
}
