//! Attention, plain and flash, forward and backward: [`gpukern_kernels::attention`].

use gpukern_kernels::attention::{
    HEAD_DIM_MAX, HEAD_DIMS, LENGTH_MAX, flash_backward, flash_decode, flash_forward, flash_forward_mma, naive,
};

use super::{Numbers, bytes, one_dimensional};
use crate::{Argument, Launch, Vetted};

// SAFETY, of every kernel here: see `kernels`. q, out, d_out and d_q are [batch, heads, queries, head_dim]; k, v, d_k and d_v
// [batch, kv_heads, key_capacity, head_dim]; log_sum_exp and delta [batch, heads, queries]; scores
// [batch, heads, queries, keys].

/// [`flash_forward::ENTRIES`].
pub const FLASH_FORWARD: [Vetted; 4] = {
    let [d32, d64, d128, d256] = flash_forward::ENTRIES;
    // SAFETY: as above; elements of 4 bytes.
    unsafe {
        [
            Vetted::new("flash_forward", flash_forward::PTX, d32.name, forward_reach::<0>),
            Vetted::new("flash_forward", flash_forward::PTX, d64.name, forward_reach::<1>),
            Vetted::new("flash_forward", flash_forward::PTX, d128.name, forward_reach::<2>),
            Vetted::new("flash_forward", flash_forward::PTX, d256.name, forward_reach::<3>),
        ]
    }
};

/// [`flash_forward_mma::ENTRIES`].
pub const FLASH_FORWARD_MMA: [Vetted; 4] = {
    let [d32, d64, d128, d256] = flash_forward_mma::ENTRIES;
    // SAFETY: as above; q, k and v have elements of 2 bytes, out and log_sum_exp of 4.
    unsafe {
        [
            Vetted::new("flash_forward_mma", flash_forward_mma::PTX, d32.name, forward_mma_reach::<0>),
            Vetted::new("flash_forward_mma", flash_forward_mma::PTX, d64.name, forward_mma_reach::<1>),
            Vetted::new("flash_forward_mma", flash_forward_mma::PTX, d128.name, forward_mma_reach::<2>),
            Vetted::new("flash_forward_mma", flash_forward_mma::PTX, d256.name, forward_mma_reach::<3>),
        ]
    }
};

/// [`flash_decode::ENTRIES`].
pub const FLASH_DECODE: [Vetted; 4] = {
    let [d32, d64, d128, d256] = flash_decode::ENTRIES;
    // SAFETY: as above; what splits leave is [batch, heads, queries, splits, head_dim] and [batch, heads, queries, splits].
    unsafe {
        [
            Vetted::new("flash_decode", flash_decode::PTX, d32.name, decode_reach::<0>),
            Vetted::new("flash_decode", flash_decode::PTX, d64.name, decode_reach::<1>),
            Vetted::new("flash_decode", flash_decode::PTX, d128.name, decode_reach::<2>),
            Vetted::new("flash_decode", flash_decode::PTX, d256.name, decode_reach::<3>),
        ]
    }
};

/// [`flash_decode::COMBINE`].
// SAFETY: reads `rows`×`splits`(×`head_dim`) elements of what splits left, writes `rows`(×`head_dim`) of out and log_sum_exp.
pub const FLASH_DECODE_COMBINE: Vetted =
    unsafe { Vetted::new("flash_decode", flash_decode::PTX, flash_decode::COMBINE.name, combine_reach) };

/// [`flash_backward::DELTA`].
// SAFETY: reads `rows`×`head_dim` elements of out and d_out, writes `rows` of delta.
pub const FLASH_BACKWARD_DELTA: Vetted =
    unsafe { Vetted::new("flash_backward", flash_backward::PTX, flash_backward::DELTA.name, delta_reach) };

/// [`flash_backward::DQ`].
pub const FLASH_BACKWARD_DQ: [Vetted; 4] = {
    let [d32, d64, d128, d256] = flash_backward::DQ;
    // SAFETY: as above.
    unsafe {
        [
            Vetted::new("flash_backward", flash_backward::PTX, d32.name, dq_reach::<0>),
            Vetted::new("flash_backward", flash_backward::PTX, d64.name, dq_reach::<1>),
            Vetted::new("flash_backward", flash_backward::PTX, d128.name, dq_reach::<2>),
            Vetted::new("flash_backward", flash_backward::PTX, d256.name, dq_reach::<3>),
        ]
    }
};

/// [`flash_backward::DKV`].
pub const FLASH_BACKWARD_DKV: [Vetted; 4] = {
    let [d32, d64, d128, d256] = flash_backward::DKV;
    // SAFETY: as above.
    unsafe {
        [
            Vetted::new("flash_backward", flash_backward::PTX, d32.name, dkv_reach::<0>),
            Vetted::new("flash_backward", flash_backward::PTX, d64.name, dkv_reach::<1>),
            Vetted::new("flash_backward", flash_backward::PTX, d128.name, dkv_reach::<2>),
            Vetted::new("flash_backward", flash_backward::PTX, d256.name, dkv_reach::<3>),
        ]
    }
};

