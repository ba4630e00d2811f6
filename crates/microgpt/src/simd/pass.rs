//! One pass over a chunk of documents: all tokens forward, the loss, and all the way back.
//!
//! Tokens go in tiles through everything that happens to each alone; attention goes document by document. What each
//! layer computes is written as in `tensor/gpt.rs`, whose results these are, in the same order.

use super::attention;
use super::lanes::{Isa, Lanes, Row, array, exp};
use super::layout::{Block, PANEL, Weights};
use super::product::{accumulate, norm, norm_backward, outer, product};
use super::work::{Layer, Work};
use crate::scalar::LOG_EPSILON;
use crate::tensor::Packed;

/// Calls a stage for every tile of tokens: eight, and four for the rest.
macro_rules! tiles {
    ($rows:expr, $stage:ident($isa:ident, $($argument:expr),*)) => {{
        let (mut at, rows) = (0, $rows);
        while I::WIDE && at + 8 <= rows {
            $stage::<I, 8, 2>($isa, at, $($argument),*);
            at += 8;
        }
        while at < rows {
            if I::WIDE {
                $stage::<I, 4, 2>($isa, at, $($argument),*);
            } else {
                $stage::<I, 4, 1>($isa, at, $($argument),*);
            }
            at += 4;
        }
    }};
}

/// The rows of a tile.
#[inline(always)]
fn tile<const T: usize, const X: usize>(rows: &[[Row; X]], at: usize) -> &[[Row; X]; T] {
    rows[at..].first_chunk().expect("whole tiles")
}

/// Rows one by one.
#[inline(always)]
fn single(rows: &[Row]) -> &[[Row; 1]] {
    rows.as_chunks().0
}

/// The rows of 16 inputs.
#[inline(always)]
fn inputs<const S: usize>(rows: &[Row]) -> &[[Row; S]; 16] {
    rows.as_chunks().0.first_chunk().expect("16 inputs")
}

/// Sums to memory, a row a token.
#[inline(always)]
fn store<V: Lanes, const T: usize>(sums: [[V; 1]; T], rows: &mut [Row]) {
    for ([sum], row) in sums.into_iter().zip(rows) {
        sum.store(row);
    }
}

/// The loss: the sum of each token's by its weight. Everything that the way back needs stays in `work`.
#[inline(always)]
pub(super) fn forward<I: Isa>(isa: I, weights: &Weights, batch: &Packed, work: &mut Work) -> f64 {
    let rows = batch.len().next_multiple_of(4);
    tiles!(rows, embed(isa, weights, batch, work));
    for layer in 0..weights.layout.layers {
        tiles!(rows, attention_in(isa, weights, layer, work));
        let Work { layers, blocks, .. } = work;
        let Layer { q, k, v, attention, weights: attended, .. } = &mut layers[layer];
        let stride = weights.layout.key_blocks();
        for document in batch.documents() {
            let (start, end) = (document.start, document.start + document.len().next_multiple_of(4));
            let rows = attention::Rows { q: &q[document.clone()], k: &k[start..end], v: &v[start..end] };
            let attended = &mut attended[stride * start..stride * document.end];
            attention::forward(isa, &rows, blocks, attended, stride, &mut attention[document]);
        }
        tiles!(rows, attention_out_and_perceptron(isa, weights, layer, work));
    }
    let mut loss = 0.0;
    tiles!(rows, head(isa, weights, batch, work, &mut loss));
    loss
}

