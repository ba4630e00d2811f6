//! One number on a tape.

use std::fmt;
use std::ptr;

use crate::arena::{Arena, Node};
use crate::operation::{Code, Operands, Operation, local_gradients};
use crate::scalar::Scalar;
use crate::tape::Tape;

/// A number that remembers how it was made. `Copy`, and valid until its [`Tape`] is truncated or dropped.
///
/// Operators take a value or a plain number on either side. Values compare by the number they hold.
///
/// # Panics
///
/// Operations panic if their values come from two tapes, or if the tape is full.
#[derive(Clone, Copy)]
pub struct Value<'t, T: Scalar> {
    tape: &'t Tape<T>,
    index: u32,
    data: T,
}

/// What a node is.
impl<'t, T: Scalar> Value<'t, T> {
    /// The number itself.
    #[inline]
    pub fn data(self) -> T {
        self.data
    }

    /// The tape it is on.
    #[inline]
    pub fn tape(self) -> &'t Tape<T> {
        self.tape
    }

    /// Its place on the tape; children have smaller ones.
    #[inline]
    pub fn index(self) -> usize {
        self.index as usize
    }

    /// How it was made.
    pub fn operation(self) -> Operation<T> {
        operation(&self.tape.arena().borrow(), self.index())
    }

    /// What it was made from, in order; the same value twice for `x * x`.
    pub fn children(self) -> Vec<Value<'t, T>> {
        let arena = self.tape.arena().borrow();
        let value = |index: usize| Value::new(self.tape, index as u32, arena.data()[index]);
        children(&arena, self.index()).into_iter().map(value).collect()
    }

    /// The derivative of this value with respect to each of its [`children`](Value::children), in the same order.
    pub fn local_gradients(self) -> Vec<T> {
        let arena = self.tape.arena().borrow();
        let (i, data) = (self.index(), arena.data());
        let children = children(&arena, i);
        match arena.node(i).code {
            // Its edges may be those of an earlier node in its place.
            Code::Leaf => Vec::new(),
            Code::SumRun | Code::SumList => vec![T::from_f64(1.0); children.len()],
            Code::DotRun | Code::DotColumn | Code::DotList => {
                let (left, right) = children.split_at(children.len() / 2);
                right.iter().chain(left).map(|&partner| data[partner]).collect()
            }
            code => {
                let (x, y) = local_gradients(code, operands(&arena, data, i));
                [x, y].into_iter().take(children.len()).collect()
            }
        }
    }
}

/// Functions. Domains are those of the float functions: the logarithm of a negative number is NaN.
impl<'t, T: Scalar> Value<'t, T> {
    /// x raised to a constant power. Derivative: c·xᶜ⁻¹, and 0 for c = 0.
    pub fn powf(self, exponent: T) -> Self {
        self.with_constant(Code::Powf, exponent, self.data.powf(exponent))
    }

    /// x raised to a constant whole power. Derivative: n·xⁿ⁻¹, and 0 for n = 0.
    pub fn powi(self, exponent: i32) -> Self {
        self.tape.push(self.data.powi(exponent), Code::Powi, self.index, exponent as u32)
    }

    /// eˣ
    pub fn exp(self) -> Self {
        self.unary(Code::Exp, self.data.exp())
    }

    /// The natural logarithm.
    pub fn ln(self) -> Self {
        self.unary(Code::Ln, self.data.ln())
    }

    /// The square root.
    pub fn sqrt(self) -> Self {
        self.unary(Code::Sqrt, self.data.sqrt())
    }

    /// The hyperbolic tangent.
    pub fn tanh(self) -> Self {
        self.unary(Code::Tanh, self.data.tanh())
    }

    /// 1 / (1 + e⁻ˣ), without overflow at either end. The derivative, σ·(1 − σ), loses digits as σ nears 1: a
    /// thousandth of it at x = 30, all of it at 40.
    pub fn sigmoid(self) -> Self {
        self.unary(Code::Sigmoid, sigmoid(self.data))
    }

    /// x where it is positive, else 0. Derivative 0 at 0.
    pub fn relu(self) -> Self {
        self.unary(Code::Relu, relu(self.data))
    }

    /// |x|. Derivative 0 at 0.
    pub fn abs(self) -> Self {
        self.unary(Code::Abs, abs(self.data))
    }

    /// The sine of x radians.
    pub fn sin(self) -> Self {
        self.unary(Code::Sin, self.data.sin())
    }

    /// The cosine of x radians.
    pub fn cos(self) -> Self {
        self.unary(Code::Cos, self.data.cos())
    }

    /// The larger of the two; NaN if either is. On a tie each gets half of the gradient.
    pub fn max(self, other: Self) -> Self {
        let data = pick(self.data >= other.data, self.data, other.data);
        self.binary(Code::Max, other, data)
    }

    /// The smaller of the two; NaN if either is. On a tie each gets half of the gradient.
    pub fn min(self, other: Self) -> Self {
        let data = pick(self.data <= other.data, self.data, other.data);
        self.binary(Code::Min, other, data)
    }
}

impl<'t, T: Scalar> Value<'t, T> {
    #[inline]
    pub(crate) fn new(tape: &'t Tape<T>, index: u32, data: T) -> Self {
        Value { tape, index, data }
    }

    #[inline]
    pub(crate) fn unary(self, code: Code, data: T) -> Self {
        self.tape.push(data, code, self.index, 0)
    }

    #[inline]
    pub(crate) fn binary(self, code: Code, other: Self, data: T) -> Self {
        self.tape.check_same(other.tape);
        self.tape.push(data, code, self.index, other.index)
    }

