//! Rows of two tables, added; and what a table's rows get back. `cuda/embedding.cu`.
//!
//! `out` and `d_out` are `rows`×`columns` f32, row-major without gaps, `columns` ≥ 1; `tokens`, `positions` and `index` are `rows` u32. An index
//! that is no row of its table counts as a row of zeros, and passes nothing back.

use crate::Entry;

/// The PTX.
pub const PTX: &str = include_str!("../ptx/embedding.ptx");

/// Threads of a block, of both kernels.
pub const BLOCK: [u32; 3] = [256, 1, 1];

/// Columns of a block of [`EMBEDDING_BACKWARD`].
pub const COLUMNS: u32 = 32;

/// out\[row\] = wte\[tokens\[row\]\] + wpe\[positions\[row\]\], of `vocab` and `context` rows.
///
/// Grid: any number of blocks in x; each thread takes every (grid · block)th number of the output.
pub const EMBEDDING: Entry = Entry {
    name: "embedding",
    threads: Some(256),
    parameters: &[
        ("rows", "u32"),
        ("columns", "u32"),
        ("vocab", "u32"),
        ("context", "u32"),
        ("tokens", "u64"),
        ("positions", "u64"),
        ("wte", "u64"),
        ("wpe", "u64"),
        ("out", "u64"),
    ],
};

/// d_table\[entry\] = Σ of d_out\[row\] over the rows whose index is that entry, in a fixed order. Grid: [`backward_grid`] blocks in x.
pub const EMBEDDING_BACKWARD: Entry = Entry {
    name: "embedding_backward",
    threads: Some(256),
    parameters: &[
        ("rows", "u32"),
        ("columns", "u32"),
        ("entries", "u32"),
        ("index", "u64"),
        ("d_out", "u64"),
        ("d_table", "u64"),
    ],
};

/// Blocks in x of [`EMBEDDING_BACKWARD`].
pub const fn backward_grid(entries: u32, columns: u32) -> u64 {
    entries as u64 * columns.div_ceil(COLUMNS) as u64
}
