//! The model, one token at a time: embedding, attention, a two-layer perceptron, logits.
//!
//! It is the seed program's `gpt()` function, line for line. What differs, and why:
//! 1. A sum of products is one [`Dot`](scalar_autograd::Operation::Dot) node, not two nodes a term. The products are
//!    added in the program's order, so the numbers are the same.
//! 2. `x / rms` and `e / Σe` compute the reciprocal once for all elements. Division by y *is* multiplication by y⁻¹
//!    in the program, so these numbers are the same too.
//! 3. The mean square is a dot product of x with itself: `x * x` where the program has `x ** 2`, which can differ in the
//!    last bit.

use scalar_autograd::{Tape, Value, Values};

use crate::config::Config;
use crate::model::Model;

/// A matrix on a tape.
#[derive(Clone, Copy)]
struct Weights<'t> {
    values: Values<'t, f64>,
    columns: usize,
}

impl<'t> Weights<'t> {
    fn row(self, row: usize) -> Values<'t, f64> {
        self.values.slice(row * self.columns..(row + 1) * self.columns)
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
    keys: Vec<Vec<Values<'t, f64>>>,
    values: Vec<Vec<Values<'t, f64>>>,
}

impl<'t> Cache<'t> {
    /// The position of the next token, counted from 0.
    pub fn position(&self) -> usize {
        self.keys.first().map_or(0, Vec::len)
    }
}

impl<'t> Gpt<'t> {
    /// The model, with `parameters` (all of them, in the order of [`Parameters::iter`](crate::Parameters::iter)) on
    /// their tape.
    ///
    /// # Panics
    ///
    /// If there are not as many parameters as the model has.
    pub fn new(model: &Model, parameters: Values<'t, f64>) -> Self {
        let (config, vocab_size) = (model.config, model.tokenizer.vocab_size());
        let expected = model.parameters.len();
        assert!(parameters.len() == expected, "{} values for {expected} parameters", parameters.len());
        let mut end = 0;
        let mut matrices = model.parameters.matrices().iter().map(|matrix| {
            let start = end;
            end += matrix.rows() * matrix.columns();
            Weights { values: parameters.slice(start..end), columns: matrix.columns() }
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
        let layers = || (0..self.config.n_layer).map(|_| Vec::new()).collect();
        Cache { keys: layers(), values: layers() }
    }

    /// The logits of the token after `token`, which is at `position`.
    ///
    /// # Panics
    ///
    /// If the token is not in the vocabulary, or the position not in the block.
    pub fn logits(&self, token: usize, position: usize, cache: &mut Cache<'t>) -> Values<'t, f64> {
        assert!(token < self.vocab_size, "token {token} of {}", self.vocab_size);
        assert!(position < self.config.block_size, "position {position} in a block of {}", self.config.block_size);
        let mut x = rms_norm(self.wte.row(token) + self.wpe.row(position));
        for (layer, block) in self.blocks.iter().enumerate() {
            x = self.attention(rms_norm(x), block, &mut cache.keys[layer], &mut cache.values[layer]) + x;
            x = linear(linear(rms_norm(x), block.fc1.values).relu(), block.fc2.values) + x;
        }
        linear(x, self.lm_head.values)
    }

    /// What each head finds in the positions so far, put together and projected.
    fn attention(
        &self,
        x: Values<'t, f64>,
        block: &Block<'t>,
        keys: &mut Vec<Values<'t, f64>>,
        values: &mut Vec<Values<'t, f64>>,
    ) -> Values<'t, f64> {
        let query = linear(x, block.wq.values);
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
/// If the inputs do not divide the number of weights.
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
    const EPSILON: f64 = 1e-8;
    let mean_square = x.dot(x) * reciprocal(x.len() as f64);
    x * (mean_square + EPSILON).powf(0.5).powf(-1.0)
}

/// What the program multiplies by where it divides by a constant. Python's `n ** -1` is the mathematics library's `pow`,
/// which an exponent that the compiler can see would not be.
pub(crate) fn reciprocal(n: f64) -> f64 {
    n.powf(std::hint::black_box(-1.0))
}

/// An upper bound of what a name of that many positions records: nodes, and links of nodes with many children.
/// `None` if it is beyond counting.
pub fn graph_size(config: &Config, vocab_size: usize, positions: usize) -> Option<usize> {
    let n = config.n_embd;
    let norm = n + 7;
    // Over all positions, a head sees 1 + 2 + … + positions of them.
    let seen = positions.checked_mul(positions.checked_add(1)?)? / 2;
    // Linear layers, residuals, ReLU: 13 n nodes and 10 n dot products of two links; heads: softmax, weighted sums.
    let layer_at_a_position = n.checked_mul(38)?.checked_add(2 * norm)?.checked_add(config.n_head.checked_mul(4)?)?;
    let layer_for_what_is_seen = config.n_head.checked_mul(7)?.checked_add(n.checked_mul(2)?)?;
    let ends = n.checked_add(norm)?.checked_add(vocab_size.checked_mul(6)?)?.checked_add(8)?;
    let at_a_position = layer_at_a_position.checked_mul(config.n_layer)?.checked_add(ends)?;
    let for_what_is_seen = layer_for_what_is_seen.checked_mul(config.n_layer)?;
    at_a_position.checked_mul(positions)?.checked_add(for_what_is_seen.checked_mul(seen)?)?.checked_add(4)
}
