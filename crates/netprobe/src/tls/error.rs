use serde::{Deserialize, Serialize};

/// Why there is no secret, or one with nobody knows whom.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TlsError {
    /// The host is not a name that a certificate can have.
    #[error("{host} is not a name that a certificate can have")]
    ServerName {
        /// The host.
        host: String,
    },
}
