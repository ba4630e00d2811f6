//! The model on the device, a whole batch at a time: forward, and the chain rule back. `tensor/gpt.rs`, launch by
//! launch.

use gpu_device::{Buffer, Device};
use gpukern::{Attention, SavedOnDevice};

use super::batch::Batch;
use super::kernels::{Gpu, Part};
use super::tensors::{Block, HEAD, Tensors, WPE, WTE};
use crate::config::Config;
use crate::error::Error;
use crate::model::Model;

/// The sizes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gpt {
    pub(super) config: Config,
    pub(super) vocab: usize,
}

/// The only part of a row that has one.
const WHOLE: Part = Part { parts: 1, part: 0, first: 0 };

/// Queries, keys and values of a token, side by side.
pub(super) fn qkv(part: usize) -> Part {
    Part { parts: 3, part, first: 0 }
}

/// What the forward pass of a block leaves for its backward pass.
struct Layer {
    normed1: Buffer<f32>,
    inverse1: Buffer<f32>,
    qkv: Buffer<f32>,
    q: Buffer<f32>,
    k: Buffer<f32>,
    v: Buffer<f32>,
    heads_out: Buffer<f32>,
    log_sum_exp: Buffer<f32>,
    attention: Buffer<f32>,
    /// The residual stream between attention and perceptron.
    middle: Buffer<f32>,
    normed2: Buffer<f32>,
    inverse2: Buffer<f32>,
    hidden: Buffer<f32>,
}

/// Everything that a pass writes, for a batch of so many documents.
pub(super) struct Work {
    pub(super) batch: Batch,
    sums: Buffer<f32>,
    inverse: Buffer<f32>,
    /// The residual stream before each block, and after the last.
    x: Vec<Buffer<f32>>,
    layers: Vec<Layer>,
    logits: Buffer<f32>,
    /// Of each token; [`Gpt::forward`]'s result is their sum.
    loss: Buffer<f32>,
    log_sum_exp: Buffer<f32>,
    d_loss: Buffer<f32>,
    d_logits: Buffer<f32>,
    d_x: Buffer<f32>,
    d_through: Buffer<f32>,
    d_normed: Buffer<f32>,
    d_hidden: Buffer<f32>,
    d_attention: Buffer<f32>,
    d_heads_out: Buffer<f32>,
    d_heads: [Buffer<f32>; 3],
    d_qkv: Buffer<f32>,
}

impl Gpt {
    pub(super) fn new(model: &Model) -> Self {
        Gpt { config: *model.config(), vocab: model.tokenizer().vocab_size() }
    }

    /// Attention of `batch` texts with `queries` new tokens each, after `keys − queries` others.
    pub(super) fn problem(&self, batch: usize, queries: usize, keys: usize) -> Attention {
        let Config { n_head, block_size, .. } = self.config;
        Attention {
            batch,
            heads: n_head,
            kv_heads: n_head,
            queries,
            keys,
            head_dim: self.config.head_dim(),
            causal: true,
            scale: None,
            key_capacity: Some(block_size),
        }
    }

    /// The loss of the batch in `work`. What [`backward`](Gpt::backward) needs stays there.
    pub(super) fn forward(&self, gpu: &Gpu, weights: &Tensors, work: &mut Work) -> Result<f64, Error> {
        let n = self.config.n_embd;
        let problem = self.problem(work.batch.documents, self.config.block_size, self.config.block_size);
        let Work { batch, sums, inverse, x, layers, logits, loss, log_sum_exp, d_loss, .. } = work;
        let Tensors(w) = weights;
        gpu.embed(batch, [&w[WTE], &w[WPE]], n, sums)?;
        gpu.norm(n, sums, &mut x[0], inverse)?;
        for (index, layer) in layers.iter_mut().enumerate() {
            let block = Block::of_layer(index);
            let (before, after) = x.split_at_mut(index + 1);
            let (before, after) = (&before[index], &mut after[0]);
            gpu.norm(n, before, &mut layer.normed1, &mut layer.inverse1)?;
            gpu.linear((&layer.normed1, n), &w[block.wqkv], (1.0, 0.0), &mut layer.qkv)?;
            for (part, to) in [&mut layer.q, &mut layer.k, &mut layer.v].into_iter().enumerate() {
                gpu.split_heads(&problem, qkv(part), &layer.qkv, to)?;
            }
            let inputs = [&layer.q, &layer.k, &layer.v];
            gpu.attend(&problem, inputs, &mut layer.heads_out, &mut layer.log_sum_exp)?;
            gpu.join_heads(&problem, WHOLE, &layer.heads_out, &mut layer.attention)?;
            layer.middle.copy_from_buffer(before)?;
            gpu.linear((&layer.attention, n), &w[block.wo], (1.0, 1.0), &mut layer.middle)?;
            gpu.norm(n, &layer.middle, &mut layer.normed2, &mut layer.inverse2)?;
            gpu.linear((&layer.normed2, n), &w[block.fc1], (1.0, 0.0), &mut layer.hidden)?;
            gpu.relu(&mut layer.hidden)?;
            after.copy_from_buffer(&layer.middle)?;
            gpu.linear((&layer.hidden, 4 * n), &w[block.fc2], (1.0, 1.0), after)?;
        }
        gpu.linear((&x[layers.len()], n), &w[HEAD], (1.0, 0.0), logits)?;
        gpu.loss(batch, (logits, self.vocab), loss, [log_sum_exp, d_loss])?;
        Ok(loss.to_vec()?.into_iter().map(f64::from).sum())
    }

