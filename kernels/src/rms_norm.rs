//! RMS norm of the rows of a matrix (Zhang and Sennrich 2019, arXiv:1910.07467), and its gradients; sums down columns. `cuda/rms_norm.cu`.
//!
//! All matrices are `rows`×`columns` f32, row-major without gaps, `columns` ≥ 1; `weight` and `d_weight` have `columns` numbers, `inverse_rms`
//! has `rows`. `has_weight` 0: weights count as 1, and `weight` is not read.

use crate::Entry;

/// The PTX.
pub const PTX: &str = include_str!("../ptx/rms_norm.ptx");

/// Threads of a block, of every kernel here.
pub const BLOCK: [u32; 3] = [256, 1, 1];

/// Columns of a block of the kernels that sum down columns.
pub const COLUMNS: u32 = 32;

/// Rows of a run of [`BACKWARD_DWEIGHT`].
pub const RUN: u32 = 512;

/// out = weight ∘ x · inverse_rms, with inverse_rms = 1 / √(mean(x²) + epsilon) of each row.
///
/// Grid: a block a row, `rows` in x; with fewer, each takes several.
pub const RMS_NORM: Entry = Entry {
    name: "rms_norm",
    threads: Some(256),
    parameters: &[
        ("rows", "u32"),
        ("columns", "u32"),
        ("epsilon", "f32"),
        ("has_weight", "u32"),
        ("x", "u64"),
        ("weight", "u64"),
        ("out", "u64"),
        ("inverse_rms", "u64"),
    ],
};

/// d_x = r·(g − x·r²·mean(g ∘ x)), with g = weight ∘ d_out and r = inverse_rms. Grid: as [`RMS_NORM`].
pub const BACKWARD_DX: Entry = Entry {
    name: "rms_norm_backward_dx",
    threads: Some(256),
    parameters: &[
        ("rows", "u32"),
        ("columns", "u32"),
        ("has_weight", "u32"),
        ("x", "u64"),
        ("weight", "u64"),
        ("inverse_rms", "u64"),
        ("d_out", "u64"),
        ("d_x", "u64"),
    ],
};

/// Row r of `partial`, `[`[`runs`]`, columns]`: the sum of d_out ∘ x · inverse_rms over the rows of run r. With one run it is d_weight;
/// otherwise [`COLUMN_SUMS`] of it is. `run` is [`RUN`]. Grid: [`dweight_grid`] blocks in x.
pub const BACKWARD_DWEIGHT: Entry = Entry {
    name: "rms_norm_backward_dweight",
    threads: Some(256),
    parameters: &[
        ("rows", "u32"),
        ("columns", "u32"),
        ("run", "u32"),
        ("x", "u64"),
        ("inverse_rms", "u64"),
        ("d_out", "u64"),
        ("partial", "u64"),
    ],
};

/// sums\[j\] = Σ over the rows of x\[·\]\[j\]: also the gradient of a bias. Grid: `columns.div_ceil(`[`COLUMNS`]`)` blocks in x.
pub const COLUMN_SUMS: Entry = Entry {
    name: "column_sums",
    threads: Some(256),
    parameters: &[("rows", "u32"), ("columns", "u32"), ("x", "u64"), ("sums", "u64")],
};

/// Runs of rows; one where there are no rows.
pub const fn runs(rows: u32) -> u32 {
    if rows == 0 { 1 } else { rows.div_ceil(RUN) }
}

/// Blocks in x of [`BACKWARD_DWEIGHT`].
pub const fn dweight_grid(rows: u32, columns: u32) -> u64 {
    runs(rows) as u64 * columns.div_ceil(COLUMNS) as u64
}
