//! One token at a time, keys and values kept.
//!
//! A token alone has too little work to hide how long each instruction takes, so every sum is taken in several chains.
//! The weights, 17 KB, stay in the first-level cache.

use super::lanes::{Isa, Lanes, Row, array, exp};
use super::layout::{Layout, PANEL, Weights};
use super::product::norm;

/// What has been read so far, and room for a token.
#[derive(Clone, Debug)]
pub(crate) struct State {
    /// For each layer, the keys of the positions so far, and the values; room for whole blocks of four.
    layers: Vec<[Vec<Row>; 2]>,
    /// Of the newest token: what is multiplied next.
    x: Row,
    hidden: [Row; 4],
    scores: Vec<Row>,
    /// The newest token's logits, then probabilities.
    pub(crate) logits: Vec<[Row; PANEL]>,
}

impl State {
    pub(crate) fn new(layout: &Layout) -> Self {
        let rows = || vec![Row::default(); 4 * layout.key_blocks()];
        State {
            layers: (0..layout.layers).map(|_| [rows(), rows()]).collect(),
            x: Row::default(),
            hidden: [Row::default(); 4],
            scores: vec![Row::default(); layout.key_blocks()],
            logits: vec![[Row::default(); PANEL]; layout.panels()],
        }
    }
}

/// `Σᵢ x[i] · weights[i][at]` in four chains.
#[inline(always)]
fn product<I: Isa, const S: usize>(isa: I, x: &Row, weights: &[[Row; S]], at: usize) -> I::V {
    let mut sums = [isa.splat(0.0); 4];
    for (x, weights) in x.0.as_chunks::<4>().0.iter().zip(weights.as_chunks::<4>().0) {
        for (sum, (&x, weights)) in sums.iter_mut().zip(x.iter().zip(weights)) {
            *sum = isa.splat(x).fma(isa.load(&weights[at]), *sum);
        }
    }
    sums[0].add(sums[1]).add(sums[2].add(sums[3]))
}

/// Reads a token; if `inverse_temperature` is given, `state.logits` become the probabilities of the next one.
#[inline(always)]
pub(super) fn read<I: Isa>(
    isa: I,
    w: &Weights,
    (token, position): (usize, usize),
    inverse_temperature: Option<f32>,
    state: &mut State,
) {
    let layout = &w.layout;
    let State { layers, x: row, hidden, scores, logits } = state;
    let sum = isa.load(&w.rows[layout.wte()][token]).add(isa.load(&w.rows[layout.wpe()][position]));
    let (mut x, _) = norm(isa, sum);
    for (layer, [keys, values]) in layers.iter_mut().enumerate() {
        let matrices = layout.transposed_block(layer);
        let single = |matrix: std::ops::Range<usize>| w.transposed[matrix].as_chunks::<1>().0;
        norm(isa, x).0.store(row);
        let q = product(isa, row, single(matrices.wq), 0);
        product(isa, row, single(matrices.wk), 0).store(&mut keys[position]);
        product(isa, row, single(matrices.wv), 0).store(&mut values[position]);
        attend(isa, q, keys, values, position, scores).store(row);
        x = x.add(product(isa, row, single(matrices.wo), 0));
        norm(isa, x).0.store(row);
        let fc1 = w.transposed[matrices.fc1].as_chunks::<PANEL>().0;
        for (i, hidden) in hidden.iter_mut().enumerate() {
            let panel = &fc1[16 * (i / PANEL)..][..16];
            product(isa, row, panel, i % PANEL).max(isa.splat(0.0)).store(hidden);
        }
        let fc2 = single(matrices.fc2);
        let mut sums = [isa.splat(0.0); 4];
        for (i, sum) in sums.iter_mut().enumerate() {
            *sum = product(isa, &hidden[i], &fc2[16 * i..][..16], 0);
        }
        x = x.add(sums[0].add(sums[1]).add(sums[2].add(sums[3])));
    }
    let Some(inverse_temperature) = inverse_temperature else { return };
    x.store(row);
    let (scale, zero) = (isa.splat(inverse_temperature), isa.splat(0.0));
    let mut largest = isa.splat(f32::NEG_INFINITY);
    let panels = layout.panels();
    for (panel, matrix) in w.transposed[..16 * PANEL * panels].as_chunks::<PANEL>().0.chunks_exact(16).enumerate() {
        for (at, logit) in logits[panel].iter_mut().enumerate() {
            let padding = if panel + 1 == panels { isa.load(&w.padding[at]) } else { zero };
            let scaled = product(isa, row, matrix, at).fma(scale, padding);
            largest = largest.max(scaled);
            scaled.store(logit);
        }
    }
    let largest = largest.max_lane();
    let mut sum = zero;
    for logit in logits.iter_mut().flatten() {
        let e = exp(isa, isa.load(logit).sub(largest));
        sum = sum.add(e);
        e.store(logit);
    }
    let inverse = sum.sum().recip();
    for logit in logits.iter_mut().flatten() {
        isa.load(logit).mul(inverse).store(logit);
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
