//! Decoding of a model of 16 numbers and 4 heads through `simd`'s kernels.

use super::Tensor;
use super::fused::weights;
use crate::engine::{Context, Decoder};
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
        let layout = &self.weights.layout;
        assert!(token < layout.vocab, "token {token} of {}", layout.vocab);
        assert!(self.position < layout.block_size, "position {} in a block of {}", self.position, layout.block_size);
        self.kernels.read(&self.weights, (token, self.position), inverse_temperature, &mut self.state);
        self.position += 1;
    }
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
        let numbers = self.state.logits.as_flattened().numbers();
        self.probabilities.iter_mut().zip(numbers).for_each(|(to, p)| *to = f64::from(p));
        &self.probabilities
    }
}
