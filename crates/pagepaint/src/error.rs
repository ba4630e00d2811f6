//! Why there is no picture.

use serde::{Deserialize, Serialize};

use crate::StageName;

/// Why there is no picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The page is more than is taken. `limit` is the field of [`crate::Limits`].
    #[error("{limit}: the page has {found}, at most {max} is allowed")]
    Limit {
        /// The name of the limit.
        limit: String,
        /// What was found when counting stopped: the page may have more.
        found: u64,
        /// What is allowed.
        max: u64,
    },
    /// There cannot be a picture of this size.
    #[error("a picture of {width} × {height} pixels: a side has 1 to {side_max}, and all of it at most {pixels_max}")]
    Size {
        /// Pixels, left to right.
        width: u64,
        /// Pixels, top to bottom.
        height: u64,
        /// The most that a side may have.
        side_max: u32,
        /// The most that the picture may have.
        pixels_max: u64,
    },
    /// The scale is not a positive number that makes sense.
    #[error("a scale of {scale}: it is more than 0 and at most {max}")]
    Scale {
        /// What was asked for.
        scale: String,
        /// The most that is taken.
        max: u32,
    },
    /// It took too long. If a computation hangs, its thread is left behind: nothing can stop it.
    #[error("not done after {max_ms} ms: {stage} went on")]
    Time {
        /// The stage that was going on.
        stage: StageName,
        /// [`crate::Limits::time_max_ms`].
        max_ms: u64,
    },
    /// The engine panicked over this page: a bug of it, or of ours, that costs the picture and nothing else.
    #[error("{stage} broke down: {message}")]
    Engine {
        /// The stage that was going on.
        stage: StageName,
        /// What the panic said.
        message: String,
    },
    /// The page's address is not a URL.
    #[error("{url:?} is not a URL: {reason}")]
    Url {
        /// What was given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no page: it could not be fetched.
    #[error("no page from {url}: {reason}")]
    Page {
        /// Where it was asked for.
        url: String,
        /// Why it did not come.
        reason: String,
    },
    /// What came is not HTML.
    #[error("{url} is {content_type:?}, and only HTML is painted")]
    NotHtml {
        /// Where it is from.
        url: String,
        /// What the server says that it is.
        content_type: String,
    },
    /// The machine gives no thread.
    #[error("no thread with a stack of {stack_bytes} bytes: {reason}")]
    Thread {
        /// [`crate::Limits::stack_bytes`].
        stack_bytes: usize,
        /// What the system said.
        reason: String,
    },
}

impl Error {
    pub(crate) fn limit(limit: &str, found: usize, max: usize) -> Self {
        Self::Limit { limit: limit.to_owned(), found: found as u64, max: max as u64 }
    }
}
