#![doc = include_str!("../README.md")]
// A README shows the picture as a file; here it is part of the page, which needs no other file then.
#![doc = concat!(
    "<div class=\"picture\"><style>.readme{display:none}.picture svg{max-width:100%;height:auto}</style>",
    include_str!("../docs/training.svg"),
    "</div>\n"
)]
//!
//! *Left: the loss of each of 500 steps of the scalar engine, and the mean of twenty. Right: what each head takes from earlier letters while the
//! model reads the first name that it then invented ([`Inspection`]); a dot begins a name. Drawn by the repository's example `microgpt`.*
//!
//! # How it works
//!
//! 1. **Tokens.** Every letter becomes a number, and one more number begins and ends each name: [`Tokenizer`].
//!    "emma" asks five questions: what comes first, what after "e", after "em", after "emm", and what after "emma"
//!    (the end).
//! 2. **Embeddings.** A letter is looked up in a table of vectors (`wte`, what it is) and so is its place (`wpe`, where
//!    it stands), and both are added. Both tables are learnt. Here, and before each of the next two parts, the vector
//!    is scaled to a root mean square of 1 ([`rms_norm`](scalar::rms_norm)).
//! 3. **Attention** (Vaswani et al., "Attention is all you need", 2017). Each position makes a query, and a key and a
//!    value that stay for later positions ([`scalar::Cache`]). A query's products with the keys so far, through a
//!    [`softmax`](scalar::softmax), say how much of each earlier value it takes. Several heads do so side by side. A
//!    position sees only what came before it, since nothing else is there.
//! 4. **Perceptron.** Two layers with a ReLU between them, on each position alone. Both this and attention add to what
//!    was there rather than replace it (residual connections: He et al. 2016). The scaling comes before each and not
//!    after, as in GPT-2 (Radford et al. 2019).
//! 5. **Logits.** A last layer gives every token a number; the softmax makes them probabilities.
//! 6. **Loss.** −ln of the probability of the letter that came next, averaged. A model that knows nothing scores
//!    ln(27) ≈ 3.30.
//! 7. **Backward.** The chain rule, from the loss back to each weight (crate [`scalar_autograd`]).
//! 8. **Step.** [`Adam`] moves each weight against its gradient, at a pace of its own.
//!
//! # Reading order
//!
//! 1. [`tokenizer.rs`](../src/microgpt/tokenizer.rs.html): letters to numbers.
//! 2. [`scalar/gpt.rs`](../src/microgpt/scalar/gpt.rs.html): the model, on one page; [`scalar/loss.rs`](../src/microgpt/scalar/loss.rs.html): how
//!    wrong it is.
//! 3. [`engine.rs`](../src/microgpt/engine.rs.html): the wall between what engines share and what each computes.
//! 4. [`train.rs`](../src/microgpt/train.rs.html), [`adam.rs`](../src/microgpt/adam.rs.html): step after step;
//!    [`sample.rs`](../src/microgpt/sample.rs.html): new texts.
//! 5. [`tensor/gpt.rs`](../src/microgpt/tensor/gpt.rs.html): the same, a batch at a time; [`simd/pass.rs`](../src/microgpt/simd/pass.rs.html): the
//!    same, in vector registers.
//!
//! What is specific to agreeing with Python is in [`random.rs`](../src/microgpt/random.rs.html).
//!
//! # What it does not do
//!
//! There is no byte-pair encoding, no dropout, no learnt gain in the normalisation and no bias in the layers.
//!
//! **Feature**, off by default: `cuda` adds a third engine, `cuda::Cuda`, every layer on a GPU.

mod adam;
mod checkpoint;
mod config;
#[cfg(feature = "cuda")]
pub mod cuda;
mod documents;
mod engine;
mod error;
mod files;
mod inspect;
mod model;
mod names;
mod parameters;
mod random;
mod sample;
pub mod scalar;
mod schedule;
mod side_by_side;
mod simd;
pub mod tensor;
mod tokenizer;
mod train;

pub use adam::{Adam, Moments, Update};
pub use checkpoint::{Checkpoint, FILE_BYTES_MAX, import};
pub use config::{Config, LAYERS_MAX, PARAMETERS_MAX};
pub use documents::Documents;
pub use engine::{Context, Decoder, Engine, Learner, Read, Streams};
pub use error::Error;
pub use files::{DATA_BYTES_MAX, read_file, utf8, write_file};
pub use inspect::Inspection;
pub use model::Model;
pub use names::Names;
pub use parameters::{Matrix, Parameter, Parameters};
pub use random::PythonRandom;
pub use sample::{Sample, Sampling, generate, samples};
pub use schedule::{Decay, Schedule};
pub use side_by_side::samples_side_by_side;
pub use tokenizer::Tokenizer;
pub use train::{Progress, Step, Trainer, Training, train};
