//! The backward pass.
//!
//! dQ of a block is a sum over tiles of keys, dK and dV of a tile are sums over blocks of queries. **Together**, one thread takes a
//! key/value head and goes through all blocks and tiles: five products each. With fewer heads than threads, **apart** is faster: threads
//! share out the blocks for dQ, then the keys for dK and dV, and calculate the weights in both: seven products. Either way every
//! sum is taken in the same order, tile by tile and block by block, so that the bits do not depend on which was taken.

use super::aligned::Aligned;
use super::blocks::{Block, KEYS, Seen, blocks_of_kv, rows_of_kv};
use super::share::{share, threads};
use crate::simd::{BackwardTile, Kernels, KeyGradients, Width, transpose};
use crate::{Attention, Saved};

/// Keys that a thread takes at a time for dK and dV apart: several tiles, since every one of them needs all blocks made ready.
const KEYS_APART: usize = 4 * KEYS;

/// The inputs.
pub(super) struct Backward<'a> {
    pub(super) problem: &'a Attention,
    pub(super) kernels: &'static Kernels,
    pub(super) forward: Saved<'a>,
    pub(super) d_out: &'a [f32],
}

/// Gradients of some keys of one key/value head, from `start` on.
struct Keys<'a> {
    kv: usize,
    start: usize,
    d_k: &'a mut [f32],
    d_v: &'a mut [f32],
}

/// A block made ready, and what a thread needs beside.
struct Scratch {
    q_t: Aligned,
    d_out_t: Aligned,
    d_q_t: Aligned,
    negative_log_sum_exp: Aligned,
    row_sum: Aligned,
    p_t: Aligned,
    d_s_t: Aligned,
    seen: Seen,
}

impl Scratch {
    fn new(head_dim: usize, lanes: usize) -> Self {
        let [q_t, d_out_t, d_q_t] = [(); 3].map(|()| Aligned::zeros(head_dim * lanes));
        let [negative_log_sum_exp, row_sum] = [(); 2].map(|()| Aligned::zeros(lanes));
        let [p_t, d_s_t] = [(); 2].map(|()| Aligned::zeros(KEYS * lanes));
        let seen = Seen::new(lanes);
        Self { q_t, d_out_t, d_q_t, negative_log_sum_exp, row_sum, p_t, d_s_t, seen }
    }
}

