//! The suites that every backend passes, for the crates that add one: [`check`] for attention, [`check_rowwise`] for the rest.
//!
//! [`check`] poses seeded problems of awkward shapes and compares each output with [`Reference`]. **The bound** is that of the
//! flash-attention project's tests (Dao-AILab/flash-attention, `tests/test_flash_attn.py`): for each output,
//!
//! ```text
//! max |backend − reference| ≤ factor · max |plain − reference| + 2ε · max |reference|
//! ```
//!
//! where [`plain`] is the definition in f32 and the factor is 2 for outputs, 3 for gradients. ε is f32's, 2⁻²³; the second term
//! lets the backend round where the plain computation happens to be exact. For `log_sum_exp`, whose absolute error is the relative
//! error of every weight, the second term is at least 2ε. d_q and d_k subtract out·d_out from d_out·v: where a query sees a
//! single key both cancel, and what is left is the rounding of these sums. So in problems that have such a query, and in no others, their
//! second term is at least 2ε of the magnitudes that are added up. At scores of ±10⁴ both factors are doubled: there the rounding of the scores is the whole error, and a
//! base-2 exponential rounds each of them once more than the plain computation. Outputs are filled with NaN beforehand, so that
//! what is left out or added to is seen. A failure names the seed, the problem, the output and both errors.

mod cases;
mod errors;
mod random;
mod rowwise;
mod rowwise_errors;

use std::fmt;

use crate::{AttentionBackend, Error, Reference, Saved, plain};

pub use cases::{Case, Inputs, fixed};
use random::Random;
pub use rowwise::check_rowwise;

/// What to run.
#[derive(Debug, Clone, Copy)]
pub struct Suite {
    /// Where the random numbers start.
    pub seed: u64,
    /// Problems drawn at random, after the fixed ones.
    pub drawn: usize,
    /// Problems with more scores (batch · heads · queries · keys) are left out: a slow backend takes a smaller number.
    pub scores_max: usize,
    /// Whether the backward pass is checked.
    pub gradients: bool,
}

impl Default for Suite {
    fn default() -> Self {
        Self { seed: 1, drawn: 40, scores_max: usize::MAX, gradients: true }
    }
}

/// What went wrong, and how to see it again.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{backend}, seed {seed}, {case}: {what}")]
pub struct Failure {
    /// The backend's name.
    pub backend: String,
    /// The seed that the suite ran with.
    pub seed: u64,
    /// The problem.
    pub case: String,
    /// The difference.
    pub what: String,
}

/// Runs the suite. Gives how many problems were posed.
///
/// # Errors
///
/// The first [`Failure`].
pub fn check(name: &str, backend: &dyn AttentionBackend, suite: &Suite) -> Result<usize, Failure> {
    let failure = |case: &dyn fmt::Debug, what| {
        let (backend, case) = (name.to_owned(), format!("{case:?}"));
        Failure { backend, seed: suite.seed, case, what }
    };
    let mut random = Random::new(suite.seed);
    let mut cases = fixed();
    cases.extend((0..suite.drawn).map(|_| cases::drawn(&mut random)));
    cases.retain(|case| case.scores() <= suite.scores_max);
    for case in &cases {
        let arrays = Arrays::new(case, &mut random).map_err(|error| failure(case, error.to_string()))?;
        arrays.compare(case, backend, suite.gradients).map_err(|what| failure(case, what))?;
    }
    errors::check(backend).map_err(|(case, what)| failure(&case, what))?;
    Ok(cases.len())
}

/// The inputs of a problem.
struct Arrays {
    q: Vec<f32>,
    k: Vec<f32>,
    v: Vec<f32>,
    d_out: Vec<f32>,
    rows: usize,
}

/// What a backend gives.
struct Outputs {
    out: Vec<f32>,
    log_sum_exp: Vec<f32>,
    d_q: Vec<f32>,
    d_k: Vec<f32>,
    d_v: Vec<f32>,
}

impl Arrays {
    fn new(case: &Case, random: &mut Random) -> Result<Self, Error> {
        let problem = &case.problem;
        problem.check()?;
        let (queries, keys) = (problem.query_elements()?, problem.key_elements()?);
        let (mut q, mut k) = (vec![0.0; queries], vec![0.0; keys]);
        case.inputs.draw(random, &mut q, &mut k, problem.head_dim);
        let mut unit = |len| (0..len).map(|_| random.unit()).collect::<Vec<f32>>();
        let (mut v, d_out) = (unit(keys), unit(queries));
        // What lies beyond the keys in use must not matter.
        for rows in [&mut k, &mut v] {
            for head in rows.chunks_exact_mut((problem.key_rows() * problem.head_dim).max(1)) {
                head[problem.keys * problem.head_dim..].fill(f32::NAN);
            }
        }
        Ok(Self { q, k, v, d_out, rows: problem.rows()? })
    }

    /// Outputs that hold what no backend would leave.
    fn outputs(&self) -> Outputs {
        let nan = |len| vec![f32::NAN; len];
        Outputs {
            out: nan(self.q.len()),
            log_sum_exp: nan(self.rows),
            d_q: nan(self.q.len()),
            d_k: nan(self.k.len()),
            d_v: nan(self.v.len()),
        }
    }

