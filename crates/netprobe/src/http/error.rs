use std::io::ErrorKind;

use serde::{Deserialize, Serialize};

use super::Limits;
use crate::IoFailure;

/// Why there is no proper answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum HttpError {
    /// A header that was to be sent cannot be.
    #[error("the header {name:?} cannot be sent: {reason}")]
    RequestHeader {
        /// Its name.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A method that cannot be used.
    #[error("the method {method:?} cannot be used: {reason}")]
    Method {
        /// The method.
        method: String,
        /// What is wrong with it.
        reason: String,
    },
    /// One informational answer (1xx) after the other, and never the answer.
    #[error("more than {responses_max} informational answers (1xx), and no other")]
    TooManyInformational {
        /// The limit.
        responses_max: usize,
    },
    /// What came back is not HTTP.
    #[error("the answer is not HTTP: {reason}")]
    NotHttp {
        /// What the parser said.
        reason: String,
    },
    /// The head of the answer is longer than was allowed.
    #[error("the head of the answer is longer than the limit of {bytes_max} bytes or {headers_max} headers")]
    HeadTooLarge {
        /// The limit in bytes.
        bytes_max: usize,
        /// The limit in headers.
        headers_max: usize,
    },
    /// The body of the answer is longer than was allowed.
    #[error("the body is longer than the limit of {bytes_max} bytes")]
    BodyTooLarge {
        /// The limit.
        bytes_max: usize,
    },
    /// The body decompresses to more than was allowed.
    #[error("the body of {bytes} bytes ({encoding}) decompresses to more than the limit of {bytes_max} bytes")]
    DecodedTooLarge {
        /// How it was compressed.
        encoding: String,
        /// How long it was on the wire.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// The body takes too long to decompress.
    #[error("the body of {bytes} bytes ({encoding}) takes longer to decompress than the limit of {limit_ms} ms")]
    DecodingTooSlow {
        /// How it was compressed.
        encoding: String,
        /// How long it was on the wire.
        bytes: usize,
        /// The limit.
        limit_ms: u64,
    },
    /// The body is not what its `content-encoding` says.
    #[error("the body is not the {encoding} that its head announces: {reason}")]
    Encoding {
        /// What the head says.
        encoding: String,
        /// What the decompressor said.
        reason: String,
    },
    /// The answer ended too early.
    #[error("the answer ended after {bytes} bytes of the body{}", expected(*bytes_expected))]
    Incomplete {
        /// How much of the body came.
        bytes: u64,
        /// How much was announced.
        bytes_expected: Option<u64>,
    },
    /// The body is not divided as HTTP/1.1 has it: a chunk without a size, chunks that never end.
    #[error("after {bytes} bytes, the body breaks the rules: {reason}")]
    Framing {
        /// How much of the body came.
        bytes: u64,
        /// Which rule.
        reason: String,
    },
    /// The connection was cut.
    #[error("the connection was cut after {bytes} bytes of the body")]
    Cut {
        /// How much of the body came.
        bytes: u64,
        /// What the system said.
        source: IoFailure,
    },
    /// The stream or the connection was ended by the own means of HTTP/2 or HTTP/3, by the server or because it broke the rules.
    #[error("the stream ended early: {reason}")]
    Stream {
        /// The code, or what the library said.
        reason: String,
    },
    /// More redirects than were allowed.
    #[error("more than {redirects_max} redirects")]
    TooManyRedirects {
        /// What was allowed.
        redirects_max: usize,
    },
    /// A redirect to where we have been, with nothing changed.
    #[error("the redirects go in a circle: {}", cycle.join(" → "))]
    RedirectLoop {
        /// The URLs, the first of which is the last.
        cycle: Vec<String>,
    },
    /// A redirect to nowhere.
    #[error("status {status} redirects to {location:?}, which cannot be visited: {reason}")]
    Location {
        /// The status.
        status: u16,
        /// The `location` header.
        location: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl HttpError {
    /// As a report has it: without secrets, and not longer than anybody reads.
    pub(crate) fn reported(self, reveal: bool) -> Self {
        match self {
            Self::Location { status, location, reason } => {
                let location = if reveal { location } else { crate::url::redacted_text(&location) };
                Self::Location { status, location: crate::url::shortened(&location), reason }
            }
            other => other,
        }
    }
}

fn expected(bytes: Option<u64>) -> String {
    bytes.map(|bytes| format!(" of the {bytes} announced")).unwrap_or_default()
}

/// What went wrong, in the words of those who speak the protocols.
#[derive(Debug)]
pub(super) enum Failure {
    Hyper(hyper::Error),
    H2(h2::Error),
    TooManyInformational,
    /// HTTP/3 over a stream.
    NoStream,
}

impl From<hyper::Error> for Failure {
    fn from(error: hyper::Error) -> Self {
        Self::Hyper(error)
    }
}

impl From<h2::Error> for Failure {
    fn from(error: h2::Error) -> Self {
        Self::H2(error)
    }
}

/// The limits that an error names.
pub(super) struct Context {
    pub(super) limits: Limits,
    pub(super) received_bytes: u64,
    /// The head of the answer has come.
    pub(super) has_head: bool,
    pub(super) body_bytes: u64,
    pub(super) body_bytes_expected: Option<u64>,
}

/// A failure in our words.
pub(super) fn explain(failure: &Failure, context: &Context) -> HttpError {
    match failure {
        Failure::Hyper(error) => explain_hyper(error, context),
        Failure::H2(error) => explain_h2(error, context),
        Failure::NoStream => HttpError::Stream { reason: "HTTP/3 goes over QUIC, not over a stream".to_owned() },
        Failure::TooManyInformational => {
            HttpError::TooManyInformational { responses_max: context.limits.informational_max }
        }
    }
}

/// `a:`, and the end of the line.
const HEADER_BYTES_MIN: usize = 4;

fn head_too_large(limits: Limits) -> HttpError {
    HttpError::HeadTooLarge { bytes_max: limits.head_bytes_max, headers_max: limits.headers_max }
}

fn explain_hyper(error: &hyper::Error, context: &Context) -> HttpError {
    if error.is_parse_too_large() {
        let shortest = context.limits.head_bytes_max.min(HEADER_BYTES_MIN * context.limits.headers_max);
        if context.received_bytes < shortest as u64 {
            // Then it is the length that it announces: nothing else is too large for the library.
            return HttpError::BodyTooLarge { bytes_max: context.limits.body_bytes_max };
        }
        return head_too_large(context.limits);
    }
    if error.is_parse() {
        return HttpError::NotHttp { reason: with_causes(error) };
    }
    let bytes = context.body_bytes;
    if let Some(io) = cause(error) {
        let is_complaint =
            io.raw_os_error().is_none() && matches!(io.kind(), ErrorKind::InvalidData | ErrorKind::InvalidInput);
        if is_complaint && io.get_ref().is_none_or(|inner| !inner.is::<rustls::Error>()) {
            return HttpError::Framing { bytes, reason: io.to_string() };
        }
        return explain_io(io, context);
    }
    if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
        return HttpError::Incomplete { bytes, bytes_expected: context.body_bytes_expected };
    }
    HttpError::Stream { reason: with_causes(error) }
}

fn explain_h2(error: &h2::Error, context: &Context) -> HttpError {
    if error.is_library() {
        return explain_rejected(error, context);
    }
    error.get_io().map_or_else(|| HttpError::Stream { reason: error.to_string() }, |io| explain_io(io, context))
}

fn explain_io(io: &std::io::Error, context: &Context) -> HttpError {
    let bytes = context.body_bytes;
    if io.kind() == ErrorKind::UnexpectedEof {
        return HttpError::Incomplete { bytes, bytes_expected: context.body_bytes_expected };
    }
    HttpError::Cut { bytes, source: io.into() }
}

/// Our own side refused what came over HTTP/2. The library has one code for a head that is too long and for one that breaks the
/// rules. A byte of a header takes at least five bits on the wire, unless it refers to an earlier one.
fn explain_rejected(error: &h2::Error, context: &Context) -> HttpError {
    if context.has_head {
        let expected = expected(context.body_bytes_expected);
        return HttpError::Stream {
            reason: format!("{error}, after {} bytes of the body{expected}", context.body_bytes),
        };
    }
    let is_protocol = error.reason() == Some(h2::Reason::PROTOCOL_ERROR);
    let shortest = context.limits.head_bytes_max as u64 * 5 / 8;
    if is_protocol && context.received_bytes >= shortest {
        return head_too_large(context.limits);
    }
    let or = format!("; if not that, then a head of more than {} bytes", context.limits.head_bytes_max);
    HttpError::Stream { reason: format!("{error}{}", if is_protocol { &or } else { "" }) }
}

fn cause<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a std::io::Error> {
    let causes = std::iter::successors(error.source(), |error| error.source());
    causes.filter_map(|cause| cause.downcast_ref()).next()
}

fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
