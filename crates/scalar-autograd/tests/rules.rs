//! Every derivative rule against measured slopes, and at the points where there is no slope to measure.

use scalar_autograd::gradcheck::{Mismatch, Options};
use scalar_autograd::{Tape, Value, Values, gradcheck};

type Function<T> = for<'t> fn(&'t Tape<T>, Values<'t, T>) -> Value<'t, T>;

/// A name, a point well inside the domain, and the function.
macro_rules! functions {
    ($float:ident) => {{
        let functions: Vec<(&str, Vec<$float>, Function<$float>)> = vec![
            ("add", vec![1.5, -2.0], |_, x| x.at(0) + x.at(1)),
            ("sub", vec![1.5, -2.0], |_, x| x.at(0) - x.at(1)),
            ("mul", vec![1.5, -2.0], |_, x| x.at(0) * x.at(1)),
            ("div", vec![1.5, -2.0], |_, x| x.at(0) / x.at(1)),
            ("neg", vec![1.5], |_, x| -x.at(0)),
            ("max", vec![1.5, -2.0], |_, x| x.at(0).max(x.at(1)) * x.at(0)),
            ("min", vec![1.5, -2.0], |_, x| x.at(0).min(x.at(1)) * x.at(0)),
            ("number on the right", vec![1.5], |_, x| ((x.at(0) + 2.0) * 3.0 - 0.5) / 4.0),
            ("number on the left", vec![1.5], |_, x| 2.0 + 3.0 * x.at(0) - (4.0 - x.at(0)) * (5.0 / x.at(0))),
            ("assign", vec![1.5, -2.0], |_, x| {
                let mut y = x.at(0);
                y += x.at(1);
                y *= x.at(0);
                y -= 0.5;
                y /= x.at(1);
                y
            }),
            ("powf", vec![1.5], |_, x| x.at(0).powf(2.3)),
            ("powi", vec![-1.5], |_, x| x.at(0).powi(3) + x.at(0).powi(-2) + x.at(0).powi(1)),
            ("exp", vec![1.5], |_, x| x.at(0).exp()),
            ("ln", vec![1.5], |_, x| x.at(0).ln()),
            ("sqrt", vec![1.5], |_, x| x.at(0).sqrt()),
            ("tanh", vec![0.5], |_, x| x.at(0).tanh()),
            ("sigmoid", vec![0.5, -0.5], |_, x| x.at(0).sigmoid() * x.at(1).sigmoid()),
            ("relu", vec![0.5, -0.5], |_, x| x.at(0).relu() + x.at(1).relu()),
            ("abs", vec![0.5, -0.5], |_, x| x.at(0).abs() * x.at(1).abs()),
            ("sin", vec![0.5], |_, x| x.at(0).sin()),
            ("cos", vec![0.5], |_, x| x.at(0).cos()),
            ("iterator sum", vec![0.5, 1.0], |_, x| x.iter().map(|x| x * x).sum()),
            ("sum of a run", vec![0.5, 1.0], |_, x| x.sum() * x.sum()),
            ("sum of a list", vec![0.5, 1.0], |tape, x| tape.sum([x.at(1), x.at(0), x.at(1)]).exp()),
            ("dot of runs", vec![0.5, 1.0, -1.5], |_, x| x.slice(0..2).dot(x.slice(1..3))),
            ("dot with itself", vec![0.5, 1.0, -1.5], |_, x| x.dot(x)),
            ("dot of a list", vec![0.5, 1.0], |tape, x| tape.dot([(x.at(0), x.at(1)), (x.at(1), x.at(1))])),
            ("identity", vec![0.5, 1.0], |tape, x| {
                let swapped = tape.gather([x.at(1), x.at(0)]);
                swapped.dot(x) * swapped.at(0)
            }),
            ("constant function", vec![0.5], |tape, _| tape.value(3.0)),
            ("the cube at 0", vec![0.0], |_, x| x.at(0).powi(3)),
        ];
        functions
    }};
}

