//! Decoding of a model of 16 numbers and 4 heads through `simd`'s kernels: of one text, or of several in turn.

use super::Tensor;
use super::fused::weights;
use super::streams::chosen;
use crate::engine::{Context, Decoder, Read, Streams};
use crate::error::Error;
use crate::model::Model;
use crate::simd::{Kernels, Numbers, State, Weights};

pub(super) struct FusedDecoder {
    kernels: Kernels,
    weights: Weights,
    state: State,
    position: usize,
    probabilities: Vec<f64>,
}

impl FusedDecoder {
    pub(super) fn new(options: &Tensor, model: &Model) -> Result<Self, Error> {
        let kernels = Kernels::new(options.isa)?;
        let weights = weights(kernels, model);
        let state = State::new(&weights.layout);
        let probabilities = vec![0.0; weights.layout.vocab];
        Ok(FusedDecoder { kernels, weights, state, position: 0, probabilities })
    }

    fn step(&mut self, token: usize, inverse_temperature: Option<f32>) {
        check(&self.weights, token, self.position);
        let place = (token, self.position);
        self.kernels.read(&self.weights, place, inverse_temperature, &mut self.state);
        self.position += 1;
    }
}

fn check(weights: &Weights, token: usize, position: usize) {
    let layout = &weights.layout;
    assert!(token < layout.vocab, "token {token} of {}", layout.vocab);
    assert!(position < layout.block_size, "position {position} in a block of {}", layout.block_size);
}

fn store(state: &State, probabilities: &mut [f64]) {
    let numbers = state.logits.as_flattened().numbers();
    probabilities.iter_mut().zip(numbers).for_each(|(to, p)| *to = f64::from(p));
}

impl Decoder for FusedDecoder {
    fn decode(&mut self, text: &mut dyn FnMut(&mut dyn Context) -> Result<(), Error>) -> Result<(), Error> {
        self.position = 0;
        text(self)
    }
}

impl Context for FusedDecoder {
    fn read(&mut self, token: usize) {
        self.step(token, None);
    }

    #[allow(clippy::cast_possible_truncation, reason = "rounding to f32 is the point")]
    fn probabilities(&mut self, token: usize, temperature: f64) -> &[f64] {
        self.step(token, Some((1.0 / temperature) as f32));
        store(&self.state, &mut self.probabilities);
        &self.probabilities
    }
}

/// Texts take turns: all weights stay in the first-level cache and fill the vector unit one text at a time, so products
/// of several rows would gain nothing. (Four texts side by side in one kernel were tried: 0.38 µs a token, 0.33 alone.)
pub(super) struct FusedStreams {
    kernels: Kernels,
    weights: Weights,
    states: Vec<State>,
    probabilities: Vec<f64>,
}

impl FusedStreams {
    pub(super) fn new(options: &Tensor, model: &Model, count: usize) -> Result<Self, Error> {
        let kernels = Kernels::new(options.isa)?;
        let weights = weights(kernels, model);
        let states = vec![State::new(&weights.layout); count];
        Ok(FusedStreams { kernels, weights, states, probabilities: Vec::new() })
    }
}

impl Streams for FusedStreams {
    #[allow(clippy::cast_possible_truncation, reason = "rounding to f32 is the point")]
    fn probabilities(&mut self, reads: &[Read], temperature: f64) -> Result<&[f64], Error> {
        let FusedStreams { kernels, weights, states, probabilities } = self;
        let (vocab, factor) = (weights.layout.vocab, Some((1.0 / temperature) as f32));
        probabilities.resize(reads.len() * vocab, 0.0);
        let rows = probabilities.chunks_exact_mut(vocab);
        for ((state, read), to) in chosen(states, reads).into_iter().zip(reads).zip(rows) {
            check(weights, read.token, read.position);
            kernels.read(weights, (read.token, read.position), factor, state);
            store(state, to);
        }
        Ok(probabilities)
    }
}
