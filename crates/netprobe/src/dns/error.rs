use serde::{Deserialize, Serialize};

/// Why a name has no address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DnsError {
    /// The name's addresses are all of the other family.
    #[error("{name} has no {family} address, only others: {addresses:?}")]
    NoAddressOfFamily {
        /// The name.
        name: String,
        /// The family asked for.
        family: String,
        /// What there is.
        addresses: Vec<std::net::IpAddr>,
    },
    /// Nothing that was asked has an address for the name.
    #[error("nothing that was asked ({asked}) has an address for {name}")]
    Unknown {
        /// The name.
        name: String,
        /// Who was asked.
        asked: String,
    },
}
