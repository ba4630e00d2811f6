//! Cross-entropy of the rows of a matrix of logits, and its gradient. `cuda/cross_entropy.cu`.
//!
//! `logits` and `d_logits` are `rows`×`columns` f32, row-major without gaps, `columns` ≥ 1; `targets` are `rows` u32, the others `rows` f32.
//! A target that is not a column (such as `u32::MAX`) leaves its row out: loss, log_sum_exp and gradient are 0.

use crate::Entry;

/// The PTX.
pub const PTX: &str = include_str!("../ptx/cross_entropy.ptx");

/// Threads of a block, of both kernels.
pub const BLOCK: [u32; 3] = [256, 1, 1];

/// log_sum_exp = log Σ exp(logits) of each row, loss = log_sum_exp − logits\[target\].
///
/// Grid: a block a row, `rows` in x; with fewer, each takes several.
pub const CROSS_ENTROPY: Entry = Entry {
    name: "cross_entropy",
    threads: Some(256),
    parameters: &[
        ("rows", "u32"),
        ("columns", "u32"),
        ("logits", "u64"),
        ("targets", "u64"),
        ("loss", "u64"),
        ("log_sum_exp", "u64"),
    ],
};

/// d_logits = d_loss·(exp(logits − log_sum_exp) − \[column = target\]). Grid: as [`CROSS_ENTROPY`].
pub const CROSS_ENTROPY_BACKWARD: Entry = Entry {
    name: "cross_entropy_backward",
    threads: Some(256),
    parameters: &[
        ("rows", "u32"),
        ("columns", "u32"),
        ("logits", "u64"),
        ("targets", "u64"),
        ("log_sum_exp", "u64"),
        ("d_loss", "u64"),
        ("d_logits", "u64"),
    ],
};
