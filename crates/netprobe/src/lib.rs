//! *What happens when you type `www.google.com` and press Enter?*
//!
//! A name becomes an address, an address a connection, a connection a secret, and the secret carries a request: each step is a
//! module here, usable on its own.

mod error;

pub use error::Error;
