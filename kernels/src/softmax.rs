//! Softmax of the rows of a matrix, in one pass for the sum and one for the result (Milakov and Gimelshein 2018, arXiv:1805.02867), and its
//! gradient. `cuda/softmax.cu`.

use crate::Entry;

/// The PTX.
pub const PTX: &str = include_str!("../ptx/softmax.ptx");

/// Threads of a block.
pub const BLOCK: [u32; 3] = [256, 1, 1];

/// output\[i\]\[j\] = exp(input\[i\]\[j\]) / Σ exp(input\[i\]\[·\]), both `rows`×`columns` f32, row-major without gaps; they may be the
/// same buffer. A row in which everything is −∞ becomes 0; a NaN or +∞ makes its row NaN.
///
/// Grid: a block a row, `min(rows, `[`GRID_X_MAX`](crate::GRID_X_MAX)`)` in x; with fewer, each takes several rows.
pub const SOFTMAX: Entry = Entry {
    name: "softmax",
    threads: Some(256),
    parameters: &[("rows", "u32"), ("columns", "u32"), ("input", "u64"), ("output", "u64")],
};

/// d_input\[i\]\[j\] = output\[i\]\[j\]·(d_output\[i\]\[j\] − Σ output\[i\]\[·\]·d_output\[i\]\[·\]), all `rows`×`columns` f32; `output` is
/// what [`SOFTMAX`] gave. `d_input` is not one of the others. Grid: as [`SOFTMAX`].
pub const SOFTMAX_BACKWARD: Entry = Entry {
    name: "softmax_backward",
    threads: Some(256),
    parameters: &[("rows", "u32"), ("columns", "u32"), ("output", "u64"), ("d_output", "u64"), ("d_input", "u64")],
};
