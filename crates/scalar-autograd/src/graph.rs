//! The obvious version: every number is an object that points at the numbers it was made from.
//!
//! Read this file first. It is the class that micrograd made famous, line for line in spirit, and it is the oracle that
//! the tests hold the [`Tape`](crate::Tape) against. It is slow (an allocation for every number) and it hides nothing.
//!
//! # The question: how does `loss.backward()` work?
//!
//! A [`Value`] wraps one floating-point number and tracks three things:
//!
//! - [`data`](Value::data): the actual number, used in the forward pass;
//! - [`grad`](Value::grad): the derivative of the final loss with respect to this number, filled in during the backward
//!   pass;
//! - [`children`](Value::children) and [`local_gradients`](Value::local_gradients): the inputs that created this value,
//!   and the derivative of this one operation with respect to each of them.
//!
//! Every `a + b` and `a * b` makes a new `Value` that remembers its inputs and its local gradients. For an addition both
//! are 1, because ∂(a + b)/∂a = 1 and ∂(a + b)/∂b = 1. For a multiplication they are `b` and `a`, because
//! ∂(a·b)/∂a = b and ∂(a·b)/∂b = a. What comes out is a DAG, a directed acyclic graph: every node is a number, every
//! edge is a dependency.
//!
//! For a plain chain, `loss = f(g(h(w)))`, the chain rule says
//!
//! ```text
//! d(loss)/d(w) = d(loss)/d(f) · d(f)/d(g) · d(g)/d(h) · d(h)/d(w)
//! ```
//!
//! so the gradient is the product of the local gradients along the path from `w` to the loss. A real graph is no
//! chain: a value is used several times (fan-out) and an operation has several inputs (fan-in). So
//! [`backward`](Value::backward) does two things:
//!
//! 1. *Topological sort*: order the nodes so that each comes after everything that it was made from.
//! 2. *Reverse traversal*: the loss's gradient is 1, because d(loss)/d(loss) = 1. Walk the sorted list backwards, and
//!    for each node add `local gradient · node.grad` to the gradient of each child.
//!
//! **Add**, never assign: where `w` is used in both `a = w * 3` and `b = w * 5`, each use contributes, and the
//! contributions of all paths add up:
//!
//! ```
//! use scalar_autograd::graph::Value;
//!
//! let w = Value::new(2.0);
//! let a = &w * 3.0;
//! let b = &w * 5.0;
//! let loss = &a + &b;
//! loss.backward();
//! assert_eq!(w.grad(), 8.0); // d(loss)/d(a) · 3 + d(loss)/d(b) · 5
//! ```
//!
//! That is the whole backward pass. No magic: sort the graph, walk it backwards, multiply and accumulate.
//!
//! # What the tape does otherwise
//!
//! The [`Tape`](crate::Tape) stores nodes side by side in the order in which they were made. A child is always made
//! before its parent, so that order *is* a topological order: no sort, no set of visited nodes, no reference counts.
//! It also lets a gradient of exactly 0 pass nothing on, where this version computes 0·∞ = NaN; and it passes a NaN on
//! through `relu`, `max` and `min`, where this version, as the comparison in Python would, lets the other number win.

use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;
use std::mem;
use std::ops::{Add, Div, Mul, Neg, Sub};
use std::rc::Rc;

/// One number and how it was made. Cloning copies a pointer; both clones are the same node, with the same gradient.
#[derive(Clone)]
pub struct Value(Rc<Node>);

struct Node {
    data: Cell<f64>,
    grad: Cell<f64>,
    children: Vec<Value>,
    local_gradients: Vec<f64>,
}

impl Value {
    /// A number that was made from nothing: an input, a weight or a constant.
    pub fn new(data: f64) -> Value {
        Value::made_from(data, [])
    }

    /// The number itself.
    pub fn data(&self) -> f64 {
        self.0.data.get()
    }

    /// The derivative with respect to this number of whatever [`backward`](Value::backward) was called on; 0 before.
    pub fn grad(&self) -> f64 {
        self.0.grad.get()
    }

    /// What this value was made from.
    pub fn children(&self) -> &[Value] {
        &self.0.children
    }

    /// The derivative of this value with respect to each of its [`children`](Value::children), in the same order.
    pub fn local_gradients(&self) -> &[f64] {
        &self.0.local_gradients
    }

