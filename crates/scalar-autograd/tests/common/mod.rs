//! Random programs that run on the tape, in either precision.

use proptest::prelude::*;
use scalar_autograd::{Scalar, Tape, Value};

/// One operation on earlier results, which are told by their number.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Leaf(f64),
    Unary(Unary, usize),
    Binary(Binary, usize, usize),
    Constant(Constant, usize, f64),
    Powi(usize, i32),
    SumList(Vec<usize>),
    DotList(Vec<(usize, usize)>),
    /// First and how many.
    SumRun(usize, usize),
    /// First of one run, first of the other, and how many.
    DotRun(usize, usize, usize),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Unary {
    Neg,
    Exp,
    Ln,
    Sqrt,
    Tanh,
    Sigmoid,
    Relu,
    Abs,
    Sin,
    Cos,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    Max,
    Min,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Constant {
    Add,
    Sub,
    SubtractFrom,
    Mul,
    Div,
    DivideInto,
    Powf,
}

/// A number on the left of an operator needs a concrete type.
pub(crate) trait Number: Scalar {
    fn minus(self, x: Value<'_, Self>) -> Value<'_, Self>;
    fn over(self, x: Value<'_, Self>) -> Value<'_, Self>;
}

macro_rules! number {
    ($float:ident) => {
        impl Number for $float {
            fn minus(self, x: Value<'_, Self>) -> Value<'_, Self> {
                self - x
            }

            fn over(self, x: Value<'_, Self>) -> Value<'_, Self> {
                self / x
            }
        }
    };
}

number!(f32);
number!(f64);

use Unary::*;

const UNARY: [Unary; 10] = [Neg, Exp, Ln, Sqrt, Tanh, Sigmoid, Relu, Abs, Sin, Cos];
const BINARY: [Binary; 6] = [Binary::Add, Binary::Sub, Binary::Mul, Binary::Div, Binary::Max, Binary::Min];
const CONSTANT: [Constant; 7] = [
    Constant::Add,
    Constant::Sub,
    Constant::SubtractFrom,
    Constant::Mul,
    Constant::Div,
    Constant::DivideInto,
    Constant::Powf,
];

/// How near to a kink or a pole a program comes, and how large its numbers get.
const MARGIN: f64 = 0.0625;
const SIZE_MAX: f64 = 16.0;

/// Random numbers from which [`program`] makes a step.
pub(crate) type Raw = (u8, u16, u16, u8, f64);

pub(crate) fn raw_steps(count: usize) -> impl Strategy<Value = Vec<Raw>> {
    prop::collection::vec((any::<u8>(), any::<u16>(), any::<u16>(), any::<u8>(), -4.0..4.0), 1..count)
}

/// Steps that stay away from kinks and poles, so that the same branch is taken at every precision. The inputs are exact
/// in `f32`.
pub(crate) fn program(raw: &[Raw]) -> Vec<Step> {
    let tape = Tape::<f64>::new();
    let (mut steps, mut values) = (Vec::new(), Vec::new());
    for &raw in [(0, 0, 0, 0, 1.5), (0, 0, 0, 0, -0.75), (0, 0, 0, 0, 0.5)].iter().chain(raw) {
        let mut step = choose(raw, values.len());
        if !is_tame(&step, &values) {
            step = Step::Unary(Tanh, usize::from(raw.1) % values.len());
        }
        let value = on_tape(&tape, &values, &step);
        if value.data().abs() > SIZE_MAX {
            // Repeated here so that the tape, too, holds one node a step.
            steps.push(step);
            values.push(value);
            step = Step::Unary(Sin, values.len() - 1);
        }
        values.push(on_tape(&tape, &values, &step));
        steps.push(step);
    }
    steps
}

fn choose((kind, first, second, count, x): Raw, len: usize) -> Step {
    let x = f64::from(x as f32);
    let (i, j) = (usize::from(first) % len.max(1), usize::from(second) % len.max(1));
    let variant = usize::from(second);
    let listed = 1 + usize::from(count) % 6;
    let scattered = |seed: usize| (0..listed).map(move |k| (seed + 7 * k * k) % len.max(1));
    let run = listed.min(len - i.min(len)).min(len - j.min(len));
    match kind % 16 {
        _ if len == 0 => Step::Leaf(x),
        0 | 1 => Step::Leaf(x),
        2..=4 => Step::Unary(UNARY[variant % UNARY.len()], i),
        5..=8 => Step::Binary(BINARY[usize::from(count) % BINARY.len()], i, j),
        9 | 10 => Step::Constant(CONSTANT[variant % CONSTANT.len()], i, x),
        11 => Step::Powi(i, i32::from(count % 7) - 3),
        12 => Step::SumList(scattered(i).collect()),
        13 => Step::DotList(scattered(i).zip(scattered(j)).collect()),
        14 => Step::SumRun(i, run),
        _ => Step::DotRun(i, j, run),
    }
}

fn is_tame<T: Scalar>(step: &Step, values: &[Value<'_, T>]) -> bool {
    let x = |i: usize| values[i].data().to_f64();
    match *step {
        Step::Unary(Ln | Sqrt, i) => x(i) > MARGIN,
        Step::Unary(Relu | Abs, i) => x(i).abs() > MARGIN,
        Step::Unary(Exp, i) => x(i) < SIZE_MAX.ln(),
        Step::Binary(Binary::Div, _, j) => x(j).abs() > 0.25,
        Step::Binary(Binary::Max | Binary::Min, i, j) => i == j || (x(i) - x(j)).abs() > MARGIN,
        Step::Constant(Constant::Div, _, c) => c.abs() > 0.25,
        Step::Constant(Constant::DivideInto, i, _) => x(i).abs() > 0.25,
        Step::Constant(Constant::Powf, i, _) => x(i) > 0.25 && x(i) < 4.0,
        Step::Powi(i, _) => x(i).abs() > 0.25 && x(i).abs() < 4.0,
        _ => true,
    }
}

/// Each step's value, one node each.
pub(crate) fn run_on_tape<'t, T: Number>(tape: &'t Tape<T>, steps: &[Step]) -> Vec<Value<'t, T>> {
    let mut values = Vec::new();
    for step in steps {
        values.push(on_tape(tape, &values, step));
    }
    assert_eq!(tape.len(), steps.len(), "one node a step");
    values
}

fn on_tape<'t, T: Number>(tape: &'t Tape<T>, values: &[Value<'t, T>], step: &Step) -> Value<'t, T> {
    let number = T::from_f64;
    match *step {
        Step::Leaf(x) => tape.value(number(x)),
        Step::Unary(f, i) => {
            let x = values[i];
            match f {
                Neg => -x,
                Exp => x.exp(),
                Ln => x.ln(),
                Sqrt => x.sqrt(),
                Tanh => x.tanh(),
                Sigmoid => x.sigmoid(),
                Relu => x.relu(),
                Abs => x.abs(),
                Sin => x.sin(),
                Cos => x.cos(),
            }
        }
        Step::Binary(f, i, j) => {
            let (x, y) = (values[i], values[j]);
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
            let (x, c) = (values[i], number(c));
            match f {
                Constant::Add => x + c,
                Constant::Sub => x - c,
                Constant::SubtractFrom => c.minus(x),
                Constant::Mul => x * c,
                Constant::Div => x / c,
                Constant::DivideInto => c.over(x),
                Constant::Powf => x.powf(c),
            }
        }
        Step::Powi(i, n) => values[i].powi(n),
        Step::SumList(ref list) => tape.sum(list.iter().map(|&i| values[i])),
        Step::DotList(ref pairs) => tape.dot(pairs.iter().map(|&(i, j)| (values[i], values[j]))),
        Step::SumRun(i, count) => tape.gather(values[i..i + count].iter().copied()).sum(),
        Step::DotRun(i, j, count) => {
            let [x, y] = [i, j].map(|start| tape.gather(values[start..start + count].iter().copied()));
            x.dot(y)
        }
    }
}
