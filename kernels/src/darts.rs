//! Random darts at a quarter circle, counted exactly: π ≈ 4 · inside / samples. `cuda/darts.cu`.
//!
//! The count is defined by (first, samples, seed) alone, on any grid and on the CPU:
//!
//! ```text
//! key     = seed: its low 32 bits, its high 32 bits
//! counter = b, 64 bits, low word first, then two words 0
//! output  = Philox4x32-10(counter, key) = w0 w1 w2 w3: dart 2b is (x, y) = (w0, w1), dart 2b + 1 is (w2, w3)
//! inside  ⇔ (2x + 1)² + (2y + 1)² ≤ 2⁶⁶ ⇔ x·(x + 1) + y·(y + 1) < 2⁶⁴
//! ```
//!
//! The first million darts of seed 42 count 785,856 inside.

use crate::Entry;

/// The PTX.
pub const PTX: &str = include_str!("../ptx/darts.ptx");

/// Threads of a block.
pub const BLOCK: [u32; 3] = [256, 1, 1];

/// Adds to `*inside`, a u64 that the launcher sets to 0, how many of the darts `first` … `first + samples` − 1 are inside.
/// `first`, `samples` and `seed` are 64-bit numbers, and `first + samples` is below 2⁶⁴.
///
/// Grid: any number of blocks in x; each thread takes every (grid · 256)th pair of darts.
pub const DARTS: Entry = Entry {
    name: "darts",
    threads: Some(256),
    parameters: &[("first", "u64"), ("samples", "u64"), ("seed", "u64"), ("inside", "u64")],
};