    /// Changes the number, as an optimizer does with a weight. What was already made from it keeps its old data and
    /// local gradients.
    ///
    /// ```
    /// # use scalar_autograd::graph::Value;
    /// let w = Value::new(2.0);
    /// let y = &w * &w;
    /// y.backward();
    /// w.set_data(w.data() - 0.25 * w.grad()); // a step against the gradient, 2·w = 4
    /// assert_eq!((w.data(), y.data()), (1.0, 4.0));
    /// ```
    pub fn set_data(&self, data: f64) {
        self.0.data.set(data);
    }

    /// Sets the gradient back to 0, as a training loop does with each weight after each step.
    pub fn zero_grad(&self) {
        self.0.grad.set(0.0);
    }

    /// Fills in the gradient of this value with respect to everything that it was made from.
    ///
    /// Gradients are added to what is there, so that those of weights can be collected over several losses. For the
    /// same reason, calling this twice on one graph counts twice, intermediate nodes and all: build a new graph for each
    /// step, and [zero](Value::zero_grad) the weights in between.
    pub fn backward(&self) {
        let order = self.topological_order();
        self.0.grad.set(1.0); // d(loss)/d(loss) = 1
        for value in order.iter().rev() {
            for (child, local_gradient) in value.children().iter().zip(value.local_gradients()) {
                child.0.grad.set(child.grad() + local_gradient * value.grad());
            }
        }
    }

    /// Everything this value was made from, and the value itself at the end, each once and after its children.
    ///
    /// A depth-first search. Told recursively it is `for child in children { visit(child) }; order.push(self)`, which
    /// overflows the stack on a deep graph; here the path from the root to the present node is a vector.
    pub fn topological_order(&self) -> Vec<Value> {
        let mut order = Vec::new();
        let mut visited = HashSet::from([self.address()]);
        let mut path = vec![(self.clone(), 0)];
        while let Some((value, next)) = path.pop() {
            match value.children().get(next).cloned() {
                Some(child) => {
                    path.push((value, next + 1));
                    if visited.insert(child.address()) {
                        path.push((child, 0));
                    }
                }
                None => order.push(value),
            }
        }
        order
    }

    fn made_from<const N: usize>(data: f64, inputs: [(&Value, f64); N]) -> Value {
        let (children, local_gradients) = inputs.into_iter().map(|(child, gradient)| (child.clone(), gradient)).unzip();
        Value(Rc::new(Node { data: Cell::new(data), grad: Cell::new(0.0), children, local_gradients }))
    }

    fn address(&self) -> *const Node {
        Rc::as_ptr(&self.0)
    }
}

/// Functions: each states its result and its local gradient.
impl Value {
    /// x raised to a constant power: c·xᶜ⁻¹. (The derivative of x⁰ is 0 everywhere.)
    pub fn powf(&self, exponent: f64) -> Value {
        let x = self.data();
        let slope = if exponent == 0.0 { 0.0 } else { exponent * x.powf(exponent - 1.0) };
        Value::made_from(x.powf(exponent), [(self, slope)])
    }

    /// eˣ: its own derivative.
    pub fn exp(&self) -> Value {
        Value::made_from(self.data().exp(), [(self, self.data().exp())])
    }

    /// The natural logarithm: 1/x. Add a small constant first where x can be 0.
    pub fn ln(&self) -> Value {
        Value::made_from(self.data().ln(), [(self, 1.0 / self.data())])
    }

    /// The square root: 1/(2·√x).
    pub fn sqrt(&self) -> Value {
        let root = self.data().sqrt();
        Value::made_from(root, [(self, 0.5 / root)])
    }

    /// The hyperbolic tangent: 1 − tanh²x.
    pub fn tanh(&self) -> Value {
        let tanh = self.data().tanh();
        Value::made_from(tanh, [(self, 1.0 - tanh * tanh)])
    }

    /// σ(x) = 1/(1 + e⁻ˣ): σ·(1 − σ).
    pub fn sigmoid(&self) -> Value {
        let sigmoid = 1.0 / (1.0 + (-self.data()).exp());
        Value::made_from(sigmoid, [(self, sigmoid * (1.0 - sigmoid))])
    }

    /// x where it is positive, else 0: 1 or 0.
    pub fn relu(&self) -> Value {
        let x = self.data();
        let (data, slope) = if x > 0.0 { (x, 1.0) } else { (0.0, 0.0) };
        Value::made_from(data, [(self, slope)])
    }

    /// |x|: 1 or −1; at 0, where there is no derivative, 0.
    pub fn abs(&self) -> Value {
        let x = self.data();
        let slope = if x == 0.0 { 0.0 } else { x.signum() };
        Value::made_from(x.abs(), [(self, slope)])
    }

    /// The sine of x radians: cos x.
    pub fn sin(&self) -> Value {
        Value::made_from(self.data().sin(), [(self, self.data().cos())])
    }

