//! HTTP: from a secret to an answer.

mod error;

pub use error::HttpError;
