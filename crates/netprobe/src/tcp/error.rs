use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::{AddressSpace, IoFailure};

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TcpError {
    /// No address could be connected to.
    #[error("{host}: none of {attempts} attempts connected; the last, to {address}")]
    Connect {
        /// The host.
        host: String,
        /// How many attempts were made.
        attempts: usize,
        /// Whom the last one was made to.
        address: SocketAddr,
        /// What the system said about it.
        source: IoFailure,
    },
    /// All there was to try is more private than the server of the page that asks.
    #[error("{host} is at {address}, which is {space}: a page from a {from} address may not ask for it")]
    MorePrivate {
        /// The host.
        host: String,
        /// Its first address.
        address: IpAddr,
        /// The space of that.
        space: AddressSpace,
        /// The space of the page's server.
        from: AddressSpace,
    },
    /// There was nothing to try.
    #[error("{host} has no address to connect to")]
    NoAddress {
        /// The host.
        host: String,
    },
}
