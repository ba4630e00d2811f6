//! Attention: out = softmax(scale·Q·Kᵀ)·V for each head (Vaswani et al. 2017, arXiv:1706.03762).
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

pub mod flash_decode;
pub mod traffic;

/// The largest number of queries and of keys.
pub const LENGTH_MAX: u32 = 1 << 30;

/// The largest head dimension of the flash kernels.
pub const HEAD_DIM_MAX: u32 = 256;

/// The head dimensions that the flash kernels are built for: any other is padded to the next of these.
pub const HEAD_DIMS: [u32; 4] = [32, 64, 128, 256];

/// Which of [`HEAD_DIMS`] holds `head_dim`: the index of the entry in a table such as [`flash_forward::ENTRIES`]. 4, which is no
/// index, where none does.
pub const fn variant(head_dim: u32) -> usize {
    let mut index = 0;
    while index < HEAD_DIMS.len() && HEAD_DIMS[index] < head_dim {
        index += 1;
    }
    index
}

/// Without the N×N matrix, in f32: flash attention (Dao et al. 2022, arXiv:2205.14135). `cuda/flash_forward.cu`.
pub mod flash_forward {
    use crate::Entry;

    /// The PTX.
    pub const PTX: &str = include_str!("../ptx/flash_forward.ptx");

    /// Threads of a block.
    pub const BLOCK: [u32; 3] = [128, 1, 1];

    pub(super) const PARAMETERS: &[(&str, &str)] = &[
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

    /// Blocks in x: a tile of queries and a head each. `heads` counts the batch in: batch · heads. `variant` is
    /// [`variant`](super::variant)'s.
    ///
    /// # Panics
    ///
    /// If `variant` is no index of [`HEAD_DIMS`](super::HEAD_DIMS).
    pub const fn grid(heads: u32, queries: u32, variant: usize) -> u64 {
        heads as u64 * queries.div_ceil(QUERY_TILES[variant]) as u64
    }
}

/// The same with q, k and v in bf16, on tensor cores; out and log_sum_exp in f32. `cuda/flash_forward_mma.cu`.
pub mod flash_forward_mma {
    use crate::Entry;

    /// The PTX.
    pub const PTX: &str = include_str!("../ptx/flash_forward_mma.ptx");

    /// Threads of a block.
    pub const BLOCK: [u32; 3] = [128, 1, 1];

    use super::flash_forward::PARAMETERS;

    /// An entry for each of [`HEAD_DIMS`](super::HEAD_DIMS), with the parameters of
    /// [`flash_forward`](super::flash_forward::ENTRIES); `q`, `k` and `v` hold bf16, 2 bytes each. Grid: [`grid`] blocks in x.
    pub const ENTRIES: [Entry; 4] = [
        Entry { name: "flash_forward_mma_d32", threads: Some(128), parameters: PARAMETERS },
        Entry { name: "flash_forward_mma_d64", threads: Some(128), parameters: PARAMETERS },
        Entry { name: "flash_forward_mma_d128", threads: Some(128), parameters: PARAMETERS },
        Entry { name: "flash_forward_mma_d256", threads: Some(128), parameters: PARAMETERS },
    ];

    /// Queries of a block, for every head dimension.
    pub const QUERY_TILE: u32 = 64;

    /// Keys of a tile, for each of [`HEAD_DIMS`](super::HEAD_DIMS).
    pub const KEY_TILES: [u32; 4] = [64, 64, 32, 16];

    /// Blocks in x: a tile of queries and a head each. `heads` counts the batch in: batch · heads.
    pub const fn grid(heads: u32, queries: u32) -> u64 {
        heads as u64 * queries.div_ceil(QUERY_TILE) as u64
    }
}

/// Gradients without the N×N matrix, in f32: three launches, [`DELTA`](flash_backward::DELTA) first.
/// `cuda/flash_backward.cu`.
///
/// Weights are calculated again from log_sum_exp (Dao et al. 2022, arXiv:2205.14135, algorithm 4).
/// d_out and d_q have the shape of q; d_k and d_v that of k, and rows past the last key receive 0. The same bits in every run.
pub mod flash_backward {
    use crate::Entry;

    /// The PTX.
    pub const PTX: &str = include_str!("../ptx/flash_backward.ptx");

    /// Threads of a block of [`DELTA`].
    pub const DELTA_BLOCK: [u32; 3] = [256, 1, 1];

    /// Threads of a block of [`DQ`] and [`DKV`].
    pub const BLOCK: [u32; 3] = [128, 1, 1];

    /// delta\[row\] = out\[row\] · d_out\[row\] for `rows` = batch · heads · queries rows.
    ///
    /// Grid: 8 rows a block, `rows.div_ceil(8)` in x; with fewer blocks, each takes several times 8.
    pub const DELTA: Entry = Entry {
        name: "flash_backward_delta",
        threads: Some(256),
        parameters: &[("rows", "u32"), ("head_dim", "u32"), ("out", "u64"), ("d_out", "u64"), ("delta", "u64")],
    };

    const DQ_PARAMETERS: &[(&str, &str)] = &[
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
        ("d_out", "u64"),
        ("log_sum_exp", "u64"),
        ("delta", "u64"),
        ("d_q", "u64"),
    ];