    /// The cosine of x radians: −sin x.
    pub fn cos(&self) -> Value {
        Value::made_from(self.data().cos(), [(self, -self.data().sin())])
    }

    /// The larger of the two: 1 for the larger, 0 for the other, ½ each on a tie.
    pub fn max(&self, other: &Value) -> Value {
        let (x, y) = (self.data(), other.data());
        let share = if x == y { 0.5 } else { f64::from(x > y) };
        Value::made_from(x.max(y), [(self, share), (other, 1.0 - share)])
    }

    /// The smaller of the two: 1 for the smaller, 0 for the other, ½ each on a tie.
    pub fn min(&self, other: &Value) -> Value {
        let (x, y) = (self.data(), other.data());
        let share = if x == y { 0.5 } else { f64::from(x < y) };
        Value::made_from(x.min(y), [(self, share), (other, 1.0 - share)])
    }
}

impl Add for &Value {
    type Output = Value;

    fn add(self, other: &Value) -> Value {
        Value::made_from(self.data() + other.data(), [(self, 1.0), (other, 1.0)])
    }
}

impl Mul for &Value {
    type Output = Value;

    fn mul(self, other: &Value) -> Value {
        Value::made_from(self.data() * other.data(), [(self, other.data()), (other, self.data())])
    }
}

/// x − y is x + (−y).
impl Sub for &Value {
    type Output = Value;

    fn sub(self, other: &Value) -> Value {
        self + &-other
    }
}

/// x / y is x · y⁻¹.
impl Div for &Value {
    type Output = Value;

    fn div(self, other: &Value) -> Value {
        self * &other.powf(-1.0)
    }
}

/// −x is x · −1.
impl Neg for &Value {
    type Output = Value;

    fn neg(self) -> Value {
        self * &Value::new(-1.0)
    }
}

impl Neg for Value {
    type Output = Value;

    fn neg(self) -> Value {
        -&self
    }
}

/// The same operators for owned values and plain numbers on either side; a plain number becomes a value of its own.
macro_rules! forward_to_references {
    ($($trait:ident $method:ident),*) => { $(
        impl $trait<Value> for Value {
            type Output = Value;
            fn $method(self, other: Value) -> Value { (&self).$method(&other) }
        }
        impl $trait<&Value> for Value {
            type Output = Value;
            fn $method(self, other: &Value) -> Value { (&self).$method(other) }
        }
        impl $trait<Value> for &Value {
            type Output = Value;
            fn $method(self, other: Value) -> Value { self.$method(&other) }
        }
        impl $trait<f64> for Value {
            type Output = Value;
            fn $method(self, other: f64) -> Value { (&self).$method(&Value::new(other)) }
        }
        impl $trait<f64> for &Value {
            type Output = Value;
            fn $method(self, other: f64) -> Value { self.$method(&Value::new(other)) }
        }
        impl $trait<Value> for f64 {
            type Output = Value;
            fn $method(self, other: Value) -> Value { (&Value::new(self)).$method(&other) }
        }
        impl $trait<&Value> for f64 {
            type Output = Value;
            fn $method(self, other: &Value) -> Value { (&Value::new(self)).$method(other) }
        }
    )* };
}

forward_to_references!(Add add, Sub sub, Mul mul, Div div);

/// As in Python, a sum starts from a constant 0 and adds one value after another.
impl std::iter::Sum for Value {
    fn sum<I: Iterator<Item = Value>>(values: I) -> Value {
        values.fold(Value::new(0.0), |sum, value| sum + value)
    }
}

/// Values compare by the number they hold.
impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        self.data() == other.data()
    }
}

impl PartialEq<f64> for Value {
    fn eq(&self, other: &f64) -> bool {
        self.data() == *other
    }
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Value) -> Option<std::cmp::Ordering> {
        self.data().partial_cmp(&other.data())
    }
}

impl PartialOrd<f64> for Value {
    fn partial_cmp(&self, other: &f64) -> Option<std::cmp::Ordering> {
        self.data().partial_cmp(other)
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the children: the whole graph would follow.
        f.debug_struct("Value").field("data", &self.data()).field("grad", &self.grad()).finish()
    }
}

/// A node drops its children, which drop theirs: left to itself, a long chain would overflow the stack. So the last
/// owner takes the children out of each dying node and drops them from a list.
impl Drop for Node {
    fn drop(&mut self) {
        let mut pending = mem::take(&mut self.children);
        while let Some(value) = pending.pop() {
            if let Some(mut node) = Rc::into_inner(value.0) {
                pending.append(&mut node.children);
            }
        }
    }
}
