//! Training of a model of 16 numbers and 4 heads: chunks of documents through `simd`'s kernels.

use linalg::Threads;

use super::packed::Packed;
use super::share::share;
use super::{BATCH_BYTES_MAX, Tensor};
use crate::adam::{Factors, Moments, Update};
use crate::config::Config;
use crate::engine::Learner;
use crate::error::Error;
use crate::model::Model;
use crate::parameters::Parameters;
use crate::simd::{Kernels, Layout, Numbers, Row, Rows, Weights, Work};

/// Tokens of a chunk, at most: what a thread takes at a time. How a batch is cut depends on it alone, so results do not
/// depend on the threads.
const CHUNK_TOKENS: usize = 1024;

/// A part of a batch, its loss and its gradient.
#[derive(Default)]
struct Chunk {
    batch: Packed,
    work: Work,
    gradient: Vec<Row>,
    loss: f64,
}

pub(super) struct FusedLearner {
    kernels: Kernels,
    threads: Threads,
    config: Config,
    weights: Weights,
    next: Vec<Row>,
    gradient: Vec<Row>,
    first: Vec<Row>,
    second: Vec<Row>,
    chunks: Vec<Chunk>,
}

pub(super) fn weights(kernels: Kernels, model: &Model) -> Weights {
    let config = model.config();
    let layout =
        Layout { vocab: model.tokenizer().vocab_size(), block_size: config.block_size, layers: config.n_layer };
    #[allow(clippy::cast_possible_truncation, reason = "rounding to f32 is the point")]
    let data = model.parameters().iter().map(|parameter| parameter.data as f32);
    let mut weights = Weights::new(layout, data);
    kernels.transpose(&mut weights);
    weights
}

impl FusedLearner {
    pub(super) fn new(options: &Tensor, model: &Model) -> Result<Self, Error> {
        let kernels = Kernels::new(options.isa)?;
        let weights = weights(kernels, model);
        let zeros = vec![Row::default(); weights.layout.rows()];
        let mut learner = FusedLearner {
            kernels,
            threads: options.threads,
            config: *model.config(),
            next: zeros.clone(),
            gradient: zeros.clone(),
            first: zeros.clone(),
            second: zeros,
            weights,
            chunks: Vec::new(),
        };
        set(&mut learner.gradient, model.parameters().iter().map(|parameter| parameter.grad));
        Ok(learner)
    }

    /// Documents of a chunk.
    fn chunk_documents(&self) -> usize {
        (CHUNK_TOKENS / self.config.block_size).max(1)
    }

    /// The loss of a batch, and the gradients of its chunks.
    fn pass(&mut self, batch: &[&[usize]], with_gradient: bool) -> f64 {
        let parts = batch.chunks(self.chunk_documents());
        if self.chunks.len() < parts.len() {
            self.chunks.resize_with(parts.len(), Chunk::default);
        }
        let (kernels, weights, block_size) = (self.kernels, &self.weights, self.config.block_size);
        let pass = |part: &[&[usize]], packed: &mut Packed, work: &mut Work, gradient: &mut [Row]| {
            packed.fill(part, batch.len(), block_size);
            let loss = kernels.forward(weights, packed, work);
            if with_gradient {
                kernels.backward(weights, packed, work, gradient);
            }
            loss
        };
        if let [part] = parts.clone().collect::<Vec<_>>()[..] {
            let Chunk { batch, work, .. } = &mut self.chunks[0];
            return pass(part, batch, work, &mut self.gradient);
        }
        let count = parts.len();
        share(parts.zip(&mut self.chunks), self.threads, |(part, chunk)| {
            chunk.gradient.resize(weights.layout.rows(), Row::default());
            chunk.loss = pass(part, &mut chunk.batch, &mut chunk.work, &mut chunk.gradient);
        });
        let chunks = &self.chunks[..count];
        if with_gradient {
            self.gradient.copy_from_slice(&chunks[0].gradient);
            for chunk in &chunks[1..] {
                self.gradient.numbers_mut().zip(chunk.gradient.numbers()).for_each(|(sum, part)| *sum += part);
            }
        }
        chunks.iter().map(|chunk| chunk.loss).sum()
    }
}

#[allow(clippy::cast_possible_truncation, reason = "rounding to f32 is the point")]
fn set(rows: &mut [Row], numbers: impl Iterator<Item = f64>) {
    rows.numbers_mut().zip(numbers).for_each(|(to, from)| *to = from as f32);
}

impl Learner for FusedLearner {
    fn check(&self, documents: usize, questions: usize) -> Result<(), Error> {
        // Rows a token, attention weights among them, and a gradient a chunk.
        let rows =
            self.config.n_layer * (10 + self.config.block_size.div_ceil(4)) + 16 + self.weights.layout.vocab / 16;
        let tokens = (documents as u128).saturating_mul(questions as u128);
        let chunks = documents.div_ceil(self.chunk_documents()) as u128;
        let gradients = chunks.saturating_mul(self.weights.layout.rows() as u128);
        let rows = tokens.saturating_mul(rows as u128).saturating_add(gradients);
        let bytes = rows.saturating_mul(size_of::<Row>() as u128);
        if bytes > BATCH_BYTES_MAX as u128 {
            return Err(Error::BatchTooLarge { bytes, max: BATCH_BYTES_MAX });
        }
        Ok(())
    }

    fn loss_and_gradients(&mut self, batch: &[&[usize]]) -> Result<f64, Error> {
        Ok(self.pass(batch, true))
    }

    fn loss(&mut self, batch: &[&[usize]]) -> Result<f64, Error> {
        Ok(self.pass(batch, false))
    }

    fn update(&mut self, update: &Update) -> Result<bool, Error> {
        let squares = || self.gradient.numbers().map(|g| f64::from(g) * f64::from(g)).sum();
        let factors = Factors::new(update, squares);
        let mut rows = Rows {
            before: &self.weights.rows,
            after: &mut self.next,
            gradient: &self.gradient,
            first: &mut self.first,
            second: &mut self.second,
        };
        let finite = self.kernels.adam(&mut rows, &factors);
        if finite {
            std::mem::swap(&mut self.weights.rows, &mut self.next);
            self.kernels.transpose(&mut self.weights);
        }
        Ok(finite)
    }

    fn store(&self, parameters: &mut Parameters) -> Result<(), Error> {
        let numbers = self.weights.rows.numbers().zip(self.gradient.numbers());
        for (parameter, (data, grad)) in parameters.iter_mut().zip(numbers) {
            (parameter.data, parameter.grad) = (f64::from(data), f64::from(grad));
        }
        Ok(())
    }

    fn moments(&self) -> Result<Moments, Error> {
        let numbers = |rows: &[Row]| rows.numbers().map(f64::from).collect();
        Ok(Moments { first: numbers(&self.first), second: numbers(&self.second) })
    }

    fn set_moments(&mut self, moments: &Moments) -> Result<(), Error> {
        set(&mut self.first, moments.first.iter().copied());
        set(&mut self.second, moments.second.iter().copied());
        Ok(())
    }
}
