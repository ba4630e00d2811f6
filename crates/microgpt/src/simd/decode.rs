//! One token at a time, keys and values kept; of one text, or of several side by side.
//!
//! A token alone has too little work to hide how long each instruction takes, so every sum is taken in several chains. The
//! weights, 17 KB, stay in the first-level cache. Texts side by side fill each other's waits, and each weight is loaded once for all of
//! them; every text's sums are taken in the same order as alone, so its numbers are the same, bit for bit.

use super::lanes::{Isa, Lanes, Row, array, exp};
use super::layout::{EMBEDDING, Layout, PANEL, Weights};
use super::product::norm;

/// What has been read so far, and room for a token.
#[derive(Clone, Debug)]
pub(crate) struct State {
    /// For each layer, the keys of the positions so far, and the values; room for whole blocks of four.
    layers: Vec<[Vec<Row>; 2]>,
    scores: Vec<Row>,
    /// The newest token's logits, then probabilities.
    pub(crate) logits: Vec<[Row; PANEL]>,
}

impl State {
    pub(crate) fn new(layout: &Layout) -> Self {
        let rows = || vec![Row::default(); 4 * layout.key_blocks()];
        State {
            layers: (0..layout.layers).map(|_| [rows(), rows()]).collect(),
            scores: vec![Row::default(); layout.key_blocks()],
            logits: vec![[Row::default(); PANEL]; layout.panels()],
        }
    }
}

/// `Σᵢ x[i] · weights[i][at]` in four chains, of each text.
#[inline(always)]
fn product<I: Isa, const S: usize, const G: usize>(isa: I, x: &[Row; G], weights: &[[Row; S]], at: usize) -> [I::V; G] {
    // Of a known length, so that sums stay in registers.
    let weights = weights.first_chunk::<EMBEDDING>().expect("a row for each number");
    let mut sums = [[isa.splat(0.0); G]; 4];
    for i in 0..EMBEDDING {
        let weights = isa.load(&weights[i][at]);
        for (sum, x) in sums[i % 4].iter_mut().zip(x) {
            *sum = isa.splat(x.0[i]).fma(weights, *sum);
        }
    }
    let [mut all, b, c, d] = sums;
    for (g, a) in all.iter_mut().enumerate() {
        *a = a.add(b[g]).add(c[g].add(d[g]));
    }
    all
}

// Loops and not closures from here on: a closure that is not inlined is not compiled for the instruction set.

/// Each text's rows, normalised.
#[inline(always)]
fn normed<I: Isa, const G: usize>(isa: I, x: &[I::V; G]) -> [Row; G] {
    let mut rows = [Row::default(); G];
    for (row, &x) in rows.iter_mut().zip(x) {
        norm(isa, x).0.store(row);
    }
    rows
}

/// Reads a token (and its position) of each text; if `inverse_temperature` is given, `logits` become the probabilities of the next one.
#[inline(always)]
pub(super) fn read<I: Isa, const G: usize>(
    isa: I,
    w: &Weights,
    tokens: &[(usize, usize); G],
    inverse_temperature: Option<f32>,
    states: &mut [&mut State; G],
) {
    let (layout, zero) = (&w.layout, isa.splat(0.0));
    let (mut x, mut rows) = ([zero; G], [Row::default(); G]);
    for (x, &(token, position)) in x.iter_mut().zip(tokens) {
        let sum = isa.load(&w.rows[layout.wte()][token]).add(isa.load(&w.rows[layout.wpe()][position]));
        *x = norm(isa, sum).0;
    }
    for layer in 0..layout.layers {
        let matrices = layout.transposed_block(layer);
        let single = |matrix: std::ops::Range<usize>| w.transposed[matrix].as_chunks::<1>().0;
        let normed1 = normed(isa, &x);
        let q = product(isa, &normed1, single(matrices.wq), 0);
        let k = product(isa, &normed1, single(matrices.wk), 0);
        let v = product(isa, &normed1, single(matrices.wv), 0);
        for g in 0..G {
            let State { layers, scores, .. } = &mut *states[g];
            let ([keys, values], position) = (&mut layers[layer], tokens[g].1);
            k[g].store(&mut keys[position]);
            v[g].store(&mut values[position]);
            attend(isa, q[g], keys, values, position, scores).store(&mut rows[g]);
        }
        let out = product(isa, &rows, single(matrices.wo), 0);
        for (x, out) in x.iter_mut().zip(out) {
            *x = x.add(out);
        }
        let normed2 = normed(isa, &x);
        let (fc1, fc2) = (w.transposed[matrices.fc1].as_chunks::<PANEL>().0, single(matrices.fc2));
        let mut hidden = [[Row::default(); G]; 4];
        for (i, hidden) in hidden.iter_mut().enumerate() {
            let sums = product(isa, &normed2, &fc1[16 * (i / PANEL)..][..16], i % PANEL);
            for (hidden, sum) in hidden.iter_mut().zip(sums) {
                sum.max(zero).store(hidden);
            }
        }
        let mut parts = [[zero; G]; 4];
        for (i, (part, hidden)) in parts.iter_mut().zip(&hidden).enumerate() {
            *part = product(isa, hidden, &fc2[16 * i..][..16], 0);
        }
        let [a, b, c, d] = parts;
        for (g, x) in x.iter_mut().enumerate() {
            *x = x.add(a[g].add(b[g]).add(c[g].add(d[g])));
        }
    }
    if let Some(inverse_temperature) = inverse_temperature {
        for (row, x) in rows.iter_mut().zip(x) {
            x.store(row);
        }
        logits(isa, w, &rows, inverse_temperature, states);
    }
}

