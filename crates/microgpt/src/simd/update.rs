//! Adam, and the copies of the weights that the forward pass reads.

use super::lanes::{Isa, Lanes, Row, array};
use super::layout::{PANEL, Weights};
use crate::adam::Factors;

/// The weights, gradient and moments, row by row.
pub(crate) struct Rows<'a> {
    pub(crate) before: &'a [Row],
    pub(crate) after: &'a mut [Row],
    pub(crate) gradient: &'a [Row],
    pub(crate) first: &'a mut [Row],
    pub(crate) second: &'a mut [Row],
}

/// The smallest mean square whose root is taken: below it, the root is 0 as far as ε can see.
const TINY: f32 = 1e-37;

/// Moves the weights; returns whether all of them and all gradients are finite.
#[inline(always)]
pub(super) fn adam<I: Isa>(isa: I, rows: &mut Rows<'_>, factors: &Factors<f32>) -> bool {
    let splat = |x: f32| isa.splat(x);
    let (beta1, new1) = (splat(factors.beta1), splat(factors.clip * factors.new1));
    let (beta2, new2) = (splat(factors.beta2), splat(factors.new2));
    let (rate, clip) = (splat(-factors.rate), splat(factors.clip));
    let (correction, epsilon, kept) = (splat(factors.correction), splat(factors.epsilon), splat(factors.kept));
    // 0 times anything finite is 0, and anything else is not.
    let mut not_finite = splat(0.0);
    let moments = rows.first.iter_mut().zip(rows.second.iter_mut());
    let weights = rows.before.iter().zip(rows.after.iter_mut());
    for (((before, after), gradient), (m, v)) in weights.zip(rows.gradient).zip(moments) {
        let gradient = isa.load(gradient);
        let clipped = gradient.mul(clip);
        let mean = isa.load(m).mul(beta1).add(gradient.mul(new1));
        let square = isa.load(v).mul(beta2).add(clipped.mul(clipped).mul(new2));
        mean.store(m);
        square.store(v);
        let corrected = square.mul(correction);
        let root = corrected.mul(corrected.max(splat(TINY)).rsqrt());
        let moved = mean.mul(rate).mul(root.add(epsilon).recip());
        let weight = isa.load(before).fma(kept, moved);
        weight.store(after);
        not_finite = gradient.sub(gradient).add(weight.sub(weight)).add(not_finite);
    }
    not_finite.sum().first() == 0.0
}

/// Brings the transposed copies up to date.
#[inline(always)]
pub(super) fn transpose<I: Isa>(isa: I, weights: &mut Weights) {
    let layout = weights.layout;
    let (rows, to) = (&weights.rows, &mut weights.transposed);
    let head = &rows[layout.head()];
    let zero = Row::default();
    for (half, outputs) in head.chunks(16).enumerate() {
        let block = transposed(isa, array(&zero, |o| outputs.get(o).unwrap_or(&zero)));
        let panel = &mut to[16 * PANEL * (half / PANEL)..][..16 * PANEL];
        for (row, lanes) in panel.iter_mut().skip(half % PANEL).step_by(PANEL).zip(block) {
            lanes.store(row);
        }
    }
    for layer in 0..layout.layers {
        let (from, at) = (layout.block(layer), layout.transposed_block(layer));
        for (from, at) in [(from.wq, at.wq), (from.wk, at.wk), (from.wv, at.wv), (from.wo, at.wo)] {
            let block = transposed(isa, array(&zero, |o| &rows[from.start + o]));
            to[at].iter_mut().zip(block).for_each(|(row, lanes)| lanes.store(row));
        }
        for part in 0..4 {
            let block = transposed(isa, array(&zero, |o| &rows[from.fc1.start + 16 * part + o]));
            let panel = &mut to[at.fc1.start + 16 * PANEL * (part / PANEL)..][..16 * PANEL];
            for (row, lanes) in panel.iter_mut().skip(part % PANEL).step_by(PANEL).zip(block) {
                lanes.store(row);
            }
            let block = transposed(isa, array(&zero, |o| &rows[from.fc2.start + 4 * o + part]));
            let inputs = &mut to[at.fc2.start + 16 * part..][..16];
            inputs.iter_mut().zip(block).for_each(|(row, lanes)| lanes.store(row));
        }
    }
}

/// A square of 16, transposed: within each group of four rows and lanes, then the groups.
#[inline(always)]
fn transposed<I: Isa>(isa: I, rows: [&Row; 16]) -> [I::V; 16] {
    let zero = isa.splat(0.0);
    let mut groups = [[zero; 4]; 4];
    for (rows, group) in rows.as_chunks::<4>().0.iter().zip(&mut groups) {
        let [a, b, c, d] = *rows;
        *group = I::V::transpose([isa.load(a), isa.load(b), isa.load(c), isa.load(d)]);
    }
    let [a, b, c, d] = groups;
    let mut cols = [zero; 16];
    for i in 0..4 {
        let [first, second, third, fourth] = I::V::transpose_blocks([a[i], b[i], c[i], d[i]]);
        (cols[i], cols[4 + i], cols[8 + i], cols[12 + i]) = (first, second, third, fourth);
    }
    cols
}
