//! The suite that every backend passes, for the crates that add one.
//!
//! [`check`] multiplies seeded random matrices of awkward shapes in awkward layouts and compares each element with
//! [`Naive`]. A failure names the seed, the case and both numbers.

mod cases;
mod random;

use std::fmt;

use crate::{Backend, Error, Matrix, MatrixView, Naive, Scalar};

use cases::{Case, Laid};
pub use random::Random;

/// How far a backend may be from the oracle.
#[derive(Debug, Clone, Copy)]
pub enum Bound {
    /// Every element within `(k + 3)·ε·(|alpha|·Σ|a||b| + |beta||c|)`. Both the backend and the oracle are allowed
    /// half of it: k + 3 roundings of u = ε/2 each. NaN and infinity must come out as the oracle's.
    Elements,
    /// As `Elements`, of a backend that rounds A and B to a shorter format first: each of their numbers moves by at most `unit` of
    /// itself plus `least`, which adds `|alpha|·Σ((2·unit + unit²)|a||b| + least·(1 + unit)·(|a| + |b|) + least²)`. The backend alone
    /// may take the whole of the bound on rounding, since tensor cores may cut off.
    Rounded {
        /// Relative, half an epsilon of the format.
        unit: f64,
        /// Absolute, half the format's smallest positive number.
        least: f64,
    },
    /// The largest error of any element within `factor·ε·(|alpha|·k·max|a|·max|b| + max|beta·c|)`, nothing said of
    /// NaN and infinity.
    Norm {
        /// Given k, what multiplies.
        factor: fn(k: usize) -> f64,
    },
}

/// What to run.
#[derive(Debug, Clone, Copy)]
pub struct Suite {
    /// Where the random numbers start.
    pub seed: u64,
    /// Products to check.
    pub cases: usize,
    /// What counts as right.
    pub bound: Bound,
}

impl Default for Suite {
    fn default() -> Self {
        Self { seed: 1, cases: 200, bound: Bound::Elements }
    }
}

/// What went wrong, and how to see it again.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{backend}, seed {seed}, case {case} ({description}): {what}")]
pub struct Failure {
    /// The backend's name.
    pub backend: String,
    /// The seed that the suite ran with.
    pub seed: u64,
    /// The number of the product, counted from 0.
    pub case: usize,
    /// Its shape, layouts and factors.
    pub description: String,
    /// The difference.
    pub what: String,
}

/// Checks a backend over `suite.cases` products.
///
/// # Errors
/// The first [`Failure`].
pub fn check<T: Scalar>(backend: &dyn Backend<T>, suite: Suite) -> Result<(), Failure> {
    let mut random = Random::new(suite.seed);
    for number in 0..suite.cases {
        let special = !matches!(suite.bound, Bound::Norm { .. }) && number % 5 == 4;
        let case = Case::<T>::new(&mut random, number, special);
        let description = case.description.clone();
        check_case(backend, suite.bound, case).map_err(|what| Failure {
            backend: backend.name(),
            seed: suite.seed,
            case: number,
            description,
            what,
        })?;
    }
    check_refusals(backend).map_err(|what| Failure {
        backend: backend.name(),
        seed: suite.seed,
        case: suite.cases,
        description: "shapes that do not fit".into(),
        what,
    })
}

fn check_case<T: Scalar>(backend: &dyn Backend<T>, bound: Bound, case: Case<T>) -> Result<(), String> {
    let Case { alpha, beta, a, b, c, .. } = case;
    let text = |error: Error| error.to_string();
    let run = |backend: &dyn Backend<T>| -> Result<Laid<T>, Error> {
        let mut c = Laid { data: c.data.clone(), ..c };
        backend.gemm(alpha, a.view()?, b.view()?, beta, c.view_mut()?)?;
        Ok(c)
    };
    let (got, want) = (run(backend).map_err(text)?, run(&Naive::default()).map_err(text)?);
    let owned = c.owned();
    for (place, (new, old)) in got.data.iter().zip(&c.data).enumerate() {
        let kept = new == old || (new.is_nan() && old.is_nan());
        if !owned[place] && !kept {
            return Err(format!("wrote {new} over {old} at {place}, outside of C"));
        }
    }
    let (a, b, old) = (a.view().map_err(text)?, b.view().map_err(text)?, c.view().map_err(text)?);
    let (got, want) = (got.view().map_err(text)?, want.view().map_err(text)?);
    let norm = norm_tolerance(bound, alpha, beta, a, b, old);
    for i in 0..got.rows() {
        for j in 0..got.cols() {
            let tolerance = norm.unwrap_or_else(|| element_tolerance(bound, (alpha, beta), a, b, old, (i, j)));
            let (got, want) = (got[(i, j)].to_f64(), want[(i, j)].to_f64());
            if !same(got, want, tolerance) {
                return Err(format!("C[{i}][{j}] is {got}, the oracle says {want} ± {tolerance}"));
            }
        }
    }
    Ok(())
}