    #[inline]
    pub(crate) fn with_constant(self, code: Code, constant: T, data: T) -> Self {
        let b = self.tape.constant(constant);
        self.tape.push(data, code, self.index, b)
    }
}

impl<T: Scalar> Tape<T> {
    /// Panics if two values that meet come from two tapes.
    #[inline]
    pub(crate) fn check_same(&self, other: &Tape<T>) {
        if !ptr::eq(self, other) {
            two_tapes();
        }
    }
}

#[cold]
#[inline(never)]
fn two_tapes() -> ! {
    panic!("values of two tapes cannot meet: copy the number over with Tape::value")
}

pub(crate) fn sigmoid<T: Scalar>(x: T) -> T {
    let (zero, one) = (T::default(), T::from_f64(1.0));
    let small = if x < zero { x.exp() } else { (-x).exp() };
    let numerator = if x < zero { small } else { one };
    numerator / (one + small)
}

#[inline]
pub(crate) fn relu<T: Scalar>(x: T) -> T {
    if x <= T::default() { T::default() } else { x }
}

#[inline]
pub(crate) fn abs<T: Scalar>(x: T) -> T {
    // 0 − (−0) is 0.
    if x <= T::default() { T::default() - x } else { x }
}

/// `x` if it won the comparison, else `y`, unless a NaN kept both from winning.
fn pick<T: Scalar>(x_wins: bool, x: T, y: T) -> T {
    let sum = x + y;
    if x_wins {
        x
    } else if x < y || y < x {
        y
    } else {
        sum
    }
}

pub(crate) fn operands<T: Scalar, R: crate::scalar::Real<Float = T>>(
    arena: &Arena<T>,
    data: &[R],
    index: usize,
) -> Operands<R> {
    let Node { code, a, b } = arena.node(index);
    let y = if code.arity() == 2 { b } else { a };
    let constant = if code.has_constant() { arena.constants()[b as usize] } else { T::default() };
    Operands { x: data[a as usize], y: data[y as usize], out: data[index], constant, exponent: b as i32 }
}

pub(crate) fn children<T: Scalar>(arena: &Arena<T>, index: usize) -> Vec<usize> {
    let Node { code, a, b } = arena.node(index);
    let (a, b) = (a as usize, b as usize);
    let listed = |range: std::ops::Range<usize>| arena.links()[range].iter().map(|&child| child as usize);
    match code {
        Code::SumRun => (a..a + b).collect(),
        Code::SumList => listed(a..a + b).collect(),
        Code::DotRun => {
            let (other, count) = (arena.links()[b] as usize, arena.links()[b + 1] as usize);
            (a..a + count).chain(other..other + count).collect()
        }
        Code::DotColumn => {
            let (first, count) = (arena.links()[b] as usize, arena.links()[b + 1] as usize);
            (first..first + count).chain(listed(b + 2..b + 2 + count).map(|row| row + a)).collect()
        }
        Code::DotList => listed(a..a + 2 * b).collect(),
        code => [a, b].into_iter().take(code.arity()).collect(),
    }
}

fn operation<T: Scalar>(arena: &Arena<T>, index: usize) -> Operation<T> {
    let Node { code, b, .. } = arena.node(index);
    let constant = || arena.constants()[b as usize];
    match code {
        Code::Leaf => Operation::Leaf,
        Code::Identity => Operation::Identity,
        Code::Add => Operation::Add,
        Code::Sub => Operation::Sub,
        Code::Mul => Operation::Mul,
        Code::Div => Operation::Div,
        Code::Max => Operation::Max,
        Code::Min => Operation::Min,
        Code::Neg => Operation::Neg,
        Code::AddConstant => Operation::AddConstant(constant()),
        Code::SubtractFrom => Operation::SubtractFrom(constant()),
        Code::MulConstant => Operation::MulConstant(constant()),
        Code::DivConstant => Operation::DivConstant(constant()),
        Code::DivideInto => Operation::DivideInto(constant()),
        Code::Powf => Operation::Powf(constant()),
        Code::Powi => Operation::Powi(b as i32),
        Code::Exp => Operation::Exp,
        Code::Ln => Operation::Ln,
        Code::Sqrt => Operation::Sqrt,
        Code::Tanh => Operation::Tanh,
        Code::Sigmoid => Operation::Sigmoid,
        Code::Relu => Operation::Relu,
        Code::Abs => Operation::Abs,
        Code::Sin => Operation::Sin,
        Code::Cos => Operation::Cos,
        Code::SumRun | Code::SumList => Operation::Sum,
        Code::DotRun | Code::DotColumn | Code::DotList => Operation::Dot,
    }
}

impl<T: Scalar> PartialEq for Value<'_, T> {
    fn eq(&self, other: &Self) -> bool {
        self.data == other.data
    }
}

impl<T: Scalar> PartialEq<T> for Value<'_, T> {
    fn eq(&self, other: &T) -> bool {
        self.data == *other
    }
}

impl<T: Scalar> PartialOrd for Value<'_, T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        self.data.partial_cmp(&other.data)
    }
}

impl<T: Scalar> PartialOrd<T> for Value<'_, T> {
    fn partial_cmp(&self, other: &T) -> Option<std::cmp::Ordering> {
        self.data.partial_cmp(other)
    }
}

impl<T: Scalar> fmt::Debug for Value<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Value")
            .field("data", &self.data)
            .field("index", &self.index)
            .field("operation", &self.operation())
            .finish()
    }
}

impl<T: Scalar> fmt::Display for Value<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.data, f)
    }
}
