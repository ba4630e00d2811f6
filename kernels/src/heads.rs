//! Between rows of tokens and heads. `cuda/heads.cu`.
//!
//! `rows` is f32 `[batch, tokens, parts, heads, head_dim]`, `by_head` `[batch, heads, capacity, head_dim]`, without gaps; all sizes but `first`
//! ≥ 1, `part` < `parts`, `first` + `tokens` ≤ `capacity`. Grid: any number of blocks in x; each thread takes every (grid · block)th number.

use crate::Entry;

/// The PTX.
pub const PTX: &str = include_str!("../ptx/heads.ptx");

/// A good block; any with y = z = 1 does.
pub const BLOCK: [u32; 3] = [256, 1, 1];

/// by_head\[b\]\[h\]\[first + t\] = rows\[b\]\[t\]\[part\]\[h\]. Other slots stay as they are.
pub const SPLIT_HEADS: Entry = Entry {
    name: "split_heads",
    threads: None,
    parameters: &[
        ("batch", "u32"),
        ("tokens", "u32"),
        ("heads", "u32"),
        ("head_dim", "u32"),
        ("parts", "u32"),
        ("part", "u32"),
        ("capacity", "u32"),
        ("first", "u32"),
        ("rows", "u64"),
        ("by_head", "u64"),
    ],
};

/// The way back: rows\[b\]\[t\]\[part\]\[h\] = by_head\[b\]\[h\]\[first + t\]. Other parts stay as they are.
pub const JOIN_HEADS: Entry = Entry {
    name: "join_heads",
    threads: None,
    parameters: &[
        ("batch", "u32"),
        ("tokens", "u32"),
        ("heads", "u32"),
        ("head_dim", "u32"),
        ("parts", "u32"),
        ("part", "u32"),
        ("capacity", "u32"),
        ("first", "u32"),
        ("by_head", "u64"),
        ("rows", "u64"),
    ],
};