    const DKV_PARAMETERS: &[(&str, &str)] = &[
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
        ("d_out", "u64"),
        ("log_sum_exp", "u64"),
        ("delta", "u64"),
        ("d_k", "u64"),
        ("d_v", "u64"),
    ];

    /// dQ, an entry for each of [`HEAD_DIMS`](super::HEAD_DIMS). Grid: [`dq_grid`] blocks in x.
    pub const DQ: [Entry; 4] = [
        Entry { name: "flash_backward_dq_d32", threads: Some(128), parameters: DQ_PARAMETERS },
        Entry { name: "flash_backward_dq_d64", threads: Some(128), parameters: DQ_PARAMETERS },
        Entry { name: "flash_backward_dq_d128", threads: Some(128), parameters: DQ_PARAMETERS },
        Entry { name: "flash_backward_dq_d256", threads: Some(128), parameters: DQ_PARAMETERS },
    ];

    /// dK and dV, an entry for each of [`HEAD_DIMS`](super::HEAD_DIMS). Grid: [`dkv_grid`] blocks in x.
    pub const DKV: [Entry; 4] = [
        Entry { name: "flash_backward_dkv_d32", threads: Some(128), parameters: DKV_PARAMETERS },
        Entry { name: "flash_backward_dkv_d64", threads: Some(128), parameters: DKV_PARAMETERS },
        Entry { name: "flash_backward_dkv_d128", threads: Some(128), parameters: DKV_PARAMETERS },
        Entry { name: "flash_backward_dkv_d256", threads: Some(128), parameters: DKV_PARAMETERS },
    ];

    /// Rows that a block owns (queries for [`DQ`], keys for [`DKV`]), for each of [`HEAD_DIMS`](super::HEAD_DIMS).
    pub const OWN_TILES: [u32; 4] = [32, 32, 16, 16];

    /// Rows that stream by at a time, for each of [`HEAD_DIMS`](super::HEAD_DIMS).
    pub const STREAMED_TILES: [u32; 4] = [32, 32, 32, 16];

    /// Blocks in x of [`DQ`]; `heads` is batch · heads.
    ///
    /// # Panics
    ///
    /// If `variant` is no index of [`HEAD_DIMS`](super::HEAD_DIMS).
    pub const fn dq_grid(heads: u32, queries: u32, variant: usize) -> u64 {
        heads as u64 * queries.div_ceil(OWN_TILES[variant]) as u64
    }

    /// Blocks in x of [`DKV`]; `kv_heads` is batch · kv_heads.
    ///
    /// # Panics
    ///
    /// If `variant` is no index of [`HEAD_DIMS`](super::HEAD_DIMS).
    pub const fn dkv_grid(kv_heads: u32, key_capacity: u32, variant: usize) -> u64 {
        kv_heads as u64 * key_capacity.div_ceil(OWN_TILES[variant]) as u64
    }
}

/// Through the N×N matrix, as in the textbook: three launches in this order. `cuda/attention_naive.cu`.
///
/// The scores, `[batch, heads, queries, keys]` f32, are the launcher's buffer; they end as softmax weights.
pub mod naive {
    use crate::Entry;

    /// The PTX.
    pub const PTX: &str = include_str!("../ptx/attention_naive.ptx");

    /// Rows and columns of a tile of [`SCORES`] and [`VALUES`].
    pub const TILE: u32 = 32;

    /// Threads of a block of [`SCORES`] and [`VALUES`].
    pub const TILE_BLOCK: [u32; 3] = [TILE, TILE, 1];

    /// Threads of a block of [`SOFTMAX`].
    pub const SOFTMAX_BLOCK: [u32; 3] = [256, 1, 1];

    /// scores\[i\]\[j\] = scale · q\[i\] · k\[j\], −∞ where hidden. Grid: [`grid`] (of queries, keys) blocks in x; none if `keys` is 0.
    pub const SCORES: Entry = Entry {
        name: "attention_scores",
        threads: Some(1024),
        parameters: &[
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
            ("scores", "u64"),
        ],
    };

    /// Softmax of `rows` = batch · heads · queries rows in place; log_sum_exp is written.
    ///
    /// Grid: a block a row, `rows` in x; with fewer, each takes several.
    pub const SOFTMAX: Entry = Entry {
        name: "attention_softmax",
        threads: Some(256),
        parameters: &[("rows", "u32"), ("keys", "u32"), ("scores", "u64"), ("log_sum_exp", "u64")],
    };

    /// out = weights · v. Grid: [`grid`] (of queries, head_dim) blocks in x.
    pub const VALUES: Entry = Entry {
        name: "attention_values",
        threads: Some(1024),
        parameters: &[
            ("batch", "u32"),
            ("heads", "u32"),
            ("kv_heads", "u32"),
            ("queries", "u32"),
            ("keys", "u32"),
            ("key_capacity", "u32"),
            ("head_dim", "u32"),
            ("weights", "u64"),
            ("v", "u64"),
            ("out", "u64"),
        ],
    };

    /// Blocks in x for a `rows`×`columns` result of each of `heads` = batch · heads heads.
    pub const fn grid(heads: u32, rows: u32, columns: u32) -> u64 {
        heads as u64 * rows.div_ceil(TILE) as u64 * columns.div_ceil(TILE) as u64
    }
}
