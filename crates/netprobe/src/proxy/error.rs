//! Why a proxy is of no help.

use serde::{Deserialize, Serialize};

use crate::IoFailure;

/// Why there is no tunnel through a proxy. No message has the credentials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ProxyError {
    /// The text names no proxy.
    #[error("{text:?} is no proxy: {reason}")]
    Syntax {
        /// The text, without credentials.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The connection to the proxy ended or failed before its answer was whole.
    #[error("{proxy} hung up before it had answered")]
    HungUp {
        /// The proxy.
        proxy: String,
        /// What the system said; nothing, if the proxy closed the connection in order.
        source: Option<IoFailure>,
    },
    /// Its answer is shorter than it says.
    #[error("{proxy} answers with {bytes} bytes, and its answer should have {bytes_expected}")]
    ShortReply {
        /// The proxy.
        proxy: String,
        /// How many came.
        bytes: usize,
        /// How many it announced, as far as they have been read.
        bytes_expected: usize,
    },
    /// It speaks another protocol, or its answer breaks the rules.
    #[error("{proxy} does not answer as a proxy does: {reason}")]
    Malformed {
        /// The proxy.
        proxy: String,
        /// Which rule, and what came.
        reason: String,
    },
    /// Its answer has a longer head than is read.
    #[error("{proxy} answers with a head of more than {bytes_max} bytes")]
    HeadTooLong {
        /// The proxy.
        proxy: String,
        /// What is read at most.
        bytes_max: usize,
    },
    /// It wants to know who asks.
    #[error("{proxy} wants credentials, and {}", if *given { "does not accept those that were given" } else { "none were given" })]
    Credentials {
        /// The proxy.
        proxy: String,
        /// Whether there were any.
        given: bool,
    },
    /// It understood, and does not connect.
    #[error("{proxy} does not connect to {target}: {answer}")]
    Refused {
        /// The proxy.
        proxy: String,
        /// The host and the port.
        target: String,
        /// Its words.
        answer: String,
    },
    /// A name that the protocol has no room for.
    #[error("the name has {bytes} bytes, SOCKS has room for {bytes_max}")]
    NameTooLong {
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        bytes_max: usize,
    },
}
