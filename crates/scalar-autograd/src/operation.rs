//! What a node can be, and the one place where its local gradients are written down.

use std::fmt;

use crate::scalar::{Real, Scalar};

/// How a node came to be, as [`Value::operation`](crate::Value::operation) tells it. `x` and `y` are its children.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Operation<T> {
    /// An input: no children.
    Leaf,
    /// The same number again, so that scattered values become neighbours.
    Identity,
    /// x + y
    Add,
    /// x − y
    Sub,
    /// x · y
    Mul,
    /// x / y
    Div,
    /// The larger of x and y; on a tie each gets half of the gradient.
    Max,
    /// The smaller of x and y; on a tie each gets half of the gradient.
    Min,
    /// −x
    Neg,
    /// x + constant; x − c is x + (−c)
    AddConstant(T),
    /// constant − x
    SubtractFrom(T),
    /// x · constant
    MulConstant(T),
    /// x / constant
    DivConstant(T),
    /// constant / x
    DivideInto(T),
    /// x to a constant power
    Powf(T),
    /// x to a constant whole power
    Powi(i32),
    /// eˣ
    Exp,
    /// The natural logarithm
    Ln,
    /// √x
    Sqrt,
    /// The hyperbolic tangent
    Tanh,
    /// 1 / (1 + e⁻ˣ)
    Sigmoid,
    /// x where it is positive, else 0; the derivative at 0 is taken to be 0.
    Relu,
    /// |x|; the derivative at 0 is taken to be 0.
    Abs,
    /// The sine of x radians
    Sin,
    /// The cosine of x radians
    Cos,
    /// x₀ + x₁ + … + xₙ₋₁, added from left to right
    Sum,
    /// x₀·y₀ + x₁·y₁ + …, added from left to right. The children are all x, then all y.
    Dot,
}

/// The short form for a node of a drawing: `×`, `tanh`, `x + 3`.
impl<T: Scalar> fmt::Display for Operation<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Operation::AddConstant(c) if *c <= T::default() => return write!(f, "x − {}", -*c),
            Operation::AddConstant(c) => return write!(f, "x + {c}"),
            Operation::SubtractFrom(c) => return write!(f, "{c} − x"),
            Operation::MulConstant(c) => return write!(f, "x × {c}"),
            Operation::DivConstant(c) => return write!(f, "x ÷ {c}"),
            Operation::DivideInto(c) => return write!(f, "{c} ÷ x"),
            Operation::Powf(c) => return write!(f, "x ^ {c}"),
            Operation::Powi(n) => return write!(f, "x ^ {n}"),
            Operation::Leaf => "leaf",
            Operation::Identity => "identity",
            Operation::Add => "+",
            Operation::Sub => "−",
            Operation::Mul => "×",
            Operation::Div => "÷",
            Operation::Max => "max",
            Operation::Min => "min",
            Operation::Neg => "−x",
            Operation::Exp => "exp",
            Operation::Ln => "ln",
            Operation::Sqrt => "sqrt",
            Operation::Tanh => "tanh",
            Operation::Sigmoid => "sigmoid",
            Operation::Relu => "relu",
            Operation::Abs => "abs",
            Operation::Sin => "sin",
            Operation::Cos => "cos",
            Operation::Sum => "sum",
            Operation::Dot => "dot",
        };
        f.write_str(name)
    }
}

/// [`Operation`] as a node stores it: one byte, its constant elsewhere.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(u8)]
pub(crate) enum Code {
    Leaf,
    Identity,
    Add,
    Sub,
    Mul,
    Div,
    Max,
    Min,
    Neg,
    AddConstant,
    SubtractFrom,
    MulConstant,
    DivConstant,
    DivideInto,
    Powf,
    Powi,
    Exp,
    Ln,
    Sqrt,
    Tanh,
    Sigmoid,
    Relu,
    Abs,
    Sin,
    Cos,
    /// Sum of neighbours: `a` is the first, `b` how many.
    SumRun,
    /// Sum of any nodes: `b` indices from `links[a]` on.
    SumList,
    /// Dot product of two runs of neighbours: `a` is the first of one, `links[b]` the first of the other, and
    /// `links[b + 1]` how many. Dot products of many runs with the same one are recorded side by side and share `b`.
    DotRun,
    /// Dot product of a run with a column of a matrix: `a` is the column, `links[b]` the first of the run, `links[b + 1]`
    /// how many, and the firsts of that many rows follow. The columns of a matrix stand side by side and share `b`.
    DotColumn,
    /// Dot product of any nodes: `b` indices from `links[a]` on, then their `b` partners.
    DotList,
}

