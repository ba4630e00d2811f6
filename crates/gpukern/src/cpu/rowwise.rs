//! Softmax, RMS norm and cross-entropy: rows in runs, and runs over threads.

use super::share::{share, threads};
use crate::simd::{Kernels, Row, kernels};
use crate::{Cpu, Error, IGNORE, Rows, RowwiseBackend, SavedRmsNorm};

/// Elements that a thread takes at a time.
const RUN: usize = 1 << 14;
/// What an exponential or so takes, in multiply-adds.
const COST: usize = 8;
/// Most sums that the gradient of RMS norm's weights is added up from.
const PARTS: usize = 64;

/// Runs of whole rows: how many rows each.
fn run_rows(shape: Rows) -> usize {
    (RUN / shape.cols).max(1)
}

fn threads_for(shape: Rows) -> usize {
    threads((shape.rows * shape.cols).saturating_mul(COST))
}

/// Calls `work` with the number of each row of `out` and the row.
fn each_row(shape: Rows, out: &mut [f32], work: impl Fn(usize, &mut [f32]) + Sync) {
    let rows = run_rows(shape);
    let runs = out.chunks_mut(rows * shape.cols).enumerate();
    share(
        runs,
        threads_for(shape),
        || (),
        |(), (run, out)| {
            out.chunks_exact_mut(shape.cols).enumerate().for_each(|(row, out)| work(run * rows + row, out));
        },
    );
}

/// As [`each_row`], with an element of each of two columns beside.
fn each_element(shape: Rows, [first, second]: [&mut [f32]; 2], work: impl Fn(usize, &mut f32, &mut f32) + Sync) {
    let rows = run_rows(shape);
    let runs = first.chunks_mut(rows).zip(second.chunks_mut(rows)).enumerate();
    share(
        runs,
        threads_for(shape),
        || (),
        |(), (run, (first, second))| {
            let elements = first.iter_mut().zip(second).enumerate();
            elements.for_each(|(row, (first, second))| work(run * rows + row, first, second));
        },
    );
}

impl RowwiseBackend for Cpu {
    fn softmax(&self, shape: Rows, x: &[f32], out: &mut [f32]) -> Result<(), Error> {
        shape.check_softmax(x, out)?;
        let kernels = kernels(self.isa)?;
        each_row(shape, out, |row, out| {
            kernels.row(Row::Softmax { x: of(shape, x, row), out });
        });
        Ok(())
    }

    fn softmax_backward(&self, shape: Rows, out: &[f32], d_out: &[f32], d_x: &mut [f32]) -> Result<(), Error> {
        shape.check_softmax_backward(out, d_out, d_x)?;
        let kernels = kernels(self.isa)?;
        each_row(shape, d_x, |row, d_x| {
            kernels.row(Row::SoftmaxBackward { out: of(shape, out, row), d_out: of(shape, d_out, row), d_x });
        });
        Ok(())
    }

    fn rms_norm(
        &self,
        shape: Rows,
        epsilon: f32,
        x: &[f32],
        weight: Option<&[f32]>,
        out: &mut [f32],
        inverse_rms: &mut [f32],
    ) -> Result<(), Error> {
        shape.check_rms_norm(epsilon, x, weight, out, inverse_rms)?;
        let kernels = kernels(self.isa)?;
        let rows = run_rows(shape);
        let runs = out.chunks_mut(rows * shape.cols).zip(inverse_rms.chunks_mut(rows)).enumerate();
        share(
            runs,
            threads_for(shape),
            || (),
            |(), (run, (out, inverse_rms))| {
                let here = out.chunks_exact_mut(shape.cols).zip(inverse_rms).enumerate();
                for (row, (out, inverse_rms)) in here {
                    let x = of(shape, x, run * rows + row);
                    [*inverse_rms, _] = kernels.row(Row::RmsNorm { x, weight, epsilon, out });
                }
            },
        );
        Ok(())
    }

