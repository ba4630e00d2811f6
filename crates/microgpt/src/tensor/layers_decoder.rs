//! Decoding of models of any sizes.

use super::Tensor;
use super::gpt::Gpt;
use super::layers::{gpt, numbers};
use super::rows::{Real, dot, norm, real, relu, softmax};
use super::streams::attend;
use crate::engine::{Context, Decoder};
use crate::error::Error;
use crate::model::Model;

/// One token at a time, keys and values kept: no row is computed twice.
pub(super) struct LayersDecoder<T> {
    gpt: Gpt,
    weights: Vec<T>,
    /// For each layer, the keys of the positions so far, and the values.
    cache: Vec<[Vec<T>; 2]>,
    position: usize,
    x: Vec<T>,
    normed: Vec<T>,
    qkv: Vec<T>,
    attention: Vec<T>,
    hidden: Vec<T>,
    logits: Vec<T>,
    probabilities: Vec<f64>,
}

impl<T: Real> LayersDecoder<T> {
    pub(super) fn new(options: &Tensor, model: &Model) -> Result<Self, Error> {
        let gpt = gpt(options, model);
        let (n, zeros) = (gpt.config.n_embd, |count: usize| vec![T::ZERO; count]);
        let room = || zeros(n * gpt.config.block_size);
        Ok(LayersDecoder {
            weights: numbers(model.parameters().iter().map(|parameter| parameter.data)),
            cache: (0..gpt.config.n_layer).map(|_| [room(), room()]).collect(),
            position: 0,
            x: zeros(n),
            normed: zeros(n),
            qkv: zeros(3 * n),
            attention: zeros(n),
            hidden: zeros(4 * n),
            logits: zeros(gpt.vocab),
            probabilities: vec![0.0; gpt.vocab],
            gpt,
        })
    }

    /// The residual stream after the last block.
    fn forward(&mut self, token: usize) {
        let (n, position) = (self.gpt.config.n_embd, self.position);
        assert!(token < self.gpt.vocab, "token {token} of {}", self.gpt.vocab);
        let block_size = self.gpt.config.block_size;
        assert!(position < block_size, "position {position} in a block of {block_size}");
        let threads = self.gpt.products.threads;
        let LayersDecoder { gpt, weights, cache, x, normed, qkv, attention, hidden, .. } = self;
        gpt.embed_one(weights, token, position, normed);
        let mut inverse = [T::ZERO];
        norm(threads, n, normed, x, &mut inverse);
        for (layer, cache) in cache.iter_mut().enumerate() {
            let block = gpt.block(weights, layer);
            norm(threads, n, x, normed, &mut inverse);
            vector(normed, block.wqkv, qkv, T::ZERO);
            attend(gpt.heads(), qkv, position, cache, attention);
            vector(attention, block.wo, x, T::ONE);
            norm(threads, n, x, normed, &mut inverse);
            vector(normed, block.fc1, hidden, T::ZERO);
            relu(threads, 4 * n, hidden);
            vector(hidden, block.fc2, x, T::ONE);
        }
        self.position += 1;
    }
}

/// `y = W·x + beta·y`
fn vector<T: Real>(x: &[T], w: &[T], y: &mut [T], beta: T) {
    for (y, row) in y.iter_mut().zip(w.chunks_exact(x.len())) {
        *y = dot(row, x) + beta * *y;
    }
}

impl<T: Real> Decoder for LayersDecoder<T> {
    fn decode(&mut self, text: &mut dyn FnMut(&mut dyn Context) -> Result<(), Error>) -> Result<(), Error> {
        self.position = 0;
        text(self)
    }
}

impl<T: Real> Context for LayersDecoder<T> {
    fn read(&mut self, token: usize) {
        self.forward(token);
    }

    fn probabilities(&mut self, token: usize, temperature: f64) -> &[f64] {
        self.forward(token);
        vector(&self.x, self.gpt.head(&self.weights), &mut self.logits, T::ZERO);
        let factor: T = real(1.0 / temperature);
        self.logits.iter_mut().for_each(|logit| *logit *= factor);
        softmax(&mut self.logits);
        self.probabilities.iter_mut().zip(&self.logits).for_each(|(to, p)| *to = p.to_f64());
        &self.probabilities
    }
}
