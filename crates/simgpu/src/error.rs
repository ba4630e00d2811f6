//! What can go wrong before a kernel runs. What goes wrong while it runs is a [`Finding`](crate::Finding).

/// An error of this crate.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is not PTX.
    #[error("line {line}: {message}")]
    Syntax {
        /// The line of the PTX text, from 1.
        line: u32,
        /// What was expected and what stands there.
        message: String,
    },
    /// An instruction, a modifier or a directive that this GPU does not know, though it is PTX.
    #[error("line {line}: `{what}` is not supported")]
    Unsupported {
        /// The line of the PTX text, from 1.
        line: u32,
        /// As written.
        what: String,
    },
    /// More than a limit of [`limits`](crate::limits) allows.
    #[error("{what}: {value}, at most {max} is allowed")]
    Limit {
        /// What is limited.
        what: &'static str,
        /// What was asked for.
        value: u64,
        /// The most that is allowed.
        max: u64,
    },
    /// No function of that name.
    #[error("there is no kernel `{name}` in the module")]
    NoKernel {
        /// The name asked for.
        name: String,
    },
    /// A launch that the device cannot take.
    #[error("launch of `{kernel}`: {message}")]
    Launch {
        /// The kernel.
        kernel: String,
        /// What is wrong: both what was asked for and what is allowed.
        message: String,
    },
    /// Device memory: a size or an address that is not right.
    #[error("device memory: {message}")]
    Memory {
        /// What is wrong.
        message: String,
    },
}
