//! HTTP: from a secret to an answer. (What it says: RFC 9110; how it is written: RFC 9112, 9113 and, for HTTP/3, 9114.)
//!
//! One request, one answer, over a stream that somebody else has opened, and another over the same ([`Channel`]). hyper speaks
//! HTTP/1.1, h2 HTTP/2; both are driven by hand, so that each phase has its own time: the request is sent, and its body; answers may
//! come before the answer ([`Informational`]); its head comes, the rest follows.

mod answer;
mod channel;
mod cookies;
mod decode;
mod driver;
mod error;
mod exchange;
mod headers;
#[cfg(feature = "h3")]
mod http3;
mod informational;
mod late;
mod moments;
mod options;
mod patience;
mod policy;
mod redaction;
mod redirect;
mod spans;
mod tap;
mod upload;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::{Error, Phase, Span, Step};

pub use channel::Channel;
pub(crate) use channel::Forwarder;
pub use cookies::{Cookie, Jar};
pub use decode::decode;
pub(crate) use driver::Driver;
pub use error::HttpError;
pub use exchange::exchange;
#[cfg(feature = "h3")]
pub(crate) use http3::exchange as exchange_http3;
pub use informational::Informational;
pub(crate) use late::{Binder, late};
pub use options::{HttpOptions, Limits};
pub(crate) use policy::HstsHosts;
pub use policy::{AltService, Hsts};
pub use redaction::Header;
use redaction::RawHeaders;
pub use redirect::{Redirect, Trail, becomes_get, target};

/// The protocol that a request is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Protocol {
    /// Text, one request at a time.
    #[serde(rename = "HTTP/1.1")]
    Http1,
    /// Binary frames, many streams.
    #[serde(rename = "HTTP/2")]
    Http2,
    /// The same over QUIC, which is no stream: a [`Channel`] does not carry it.
    #[serde(rename = "HTTP/3")]
    Http3,
}

impl Protocol {
    /// Its name as it stands in a request line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Http1 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
            Self::Http3 => "HTTP/3",
        }
    }
}

/// One request and its answer, as far as it came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exchange {
    /// HTTP/1.1, HTTP/2 or HTTP/3.
    pub protocol: Protocol,
    /// `GET`, or another.
    pub method: String,
    /// Path and query; the whole URL, if a proxy is to pass the request on.
    pub target: String,
    /// What was sent, secrets redacted unless asked for.
    pub request_headers: Vec<Header>,
    /// Bytes of the request's body that were handed to the connection; none if there is no body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload_bytes: Option<u64>,
    /// What came before the answer: 100, 103 and the like.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub informational: Vec<Informational>,
    /// The answer's status.
    pub status: Option<u16>,
    /// What came, secrets redacted unless asked for.
    pub response_headers: Vec<Header>,
    /// From the start to the last byte of the request's head.
    pub send: Option<Span>,
    /// From there to the last byte of its body, if it has one; of no length, if both were written at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload: Option<Span>,
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
    pub(crate) raw_headers: RawHeaders,
}

impl Exchange {
    fn begin(protocol: Protocol, url: &Url, options: &HttpOptions) -> Self {
        Self {
            protocol,
            method: options.method().to_owned(),
            target: path_and_query(url),
            request_headers: Vec::new(),
            upload_bytes: options.body.as_ref().map(|body| body.len() as u64),
            informational: Vec::new(),
            status: None,
            response_headers: Vec::new(),
            send: None,
            upload: None,
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
            raw_headers: RawHeaders::default(),
        }
    }

    /// Time before this moment was spent on something else, while the request was on its way already.
    pub(crate) fn waits_from(&mut self, ns: u64) {
        for span in [&mut self.wait, &mut self.transfer].into_iter().flatten() {
            if span.start_ns < ns {
                let duration_ns = span.end_ns().saturating_sub(ns);
                *span = Span::new(ns, duration_ns, span.cpu_ns.min(duration_ns));
            }
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
            (Phase::Upload, self.upload, format!("{} bytes", self.upload_bytes.unwrap_or_default())),
            (Phase::Wait, self.wait, status),
            (Phase::Transfer, self.transfer, format!("{} bytes", self.body_bytes)),
            (Phase::Decode, self.decode, self.content_encoding.clone().unwrap_or_default()),
        ];
        let step = |(phase, span, label): (Phase, Option<Span>, String)| Some(Step::new(phase, label, span?, None));
        let mut steps: Vec<Step> = spans.into_iter().filter_map(step).collect();
        spans::add_informational(&mut steps, self);
        if let Some(last) = steps.last_mut() {
            last.error = error.cloned();
        }
        steps
    }
}

pub(crate) fn path_and_query(url: &Url) -> String {
    match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    }
}