/// `gradient` from what [`forward`] left in `work`.
#[inline(always)]
pub(super) fn backward<I: Isa>(isa: I, weights: &Weights, batch: &Packed, work: &mut Work, gradient: &mut [Row]) {
    let (layout, tokens) = (weights.layout, batch.len());
    let rows = tokens.next_multiple_of(4);
    tiles!(rows, head_backward(isa, weights, work));
    let head = &mut gradient[layout.head()];
    for (half, gradient) in head.chunks_mut(16).enumerate() {
        let logits = &work.logits[half / PANEL][..tokens];
        let x = work.x[..tokens].as_chunks::<1>().0;
        outer::<I, 1, PANEL, 1>(isa, (x, 0), (logits, half % PANEL), gradient.as_chunks_mut().0, 0);
    }
    for layer in (0..layout.layers).rev() {
        tiles!(rows, perceptron_backward(isa, weights, layer, work));
        perceptron_gradients(isa, &layout.block(layer), tokens, layer, work, gradient);
        let Work { layers, blocks: _, d_attention, d_q, d_k, d_v, means, .. } = work;
        let Layer { q, k, v, attention, weights: attended, .. } = &layers[layer];
        let stride = layout.key_blocks();
        for document in batch.documents() {
            let (start, end) = (document.start, document.start + document.len().next_multiple_of(4));
            let rows = attention::Rows { q: &q[document.clone()], k: &k[start..end], v: &v[start..end] };
            let attended = &attended[stride * start..stride * document.end];
            let outputs = (&attention[document.clone()], &d_attention[document.clone()]);
            let (q, k, v) = (&mut d_q[document.clone()], &mut d_k[document.clone()], &mut d_v[document]);
            let mut gradients = attention::Gradients { q, k, v };
            attention::backward(isa, &rows, (attended, stride), outputs, &mut gradients, means);
        }
        tiles!(rows, attention_backward(isa, weights, layer, work));
        attention_gradients(isa, &layout.block(layer), tokens, layer, work, gradient);
    }
    gradient[..layout.wpe().end].fill(Row::default());
    tiles!(rows, embed_backward(isa, weights, batch, work, gradient));
}

#[inline(always)]
fn embed<I: Isa, const T: usize, const O: usize>(isa: I, at: usize, w: &Weights, batch: &Packed, work: &mut Work) {
    let (wte, wpe) = (&w.rows[w.layout.wte()], &w.rows[w.layout.wpe()]);
    for t in at..at + T {
        let sum = isa.load(&wte[batch.input(t)]).add(isa.load(&wpe[batch.position(t)]));
        let (x, inverse) = norm(isa, sum);
        x.store(&mut work.embedded[t]);
        x.store(&mut work.x[t]);
        work.embedded_inverse[t] = inverse.first();
    }
}

/// Queries, keys and values.
#[inline(always)]
fn attention_in<I: Isa, const T: usize, const O: usize>(isa: I, at: usize, w: &Weights, layer: usize, work: &mut Work) {
    let matrices = w.layout.transposed_block(layer);
    let Layer { normed1, inverse1, q, k, v, .. } = &mut work.layers[layer];
    for t in at..at + T {
        let (x, inverse) = norm(isa, isa.load(&work.x[t]));
        x.store(&mut normed1[t]);
        inverse1[t] = inverse.first();
    }
    let x = tile::<T, 1>(single(normed1), at);
    for (to, matrix) in [(q, matrices.wq), (k, matrices.wk), (v, matrices.wv)] {
        store(product(isa, x, inputs(&w.transposed[matrix])), &mut to[at..]);
    }
}

/// The projection, the perceptron, and what both add to.
#[inline(always)]
fn attention_out_and_perceptron<I: Isa, const T: usize, const O: usize>(
    isa: I,
    at: usize,
    w: &Weights,
    layer: usize,
    work: &mut Work,
) {
    let matrices = w.layout.transposed_block(layer);
    let Layer { attention, normed2, inverse2, hidden, .. } = &mut work.layers[layer];
    let mut x = product(isa, tile::<T, 1>(single(attention), at), inputs(&w.transposed[matrices.wo]));
    for (t, [x]) in x.iter_mut().enumerate() {
        *x = x.add(isa.load(&work.x[at + t]));
        let (y, inverse) = norm(isa, *x);
        y.store(&mut normed2[at + t]);
        inverse2[at + t] = inverse.first();
    }
    let zero = isa.splat(0.0);
    for (panel, matrix) in w.transposed[matrices.fc1].chunks_exact(16 * PANEL).enumerate() {
        for first in (0..PANEL).step_by(O) {
            let mut sums = [[zero; O]; T];
            accumulate::<I, T, O, 1, PANEL>(
                isa,
                &mut sums,
                (tile(single(normed2), at), 0),
                (inputs::<PANEL>(matrix), first),
            );
            for (hidden, sums) in hidden[at..].iter_mut().zip(sums) {
                for (row, sum) in hidden[panel * PANEL + first..].iter_mut().zip(sums) {
                    sum.max(zero).store(row);
                }
            }
        }
    }
    for (part, matrix) in w.transposed[matrices.fc2].chunks_exact(16).enumerate() {
        accumulate(isa, &mut x, (tile::<T, 4>(hidden, at), part), (inputs::<1>(matrix), 0));
    }
    store(x, &mut work.x[at..]);
}

