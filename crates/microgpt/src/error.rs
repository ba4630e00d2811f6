//! What can go wrong, each with the culprit's name.

use std::path::PathBuf;

/// Why a model could not be built, trained or sampled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read.
    #[error("cannot read {path:?}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file is larger than any that is read, or does not end.
    #[error("it has more than {max} bytes")]
    TooManyBytes {
        /// As many are read.
        max: u64,
    },
    /// A file could not be written; what was there before is still there.
    #[error("cannot write {path:?}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file is not a model's.
    #[error("not a checkpoint of a model: {why}")]
    NotACheckpoint {
        /// What is wrong with it.
        why: String,
    },
    /// Something is wrong with what is in a file.
    #[error("{path:?}")]
    InFile {
        /// The file.
        path: PathBuf,
        /// What.
        #[source]
        source: Box<Error>,
    },
    /// The text is not UTF-8.
    #[error("it is not UTF-8: line {line} has an invalid byte at column {column}")]
    InvalidUtf8 {
        /// Counted from 1.
        line: usize,
        /// In bytes, counted from 1.
        column: usize,
    },
    /// There is no name in the text.
    #[error("there are no names: every line is empty")]
    NoNames,
    /// There is nothing to train on, or to measure a loss on.
    #[error("there are no documents, there must be at least one")]
    NoDocuments,
    /// There is no character in the text.
    #[error("there are no characters: the text is empty")]
    NoCharacters,
    /// All of the text is one character, which leaves nothing to learn.
    #[error("there is one distinct character, {character:?}: a model needs at least two")]
    OneCharacter {
        /// The character.
        character: char,
    },
    /// A name does not fit into the model's context.
    #[error("the name {} has {length} characters, more than the block size of {block_size}", quoted(name))]
    NameTooLong {
        /// The name.
        name: String,
        /// Its characters.
        length: usize,
        /// The most that fit.
        block_size: usize,
    },
    /// A name or prompt has a character that the model has no token for.
    #[error("{} has the character {character:?}, which the model does not know", quoted(text))]
    UnknownCharacter {
        /// The name or prompt.
        text: String,
        /// The character.
        character: char,
    },
    /// A prompt leaves no room for a name.
    #[error(
        "the prompt {} has {length} characters, with a block size of {block_size} it must have fewer",
        quoted(prompt)
    )]
    PromptTooLong {
        /// The prompt.
        prompt: String,
        /// Its characters.
        length: usize,
        /// The most that a name can have.
        block_size: usize,
    },
    /// A size that must be at least 1 is 0.
    #[error("{name} is 0, it must be at least 1")]
    Zero {
        /// The option.
        name: &'static str,
    },
    /// The embedding cannot be split among the heads.
    #[error("n_embd is {n_embd}, it must be a multiple of n_head, which is {n_head}")]
    HeadsDoNotDivide {
        /// Numbers in an embedding.
        n_embd: usize,
        /// Attention heads.
        n_head: usize,
    },
    /// A number is out of range.
    #[error("{name} is {value}, it must be {expected}")]
    OutOfRange {
        /// The option.
        name: &'static str,
        /// What it was.
        value: f64,
        /// What it may be.
        expected: &'static str,
    },
    /// A text is too short to learn from.
    #[error("the text has {tokens} tokens, there must be a first and a next one")]
    TextTooShort {
        /// What it has.
        tokens: usize,
    },
    /// Something has another shape than the model.
    #[error("{name} has the shape {found:?}, the model needs {expected:?}")]
    Shape {
        /// The tensor.
        name: String,
        /// The model's.
        expected: Vec<usize>,
        /// What was found.
        found: Vec<usize>,
    },
    /// The model would have too many parameters.
    #[error("the model would have {} parameters, at most {max} are allowed", counted(*parameters))]
    TooManyParameters {
        /// As many as the sizes ask for; `u128::MAX` stands for all that are beyond counting.
        parameters: u128,
        /// [`PARAMETERS_MAX`](crate::PARAMETERS_MAX)
        max: usize,
    },
    /// The model would have too many transformer blocks.
    #[error("n_layer is {n_layer}, at most {max} is allowed")]
    TooManyLayers {
        /// As many as were asked for.
        n_layer: usize,
        /// [`LAYERS_MAX`](crate::LAYERS_MAX)
        max: usize,
    },
    /// One training step would need too large a graph.
    #[error(
        "one step would record up to {} nodes and links, at most {max} are allowed: use a smaller batch",
        counted(*nodes)
    )]
    GraphTooLarge {
        /// An upper bound; `u128::MAX` stands for all that are beyond counting.
        nodes: u128,
        /// [`GRAPH_NODES_MAX`](crate::scalar::GRAPH_NODES_MAX)
        max: usize,
    },
    /// One training step would need too much memory.
    #[error("one step would need {} bytes, at most {max} are allowed: use a smaller batch", counted(*bytes))]
    BatchTooLarge {
        /// An upper bound; `u128::MAX` stands for all that are beyond counting.
        bytes: u128,
        /// [`BATCH_BYTES_MAX`](crate::tensor::BATCH_BYTES_MAX)
        max: usize,
    },
    /// The keys and values of texts would need too much memory.
    #[error(
        "keys and values of {texts} texts would need {} bytes, at most {max} are allowed: use a smaller block size, \
         or fewer texts at a time",
        counted(*bytes)
    )]
    CacheTooLarge {
        /// How many texts at a time.
        texts: usize,
        /// For the whole block of each; `u128::MAX` stands for all that are beyond counting.
        bytes: u128,
        /// [`CACHE_BYTES_MAX`](crate::tensor::CACHE_BYTES_MAX)
        max: usize,
    },
    /// The kernels that were asked for are not for models of these sizes.
    #[error(
        "the model has n_embd = {n_embd} and n_head = {n_head}, the fused path is for f32 models with n_embd = 16 and \
         n_head = 4"
    )]
    NotFused {
        /// Numbers in an embedding.
        n_embd: usize,
        /// Attention heads.
        n_head: usize,
    },
    /// The system does not give as many threads as were asked for.
    #[error("cannot start {count} threads")]
    Threads {
        /// How many.
        count: usize,
        /// Why.
        #[source]
        source: Box<rayon::ThreadPoolBuildError>,
    },
    /// A product of matrices was refused.
    #[error(transparent)]
    Linalg(Box<linalg::Error>),
    /// Attention was refused.
    #[error(transparent)]
    Attention(Box<gpukern::Error>),
    /// The GPU did not do what it was asked to, or there is none.
    #[cfg(feature = "cuda")]
    #[error(transparent)]
    Gpu(Box<gpu_device::Error>),
    /// Training has left the numbers: a loss, a gradient or a weight is no longer finite.
    #[error("training diverged in step {step}, whose loss is {loss}: a smaller learning rate may help")]
    Diverged {
        /// Counted from 1.
        step: usize,
        /// The loss before the step; it can be a number where what follows from it is not.
        loss: f64,
    },
    /// The model's probabilities are not numbers.
    #[error("the model cannot be sampled: its probabilities add up to {total}")]
    NotProbabilities {
        /// NaN, infinite or 0.
        total: f64,
    },
}

/// Whether a setting is one that is allowed.
pub(crate) fn range(name: &'static str, value: f64, allowed: bool, expected: &'static str) -> Result<(), Error> {
    if allowed { Ok(()) } else { Err(Error::OutOfRange { name, value, expected }) }
}

impl From<linalg::Error> for Error {
    fn from(error: linalg::Error) -> Self {
        Error::Linalg(Box::new(error))
    }
}

impl From<gpukern::Error> for Error {
    fn from(error: gpukern::Error) -> Self {
        Error::Attention(Box::new(error))
    }
}

#[cfg(feature = "cuda")]
impl From<gpu_device::Error> for Error {
    fn from(error: gpu_device::Error) -> Self {
        Error::Gpu(Box::new(error))
    }
}

/// A text in quotes, on one line, not too long for it.
fn quoted(text: &str) -> String {
    const SHOWN_MAX: usize = 40;
    let shown: String = text.chars().take(SHOWN_MAX).collect();
    if shown.len() == text.len() { format!("{text:?}") } else { format!("{shown:?}…") }
}

fn counted(count: u128) -> String {
    if count == u128::MAX { "uncountably many".to_owned() } else { count.to_string() }
}