/// [`naive::SCORES`].
// SAFETY: as above.
pub const NAIVE_SCORES: Vetted =
    unsafe { Vetted::new("attention_naive", naive::PTX, naive::SCORES.name, scores_reach) };

/// [`naive::SOFTMAX`].
// SAFETY: reads and writes `rows`×`keys` scores, writes `rows` of log_sum_exp.
pub const NAIVE_SOFTMAX: Vetted =
    unsafe { Vetted::new("attention_naive", naive::PTX, naive::SOFTMAX.name, softmax_reach) };

/// [`naive::VALUES`].
// SAFETY: as above; weights have the shape of scores.
pub const NAIVE_VALUES: Vetted =
    unsafe { Vetted::new("attention_naive", naive::PTX, naive::VALUES.name, values_reach) };

/// The first seven arguments of every kernel but two: what the shapes follow from.
struct Shape {
    /// batch · heads.
    heads: usize,
    /// batch · kv_heads.
    kv_heads: usize,
    queries: usize,
    keys: usize,
    key_capacity: usize,
    head_dim: usize,
}

impl Shape {
    fn new(arguments: &[Argument<'_>], head_dim_max: u32) -> Result<Self, String> {
        let numbers = Numbers(arguments);
        let positive = |index, name, most| match numbers.at_most(index, name, most)? {
            0 => Err(format!("{name} is 0, it must be at least 1")),
            size => Ok(size),
        };
        let [batch, heads, kv_heads] =
            [(0, "batch"), (1, "heads"), (2, "kv_heads")].map(|(index, name)| positive(index, name, i32::MAX as u32));
        let [batch, heads, kv_heads] = [batch?, heads?, kv_heads?];
        let (queries, head_dim) = (positive(3, "queries", LENGTH_MAX)?, positive(6, "head_dim", head_dim_max)?);
        let (keys, key_capacity) = (numbers.at_most(4, "keys", LENGTH_MAX)?, numbers.dimension(5, "key_capacity")?);
        if heads % kv_heads != 0 {
            return Err(format!("{heads} heads are not a multiple of {kv_heads} kv_heads"));
        }
        if keys > key_capacity {
            return Err(format!("{keys} keys are more than the key_capacity of {key_capacity}"));
        }
        // The kernels count the heads of all batch entries in 32 bits.
        if bytes(&[batch, heads])? > i32::MAX as usize {
            return Err(format!("batch · heads is {}, at most {} is allowed", batch * heads, i32::MAX));
        }
        Ok(Self { heads: batch * heads, kv_heads: batch * kv_heads, queries, keys, key_capacity, head_dim })
    }

    fn query_elements(&self, element: usize) -> Result<usize, String> {
        bytes(&[self.heads, self.queries, self.head_dim, element])
    }

    fn key_elements(&self, element: usize) -> Result<usize, String> {
        bytes(&[self.kv_heads, self.key_capacity, self.head_dim, element])
    }

    fn rows(&self) -> Result<usize, String> {
        bytes(&[self.heads, self.queries, 4])
    }

    fn scores(&self) -> Result<usize, String> {
        bytes(&[self.heads, self.queries, self.keys, 4])
    }

    /// q, k and v.
    fn inputs(&self, element: usize) -> Result<Vec<usize>, String> {
        let keys = self.key_elements(element)?;
        Ok(vec![self.query_elements(element)?, keys, keys])
    }
}

/// …, q, k, v, out, log_sum_exp.
fn forward_reach<const VARIANT: usize>(launch: &Launch, arguments: &[Argument<'_>]) -> Result<Vec<usize>, String> {
    let shape = Shape::new(arguments, HEAD_DIMS[VARIANT])?;
    let grid = flash_forward::grid(shape.heads as u32, shape.queries as u32, VARIANT);
    one_dimensional(launch, flash_forward::BLOCK, grid)?;
    let mut reach = shape.inputs(4)?;
    reach.extend([shape.query_elements(4)?, shape.rows()?]);
    Ok(reach)
}

/// …, q, k, v, out, log_sum_exp; the first three in bf16.
fn forward_mma_reach<const VARIANT: usize>(launch: &Launch, arguments: &[Argument<'_>]) -> Result<Vec<usize>, String> {
    let shape = Shape::new(arguments, HEAD_DIMS[VARIANT])?;
    let grid = flash_forward_mma::grid(shape.heads as u32, shape.queries as u32);
    one_dimensional(launch, flash_forward_mma::BLOCK, grid)?;
    let mut reach = shape.inputs(2)?;
    reach.extend([shape.query_elements(4)?, shape.rows()?]);
    Ok(reach)
}

/// …, q, k, v, split_keys, split_out, split_log_sum_exp.
fn decode_reach<const VARIANT: usize>(launch: &Launch, arguments: &[Argument<'_>]) -> Result<Vec<usize>, String> {
    let shape = Shape::new(arguments, HEAD_DIMS[VARIANT])?;
    let split_keys = match Numbers(arguments).at_most(12, "split_keys", LENGTH_MAX)? {
        0 => return Err("split_keys is 0, it must be at least 1".to_owned()),
        length => length as u32,
    };
    let keys = shape.keys as u32;
    let rows = bytes(&[shape.heads / shape.kv_heads, shape.queries])?;
    let rows = u32::try_from(rows).ok().filter(|&rows| rows <= i32::MAX as u32);
    let rows = rows.ok_or_else(|| format!("more than {} rows share keys", i32::MAX))?;
    one_dimensional(launch, flash_decode::BLOCK, flash_decode::grid(shape.kv_heads as u32, rows, keys, split_keys))?;
    let splits = flash_decode::splits(keys, split_keys) as usize;
    let mut reach = shape.inputs(4)?;
    reach.extend([bytes(&[splits, shape.query_elements(4)?])?, bytes(&[splits, shape.rows()?])?]);
    Ok(reach)
}

/// rows, splits, head_dim, split_out, split_log_sum_exp, out, log_sum_exp.
fn combine_reach(launch: &Launch, arguments: &[Argument<'_>]) -> Result<Vec<usize>, String> {
    let numbers = Numbers(arguments);
    let (rows, splits) = (numbers.dimension(0, "rows")?, numbers.at_most(1, "splits", flash_decode::SPLITS_MAX)?);
    let head_dim = numbers.dimension(2, "head_dim")?;
    one_dimensional(launch, flash_decode::BLOCK, rows as u64)?;
    let (out, log_sum_exp) = (bytes(&[rows, head_dim, 4])?, bytes(&[rows, 4])?);
    Ok(vec![bytes(&[splits, out])?, bytes(&[splits, log_sum_exp])?, out, log_sum_exp])
}

/// rows, head_dim, out, d_out, delta.
fn delta_reach(launch: &Launch, arguments: &[Argument<'_>]) -> Result<Vec<usize>, String> {
    let numbers = Numbers(arguments);
    let (rows, head_dim) = (numbers.dimension(0, "rows")?, numbers.at_most(1, "head_dim", HEAD_DIM_MAX)?);
    one_dimensional(launch, flash_backward::DELTA_BLOCK, rows.div_ceil(8) as u64)?;
    let elements = bytes(&[rows, head_dim, 4])?;
    Ok(vec![elements, elements, bytes(&[rows, 4])?])
}

/// …, q, k, v, d_out, log_sum_exp, delta, d_q.
fn dq_reach<const VARIANT: usize>(launch: &Launch, arguments: &[Argument<'_>]) -> Result<Vec<usize>, String> {
    let shape = Shape::new(arguments, HEAD_DIMS[VARIANT])?;
    let grid = flash_backward::dq_grid(shape.heads as u32, shape.queries as u32, VARIANT);
    one_dimensional(launch, flash_backward::BLOCK, grid)?;
    let (queries, rows) = (shape.query_elements(4)?, shape.rows()?);
    let mut reach = shape.inputs(4)?;
    reach.extend([queries, rows, rows, queries]);
    Ok(reach)
}

/// …, q, k, v, d_out, log_sum_exp, delta, d_k, d_v.
fn dkv_reach<const VARIANT: usize>(launch: &Launch, arguments: &[Argument<'_>]) -> Result<Vec<usize>, String> {
    let shape = Shape::new(arguments, HEAD_DIMS[VARIANT])?;
    let grid = flash_backward::dkv_grid(shape.kv_heads as u32, shape.key_capacity as u32, VARIANT);
    one_dimensional(launch, flash_backward::BLOCK, grid)?;
    let (rows, keys) = (shape.rows()?, shape.key_elements(4)?);
    let mut reach = shape.inputs(4)?;
    reach.extend([shape.query_elements(4)?, rows, rows, keys, keys]);
    Ok(reach)
}

/// …, q, k, scores.
fn scores_reach(launch: &Launch, arguments: &[Argument<'_>]) -> Result<Vec<usize>, String> {
    let shape = Shape::new(arguments, u32::MAX >> 1)?;
    let grid = naive::grid(shape.heads as u32, shape.queries as u32, shape.keys as u32);
    one_dimensional(launch, naive::TILE_BLOCK, grid)?;
    Ok(vec![shape.query_elements(4)?, shape.key_elements(4)?, shape.scores()?])
}

/// rows, keys, scores, log_sum_exp.
fn softmax_reach(launch: &Launch, arguments: &[Argument<'_>]) -> Result<Vec<usize>, String> {
    let numbers = Numbers(arguments);
    let (rows, keys) = (numbers.dimension(0, "rows")?, numbers.at_most(1, "keys", LENGTH_MAX)?);
    one_dimensional(launch, naive::SOFTMAX_BLOCK, rows as u64)?;
    Ok(vec![bytes(&[rows, keys, 4])?, bytes(&[rows, 4])?])
}

/// …, weights, v, out.
fn values_reach(launch: &Launch, arguments: &[Argument<'_>]) -> Result<Vec<usize>, String> {
    let shape = Shape::new(arguments, u32::MAX >> 1)?;
    let grid = naive::grid(shape.heads as u32, shape.queries as u32, shape.head_dim as u32);
    one_dimensional(launch, naive::TILE_BLOCK, grid)?;
    Ok(vec![shape.scores()?, shape.key_elements(4)?, shape.query_elements(4)?])
}
