//! What can go wrong, each with the culprit's name.

use std::path::PathBuf;

/// Why a model could not be built, trained or sampled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The text is not UTF-8.
    #[error("the names are not UTF-8: line {line} has an invalid byte at column {column}")]
    InvalidUtf8 {
        /// Counted from 1.
        line: usize,
        /// In bytes, counted from 1.
        column: usize,
    },
    /// There is no name in the text.
    #[error("there are no names: every line is empty")]
    NoNames,
    /// All names are made of one character, which leaves nothing to learn.
    #[error("the names have one distinct character, {character:?}; a model needs at least two")]
    OneCharacter {
        /// The character.
        character: char,
    },
    /// A name does not fit into the model's context.
    #[error("the name {name:?} has {length} characters, more than the block size of {block_size}")]
    NameTooLong {
        /// The name.
        name: String,
        /// Its characters.
        length: usize,
        /// The most that fit.
        block_size: usize,
    },
    /// A name or prompt has a character that the model has no token for.
    #[error("{text:?} has the character {character:?}, which the model does not know")]
    UnknownCharacter {
        /// The name or prompt.
        text: String,
        /// The character.
        character: char,
    },
    /// A prompt leaves no room for a name.
    #[error("the prompt {prompt:?} has {length} characters; with a block size of {block_size} it must have fewer")]
    PromptTooLong {
        /// The prompt.
        prompt: String,
        /// Its characters.
        length: usize,
        /// The most that a name can have.
        block_size: usize,
    },
    /// A size that must be at least 1 is 0.
    #[error("{name} is 0; it must be at least 1")]
    Zero {
        /// The option.
        name: &'static str,
    },
    /// The embedding cannot be split among the heads.
    #[error("n_embd = {n_embd} is not divisible by n_head = {n_head}")]
    HeadsDoNotDivide {
        /// Numbers in an embedding.
        n_embd: usize,
        /// Attention heads.
        n_head: usize,
    },
    /// A number is out of range.
    #[error("{name} = {value} is not {expected}")]
    OutOfRange {
        /// The option.
        name: &'static str,
        /// What it was.
        value: f64,
        /// What it may be.
        expected: &'static str,
    },
    /// The model would have too many parameters.
    #[error("the model would have {parameters} parameters; at most {limit} are supported")]
    TooManyParameters {
        /// As many as the sizes ask for; `usize::MAX` if they are beyond counting.
        parameters: usize,
        /// [`MAX_PARAMETERS`](crate::MAX_PARAMETERS)
        limit: usize,
    },
    /// One training step would need too large a graph.
    #[error("one step would record up to {nodes} nodes and links; at most {limit} are supported: use a smaller batch")]
    GraphTooLarge {
        /// An upper bound; `usize::MAX` if it is beyond counting.
        nodes: usize,
        /// [`scalar_autograd::MAX_NODES`]
        limit: usize,
    },
    /// Training has left the numbers.
    #[error("training diverged: the loss of step {step} is {loss}; a smaller learning rate may help")]
    Diverged {
        /// Counted from 1.
        step: usize,
        /// NaN or infinite.
        loss: f64,
    },
    /// The model's probabilities are not numbers.
    #[error("the model cannot be sampled: its probabilities add up to {total}")]
    NotProbabilities {
        /// NaN, infinite or 0.
        total: f64,
    },
}
