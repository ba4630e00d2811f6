use serde::{Deserialize, Serialize};

/// Why there is no proper answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum HttpError {
    /// More redirects than were allowed.
    #[error("more than {max} redirects")]
    TooManyRedirects {
        /// What was allowed.
        max: usize,
    },
}
