//! The suite of softmax, RMS norm and cross-entropy.

use super::random::Random;
use super::{Failure, largest, rowwise_errors, within};
use crate::{Error, IGNORE, Reference, Rows, RowwiseBackend, SavedRmsNorm, plain};

/// Around the widths of vectors, warps and blocks; a vocabulary.
const COLUMNS: [usize; 22] =
    [1, 2, 3, 7, 8, 15, 16, 17, 27, 31, 33, 63, 64, 65, 127, 128, 255, 256, 257, 1000, 2500, 5001];
/// How far logits reach: where exponentials are alike, where they are not, where they overflow without the maximum.
const SPREADS: [f32; 3] = [1.0, 100.0, 1e4];
/// RMS norm's ε, of the size of the smallest rows' mean squares.
const EPSILON: f32 = 1e-5;

/// Runs the suite of the row-wise pieces. Gives how many problems were posed.
///
/// The bound is that of [`check`](super::check), with twice the second term: a base-2 exponential, or an approximate reciprocal
/// root, may round once more than the plain computation does. Where a result is a difference, the second term is relative to
/// what was subtracted. Backward passes of all three sides get the reference's forward results.
///
/// # Errors
///
/// The first [`Failure`].
pub fn check_rowwise(name: &str, backend: &dyn RowwiseBackend, seed: u64) -> Result<usize, Failure> {
    let mut random = Random::new(seed);
    let mut shapes: Vec<Rows> = COLUMNS.map(|cols| Rows { rows: 3 + 200 / cols, cols }).to_vec();
    // Enough for several threads; nothing at all.
    shapes.extend([(1500, 64), (40, 3000), (0, 5)].map(|(rows, cols)| Rows { rows, cols }));
    let failure = |case: String, what| Failure { backend: name.to_owned(), seed, case, what };
    let mut posed = 0;
    for &shape in &shapes {
        for spread in SPREADS {
            let checked = Problem::new(shape, spread, &mut random).check(backend);
            checked.map_err(|what| failure(format!("{shape:?}, ±{spread}"), what))?;
            posed += 1;
        }
    }
    not_finite(backend).map_err(|(case, what)| failure(case.to_owned(), what))?;
    rowwise_errors::check(backend).map_err(|(case, what)| failure(case.to_owned(), what))?;
    Ok(posed)
}

struct Problem {
    shape: Rows,
    /// Inputs and logits.
    x: Vec<f32>,
    d_out: Vec<f32>,
    weight: Vec<f32>,
    targets: Vec<u32>,
    d_loss: Vec<f32>,
}

/// What the three sides of a comparison give, by name.
type Three<'a> = (&'a str, [Vec<f32>; 3]);

impl Problem {
    fn new(shape: Rows, spread: f32, random: &mut Random) -> Self {
        let Rows { rows, cols } = shape;
        let mut unit = |len: usize, spread: f32| (0..len).map(|_| spread * random.unit()).collect::<Vec<f32>>();
        let (x, d_out) = (unit(rows * cols, spread), unit(rows * cols, 1.0));
        let (weight, d_loss) = (unit(cols, 1.0), unit(rows, 1.0));
        let draw = |random: &mut Random| {
            if random.within(0..=9) == 0 { IGNORE } else { random.within(0..=cols - 1) as u32 }
        };
        Self { shape, x, d_out, weight, targets: (0..rows).map(|_| draw(random)).collect(), d_loss }
    }

    fn check(&self, backend: &dyn RowwiseBackend) -> Result<(), String> {
        let failed = |error: Error| format!("failed: {error}");
        self.check_softmax(backend).map_err(failed)??;
        self.check_rms_norm(backend, Some(&self.weight)).map_err(failed)??;
        self.check_rms_norm(backend, None).map_err(failed)??;
        self.check_cross_entropy(backend).map_err(failed)?
    }