#[test]
fn every_rule_is_the_measured_slope() {
    for (name, point, f) in functions!(f64) {
        let report = gradcheck(f, &point, Options::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let worst = report.worst.expect("there are inputs");
        assert!(worst.allowed <= 1e-6 * worst.analytic.abs().max(1.0), "{name}: a lenient check, {worst:?}");
    }
}

#[test]
fn every_rule_is_the_measured_slope_in_single_precision() {
    for (name, point, f) in functions!(f32) {
        gradcheck(f, &point, Options::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn gradcheck_names_the_input_that_is_wrong() {
    // A leaf made from the data alone hides its dependence: the tape sees x₀·c, the differences see x₀·x₁.
    let cut = |tape: &Tape<f64>, x: Values<'_, f64>| -> f64 { tape.no_grad(|| x.at(1) * 1.0).data() };
    let error = gradcheck(|tape, x| x.at(0) * tape.value(cut(tape, x)), &[2.0, 3.0], Options::default()).unwrap_err();
    assert_eq!((error.worst.input, error.failed, error.inputs), (1, 1, 2));
    assert_eq!(error.worst.analytic, 0.0);
    assert!((error.worst.numeric - 2.0).abs() < 1e-9);
    let text = error.to_string();
    assert!(text.contains("gradient of input 1: 0 by the tape"), "{text}");
    assert!(text.contains("1 of 2 inputs disagree"), "{text}");
    let _: &dyn std::error::Error = &error;
}

#[test]
fn gradcheck_refuses_what_is_not_a_number_and_accepts_no_input() {
    let infinite = gradcheck(|_, x| x.at(0).sqrt(), &[0.0], Options::default());
    assert!(matches!(infinite, Err(Mismatch { failed: 1, .. })), "{infinite:?}");
    let empty = gradcheck(|tape: &Tape<f64>, _| tape.value(1.0), &[], Options::default());
    assert_eq!(empty.map(|report| report.worst), Ok(None));
}

#[test]
fn gradcheck_sees_a_factor_of_one_in_ten_million() {
    let skewed = |tape: &Tape<f64>, x: Values<'_, f64>| -> f64 { tape.no_grad(|| x.at(0) * 1e-7).data() };
    assert!(gradcheck(|tape, x| x.at(0) + tape.value(skewed(tape, x)), &[2.0], Options::default()).is_err());
}

/// Gradient of `f` at `x`.
fn slope(x: f64, f: impl for<'t> Fn(Value<'t, f64>) -> Value<'t, f64>) -> f64 {
    let tape = Tape::new();
    let x = tape.value(x);
    f(x).backward().wrt(x)
}

#[test]
fn kinks_have_the_documented_slope() {
    assert_eq!(slope(0.0, |x| x.relu()), 0.0);
    assert_eq!(slope(-0.0, |x| x.relu()), 0.0);
    assert_eq!(slope(0.0, |x| x.abs()), 0.0);
    assert_eq!(slope(2.0, |x| x.max(x)), 1.0);
    let tape = Tape::new();
    let (x, y) = (tape.value(3.0), tape.value(3.0));
    for tied in [x.max(y), x.min(y)] {
        let grads = tied.backward();
        assert_eq!((tied.data(), grads.wrt(x), grads.wrt(y)), (3.0, 0.5, 0.5));
        assert_eq!(tied.local_gradients(), [0.5, 0.5]);
    }
}

#[test]
fn powers_of_zero_and_to_the_zero() {
    assert_eq!(slope(0.0, |x| x.powf(0.0)), 0.0);
    assert_eq!(slope(0.0, |x| x.powi(0)), 0.0);
    assert_eq!(slope(0.0, |x| x.powf(1.0)), 1.0);
    assert_eq!(slope(0.0, |x| x.powi(1)), 1.0);
    assert_eq!(slope(0.0, |x| x.powi(2)), 0.0);
    assert_eq!(slope(-2.0, |x| x.powi(3)), 12.0);
    assert!(slope(-2.0, |x| x.powf(0.5)).is_nan());
    assert_eq!(slope(0.0, |x| x.powf(0.5)), f64::INFINITY);
    // n·xⁿ⁻¹ where n − 1 is not an i32.
    assert_eq!(slope(-1.0, |x| x.powi(i32::MIN)), -f64::from(i32::MIN));
    assert_eq!(slope(1.0, |x| x.powi(i32::MIN)), f64::from(i32::MIN));
}

#[test]
fn infinities_and_nan_follow_the_floats() {
    assert_eq!(slope(0.0, |x| x.sqrt()), f64::INFINITY);
    assert_eq!(slope(0.0, |x| x.ln()), f64::INFINITY);
    assert_eq!(slope(0.0, |x| 1.0 / x), f64::NEG_INFINITY);
    assert_eq!(slope(-0.0, |x| 1.0 / x), f64::NEG_INFINITY);
    assert_eq!(slope(1000.0, |x| x.exp()), f64::INFINITY);
    for unbounded in [f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(slope(unbounded, |x| x.tanh()), 0.0);
        assert_eq!(slope(unbounded, |x| x.sigmoid()), 0.0);
    }
    assert_eq!(slope(f64::INFINITY, |x| x.relu()), 1.0);
    assert!(slope(-1.0, |x| x.sqrt()).is_nan());
    let tape = Tape::new();
    let nan = tape.value(f64::NAN);
    assert!([nan.relu(), nan.abs(), nan.sigmoid(), nan.max(tape.value(1.0))].iter().all(|y| y.data().is_nan()));
    assert!(slope(f64::NAN, |x| x.relu()).is_nan());
    assert!(slope(f64::NAN, |x| x.abs()).is_nan());
    let tape = Tape::new();
    let (x, y) = (tape.value(1.0), tape.value(f64::NAN));
    assert!(x.max(y).data().is_nan() && y.max(x).data().is_nan() && x.min(y).data().is_nan());
    let grads = x.max(y).backward();
    assert!(grads.wrt(x).is_nan() && grads.wrt(y).is_nan());
}

/// The sigmoid neither overflows nor loses its small values: σ(−x) = e⁻ˣ to first order.
#[test]
fn sigmoid_is_exact_at_both_ends() {
    let tape = Tape::new();
    assert_eq!(tape.value(-700.0).sigmoid().data(), (-700.0_f64).exp());
    assert_eq!(tape.value(-1000.0).sigmoid().data(), 0.0);
    assert_eq!(tape.value(1000.0).sigmoid().data(), 1.0);
    assert_eq!(slope(-700.0, |x| x.sigmoid()), (-700.0_f64).exp());
}

/// What was computed but does not matter cannot spoil a gradient: 0·∞ counts as 0.
#[test]
fn a_zero_gradient_passes_nothing_on() {
    assert_eq!(slope(0.0, |x| 3.0 * x + x.sqrt() * 0.0), 3.0);
    let tape = Tape::<f64>::new();
    let x = tape.value(0.0);
    let loser = x.ln(); // −∞, with an infinite slope
    let y = loser.max(tape.value(-1.0)) + 3.0 * x;
    assert_eq!(loser.local_gradients(), [f64::INFINITY]);
    assert_eq!(y.backward().wrt(x), 3.0);
    assert_eq!(y.hessian_vector_product(x.into(), &[1.0]), [0.0]);
    // The price: each factor hides the other's infinite slope, where 0·∞ = NaN would have warned.
    assert_eq!(slope(0.0, |x| x.sqrt() * x.sqrt()), 0.0);
}

#[test]
fn equal_constants_share_a_place_but_zeros_keep_their_sign() {
    let tape = Tape::<f64>::new();
    let x = tape.value(1.0);
    let (up, down) = (0.0 / x, -0.0 / x);
    assert_eq!((1.0 / up.data(), 1.0 / down.data()), (f64::INFINITY, f64::NEG_INFINITY));
    let y = [x * 2.0, x * 2.0, x * 3.0, x * 2.0, x + f64::NAN];
    let constants = y.map(|y| y.local_gradients()[0]);
    assert_eq!(constants, [2.0, 2.0, 3.0, 2.0, 1.0]);
}

#[test]
fn abs_takes_the_sign_off_zero_too() {
    let tape = Tape::<f64>::new();
    let zeros = tape.values(&[-0.0, 0.0]);
    assert!(zeros.iter().all(|zero| zero.abs().data().is_sign_positive()));
    assert!(zeros.abs().data().iter().all(|zero| zero.is_sign_positive()));
    assert!(tape.value(f64::NAN).abs().data().is_nan());
}

#[test]
fn references_can_be_summed() {
    let tape = Tape::<f64>::new();
    let values: Vec<_> = tape.values(&[1.0, 2.0, 4.0]).iter().collect();
    assert_eq!(values.iter().sum::<Value<'_, f64>>(), 7.0);
}
