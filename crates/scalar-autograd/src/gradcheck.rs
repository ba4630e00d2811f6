//! Does the tape's gradient agree with the slope that one measures by nudging an input?
//!
//! [`gradcheck`] compares [`backward`](crate::Value::backward) with central differences,
//!
//! ```text
//! D(h) = (f(x + h) − f(x − h)) / 2h = f′(x) + h²/6·f‴(x) + …
//! ```
//!
//! Two errors limit how well they can agree, and pull `h` in opposite directions: truncation, h²/6·|f‴|, and rounding,
//! about ε·|f|/h. Their sum is least near h = ε^⅓ (for f and f‴ of one size), which is the default step: 6·10⁻⁶ for `f64`.
//! No tolerance is guessed; each input's is the sum of
//!
//! - **truncation**: |D(2h) − D(h)|, which is h²/2·|f‴| to leading order, three times the error of D(h);
//! - **rounding**: (E(x + h) + E(x − h)) / 2h, where E bounds the rounding error of one evaluation. The tape knows
//!   it: a rounding error at a node reaches the output multiplied by that node's gradient, so E is the sum over all nodes
//!   of |gradient| times the node's own rounding error (Linnainmaa, "Taylor expansion of the accumulated rounding error",
//!   BIT 16, 1976);
//! - **relative**: √ε of the slope itself, for the rounding errors of the gradient. A wrong rule is wrong by more.
//!
//! Near a kink (of `relu`, `abs`, `max`, `min`) the differences straddle two slopes, and the check fails or means
//! little: choose points at which the function is smooth, and defined, for two steps around.

use std::fmt;

use crate::operation::Operation;
use crate::scalar::Scalar;
use crate::tape::Tape;
use crate::value::Value;
use crate::values::Values;

/// How to check.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options<T> {
    /// Step relative to the input, and absolute for inputs below 1: h = step · max(1, |x|).
    pub step: T,
    /// Part of the slope by which the two may differ beyond truncation and rounding.
    pub tolerance: T,
}

impl<T: Scalar> Default for Options<T> {
    /// Step ε^⅓, tolerance √ε.
    fn default() -> Self {
        let epsilon = T::EPSILON.to_f64();
        Options { step: T::from_f64(epsilon.cbrt()), tolerance: T::from_f64(epsilon.sqrt()) }
    }
}

/// One input's slope, found in two ways.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Component<T> {
    /// Which input, counted from 0.
    pub input: usize,
    /// The derivative that the tape found.
    pub analytic: T,
    /// The central difference.
    pub numeric: T,
    /// How far apart the two may be.
    pub allowed: T,
}

/// The outcome of a check that every input passed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Report<T> {
    /// The input that used up most of what it was allowed; `None` where there is no input.
    pub worst: Option<Component<T>>,
}

/// The outcome of a check that at least one input failed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mismatch<T> {
    /// The input that is wrong by most, in units of what it was allowed.
    pub worst: Component<T>,
    /// How many inputs failed.
    pub failed: usize,
    /// How many inputs there are.
    pub inputs: usize,
}

impl<T: Scalar> fmt::Display for Mismatch<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Component { input, analytic, numeric, allowed } = self.worst;
        let allowed = allowed.to_f64();
        write!(
            f,
            "gradient of input {input}: {analytic} by the tape, {numeric} by central differences, which may be {allowed:.1e} \
             apart; {} of {} inputs disagree",
            self.failed, self.inputs
        )
    }
}

impl<T: Scalar> std::error::Error for Mismatch<T> {}