    /// One output of `len` elements from each side: the backend's, the plain one and the reference.
    fn three<'a>(
        name: &'a str,
        len: usize,
        backend: &dyn RowwiseBackend,
        run: impl Fn(&dyn RowwiseBackend, &mut [f32]) -> Result<(), Error>,
    ) -> Result<Three<'a>, Error> {
        let mut outputs = [const { Vec::new() }; 3];
        for (side, output) in [backend, &plain::Rowwise, &Reference].into_iter().zip(&mut outputs) {
            *output = vec![f32::NAN; len];
            run(side, output)?;
        }
        Ok((name, outputs))
    }

    fn check_softmax(&self, backend: &dyn RowwiseBackend) -> Result<Result<(), String>, Error> {
        let (shape, len) = (self.shape, self.x.len());
        let weights = Self::three("softmax", len, backend, |side, out| side.softmax(shape, &self.x, out))?;
        let exact = &weights.1[2];
        let gradients = Self::three("softmax's d_x", len, backend, |side, d_x| {
            side.softmax_backward(shape, exact, &self.d_out, d_x)
        })?;
        Ok(close(2.0, 0.0, &weights).and_then(|()| close(3.0, largest(exact) * largest(&self.d_out), &gradients)))
    }

    fn check_rms_norm(
        &self,
        backend: &dyn RowwiseBackend,
        weight: Option<&[f32]>,
    ) -> Result<Result<(), String>, Error> {
        let (shape, len, x, d_out) = (self.shape, self.x.len(), &self.x, &self.d_out);
        let out = Self::three("RMS norm", len, backend, |side, out| {
            side.rms_norm(shape, EPSILON, x, weight, out, &mut vec![0.0; shape.rows])
        })?;
        let inverse = Self::three("inverse_rms", shape.rows, backend, |side, inverse| {
            side.rms_norm(shape, EPSILON, x, weight, &mut vec![0.0; len], inverse)
        })?;
        let inverse_rms: &[f32] = &inverse.1[2];
        let saved = SavedRmsNorm { x, weight, inverse_rms };
        let d_x = Self::three("RMS norm's d_x", len, backend, |side, d_x| {
            side.rms_norm_backward(shape, saved, d_out, d_x, None)
        })?;
        let d_weight = Self::three("d_weight", shape.cols, backend, |side, d_weight| {
            side.rms_norm_backward(shape, saved, d_out, &mut vec![0.0; len], Some(d_weight))
        })?;
        let subtracted = largest(inverse_rms) * largest(d_out) * weight.map_or(1.0, largest);
        Ok(close(2.0, 0.0, &out)
            .and_then(|()| close(2.0, 0.0, &inverse))
            .and_then(|()| close(3.0, subtracted, &d_x))
            .and_then(|()| close(3.0, 0.0, &d_weight)))
    }

    fn check_cross_entropy(&self, backend: &dyn RowwiseBackend) -> Result<Result<(), String>, Error> {
        let Self { shape, x, targets, .. } = self;
        let loss = Self::three("loss", shape.rows, backend, |side, loss| {
            side.cross_entropy(*shape, x, targets, loss, &mut vec![0.0; shape.rows])
        })?;
        let sums = Self::three("log_sum_exp", shape.rows, backend, |side, sums| {
            side.cross_entropy(*shape, x, targets, &mut vec![0.0; shape.rows], sums)
        })?;
        let d_logits = Self::three("d_logits", x.len(), backend, |side, d_logits| {
            side.cross_entropy_backward(*shape, x, targets, &sums.1[2], &self.d_loss, d_logits)
        })?;
        Ok(close(2.0, largest(x), &loss)
            .and_then(|()| close(2.0, largest(x).max(1.0), &sums))
            .and_then(|()| close(3.0, largest(&self.d_loss), &d_logits)))
    }
}

fn close(factor: f64, least: f64, (name, [given, plainly, exact]): &Three<'_>) -> Result<(), String> {
    within(name, factor, 2.0 * least.max(largest(exact)), given, plainly, exact)
}

