//! TCP: from addresses to a connection.

mod error;

pub use error::TcpError;
