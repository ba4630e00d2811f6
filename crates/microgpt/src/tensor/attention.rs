//! Attention over packed documents: each sees itself only, and no position sees a later one.

use std::ops::Range;

use linalg::Threads;

use super::packed::Packed;
use super::rows::{Real, add_scaled, dot, real, softmax};
use super::share::share;

/// Heads and their sizes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heads {
    pub(super) count: usize,
    pub(super) head_dim: usize,
}

/// A document's part of `[tokens, 3·n]` rows: queries, keys and values of a token, side by side.
#[derive(Clone, Copy)]
struct Rows<'a, T> {
    qkv: &'a [T],
    n: usize,
}

impl<'a, T> Rows<'a, T> {
    /// `part` 0 is the query, 1 the key, 2 the value of a token.
    fn get(self, part: usize, token: usize, head: &Range<usize>) -> &'a [T] {
        &self.qkv[(3 * token + part) * self.n..][head.clone()]
    }
}

impl Heads {
    pub(super) fn n(self) -> usize {
        self.count * self.head_dim
    }

    pub(super) fn ranges(self) -> impl Iterator<Item = Range<usize>> {
        (0..self.count).map(move |head| head * self.head_dim..(head + 1) * self.head_dim)
    }

    pub(super) fn scale<T: Real>(self) -> T {
        real(1.0 / (self.head_dim as f64).sqrt())
    }

    /// Attention weights of a document: for each head, a row for each query, of as many as it sees.
    fn weights(self, tokens: usize) -> usize {
        self.count * tokens * (tokens + 1) / 2
    }

    /// Elements of all documents' attention weights.
    pub(super) fn all_weights(self, batch: &Packed) -> usize {
        batch.documents().map(|document| self.weights(document.len())).sum()
    }

    /// `out` (`[tokens, n]`) and the weights that it is a mean with, from `qkv` (`[tokens, 3·n]`).
    pub(super) fn forward<T: Real>(
        self,
        threads: Threads,
        batch: &Packed,
        qkv: &[T],
        weights: &mut [T],
        out: &mut [T],
    ) {
        let n = self.n();
        let mut rest = (weights, out);
        let documents = batch.documents().map(|document| {
            let (weights, out) = std::mem::take(&mut rest);
            let (weights, more_weights) = weights.split_at_mut(self.weights(document.len()));
            let (out, more_out) = out.split_at_mut(document.len() * n);
            rest = (more_weights, more_out);
            (Rows { qkv: &qkv[3 * n * document.start..3 * n * document.end], n }, weights, out)
        });
        let documents: Vec<_> = documents.collect();
        share(documents.into_iter(), threads, |(rows, weights, out)| self.forward_document(rows, weights, out));
    }

    fn forward_document<T: Real>(self, rows: Rows<'_, T>, mut weights: &mut [T], out: &mut [T]) {
        out.fill(T::ZERO);
        for head in self.ranges() {
            for (query, out) in out.chunks_exact_mut(rows.n).enumerate() {
                let (scores, rest) = std::mem::take(&mut weights).split_at_mut(query + 1);
                weights = rest;
                let q = rows.get(0, query, &head);
                for (key, score) in scores.iter_mut().enumerate() {
                    *score = dot(q, rows.get(1, key, &head)) * self.scale();
                }
                softmax(scores);
                for (key, &weight) in scores.iter().enumerate() {
                    add_scaled(&mut out[head.clone()], weight, rows.get(2, key, &head));
                }
            }
        }
    }

    /// `d_qkv` from `d_out`.
    pub(super) fn backward<T: Real>(
        self,
        threads: Threads,
        batch: &Packed,
        (qkv, weights): (&[T], &[T]),
        d_out: &[T],
        d_qkv: &mut [T],
    ) {
        let n = self.n();
        let mut rest = (weights, d_qkv);
        let documents = batch.documents().map(|document| {
            let (weights, d_qkv) = std::mem::take(&mut rest);
            let (weights, more_weights) = weights.split_at(self.weights(document.len()));
            let (d_qkv, more_d_qkv) = d_qkv.split_at_mut(3 * n * document.len());
            rest = (more_weights, more_d_qkv);
            let rows = Rows { qkv: &qkv[3 * n * document.start..3 * n * document.end], n };
            (rows, weights, &d_out[n * document.start..n * document.end], d_qkv)
        });
        let documents: Vec<_> = documents.collect();
        share(documents.into_iter(), threads, |(rows, weights, d_out, d_qkv)| {
            self.backward_document(rows, weights, d_out, d_qkv);
        });
    }

    fn backward_document<T: Real>(self, rows: Rows<'_, T>, mut weights: &[T], d_out: &[T], d_qkv: &mut [T]) {
        let n = rows.n;
        d_qkv.fill(T::ZERO);
        let mut d_scores = vec![T::ZERO; d_out.len() / n];
        for head in self.ranges() {
            for (query, d_out) in d_out.chunks_exact(n).enumerate() {
                let (weight, rest) = weights.split_at(query + 1);
                weights = rest;
                let (d_out, d_scores) = (&d_out[head.clone()], &mut d_scores[..=query]);
                let mut mean = T::ZERO;
                for (key, (d_score, &weight)) in d_scores.iter_mut().zip(weight).enumerate() {
                    *d_score = dot(d_out, rows.get(2, key, &head));
                    mean += *d_score * weight;
                    add_scaled(&mut d_qkv[(3 * key + 2) * n..][head.clone()], weight, d_out);
                }
                for (key, (d_score, &weight)) in d_scores.iter().zip(weight).enumerate() {
                    let d_score = weight * (*d_score - mean) * self.scale();
                    add_scaled(&mut d_qkv[3 * query * n..][head.clone()], d_score, rows.get(1, key, &head));
                    add_scaled(&mut d_qkv[(3 * key + 1) * n..][head.clone()], d_score, rows.get(0, query, &head));
                }
            }
        }
    }
}
