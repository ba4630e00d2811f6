//! The model, a whole batch at a time: forward, and the chain rule back.
//!
//! ```text
//! tokens ─ wte + wpe ─ norm ─┬─ norm ─ attention ─(+)─┬─ norm ─ fc1 ─ ReLU ─ fc2 ─(+)─ … ─ lm_head ─ softmax ─ loss
//!                            └────────────────────────┘└──────────────────────────┘
//! ```
//!
//! A layer y = x·Wᵀ (a row of x a token, a row of W an output) passes back d_x = d_y·W, and its weights' gradient is
//! dW = d_yᵀ·x, the sum over all tokens. What two paths come from gets the sum of what both pass back.

use linalg::{Backend, Blocked, MatrixView, MatrixViewMut, Threads};

use super::attention::Heads;
use super::flash::{Copies, Flash};
use super::packed::Packed;
use super::rows::{Real, cross_entropy, norm, norm_backward, relu, relu_backward};
use crate::config::Config;
use crate::error::Error;

/// The sizes, and what multiplies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gpt {
    pub(super) config: Config,
    pub(super) vocab: usize,
    pub(super) products: Blocked,
}

/// Where the matrices of a block are in the weights and in their gradient; `wqkv` is three of them.
pub(super) struct Block<T> {
    pub(super) wqkv: T,
    pub(super) wo: T,
    pub(super) fc1: T,
    pub(super) fc2: T,
}

/// What the forward pass of a block leaves for its backward pass.
#[derive(Debug, Default)]
struct Layer<T> {
    normed1: Vec<T>,
    inverse1: Vec<T>,
    qkv: Vec<T>,
    /// Of attention as it is defined.
    weights: Vec<T>,
    /// Of flash attention.
    log_sum_exp: Vec<f32>,
    attention: Vec<T>,
    normed2: Vec<T>,
    inverse2: Vec<T>,
    hidden: Vec<T>,
}

/// Everything that a pass writes, a row a token.
#[derive(Debug, Default)]
pub(super) struct Work<T> {
    sums: Vec<T>,
    embedded: Vec<T>,
    embedded_inverse: Vec<T>,
    /// The residual stream.
    x: Vec<T>,
    layers: Vec<Layer<T>>,
    /// Then the loss's gradient with respect to them.
    logits: Vec<T>,
    d_x: Vec<T>,
    d_normed: Vec<T>,
    d_hidden: Vec<T>,
    d_attention: Vec<T>,
    d_qkv: Vec<T>,
    copies: Copies,
}

impl Gpt {
    fn threads(&self) -> Threads {
        self.products.threads
    }

    pub(super) fn heads(&self) -> Heads {
        Heads { count: self.config.n_head, head_dim: self.config.head_dim() }
    }

    /// Elements of the weights before the blocks: `wte`, `wpe`, `lm_head`.
    fn ends(&self) -> [usize; 3] {
        let (n, vocab) = (self.config.n_embd, self.vocab);
        [vocab * n, (vocab + self.config.block_size) * n, (2 * vocab + self.config.block_size) * n]
    }

