//! *Explain attention; then explain why flash attention is faster, although it calculates the same.*
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
//! What else a transformer needs works row by row, and stands behind [`RowwiseBackend`]: softmax, RMS norm and cross-entropy, forward
//! and backward. [`Reference`] is its oracle too, and [`suite::check_rowwise`] its suite.
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

mod attention;
mod cpu;
mod error;
pub mod plain;
mod reference;
mod rowwise;
mod simd;
mod standard;
pub mod suite;

pub use attention::{Attention, AttentionBackend, Saved};
pub use cpu::Cpu;
pub use error::Error;
pub use linalg::Isa;
pub use reference::Reference;
pub use rowwise::{IGNORE, Rows, RowwiseBackend, SavedRmsNorm};
