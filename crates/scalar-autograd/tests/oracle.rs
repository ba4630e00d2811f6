//! The tape against the reference-counted graph, on random programs, within what rounding explains.
//!
//! The bounds are a running error analysis to first order, node by node. With u = ε/2, v a node's number, l its local
//! gradient with respect to a child, ḡ its gradient, and K units for one operation (the graph divides by multiplying with
//! a power, so that one operation of the tape can be several there):
//!
//! - data: δ(v) = Σ |l|·δ(child) + K·u·|v|, and n·u·Σ|terms| for a sum of n terms;
//! - local gradients: λ(l) = Σ |∂l/∂operand|·δ(operand) + K·u·|l|;
//! - gradients: η(child) = Σ over uses (|l|·η(node) + |ḡ|·λ(l) + (K + uses)·u·|ḡ·l|).
//!
//! Both sides err by as much, and a factor of 2 covers the terms of second order, which [`usable`] keeps small.

mod common;

use common::{Binary, Constant, Step, Unary, program, raw_steps, run_on_tape};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use scalar_autograd::{Operation, Tape, Value, graph};

const K: f64 = 8.0;

/// The same programs in every run; a failure prints the steps that led to it.
fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, rng_seed: RngSeed::Fixed(0x5eed), failure_persistence: None, ..ProptestConfig::default() }
}

/// What rounding with unit `u`, and underflow below `tiny`, may do to each node's data and gradient.
struct Bounds {
    data: Vec<f64>,
    grads: Vec<f64>,
}

