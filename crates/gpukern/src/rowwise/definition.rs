//! The definitions, as loops. `T` is the type that is calculated in; results are rounded to f32 once, at the end.

use crate::standard::{Real, dot, round, scratch, softmax as softmax_of_row};
use crate::{Error, IGNORE, Rows, SavedRmsNorm};

pub(crate) fn softmax<T: Real>(shape: Rows, x: &[f32], out: &mut [f32]) -> Result<(), Error> {
    shape.check_softmax(x, out)?;
    let mut row = scratch::<T>("a row", &[shape.cols])?;
    for (x, out) in x.chunks_exact(shape.cols).zip(out.chunks_exact_mut(shape.cols)) {
        widen(x, &mut row);
        if possible(x) {
            softmax_of_row(&mut row);
        } else {
            row.fill(T::ZERO);
        }
        round(&row, out);
    }
    Ok(())
}

pub(crate) fn softmax_backward<T: Real>(shape: Rows, out: &[f32], d_out: &[f32], d_x: &mut [f32]) -> Result<(), Error> {
    shape.check_softmax_backward(out, d_out, d_x)?;
    let rows = out.chunks_exact(shape.cols).zip(d_out.chunks_exact(shape.cols));
    for ((out, d_out), d_x) in rows.zip(d_x.chunks_exact_mut(shape.cols)) {
        let mean = dot::<T>(out, d_out);
        for ((&out, &d_out), d_x) in out.iter().zip(d_out).zip(d_x) {
            *d_x = (T::of(out) * (T::of(d_out) - mean)).rounded();
        }
    }
    Ok(())
}

pub(crate) fn rms_norm<T: Real>(
    shape: Rows,
    epsilon: f32,
    x: &[f32],
    weight: Option<&[f32]>,
    out: &mut [f32],
    inverse_rms: &mut [f32],
) -> Result<(), Error> {
    shape.check_rms_norm(epsilon, x, weight, out, inverse_rms)?;
    let rows = x.chunks_exact(shape.cols).zip(out.chunks_exact_mut(shape.cols));
    for ((x, out), inverse_rms) in rows.zip(inverse_rms) {
        let mean = dot::<T>(x, x) / T::of(shape.cols as f32);
        let inverse = T::of(1.0) / (mean + T::of(epsilon)).sqrt();
        *inverse_rms = inverse.rounded();
        for (column, (out, &x)) in out.iter_mut().zip(x).enumerate() {
            *out = (T::of(weight_of(weight, column)) * (T::of(x) * inverse)).rounded();
        }
    }
    Ok(())
}

pub(crate) fn rms_norm_backward<T: Real>(
    shape: Rows,
    forward: SavedRmsNorm<'_>,
    d_out: &[f32],
    d_x: &mut [f32],
    d_weight: Option<&mut [f32]>,
) -> Result<(), Error> {
    shape.check_rms_norm_backward(&forward, d_out, d_x, d_weight.as_deref())?;
    let cols = shape.cols;
    let mut sum_d_weight = scratch::<T>("gradients of the weights", &[cols])?;
    let rows = forward.x.chunks_exact(cols).zip(d_out.chunks_exact(cols)).zip(forward.inverse_rms);
    for (((x, d_out), &inverse), d_x) in rows.zip(d_x.chunks_exact_mut(cols)) {
        let inverse = T::of(inverse);
        let g = |column: usize| T::of(weight_of(forward.weight, column)) * T::of(d_out[column]);
        let sum = (0..cols).fold(T::ZERO, |sum, column| sum + g(column) * T::of(x[column]));
        let mean = sum / T::of(cols as f32);
        for column in 0..cols {
            let normal = T::of(x[column]) * inverse;
            d_x[column] = (inverse * (g(column) - normal * inverse * mean)).rounded();
            sum_d_weight[column] += T::of(d_out[column]) * normal;
        }
    }
    if let Some(d_weight) = d_weight {
        round(&sum_d_weight, d_weight);
    }
    Ok(())
}

pub(crate) fn cross_entropy<T: Real>(
    shape: Rows,
    logits: &[f32],
    targets: &[u32],
    loss: &mut [f32],
    log_sum_exp: &mut [f32],
) -> Result<(), Error> {
    shape.check_cross_entropy(logits, targets, loss, log_sum_exp)?;
    let mut row = scratch::<T>("a row", &[shape.cols])?;
    for (index, logits) in logits.chunks_exact(shape.cols).enumerate() {
        let target = targets[index];
        (loss[index], log_sum_exp[index]) = if target == IGNORE {
            (0.0, 0.0)
        } else if possible(logits) {
            widen(logits, &mut row);
            let sum = softmax_of_row(&mut row);
            ((sum - T::of(logits[target as usize])).rounded(), sum.rounded())
        } else {
            (f32::INFINITY, f32::NEG_INFINITY)
        };
    }
    Ok(())
}