/// The row of −∞, and what a NaN or +∞ does to its row and to no other.
fn not_finite(backend: &dyn RowwiseBackend) -> Result<(), (&'static str, String)> {
    const NONE: f32 = f32::NEG_INFINITY;
    let failed = |case: &'static str| move |error: Error| (case, format!("failed: {error}"));
    // As wide as a vector and some; rows: nothing, one class, a NaN, all NaN, +∞, a NaN among −∞, plain.
    const COLUMNS: usize = 19;
    let shape = Rows { rows: 7, cols: COLUMNS };
    let mut x = vec![0.0_f32; 7 * COLUMNS];
    x[..2 * COLUMNS].fill(NONE);
    x[COLUMNS + 17] = 3.0;
    x[2 * COLUMNS + 5] = f32::NAN;
    x[3 * COLUMNS..4 * COLUMNS].fill(f32::NAN);
    x[4 * COLUMNS + 18] = f32::INFINITY;
    x[5 * COLUMNS..6 * COLUMNS].fill(NONE);
    x[5 * COLUMNS + 2] = f32::NAN;
    let ruined = 2..6;
    let targets = [4, 17, 5, 0, 3, 1, 2];
    let case = "−∞, +∞ and NaN";

    let mut out = vec![42.0; x.len()];
    backend.softmax(shape, &x, &mut out).map_err(failed(case))?;
    let mut exact = vec![42.0; x.len()];
    Reference.softmax(shape, &x, &mut exact).map_err(failed(case))?;
    agree("softmax", &out, &exact).map_err(|what| (case, what))?;

    let [mut loss, mut sums, mut exact_loss, mut exact_sums] = [const { [42.0; 7] }; 4];
    backend.cross_entropy(shape, &x, &targets, &mut loss, &mut sums).map_err(failed(case))?;
    Reference.cross_entropy(shape, &x, &targets, &mut exact_loss, &mut exact_sums).map_err(failed(case))?;
    agree("loss", &loss, &exact_loss).map_err(|what| (case, what))?;
    agree("log_sum_exp", &sums, &exact_sums).map_err(|what| (case, what))?;
    backend.cross_entropy_backward(shape, &x, &targets, &exact_sums, &[1.0; 7], &mut out).map_err(failed(case))?;
    Reference.cross_entropy_backward(shape, &x, &targets, &exact_sums, &[1.0; 7], &mut exact).map_err(failed(case))?;
    agree("d_logits", &out, &exact).map_err(|what| (case, what))?;

    let finite: Vec<f32> = x.iter().map(|&x| if x.is_infinite() { 1.0 } else { x }).collect();
    backend.rms_norm(shape, EPSILON, &finite, None, &mut out, &mut loss).map_err(failed(case))?;
    Reference.rms_norm(shape, EPSILON, &finite, None, &mut exact, &mut exact_loss).map_err(failed(case))?;
    agree("RMS norm", &out, &exact).map_err(|what| (case, what))?;
    // The reference itself keeps the promise.
    let nan = |row: usize| exact_sums[row].is_nan();
    let kept = (0..7).all(|row| nan(row) == ruined.contains(&row)) && exact_sums[0] == NONE;
    if kept { Ok(()) } else { Err((case, format!("the reference's log_sum_exp is {exact_sums:?}"))) }
}

/// The same NaNs and infinities; otherwise nearly the same.
fn agree(name: &str, given: &[f32], exact: &[f32]) -> Result<(), String> {
    let same = |given: f32, exact: f32| {
        (given.is_nan() && exact.is_nan()) || given == exact || (given - exact).abs() <= 1e-5 * exact.abs().max(1.0)
    };
    match given.iter().zip(exact).position(|(&given, &exact)| !same(given, exact)) {
        None => Ok(()),
        Some(index) => Err(format!("{name}[{index}] is {}, the reference has {}", given[index], exact[index])),
    }
}
