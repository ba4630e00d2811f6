//! Softmax of the rows of a matrix, in one pass for the sum and one for the result. `cuda/softmax.cu`.

use crate::Entry;

/// The PTX.
pub const PTX: &str = include_str!("../ptx/softmax.ptx");

/// Threads of a block.
pub const BLOCK: [u32; 3] = [256, 1, 1];

/// output\[i\]\[j\] = exp(input\[i\]\[j\]) / Σ exp(input\[i\]\[·\]), both `rows`×`columns` f32, row-major without gaps; they may be the
/// same buffer. A row in which everything is −∞ becomes 0.
///
/// Grid: a block a row, `min(rows, `[`GRID_X_MAX`](crate::GRID_X_MAX)`)` in x; with fewer, each takes several rows.
pub const SOFTMAX: Entry = Entry {
    name: "softmax",
    threads: Some(256),
    parameters: &[("rows", "u32"), ("columns", "u32"), ("input", "u64"), ("output", "u64")],
};