/// Equal within the tolerance, or the same of NaN, ∞ and −∞.
fn same(got: f64, want: f64, tolerance: f64) -> bool {
    if want.is_nan() || want.is_infinite() {
        return got.is_nan() == want.is_nan() && (want.is_nan() || got == want);
    }
    (got - want).abs() <= tolerance
}

fn element_tolerance<T: Scalar>(
    bound: Bound,
    (alpha, beta): (T, T),
    a: MatrixView<'_, T>,
    b: MatrixView<'_, T>,
    c: MatrixView<'_, T>,
    (i, j): (usize, usize),
) -> f64 {
    let sum: f64 = if alpha == T::ZERO {
        0.0
    } else {
        (0..a.cols()).map(|p| (a[(i, p)].to_f64() * b[(p, j)].to_f64()).abs()).sum()
    };
    let old = if beta == T::ZERO { 0.0 } else { (beta * c[(i, j)]).abs().to_f64() };
    let rounding = (a.cols() + 3) as f64 * T::EPSILON.to_f64() * (alpha.to_f64().abs() * sum + old);
    let Bound::Rounded { unit, least } = bound else {
        return rounding;
    };
    let sizes = (0..a.cols()).map(|p| a[(i, p)].abs().to_f64() + b[(p, j)].abs().to_f64()).sum::<f64>();
    let inputs = (2.0 * unit + unit * unit) * sum + least * (1.0 + unit) * sizes + a.cols() as f64 * least * least;
    // The oracle's half, and twice the backend's.
    1.5 * rounding + if alpha == T::ZERO { 0.0 } else { alpha.to_f64().abs() * inputs }
}

fn norm_tolerance<T: Scalar>(
    bound: Bound,
    alpha: T,
    beta: T,
    a: MatrixView<'_, T>,
    b: MatrixView<'_, T>,
    c: MatrixView<'_, T>,
) -> Option<f64> {
    let Bound::Norm { factor } = bound else {
        return None;
    };
    let k = a.cols();
    let old = if beta == T::ZERO { 0.0 } else { beta.to_f64().abs() * largest(c) };
    let size = alpha.to_f64().abs() * k as f64 * largest(a) * largest(b) + old;
    Some(factor(k) * T::EPSILON.to_f64() * size)
}

/// The largest absolute value of a matrix, 0 of an empty one.
#[must_use]
pub fn largest<T: Scalar>(matrix: MatrixView<'_, T>) -> f64 {
    let mut largest = 0.0f64;
    for i in 0..matrix.rows() {
        for j in 0..matrix.cols() {
            largest = largest.max(matrix[(i, j)].to_f64().abs());
        }
    }
    largest
}

/// Shapes that do not fit are refused, and C keeps its elements.
fn check_refusals<T: Scalar>(backend: &dyn Backend<T>) -> Result<(), String> {
    let (a, b, wrong) = (Matrix::zeros(2, 3), Matrix::zeros(3, 4), Matrix::zeros(5, 4));
    let untouched = Matrix::from_fn(2, 4, |_, _| T::ONE);
    let mut c = untouched.clone();
    let inner = backend.gemm(T::ONE, a.view(), wrong.view(), T::ZERO, c.view_mut());
    let expected = Error::ShapeMismatch { left_rows: 2, left_cols: 3, right_rows: 5, right_cols: 4 };
    if inner != Err(expected) || c != untouched {
        return Err(format!("2x3 times 5x4: {inner:?}"));
    }
    let outer = backend.gemm(T::ONE, a.view(), b.view(), T::ZERO, c.view_mut().transpose());
    let expected = Error::OutputShape { expected_rows: 2, expected_cols: 4, rows: 4, cols: 2 };
    if outer != Err(expected) || c != untouched {
        return Err(format!("2x3 times 3x4 into 4x2: {outer:?}"));
    }
    Ok(())
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} products from seed {}", self.cases, self.seed)
    }
}
