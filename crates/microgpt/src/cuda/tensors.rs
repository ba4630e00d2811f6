//! A model's matrices in the device's memory: weights, or what has their shapes.

use gpu_device::{Buffer, Device};

use crate::config::Config;
use crate::error::Error;

/// `wte`, `wpe`, `lm_head`, then of each block `wq` over `wk` over `wv` as one matrix, `wo`, `fc1`, `fc2`: in the order
/// of [`Config::shapes`].
pub(super) struct Tensors(pub(super) Vec<Buffer<f32>>);

/// Places in [`Tensors`].
pub(super) const WTE: usize = 0;
pub(super) const WPE: usize = 1;
pub(super) const HEAD: usize = 2;

/// Places of a block's matrices.
#[derive(Clone, Copy)]
pub(super) struct Block {
    pub(super) wqkv: usize,
    pub(super) wo: usize,
    pub(super) fc1: usize,
    pub(super) fc2: usize,
}

impl Block {
    pub(super) fn of_layer(layer: usize) -> Self {
        let first = HEAD + 1 + 4 * layer;
        Block { wqkv: first, wo: first + 1, fc1: first + 2, fc2: first + 3 }
    }
}

impl Tensors {
    /// From the numbers of all matrices, one after another.
    #[allow(clippy::cast_possible_truncation, reason = "rounding to f32 is the point")]
    pub(super) fn upload(
        device: &Device,
        config: &Config,
        vocab: usize,
        numbers: impl Iterator<Item = f64>,
    ) -> Result<Self, Error> {
        let mut numbers = numbers.map(|number| number as f32);
        let n2 = config.n_embd * config.n_embd;
        let mut lens = vec![vocab * config.n_embd, config.block_size * config.n_embd, vocab * config.n_embd];
        lens.extend([3 * n2, n2, 4 * n2, 4 * n2].repeat(config.n_layer));
        let buffers = lens.into_iter().map(|len| {
            let matrix: Vec<f32> = numbers.by_ref().take(len).collect();
            Ok(device.upload(&matrix)?)
        });
        buffers.collect::<Result<_, Error>>().map(Tensors)
    }

    /// The same shapes, filled with 0.
    pub(super) fn zeros_like(device: &Device, other: &Tensors) -> Result<Self, Error> {
        let zeros = other.0.iter().map(|matrix| Ok(device.zeros(matrix.len())?));
        zeros.collect::<Result<_, Error>>().map(Tensors)
    }

    /// The numbers of all matrices, one after another; waits for the device.
    pub(super) fn to_vec(&self) -> Result<Vec<f64>, Error> {
        let mut numbers = Vec::new();
        for matrix in &self.0 {
            numbers.extend(matrix.to_vec()?.into_iter().map(f64::from));
        }
        Ok(numbers)
    }
}