    /// The gradient of the loss that [`forward`](Gpt::forward) has just computed.
    pub(super) fn backward(
        &self,
        gpu: &Gpu,
        weights: &Tensors,
        work: &mut Work,
        gradient: &mut Tensors,
    ) -> Result<(), Error> {
        let n = self.config.n_embd;
        let (Tensors(w), Tensors(d_w)) = (weights, gradient);
        let x = &work.x[work.layers.len()];
        let kept = [&work.log_sum_exp, &work.d_loss];
        gpu.loss_backward(&work.batch, (&work.logits, self.vocab), kept, &mut work.d_logits)?;
        gpu.weights_gradient(&work.d_logits, (x, n), &mut d_w[HEAD])?;
        gpu.inputs_gradient(&work.d_logits, (&w[HEAD], n), &mut work.d_x)?;
        for index in (0..work.layers.len()).rev() {
            self.block_backward(gpu, weights, work, index, d_w)?;
        }
        let Work { batch, sums, inverse, d_x, d_through, .. } = work;
        gpu.norm_backward(n, (sums, inverse), d_x, d_through)?;
        gpu.embed_backward(&batch.tokens, d_through, n, &mut d_w[WTE])?;
        gpu.embed_backward(&batch.positions, d_through, n, &mut d_w[WPE])
    }

    /// Through the perceptron, then through attention: the gradients of a block's matrices, and `d_x` before it.
    fn block_backward(
        &self,
        gpu: &Gpu,
        Tensors(w): &Tensors,
        work: &mut Work,
        index: usize,
        d_w: &mut [Buffer<f32>],
    ) -> Result<(), Error> {
        let (n, block) = (self.config.n_embd, Block::of_layer(index));
        let problem = self.problem(work.batch.documents, self.config.block_size, self.config.block_size);
        let Work { x, layers, d_x, d_through, d_normed, d_hidden, d_attention, d_heads_out, d_heads, d_qkv, .. } = work;
        let layer = &layers[index];
        gpu.weights_gradient(d_x, (&layer.hidden, 4 * n), &mut d_w[block.fc2])?;
        gpu.inputs_gradient(d_x, (&w[block.fc2], 4 * n), d_hidden)?;
        gpu.relu_backward(&layer.hidden, d_hidden)?;
        gpu.weights_gradient(d_hidden, (&layer.normed2, n), &mut d_w[block.fc1])?;
        gpu.inputs_gradient(d_hidden, (&w[block.fc1], n), d_normed)?;
        gpu.norm_backward(n, (&layer.middle, &layer.inverse2), d_normed, d_through)?;
        gpu.add(d_through, d_x)?;

        gpu.weights_gradient(d_x, (&layer.attention, n), &mut d_w[block.wo])?;
        gpu.inputs_gradient(d_x, (&w[block.wo], n), d_attention)?;
        gpu.split_heads(&problem, WHOLE, d_attention, d_heads_out)?;
        let Layer { q, k, v, heads_out: out, log_sum_exp, .. } = layer;
        gpu.attend_backward(&problem, SavedOnDevice { q, k, v, out, log_sum_exp }, d_heads_out, d_heads)?;
        for (part, from) in d_heads.iter().enumerate() {
            gpu.join_heads(&problem, qkv(part), from, d_qkv)?;
        }
        gpu.weights_gradient(d_qkv, (&layer.normed1, n), &mut d_w[block.wqkv])?;
        gpu.inputs_gradient(d_qkv, (&w[block.wqkv], n), d_normed)?;
        gpu.norm_backward(n, (&x[index], &layer.inverse1), d_normed, d_through)?;
        gpu.add(d_through, d_x)
    }

    /// Bytes that a row needs in `work`.
    pub(super) fn bytes_a_row(&self) -> u128 {
        let [n, layers, vocab, heads] =
            [self.config.n_embd, self.config.n_layer, self.vocab, self.config.n_head].map(|size| size as u128);
        4 * (layers * (16 * n + heads + 2) + 17 * n + 2 * vocab + 8)
    }
}

impl Work {
    pub(super) fn new(device: &Device, gpt: &Gpt, documents: usize) -> Result<Self, Error> {
        let Config { n_embd: n, n_head, n_layer, block_size } = gpt.config;
        let rows =
            |cols: usize| -> Result<Buffer<f32>, Error> { Ok(device.uninitialised(documents * block_size * cols)?) };
        let layer = || -> Result<Layer, Error> {
            Ok(Layer {
                normed1: rows(n)?,
                inverse1: rows(1)?,
                qkv: rows(3 * n)?,
                q: rows(n)?,
                k: rows(n)?,
                v: rows(n)?,
                heads_out: rows(n)?,
                log_sum_exp: rows(n_head)?,
                attention: rows(n)?,
                middle: rows(n)?,
                normed2: rows(n)?,
                inverse2: rows(1)?,
                hidden: rows(4 * n)?,
            })
        };
        Ok(Work {
            batch: Batch::new(device, documents, block_size)?,
            sums: rows(n)?,
            inverse: rows(1)?,
            x: (0..=n_layer).map(|_| rows(n)).collect::<Result<_, _>>()?,
            layers: (0..n_layer).map(|_| layer()).collect::<Result<_, _>>()?,
            logits: rows(gpt.vocab)?,
            loss: rows(1)?,
            log_sum_exp: rows(1)?,
            d_loss: rows(1)?,
            d_logits: rows(gpt.vocab)?,
            d_x: rows(n)?,
            d_through: rows(n)?,
            d_normed: rows(n)?,
            d_hidden: rows(4 * n)?,
            d_attention: rows(n)?,
            d_heads_out: rows(n)?,
            d_heads: [rows(n)?, rows(n)?, rows(n)?],
            d_qkv: rows(3 * n)?,
        })
    }
}
