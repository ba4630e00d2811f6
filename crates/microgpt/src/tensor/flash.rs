//! Flash attention, for large heads and long documents: `gpukern` on head-major copies.

use gpukern::{Attention, AttentionBackend, Cpu, Saved};
use linalg::{Isa, Threads};

use super::attention::Heads;
use super::packed::Packed;
use super::share::share;
use crate::error::Error;

/// Numbers in a head, and tokens in the longest document, from which the copies pay.
const HEAD_DIM_MIN: usize = 16;
const TOKENS_MIN: usize = 32;

/// What the backward pass needs: the four of a layer as `[document, head, token, head_dim]`, and a number a row.
#[derive(Debug, Default)]
pub(super) struct Kept {
    q: Vec<f32>,
    k: Vec<f32>,
    v: Vec<f32>,
    out: Vec<f32>,
    log_sum_exp: Vec<f32>,
}

/// Neighbouring documents of one length: one problem.
struct Group {
    start: usize,
    documents: usize,
    tokens: usize,
}

impl Group {
    fn all(batch: &Packed) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::new();
        for document in batch.documents() {
            match groups.last_mut() {
                Some(group) if group.tokens == document.len() => group.documents += 1,
                _ => groups.push(Group { start: document.start, documents: 1, tokens: document.len() }),
            }
        }
        groups
    }

    fn rows(&self) -> std::ops::Range<usize> {
        self.start..self.start + self.documents * self.tokens
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Flash {
    pub(super) heads: Heads,
    pub(super) threads: Threads,
    pub(super) isa: Option<Isa>,
}

impl Flash {
    pub(super) fn pays(&self, batch: &Packed) -> bool {
        self.can_pay(batch.documents().map(|document| document.len()).max().unwrap_or(0))
    }

    /// For documents of at most so many tokens.
    pub(super) fn can_pay(&self, tokens: usize) -> bool {
        self.heads.head_dim >= HEAD_DIM_MIN && tokens >= TOKENS_MIN
    }

    fn problem(&self, group: &Group) -> Attention {
        let Heads { count, head_dim } = self.heads;
        Attention {
            batch: group.documents,
            heads: count,
            kv_heads: count,
            queries: group.tokens,
            keys: group.tokens,
            head_dim,
            causal: true,
            scale: None,
            key_capacity: None,
        }
    }

    /// `out` (`[tokens, n]`) from `qkv` (`[tokens, 3·n]`).
    pub(super) fn forward(&self, batch: &Packed, qkv: &[f32], kept: &mut Kept, out: &mut [f32]) -> Result<(), Error> {
        let n = self.heads.n();
        let Kept { q, k, v, out: heads_out, log_sum_exp } = kept;
        for list in [&mut *q, k, v, heads_out] {
            list.resize(batch.len() * n, 0.0);
        }
        log_sum_exp.resize(batch.len() * self.heads.count, 0.0);
        for group in Group::all(batch) {
            let (rows, numbers) = (group.rows(), group.rows().start * n..group.rows().end * n);
            for (part, list) in [&mut *q, k, v].into_iter().enumerate() {
                self.split_heads(
                    &group,
                    &qkv[3 * n * rows.start..3 * n * rows.end],
                    (3, part),
                    &mut list[numbers.clone()],
                );
            }
            let sums = rows.start * self.heads.count..rows.end * self.heads.count;
            Cpu { isa: self.isa }.forward(
                &self.problem(&group),
                &q[numbers.clone()],
                &k[numbers.clone()],
                &v[numbers.clone()],
                &mut heads_out[numbers.clone()],
                &mut log_sum_exp[sums],
            )?;
            self.join_heads(&group, [&heads_out[numbers.clone()]], &mut out[numbers]);
        }
        Ok(())
    }

    /// `d_qkv` from `d_out`. `scratch` holds four lists, kept from call to call.
    pub(super) fn backward(
        &self,
        batch: &Packed,
        kept: &Kept,
        d_out: &[f32],
        d_qkv: &mut [f32],
        scratch: &mut [Vec<f32>; 4],
    ) -> Result<(), Error> {
        let n = self.heads.n();
        scratch.iter_mut().for_each(|list| list.resize(batch.len() * n, 0.0));
        let [heads_d_out, d_q, d_k, d_v] = scratch;
        for group in Group::all(batch) {
            let (rows, numbers) = (group.rows(), group.rows().start * n..group.rows().end * n);
            self.split_heads(&group, &d_out[numbers.clone()], (1, 0), &mut heads_d_out[numbers.clone()]);
            let saved = Saved {
                q: &kept.q[numbers.clone()],
                k: &kept.k[numbers.clone()],
                v: &kept.v[numbers.clone()],
                out: &kept.out[numbers.clone()],
                log_sum_exp: &kept.log_sum_exp[rows.start * self.heads.count..rows.end * self.heads.count],
            };
            let (d_q, d_k, d_v) = (&mut d_q[numbers.clone()], &mut d_k[numbers.clone()], &mut d_v[numbers.clone()]);
            Cpu { isa: self.isa }.backward(&self.problem(&group), saved, &heads_d_out[numbers], d_q, d_k, d_v)?;
            self.join_heads(&group, [&*d_q, d_k, d_v], &mut d_qkv[3 * n * rows.start..3 * n * rows.end]);
        }
        Ok(())
    }

    /// From rows of tokens (each `parts` lists of n, of which `part` is taken) to `[document, head, token, head_dim]`.
    fn split_heads(&self, group: &Group, rows: &[f32], (parts, part): (usize, usize), to: &mut [f32]) {
        let (n, head_dim, document) = (self.heads.n(), self.heads.head_dim, group.tokens * self.heads.n());
        share(to.chunks_exact_mut(document).zip(rows.chunks_exact(parts * document)), self.threads, |(to, rows)| {
            for (head, to) in to.chunks_exact_mut(group.tokens * head_dim).enumerate() {
                for (to, row) in to.chunks_exact_mut(head_dim).zip(rows.chunks_exact(parts * n)) {
                    to.copy_from_slice(&row[part * n + head * head_dim..][..head_dim]);
                }
            }
        });
    }

    /// The way back, of all parts.
    fn join_heads<const P: usize>(&self, group: &Group, from: [&[f32]; P], rows: &mut [f32]) {
        let (n, head_dim, document) = (self.heads.n(), self.heads.head_dim, group.tokens * self.heads.n());
        share(rows.chunks_exact_mut(P * document).enumerate(), self.threads, |(index, rows)| {
            for (part, from) in from.iter().enumerate() {
                let from = &from[index * document..][..document];
                for (head, from) in from.chunks_exact(group.tokens * head_dim).enumerate() {
                    for (from, row) in from.chunks_exact(head_dim).zip(rows.chunks_exact_mut(P * n)) {
                        row[part * n + head * head_dim..][..head_dim].copy_from_slice(from);
                    }
                }
            }
        });
    }
}
