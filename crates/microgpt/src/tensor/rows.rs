//! What happens to each token alone, a row at a time.

use linalg::{Scalar, Threads};

use super::packed::Packed;
use super::share::share;
use crate::scalar::{EPSILON, LOG_EPSILON};

/// A number of the tensor engine.
pub(crate) trait Real: Scalar {
    /// eˣ
    fn exp(self) -> Self;
    /// √x
    fn sqrt(self) -> Self;
    /// x/y. [`Scalar`] has no division.
    fn div(self, other: Self) -> Self;
    /// The numbers themselves, if they are `f32`.
    fn as_f32(numbers: &[Self]) -> Option<&[f32]>;
    /// The same, to be changed.
    fn as_f32_mut(numbers: &mut [Self]) -> Option<&mut [f32]>;
}

impl Real for f32 {
    fn exp(self) -> f32 {
        self.exp()
    }
    fn sqrt(self) -> f32 {
        self.sqrt()
    }
    fn div(self, other: f32) -> f32 {
        self / other
    }
    fn as_f32(numbers: &[f32]) -> Option<&[f32]> {
        Some(numbers)
    }
    fn as_f32_mut(numbers: &mut [f32]) -> Option<&mut [f32]> {
        Some(numbers)
    }
}

impl Real for f64 {
    fn exp(self) -> f64 {
        self.exp()
    }
    fn sqrt(self) -> f64 {
        self.sqrt()
    }
    fn div(self, other: f64) -> f64 {
        self / other
    }
    fn as_f32(_: &[f64]) -> Option<&[f32]> {
        None
    }
    fn as_f32_mut(_: &mut [f64]) -> Option<&mut [f32]> {
        None
    }
}

pub(super) fn real<T: Scalar>(x: f64) -> T {
    T::from_f64(x)
}

pub(super) fn reciprocal<T: Real>(x: T) -> T {
    T::ONE.div(x)
}

/// Rows that a thread takes at a time.
const PART: usize = 64;

/// `x·y` in eight sums, so that they fill vector registers.
pub(super) fn dot<T: Scalar>(x: &[T], y: &[T]) -> T {
    let mut sums = [T::ZERO; 8];
    let (x, x_rest) = x.as_chunks::<8>();
    let (y, y_rest) = y.as_chunks::<8>();
    for (x, y) in x.iter().zip(y) {
        for (sum, (&x, &y)) in sums.iter_mut().zip(x.iter().zip(y)) {
            *sum += x * y;
        }
    }
    let rest = x_rest.iter().zip(y_rest).fold(T::ZERO, |sum, (&x, &y)| sum + x * y);
    let [a, b, c, d, e, f, g, h] = sums;
    ((a + e) + (b + f)) + ((c + g) + (d + h)) + rest
}

/// `y += factor · x`
pub(super) fn add_scaled<T: Scalar>(y: &mut [T], factor: T, x: &[T]) {
    y.iter_mut().zip(x).for_each(|(y, &x)| *y += factor * x);
}

/// `y = x / rms(x)` row by row; `inverse` is 1 over each root mean square.
pub(super) fn norm<T: Real>(threads: Threads, n: usize, x: &[T], y: &mut [T], inverse: &mut [T]) {
    let parts = x.chunks(PART * n).zip(y.chunks_mut(PART * n)).zip(inverse.chunks_mut(PART));
    share(parts, threads, |((x, y), inverse)| {
        for ((x, y), inverse) in x.chunks_exact(n).zip(y.chunks_exact_mut(n)).zip(inverse) {
            *inverse = reciprocal((dot(x, x) * real(1.0 / n as f64) + real(EPSILON)).sqrt());
            y.iter_mut().zip(x).for_each(|(y, &x)| *y = x * *inverse);
        }
    });
}

/// `d_x += inverse · (d_y − y·mean(y·d_y))`: what [`norm`] passes back.
pub(super) fn norm_backward<T: Real>(threads: Threads, n: usize, (y, inverse): (&[T], &[T]), d_y: &[T], d_x: &mut [T]) {
    let parts = y.chunks(PART * n).zip(inverse.chunks(PART)).zip(d_y.chunks(PART * n)).zip(d_x.chunks_mut(PART * n));
    share(parts, threads, |(((y, inverse), d_y), d_x)| {
        let rows = y.chunks_exact(n).zip(inverse).zip(d_y.chunks_exact(n)).zip(d_x.chunks_exact_mut(n));
        for (((y, &inverse), d_y), d_x) in rows {
            let mean = dot(y, d_y) * real(1.0 / n as f64);
            for ((&y, &d_y), d_x) in y.iter().zip(d_y).zip(d_x) {
                *d_x += inverse * (d_y - y * mean);
            }
        }
    });
}

/// `x = max(x, 0)`
pub(super) fn relu<T: Real>(threads: Threads, n: usize, x: &mut [T]) {
    share(x.chunks_mut(PART * n), threads, |x| {
        x.iter_mut().for_each(|x| *x = if *x > T::ZERO { *x } else { T::ZERO });
    });
}

/// `d_x = 0` where [`relu`] made a 0.
pub(super) fn relu_backward<T: Real>(threads: Threads, n: usize, y: &[T], d_x: &mut [T]) {
    share(y.chunks(PART * n).zip(d_x.chunks_mut(PART * n)), threads, |(y, d_x)| {
        y.iter().zip(d_x).for_each(|(&y, d_x)| *d_x = if y > T::ZERO { *d_x } else { T::ZERO });
    });
}

/// `x = softmax(x)`
pub(super) fn softmax<T: Real>(x: &mut [T]) {
    let largest = x.iter().fold(real(f64::NEG_INFINITY), |largest: T, &x| if x > largest { x } else { largest });
    let mut sum = T::ZERO;
    for x in x.iter_mut() {
        *x = (*x - largest).exp();
        sum += *x;
    }
    let inverse = reciprocal(sum);
    x.iter_mut().for_each(|x| *x *= inverse);
}

/// The batch's loss; the logits become the loss's gradient with respect to them.
///
/// The loss of a token whose probability is p is −ln(p + 1e-10), so with respect to logit j its slope is
/// p/(p + 1e-10) · (pⱼ − 1 if j is the target, else pⱼ).
pub(super) fn cross_entropy<T: Real>(threads: Threads, vocab: usize, batch: &Packed, logits: &mut [T]) -> f64 {
    let mut losses = vec![0.0; batch.len()];
    let parts = logits.chunks_mut(PART * vocab).zip(losses.chunks_mut(PART)).enumerate();
    share(parts, threads, |(part, (logits, losses))| {
        let rows = (part * PART..).zip(logits.chunks_exact_mut(vocab).zip(losses));
        for (row, (logits, loss)) in rows {
            softmax(logits);
            let (target, weight) = (batch.target(row), batch.weight(row));
            let probability = logits[target].to_f64();
            *loss = -weight * (probability + LOG_EPSILON).ln();
            let slope: T = real(weight * (probability / (probability + LOG_EPSILON)));
            logits.iter_mut().for_each(|p| *p *= slope);
            logits[target] -= slope;
        }
    });
    losses.iter().sum()
}