    fn rms_norm_backward(
        &self,
        shape: Rows,
        forward: SavedRmsNorm<'_>,
        d_out: &[f32],
        d_x: &mut [f32],
        d_weight: Option<&mut [f32]>,
    ) -> Result<(), Error> {
        shape.check_rms_norm_backward(&forward, d_out, d_x, d_weight.as_deref())?;
        let gradient = RmsNormGradient { shape, forward, d_out, kernels: kernels(self.isa)? };
        // How the sum is cut depends on the shape alone; the parts are added up in order.
        let rows = run_rows(shape).max(shape.rows.div_ceil(PARTS));
        let parts = shape.rows.div_ceil(rows);
        let asked = d_weight.is_some();
        let mut sums = vec![0.0; if asked { parts * shape.cols } else { 0 }];
        let mut sums_left = sums.chunks_exact_mut(shape.cols);
        let runs = d_x.chunks_mut(rows * shape.cols).map(|d_x| (d_x, sums_left.next())).enumerate();
        share(
            runs,
            threads_for(shape),
            || (),
            |(), (run, (d_x, mut sum))| {
                for (row, d_x) in d_x.chunks_exact_mut(shape.cols).enumerate() {
                    gradient.row(run * rows + row, d_x, sum.as_deref_mut());
                }
            },
        );
        if let Some(d_weight) = d_weight {
            d_weight.fill(0.0);
            for sum in sums.chunks_exact(shape.cols) {
                d_weight.iter_mut().zip(sum).for_each(|(d_weight, sum)| *d_weight += sum);
            }
        }
        Ok(())
    }

    fn cross_entropy(
        &self,
        shape: Rows,
        logits: &[f32],
        targets: &[u32],
        loss: &mut [f32],
        log_sum_exp: &mut [f32],
    ) -> Result<(), Error> {
        shape.check_cross_entropy(logits, targets, loss, log_sum_exp)?;
        let kernels = kernels(self.isa)?;
        each_element(shape, [loss, log_sum_exp], |row, loss, log_sum_exp| {
            (*loss, *log_sum_exp) = cross_entropy_of_row(kernels, of(shape, logits, row), targets[row]);
        });
        Ok(())
    }

    fn cross_entropy_backward(
        &self,
        shape: Rows,
        logits: &[f32],
        targets: &[u32],
        log_sum_exp: &[f32],
        d_loss: &[f32],
        d_logits: &mut [f32],
    ) -> Result<(), Error> {
        shape.check_cross_entropy_backward(logits, targets, log_sum_exp, d_loss, d_logits)?;
        let kernels = kernels(self.isa)?;
        each_row(shape, d_logits, |row, d_logits| {
            if targets[row] == IGNORE {
                return d_logits.fill(0.0);
            }
            if log_sum_exp[row] == f32::NEG_INFINITY {
                d_logits.fill(0.0);
            } else {
                let (logits, log_sum_exp, factor) = (of(shape, logits, row), log_sum_exp[row], d_loss[row]);
                kernels.row(Row::CrossEntropyBackward { logits, log_sum_exp, factor, d_logits });
            }
            d_logits[targets[row] as usize] -= d_loss[row];
        });
        Ok(())
    }
}

/// A row of a matrix.
fn of(shape: Rows, matrix: &[f32], row: usize) -> &[f32] {
    &matrix[row * shape.cols..][..shape.cols]
}

/// The loss and the logarithm of the sum of exponentials.
fn cross_entropy_of_row(kernels: &Kernels, logits: &[f32], target: u32) -> (f32, f32) {
    if target == IGNORE {
        return (0.0, 0.0);
    }
    let [max, sum] = kernels.row(Row::CrossEntropy { logits });
    if max == f32::NEG_INFINITY {
        let nan = logits.iter().any(|logit| logit.is_nan());
        return if nan { (f32::NAN, f32::NAN) } else { (f32::INFINITY, f32::NEG_INFINITY) };
    }
    let log_sum_exp = f64::from(max) + f64::from(sum).ln();
    ((log_sum_exp - f64::from(logits[target as usize])) as f32, log_sum_exp as f32)
}

struct RmsNormGradient<'a> {
    shape: Rows,
    forward: SavedRmsNorm<'a>,
    d_out: &'a [f32],
    kernels: &'static Kernels,
}

impl RmsNormGradient<'_> {
    fn row(&self, row: usize, d_x: &mut [f32], d_weight: Option<&mut [f32]>) {
        let SavedRmsNorm { x, weight, inverse_rms } = self.forward;
        let (x, d_out) = (of(self.shape, x, row), of(self.shape, self.d_out, row));
        let inverse_rms = inverse_rms[row];
        self.kernels.row(Row::RmsNormBackward { x, weight, inverse_rms, d_out, d_x, d_weight });
    }
}
