//! The forward pass: every block of queries on its own, over the tiles of the keys that it sees.

use super::aligned::Aligned;
use super::blocks::{Block, KEYS, Seen, blocks_of_kv};
use super::share::{share, threads};
use crate::Attention;
use crate::simd::{ForwardTile, Kernels, NO_MAX, transpose};

/// The inputs.
pub(super) struct Forward<'a> {
    pub(super) problem: &'a Attention,
    pub(super) kernels: &'static Kernels,
    pub(super) q: &'a [f32],
    pub(super) k: &'a [f32],
    pub(super) v: &'a [f32],
}

/// A block and where its results go.
struct Task<'a> {
    block: Block,
    out: &'a mut [f32],
    log_sum_exp: &'a mut [f32],
}

/// What a thread needs: two matrices of a block, a tile of weights, some vectors.
struct Scratch {
    q_t: Aligned,
    out_t: Aligned,
    p_t: Aligned,
    negative_max: Aligned,
    sum: Aligned,
    seen: Seen,
}

impl Scratch {
    fn new(head_dim: usize, lanes: usize) -> Self {
        let zeros = |rows: usize| Aligned::zeros(rows * lanes);
        let (q_t, out_t, p_t) = (zeros(head_dim), zeros(head_dim), zeros(KEYS));
        Self { q_t, out_t, p_t, negative_max: zeros(1), sum: zeros(1), seen: Seen::new(lanes) }
    }
}

impl Forward<'_> {
    pub(super) fn run(&self, out: &mut [f32], log_sum_exp: &mut [f32]) {
        let Attention { queries, keys, head_dim, .. } = *self.problem;
        let lanes = self.kernels.lanes_max();
        let kvs = self.problem.batch * self.problem.kv_heads;
        let mut tasks = Vec::new();
        let (mut out, mut log_sum_exp) = (out, log_sum_exp);
        for block in (0..kvs).flat_map(|kv| blocks_of_kv(self.problem, kv, lanes)) {
            let (out_here, out_left) = out.split_at_mut(block.rows * head_dim);
            let (here, left) = log_sum_exp.split_at_mut(block.rows);
            tasks.push(Task { block, out: out_here, log_sum_exp: here });
            (out, log_sum_exp) = (out_left, left);
        }
        let work =
            (self.problem.batch * self.problem.heads * queries).saturating_mul(keys).saturating_mul(2 * head_dim);
        // Where the mask is causal a head's last block has the most to do: first, so that no thread is left alone with it.
        let scratch = || Scratch::new(head_dim, lanes);
        share(tasks.into_iter().rev(), threads(work), scratch, |scratch, task| self.block(scratch, task));
    }

    fn block(&self, scratch: &mut Scratch, task: Task<'_>) {
        let Attention { head_dim, .. } = *self.problem;
        let Task { block, out, log_sum_exp } = task;
        let width = self.kernels.width(block.rows);
        let lanes = width.lanes;
        let Scratch { q_t, out_t, p_t, negative_max, sum, seen } = scratch;
        let (q_t, out_t) = (&mut q_t[..head_dim * lanes], &mut out_t[..head_dim * lanes]);
        let (negative_max, sum) = (&mut negative_max[..lanes], &mut sum[..lanes]);
        seen.set(self.problem, block, lanes);
        if block.rows < lanes {
            q_t.fill(0.0);
        }
        transpose((block.rows, head_dim), &self.q[block.first * head_dim..], head_dim, q_t, lanes);
        out_t.fill(0.0);
        negative_max.fill(-NO_MAX);
        sum.fill(0.0);
        let head = block.kv * self.problem.key_rows() * head_dim;
        let factor = base_2_factor(self.problem);
        for start in (0..seen.most()).step_by(KEYS) {
            let keys = KEYS.min(seen.most() - start);
            let here = head + start * head_dim..head + (start + keys) * head_dim;
            let tile = ForwardTile {
                head_dim,
                k: &self.k[here.clone()],
                v: &self.v[here],
                factor,
                seen: seen.of_tile(start, keys),
                q_t,
                out_t,
                negative_max,
                sum,
                p_t,
            };
            self.kernels.forward_tile(width, tile);
        }
        transpose((head_dim, block.rows), out_t, lanes, out, head_dim);
        for (row, out) in out.chunks_exact_mut(head_dim).enumerate() {
            log_sum_exp[row] = normalise(self.problem, out, -negative_max[row], sum[row]);
        }
    }
}

/// What dot products are multiplied by, so that 2 to that is the exponential of the score.
pub(super) fn base_2_factor(problem: &Attention) -> f32 {
    (f64::from(problem.scale_or_default()) * std::f64::consts::LOG2_E) as f32
}

/// Divides by the sum, and gives the natural logarithm of the sum of exponentials: `sum` is relative to 2^`max`, and `max` is a dot product times
/// the factor in place of `scale`.
pub(super) fn normalise(problem: &Attention, out: &mut [f32], max: f32, sum: f32) -> f32 {
    if sum == 0.0 {
        out.fill(0.0);
        return f32::NEG_INFINITY;
    }
    let inverse = 1.0 / sum;
    out.iter_mut().for_each(|out| *out *= inverse);
    // Not times ln 2: that would keep the rounding of the factor, which large scores magnify.
    let factor = f64::from(base_2_factor(problem));
    let natural = if factor == 0.0 { 0.0 } else { f64::from(max) * (f64::from(problem.scale_or_default()) / factor) };
    (natural + f64::from(sum).ln()) as f32
}
