//! Second derivatives and Jacobians, against closed forms and against differences of gradients.

mod common;

use common::{Step, program, raw_steps, run_on_tape};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use scalar_autograd::{Tape, Value};

fn config() -> ProptestConfig {
    ProptestConfig { cases: 500, rng_seed: RngSeed::Fixed(0xd0a1), failure_persistence: None, ..Default::default() }
}

/// Second derivative of `f` at `x`.
fn curvature(x: f64, f: impl for<'t> Fn(Value<'t, f64>) -> Value<'t, f64>) -> f64 {
    let tape = Tape::new();
    let x = tape.value(x);
    f(x).hessian_vector_product(x.into(), &[1.0])[0]
}

#[test]
fn every_rule_has_its_second_derivative() {
    let x = 0.75_f64;
    let (tanh, sigmoid) = (x.tanh(), 1.0 / (1.0 + (-x).exp()));
    let expected = [
        ("square", curvature(x, |x| x * x), 2.0),
        ("quotient", curvature(x, |x| (x * x * x) / x), 2.0),
        ("reciprocal", curvature(x, |x| 2.0 / x), 4.0 / x.powi(3)),
        ("constants", curvature(x, |x| 1.0 - (2.0 * x - 3.0) / 4.0), 0.0),
        ("powf", curvature(x, |x| x.powf(2.5)), 2.5 * 1.5 * x.sqrt()),
        ("powi", curvature(x, |x| x.powi(-2)), 6.0 / x.powi(4)),
        ("powers 0 and 1", curvature(x, |x| x.powi(0) + x.powf(0.0) + x.powi(1) + x.powf(1.0)), 0.0),
        ("exp", curvature(x, |x| x.exp()), x.exp()),
        ("ln", curvature(x, |x| x.ln()), -1.0 / (x * x)),
        ("sqrt", curvature(x, |x| x.sqrt()), -0.25 / (x * x.sqrt())),
        ("tanh", curvature(x, |x| x.tanh()), -2.0 * tanh * (1.0 - tanh * tanh)),
        ("sigmoid", curvature(x, |x| x.sigmoid()), sigmoid * (1.0 - sigmoid) * (1.0 - 2.0 * sigmoid)),
        ("relu", curvature(x, |x| x.relu().powi(2)), 2.0),
        ("abs", curvature(x, |x| (-x).abs().powi(2)), 2.0),
        ("sin", curvature(x, |x| x.sin()), -x.sin()),
        ("cos", curvature(x, |x| x.cos()), -x.cos()),
        ("max", curvature(x, |x| x.max(x - 1.0).powi(2)), 2.0),
        ("min", curvature(x, |x| x.min(x + 1.0).powi(2)), 2.0),
        ("sum", curvature(x, |x| [x, x, x].into_iter().sum::<Value<'_, f64>>().powi(2)), 18.0),
        ("dot", curvature(x, |x| x.tape().dot([(x, x), (x * x, x)])), 2.0 + 6.0 * x),
        ("square at 0", curvature(0.0, |x| x.powf(2.0)), 2.0),
    ];
    for (name, found, expected) in expected {
        // A handful of roundings each, on numbers of about the size of the result.
        assert!(
            (found - expected).abs() <= 16.0 * f64::EPSILON * expected.abs().max(1.0),
            "{name}: {found}, {expected}"
        );
    }
}

/// Rosenbrock's banana function, 100·(y − x²)² + (1 − x)², whose Hessian is [[1200·x² − 400·y + 2, −400·x], [−400·x, 200]].
#[test]
fn hessian_of_the_rosenbrock_function() {
    let tape = Tape::<f64>::new();
    let point = tape.values(&[-1.25, 1.5]);
    let (x, y) = (point.at(0), point.at(1));
    let f = 100.0 * (y - x * x).powi(2) + (1.0 - x).powi(2);
    assert_eq!(f.hessian(point), [[1277.0, 500.0], [500.0, 200.0]]);
    assert_eq!(f.hessian_vector_product(point, &[2.0, -1.0]), [2054.0, 800.0]);
    assert_eq!(f.backward().of(point), [-35.75, -12.5]);
}

#[test]
fn what_does_not_depend_has_no_derivative() {
    let tape = Tape::<f64>::new();
    let x = tape.values(&[1.0, 2.0]);
    let y = x.at(0).exp();
    let later = tape.values(&[3.0]);
    assert_eq!(y.hessian_vector_product(later, &[1.0]), [0.0]);
    assert_eq!(y.hessian(tape.values(&[])), Vec::<Vec<f64>>::new());
    assert_eq!(tape.gather([y]).jacobian(later), [[0.0]]);
    assert_eq!(x.jacobian(x), [[1.0, 0.0], [0.0, 1.0]]);
}

#[test]
#[should_panic(expected = "a direction of 1 numbers for 2 inputs")]
fn a_direction_of_another_length() {
    let tape = Tape::<f64>::new();
    let x = tape.values(&[1.0, 2.0]);
    let _ = x.sum().hessian_vector_product(x, &[1.0]);
}

proptest! {
    #![proptest_config(config())]

    /// The Hessian is symmetric, agrees with the product, and is the slope of the gradient.
    #[test]
    fn hessian_is_the_slope_of_the_gradient(raw in raw_steps(25)) {
        let steps = program(&raw);
        let (gradient, hessian, product, _) = derivatives(&steps, &[]);
        let n = gradient.len();
        let size = 1.0 + hessian.iter().flatten().fold(0.0_f64, |max, x| max.max(x.abs()));
        prop_assume!(size < 1e4);
        for i in 0..n {
            let along: f64 = (0..n).map(|j| hessian[i][j] * direction(j)).sum();
            prop_assert!((along - product[i]).abs() <= 1e-10 * size, "row {i}: {along} and {}", product[i]);
            for (j, row) in hessian.iter().enumerate().take(i) {
                prop_assert!((hessian[i][j] - row[i]).abs() <= 1e-10 * size);
            }
        }
        // Truncation, h²/6·∂³, is seen in the difference between two steps, as in gradcheck.
        let h = 1e-5;
        let slope = |h: f64| -> Vec<f64> {
            let [up, down] = [h, -h].map(|h| {
                let nudges: Vec<f64> = (0..n).map(|j| h * direction(j)).collect();
                derivatives(&steps, &nudges).0
            });
            up.iter().zip(&down).map(|(up, down)| (up - down) / (2.0 * h)).collect()
        };
        let (fine, coarse) = (slope(h), slope(2.0 * h));
        let rounding = 1e4 * f64::EPSILON / h * (1.0 + gradient.iter().fold(0.0_f64, |max, x| max.max(x.abs())));
        for i in 0..n {
            let allowed = (coarse[i] - fine[i]).abs() + rounding + 1e-8 * size;
            prop_assert!((product[i] - fine[i]).abs() <= allowed, "input {i}: {} and {} measured", product[i], fine[i]);
        }
    }

    /// Row by row, the Jacobian is the gradient of each output.
    #[test]
    fn jacobian_holds_gradients(raw in raw_steps(25)) {
        let steps = program(&raw);
        let tape = Tape::<f64>::new();
        let values = run_on_tape(&tape, &steps);
        let (inputs, outputs) = (tape.nodes().slice(0..3), tape.nodes());
        let jacobian = outputs.jacobian(inputs);
        prop_assert_eq!(jacobian.len(), values.len());
        for (row, value) in jacobian.iter().zip(values) {
            prop_assert_eq!(row, &value.backward().of(inputs));
        }
    }
}

fn direction(input: usize) -> f64 {
    [1.0, -0.5, 2.0][input]
}

type Derivatives = (Vec<f64>, Vec<Vec<f64>>, Vec<f64>, f64);

/// Gradient, Hessian, Hessian times [`direction`] and value, by the first three steps, nudged.
fn derivatives(steps: &[Step], nudges: &[f64]) -> Derivatives {
    let mut steps = steps.to_vec();
    for (step, nudge) in steps.iter_mut().zip(nudges) {
        let Step::Leaf(x) = step else { unreachable!("programs start with three leaves") };
        *x += nudge;
    }
    let tape = Tape::<f64>::new();
    let values = run_on_tape(&tape, &steps);
    let inputs = tape.nodes().slice(0..3);
    let output = values[values.len() - 1];
    let product = output.hessian_vector_product(inputs, &[0, 1, 2].map(direction));
    (output.backward().of(inputs), output.hessian(inputs), product, output.data())
}

#[test]
#[should_panic(expected = "is made of other values")]
fn inputs_are_not_made_of_others() {
    let tape = Tape::<f64>::new();
    let x = tape.value(1.0);
    let n = x.exp();
    let _ = (n * 2.0).hessian(n.into());
}

/// What does not move contributes nothing, however steep it is there.
#[test]
fn an_infinite_slope_without_movement_counts_as_0() {
    let tape = Tape::<f64>::new();
    let x = tape.values(&[0.0, 3.0]);
    for steep in [x.at(0).sqrt(), x.at(0).powf(1.5), x.at(0).powf(0.5)] {
        let y = steep + x.at(1) * x.at(1);
        assert_eq!(y.hessian_vector_product(x, &[0.0, 1.0]), [0.0, 2.0], "{steep:?}");
    }
}