impl Backward<'_> {
    pub(super) fn run(&self, d_q: &mut [f32], d_k: &mut [f32], d_v: &mut [f32]) {
        // Where nothing is given, `head_dim` may be any number, and scratch memory for so many columns more than there is.
        if d_q.is_empty() && d_k.is_empty() {
            return;
        }
        let Attention { batch, heads, kv_heads, queries, keys, head_dim, .. } = *self.problem;
        let kvs = batch * kv_heads;
        let work = (batch * heads * queries).saturating_mul(keys).saturating_mul(5 * head_dim);
        let threads = threads(work);
        // Rounds of five products with a head a thread, or seven products shared out evenly.
        if 5 * kvs.div_ceil(threads) * threads <= 7 * kvs {
            self.together(threads, d_q, d_k, d_v);
        } else {
            self.queries_apart(threads, d_q);
            self.keys_apart(threads, d_k, d_v);
        }
    }

    fn scratch(&self) -> Scratch {
        Scratch::new(self.problem.head_dim, self.kernels.lanes_max())
    }

    fn blocks(&self, kv: usize) -> impl Iterator<Item = Block> + use<> {
        blocks_of_kv(self.problem, kv, self.kernels.lanes_max())
    }

    fn together(&self, threads: usize, d_q: &mut [f32], d_k: &mut [f32], d_v: &mut [f32]) {
        let head = self.problem.key_rows() * self.problem.head_dim;
        let rows = rows_of_kv(self.problem) * self.problem.head_dim;
        let keys = chunks(d_k, head).zip(chunks(d_v, head));
        let keys = keys.enumerate().map(|(kv, (d_k, d_v))| Keys { kv, start: 0, d_k, d_v });
        // Either may be empty, which `chunks_exact_mut` would give no chunk of.
        let kvs = self.problem.batch * self.problem.kv_heads;
        let tasks: Vec<_> = keys.zip(chunks(d_q, rows)).take(kvs).collect();
        share(
            tasks.into_iter(),
            threads,
            || self.scratch(),
            |scratch, (mut keys, d_q)| {
                keys.d_k.fill(0.0);
                keys.d_v.fill(0.0);
                let mut d_q = d_q;
                for block in self.blocks(keys.kv) {
                    let (here, left) = d_q.split_at_mut(block.rows * self.problem.head_dim);
                    self.block(scratch, block, Some(here), Some(&mut keys));
                    d_q = left;
                }
            },
        );
    }

    fn queries_apart(&self, threads: usize, d_q: &mut [f32]) {
        let kvs = self.problem.batch * self.problem.kv_heads;
        let (mut tasks, mut d_q) = (Vec::new(), d_q);
        for block in (0..kvs).flat_map(|kv| self.blocks(kv)) {
            let (here, left) = d_q.split_at_mut(block.rows * self.problem.head_dim);
            tasks.push((block, here));
            d_q = left;
        }
        // As in the forward pass, the longest first.
        share(
            tasks.into_iter().rev(),
            threads,
            || self.scratch(),
            |scratch, (block, d_q)| {
                self.block(scratch, block, Some(d_q), None);
            },
        );
    }

    fn keys_apart(&self, threads: usize, d_k: &mut [f32], d_v: &mut [f32]) {
        let head_dim = self.problem.head_dim;
        let head = (self.problem.key_rows() * head_dim).max(1);
        let heads = d_k.chunks_exact_mut(head).zip(d_v.chunks_exact_mut(head)).enumerate();
        let parts = heads.flat_map(|(kv, (d_k, d_v))| {
            let parts = d_k.chunks_mut(KEYS_APART * head_dim).zip(d_v.chunks_mut(KEYS_APART * head_dim));
            parts.enumerate().map(move |(part, (d_k, d_v))| Keys { kv, start: part * KEYS_APART, d_k, d_v })
        });
        // Where the mask is causal the first keys are seen by the most queries, and come first.
        let tasks: Vec<_> = parts.collect();
        share(
            tasks.into_iter(),
            threads,
            || self.scratch(),
            |scratch, mut keys| {
                keys.d_k.fill(0.0);
                keys.d_v.fill(0.0);
                for block in self.blocks(keys.kv) {
                    self.block(scratch, block, None, Some(&mut keys));
                }
            },
        );
    }

    /// One block against the tiles that it sees, of `keys` if these are asked for and of all otherwise.
    fn block(&self, scratch: &mut Scratch, block: Block, d_q: Option<&mut [f32]>, keys: Option<&mut Keys<'_>>) {
        let Attention { head_dim, .. } = *self.problem;
        let width = self.kernels.width(block.rows);
        let lanes = width.lanes;
        scratch.seen.set(self.problem, block, lanes);
        let range = match &keys {
            None => 0..scratch.seen.most(),
            Some(keys) => keys.start..scratch.seen.most().min(keys.start + keys.d_k.len() / head_dim),
        };
        if range.is_empty() {
            return d_q.into_iter().for_each(|d_q| d_q.fill(0.0));
        }
        self.make_ready(scratch, block, width);
        let Scratch { q_t, d_out_t, d_q_t, negative_log_sum_exp, row_sum, p_t, d_s_t, seen } = scratch;
        let matrix = head_dim * lanes;
        d_q_t[..matrix].fill(0.0);
        let head = block.kv * self.problem.key_rows() * head_dim;
        let rows = block.first * head_dim..(block.first + block.rows) * head_dim;
        let (q, d_out) = (&self.forward.q[rows.clone()], &self.d_out[rows]);
        let mut keys = keys;
        for start in range.clone().step_by(KEYS) {
            let count = KEYS.min(range.end - start);
            let here = head + start * head_dim..head + (start + count) * head_dim;
            let gradients = keys.as_mut().map(|keys| {
                let tile = (start - keys.start) * head_dim..(start - keys.start + count) * head_dim;
                let (d_k, d_v) = (&mut keys.d_k[tile.clone()], &mut keys.d_v[tile]);
                KeyGradients { q, d_out, d_k, d_v }
            });
            let tile = BackwardTile {
                head_dim,
                k: &self.forward.k[here.clone()],
                v: &self.forward.v[here],
                scale: self.problem.scale_or_default(),
                seen: seen.of_tile(start, count),
                q_t: &q_t[..matrix],
                d_out_t: &d_out_t[..matrix],
                negative_log_sum_exp: &negative_log_sum_exp[..lanes],
                row_sum: &row_sum[..lanes],
                d_q_t: d_q.is_some().then_some(&mut d_q_t[..matrix]),
                keys: gradients,
                p_t,
                d_s_t,
            };
            self.kernels.backward_tile(width, tile);
        }
        if let Some(d_q) = d_q {
            transpose((head_dim, block.rows), d_q_t, lanes, d_q, head_dim);
        }
    }

    /// Q and dO of a block, a lane a row; −log_sum_exp, and D = dO·O.
    fn make_ready(&self, scratch: &mut Scratch, block: Block, width: Width) {
        let (head_dim, lanes) = (self.problem.head_dim, width.lanes);
        let here = block.first * head_dim..(block.first + block.rows) * head_dim;
        let (q, d_out, out) = (&self.forward.q[here.clone()], &self.d_out[here.clone()], &self.forward.out[here]);
        for (rows, lane_a_row) in [(q, &mut scratch.q_t), (d_out, &mut scratch.d_out_t)] {
            let lane_a_row = &mut lane_a_row[..head_dim * lanes];
            if block.rows < lanes {
                lane_a_row.fill(0.0);
            }
            transpose((block.rows, head_dim), rows, head_dim, lane_a_row, lanes);
        }
        let log_sum_exp = &self.forward.log_sum_exp[block.first..][..block.rows];
        scratch.negative_log_sum_exp[..lanes].fill(0.0);
        scratch.row_sum[..lanes].fill(0.0);
        for (row, (d_out, out)) in d_out.chunks_exact(head_dim).zip(out.chunks_exact(head_dim)).enumerate() {
            // A row that sees nothing has −∞; 2 to −∞ is 0, whatever its scores.
            let sum = log_sum_exp[row];
            scratch.negative_log_sum_exp[row] = if sum == f32::NEG_INFINITY { sum } else { -sum };
            scratch.row_sum[row] = dot(d_out, out);
        }
    }
}

/// In eight sums, which the compiler can hold in registers.
fn dot(left: &[f32], right: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 8];
    let (left, right) = (left.chunks_exact(8), right.chunks_exact(8));
    let rest = left.remainder().iter().zip(right.remainder());
    let rest = rest.fold(0.0, |sum, (left, right)| sum + left * right);
    for (left, right) in left.zip(right) {
        sums.iter_mut().zip(left).zip(right).for_each(|((sum, left), right)| *sum += left * right);
    }
    let [a, b, c, d, e, f, g, h] = sums;
    ((a + e) + (b + f)) + ((c + g) + (d + h)) + rest
}

/// As `chunks_exact_mut`, and any number of empty chunks if they are to be of no elements.
fn chunks(of: &mut [f32], len: usize) -> Box<dyn Iterator<Item = &mut [f32]> + '_> {
    if len == 0 { Box::new(std::iter::repeat_with(|| &mut [][..])) } else { Box::new(of.chunks_exact_mut(len)) }
}
