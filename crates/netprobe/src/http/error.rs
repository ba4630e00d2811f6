use serde::{Deserialize, Serialize};

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
    /// The connection was cut.
    #[error("the connection was cut after {bytes} bytes of the body")]
    Cut {
        /// How much of the body came.
        bytes: u64,
        /// What the system said.
        source: IoFailure,
    },
    /// The stream or the connection was ended by HTTP/2's own means, by the server or because it broke the rules.
    #[error("the HTTP/2 stream ended early: {reason}")]
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
    pub(crate) fn without_secrets(self) -> Self {
        match self {
            Self::Location { status, location, reason } => {
                Self::Location { status, location: crate::url::redacted_text(&location), reason }
            }
            other => other,
        }
    }
}

fn expected(bytes: Option<u64>) -> String {
    bytes.map(|bytes| format!(" of the {bytes} announced")).unwrap_or_default()
}

/// The limits that an error names.
pub(super) struct Context {
    pub(super) head_bytes_max: usize,
    pub(super) headers_max: usize,
    pub(super) received_bytes: u64,
    pub(super) body_bytes: u64,
    pub(super) body_bytes_expected: Option<u64>,
}

/// hyper's error in our words.
pub(super) fn explain(error: &hyper::Error, context: &Context) -> HttpError {
    if error.is_parse_too_large() {
        return HttpError::HeadTooLarge { bytes_max: context.head_bytes_max, headers_max: context.headers_max };
    }
    if error.is_parse() {
        return HttpError::NotHttp { reason: with_causes(error) };
    }
    if let Some(stream) = cause::<h2::Error>(error).filter(|error| error.is_library()) {
        return explain_rejected(stream, context);
    }
    let bytes = context.body_bytes;
    if let Some(io) = cause::<std::io::Error>(error) {
        if io.kind() == std::io::ErrorKind::UnexpectedEof {
            return HttpError::Incomplete { bytes, bytes_expected: context.body_bytes_expected };
        }
        return HttpError::Cut { bytes, source: io.into() };
    }
    if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
        return HttpError::Incomplete { bytes, bytes_expected: context.body_bytes_expected };
    }
    HttpError::Stream { reason: with_causes(error) }
}

/// Our own side refused what came over HTTP/2. The library has one code for a head that is too long and for one that breaks the
/// rules. A byte of a header takes at least five bits on the wire, unless it refers to an earlier one.
fn explain_rejected(error: &h2::Error, context: &Context) -> HttpError {
    let is_protocol = error.reason() == Some(h2::Reason::PROTOCOL_ERROR);
    let shortest = context.head_bytes_max as u64 * 5 / 8;
    if is_protocol && context.body_bytes == 0 && context.received_bytes >= shortest {
        return HttpError::HeadTooLarge { bytes_max: context.head_bytes_max, headers_max: context.headers_max };
    }
    let or = format!("; if not that, then a head of more than {} bytes", context.head_bytes_max);
    HttpError::Stream { reason: format!("{error}{}", if is_protocol { &or } else { "" }) }
}

fn cause<'a, E: std::error::Error + 'static>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a E> {
    let causes = std::iter::successors(error.source(), |error| error.source());
    causes.filter_map(|cause| cause.downcast_ref()).next()
}

fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
