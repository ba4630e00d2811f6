//! What happens to each number alone. `cuda/elementwise.cu`.
//!
//! Arrays hold `count` f32. Grid: any number of blocks in x; each thread takes every (grid · block)th number.

use crate::Entry;

/// The PTX.
pub const PTX: &str = include_str!("../ptx/elementwise.ptx");

/// A good block; any with y = z = 1 does.
pub const BLOCK: [u32; 3] = [256, 1, 1];

/// y = y + x.
pub const ADD: Entry =
    Entry { name: "add", threads: None, parameters: &[("count", "u64"), ("x", "u64"), ("y", "u64")] };

/// x = max(x, 0), in place; 0 for a NaN.
pub const RELU: Entry = Entry { name: "relu", threads: None, parameters: &[("count", "u64"), ("x", "u64")] };

/// d_x = 0 where y, the output of [`RELU`], is not above 0.
pub const RELU_BACKWARD: Entry =
    Entry { name: "relu_backward", threads: None, parameters: &[("count", "u64"), ("y", "u64"), ("d_x", "u64")] };

/// With p = exp(−loss): loss = −weight·log(p + floor), in place, and d_loss = weight·p/(p + floor), the derivative of the new with
/// respect to the old.
pub const FLOORED_LOSS: Entry = Entry {
    name: "floored_loss",
    threads: None,
    parameters: &[("count", "u64"), ("floor", "f32"), ("weight", "u64"), ("loss", "u64"), ("d_loss", "u64")],
};
