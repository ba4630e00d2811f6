//! The model, one token at a time: embedding, attention, a two-layer perceptron, logits.
//!
//! It is the Python program's `gpt()` function, line for line. What differs, and why:
//! 1. A sum of products is one [`Dot`](scalar_autograd::Operation::Dot) node, not two nodes a term. The products are
//!    added in the program's order, so the numbers are the same.
//! 2. `x / rms` and `e / Σe` compute the reciprocal once for all elements. Division by y *is* multiplication by y⁻¹
//!    in the program, so these numbers are the same too; its gradient is summed in another order.
//! 3. The mean square is a dot product of x with itself: `x * x` where the program has `x ** 2`, which can differ in
//!    the last bit.
//!
//! So losses and weights differ from the program's by rounding alone. Training amplifies such differences as it does
//! any other: not visibly at sensible learning rates, but at 0.5 they grew from 1e-16 to 1e-6 within 15 steps.

use scalar_autograd::{Tape, Value, Values};

use crate::config::Config;
use crate::model::Model;

/// Keeps the normalisation of zeros finite.
pub(crate) const EPSILON: f64 = 1e-8;

/// A matrix on a tape.
#[derive(Clone, Copy)]
struct Weights<'t> {
    values: Values<'t, f64>,
    cols: usize,
}

impl<'t> Weights<'t> {
    fn row(self, row: usize) -> Values<'t, f64> {
        self.values.slice(row * self.cols..(row + 1) * self.cols)
    }
}

/// One transformer block's matrices.
#[derive(Clone, Copy)]
struct Block<'t> {
    wq: Weights<'t>,
    wk: Weights<'t>,
    wv: Weights<'t>,
    wo: Weights<'t>,
    fc1: Weights<'t>,
    fc2: Weights<'t>,
}

/// A [`Model`] whose parameters are on a tape.
pub struct Gpt<'t> {
    tape: &'t Tape<f64>,
    config: Config,
    vocab_size: usize,
    wte: Weights<'t>,
    wpe: Weights<'t>,
    lm_head: Weights<'t>,
    blocks: Vec<Block<'t>>,
}

/// Keys and values of the positions so far, layer by layer: what later positions attend to.
///
/// Because a position can only see what is here, no mask is needed to hide the future.
#[derive(Clone, Debug)]
pub struct Cache<'t> {
    position: usize,
    layers: Vec<KeysAndValues<'t>>,
}

#[derive(Clone, Debug, Default)]
struct KeysAndValues<'t> {
    keys: Vec<Values<'t, f64>>,
    values: Vec<Values<'t, f64>>,
}

impl<'t> Gpt<'t> {
    /// The model, with `parameters` (all of them, in the order of [`Parameters::iter`](crate::Parameters::iter)) on
    /// their tape.
    ///
    /// # Panics
    ///
    /// If there are not as many parameters as the model has.
    pub fn new(model: &Model, parameters: Values<'t, f64>) -> Self {
        Self::of(*model.config(), model.tokenizer().vocab_size(), parameters)
    }

    /// As [`new`](Gpt::new), for who has the sizes only.
    pub(crate) fn of(config: Config, vocab_size: usize, parameters: Values<'t, f64>) -> Self {
        let shapes = config.shapes(vocab_size);
        let expected: usize = shapes.iter().map(|(_, (rows, cols))| rows * cols).sum();
        assert!(parameters.len() == expected, "{} values for {expected} parameters", parameters.len());
        let mut end = 0;
        let mut matrices = shapes.iter().map(|(_, (rows, cols))| {
            let start = end;
            end += rows * cols;
            Weights { values: parameters.slice(start..end), cols: *cols }
        });
        let mut next = || matrices.next().expect("a model has all of its matrices");
        let (wte, wpe, lm_head) = (next(), next(), next());
        let block = |_| Block { wq: next(), wk: next(), wv: next(), wo: next(), fc1: next(), fc2: next() };
        let blocks = (0..config.n_layer).map(block).collect();
        Gpt { tape: parameters.tape(), config, vocab_size, wte, wpe, lm_head, blocks }
    }