/// Probabilities, the loss, and the loss's gradient with respect to the logits, which takes their place.
#[inline(always)]
fn head<I: Isa, const T: usize, const O: usize>(
    isa: I,
    at: usize,
    w: &Weights,
    batch: &Packed,
    work: &mut Work,
    loss: &mut f64,
) {
    let panels = w.layout.panels();
    for (panel, matrix) in w.transposed[..16 * PANEL * panels].chunks_exact(16 * PANEL).enumerate() {
        for first in (0..PANEL).step_by(O) {
            let padding = |o: usize| if panel + 1 == panels { isa.load(&w.padding[first + o]) } else { isa.splat(0.0) };
            let mut sums: [[I::V; O]; T] = [array(isa.splat(0.0), padding); T];
            accumulate(isa, &mut sums, (tile(single(&work.x), at), 0), (inputs::<PANEL>(matrix), first));
            for (rows, sums) in work.logits[panel][at..].iter_mut().zip(sums) {
                rows[first..].iter_mut().zip(sums).for_each(|(row, sum)| sum.store(row));
            }
        }
    }
    for t in at..at + T {
        let mut largest = isa.splat(f32::NEG_INFINITY);
        for rows in &work.logits {
            largest = rows[t].iter().fold(largest, |largest, row| largest.max(isa.load(row)));
        }
        let largest = largest.max_lane();
        let mut sum = isa.splat(0.0);
        for row in work.logits.iter_mut().flat_map(|rows| &mut rows[t]) {
            let e = exp(isa, isa.load(row).sub(largest));
            sum = sum.add(e);
            e.store(row);
        }
        let (target, weight) = (batch.target(t), batch.weight(t) as f32);
        let inverse = sum.sum().recip();
        let e = work.logits[target / (16 * PANEL)][t][target / 16 % PANEL].0[target % 16];
        let probability = e * inverse.first();
        *loss -= batch.weight(t) * (f64::from(probability) + LOG_EPSILON).ln();
        let slope = weight * (probability / (probability + LOG_EPSILON as f32));
        let factor = inverse.mul(isa.splat(slope));
        for row in work.logits.iter_mut().flat_map(|rows| &mut rows[t]) {
            isa.load(row).mul(factor).store(row);
        }
        work.logits[target / (16 * PANEL)][t][target / 16 % PANEL].0[target % 16] -= slope;
    }
}

#[inline(always)]
fn head_backward<I: Isa, const T: usize, const O: usize>(isa: I, at: usize, w: &Weights, work: &mut Work) {
    let mut sums = [[isa.splat(0.0)]; T];
    for (half, matrix) in w.rows[w.layout.head()].chunks(16).enumerate() {
        let d_logits = (tile(&work.logits[half / PANEL], at), half % PANEL);
        accumulate(isa, &mut sums, d_logits, (single(matrix), 0));
    }
    store(sums, &mut work.d_x[at..]);
}

#[inline(always)]
fn perceptron_backward<I: Isa, const T: usize, const O: usize>(
    isa: I,
    at: usize,
    w: &Weights,
    layer: usize,
    work: &mut Work,
) {
    let matrices = w.layout.block(layer);
    let Work { layers, d_x, d_hidden, d_middle, d_attention, .. } = work;
    let Layer { normed2, inverse2, hidden, .. } = &layers[layer];
    let zero = isa.splat(0.0);
    for first in (0..4).step_by(O) {
        let mut sums = [[zero; O]; T];
        let fc2 = (&inputs::<4>(&w.rows[matrices.fc2.clone()])[..], first);
        accumulate(isa, &mut sums, (tile(single(d_x), at), 0), fc2);
        for ((d_hidden, hidden), sums) in d_hidden[at..].iter_mut().zip(&hidden[at..]).zip(sums) {
            for ((to, hidden), sum) in d_hidden[first..].iter_mut().zip(&hidden[first..]).zip(sums) {
                sum.where_above(isa.load(hidden), zero).store(to);
            }
        }
    }
    let mut sums = [[zero]; T];
    for (part, matrix) in w.rows[matrices.fc1].chunks_exact(16).enumerate() {
        accumulate(isa, &mut sums, (tile::<T, 4>(d_hidden, at), part), (inputs::<1>(matrix), 0));
    }
    for (t, [d_normed]) in (at..).zip(sums) {
        let d = norm_backward(isa, isa.load(&normed2[t]), inverse2[t], d_normed);
        d.add(isa.load(&d_x[t])).store(&mut d_middle[t]);
    }
    store(product::<I, T>(isa, tile(single(d_middle), at), inputs(&w.rows[matrices.wo])), &mut d_attention[at..]);
}

