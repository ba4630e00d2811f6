//! Random darts at a quarter circle, counted exactly: π ≈ 4 · inside / samples. `cuda/darts.cu`.
//!
//! The count is defined by (first, samples, seed) alone, on any grid and on the CPU (Philox: Salmon, Moraes, Dror and Shaw 2011, "Parallel random
//! numbers: as easy as 1, 2, 3"):
//!
//! ```text
//! key    = seed: its low 32 bits, its high 32 bits
//! b, l   = d / 4, d mod 4 of dart d
//! coarse = word l of Philox4x32-10(counter (b low, b high, 0, 0), key)
//! fine   = word l of Philox4x32-10(counter (b low, b high, 1, 0), key)
//! X      = low  half of coarse · 2¹⁶ + low  half of fine      the halves of coarse with a sign, those of fine without
//! Y      = high half of coarse · 2¹⁶ + high half of fine
//! inside ⇔ (2X + 1)² + (2Y + 1)² ≤ 2⁶⁴ ⇔ X·(X + 1) + Y·(Y + 1) < 2⁶²
//! ```
//!
//! The first million darts of seed 42 count 785,475 inside.

use crate::Entry;

/// The PTX.
pub const PTX: &str = include_str!("../ptx/darts.ptx");

/// Threads of a block.
pub const BLOCK: [u32; 3] = [256, 1, 1];

/// Adds to `*inside`, a u64 that the launcher sets to 0, how many of the darts `first` … `first + samples` − 1 are inside.
/// `first`, `samples` and `seed` are 64-bit numbers, and `first + samples` is below 2⁶⁴.
///
/// Grid: any number of blocks in x; each thread takes every (grid · 256)th block of four darts.
pub const DARTS: Entry = Entry {
    name: "darts",
    threads: Some(256),
    parameters: &[("first", "u64"), ("samples", "u64"), ("seed", "u64"), ("inside", "u64")],
};
