use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::IoFailure;

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TcpError {
    /// Every address refused, or could not be reached.
    #[error("none of {} addresses of {host} answered; the last was {address}", attempts)]
    Connect {
        /// The host.
        host: String,
        /// How many were tried.
        attempts: usize,
        /// The last that was tried.
        address: SocketAddr,
        /// What the system said about the last.
        source: IoFailure,
    },
    /// There was nothing to try.
    #[error("{host} has no address to connect to")]
    NoAddress {
        /// The host.
        host: String,
    },
}
