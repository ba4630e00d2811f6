//! Everything that can go wrong, step by step. Errors are values: a report keeps them, and JSON carries them.

use std::io;

use serde::{Deserialize, Serialize};

use crate::Phase;
use crate::dns::DnsError;
use crate::http::HttpError;
use crate::keypress::KeyPressError;
use crate::lab::LabError;
use crate::proxy::ProxyError;
use crate::tcp::TcpError;
use crate::tls::TlsError;
use crate::url::UrlError;

/// Why a step failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Error {
    /// The text is not a URL that can be visited.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// The name has no address, or nobody who knows it could be reached.
    #[error(transparent)]
    Dns(#[from] DnsError),
    /// No connection.
    #[error(transparent)]
    Tcp(#[from] TcpError),
    /// A connection, but no secret, or one shared with nobody knows whom.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A secret, but no proper answer.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// Nobody pressed the key.
    #[error(transparent)]
    KeyPress(#[from] KeyPressError),
    /// No tunnel through a proxy.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// A step took longer than the time that it was given.
    #[error("{} took longer than its limit of {limit_ms} ms", phase.name())]
    Timeout {
        /// The step.
        phase: Phase,
        /// What it was given.
        limit_ms: u64,
    },
    /// The lab could not start.
    #[error(transparent)]
    Lab(#[from] LabError),
}

impl Error {
    /// The error and what caused it, in one line.
    #[must_use]
    pub fn with_causes(&self) -> String {
        let causes = std::iter::successors(Some(self as &dyn std::error::Error), |error| error.source());
        causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
    }
}

/// What the operating system said, as a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct IoFailure {
    /// The name of its [`io::ErrorKind`].
    pub kind: String,
    /// The system's number for it, if it came from the system.
    pub os_code: Option<i32>,
    /// The system's words.
    pub message: String,
}

impl From<&io::Error> for IoFailure {
    fn from(error: &io::Error) -> Self {
        Self { kind: format!("{:?}", error.kind()), os_code: error.raw_os_error(), message: error.to_string() }
    }
}

impl From<io::Error> for IoFailure {
    fn from(error: io::Error) -> Self {
        Self::from(&error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_said_once() {
        let source = IoFailure::from(io::Error::from(io::ErrorKind::ConnectionReset));
        let error = Error::from(TlsError::Cut { host: "a.test".to_owned(), source });
        assert_eq!(error.with_causes(), "a.test: the connection was cut during the handshake: connection reset");
    }

    #[test]
    fn an_error_survives_json() {
        let error = Error::Timeout { phase: Phase::Tls, limit_ms: 5 };
        assert_eq!(error.to_string(), "TLS took longer than its limit of 5 ms");
        let json = serde_json::to_string(&error).expect("JSON");
        assert_eq!(json, r#"{"timeout":{"phase":"tls","limit_ms":5}}"#);
        assert_eq!(serde_json::from_str::<Error>(&json).expect("an error"), error);
    }
}