/// The probabilities of what comes next in each text.
#[inline(always)]
fn logits<I: Isa, const G: usize>(
    isa: I,
    w: &Weights,
    rows: &[Row; G],
    inverse_temperature: f32,
    states: &mut [&mut State; G],
) {
    let (scale, zero) = (isa.splat(inverse_temperature), isa.splat(0.0));
    let mut largest = [isa.splat(f32::NEG_INFINITY); G];
    let panels = w.layout.panels();
    for (panel, matrix) in w.transposed[..16 * PANEL * panels].as_chunks::<PANEL>().0.chunks_exact(16).enumerate() {
        for at in 0..PANEL {
            let padding = if panel + 1 == panels { isa.load(&w.padding[at]) } else { zero };
            let products = product(isa, rows, matrix, at);
            for ((product, largest), state) in products.into_iter().zip(&mut largest).zip(&mut *states) {
                let scaled = product.fma(scale, padding);
                *largest = largest.max(scaled);
                scaled.store(&mut state.logits[panel][at]);
            }
        }
    }
    for (largest, state) in largest.into_iter().zip(states) {
        let largest = largest.max_lane();
        let mut sum = zero;
        for logit in state.logits.iter_mut().flatten() {
            let e = exp(isa, isa.load(logit).sub(largest));
            sum = sum.add(e);
            e.store(logit);
        }
        let inverse = sum.sum().recip();
        for logit in state.logits.iter_mut().flatten() {
            isa.load(logit).mul(inverse).store(logit);
        }
    }
}

/// What the newest position finds in all so far. Keys go four at a time, as in `attention.rs`.
#[inline(always)]
fn attend<I: Isa>(isa: I, q: I::V, keys: &[Row], values: &[Row], position: usize, scores: &mut [Row]) -> I::V {
    let q = q.mul(isa.splat(super::attention::SCALE));
    let q = [q.lane::<0>(), q.lane::<1>(), q.lane::<2>(), q.lane::<3>()];
    let scores = &mut scores[..=position / 4];
    let mut largest = isa.splat(f32::NEG_INFINITY);
    let last = scores.len() - 1;
    for (block, (score, keys)) in scores.iter_mut().zip(keys.as_chunks::<4>().0).enumerate() {
        let keys = I::V::transpose(array(isa.splat(0.0), |j| isa.load(&keys[j])));
        let bias = if block == last { isa.load(&super::attention::CAUSAL[position % 4]) } else { isa.splat(0.0) };
        let sum = q[1].fma(keys[1], q[0].fma(keys[0], bias)).add(q[3].fma(keys[3], q[2].mul(keys[2])));
        largest = largest.max(sum);
        sum.store(score);
    }
    let largest = largest.group_max();
    let (mut sum, mut out) = (isa.splat(0.0), isa.splat(0.0));
    for (score, values) in scores.iter().zip(values.as_chunks::<4>().0) {
        let e = exp(isa, isa.load(score).sub(largest));
        sum = sum.add(e);
        let [a, b, c, d] = values;
        let first = e.lane::<1>().fma(isa.load(b), e.lane::<0>().fma(isa.load(a), out));
        out = first.add(e.lane::<3>().fma(isa.load(d), e.lane::<2>().mul(isa.load(c))));
    }
    out.mul(sum.group_sum().recip())
}