impl Code {
    /// Number of children of a node that is neither a sum nor a dot product.
    pub(crate) fn arity(self) -> usize {
        match self {
            Code::Leaf => 0,
            Code::Add | Code::Sub | Code::Mul | Code::Div | Code::Max | Code::Min => 2,
            _ => 1,
        }
    }

    /// Whether this is a sum or a dot product, with any number of children.
    pub(crate) fn is_listed(self) -> bool {
        use Code::*;
        matches!(self, SumRun | SumList | DotRun | DotColumn | DotList)
    }

    /// Whether `b` is the index of a constant.
    pub(crate) fn has_constant(self) -> bool {
        use Code::*;
        matches!(self, AddConstant | SubtractFrom | MulConstant | DivConstant | DivideInto | Powf)
    }
}

/// The numbers that a local gradient is made of.
#[derive(Clone, Copy)]
pub(crate) struct Operands<R: Real> {
    pub(crate) x: R,
    /// The second child; the first again where there is none.
    pub(crate) y: R,
    pub(crate) out: R,
    pub(crate) constant: R::Float,
    pub(crate) exponent: i32,
}

/// ∂out/∂x and ∂out/∂y of a node with at most two children; the second is 0 where there is no second child.
#[inline]
pub(crate) fn local_gradients<R: Real>(code: Code, operands: Operands<R>) -> (R, R) {
    let Operands { x, y, out, constant, exponent } = operands;
    let number = |n: f64| R::constant(R::Float::from_f64(n));
    let (zero, one) = (number(0.0), number(1.0));
    match code {
        Code::Add => (one, one),
        Code::Sub => (one, -one),
        Code::Mul => (y, x),
        Code::Div => (one / y, -out / y),
        Code::Max => share(y.value() < x.value(), x.value() < y.value(), x.value() + y.value()),
        Code::Min => share(x.value() < y.value(), y.value() < x.value(), x.value() + y.value()),
        Code::Identity | Code::AddConstant => (one, zero),
        Code::Neg | Code::SubtractFrom => (-one, zero),
        Code::MulConstant => (R::constant(constant), zero),
        Code::DivConstant => (one / R::constant(constant), zero),
        Code::DivideInto => (-out / x, zero),
        Code::Powf if constant == R::Float::default() => (zero, zero),
        Code::Powf => (R::constant(constant) * x.powf(constant - R::Float::from_f64(1.0)), zero),
        Code::Powi if exponent == 0 => (zero, zero),
        Code::Powi => {
            // No i32 is one less than the least one.
            let lower = exponent.checked_sub(1).map_or_else(|| x.powi(exponent) / x, |lower| x.powi(lower));
            (number(f64::from(exponent)) * lower, zero)
        }
        Code::Exp => (out, zero),
        Code::Ln => (one / x, zero),
        Code::Sqrt => (number(0.5) / out, zero),
        Code::Tanh => (one - out * out, zero),
        Code::Sigmoid => (out * (one - out), zero),
        Code::Relu => (step(x, zero, one, zero), zero),
        Code::Abs => (step(x, -one, one, zero), zero),
        Code::Sin => (x.cos(), zero),
        Code::Cos => (-x.sin(), zero),
        Code::Leaf | Code::SumRun | Code::SumList | Code::DotRun | Code::DotColumn | Code::DotList => (zero, zero),
    }
}

/// The gradient of a maximum or minimum goes to the child that won; a tie splits it; a NaN is passed on.
fn share<R: Real>(x_wins: bool, y_wins: bool, sum: R::Float) -> (R, R) {
    let weight = |w: f64| R::constant(R::Float::from_f64(w));
    if x_wins {
        (weight(1.0), weight(0.0))
    } else if y_wins {
        (weight(0.0), weight(1.0))
    } else if sum.partial_cmp(&sum).is_some() {
        (weight(0.5), weight(0.5))
    } else {
        (R::constant(sum), R::constant(sum))
    }
}

/// `below` for negative x, `above` for positive x, `at` for zero; NaN stays NaN.
fn step<R: Real>(x: R, below: R, above: R, at: R) -> R {
    let value = x.value();
    let zero = R::Float::default();
    if value > zero {
        above
    } else if value < zero {
        below
    } else if value == zero {
        at
    } else {
        R::constant(value)
    }
}