    /// The longest context, in tokens.
    pub fn block_size(&self) -> usize {
        self.config.block_size
    }

    /// The cache of a name that has not begun.
    pub fn cache(&self) -> Cache<'t> {
        Cache { position: 0, layers: vec![KeysAndValues::default(); self.blocks.len()] }
    }

    /// The logits of the token after `token`, which comes after those in the cache, and joins them.
    ///
    /// # Panics
    ///
    /// If the token is not in the vocabulary, the block is full, or the cache is that of a model with other layers.
    pub fn logits(&self, token: usize, cache: &mut Cache<'t>) -> Values<'t, f64> {
        let Cache { position, layers } = cache;
        assert!(token < self.vocab_size, "token {token} of {}", self.vocab_size);
        assert!(*position < self.config.block_size, "position {position} in a block of {}", self.config.block_size);
        assert!(
            layers.len() == self.blocks.len(),
            "{} layers in the cache, {} in the model",
            layers.len(),
            self.blocks.len()
        );
        let mut x = rms_norm(self.wte.row(token) + self.wpe.row(*position));
        for (block, seen) in self.blocks.iter().zip(layers) {
            x = self.attention(rms_norm(x), block, seen) + x;
            x = linear(linear(rms_norm(x), block.fc1.values).relu(), block.fc2.values) + x;
        }
        *position += 1;
        linear(x, self.lm_head.values)
    }

    /// What each head finds in the positions so far, put together and projected.
    fn attention(&self, x: Values<'t, f64>, block: &Block<'t>, seen: &mut KeysAndValues<'t>) -> Values<'t, f64> {
        let query = linear(x, block.wq.values);
        let KeysAndValues { keys, values } = seen;
        keys.push(linear(x, block.wk.values));
        values.push(linear(x, block.wv.values));
        let head_dim = self.config.head_dim();
        let scale = reciprocal((head_dim as f64).sqrt());
        let heads = (0..self.config.n_head).map(|head| head * head_dim..(head + 1) * head_dim);
        let weights: Vec<Values<'t, f64>> = heads
            .clone()
            .map(|head| {
                let seen = keys.iter().map(|key| key.slice(head.clone()));
                softmax(query.slice(head.clone()).dot_each(seen) * scale)
            })
            .collect();
        let outputs = heads
            .zip(weights)
            .map(|(head, weights)| weights.weighted_sum(values.iter().map(|value| value.slice(head.clone()))));
        linear(self.tape.concat(outputs), block.wo.values)
    }
}

/// A linear layer without bias: each row of `weights` (outputs × inputs, row by row) times `x` (inputs).
///
/// # Panics
///
/// If there is no input, or the inputs do not divide the number of weights.
pub fn linear<'t>(x: Values<'t, f64>, weights: Values<'t, f64>) -> Values<'t, f64> {
    x.dot_each(weights.rows(x.len()))
}

/// Logits to probabilities: eˣ / Σeˣ.
///
/// The largest logit is subtracted first. That changes nothing in the result, since numerator and denominator shrink by
/// the same factor, and keeps eˣ from overflowing (beyond x ≈ 88 in `f32`, 709 in `f64`).
pub fn softmax<'t>(logits: Values<'t, f64>) -> Values<'t, f64> {
    let max_logit = logits.iter().map(Value::data).fold(f64::NEG_INFINITY, f64::max);
    let exp_logits = (logits - max_logit).exp();
    exp_logits * exp_logits.sum().powf(-1.0)
}

/// x over its root mean square (Zhang & Sennrich 2019), without a learnt gain.
pub fn rms_norm<'t>(x: Values<'t, f64>) -> Values<'t, f64> {
    let mean_square = x.dot(x) * reciprocal(x.len() as f64);
    x * (mean_square + EPSILON).powf(0.5).powf(-1.0)
}

/// What the program multiplies by where it divides by a constant. Python's `n ** -1` is the mathematics library's
/// `pow`, which an exponent that the compiler can see would not be.
pub(crate) fn reciprocal(n: f64) -> f64 {
    n.powf(std::hint::black_box(-1.0))
}
