//! Attention of a handful of queries to many keys: parts of the keys over threads, merged in order.

use super::aligned::Aligned;
use super::blocks::rows_of_kv;
use super::forward::{Forward, base_2_factor, normalise};
use super::share::{share, threads};
use crate::Attention;
use crate::simd::DecodePart;

/// Keys of a part.
const KEYS: usize = 512;
/// Most rows of queries that share a key/value head. From here on a lane a query is faster than a lane a column.
const ROWS_MAX: usize = 8;

/// Fewest keys. With a handful of them the weights are large, and their gradients show that a dot product is added up in another order
/// here than in the backward pass.
const KEYS_MIN: usize = 64;

/// Whether a problem goes this way.
pub(super) fn is_decoding(problem: &Attention) -> bool {
    (1..=ROWS_MAX).contains(&rows_of_kv(problem)) && problem.keys >= KEYS_MIN
}

/// What one part gives: Σ of 2^(score − max) · v, max and Σ of 2^(score − max), for each row.
struct Part<'a> {
    kv: usize,
    start: usize,
    out: &'a mut [f32],
    max: &'a mut [f32],
    sum: &'a mut [f32],
}

impl Forward<'_> {
    pub(super) fn decode(&self, out: &mut [f32], log_sum_exp: &mut [f32]) {
        let Attention { batch, kv_heads, keys, head_dim, .. } = *self.problem;
        let (kvs, rows, parts) = (batch * kv_heads, rows_of_kv(self.problem), keys.div_ceil(KEYS));
        let mut outs = vec![0.0; kvs * parts * rows * head_dim];
        let (mut maxima, mut sums) = (vec![0.0; kvs * parts * rows], vec![0.0; kvs * parts * rows]);
        let cols = maxima.chunks_exact_mut(rows).zip(sums.chunks_exact_mut(rows));
        let tasks = outs.chunks_exact_mut(rows * head_dim).zip(cols).enumerate();
        let tasks = tasks.map(|(index, (out, (max, sum)))| Part {
            kv: index / parts,
            start: index % parts * KEYS,
            out,
            max,
            sum,
        });
        // Loading takes longer than multiplying.
        let threads = threads((kvs * keys).saturating_mul(rows * head_dim * 4));
        share(tasks, threads, || Aligned::zeros(rows * KEYS), |p, part| self.part(p, part));
        for (row, (out, log_sum_exp)) in out.chunks_exact_mut(head_dim).zip(log_sum_exp).enumerate() {
            let (kv, row) = (row / rows, row % rows);
            let at = |part: usize| (kv * parts + part) * rows + row;
            let max = (0..parts).map(|part| maxima[at(part)]).fold(f32::NEG_INFINITY, f32::max);
            out.fill(0.0);
            let mut sum = 0.0;
            for part in 0..parts {
                // Nothing is seen, or everything is −∞, where the maximum is.
                let kept = if maxima[at(part)] == f32::NEG_INFINITY { 1.0 } else { (maxima[at(part)] - max).exp2() };
                sum += kept * sums[at(part)];
                let from = &outs[at(part) * head_dim..][..head_dim];
                out.iter_mut().zip(from).for_each(|(out, from)| *out += kept * from);
            }
            *log_sum_exp = normalise(self.problem, out, max, sum);
        }
    }

    fn part(&self, p: &mut Aligned, part: Part<'_>) {
        let Attention { queries, keys, head_dim, .. } = *self.problem;
        let rows = part.max.len();
        let keys = KEYS.min(keys - part.start);
        let seen = |row: usize| self.problem.keys_seen(row % queries).saturating_sub(part.start).min(keys);
        let mut each = [0; ROWS_MAX];
        each.iter_mut().enumerate().for_each(|(row, each)| *each = seen(row));
        let at = (part.kv * self.problem.key_rows() + part.start) * head_dim;
        let here = at..at + keys * head_dim;
        self.kernels.decode_part(DecodePart {
            head_dim,
            k: &self.k[here.clone()],
            v: &self.v[here],
            factor: base_2_factor(self.problem),
            q: &self.q[part.kv * rows * head_dim..][..rows * head_dim],
            seen: &each[..rows],
            out: part.out,
            max: part.max,
            sum: part.sum,
            p,
        });
    }
}
