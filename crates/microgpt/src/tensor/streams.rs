//! Decoding of several texts side by side: the tokens that are read together are the rows of one matrix in each layer's
//! product.

use super::Tensor;
use super::attention::Heads;
use super::gpt::Gpt;
use super::layers::{gpt, numbers};
use super::rows::{Real, add_scaled, dot, norm, real, relu, softmax};
use super::share::share;
use crate::engine::{Read, Streams};
use crate::error::Error;
use crate::model::Model;

/// For each layer the keys of the positions so far, and the values: `[block_size, n_embd]`.
type Cache<T> = Vec<[Vec<T>; 2]>;

pub(super) struct LayersStreams<T> {
    gpt: Gpt,
    weights: Vec<T>,
    caches: Vec<Cache<T>>,
    x: Vec<T>,
    normed: Vec<T>,
    inverse: Vec<T>,
    qkv: Vec<T>,
    attention: Vec<T>,
    hidden: Vec<T>,
    logits: Vec<T>,
    probabilities: Vec<f64>,
}

impl<T: Real> LayersStreams<T> {
    pub(super) fn new(options: &Tensor, model: &Model, count: usize) -> Self {
        let gpt = gpt(options, model);
        let room = || vec![T::ZERO; gpt.config.n_embd * gpt.config.block_size];
        let cache = || (0..gpt.config.n_layer).map(|_| [room(), room()]).collect();
        LayersStreams {
            weights: numbers(model.parameters().iter().map(|parameter| parameter.data)),
            caches: (0..count).map(|_| cache()).collect(),
            x: Vec::new(),
            normed: Vec::new(),
            inverse: Vec::new(),
            qkv: Vec::new(),
            attention: Vec::new(),
            hidden: Vec::new(),
            logits: Vec::new(),
            probabilities: Vec::new(),
            gpt,
        }
    }

    fn reserve(&mut self, rows: usize) {
        let n = self.gpt.config.n_embd;
        for list in [&mut self.x, &mut self.normed, &mut self.attention] {
            list.resize(rows * n, T::ZERO);
        }
        self.inverse.resize(rows, T::ZERO);
        self.qkv.resize(3 * rows * n, T::ZERO);
        self.hidden.resize(4 * rows * n, T::ZERO);
        self.logits.resize(rows * self.gpt.vocab, T::ZERO);
        self.probabilities.resize(rows * self.gpt.vocab, 0.0);
    }

    fn check(&self, reads: &[Read]) {
        let (vocab, block_size) = (self.gpt.vocab, self.gpt.config.block_size);
        for &Read { token, position, .. } in reads {
            assert!(token < vocab, "token {token} of {vocab}");
            assert!(position < block_size, "position {position} in a block of {block_size}");
        }
    }

    /// The logits of a row for each read.
    fn forward(&mut self, reads: &[Read]) -> Result<(), Error> {
        self.reserve(reads.len());
        let LayersStreams { gpt, weights, caches, x, normed, inverse, qkv, attention, hidden, logits, .. } = self;
        let (n, threads, heads) = (gpt.config.n_embd, gpt.products.threads, gpt.heads());
        for (read, sum) in reads.iter().zip(normed.chunks_exact_mut(n)) {
            gpt.embed_one(weights, read.token, read.position, sum);
        }
        norm(threads, n, normed, x, inverse);
        let mut caches = chosen(caches, reads);
        for layer in 0..gpt.config.n_layer {
            let block = gpt.block(weights, layer);
            norm(threads, n, x, normed, inverse);
            gpt.linear(normed, block.wqkv, n, T::ZERO, qkv)?;
            let rows = attention.chunks_exact_mut(n).zip(qkv.chunks_exact(3 * n)).zip(reads).zip(&mut caches);
            share(rows, threads, |(((out, qkv), read), cache)| {
                attend(heads, qkv, read.position, &mut cache[layer], out);
            });
            gpt.linear(attention, block.wo, n, T::ONE, x)?;
            norm(threads, n, x, normed, inverse);
            gpt.linear(normed, block.fc1, n, T::ZERO, hidden)?;
            relu(threads, 4 * n, hidden);
            gpt.linear(hidden, block.fc2, 4 * n, T::ONE, x)?;
        }
        gpt.linear(x, gpt.head(weights), n, T::ZERO, logits)
    }
}

/// What the newest token of a text finds in all so far.
pub(super) fn attend<T: Real>(
    heads: Heads,
    qkv: &[T],
    position: usize,
    [keys, values]: &mut [Vec<T>; 2],
    out: &mut [T],
) {
    let n = heads.n();
    keys[n * position..][..n].copy_from_slice(&qkv[n..2 * n]);
    values[n * position..][..n].copy_from_slice(&qkv[2 * n..]);
    out.fill(T::ZERO);
    let mut scores = vec![T::ZERO; position + 1];
    for head in heads.ranges() {
        for (key, score) in scores.iter_mut().enumerate() {
            *score = dot(&qkv[head.clone()], &keys[n * key..][head.clone()]) * heads.scale();
        }
        softmax(&mut scores);
        for (key, &weight) in scores.iter().enumerate() {
            add_scaled(&mut out[head.clone()], weight, &values[n * key..][head.clone()]);
        }
    }
}

impl<T: Real> Streams for LayersStreams<T> {
    fn probabilities(&mut self, reads: &[Read], temperature: f64) -> Result<&[f64], Error> {
        self.check(reads);
        self.forward(reads)?;
        let (vocab, factor): (usize, T) = (self.gpt.vocab, real(1.0 / temperature));
        for (logits, to) in self.logits.chunks_exact_mut(vocab).zip(self.probabilities.chunks_exact_mut(vocab)) {
            logits.iter_mut().for_each(|logit| *logit *= factor);
            softmax(logits);
            to.iter_mut().zip(logits).for_each(|(to, p)| *to = p.to_f64());
        }
        Ok(&self.probabilities)
    }
}

/// What belongs to the streams that are read, in their order, which rises.
///
/// # Panics
///
/// If it does not rise, or there are not so many streams.
pub(super) fn chosen<'a, S>(all: &'a mut [S], reads: &[Read]) -> Vec<&'a mut S> {
    let mut next = reads.iter().peekable();
    let streams = all.iter_mut().enumerate();
    let chosen: Vec<&mut S> =
        streams.filter_map(|(stream, state)| next.next_if(|read| read.stream == stream).map(|_| state)).collect();
    assert!(chosen.len() == reads.len(), "streams must rise, and be there");
    chosen
}
