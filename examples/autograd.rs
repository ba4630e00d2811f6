//! How does `loss.backward()` work? Three answers, each small enough to check by hand.
//!
//! 1. Fan-out: `w` is used twice, so its gradient is the *sum* of what comes back along both paths.
//! 2. A neuron, tanh(x·w + b): each node's data, gradient and local gradients, from the output back to the weights.
//! 3. Is it right? A check against measured slopes, and second derivatives from the same tape.
//!
//! ```text
//! cargo run --release --example autograd
//! cargo run --release --example autograd -- --svg neuron.svg    # draw the neuron; --dot FILE for Graphviz
//! ```
//!
//! Sample output:
//!
//! ```text
//! 1. Fan-out: a = w * 3, b = w * 5, loss = a + b
//!    d(loss)/d(a) = 1, d(loss)/d(b) = 1
//!    d(loss)/d(w) = 1 * 3 + 1 * 5 = 8
//!
//! 2. A neuron: out = tanh(x0 * w0 + x1 * w1 + b), walked backwards
//!    node  9: tanh data  0.4621  grad  1.0000, passed on: 0.7864 * 1.0000 to 8
//!    node  8: +    data  0.5000  grad  0.7864, passed on: 1.0000 * 0.7864 to 7 1.0000 * 0.7864 to 4
//!    node  7: +    data -1.0000  grad  0.7864, passed on: 1.0000 * 0.7864 to 5 1.0000 * 0.7864 to 6
//!    node  6: ×    data  0.5000  grad  0.7864, passed on: 1.0000 * 0.7864 to 1 0.5000 * 0.7864 to 3
//!    node  5: ×    data -1.5000  grad  0.7864, passed on: -0.7500 * 0.7864 to 0 2.0000 * 0.7864 to 2
//!
//! 3. Is it right? Nudge each parameter and measure; then the second derivatives
//!    worst of 3 slopes: 1.5728954659 by the tape, 1.5728954659 measured, 2e-8 apart allowed
//!    Hessian * [1.0, 0.0, -1.0] = [-1.4537, -0.3634, -0.7269]
//! ```

use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use scalar_autograd::gradcheck::Options;
use scalar_autograd::{Drawing, Grads, Operation, Tape, Value, Values, gradcheck};

mod support;

/// Reverse-mode automatic differentiation, one number at a time.
#[derive(Parser)]
struct Arguments {
    /// Draw the neuron's graph as a self-contained SVG image
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Write the neuron's graph in Graphviz's DOT language
    #[arg(long, value_name = "FILE")]
    dot: Option<PathBuf>,
}

const INPUTS: [f64; 2] = [2.0, 0.5];
const WEIGHTS_AND_BIAS: [f64; 3] = [-0.75, 1.0, 1.5];

fn main() -> ExitCode {
    support::exit(run(&Arguments::parse(), &mut io::stdout().lock()))
}

fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    fan_out(out)?;
    neuron(arguments, out)?;
    check(out)?;
    Ok(())
}

/// `w` is used in both a = w·3 and b = w·5, so d(loss)/d(w) = d(loss)/d(a)·3 + d(loss)/d(b)·5.
fn fan_out(out: &mut impl Write) -> io::Result<()> {
    let tape = Tape::<f64>::new();
    let w = tape.value(2.0);
    let a = w * 3.0;
    let b = w * 5.0;
    let loss = a + b;
    let grads = loss.backward();
    writeln!(out, "1. Fan-out: a = w * 3, b = w * 5, loss = a + b")?;
    writeln!(out, "   d(loss)/d(a) = {}, d(loss)/d(b) = {}", grads.wrt(a), grads.wrt(b))?;
    writeln!(out, "   d(loss)/d(w) = {} * 3 + {} * 5 = {}\n", grads.wrt(a), grads.wrt(b), grads.wrt(w))?;
    assert_eq!(grads.wrt(w), 8.0);
    Ok(())
}

