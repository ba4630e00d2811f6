//! The tensor engine: whole batches, gradients written out by hand; the scalar engine's numbers, some twenty times as
//! fast on one thread.
//!
//! The scalar engine's graph has a node for every number. This engine knows the graph beforehand, since it is the same
//! in every step: each layer is a product of matrices, and so is each layer's gradient. What changes, and why:
//!
//! 1. All tokens of a batch go through a layer together, as the rows of one matrix, so a weight that was loaded is used
//!    for each of them. Sequences of any lengths are packed end to end: there is no padding. A causal mask does what
//!    the scalar engine's cache does: a position sees none that comes after it.
//! 2. Backward is the chain rule layer by layer, written out in `gpt.rs` beside the forward pass. There is no graph.
//! 3. Numbers are `f32`, unless [`Precision::F64`] is asked for, which is there to be compared with the scalar engine.
//! 4. A model of the default sizes (16 numbers, 4 heads) fits into registers and first-level cache, where calls of a
//!    matrix library would cost more than they do. It has kernels of its own: [`Path::Fused`].
//! 5. Large heads over long documents go through [`gpukern`]'s flash attention, in a pool of as many threads as were
//!    asked for.
//!
//! Reading order: [`gpt.rs`](../../src/microgpt/tensor/gpt.rs.html) (the model forward and backward, one line a layer),
//! [`rows.rs`](../../src/microgpt/tensor/rows.rs.html) (what happens to each token alone),
//! [`attention.rs`](../../src/microgpt/tensor/attention.rs.html), then [`simd/product.rs`](../../src/microgpt/simd/product.rs.html) and
//! [`simd/pass.rs`](../../src/microgpt/simd/pass.rs.html) for the same at full speed.

mod attention;
mod flash;
mod fused;
mod fused_decoder;
mod gpt;
mod layers;
mod layers_decoder;
mod packed;
mod rows;
mod share;
mod streams;

use crate::config::Config;
use crate::engine::{Decoder, Engine, Learner, Streams};
use crate::error::Error;
use crate::model::Model;
use crate::simd;

pub use linalg::{Isa, Threads};
pub(crate) use packed::Packed;

/// The engine that computes with matrices. The default is `f32` on all threads, the path by the sizes.
///
/// Results are the same on any number of threads, bit for bit. They differ by rounding between instruction sets and
/// paths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tensor {
    /// What numbers are.
    pub precision: Precision,
    /// How layers are computed; `None`: [`Path::Fused`] where it is possible.
    pub path: Option<Path>,
    /// The instruction set; `None`: the best that there is.
    pub isa: Option<Isa>,
    /// How many threads may share the work.
    pub threads: Threads,
}

/// What numbers are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// 24 bits of significand.
    #[default]
    F32,
    /// 53 bits, as in the scalar engine.
    F64,
}

/// How layers are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// A call of [`linalg`] for each product: any sizes.
    Layers,
    /// Kernels for embeddings of 16 numbers, 4 heads and `f32`.
    Fused,
}

/// The most bytes that a batch may need.
pub const BATCH_BYTES_MAX: usize = 1 << 33;

/// The most bytes that keys and values of all texts that are continued at a time may need.
pub const CACHE_BYTES_MAX: usize = 1 << 33;

impl Tensor {
    /// The path that a model takes: the one place that picks it.
    ///
    /// # Errors
    ///
    /// [`Error::NotFused`] if [`Path::Fused`] is asked for and not possible.
    pub fn path(&self, config: &Config) -> Result<Path, Error> {
        let fits = config.n_embd == simd::EMBEDDING && config.n_head == simd::HEADS && self.precision == Precision::F32;
        match self.path {
            Some(Path::Fused) if !fits => Err(Error::NotFused { n_embd: config.n_embd, n_head: config.n_head }),
            Some(path) => Ok(path),
            None if fits => Ok(Path::Fused),
            None => Ok(Path::Layers),
        }
    }

    /// Whether there is room for keys and values of so many texts.
    fn check_cache(&self, config: &Config, texts: usize) -> Result<(), Error> {
        let number = if self.precision == Precision::F32 { size_of::<f32>() } else { size_of::<f64>() };
        let [layers, n, block_size] = [config.n_layer, config.n_embd, config.block_size].map(|size| size as u128);
        let bytes = (2 * layers * block_size * n * number as u128).saturating_mul(texts as u128);
        if bytes > CACHE_BYTES_MAX as u128 {
            return Err(Error::CacheTooLarge { texts, bytes, max: CACHE_BYTES_MAX });
        }
        Ok(())
    }
}

impl Engine for Tensor {
    fn name(&self) -> String {
        let precision = if self.precision == Precision::F32 { "f32" } else { "f64" };
        format!("tensor {precision} {}", self.isa.unwrap_or_else(Isa::best))
    }

    fn learner(&self, model: &Model) -> Result<Box<dyn Learner>, Error> {
        Ok(match (self.path(model.config())?, self.precision) {
            (Path::Fused, _) => Box::new(fused::FusedLearner::new(self, model)?),
            (Path::Layers, Precision::F32) => Box::new(layers::LayersLearner::<f32>::new(self, model)?),
            (Path::Layers, Precision::F64) => Box::new(layers::LayersLearner::<f64>::new(self, model)?),
        })
    }

    fn decoder(&self, model: &Model) -> Result<Box<dyn Decoder>, Error> {
        self.check_cache(model.config(), 1)?;
        Ok(match (self.path(model.config())?, self.precision) {
            (Path::Fused, _) => Box::new(fused_decoder::FusedDecoder::new(self, model)?),
            (Path::Layers, Precision::F32) => Box::new(layers_decoder::LayersDecoder::<f32>::new(self, model)?),
            (Path::Layers, Precision::F64) => Box::new(layers_decoder::LayersDecoder::<f64>::new(self, model)?),
        })
    }

    fn streams(&self, model: &Model, count: usize) -> Result<Option<Box<dyn Streams>>, Error> {
        self.check_cache(model.config(), count)?;
        Ok(Some(match (self.path(model.config())?, self.precision) {
            (Path::Fused, _) => Box::new(fused_decoder::FusedStreams::new(self, model, count)?),
            (Path::Layers, Precision::F32) => Box::new(streams::LayersStreams::<f32>::new(self, model, count)),
            (Path::Layers, Precision::F64) => Box::new(streams::LayersStreams::<f64>::new(self, model, count)),
        }))
    }
}
