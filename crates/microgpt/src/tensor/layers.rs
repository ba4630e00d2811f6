//! Training and decoding over `linalg`: models of any sizes.

use linalg::{Blocked, Tiling};

use super::gpt::{Gpt, Work};
use super::packed::Packed;
use super::rows::{Real, add_scaled, dot, norm, real, relu, softmax};
use super::{MAX_BATCH_BYTES, Tensor};
use crate::adam::{Adam, Moments, Update};
use crate::engine::{Context, Decoder, Learner};
use crate::error::Error;
use crate::model::Model;
use crate::parameters::Parameters;

fn gpt(options: &Tensor, model: &Model) -> Gpt {
    let products = Blocked { tiling: Tiling { isa: options.isa, ..Tiling::default() }, threads: options.threads };
    Gpt { config: *model.config(), vocab: model.tokenizer().vocab_size(), products }
}

fn numbers<T: Real>(numbers: impl Iterator<Item = f64>) -> Vec<T> {
    numbers.map(real).collect()
}

pub(super) struct LayersLearner<T> {
    gpt: Gpt,
    weights: Vec<T>,
    next: Vec<T>,
    gradient: Vec<T>,
    first: Vec<T>,
    second: Vec<T>,
    batch: Packed,
    work: Work<T>,
}

impl<T: Real> LayersLearner<T> {
    pub(super) fn new(options: &Tensor, model: &Model) -> Result<Self, Error> {
        let weights: Vec<T> = numbers(model.parameters().iter().map(|parameter| parameter.data));
        let zeros = vec![T::ZERO; weights.len()];
        Ok(LayersLearner {
            gpt: gpt(options, model),
            next: weights.clone(),
            gradient: numbers(model.parameters().iter().map(|parameter| parameter.grad)),
            first: zeros.clone(),
            second: zeros,
            weights,
            batch: Packed::default(),
            work: Work::default(),
        })
    }
}

impl<T: Real + Default> Learner for LayersLearner<T> {
    fn check(&self, documents: usize, questions: usize) -> Result<(), Error> {
        let tokens = (documents as u128).saturating_mul(questions as u128);
        let bytes = tokens.saturating_mul(self.gpt.elements_a_token() * size_of::<T>() as u128);
        if bytes > MAX_BATCH_BYTES as u128 {
            return Err(Error::BatchTooLarge { bytes, limit: MAX_BATCH_BYTES });
        }
        Ok(())
    }

    fn loss_and_gradients(&mut self, batch: &[&[usize]]) -> Result<f64, Error> {
        let loss = self.loss(batch)?;
        self.gpt.backward(&self.weights, &self.batch, &mut self.work, &mut self.gradient)?;
        Ok(loss)
    }

    fn loss(&mut self, batch: &[&[usize]]) -> Result<f64, Error> {
        self.batch.fill(batch, batch.len(), self.gpt.config.block_size);
        self.gpt.forward(&self.weights, &self.batch, &mut self.work)
    }

    fn update(&mut self, update: &Update) -> Result<bool, Error> {
        let Adam { beta1, beta2, epsilon, weight_decay } = update.adam;
        let (first_weight, second_weight) = update.corrections();
        let squares = || self.gradient.iter().map(|&g| g.to_f64() * g.to_f64()).sum();
        let clip: T = real(update.clip_factor(squares));
        let (new1, new2): (T, T) = (real(1.0 - beta1), real(1.0 - beta2));
        let (beta1, beta2): (T, T) = (real(beta1), real(beta2));
        let (rate, correction): (T, T) = (real(update.learning_rate / first_weight), real(1.0 / second_weight));
        let epsilon: T = real(epsilon);
        let kept: T = real(1.0 - update.learning_rate * weight_decay);
        let moments = self.first.iter_mut().zip(&mut self.second);
        let weights = self.weights.iter().zip(&mut self.next);
        // 0 as long as everything is finite: 0·x is NaN where x is not.
        let mut not_finite = [T::ZERO; 8];
        for (i, (((&before, after), &gradient), (m, v))) in weights.zip(&self.gradient).zip(moments).enumerate() {
            let clipped = clip * gradient;
            *m = beta1 * *m + new1 * clipped;
            *v = beta2 * *v + new2 * (clipped * clipped);
            *after = kept * before - (rate * *m).div((*v * correction).sqrt() + epsilon);
            not_finite[i % 8] += gradient * T::ZERO + *after * T::ZERO;
        }
        let finite = not_finite.iter().all(|&sum| sum == T::ZERO);
        if finite {
            std::mem::swap(&mut self.weights, &mut self.next);
        }
        Ok(finite)
    }

    fn store(&self, parameters: &mut Parameters) -> Result<(), Error> {
        for ((parameter, data), grad) in parameters.iter_mut().zip(&self.weights).zip(&self.gradient) {
            (parameter.data, parameter.grad) = (data.to_f64(), grad.to_f64());
        }
        Ok(())
    }

    fn moments(&self) -> Result<Moments, Error> {
        let numbers = |list: &[T]| list.iter().map(|x| x.to_f64()).collect();
        Ok(Moments { first: numbers(&self.first), second: numbers(&self.second) })
    }

    fn set_moments(&mut self, moments: &Moments) -> Result<(), Error> {
        self.first = numbers(moments.first.iter().copied());
        self.second = numbers(moments.second.iter().copied());
        Ok(())
    }
}

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
    scores: Vec<T>,
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
            scores: zeros(gpt.config.block_size),
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
        let LayersDecoder { gpt, weights, cache, x, normed, qkv, scores, attention, hidden, .. } = self;
        gpt.embed_one(weights, token, position, normed);
        let mut inverse = [T::ZERO];
        norm(threads, n, normed, x, &mut inverse);
        let scale: T = real(1.0 / (gpt.config.head_dim() as f64).sqrt());
        for (layer, [keys, values]) in cache.iter_mut().enumerate() {
            let block = gpt.block(weights, layer);
            norm(threads, n, x, normed, &mut inverse);
            vector(normed, block.wqkv, qkv, T::ZERO);
            keys[n * position..][..n].copy_from_slice(&qkv[n..2 * n]);
            values[n * position..][..n].copy_from_slice(&qkv[2 * n..]);
            attention.fill(T::ZERO);
            for head in gpt.heads().ranges() {
                let scores = &mut scores[..=position];
                for (key, score) in scores.iter_mut().enumerate() {
                    *score = dot(&qkv[head.clone()], &keys[n * key..][head.clone()]) * scale;
                }
                softmax(scores);
                for (key, &weight) in scores.iter().enumerate() {
                    add_scaled(&mut attention[head.clone()], weight, &values[n * key..][head.clone()]);
                }
            }
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