    pub(super) fn block<'w, T>(&self, weights: &'w [T], layer: usize) -> Block<&'w [T]> {
        let n2 = self.config.n_embd * self.config.n_embd;
        let block = &weights[self.ends()[2] + 12 * n2 * layer..][..12 * n2];
        Block { wqkv: &block[..3 * n2], wo: &block[3 * n2..4 * n2], fc1: &block[4 * n2..8 * n2], fc2: &block[8 * n2..] }
    }

    fn block_mut<'w, T>(&self, weights: &'w mut [T], layer: usize) -> Block<&'w mut [T]> {
        let n2 = self.config.n_embd * self.config.n_embd;
        let block = &mut weights[self.ends()[2] + 12 * n2 * layer..][..12 * n2];
        let (wqkv, block) = block.split_at_mut(3 * n2);
        let (wo, block) = block.split_at_mut(n2);
        let (fc1, fc2) = block.split_at_mut(4 * n2);
        Block { wqkv, wo, fc1, fc2 }
    }

    /// The loss of a batch. What [`backward`](Gpt::backward) needs stays in `work`.
    pub(super) fn forward<T: Real>(&self, weights: &[T], batch: &Packed, work: &mut Work<T>) -> Result<f64, Error> {
        work.reserve(self, batch);
        let (n, threads) = (self.config.n_embd, self.threads());
        let Work { sums, embedded, embedded_inverse, x, layers, logits, copies, .. } = work;
        self.embed(weights, batch, sums);
        norm(threads, n, sums, embedded, embedded_inverse);
        x.copy_from_slice(embedded);
        for (layer, saved) in layers.iter_mut().enumerate() {
            let block = self.block(weights, layer);
            norm(threads, n, x, &mut saved.normed1, &mut saved.inverse1);
            self.linear(&saved.normed1, block.wqkv, n, T::ZERO, &mut saved.qkv)?;
            self.attention(batch, saved, copies)?;
            self.linear(&saved.attention, block.wo, n, T::ONE, x)?;
            norm(threads, n, x, &mut saved.normed2, &mut saved.inverse2);
            self.linear(&saved.normed2, block.fc1, n, T::ZERO, &mut saved.hidden)?;
            relu(threads, 4 * n, &mut saved.hidden);
            self.linear(&saved.hidden, block.fc2, 4 * n, T::ONE, x)?;
        }
        self.linear(x, self.head(weights), n, T::ZERO, logits)?;
        Ok(cross_entropy(threads, self.vocab, batch, logits))
    }

    /// The gradient of the loss that [`forward`](Gpt::forward) has just computed.
    pub(super) fn backward<T: Real>(
        &self,
        weights: &[T],
        batch: &Packed,
        work: &mut Work<T>,
        gradient: &mut [T],
    ) -> Result<(), Error> {
        let (n, threads) = (self.config.n_embd, self.threads());
        let Work {
            embedded,
            embedded_inverse,
            x,
            layers,
            logits,
            d_x,
            d_normed,
            d_hidden,
            d_attention,
            d_qkv,
            sums,
            copies,
        } = work;
        let [_, start, end] = self.ends();
        self.weights_gradient(logits, x, n, &mut gradient[start..end])?;
        self.inputs_gradient(logits, &weights[start..end], n, d_x)?;
        for (layer, saved) in layers.iter().enumerate().rev() {
            let block = self.block(weights, layer);
            let d_block = self.block_mut(gradient, layer);
            self.weights_gradient(d_x, &saved.hidden, 4 * n, d_block.fc2)?;
            self.inputs_gradient(d_x, block.fc2, 4 * n, d_hidden)?;
            relu_backward(threads, 4 * n, &saved.hidden, d_hidden);
            self.weights_gradient(d_hidden, &saved.normed2, n, d_block.fc1)?;
            self.inputs_gradient(d_hidden, block.fc1, n, d_normed)?;
            norm_backward(threads, n, (&saved.normed2, &saved.inverse2), d_normed, d_x);

            self.weights_gradient(d_x, &saved.attention, n, d_block.wo)?;
            self.inputs_gradient(d_x, block.wo, n, d_attention)?;
            self.attention_backward(batch, saved, d_attention, d_qkv, copies)?;
            self.weights_gradient(d_qkv, &saved.normed1, n, d_block.wqkv)?;
            self.inputs_gradient(d_qkv, block.wqkv, n, d_normed)?;
            norm_backward(threads, n, (&saved.normed1, &saved.inverse1), d_normed, d_x);
        }
        let d_sums = sums;
        d_sums.fill(T::ZERO);
        norm_backward(threads, n, (embedded, embedded_inverse), d_x, d_sums);
        self.embed_backward(batch, d_sums, &mut gradient[..start]);
        Ok(())
    }

    pub(super) fn flash(&self) -> Flash {
        Flash { heads: self.heads(), threads: self.threads(), isa: self.products.tiling.isa }
    }

    /// Flash attention where it pays and numbers are `f32`, otherwise as it is defined.
    fn attention<T: Real>(&self, batch: &Packed, layer: &mut Layer<T>, copies: &Copies) -> Result<(), Error> {
        let Layer { qkv, weights, log_sum_exp, attention, .. } = layer;
        if let (Some(qkv), Some(attention)) = (T::as_f32(qkv), T::as_f32_mut(attention))
            && self.flash().pays(batch)
        {
            return self.flash().forward(batch, qkv, attention, log_sum_exp, copies);
        }
        weights.resize(self.heads().all_weights(batch), T::ZERO);
        self.heads().forward(self.threads(), batch, qkv, weights, attention);
        Ok(())
    }

    fn attention_backward<T: Real>(
        &self,
        batch: &Packed,
        layer: &Layer<T>,
        d_attention: &[T],
        d_qkv: &mut [T],
        copies: &Copies,
    ) -> Result<(), Error> {
        let Layer { qkv, weights, log_sum_exp, attention, .. } = layer;
        if let (Some(qkv), Some(attention)) = (T::as_f32(qkv), T::as_f32(attention))
            && let (Some(d_attention), Some(d_qkv)) = (T::as_f32(d_attention), T::as_f32_mut(d_qkv))
            && self.flash().pays(batch)
        {
            return self.flash().backward(batch, (qkv, attention, log_sum_exp), d_attention, d_qkv, copies);
        }
        self.heads().backward(self.threads(), batch, (qkv, weights), d_attention, d_qkv);
        Ok(())
    }

    /// `sums[token] = wte[its token] + wpe[its place]`
    fn embed<T: Real>(&self, weights: &[T], batch: &Packed, sums: &mut [T]) {
        let n = self.config.n_embd;
        for (row, sum) in sums.chunks_exact_mut(n).enumerate() {
            self.embed_one(weights, batch.input(row), batch.position(row), sum);
        }
    }

    pub(super) fn embed_one<T: Real>(&self, weights: &[T], token: usize, position: usize, sum: &mut [T]) {
        let n = self.config.n_embd;
        let (wte, wpe) = weights.split_at(self.ends()[0]);
        let (what, place) = (&wte[n * token..][..n], &wpe[n * position..][..n]);
        sum.iter_mut().zip(what).zip(place).for_each(|((sum, &what), &place)| *sum = what + place);
    }

    /// The matrix that makes logits.
    pub(super) fn head<'w, T>(&self, weights: &'w [T]) -> &'w [T] {
        let [_, start, end] = self.ends();
        &weights[start..end]
    }

    fn embed_backward<T: Real>(&self, batch: &Packed, d_sums: &[T], gradient: &mut [T]) {
        let n = self.config.n_embd;
        gradient.fill(T::ZERO);
        let (wte, wpe) = gradient.split_at_mut(self.ends()[0]);
        for (row, d_sum) in d_sums.chunks_exact(n).enumerate() {
            let (what, place) = (&mut wte[n * batch.input(row)..][..n], &mut wpe[n * batch.position(row)..][..n]);
            what.iter_mut().zip(d_sum).for_each(|(to, &d)| *to += d);
            place.iter_mut().zip(d_sum).for_each(|(to, &d)| *to += d);
        }
    }

    /// `y = x·Wᵀ + beta·y`
    pub(super) fn linear<T: Real>(&self, x: &[T], w: &[T], inputs: usize, beta: T, y: &mut [T]) -> Result<(), Error> {
        self.product(matrix(x, inputs)?, matrix(w, inputs)?.transpose(), beta, y)
    }

    /// `d_x = d_y·W`
    fn inputs_gradient<T: Real>(&self, d_y: &[T], w: &[T], inputs: usize, d_x: &mut [T]) -> Result<(), Error> {
        let w = matrix(w, inputs)?;
        self.product(matrix(d_y, w.rows())?, w, T::ZERO, d_x)
    }

    /// `dW = d_yᵀ·x`
    fn weights_gradient<T: Real>(&self, d_y: &[T], x: &[T], inputs: usize, d_w: &mut [T]) -> Result<(), Error> {
        let outputs = d_w.len() / inputs;
        self.product(matrix(d_y, outputs)?.transpose(), matrix(x, inputs)?, T::ZERO, d_w)
    }

    fn product<T: Real>(&self, a: MatrixView<'_, T>, b: MatrixView<'_, T>, beta: T, c: &mut [T]) -> Result<(), Error> {
        let (rows, cols) = (a.rows(), b.cols());
        Ok(self.products.gemm(T::ONE, a, b, beta, MatrixViewMut::from_slice(c, rows, cols, cols, 1)?)?)
    }

    /// Numbers that a token needs in `work`, at most.
    pub(super) fn elements_a_token(&self) -> u128 {
        let [n, layers, vocab, heads, context] =
            [self.config.n_embd, self.config.n_layer, self.vocab, self.config.n_head, self.config.block_size]
                .map(|size| size as u128);
        layers * (10 * n + heads * context + 2) + 13 * n + vocab
    }
}