    fn saved<'a>(&'a self, outputs: &'a Outputs) -> Saved<'a> {
        Saved { q: &self.q, k: &self.k, v: &self.v, out: &outputs.out, log_sum_exp: &outputs.log_sum_exp }
    }

    fn compare(&self, case: &Case, backend: &dyn AttentionBackend, gradients: bool) -> Result<(), String> {
        let failed = |error: Error| format!("failed: {error}");
        let [mut exact, mut plainly, mut given] = [self.outputs(), self.outputs(), self.outputs()];
        let (problem, slack) = (&case.problem, case.inputs.slack());
        let Self { q, k, v, d_out, .. } = self;
        Reference.forward(problem, q, k, v, &mut exact.out, &mut exact.log_sum_exp).map_err(failed)?;
        plain::forward(problem, q, k, v, &mut plainly.out, &mut plainly.log_sum_exp).map_err(failed)?;
        backend.forward(problem, q, k, v, &mut given.out, &mut given.log_sum_exp).map_err(failed)?;
        within("out", 2.0 * slack, 0.0, &given.out, &plainly.out, &exact.out)?;
        within("log_sum_exp", 2.0 * slack, 1.0, &given.log_sum_exp, &plainly.log_sum_exp, &exact.log_sum_exp)?;
        if !gradients {
            return Ok(());
        }
        let Outputs { mut d_q, mut d_k, mut d_v, .. } = self.outputs();
        let saved = self.saved(&exact);
        // d_q and d_k are differences of which this is what is subtracted. With a single key it cancels, and its rounding is what remains.
        let cancels = (0..problem.queries).any(|query| problem.keys_seen(query) == 1);
        let subtracted = f64::from(u8::from(cancels))
            * f64::from(problem.scale_or_default()).abs()
            * largest_dot(&exact.out, d_out, problem.head_dim);
        // A key's gradient is a sum over the queries that share it, each with its weight; independent roundings add up as a root.
        let (sharing, keys) = (problem.heads / problem.kv_heads * problem.queries, problem.keys.max(1));
        let summed = ((sharing as f64).sqrt() / keys as f64).max(1.0);
        let (least_q, least_k) = (subtracted * largest(k), subtracted * largest(q) * summed);
        Reference.backward(problem, saved, d_out, &mut d_q, &mut d_k, &mut d_v).map_err(failed)?;
        let exact = Outputs { d_q, d_k, d_v, ..self.outputs() };
        let Outputs { mut d_q, mut d_k, mut d_v, .. } = self.outputs();
        plain::backward(problem, self.saved(&plainly), d_out, &mut d_q, &mut d_k, &mut d_v).map_err(failed)?;
        let plainly = Outputs { d_q, d_k, d_v, ..self.outputs() };
        let Outputs { mut d_q, mut d_k, mut d_v, .. } = self.outputs();
        backend.backward(problem, self.saved(&given), d_out, &mut d_q, &mut d_k, &mut d_v).map_err(failed)?;
        within("d_q", 3.0 * slack, least_q, &d_q, &plainly.d_q, &exact.d_q)?;
        within("d_k", 3.0 * slack, least_k, &d_k, &plainly.d_k, &exact.d_k)?;
        within("d_v", 3.0 * slack, 0.0, &d_v, &plainly.d_v, &exact.d_v)
    }
}

/// The largest magnitude among finite numbers.
fn largest(numbers: &[f32]) -> f64 {
    let finite = numbers.iter().filter(|number| number.is_finite());
    finite.fold(0.0, |largest, &number| f64::max(largest, f64::from(number).abs()))
}

/// The largest sum of magnitudes among the dot products of the rows of two matrices: what their rounding is relative to.
fn largest_dot(left: &[f32], right: &[f32], cols: usize) -> f64 {
    let rows = left.chunks_exact(cols).zip(right.chunks_exact(cols));
    let dot =
        |(left, right): (&[f32], &[f32])| left.iter().zip(right).map(|(&l, &r)| f64::from(l * r).abs()).sum::<f64>();
    rows.map(dot).fold(0.0, f64::max)
}

/// The bound; `least` stands for max |reference| where that is smaller. Infinities must be the reference's; NaN is never right.
fn within(name: &str, factor: f64, least: f64, given: &[f32], plainly: &[f32], exact: &[f32]) -> Result<(), String> {
    let largest = largest(exact);
    let error = |left: f32, exact: f32| if left == exact { 0.0 } else { (f64::from(left) - f64::from(exact)).abs() };
    let plain_error = plainly.iter().zip(exact).fold(0.0_f64, |most, (&plain, &exact)| most.max(error(plain, exact)));
    let bound = factor * plain_error + 2.0 * f64::from(f32::EPSILON) * largest.max(least);
    if plainly.iter().any(|number| number.is_nan()) || plain_error.is_infinite() {
        return Err(format!("{name}: the plain f32 computation is no yardstick here, it overflows"));
    }
    for (index, (&given, &exact)) in given.iter().zip(exact).enumerate() {
        let error = error(given, exact);
        if error.is_nan() || error > bound {
            return Err(format!(
                "{name}[{index}] is {given}, the reference has {exact}: off by {error:e}, allowed are {bound:e} \
                 (the plain f32 computation is off by {plain_error:e})"
            ));
        }
    }
    Ok(())
}