/// tanh(x₀·w₀ + x₁·w₁ + b), written with single operations so that every step is a node to look at.
fn neuron_output<'t>(inputs: Values<'t, f64>, parameters: Values<'t, f64>) -> Value<'t, f64> {
    let products = inputs.iter().zip(parameters.iter()).map(|(x, w)| x * w);
    let sum = products.reduce(|sum, product| sum + product).expect("a neuron has inputs");
    (sum + parameters.at(inputs.len())).tanh()
}

fn neuron(arguments: &Arguments, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let tape = Tape::<f64>::new();
    let (x, w) = (tape.values(&INPUTS), tape.values(&WEIGHTS_AND_BIAS));
    let output = neuron_output(x, w);
    let grads = output.backward();
    writeln!(out, "2. A neuron: out = tanh(x0 * w0 + x1 * w1 + b), walked backwards")?;
    tell(&tape, &grads, out)?;

    let named = [(x.at(0), "x0"), (x.at(1), "x1"), (w.at(0), "w0"), (w.at(1), "w1"), (w.at(2), "b"), (output, "out")];
    let drawing = Drawing::new(output).grads(&grads);
    let drawing = named.into_iter().fold(drawing, |drawing, (value, name)| drawing.name(value, name));
    if let Some(file) = &arguments.dot {
        write(file, &drawing.to_dot()?)?;
    }
    if let Some(file) = &arguments.svg {
        write(file, &drawing.to_svg()?)?;
    }
    writeln!(out)?;
    Ok(())
}

/// Every result from the output back: what it holds, and what it passes on to each child.
fn tell(tape: &Tape<f64>, grads: &Grads<'_, f64>, out: &mut impl Write) -> io::Result<()> {
    for node in tape.nodes().iter().rev().filter(|node| node.operation() != Operation::Leaf) {
        let (operation, data, grad) = (node.operation().to_string(), node.data(), grads.wrt(node));
        write!(out, "   node {:>2}: {operation:<4} data {data:>7.4}  grad {grad:>7.4}, passed on:", node.index())?;
        for (child, slope) in node.children().into_iter().zip(node.local_gradients()) {
            write!(out, " {slope:.4} * {grad:.4} to {}", child.index())?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// The gradient against measured slopes, and second derivatives from the same tape against the formula.
fn check(out: &mut impl Write) -> io::Result<()> {
    let report = gradcheck(|tape, w| neuron_output(tape.values(&INPUTS), w), &WEIGHTS_AND_BIAS, Options::default())
        .expect("the tape's gradient is the slope");
    let worst = report.worst.expect("there are parameters");
    writeln!(out, "3. Is it right? Nudge each parameter and measure; then the second derivatives")?;
    writeln!(
        out,
        "   worst of {} slopes: {:.10} by the tape, {:.10} measured, {:.0e} apart allowed",
        WEIGHTS_AND_BIAS.len(),
        worst.analytic,
        worst.numeric,
        worst.allowed
    )?;

    let tape = Tape::<f64>::new();
    let (x, w) = (tape.values(&INPUTS), tape.values(&WEIGHTS_AND_BIAS));
    let output = neuron_output(x, w);
    let direction = [1.0, 0.0, -1.0];
    let product = output.hessian_vector_product(w, &direction);
    writeln!(out, "   Hessian * {direction:?} = {product:.4?}")?;

    // With z = (x0, x1, 1), the gradient is (1 - out^2) z and the Hessian -2 out (1 - out^2) z z^T.
    let z = [INPUTS[0], INPUTS[1], 1.0];
    let slope = 1.0 - output.data().powi(2);
    let along: f64 = z.iter().zip(direction).map(|(z, d)| z * d).sum();
    for ((z, grad), second) in z.into_iter().zip(output.backward().of(w)).zip(product) {
        assert!((grad - slope * z).abs() < 1e-14);
        assert!((second - -2.0 * output.data() * slope * along * z).abs() < 1e-14);
    }
    Ok(())
}

fn write(file: &Path, text: &str) -> Result<(), String> {
    fs::write(file, text).map_err(|error| format!("cannot write {file:?}: {error}"))
}
