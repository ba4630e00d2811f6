//! Flash attention, for large heads and long documents: `gpukern` on head-major copies.
//!
//! A document at a time: its copies are made, used and copied back while they are in the cache, so that of the batch
//! only the rows that everybody shares go through memory.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use gpukern::{Attention, AttentionBackend, Cpu, Saved};
use linalg::{Isa, Threads};

use super::attention::Heads;
use super::packed::Packed;
use super::share::try_share;
use crate::error::Error;

/// Numbers in a head, and tokens in the longest document, from which the copies pay.
const HEAD_DIM_MIN: usize = 16;
const TOKENS_MIN: usize = 32;

/// Four matrices of a document as `[head, token, head_dim]`: values or gradients.
#[derive(Debug, Default)]
struct HeadMajor {
    q: Vec<f32>,
    k: Vec<f32>,
    v: Vec<f32>,
    out: Vec<f32>,
}

impl HeadMajor {
    fn resize(&mut self, len: usize) {
        for list in [&mut self.q, &mut self.k, &mut self.v, &mut self.out] {
            list.resize(len, 0.0);
        }
    }
}

/// What documents are copied to, kept from one to the next: as many as were worked on at a time.
#[derive(Debug, Default)]
pub(super) struct Copies(Mutex<Vec<[HeadMajor; 2]>>);

impl Copies {
    fn with<R>(&self, len: usize, work: impl FnOnce(&mut HeadMajor, &mut HeadMajor) -> R) -> R {
        let kept = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut copies = kept().pop().unwrap_or_default();
        let [values, gradients] = &mut copies;
        values.resize(len);
        gradients.resize(len);
        let result = work(values, gradients);
        kept().push(copies);
        result
    }
}

/// Those of a document, each of `width` numbers.
fn rows<'a>(list: &'a [f32], width: usize, document: &Range<usize>) -> &'a [f32] {
    &list[width * document.start..width * document.end]
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

    /// `out` (`[tokens, n]`) from `qkv` (`[tokens, 3·n]`), and what [`backward`](Flash::backward) wants to know of each
    /// row.
    pub(super) fn forward(
        &self,
        batch: &Packed,
        qkv: &[f32],
        out: &mut [f32],
        log_sum_exp: &mut Vec<f32>,
        copies: &Copies,
    ) -> Result<(), Error> {
        let (n, heads) = (self.heads.n(), self.heads.count);
        log_sum_exp.resize(batch.len() * heads, 0.0);
        let mut rest = (out, log_sum_exp.as_mut_slice());
        let documents = batch.documents().map(|document| {
            let (out, log_sum_exp) = std::mem::take(&mut rest);
            let (out, more_out) = out.split_at_mut(document.len() * n);
            let (log_sum_exp, more_log_sum_exp) = log_sum_exp.split_at_mut(document.len() * heads);
            rest = (more_out, more_log_sum_exp);
            (rows(qkv, 3 * n, &document), out, log_sum_exp)
        });
        let documents: Vec<_> = documents.collect();
        try_share(documents.into_iter(), self.threads, |(qkv, joined, log_sum_exp)| {
            copies.with(joined.len(), |HeadMajor { q, k, v, out }, _| {
                self.split_heads(qkv, [&mut *q, k, v]);
                Cpu { isa: self.isa }.forward(&self.problem(joined.len() / n), q, k, v, out, log_sum_exp)?;
                self.join_heads([out], joined);
                Ok(())
            })
        })
    }

    /// `d_qkv` from `d_out`.
    pub(super) fn backward(
        &self,
        batch: &Packed,
        (qkv, out, log_sum_exp): (&[f32], &[f32], &[f32]),
        d_out: &[f32],
        d_qkv: &mut [f32],
        copies: &Copies,
    ) -> Result<(), Error> {
        let (n, heads) = (self.heads.n(), self.heads.count);
        let mut rest = d_qkv;
        let documents = batch.documents().map(|document| {
            let (d_qkv, more) = std::mem::take(&mut rest).split_at_mut(3 * n * document.len());
            rest = more;
            (document, d_qkv)
        });
        let documents: Vec<_> = documents.collect();
        try_share(documents.into_iter(), self.threads, |(document, d_qkv)| {
            let part = |list, width| rows(list, width, &document);
            copies.with(n * document.len(), |HeadMajor { q, k, v, out: heads_out }, d| {
                self.split_heads(part(qkv, 3 * n), [&mut *q, k, v]);
                self.split_heads(part(out, n), [&mut *heads_out]);
                self.split_heads(part(d_out, n), [&mut d.out]);
                let saved = Saved { q, k, v, out: heads_out, log_sum_exp: part(log_sum_exp, heads) };
                let problem = self.problem(document.len());
                Cpu { isa: self.isa }.backward(&problem, saved, &d.out, &mut d.q, &mut d.k, &mut d.v)?;
                self.join_heads([&d.q, &d.k, &d.v], d_qkv);
                Ok(())
            })
        })
    }

    /// Of one document.
    fn problem(&self, tokens: usize) -> Attention {
        let Heads { count, head_dim } = self.heads;
        Attention {
            batch: 1,
            heads: count,
            kv_heads: count,
            queries: tokens,
            keys: tokens,
            head_dim,
            causal: true,
            scale: None,
            key_capacity: None,
        }
    }

    /// From rows of tokens, each of `P` lists of n, to as many head-major matrices. Rows come from memory in their order;
    /// the matrices of a document stay in the cache.
    fn split_heads<const P: usize>(&self, rows: &[f32], mut to: [&mut [f32]; P]) {
        let Heads { count, head_dim } = self.heads;
        for (row, from) in rows.chunks_exact(P * self.heads.n()).enumerate() {
            for (from, to) in from.chunks_exact(self.heads.n()).zip(&mut to) {
                let head_len = to.len() / count;
                self.copy_heads((from, head_dim), (&mut to[row * head_dim..], head_len));
            }
        }
    }

    /// The way back.
    fn join_heads<const P: usize>(&self, from: [&[f32]; P], rows: &mut [f32]) {
        let Heads { count, head_dim } = self.heads;
        for (row, to) in rows.chunks_exact_mut(P * self.heads.n()).enumerate() {
            for (from, to) in from.iter().zip(to.chunks_exact_mut(self.heads.n())) {
                self.copy_heads((&from[row * head_dim..], from.len() / count), (to, head_dim));
            }
        }
    }

    /// The heads of one token, each so many numbers after the one before, to others.
    ///
    /// A cache line of each head, and then the next, so that the length of a copy is known: a call of the system's
    /// `memcpy` for each head costs more than it copies.
    fn copy_heads(&self, (from, from_step): (&[f32], usize), (to, to_step): (&mut [f32], usize)) {
        const LINE: usize = 16;
        let Heads { count, head_dim } = self.heads;
        let whole = head_dim - head_dim % LINE;
        for line in (0..whole).step_by(LINE) {
            for head in 0..count {
                let from: Option<&[f32; LINE]> = from[head * from_step + line..].first_chunk();
                if let (Some(from), Some(to)) = (from, to[head * to_step + line..].first_chunk_mut()) {
                    *to = *from;
                }
            }
        }
        if whole < head_dim {
            for head in 0..count {
                let from = &from[head * from_step..][whole..head_dim];
                to[head * to_step..][whole..head_dim].copy_from_slice(from);
            }
        }
    }
}
