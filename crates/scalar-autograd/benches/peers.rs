//! Nanoseconds per node, forward and backward, beside other tape crates on the same work.
//!
//! The work: 960 dot products of length 256 in `f64`, one multiplication node and one addition node a term, 491,520
//! nodes in all, added up to one output. Each crate keeps its tape's memory from one round to the next.
//!
//! `cargo bench -p scalar-autograd --bench peers` reports element rates: 500 Melem/s are 2 ns per node.

#![expect(clippy::assign_op_pattern, reason = "the peers have no `+=`, and all are to do the same")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use scalar_autograd::Tape;

const ROWS: usize = 64;
const COLUMNS: usize = 256;
const PASSES: usize = 15;
const NODES: usize = 2 * ROWS * COLUMNS * PASSES;

/// The whole forward pass, for any type with `+` and `*`.
macro_rules! dot_products {
    ($weights:expr, $inputs:expr, $zero:expr) => {{
        let (weights, inputs) = (&$weights[..], &$inputs[..]);
        let mut total = $zero;
        for _ in 0..PASSES {
            for row in weights.chunks_exact(COLUMNS) {
                let mut sum = $zero;
                for (&w, &x) in row.iter().zip(inputs) {
                    sum = sum + w * x;
                }
                total = total + sum;
            }
        }
        total
    }};
}

fn numbers(count: usize, frequency: f64) -> Vec<f64> {
    (0..count).map(|i| (frequency * i as f64).sin()).collect()
}

/// Runs `round` again and again; it returns the time of its forward and of its backward pass.
fn measure(c: &mut Criterion, name: &str, mut round: impl FnMut() -> (Duration, Duration)) {
    for (direction, pick) in [("forward", 0), ("backward", 1)] {
        let mut group = c.benchmark_group(direction);
        group.throughput(Throughput::Elements(NODES as u64));
        group.bench_function(name, |b| {
            b.iter_custom(|rounds| (0..rounds).map(|_| <[Duration; 2]>::from(round())[pick]).sum())
        });
        group.finish();
    }
}

fn timed<R>(f: impl FnOnce() -> R) -> (R, Duration) {
    let start = Instant::now();
    let result = black_box(f());
    (result, start.elapsed())
}

fn scalar_autograd(c: &mut Criterion) {
    let (w, x) = (numbers(ROWS * COLUMNS, 0.37), numbers(COLUMNS, 0.73));
    let mut tape = Tape::new();
    let start = tape.mark();
    measure(c, "scalar-autograd", || {
        tape.truncate(start);
        let weights: Vec<_> = tape.values(&w).iter().collect();
        let inputs: Vec<_> = tape.values(&x).iter().collect();
        let zero = tape.value(0.0);
        let (output, forward) = timed(|| dot_products!(weights, inputs, zero));
        let (_, backward) = timed(|| output.backward());
        (forward, backward)
    });
}

fn reverse(c: &mut Criterion) {
    let (w, x) = (numbers(ROWS * COLUMNS, 0.37), numbers(COLUMNS, 0.73));
    let tape = reverse::Tape::new();
    measure(c, "reverse 0.2", || {
        tape.clear();
        let (weights, inputs, zero) = (tape.add_vars(&w), tape.add_vars(&x), tape.add_var(0.0));
        let (output, forward) = timed(|| dot_products!(weights, inputs, zero));
        let (_, backward) = timed(|| output.grad());
        (forward, backward)
    });
}

fn echidna(c: &mut Criterion) {
    let (w, x) = (numbers(ROWS * COLUMNS, 0.37), numbers(COLUMNS, 0.73));
    let mut tape = echidna::tape::Tape::with_capacity(NODES);
    measure(c, "echidna 0.15", || {
        tape.clear();
        let mut leaves = |data: &[f64]| -> Vec<_> {
            data.iter()
                .map(|&x| {
                    let (index, value) = tape.new_variable(x);
                    echidna::Reverse::from_tape(value, index)
                })
                .collect()
        };
        let (weights, inputs, zero) = (leaves(&w), leaves(&x), leaves(&[0.0])[0]);
        let (output, forward) = timed(|| {
            let _guard = echidna::tape::TapeGuard::new(&mut tape);
            dot_products!(weights, inputs, zero)
        });
        let (_, backward) = timed(|| tape.reverse(output.index()));
        (forward, backward)
    });
}

criterion_group!(benches, scalar_autograd, reverse, echidna);
criterion_main!(benches);
