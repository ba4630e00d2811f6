//! Flash attention, and the row-wise pieces, on this machine's processor.

mod aligned;
mod backward;
mod blocks;
mod decode;
mod forward;
mod rowwise;
mod share;

use crate::simd::kernels;
use crate::{Attention, AttentionBackend, Error, Isa, Saved};
use backward::Backward;
use forward::Forward;

/// Flash attention (Dao et al. 2022, arXiv:2205.14135) in f32: tiles, online softmax, vector registers, threads; and the row-wise pieces
/// beside it.
///
/// - **Decoding**, with at most eight rows of queries for a key/value head, reads the keys and values once, where they lie, and shares
///   them out among threads.
/// - **Memory** beside inputs and outputs: one tile of weights and a few matrices of 64 rows a thread, whatever the number of queries
///   and keys; a list of the blocks of 64 queries, 64 bytes each or less; in decoding, a row of sums for every 512 keys.
/// - **Threads**: those of rayon's current pool, so `RAYON_NUM_THREADS` and `ThreadPool::install` work.
/// - **Bits**: the same on any number of threads. They may differ between instruction sets.
/// - **Error**: by the rule of [`suite`](crate::suite), at most twice that of the plain f32 computation, three times for gradients.
/// - **NaN** goes where the definition takes it, and under a causal mask to other rows of the same block as well: what a row does not
///   see has the weight 0 there, and 0·NaN is NaN, as is 0·∞. A score of −∞ gets the weight 0, and a row with no other score is like
///   one that sees no key.
/// - **Range**: scores up to ±10⁹. Beyond that an f32 is too coarse for what exponentials are relative to: weights overflow or vanish.
///   Sums of weights times values must stay in range before they are divided: values up to 10¹⁵ do at these scores, and up to 10³³
///   where scores are below 10⁸.
/// - **Refused**, beside what the checks refuse: an [`Isa`] that this processor does not have ([`Error::IsaUnavailable`]).
///
/// ```
/// use gpukern::{Attention, AttentionBackend, Cpu, Isa};
///
/// let problem = Attention {
///     batch: 1, heads: 2, kv_heads: 1, queries: 3, keys: 3, head_dim: 4, causal: true, scale: None, key_capacity: None,
/// };
/// let (q, k, v) = (vec![0.5; 24], vec![0.5; 12], vec![2.0; 12]);
/// let (mut out, mut log_sum_exp) = (vec![0.0; 24], vec![0.0; 6]);
/// Cpu::default().forward(&problem, &q, &k, &v, &mut out, &mut log_sum_exp)?;
/// assert!(out.iter().all(|out| (out - 2.0).abs() < 1e-6)); // the mean of equal values
///
/// let everywhere = Cpu { isa: Some(Isa::Portable) }; // any that the processor has can be forced
/// everywhere.forward(&problem, &q, &k, &v, &mut out, &mut log_sum_exp)?;
/// # Ok::<(), gpukern::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cpu {
    /// The kernels to run, the best there are if `None`.
    pub isa: Option<Isa>,
}

impl AttentionBackend for Cpu {
    fn forward(
        &self,
        problem: &Attention,
        q: &[f32],
        k: &[f32],
        v: &[f32],
        out: &mut [f32],
        log_sum_exp: &mut [f32],
    ) -> Result<(), Error> {
        problem.check_forward(q, k, v, out, log_sum_exp)?;
        let forward = Forward { problem, kernels: kernels(self.isa)?, q, k, v };
        if decode::is_decoding(problem) {
            forward.decode(out, log_sum_exp);
        } else {
            forward.run(out, log_sum_exp);
        }
        Ok(())
    }

    fn backward(
        &self,
        problem: &Attention,
        forward: Saved<'_>,
        d_out: &[f32],
        d_q: &mut [f32],
        d_k: &mut [f32],
        d_v: &mut [f32],
    ) -> Result<(), Error> {
        problem.check_backward(&forward, d_out, d_q, d_k, d_v)?;
        Backward { problem, kernels: kernels(self.isa)?, forward, d_out }.run(d_q, d_k, d_v);
        Ok(())
    }
}
