use serde::{Deserialize, Serialize};

use crate::IoFailure;

/// Why the lab did not start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LabError {
    /// A server's address could not be bound.
    #[error("the lab cannot listen on {address}")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// What the system said.
        source: IoFailure,
    },
    /// No thread, or no runtime on it.
    #[error("the lab cannot start its thread")]
    Thread {
        /// What the system said.
        source: IoFailure,
    },
    /// A certificate or a zone could not be signed.
    #[error("the lab cannot make {what}: {message}")]
    Sign {
        /// What was to be signed.
        what: String,
        /// The library's words.
        message: String,
    },
}