pub(crate) fn cross_entropy_backward<T: Real>(
    shape: Rows,
    logits: &[f32],
    targets: &[u32],
    log_sum_exp: &[f32],
    d_loss: &[f32],
    d_logits: &mut [f32],
) -> Result<(), Error> {
    shape.check_cross_entropy_backward(logits, targets, log_sum_exp, d_loss, d_logits)?;
    let rows = logits.chunks_exact(shape.cols).zip(d_logits.chunks_exact_mut(shape.cols));
    for (index, (logits, d_logits)) in rows.enumerate() {
        if targets[index] == IGNORE {
            d_logits.fill(0.0);
            continue;
        }
        let (weight, sum) = (T::of(d_loss[index]), T::of(log_sum_exp[index]));
        let possible = log_sum_exp[index] != f32::NEG_INFINITY;
        for (column, (d_logit, &logit)) in d_logits.iter_mut().zip(logits).enumerate() {
            let p = if possible { (T::of(logit) - sum).exp() } else { T::ZERO };
            let hit = if column == targets[index] as usize { T::of(1.0) } else { T::ZERO };
            *d_logit = (weight * (p - hit)).rounded();
        }
    }
    Ok(())
}

/// Whether anything in the row can be: −∞ cannot. NaN counts as possible, and makes the row NaN.
fn possible(row: &[f32]) -> bool {
    row.iter().any(|&x| x != f32::NEG_INFINITY)
}

fn weight_of(weight: Option<&[f32]>, column: usize) -> f32 {
    weight.map_or(1.0, |weight| weight[column])
}

fn widen<T: Real>(from: &[f32], to: &mut [T]) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to = T::of(from);
    }
}

/// [`RowwiseBackend`](crate::RowwiseBackend) by these definitions, for a type that has nothing to add.
macro_rules! by_definition {
    ($type:ty, $real:ty) => {
        impl $crate::RowwiseBackend for $type {
            fn softmax(&self, shape: $crate::Rows, x: &[f32], out: &mut [f32]) -> Result<(), $crate::Error> {
                $crate::rowwise::definition::softmax::<$real>(shape, x, out)
            }
            fn softmax_backward(
                &self,
                shape: $crate::Rows,
                out: &[f32],
                d_out: &[f32],
                d_x: &mut [f32],
            ) -> Result<(), $crate::Error> {
                $crate::rowwise::definition::softmax_backward::<$real>(shape, out, d_out, d_x)
            }
            fn rms_norm(
                &self,
                shape: $crate::Rows,
                epsilon: f32,
                x: &[f32],
                weight: Option<&[f32]>,
                out: &mut [f32],
                inverse_rms: &mut [f32],
            ) -> Result<(), $crate::Error> {
                $crate::rowwise::definition::rms_norm::<$real>(shape, epsilon, x, weight, out, inverse_rms)
            }
            fn rms_norm_backward(
                &self,
                shape: $crate::Rows,
                forward: $crate::SavedRmsNorm<'_>,
                d_out: &[f32],
                d_x: &mut [f32],
                d_weight: Option<&mut [f32]>,
            ) -> Result<(), $crate::Error> {
                $crate::rowwise::definition::rms_norm_backward::<$real>(shape, forward, d_out, d_x, d_weight)
            }
            fn cross_entropy(
                &self,
                shape: $crate::Rows,
                logits: &[f32],
                targets: &[u32],
                loss: &mut [f32],
                log_sum_exp: &mut [f32],
            ) -> Result<(), $crate::Error> {
                $crate::rowwise::definition::cross_entropy::<$real>(shape, logits, targets, loss, log_sum_exp)
            }
            fn cross_entropy_backward(
                &self,
                shape: $crate::Rows,
                logits: &[f32],
                targets: &[u32],
                log_sum_exp: &[f32],
                d_loss: &[f32],
                d_logits: &mut [f32],
            ) -> Result<(), $crate::Error> {
                $crate::rowwise::definition::cross_entropy_backward::<$real>(
                    shape,
                    logits,
                    targets,
                    log_sum_exp,
                    d_loss,
                    d_logits,
                )
            }
        }
    };
}

pub(crate) use by_definition;
