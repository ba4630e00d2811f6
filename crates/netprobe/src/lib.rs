//! *What happens when you type `www.google.com` and press Enter?*
//!
//! A name becomes an address, an address a connection, a connection a secret, and the secret carries a request: each step is a
//! module here, usable on its own.

pub mod dns;
mod error;
pub mod http;
pub mod lab;
pub mod names;
pub mod tcp;
mod timeline;
pub mod tls;
pub mod url;

pub use error::{Error, IoFailure};
pub use lab::{Fault, Lab};
pub use timeline::{Clock, Phase, Span, Step};