#[inline(always)]
fn perceptron_gradients<I: Isa>(
    isa: I,
    matrices: &Block,
    tokens: usize,
    layer: usize,
    work: &Work,
    gradient: &mut [Row],
) {
    let Layer { attention, normed2, hidden, .. } = &work.layers[layer];
    let hidden = &hidden[..tokens];
    let d_x = work.d_x[..tokens].as_chunks::<1>().0;
    for column in 0..4 {
        let gradient = gradient[matrices.fc2.clone()].as_chunks_mut::<4>().0;
        outer::<I, 4, 1, 4>(isa, (hidden, column), (d_x, 0), gradient, column);
    }
    let (normed2, d_hidden) = (normed2[..tokens].as_chunks::<1>().0, &work.d_hidden[..tokens]);
    for (outputs, gradient) in gradient[matrices.fc1.clone()].chunks_exact_mut(16).enumerate() {
        outer::<I, 1, 4, 1>(isa, (normed2, 0), (d_hidden, outputs), gradient.as_chunks_mut().0, 0);
    }
    let (attention, d_middle) = (attention[..tokens].as_chunks::<1>().0, work.d_middle[..tokens].as_chunks::<1>().0);
    let gradient = gradient[matrices.wo.clone()].as_chunks_mut().0;
    outer::<I, 1, 1, 1>(isa, (attention, 0), (d_middle, 0), gradient, 0);
}

#[inline(always)]
fn attention_backward<I: Isa, const T: usize, const O: usize>(
    isa: I,
    at: usize,
    w: &Weights,
    layer: usize,
    work: &mut Work,
) {
    let matrices = w.layout.block(layer);
    let Work { layers, d_x, d_middle, d_q, d_k, d_v, .. } = work;
    let Layer { normed1, inverse1, .. } = &layers[layer];
    let mut sums = [[isa.splat(0.0)]; T];
    for (d, matrix) in [(d_q, matrices.wq), (d_k, matrices.wk), (d_v, matrices.wv)] {
        accumulate(isa, &mut sums, (tile::<T, 1>(single(d), at), 0), (inputs::<1>(&w.rows[matrix]), 0));
    }
    for (t, [d_normed]) in (at..).zip(sums) {
        let d = norm_backward(isa, isa.load(&normed1[t]), inverse1[t], d_normed);
        d.add(isa.load(&d_middle[t])).store(&mut d_x[t]);
    }
}

#[inline(always)]
fn attention_gradients<I: Isa>(
    isa: I,
    matrices: &Block,
    tokens: usize,
    layer: usize,
    work: &Work,
    gradient: &mut [Row],
) {
    let normed1 = work.layers[layer].normed1[..tokens].as_chunks::<1>().0;
    for (d, matrix) in [(&work.d_q, &matrices.wq), (&work.d_k, &matrices.wk), (&work.d_v, &matrices.wv)] {
        let d = d[..tokens].as_chunks::<1>().0;
        outer::<I, 1, 1, 1>(isa, (normed1, 0), (d, 0), gradient[matrix.clone()].as_chunks_mut().0, 0);
    }
}

#[inline(always)]
fn embed_backward<I: Isa, const T: usize, const O: usize>(
    isa: I,
    at: usize,
    w: &Weights,
    batch: &Packed,
    work: &Work,
    gradient: &mut [Row],
) {
    let (wte, wpe) = gradient.split_at_mut(w.layout.wpe().start);
    for t in at..(at + T).min(batch.len()) {
        let y = isa.load(&work.embedded[t]);
        let d = norm_backward(isa, y, work.embedded_inverse[t], isa.load(&work.d_x[t]));
        for row in [&mut wte[batch.input(t)], &mut wpe[batch.position(t)]] {
            isa.load(row).add(d).store(row);
        }
    }
}