fn bounds(values: &[Value<'_, f64>], output: Value<'_, f64>, u: f64, tiny: f64) -> Bounds {
    let mut data: Vec<f64> = Vec::new();
    for &value in values {
        data.push(data_bound(value, &data, u) + tiny);
    }
    let gradient = output.backward();
    let mut uses = vec![0.0; values.len()];
    values.iter().flat_map(|value| value.children()).for_each(|child| uses[child.index()] += 1.0);
    let mut grads = vec![0.0; values.len()];
    for &value in values[..=output.index()].iter().rev() {
        let (g, eta) = (gradient.wrt(value).abs(), grads[value.index()]);
        let slopes = value.local_gradients().into_iter().zip(slope_bounds(value, &data, u));
        for (child, (slope, slope_bound)) in value.children().into_iter().zip(slopes) {
            let slope = slope.abs();
            grads[child.index()] +=
                slope * eta + g * slope_bound + (K + uses[child.index()]) * u * g * slope + tiny * (1.0 + slope);
        }
    }
    Bounds { data, grads }
}

fn data_bound(value: Value<'_, f64>, data: &[f64], u: f64) -> f64 {
    let (children, slopes) = (value.children(), value.local_gradients());
    let children = || children.iter().zip(&slopes).map(|(child, slope)| (child, slope.abs()));
    let inherited: f64 = children().map(|(child, slope)| slope * data[child.index()]).sum();
    let own = match value.operation() {
        Operation::Leaf => 0.0,
        Operation::Sum | Operation::Dot => {
            children().count() as f64 * u * children().map(|(child, slope)| slope * child.data().abs()).sum::<f64>()
        }
        _ => K * u * value.data().abs(),
    };
    inherited + own
}

/// λ of each local gradient, from second derivatives by hand.
fn slope_bounds(value: Value<'_, f64>, data: &[f64], u: f64) -> Vec<f64> {
    let children = value.children();
    let delta = |k: usize| data[children[k].index()];
    let x = |k: usize| children[k].data().abs();
    let (out, delta_out) = (value.data().abs(), data[value.index()]);
    let power = |c: f64| (c * (c - 1.0)).abs() * x(0).powf(c - 2.0) * delta(0);
    let inherited = match value.operation() {
        Operation::Mul => vec![delta(1), delta(0)],
        Operation::Div => {
            vec![delta(1) / x(1).powi(2), delta_out / x(1) + out * delta(1) / x(1).powi(2)]
        }
        Operation::DivideInto(_) => vec![delta_out / x(0) + out * delta(0) / x(0).powi(2)],
        Operation::Powf(c) => vec![power(c)],
        Operation::Powi(n) => vec![power(f64::from(n))],
        Operation::Exp => vec![delta_out],
        Operation::Ln => vec![delta(0) / x(0).powi(2)],
        Operation::Sqrt => vec![0.5 * delta_out / out.powi(2)],
        Operation::Tanh => vec![2.0 * out * delta_out + K * u],
        Operation::Sigmoid => vec![delta_out + K * u * out],
        Operation::Sin | Operation::Cos => vec![out * delta(0) + delta_out * delta(0)],
        Operation::Dot => {
            let half = children.len() / 2;
            (half..2 * half).chain(0..half).map(delta).collect()
        }
        _ => vec![0.0; children.len()],
    };
    inherited.into_iter().zip(value.local_gradients()).map(|(bound, slope)| bound + K * u * slope.abs()).collect()
}

/// Whether the analysis holds: errors far smaller than the distance to the next kink or pole.
fn usable(bounds: &Bounds) -> bool {
    bounds.data.iter().all(|&delta| delta < 1e-3)
}

fn assert_close(what: &str, i: usize, step: &Step, x: f64, y: f64, allowed: f64) -> Result<(), TestCaseError> {
    prop_assert!((x - y).abs() <= allowed, "{what} of step {i}, {step:?}: {x} and {y} are more than {allowed:e} apart");
    Ok(())
}

proptest! {
    #![proptest_config(config(2000))]

    #[test]
    fn tape_agrees_with_the_graph(raw in raw_steps(120)) {
        let steps = program(&raw);
        let tape = Tape::new();
        let values = run_on_tape(&tape, &steps);
        let graph = run_on_graph(&steps);
        let output = values[values.len() - 1];
        let bounds = bounds(&values, output, f64::EPSILON / 2.0, f64::MIN_POSITIVE);
        prop_assume!(usable(&bounds));
        let grads = output.backward();
        graph[graph.len() - 1].backward();
        for (i, (value, node)) in values.iter().zip(&graph).enumerate() {
            let step = &steps[i];
            assert_close("data", i, step, value.data(), node.data(), 4.0 * bounds.data[i])?;
            assert_close("gradient", i, step, grads.wrt(*value), node.grad(), 4.0 * bounds.grads[i])?;
        }
    }

    #[test]
    fn single_precision_agrees_with_double(raw in raw_steps(40)) {
        let steps = program(&raw);
        let (single, double) = (Tape::<f32>::new(), Tape::<f64>::new());
        let (rough, exact) = (run_on_tape(&single, &steps), run_on_tape(&double, &steps));
        let output = exact[exact.len() - 1];
        let bounds = bounds(&exact, output, f64::from(f32::EPSILON) / 2.0, f64::from(f32::MIN_POSITIVE));
        prop_assume!(usable(&bounds));
        let (rough_grads, grads) = (rough[rough.len() - 1].backward(), output.backward());
        for (i, (x, y)) in rough.iter().zip(&exact).enumerate() {
            let step = &steps[i];
            assert_close("data", i, step, f64::from(x.data()), y.data(), 2.0 * bounds.data[i])?;
            let (rough, exact) = (f64::from(rough_grads.wrt(*x)), grads.wrt(*y));
            assert_close("gradient", i, step, rough, exact, 2.0 * bounds.grads[i])?;
        }
    }

    /// An earlier output: everything after it is dead, and has gradient 0.
    #[test]
    fn later_nodes_do_not_matter(raw in raw_steps(60), at in any::<prop::sample::Index>()) {
        let steps = program(&raw);
        let tape = Tape::<f64>::new();
        let values = run_on_tape(&tape, &steps);
        let at = at.index(values.len());
        let grads = values[at].backward();
        let alone = Tape::new();
        let short = run_on_tape(&alone, &steps[..=at]);
        let short_grads = short[at].backward();
        for (i, value) in values.iter().enumerate() {
            let expected = short.get(i).map_or(0.0, |value| short_grads.wrt(*value));
            prop_assert_eq!(grads.wrt(*value), expected, "step {}", i);
        }
    }
}

/// Each step's value as the obvious version finds it.
fn run_on_graph(steps: &[Step]) -> Vec<graph::Value> {
    let mut values: Vec<graph::Value> = Vec::new();
    for step in steps {
        let value = on_graph(&values, step);
        values.push(value);
    }
    values
}

fn on_graph(values: &[graph::Value], step: &Step) -> graph::Value {
    let dot = |pairs: Vec<(usize, usize)>| pairs.into_iter().map(|(i, j)| &values[i] * &values[j]).sum();
    match *step {
        Step::Leaf(x) => graph::Value::new(x),
        Step::Unary(f, i) => {
            let x = &values[i];
            match f {
                Unary::Neg => -x,
                Unary::Exp => x.exp(),
                Unary::Ln => x.ln(),
                Unary::Sqrt => x.sqrt(),
                Unary::Tanh => x.tanh(),
                Unary::Sigmoid => x.sigmoid(),
                Unary::Relu => x.relu(),
                Unary::Abs => x.abs(),
                Unary::Sin => x.sin(),
                Unary::Cos => x.cos(),
            }
        }
        Step::Binary(f, i, j) => {
            let (x, y) = (&values[i], &values[j]);
            match f {
                Binary::Add => x + y,
                Binary::Sub => x - y,
                Binary::Mul => x * y,
                Binary::Div => x / y,
                Binary::Max => x.max(y),
                Binary::Min => x.min(y),
            }
        }
        Step::Constant(f, i, c) => {
            let x = &values[i];
            match f {
                Constant::Add => x + c,
                Constant::Sub => x - c,
                Constant::SubtractFrom => c - x,
                Constant::Mul => x * c,
                Constant::Div => x / c,
                Constant::DivideInto => c / x,
                Constant::Powf => x.powf(c),
            }
        }
        Step::Powi(i, n) => values[i].powf(f64::from(n)),
        Step::SumList(ref list) => list.iter().map(|&i| values[i].clone()).sum(),
        Step::DotList(ref pairs) => dot(pairs.clone()),
        Step::SumRun(i, count) => values[i..i + count].iter().cloned().sum(),
        Step::DotRun(i, j, count) => dot((0..count).map(|k| (i + k, j + k)).collect()),
    }
}
