//! Attention: out = softmax(scale·Q·Kᵀ)·V for each head.
//!
//! ```text
//! q, out                [batch, heads, queries, head_dim]            row-major f32
//! k, v                  [batch, kv_heads, key_capacity, head_dim]    of which the first `keys` rows of each head are used
//! log_sum_exp           [batch, heads, queries]                      natural logarithm, over scaled scores
//! ```
//!
//! Query head h reads key/value head h / (heads / kv_heads). `causal` (not 0) hides key j from query i where
//! j > i + keys − queries: the last query is aligned with the last key. A row that sees no key gives out 0 and
//! log_sum_exp −∞. Every output is overwritten.
//!
//! The launcher guarantees: `batch`, `heads`, `kv_heads`, `queries`, `head_dim` ≥ 1; `heads` a multiple of `kv_heads`;
//! `keys` ≤ `key_capacity`; `queries` and `keys` at most [`LENGTH_MAX`]; `head_dim` at most the kernel's.

/// The largest number of queries and of keys.
pub const LENGTH_MAX: u32 = 1 << 30;

/// The largest head dimension of the flash kernels.
pub const HEAD_DIM_MAX: u32 = 256;

/// The flash kernels' head dimension: theirs are padded to the next of these.
pub const HEAD_DIMS: [u32; 4] = [32, 64, 128, 256];

/// Which of [`HEAD_DIMS`] holds `head_dim`: the index of the entry in a table such as [`flash_forward::ENTRIES`]. 4 where none
/// does.
pub const fn variant(head_dim: u32) -> usize {
    let mut index = 0;
    while index < HEAD_DIMS.len() && HEAD_DIMS[index] < head_dim {
        index += 1;
    }
    index
}

/// Without the N×N matrix, in f32. `cuda/flash_forward.cu`.
pub mod flash_forward {
    use crate::Entry;

    /// The PTX.
    pub const PTX: &str = include_str!("../ptx/flash_forward.ptx");

    /// Threads of a block.
    pub const BLOCK: [u32; 3] = [128, 1, 1];

    const PARAMETERS: &[(&str, &str)] = &[
        ("batch", "u32"),
        ("heads", "u32"),
        ("kv_heads", "u32"),
        ("queries", "u32"),
        ("keys", "u32"),
        ("key_capacity", "u32"),
        ("head_dim", "u32"),
        ("scale", "f32"),
        ("causal", "u32"),
        ("q", "u64"),
        ("k", "u64"),
        ("v", "u64"),
        ("out", "u64"),
        ("log_sum_exp", "u64"),
    ];

    /// An entry for each of [`HEAD_DIMS`](super::HEAD_DIMS): all with the same parameters. Grid: [`grid`] blocks in x.
    pub const ENTRIES: [Entry; 4] = [
        Entry { name: "flash_forward_d32", threads: Some(128), parameters: PARAMETERS },
        Entry { name: "flash_forward_d64", threads: Some(128), parameters: PARAMETERS },
        Entry { name: "flash_forward_d128", threads: Some(128), parameters: PARAMETERS },
        Entry { name: "flash_forward_d256", threads: Some(128), parameters: PARAMETERS },
    ];

    /// Queries of a block, for each of [`HEAD_DIMS`](super::HEAD_DIMS).
    pub const QUERY_TILES: [u32; 4] = [64, 64, 32, 16];

    /// Keys of a tile.
    pub const KEY_TILE: u32 = 32;

    /// Blocks in x: a tile of queries and a head each. `heads` counts the batch in: batch · heads.
    pub const fn grid(heads: u32, queries: u32, variant: usize) -> u64 {
        heads as u64 * queries.div_ceil(QUERY_TILES[variant]) as u64
    }
}