fn matrix<T: Real>(data: &[T], cols: usize) -> Result<MatrixView<'_, T>, Error> {
    Ok(MatrixView::from_slice(data, data.len() / cols, cols, cols, 1)?)
}

impl<T: Real> Work<T> {
    fn reserve(&mut self, gpt: &Gpt, batch: &Packed) {
        let (n, tokens) = (gpt.config.n_embd, batch.len());
        let resize = |list: &mut Vec<T>, cols: usize| list.resize(tokens * cols, T::ZERO);
        let Work { sums, embedded, embedded_inverse, x, layers, logits, d_x, d_normed, d_hidden, d_attention, .. } =
            self;
        for list in [sums, embedded, x, d_x, d_normed, d_attention] {
            resize(list, n);
        }
        resize(embedded_inverse, 1);
        resize(logits, gpt.vocab);
        resize(d_hidden, 4 * n);
        resize(&mut self.d_qkv, 3 * n);
        layers.resize_with(gpt.config.n_layer, Layer::default);
        for layer in layers {
            for list in [&mut layer.normed1, &mut layer.attention, &mut layer.normed2] {
                resize(list, n);
            }
            resize(&mut layer.inverse1, 1);
            resize(&mut layer.inverse2, 1);
            resize(&mut layer.qkv, 3 * n);
            resize(&mut layer.hidden, 4 * n);
        }
    }
}
