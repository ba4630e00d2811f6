//! A problem in the 32-bit numbers that kernels take.

use gpu_device::Argument;
use gpukern_kernels::attention::{HEAD_DIM_MAX, LENGTH_MAX, variant};
use gpukern_kernels::{DIMENSION_MAX, GRID_X_MAX};

use crate::{Attention, Error, Rows};

pub(super) struct Sizes {
    pub(super) batch: u32,
    heads: u32,
    kv_heads: u32,
    pub(super) queries: u32,
    pub(super) keys: u32,
    pub(super) key_capacity: u32,
    pub(super) head_dim: u32,
    scale: f32,
    causal: bool,
}

impl Sizes {
    /// Of a problem that was checked.
    pub(super) fn new(problem: &Attention) -> Result<Self, Error> {
        let Attention { batch, heads, kv_heads, queries, keys, head_dim, causal, .. } = *problem;
        let sizes = Self {
            batch: at_most("batch", batch, DIMENSION_MAX)?,
            heads: at_most("heads", heads, DIMENSION_MAX)?,
            kv_heads: at_most("kv_heads", kv_heads, DIMENSION_MAX)?,
            queries: at_most("queries", queries, LENGTH_MAX)?,
            keys: at_most("keys", keys, LENGTH_MAX)?,
            key_capacity: at_most("key_capacity", problem.key_rows(), DIMENSION_MAX)?,
            head_dim: at_most("head_dim", head_dim, DIMENSION_MAX)?,
            scale: problem.scale_or_default(),
            causal,
        };
        // Kernels count the rows of all heads and batch entries in 32 bits. That they do not overflow usize was checked.
        at_most("batch · heads · queries", problem.rows()?, GRID_X_MAX)?;
        at_most("batch · heads", batch.saturating_mul(heads), DIMENSION_MAX)?;
        Ok(sizes)
    }

    /// Whether there is nothing to attend with.
    pub(super) fn is_empty(&self) -> bool {
        self.batch == 0 || self.queries == 0
    }

    /// batch · heads.
    pub(super) fn all_heads(&self) -> u32 {
        self.batch * self.heads
    }

    /// batch · kv_heads.
    pub(super) fn all_kv_heads(&self) -> u32 {
        self.batch * self.kv_heads
    }

    /// batch · heads · queries.
    pub(super) fn rows(&self) -> u32 {
        self.all_heads() * self.queries
    }

    /// Rows that read the same keys.
    pub(super) fn rows_sharing(&self) -> u32 {
        self.heads / self.kv_heads * self.queries
    }

    /// The flash kernels' entry for this head dimension.
    pub(super) fn variant(&self) -> Result<usize, Error> {
        at_most("head_dim", self.head_dim as usize, HEAD_DIM_MAX).map(variant)
    }

    /// batch, heads, kv_heads, queries, keys, key_capacity, head_dim: what nearly every kernel begins with.
    pub(super) fn shape(&self) -> Vec<Argument<'static>> {
        let Self { batch, heads, kv_heads, queries, keys, key_capacity, head_dim, .. } = *self;
        [batch, heads, kv_heads, queries, keys, key_capacity, head_dim].map(Argument::from).into()
    }

    /// The same with scale and causal.
    pub(super) fn scored(&self) -> Vec<Argument<'static>> {
        let mut arguments = self.shape();
        arguments.extend([Argument::from(self.scale), u32::from(self.causal).into()]);
        arguments
    }
}

/// Rows and columns as kernels take them.
pub(super) fn rows_and_columns(shape: Rows) -> Result<[u32; 2], Error> {
    Ok([at_most("rows", shape.rows, DIMENSION_MAX)?, at_most("cols", shape.cols, DIMENSION_MAX)?])
}

fn at_most(name: &'static str, value: usize, max: u32) -> Result<u32, Error> {
    let fits = u32::try_from(value).ok().filter(|&value| value <= max);
    fits.ok_or(Error::KernelLimit { name, value, max: max as usize })
}