/// Compares the gradient of `f` at `point` with central differences.
///
/// `f` gets a fresh tape and the inputs on it; it is called 4 times for each input and once more.
///
/// ```
/// use scalar_autograd::gradcheck::{Options, gradcheck};
///
/// let report = gradcheck(|_, x| (x.at(0) * x.at(1)).tanh(), &[0.5, -1.5], Options::default())?;
/// assert!(report.worst.is_some());
/// # Ok::<(), scalar_autograd::gradcheck::Mismatch<f64>>(())
/// ```
///
/// # Errors
///
/// If, for any input, the two differ by more than the sum of errors [above](self), or are not both finite.
pub fn gradcheck<T, F>(f: F, point: &[T], options: Options<T>) -> Result<Report<T>, Mismatch<T>>
where
    T: Scalar,
    F: for<'t> Fn(&'t Tape<T>, Values<'t, T>) -> Value<'t, T>,
{
    let mut tape = Tape::new();
    let start = tape.mark();
    let gradient = {
        let inputs = tape.values(point);
        f(&tape, inputs).backward().of(inputs)
    };
    let mut moved = point.to_vec();
    let mut evaluate = |input: usize, x: T| {
        tape.truncate(start);
        moved[input] = x;
        let output = f(&tape, tape.values(&moved));
        let evaluation = (output.data().to_f64(), rounding_error(output));
        moved[input] = point[input];
        evaluation
    };
    let mut worst: Option<(f64, Component<T>)> = None;
    let mut failed = 0;
    for (input, &analytic) in gradient.iter().enumerate() {
        let (component, severity) = compare(input, point[input], analytic, options, &mut evaluate);
        failed += usize::from(severity > 1.0);
        if worst.is_none_or(|(so_far, _)| severity > so_far) {
            worst = Some((severity, component));
        }
    }
    match worst {
        Some((_, worst)) if failed > 0 => Err(Mismatch { worst, failed, inputs: point.len() }),
        worst => Ok(Report { worst: worst.map(|(_, component)| component) }),
    }
}

/// One input's two slopes, and their distance in units of what is allowed: above 1 is too far, infinite if either is not
/// a number. In `f64`, whose own rounding does not matter beside an evaluation in `f32`.
fn compare<T: Scalar>(
    input: usize,
    x: T,
    analytic: T,
    options: Options<T>,
    evaluate: &mut impl FnMut(usize, T) -> (f64, f64),
) -> (Component<T>, f64) {
    let step = options.step.to_f64() * x.to_f64().abs().max(1.0);
    let mut difference = |step: f64| {
        let at = |offset: f64| T::from_f64(x.to_f64() + offset);
        let (low, high) = (at(-step), at(step));
        let ((below, below_error), (above, above_error)) = (evaluate(input, low), evaluate(input, high));
        // The step that was taken, not the one that was asked for: x ± h is rounded.
        let width = high.to_f64() - low.to_f64();
        ((above - below) / width, (above_error + below_error) / width)
    };
    let (numeric, rounding) = difference(step);
    let (coarse, _) = difference(2.0 * step);
    let slope = analytic.to_f64().abs().max(numeric.abs());
    let allowed = (coarse - numeric).abs() + rounding + options.tolerance.to_f64() * slope;
    let distance = (analytic.to_f64() - numeric).abs();
    let severity = match distance {
        0.0 => 0.0,
        distance if distance.is_finite() && allowed.is_finite() => distance / allowed,
        _ => f64::INFINITY,
    };
    (Component { input, analytic, numeric: T::from_f64(numeric), allowed: T::from_f64(allowed) }, severity)
}

/// A first-order bound of the rounding error in `output`: what each node rounds off, times its gradient.
fn rounding_error<T: Scalar>(output: Value<'_, T>) -> f64 {
    /// Units in the last place by which an operation's result may be off: ½ for arithmetic, 1 for the functions of a
    /// good mathematics library; a sigmoid takes three steps.
    const ULPS: f64 = 4.0;
    let grads = output.backward();
    let nodes = output.tape().nodes().slice(0..output.index() + 1);
    let error = |value: Value<'_, T>| match value.operation() {
        Operation::Leaf => 0.0,
        Operation::Sum | Operation::Dot => {
            let children = value.children();
            let size = |(child, slope): (&Value<'_, T>, T)| (child.data() * slope).to_f64().abs();
            children.len() as f64 * children.iter().zip(value.local_gradients()).map(size).sum::<f64>()
        }
        _ => ULPS * value.data().to_f64().abs(),
    };
    let reaches_output = |value: Value<'_, T>| match grads.wrt(value).to_f64().abs() {
        0.0 => 0.0,
        gradient => gradient * error(value),
    };
    T::EPSILON.to_f64() * nodes.iter().map(reaches_output).sum::<f64>()
}
