//! One row of softmax, RMS norm and cross-entropy. A lane a column; a row's last vector is masked.
//!
//! The plain version of each is in `rowwise/definition.rs`. What changes here: a sum is taken in as many parts as there are lanes,
//! and exp(x) is 2^(x·log₂e).
#![allow(unsafe_code)]

use super::vector::Vector;

/// One row to be worked on; all slices have its length. Checked by [`Row::check`].
pub(crate) enum Row<'a> {
    /// `out` = softmax of `x`.
    Softmax { x: &'a [f32], out: &'a mut [f32] },
    /// `d_x = out ∘ (d_out − Σ out ∘ d_out)`.
    SoftmaxBackward { out: &'a [f32], d_out: &'a [f32], d_x: &'a mut [f32] },
    /// `out = weight ∘ x · r`. Gives r = 1/√(mean(x²) + epsilon).
    RmsNorm { x: &'a [f32], weight: Option<&'a [f32]>, epsilon: f32, out: &'a mut [f32] },
    /// `d_x = r · (g − x · r² · mean(g ∘ x))` with g = weight ∘ d_out; `d_weight += d_out ∘ x · r`.
    RmsNormBackward {
        x: &'a [f32],
        weight: Option<&'a [f32]>,
        inverse_rms: f32,
        d_out: &'a [f32],
        d_x: &'a mut [f32],
        d_weight: Option<&'a mut [f32]>,
    },
    /// Gives the largest logit and Σ exp(logits − that).
    CrossEntropy { logits: &'a [f32] },
    /// `d_logits = factor · exp(logits − log_sum_exp)`.
    CrossEntropyBackward { logits: &'a [f32], log_sum_exp: f32, factor: f32, d_logits: &'a mut [f32] },
}

impl Row<'_> {
    /// Panics unless all slices have the same length.
    pub(super) fn check(&self) {
        let fits = |slice: &Option<&[f32]>, len: usize| slice.is_none_or(|slice| slice.len() == len);
        assert!(match self {
            Row::Softmax { x, out } => out.len() == x.len(),
            Row::SoftmaxBackward { out, d_out, d_x } => d_out.len() == out.len() && d_x.len() == out.len(),
            Row::RmsNorm { x, weight, out, .. } => out.len() == x.len() && fits(weight, x.len()),
            Row::RmsNormBackward { x, weight, d_out, d_x, d_weight, .. } => {
                let d_weight = d_weight.as_ref().is_none_or(|d_weight| d_weight.len() == x.len());
                d_weight && fits(weight, x.len()) && d_out.len() == x.len() && d_x.len() == x.len()
            }
            Row::CrossEntropy { .. } => true,
            Row::CrossEntropyBackward { logits, d_logits, .. } => d_logits.len() == logits.len(),
        });
    }
}

/// Works on one row; gives up to two numbers, 0 for what there is not.
///
/// # Safety
/// Compiled for V's set; `row.check()` has passed.
#[inline(always)]
pub(super) unsafe fn row<V: Vector>(row: &mut Row<'_>) -> [f32; 2] {
    // SAFETY: the lengths agree, by check().
    unsafe {
        match row {
            Row::Softmax { x, out } => softmax::<V>(x, out),
            Row::SoftmaxBackward { out, d_out, d_x } => softmax_backward::<V>(out, d_out, d_x),
            Row::RmsNorm { x, weight, epsilon, out } => return [rms_norm::<V>(x, *weight, *epsilon, out), 0.0],
            Row::RmsNormBackward { x, weight, inverse_rms, d_out, d_x, d_weight } => {
                rms_norm_backward::<V>(x, *weight, *inverse_rms, d_out, d_x, d_weight.as_deref_mut());
            }
            Row::CrossEntropy { logits } => {
                let max = largest::<V>(logits);
                return [max, sum_exp::<V>(logits, max)];
            }
            Row::CrossEntropyBackward { logits, log_sum_exp, factor, d_logits } => {
                scaled_exp::<V>(logits, *log_sum_exp, *factor, d_logits);
            }
        }
    }
    [0.0; 2]
}

/// The vector of `row` from `at` on, or `other` beyond the row's end.
///
/// # Safety
/// Compiled for V's set; `row` has `len` elements and `at` is below that.
#[inline(always)]
unsafe fn part<V: Vector>(row: *const f32, at: usize, len: usize, other: V::Register) -> V::Register {
    // SAFETY: the caller's.
    unsafe {
        if at + V::LANES <= len { V::load(row.add(at)) } else { V::load_or(row.add(at), V::mask(len - at), other) }
    }
}

/// Stores the vector of `row` from `at` on, as far as the row goes.
///
/// # Safety
/// As [`part`], and `row` may be written.
#[inline(always)]
unsafe fn put<V: Vector>(row: *mut f32, at: usize, len: usize, x: V::Register) {
    // SAFETY: the caller's.
    unsafe {
        if at + V::LANES <= len { V::store(row.add(at), x) } else { V::store_masked(row.add(at), x, V::mask(len - at)) }
    }
}

/// The largest element that is not NaN, −∞ if there is none.
///
/// # Safety
/// Compiled for V's set.
#[inline(always)]
pub(super) unsafe fn largest<V: Vector>(row: &[f32]) -> f32 {
    // SAFETY: `at` is below the length.
    unsafe {
        let lowest = V::splat(f32::NEG_INFINITY);
        let (mut max, mut at) = (lowest, 0);
        while at < row.len() {
            max = V::max(part::<V>(row.as_ptr(), at, row.len(), lowest), max);
            at += V::LANES;
        }
        V::largest(max)
    }
}

/// `row = 2^(factor · row − max)`, in place; gives the sum. `factor` is not negative.
///
/// # Safety
/// Compiled for V's set.
#[inline(always)]
pub(super) unsafe fn exponentials<V: Vector>(row: &mut [f32], factor: f32, max: f32) -> f32 {
    // SAFETY: `at` is below the length.
    unsafe {
        let (to, len) = (row.as_mut_ptr(), row.len());
        let (mut sum, mut at) = (V::zero(), 0);
        while at < len {
            let x = part::<V>(to, at, len, V::zero());
            let p = V::exp2(V::fma(x, V::splat(factor), V::splat(-max)));
            let p = if at + V::LANES <= len { p } else { V::keep(p, V::mask(len - at)) };
            put::<V>(to, at, len, p);
            sum = V::add(sum, p);
            at += V::LANES;
        }
        V::sum(sum)
    }
}

/// exp(x − shift) of the vector at `at`; 0 beyond the row's end.
///
/// # Safety
/// As [`part`].
#[inline(always)]
unsafe fn shifted_exponential<V: Vector>(x: *const f32, at: usize, len: usize, shift: f32) -> V::Register {
    // SAFETY: the caller's.
    unsafe {
        let x = part::<V>(x, at, len, V::splat(f32::NEG_INFINITY));
        V::exp2(V::mul(V::sub(x, V::splat(shift)), V::splat(std::f32::consts::LOG2_E)))
    }
}

/// # Safety
/// Compiled for V's set; the rows have the same length.
#[inline(always)]
unsafe fn softmax<V: Vector>(x: &[f32], out: &mut [f32]) {
    let len = x.len();
    // SAFETY: `at` is below the length of both.
    unsafe {
        let max = largest::<V>(x);
        if max == f32::NEG_INFINITY {
            return out.fill(if x.iter().any(|x| x.is_nan()) { f32::NAN } else { 0.0 });
        }
        let (mut sum, mut at) = (V::zero(), 0);
        while at < len {
            let p = shifted_exponential::<V>(x.as_ptr(), at, len, max);
            put::<V>(out.as_mut_ptr(), at, len, p);
            sum = V::add(sum, p);
            at += V::LANES;
        }
        let inverse = V::splat(1.0 / V::sum(sum));
        at = 0;
        while at < len {
            put::<V>(out.as_mut_ptr(), at, len, V::mul(part::<V>(out.as_ptr(), at, len, V::zero()), inverse));
            at += V::LANES;
        }
    }
}

/// # Safety
/// Compiled for V's set; the rows have the same length.
#[inline(always)]
unsafe fn softmax_backward<V: Vector>(out: &[f32], d_out: &[f32], d_x: &mut [f32]) {
    let len = out.len();
    // SAFETY: `at` is below the length of all.
    unsafe {
        let (mut sum, mut at) = (V::zero(), 0);
        while at < len {
            let out = part::<V>(out.as_ptr(), at, len, V::zero());
            sum = V::fma(out, part::<V>(d_out.as_ptr(), at, len, V::zero()), sum);
            at += V::LANES;
        }
        let mean = V::splat(V::sum(sum));
        at = 0;
        while at < len {
            let out = part::<V>(out.as_ptr(), at, len, V::zero());
            let difference = V::sub(part::<V>(d_out.as_ptr(), at, len, V::zero()), mean);
            put::<V>(d_x.as_mut_ptr(), at, len, V::mul(out, difference));
            at += V::LANES;
        }
    }
}

/// # Safety
/// Compiled for V's set; the rows have the same length.
#[inline(always)]
unsafe fn rms_norm<V: Vector>(x: &[f32], weight: Option<&[f32]>, epsilon: f32, out: &mut [f32]) -> f32 {
    let len = x.len();
    // SAFETY: `at` is below the length of all.
    unsafe {
        let (mut sum, mut at) = (V::zero(), 0);
        while at < len {
            let x = part::<V>(x.as_ptr(), at, len, V::zero());
            sum = V::fma(x, x, sum);
            at += V::LANES;
        }
        let inverse_rms = 1.0 / (V::sum(sum) / len as f32 + epsilon).sqrt();
        at = 0;
        while at < len {
            let normal = V::mul(part::<V>(x.as_ptr(), at, len, V::zero()), V::splat(inverse_rms));
            put::<V>(out.as_mut_ptr(), at, len, weighted::<V>(normal, weight, at, len));
            at += V::LANES;
        }
        inverse_rms
    }
}

/// `x`, times the weights at `at` if there are any.
///
/// # Safety
/// As [`part`].
#[inline(always)]
unsafe fn weighted<V: Vector>(x: V::Register, weight: Option<&[f32]>, at: usize, len: usize) -> V::Register {
    match weight {
        // SAFETY: the caller's.
        Some(weight) => unsafe { V::mul(x, part::<V>(weight.as_ptr(), at, len, V::zero())) },
        None => x,
    }
}

/// # Safety
/// Compiled for V's set; the rows have the same length.
#[inline(always)]
unsafe fn rms_norm_backward<V: Vector>(
    x: &[f32],
    weight: Option<&[f32]>,
    inverse_rms: f32,
    d_out: &[f32],
    d_x: &mut [f32],
    mut d_weight: Option<&mut [f32]>,
) {
    let len = x.len();
    // SAFETY: `at` is below the length of all.
    unsafe {
        let (mut sum, mut at) = (V::zero(), 0);
        while at < len {
            let g = weighted::<V>(part::<V>(d_out.as_ptr(), at, len, V::zero()), weight, at, len);
            sum = V::fma(g, part::<V>(x.as_ptr(), at, len, V::zero()), sum);
            at += V::LANES;
        }
        let r = V::splat(inverse_rms);
        let mean = V::splat(V::sum(sum) / len as f32 * inverse_rms);
        at = 0;
        while at < len {
            let d_out = part::<V>(d_out.as_ptr(), at, len, V::zero());
            let normal = V::mul(part::<V>(x.as_ptr(), at, len, V::zero()), r);
            let g = weighted::<V>(d_out, weight, at, len);
            put::<V>(d_x.as_mut_ptr(), at, len, V::mul(r, V::sub(g, V::mul(normal, mean))));
            if let Some(d_weight) = d_weight.as_deref_mut() {
                let so_far = part::<V>(d_weight.as_ptr(), at, len, V::zero());
                put::<V>(d_weight.as_mut_ptr(), at, len, V::fma(d_out, normal, so_far));
            }
            at += V::LANES;
        }
    }
}

/// Σ exp(x − max).
///
/// # Safety
/// Compiled for V's set.
#[inline(always)]
unsafe fn sum_exp<V: Vector>(x: &[f32], max: f32) -> f32 {
    // SAFETY: `at` is below the length.
    unsafe {
        let (mut sum, mut at) = (V::zero(), 0);
        while at < x.len() {
            sum = V::add(sum, shifted_exponential::<V>(x.as_ptr(), at, x.len(), max));
            at += V::LANES;
        }
        V::sum(sum)
    }
}

/// `out = factor · exp(x − shift)`.
///
/// # Safety
/// Compiled for V's set; the rows have the same length.
#[inline(always)]
unsafe fn scaled_exp<V: Vector>(x: &[f32], shift: f32, factor: f32, out: &mut [f32]) {
    // SAFETY: `at` is below the length of both.
    unsafe {
        let mut at = 0;
        while at < x.len() {
            let p = shifted_exponential::<V>(x.as_ptr(), at, x.len(), shift);
            put::<V>(out.as_mut_ptr(), at, x.len(), V::mul(p, V::splat(factor)));
            at += V::LANES;
        }
    }
}
