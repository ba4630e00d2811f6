//! DNS: who knows the address of a name, and how one finds them.

mod error;

pub use error::DnsError;
