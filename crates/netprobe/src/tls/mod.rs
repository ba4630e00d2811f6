//! TLS: from a connection to a secret shared with somebody known.

mod error;

pub use error::TlsError;
