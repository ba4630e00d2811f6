//! Attention of a handful of queries to many keys, as when a model writes one token after the other.
//!
//! There is one query for each key: nothing of what is loaded is used twice, and memory is what takes the time. So K and V are
//! read once, in order, and a lane is a column: a score is a dot product, the output a sum of rows. The keys are cut into parts
//! that threads share out; each part has its own maximum and sum, and they are merged in order.
//!
//! (Dao, Haziza, Massa and Sizov 2023, *Flash-Decoding for long-context inference*.)
#![allow(unsafe_code)]

use super::product::{Left, Right, add_columns};
use super::rowwise::{exponentials, largest};
use super::vector::Vector;

/// A part of the keys, and a handful of queries. Checked by [`DecodePart::check`].
pub(crate) struct DecodePart<'a> {
    /// Columns of q, k and v.
    pub(crate) head_dim: usize,
    /// The part's keys and values, `[keys, head_dim]`.
    pub(crate) k: &'a [f32],
    pub(crate) v: &'a [f32],
    /// What scores are multiplied by, times log₂e.
    pub(crate) factor: f32,
    /// `[rows, head_dim]`.
    pub(crate) q: &'a [f32],
    /// How many of the part's keys each row sees.
    pub(crate) seen: &'a [usize],
    /// Σ of 2^(score − max) · v, `[rows, head_dim]`; max and Σ of 2^(score − max), a row each. Overwritten.
    pub(crate) out: &'a mut [f32],
    pub(crate) max: &'a mut [f32],
    pub(crate) sum: &'a mut [f32],
    /// Scratch: `[rows, keys]`.
    pub(crate) p: &'a mut [f32],
}

impl DecodePart<'_> {
    /// Panics unless every slice is as long as the others make it.
    pub(super) fn check(&self) {
        let (keys, rows) = (self.k.len() / self.head_dim, self.seen.len());
        assert!(self.k.len() == keys * self.head_dim && self.v.len() == self.k.len());
        assert!(self.q.len() == rows * self.head_dim && self.out.len() == self.q.len());
        assert!(self.max.len() == rows && self.sum.len() == rows && self.p.len() >= rows * keys);
        assert!(self.seen.iter().all(|&seen| seen <= keys));
    }
}

/// One part. `WIDE` is the most vectors of columns at a time.
///
/// # Safety
/// Compiled for V's set; `part.check()` has passed.
#[inline(always)]
pub(super) unsafe fn decode_part<V: Vector, const WIDE: usize>(part: &mut DecodePart<'_>) {
    let (head_dim, keys) = (part.head_dim, part.k.len() / part.head_dim);
    // SAFETY: check() has passed: everything stays within `keys` keys, `head_dim` columns and the rows of `seen`.
    unsafe {
        // With the sign in the dot products, the largest of them has the largest score.
        let (sign, factor) = (1.0_f32.copysign(part.factor), part.factor.abs());
        for row in 0..part.seen.len() {
            let (q, seen) = (part.q.as_ptr().add(row * head_dim), part.seen[row]);
            let p = std::slice::from_raw_parts_mut(part.p.as_mut_ptr().add(row * keys), keys);
            dot_products::<V>(head_dim, q, part.k.as_ptr(), sign, &mut p[..seen]);
            p[seen..].fill(0.0);
            let max = largest::<V>(&p[..seen]);
            // −∞ stays −∞, even times a factor of 0.
            let max = if max == f32::NEG_INFINITY { max } else { max * factor };
            part.max[row] = max;
            // Where nothing is seen, or everything is −∞, any number will do for the maximum.
            let max = if max == f32::NEG_INFINITY { 0.0 } else { max };
            part.sum[row] = exponentials::<V>(&mut p[..seen], factor, max);
        }
        part.out.fill(0.0);
        let weights = Left { at: part.p.as_ptr(), row: keys, step: 1 };
        let values = Right { at: part.v.as_ptr(), step: head_dim };
        add_columns::<V, WIDE>((part.seen.len(), keys), weights, values, (part.out.as_mut_ptr(), head_dim));
    }
}

/// Keys whose dot products advance together.
const TOGETHER: usize = 4;

/// `dots[j] = sign · q·k[j]`.
///
/// # Safety
/// Compiled for V's set; `q` has `head_dim` elements, `k` as many for each dot product.
#[inline(always)]
unsafe fn dot_products<V: Vector>(head_dim: usize, q: *const f32, k: *const f32, sign: f32, to: &mut [f32]) {
    let mut key = 0;
    // SAFETY: the caller's; the keys from `key` on, `TOGETHER` or one, are below their number.
    unsafe {
        while key + TOGETHER <= to.len() {
            let sums = dots::<V, TOGETHER>(head_dim, q, k.add(key * head_dim));
            for (i, sum) in sums.into_iter().enumerate() {
                to[key + i] = sum * sign;
            }
            key += TOGETHER;
        }
        while key < to.len() {
            to[key] = dots::<V, 1>(head_dim, q, k.add(key * head_dim))[0] * sign;
            key += 1;
        }
    }
}

/// q·k of `N` keys.
///
/// # Safety
/// As [`dot_products`].
#[inline(always)]
unsafe fn dots<V: Vector, const N: usize>(head_dim: usize, q: *const f32, k: *const f32) -> [f32; N] {
    // SAFETY: the caller's; whole vectors up to the last, which is masked.
    unsafe {
        let mut sums = [V::zero(); N];
        let mut column = 0;
        while column + V::LANES <= head_dim {
            let q = V::load(q.add(column));
            for (i, sum) in sums.iter_mut().enumerate() {
                *sum = V::fma(q, V::load(k.add(i * head_dim + column)), *sum);
            }
            column += V::LANES;
        }
        if column < head_dim {
            let last = V::mask(head_dim - column);
            let q = V::load_masked(q.add(column), last);
            for (i, sum) in sums.iter_mut().enumerate() {
                *sum = V::fma(q, V::load_masked(k.add(i * head_dim + column), last), *sum);
            }
        }
        let mut dots = [0.0; N];
        for (dot, sum) in dots.iter_mut().zip(sums) {
            *dot = V::sum(sum);
        }
        dots
    }
}
