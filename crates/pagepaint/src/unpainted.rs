//! A page that was not painted, and everything on the way to where it ended.

use netprobe::Span;
use serde::Serialize;

use crate::{Error, Resource, Stage, StageName};

/// A page that was not painted: why, and what there was until then.
#[derive(Debug, Clone, PartialEq, Serialize, thiserror::Error)]
#[error("{error}")]
pub struct Unpainted {
    /// Why there is no picture.
    pub error: Error,
    /// The stage in which it ended.
    pub stage: StageName,
    /// From that stage's beginning to the end.
    pub span: Span,
    /// Bytes of the page, without what it asked for.
    pub bytes: u64,
    /// The stages until then.
    pub stages: Vec<Stage>,
    /// What had been fetched until then.
    pub resources: Vec<Resource>,
}

impl From<Box<Unpainted>> for Error {
    fn from(unpainted: Box<Unpainted>) -> Self {
        unpainted.error
    }
}
