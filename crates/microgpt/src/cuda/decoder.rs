//! Decoding on the device, one token at a time: keys and values stay in a cache there.

use gpu_device::Buffer;

use super::Gpt;
use super::batch::Batch;
use super::gpt::qkv;
use super::kernels::{Gpu, Part};
use super::tensors::{Block, HEAD, Tensors, WPE, WTE};
use crate::engine::{Context, Decoder};
use crate::error::Error;
use crate::model::Model;

pub(super) struct CudaDecoder {
    gpu: Gpu,
    gpt: Gpt,
    weights: Tensors,
    /// For each layer the keys of the positions so far, and the values: `[heads, block_size, head_dim]`.
    cache: Vec<[Buffer<f32>; 2]>,
    position: usize,
    /// One row.
    batch: Batch,
    sums: Buffer<f32>,
    x: Buffer<f32>,
    normed: Buffer<f32>,
    inverse: Buffer<f32>,
    qkv: Buffer<f32>,
    q: Buffer<f32>,
    attention: Buffer<f32>,
    log_sum_exp: Buffer<f32>,
    hidden: Buffer<f32>,
    logits: Buffer<f32>,
    softmax: Buffer<f32>,
    probabilities: Vec<f64>,
    /// What a context cannot return, until [`Decoder::decode`] does.
    failed: Option<Error>,
}

impl CudaDecoder {
    pub(super) fn new(gpu: Gpu, model: &Model) -> Result<Self, Error> {
        let (gpt, device) = (Gpt::new(model), &gpu.device);
        let numbers = model.parameters().iter().map(|parameter| parameter.data);
        let weights = Tensors::upload(device, &gpt.config, gpt.vocab, numbers)?;
        let n = gpt.config.n_embd;
        let row = |cols: usize| device.uninitialised::<f32>(cols);
        let room = || -> Result<[Buffer<f32>; 2], Error> {
            let len = gpt.config.block_size * n;
            Ok([device.uninitialised(len)?, device.uninitialised(len)?])
        };
        Ok(CudaDecoder {
            cache: (0..gpt.config.n_layer).map(|_| room()).collect::<Result<_, _>>()?,
            position: 0,
            batch: Batch::new(device, 1, 1)?,
            sums: row(n)?,
            x: row(n)?,
            normed: row(n)?,
            inverse: row(1)?,
            qkv: row(3 * n)?,
            q: row(n)?,
            attention: row(n)?,
            log_sum_exp: row(gpt.config.n_head)?,
            hidden: row(4 * n)?,
            logits: row(gpt.vocab)?,
            softmax: row(gpt.vocab)?,
            probabilities: vec![0.0; gpt.vocab],
            failed: None,
            weights,
            gpt,
            gpu,
        })
    }

    /// The residual stream after the last block.
    #[allow(clippy::cast_possible_truncation, reason = "tokens and positions are below 2²⁴")]
    fn forward(&mut self, token: usize) -> Result<(), Error> {
        let (n, position) = (self.gpt.config.n_embd, self.position);
        let (gpu, Tensors(w)) = (&self.gpu, &self.weights);
        let problem = self.gpt.problem(1, 1, position + 1);
        self.batch.tokens.copy_from_slice(&[token as u32])?;
        self.batch.positions.copy_from_slice(&[position as u32])?;
        gpu.embed(&self.batch, [&w[WTE], &w[WPE]], n, &mut self.sums)?;
        gpu.norm(n, &self.sums, &mut self.x, &mut self.inverse)?;
        for (index, [keys, values]) in self.cache.iter_mut().enumerate() {
            let block = Block::of_layer(index);
            gpu.norm(n, &self.x, &mut self.normed, &mut self.inverse)?;
            gpu.linear((&self.normed, n), &w[block.wqkv], (1.0, 0.0), &mut self.qkv)?;
            gpu.split_heads(&problem, qkv(0), &self.qkv, &mut self.q)?;
            gpu.split_heads(&problem, Part { first: position, ..qkv(1) }, &self.qkv, keys)?;
            gpu.split_heads(&problem, Part { first: position, ..qkv(2) }, &self.qkv, values)?;
            // Of one token the rows of heads are the row of the token.
            gpu.attend(&problem, [&self.q, keys, values], &mut self.attention, &mut self.log_sum_exp)?;
            gpu.linear((&self.attention, n), &w[block.wo], (1.0, 1.0), &mut self.x)?;
            gpu.norm(n, &self.x, &mut self.normed, &mut self.inverse)?;
            gpu.linear((&self.normed, n), &w[block.fc1], (1.0, 0.0), &mut self.hidden)?;
            gpu.relu(&mut self.hidden)?;
            gpu.linear((&self.hidden, 4 * n), &w[block.fc2], (1.0, 1.0), &mut self.x)?;
        }
        Ok(())
    }

    #[allow(clippy::cast_possible_truncation, reason = "rounding to f32 is the point")]
    fn softmax(&mut self, temperature: f64) -> Result<(), Error> {
        let (n, factor) = (self.gpt.config.n_embd, (1.0 / temperature) as f32);
        self.gpu.linear((&self.x, n), &self.weights.0[HEAD], (factor, 0.0), &mut self.logits)?;
        self.gpu.softmax(self.gpt.vocab, &self.logits, &mut self.softmax)?;
        let numbers = self.softmax.to_vec()?;
        self.probabilities.iter_mut().zip(numbers).for_each(|(to, p)| *to = f64::from(p));
        Ok(())
    }

    /// Notes what failed first. Probabilities are then not numbers, so that nobody goes on with them.
    fn step(&mut self, token: usize, temperature: Option<f64>) {
        let Gpt { vocab, config } = self.gpt;
        assert!(token < vocab, "token {token} of {vocab}");
        assert!(self.position < config.block_size, "position {} in a block of {}", self.position, config.block_size);
        let mut done = self.forward(token);
        if let Some(temperature) = temperature {
            done = done.and_then(|()| self.softmax(temperature));
        }
        self.position += 1;
        if let Err(error) = done {
            self.failed.get_or_insert(error);
            self.probabilities.fill(f64::NAN);
        }
    }
}

impl Decoder for CudaDecoder {
    fn decode(&mut self, text: &mut dyn FnMut(&mut dyn Context) -> Result<(), Error>) -> Result<(), Error> {
        self.position = 0;
        let done = text(self);
        self.failed.take().map_or(done, Err)
    }
}

impl Context for CudaDecoder {
    fn read(&mut self, token: usize) {
        self.step(token, None);
    }

    fn probabilities(&mut self, token: usize, temperature: f64) -> &[f64] {
        self.step(token, Some(temperature));
        &self.probabilities
    }
}
