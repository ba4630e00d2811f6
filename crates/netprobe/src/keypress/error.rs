//! Why no key press came.

use serde::{Deserialize, Serialize};

use crate::IoFailure;

/// Why there is no key press to report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum KeyPressError {
    /// What was given to wait on is a file or a pipe.
    #[error("waiting for a key needs a terminal, and the input is none")]
    NoTerminal,
    /// The terminal's mode could not be read or changed.
    #[error("cannot {doing} the terminal's mode")]
    Mode {
        /// Read, change, or restore.
        doing: String,
        /// What the system said.
        source: IoFailure,
    },
    /// Reading from the terminal failed.
    #[error("cannot read from the terminal")]
    Read {
        /// What the system said.
        source: IoFailure,
    },
    /// The terminal's other end is closed.
    #[error("the terminal hung up before Enter was pressed")]
    HungUp,
    /// Ctrl-D: the end of the input.
    #[error("the input ended (Ctrl-D) before Enter was pressed")]
    Ended,
    /// Ctrl-C or Ctrl-\.
    #[error("interrupted ({key}) before Enter was pressed")]
    Interrupted {
        /// Which of the two.
        key: String,
    },
    /// The caller no longer wants to wait.
    #[error("the wait was cancelled before Enter was pressed")]
    Cancelled,
    /// Nobody pressed it.
    #[error("Enter was not pressed within {limit_ms} ms")]
    Timeout {
        /// How long was waited.
        limit_ms: u64,
    },
}
