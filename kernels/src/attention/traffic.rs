//! How many bytes each kernel moves from and to global memory: the formulas of the sources, which the software GPU's counters agree with.
//!
//! Caches are left out: what several blocks read is counted for each. The difference between
//! [`naive()`] and [`flash_forward()`] is the matrix of scores, which one writes and reads again and the other never writes.
//!
//! ```
//! use gpukern_kernels::attention::traffic::{Problem, flash_forward, naive};
//!
//! let problem = Problem { heads: 1, kv_heads: 1, queries: 2048, keys: 2048, head_dim: 64, causal: false };
//! let [scores, softmax, values] = naive(&problem);
//! let ratio = (scores + softmax + values) as f64 / flash_forward(&problem) as f64;
//! assert!((6.3..6.4).contains(&ratio), "{ratio}");
//! ```

use super::{flash_backward, flash_decode, flash_forward, flash_forward_mma, naive, variant};

/// What the bytes depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Problem {
    /// batch · heads.
    pub heads: u64,
    /// batch · kv_heads.
    pub kv_heads: u64,
    /// Queries of a head.
    pub queries: u64,
    /// Keys of a head that are in use.
    pub keys: u64,
    /// Columns; at most [`HEAD_DIM_MAX`](super::HEAD_DIM_MAX) for the flash kernels.
    pub head_dim: u64,
    /// Whether a query sees no key after it.
    pub causal: bool,
}

impl Problem {
    /// Keys that a tile of queries loads, whose last query is `last`: whole tiles of `tile` keys, as far as there are keys.
    const fn loaded(&self, last: u64, tile: u64) -> u64 {
        let hidden = if self.causal { self.queries - 1 - last } else { 0 };
        let loaded = self.keys.saturating_sub(hidden).next_multiple_of(tile);
        if loaded < self.keys { loaded } else { self.keys }
    }

    /// Rows of keys that go by, summed over the tiles of `own` queries of a head.
    const fn keys_streamed(&self, own: u64, tile: u64) -> u64 {
        let (mut rows, mut first) = (0, 0);
        while first < self.queries {
            let end = if first + own < self.queries { first + own } else { self.queries };
            rows += self.loaded(end - 1, tile);
            first += own;
        }
        rows
    }

    /// Rows of queries of one head that go by, summed over the tiles of `own` keys.
    const fn queries_streamed(&self, own: u64, tile: u64) -> u64 {
        let (mut rows, mut first) = (0, 0);
        while first < self.keys {
            // The first query that sees the tile's first key, down to the tile that it is in.
            let hidden = self.keys - 1 - first;
            let seen = if self.causal { self.queries.saturating_sub(1 + hidden) } else { 0 };
            rows += self.queries - seen / tile * tile;
            first += own;
        }
        rows
    }

    const fn variant(&self) -> usize {
        variant(self.head_dim as u32)
    }
}

/// Of [`naive`](mod@super::naive)'s three kernels: scores, softmax, values.
pub const fn naive(problem: &Problem) -> [u64; 3] {
    let Problem { heads, queries: n, keys: m, head_dim: d, .. } = *problem;
    let tile = naive::TILE as u64;
    [
        4 * heads * (n * d * m.div_ceil(tile) + m * d * n.div_ceil(tile) + n * m),
        4 * heads * (4 * n * m + n),
        4 * heads * (n * m * d.div_ceil(tile) + m * d * n.div_ceil(tile) + n * d),
    ]
}

/// Of [`flash_forward`](mod@super::flash_forward): Q and out, the logarithms, and K and V once a tile of queries.
pub const fn flash_forward(problem: &Problem) -> u64 {
    let Problem { heads, queries: n, head_dim: d, .. } = *problem;
    let own = flash_forward::QUERY_TILES[problem.variant()] as u64;
    let streamed = problem.keys_streamed(own, flash_forward::KEY_TILE as u64);
    4 * heads * (2 * n * d + n + 2 * streamed * d)
}

/// Of [`flash_forward_mma`](mod@super::flash_forward_mma), where q, k and v take 2 bytes.
pub const fn flash_forward_mma(problem: &Problem) -> u64 {
    let Problem { heads, queries: n, head_dim: d, .. } = *problem;
    let tile = flash_forward_mma::KEY_TILES[problem.variant()] as u64;
    let streamed = problem.keys_streamed(flash_forward_mma::QUERY_TILE as u64, tile);
    heads * (2 * n * d + 2 * 2 * streamed * d + 4 * n * (d + 1))
}

/// Of [`flash_backward`](mod@super::flash_backward)'s three kernels: delta, dQ, dK and dV.
pub const fn flash_backward(problem: &Problem) -> [u64; 3] {
    let Problem { heads, kv_heads, queries: n, keys: m, head_dim: d, .. } = *problem;
    let own = flash_backward::OWN_TILES[problem.variant()] as u64;
    let tile = flash_backward::STREAMED_TILES[problem.variant()] as u64;
    let (keys, queries) = (problem.keys_streamed(own, tile), problem.queries_streamed(own, tile));
    [
        heads * (4 * 2 * n * d + 32 * n),
        4 * heads * (3 * n * d + 2 * n + 3 * keys * d),
        4 * (kv_heads * 4 * m * d + heads * queries * (4 * d + 2)),
    ]
}

/// Of [`flash_decode`](mod@super::flash_decode)'s two kernels, with splits of `split_keys` keys: the splits, their combination.
pub const fn flash_decode(problem: &Problem, split_keys: u32) -> [u64; 2] {
    let Problem { heads, kv_heads, queries: n, keys: m, head_dim: d, .. } = *problem;
    let splits = flash_decode::splits(m as u32, split_keys) as u64;
    let (rows, groups) = (heads * n, kv_heads * (heads / kv_heads * n).div_ceil(flash_decode::ROWS as u64));
    let left = splits * rows * (d + 1);
    let combined = if splits == 1 { 0 } else { 4 * (left + rows * (d + 1)) };
    [4 * (splits * rows * d + 2 * groups * m * d + left), combined]
}
