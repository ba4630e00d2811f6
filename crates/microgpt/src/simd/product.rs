//! The products of a layer, with a vector lane an output.
//!
//! A token is a row of 16 numbers, and all the products that training needs have rows in lanes:
//!
//! ```text
//! forward    y[token] += x[token][i] · Wᵀ[i]      for each input i     (outputs in lanes)
//! gradient   dx[token] += dy[token][o] · W[o]     for each output o    (inputs in lanes)
//! weights    dW[o] += dy[token][o] · x[token]     for each token       (inputs in lanes)
//! ```
//!
//! Each term is one number, broadcast by the load, times one row, so there is no shuffling and no horizontal sum. What
//! it takes is Wᵀ beside W. The sums stay in registers: those of a tile of `T` tokens × `O` rows while the inputs pass,
//! or, for the weights, those of 16 rows of dW while the tokens pass. At 16 numbers an instruction and one instruction
//! a cycle this is 10,512 / 16 = 657 cycles a token for the default model.

use super::lanes::{Isa, Lanes, Row, array};

/// `sums[t][o] += Σᵢ x[t][part][i] · weights[i][at + o]` over the numbers of each token's row that there are weights
/// for, at most 16.
#[inline(always)]
pub(super) fn accumulate<I: Isa, const T: usize, const O: usize, const X: usize, const S: usize>(
    isa: I,
    sums: &mut [[I::V; O]; T],
    (x, part): (&[[Row; X]; T], usize),
    (weights, at): (&[[Row; S]], usize),
) {
    for (i, row) in weights.iter().enumerate().take(16) {
        let row: [I::V; O] = array(isa.splat(0.0), |o| isa.load(&row[at + o]));
        for (sums, x) in sums.iter_mut().zip(x) {
            let x = isa.splat(x[part].0[i]);
            for (sum, row) in sums.iter_mut().zip(row) {
                *sum = x.fma(row, *sum);
            }
        }
    }
}

/// `T` tokens times one 16 × 16 matrix.
#[inline(always)]
pub(super) fn product<I: Isa, const T: usize>(isa: I, x: &[[Row; 1]; T], weights: &[[Row; 1]; 16]) -> [[I::V; 1]; T] {
    let mut sums = [[isa.splat(0.0)]; T];
    accumulate(isa, &mut sums, (x, 0), (weights, 0));
    sums
}

/// `gradient[r] = Σₜ dy[t][dy_at][r] · x[t][x_at]` over all tokens, for as many rows of 16 as there are.
///
/// `X` and `D` are the rows that a token has in `x` and `dy`, `G` those of the gradient from one of its rows to the
/// next.
#[inline(always)]
pub(super) fn outer<I: Isa, const X: usize, const D: usize, const G: usize>(
    isa: I,
    x: (&[[Row; X]], usize),
    dy: (&[[Row; D]], usize),
    gradient: &mut [[Row; G]],
    at: usize,
) {
    if I::WIDE {
        outer_rows::<I, X, D, G, 16>(isa, x, dy, gradient, at, 0);
    } else {
        for first in (0..gradient.len()).step_by(4) {
            outer_rows::<I, X, D, G, 4>(isa, x, dy, gradient, at, first);
        }
    }
}

#[inline(always)]
fn outer_rows<I: Isa, const X: usize, const D: usize, const G: usize, const R: usize>(
    isa: I,
    (x, x_at): (&[[Row; X]], usize),
    (dy, dy_at): (&[[Row; D]], usize),
    gradient: &mut [[Row; G]],
    at: usize,
    first: usize,
) {
    let mut sums = [isa.splat(0.0); R];
    for (x, dy) in x.iter().zip(dy) {
        let x = isa.load(&x[x_at]);
        let dy = dy[dy_at].0[first..].first_chunk::<R>().expect("R rows of 16");
        for (sum, &dy) in sums.iter_mut().zip(dy) {
            *sum = isa.splat(dy).fma(x, *sum);
        }
    }
    for (gradient, sum) in gradient[first..].iter_mut().zip(sums) {
        sum.store(&mut gradient[at]);
    }
}

/// x over its root mean square, and 1 over that.
#[inline(always)]
pub(super) fn norm<I: Isa>(isa: I, x: I::V) -> (I::V, I::V) {
    let mean_square = x.mul(x).sum().fma(isa.splat(1.0 / 16.0), isa.splat(crate::scalar::EPSILON as f32));
    let inverse = mean_square.rsqrt();
    (x.mul(inverse), inverse)
}

/// The gradient of x from that of [`norm`]'s `y`.
#[inline(always)]
pub(super) fn norm_backward<I: Isa>(isa: I, y: I::V, inverse: f32, dy: I::V) -> I::V {
    let mean = y.mul(dy).sum().mul(isa.splat(-1.0 / 16.0));
    isa.splat(inverse).mul(y.fma(mean, dy))
}
