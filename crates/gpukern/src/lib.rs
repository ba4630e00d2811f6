//! *What is Flash Attention? Why is it faster, although it calculates the same?*
//!
//! **The answer, first half: what is calculated.** Every query asks every key how well they match: a dot product, times
//! `1/√head_dim` so that scores do not grow with the dimension. Softmax turns a query's scores into weights that add up to 1,
//! and the output is the mean of the values with these weights:
//!
//! ```text
//! out = softmax(scale · q·kᵀ) · v
//! ```
//!
//! Written like this, the scores are a matrix of queries × keys that goes to memory and comes back, several times:
//! at 16384 queries and keys it has 2²⁸ entries, when the inputs have 2²⁰ each at `head_dim` 64. That traffic, and not
//! arithmetic, is what takes the time on a processor that can calculate faster than it can load.
//!
//! [`Reference`] is this definition, in f64, with the matrix written out: the oracle. Whatever else implements
//! [`AttentionBackend`] is checked against it by [`suite`].
//!
//! ```
//! use gpukern::{Attention, AttentionBackend, Reference};
//!
//! // One head, two queries, two keys, as wide as two: the first query matches the first key.
//! let problem = Attention {
//!     batch: 1, heads: 1, kv_heads: 1, queries: 2, keys: 2, head_dim: 2, causal: true, scale: Some(1.0), key_capacity: None,
//! };
//! let (q, k) = ([2.0, 0.0, 0.0, 2.0], [1.0, 0.0, 0.0, 1.0]);
//! let v = [10.0, 0.0, 0.0, 10.0];
//! let (mut out, mut log_sum_exp) = ([0.0; 4], [0.0; 2]);
//! Reference.forward(&problem, &q, &k, &v, &mut out, &mut log_sum_exp)?;
//!
//! assert_eq!(out[..2], [10.0, 0.0]); // causal: the first query sees the first key only
//! let weight = 1.0 / (1.0 + 2.0_f32.exp()); // the second one's scores are 0 and 2
//! assert!((out[2] - 10.0 * weight).abs() < 1e-6);
//! assert!((log_sum_exp[1] - (1.0 + 2.0_f32.exp()).ln()).abs() < 1e-6);
//! # Ok::<(), gpukern::Error>(())
//! ```
//!
//! **The answer, second half: the matrix need not exist.** What stands in the way is the sum that each weight is divided by: it needs all
//! scores of a row. Four steps get around it.
//!
//! 1. *Any reference will do.* exp overflows (in f32 from 88.8 on), so softmax is calculated relative to the row's largest score m: as
//!    `p = exp(s − m)`, `l = Σ p`, `o = Σ p·v`, and out = o/l. The common factor exp(−m) cancels, whatever m is.
//! 2. *So a reference can be changed.* What was summed up relative to m is multiplied by `exp(m − m')` to be relative to m'.
//! 3. *So a row can be summed up in parts.* Take a tile of keys; with its scores the maximum becomes m'; bring l and o there; add the
//!    tile's. Three numbers and a row of output are all that is carried from tile to tile: that is **online softmax**.
//! 4. *Division comes last*, once a row, when l is complete. `log_sum_exp = m + ln l` is kept: with it the backward pass calculates any
//!    weight again, `exp(s − log_sum_exp)`, instead of having it stored.
//!
//! On two tiles, with scores ln 1, ln 3 and then ln 4, and values 10, 20 and then 40:
//!
//! ```
//! # use gpukern::{Attention, AttentionBackend, Cpu};
//! // The first tile. Its maximum is ln 3, so the weights are 1/3 and 1.
//! let m = 3.0_f32.ln();
//! let l = 1.0 / 3.0 + 1.0;
//! let o = 1.0 / 3.0 * 10.0 + 1.0 * 20.0;
//!
//! // The second has the score ln 4, a new maximum: what there is shrinks by exp(ln 3 − ln 4) = 3/4.
//! let larger = 4.0_f32.ln();
//! let kept = (m - larger).exp();
//! let (l, o) = (l * kept + 1.0, o * kept + 1.0 * 40.0);
//! assert!((kept - 0.75).abs() < 1e-6 && (l - 2.0).abs() < 1e-6);
//!
//! // The weights were 1/8, 3/8 and 4/8 all along.
//! let (out, log_sum_exp) = (o / l, larger + l.ln());
//! assert!((out - (10.0 + 3.0 * 20.0 + 4.0 * 40.0) / 8.0).abs() < 1e-5);
//! assert!((log_sum_exp - 8.0_f32.ln()).abs() < 1e-6);
//!
//! // The same by this crate: one query, 1, so that the keys are the scores.
//! let problem = Attention {
//!     batch: 1, heads: 1, kv_heads: 1, queries: 1, keys: 3, head_dim: 1, causal: false, scale: Some(1.0), key_capacity: None,
//! };
//! let (k, v) = ([1.0_f32.ln(), 3.0_f32.ln(), 4.0_f32.ln()], [10.0, 20.0, 40.0]);
//! let (mut flash, mut sum) = ([0.0], [0.0]);
//! Cpu::default().forward(&problem, &[1.0], &k, &v, &mut flash, &mut sum)?;
//! assert!((flash[0] - out).abs() < 1e-5 && (sum[0] - log_sum_exp).abs() < 1e-6);
//! # Ok::<(), gpukern::Error>(())
//! ```
//!
//! The same arithmetic, then, and a little more of it; but a tile of scores is made, used and forgotten in the first-level cache (or in a GPU's
//! shared memory). Memory beside inputs and outputs no longer grows with the lengths, and traffic falls by about the number of
//! queries that share a tile. That is [`Cpu`]; `cargo run --release --example flash_attention` shows both side by side. (Milakov and
//! Gimelshein 2018, arXiv:1805.02867; Dao et al. 2022, arXiv:2205.14135.)
//!
#![doc = concat!(
    "<div class=\"picture\"><style>.picture svg{max-width:100%;height:auto}</style>",
    include_str!("../docs/traffic.svg"),
    "</div>\n"
)]
//!
//! *Of the N × N scores plain attention has all in memory, flash attention one tile. Right: bytes between memory and processor, one head of 64
//! columns, counted by the repository's software GPU. Drawn by the example `flash_attention`.*
//!
//! What else a transformer needs works row by row, and stands behind [`RowwiseBackend`]: softmax, RMS norm and cross-entropy, forward
//! and backward. [`Reference`] is its oracle too, and [`suite::check_rowwise`] its suite.
//!
//! **Reading order:** [`attention.rs`](../src/gpukern/attention.rs.html) (shapes, and the trait), [`reference.rs`](../src/gpukern/reference.rs.html) (the
//! definition; [`standard.rs`](../src/gpukern/standard.rs.html) is its arithmetic), [`plain`] (softmax and its kin as one writes them down),
//! [`cpu/forward.rs`](../src/gpukern/cpu/forward.rs.html) (tiles and online softmax), [`simd/forward.rs`](../src/gpukern/simd/forward.rs.html) (the same
//! in vector registers), [`rowwise/mod.rs`](../src/gpukern/rowwise/mod.rs.html), [`suite`] (how all of them are tested).
//! The CUDA kernels have a ladder of their own, in the crate `gpukern-kernels`.
//!
//! **From what you know:**
//!
//! | elsewhere | here |
//! |---|---|
//! | `F.scaled_dot_product_attention(q, k, v)` (PyTorch), shape `(B, H, N, d)` | [`AttentionBackend::forward`], the same layout |
//! | `is_causal=True`: aligned at the first query and key | [`Attention::causal`]: aligned at the last; the same if there are as many |
//! | `enable_gqa=True` | [`Attention::kv_heads`] smaller than `heads` |
//! | `out.backward(d_out)` | [`AttentionBackend::backward`] of what [`Saved`] holds |
//! | `F.rms_norm(x, (C,), weight)`, `F.softmax(x, -1)` | [`RowwiseBackend::rms_norm`], [`RowwiseBackend::softmax`] |
//! | `F.cross_entropy(logits, targets, reduction="none")`, `ignore_index` | [`RowwiseBackend::cross_entropy`], [`IGNORE`] |
//! | a KV cache sliced to its filled part | [`Attention::key_capacity`]: no copy, no slice |
//!
//! **What holds.** Arguments are checked before anything is written; an [`Error`] names both sides. Every output is
//! overwritten. Nothing here prints.
//!
//! **Features**, none on by default: `cuda` (the backend `Cuda`, through the crate `gpu-device`: building and starting needs no CUDA,
//! opening a GPU does).

/// The README's program, tested.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod attention;
mod cpu;
#[cfg(feature = "cuda")]
mod cuda;
mod error;
pub mod plain;
mod reference;
mod rowwise;
mod simd;
mod standard;
pub mod suite;

pub use attention::{Attention, AttentionBackend, Saved};
pub use cpu::Cpu;
#[cfg(feature = "cuda")]
pub use cuda::{Cuda, CudaKernel, DECODE_QUERIES_MAX, SavedOnDevice};
pub use error::Error;
pub use linalg::Isa;
pub use reference::Reference;
pub use rowwise::{IGNORE, Rows, RowwiseBackend, SavedRmsNorm};
