//! HTTP: from a secret to an answer.
//!
//! One request, one answer, over a stream that somebody else has opened, and another over the same ([`Channel`]). hyper speaks HTTP/1.1 and HTTP/2; it is driven by hand,
//! so that each phase has its own time: the request is sent, the head of the answer comes, the rest follows.

mod channel;
mod cookies;
mod decode;
mod driver;
mod error;
mod exchange;
mod headers;
mod policy;
mod redirect;
mod tap;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::{Error, Phase, Span, Step};

pub use channel::Channel;
pub use cookies::{Cookie, Jar};
pub use decode::decode;
pub(crate) use driver::Driver;
pub use error::HttpError;
pub use exchange::exchange;
pub use headers::Header;
pub(crate) use policy::HstsHosts;
pub use policy::{AltService, Hsts};
pub use redirect::{Redirect, Trail, target};

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
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes_max: 64 * 1024,
            headers_max: 256,
            body_bytes_max: 16 * 1024 * 1024,
            decoded_bytes_max: 64 * 1024 * 1024,
        }
    }
}

/// How requests are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpOptions {
    /// The `user-agent` header.
    pub user_agent: String,
    /// Further headers of every request. `authorization`, `cookie`, `proxy-authorization` and `host` are for the first URL's origin
    /// alone: a redirect to another does not take them along.
    pub headers: Vec<(String, String)>,
    /// How much of an answer is taken.
    pub limits: Limits,
    /// How long the request may take to be written, and then the head of the answer to come.
    pub wait_timeout_ms: u64,
    /// How long the body may take.
    pub transfer_timeout_ms: u64,
    /// Keep cookies and other secrets readable in reports.
    pub reveal_secrets: bool,
}

/// Headers that are meant for the origin that was asked for, and for nobody to whom its answers redirect.
const FOR_ONE_ORIGIN: [&str; 4] = ["authorization", "cookie", "proxy-authorization", "host"];

impl HttpOptions {
    /// The same without what was meant for another origin.
    pub(crate) fn for_another_origin(&self) -> Self {
        let mut options = self.clone();
        options.headers.retain(|(name, _)| !FOR_ONE_ORIGIN.contains(&name.to_ascii_lowercase().as_str()));
        options
    }
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            user_agent: concat!("netprobe/", env!("CARGO_PKG_VERSION")).to_owned(),
            headers: Vec::new(),
            limits: Limits::default(),
            wait_timeout_ms: 30_000,
            transfer_timeout_ms: 60_000,
            reveal_secrets: false,
        }
    }
}

/// The protocol that a request is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Protocol {
    /// Text, one request at a time.
    #[serde(rename = "HTTP/1.1")]
    Http1,
    /// Binary frames, many streams.
    #[serde(rename = "HTTP/2")]
    Http2,
}

impl Protocol {
    /// Its name as it stands in a request line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Http1 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
        }
    }
}

/// One request and its answer, as far as it came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exchange {
    /// HTTP/1.1 or HTTP/2.
    pub protocol: Protocol,
    /// `GET`.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// What was sent, secrets redacted unless asked for.
    pub request_headers: Vec<Header>,
    /// The answer's status.
    pub status: Option<u16>,
    /// What came, secrets redacted unless asked for.
    pub response_headers: Vec<Header>,
    /// From the start to the last byte of the request.
    pub send: Option<Span>,
    /// From there to the head of the answer.
    pub wait: Option<Span>,
    /// From there to the end of the body.
    pub transfer: Option<Span>,
    /// Decompressing the body.
    pub decode: Option<Span>,
    /// When the first byte of the answer came, in nanoseconds since the run's start. Over HTTP/2, where other frames come
    /// before it, the end of its head.
    pub first_byte_ns: Option<u64>,
    /// Bytes inside TLS that came: head, body and framing.
    pub received_bytes: u64,
    /// Bytes of the body, as it came.
    pub body_bytes: u64,
    /// How the body was compressed.
    pub content_encoding: Option<String>,
    /// Bytes of the body, decompressed, if it was compressed and that was undone.
    pub decoded_bytes: Option<u64>,
    /// What the server wants remembered about TLS; only what comes over TLS counts.
    pub hsts: Option<Hsts>,
    /// Where else the server can be reached.
    pub alt_svc: Vec<AltService>,
    /// The cookies that the answer sets.
    pub cookies: Vec<Cookie>,
    /// The body, decompressed. Not part of the report's JSON.
    #[serde(skip)]
    pub body: Vec<u8>,
    /// The answer's headers with their secrets: for the next hop, never for a report.
    #[serde(skip)]
    pub(crate) raw_headers: ::http::HeaderMap,
}

impl Exchange {
    fn begin(protocol: Protocol, url: &Url) -> Self {
        Self {
            protocol,
            method: "GET".to_owned(),
            target: path_and_query(url),
            request_headers: Vec::new(),
            status: None,
            response_headers: Vec::new(),
            send: None,
            wait: None,
            transfer: None,
            decode: None,
            first_byte_ns: None,
            received_bytes: 0,
            body_bytes: 0,
            content_encoding: None,
            decoded_bytes: None,
            hsts: None,
            alt_svc: Vec::new(),
            cookies: Vec::new(),
            body: Vec::new(),
            raw_headers: ::http::HeaderMap::new(),
        }
    }

    /// A header of the answer, by its lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.response_headers.iter().find(|header| header.name == name).map(|header| header.value.as_str())
    }

    /// The phases as steps; the error belongs to the last.
    #[must_use]
    pub fn steps(&self, error: Option<&Error>) -> Vec<Step> {
        let status = self.status.map(|status| status.to_string()).unwrap_or_default();
        let spans = [
            (Phase::Send, self.send, format!("{} {}", self.method, self.target)),
            (Phase::Wait, self.wait, status),
            (Phase::Transfer, self.transfer, format!("{} bytes", self.body_bytes)),
            (Phase::Decode, self.decode, self.content_encoding.clone().unwrap_or_default()),
        ];
        let step = |(phase, span, label): (Phase, Option<Span>, String)| Some(Step::new(phase, label, span?, None));
        let mut steps: Vec<Step> = spans.into_iter().filter_map(step).collect();
        if let Some(last) = steps.last_mut() {
            last.error = error.cloned();
        }
        steps
    }
}

fn path_and_query(url: &Url) -> String {
    match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    }
}
