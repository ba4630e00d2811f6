//! Second derivatives and Jacobians, from more sweeps over the same tape.
//!
//! A gradient is itself computed from the inputs, so it has derivatives too. Forward over reverse: carry each node's
//! rate of change along one direction forward over the tape, then run the reverse sweep in [`Dual`] numbers. The values
//! that come out are the gradient, their tangents are the Hessian times the direction, at the price of a few sweeps and
//! without ever forming the Hessian (Pearlmutter, "Fast exact multiplication by the Hessian", Neural Computation 6,
//! 1994).

use crate::arena::{Arena, Node};
use crate::dual::{Dual, times};
use crate::operation::{Code, local_gradients};
use crate::scalar::{Real, Scalar};
use crate::value::{Value, operands};
use crate::values::Values;

impl<'t, T: Scalar> Value<'t, T> {
    /// The Hessian of this value with respect to `inputs`, times `direction`: how fast the gradient changes as the
    /// inputs move that way.
    ///
    /// Time and memory are those of a few calls of [`backward`](Value::backward). As there, what is multiplied by a
    /// rate or a gradient of exactly 0 counts as 0. At kinks the second derivative is taken to be 0.
    ///
    /// ```
    /// # use scalar_autograd::Tape;
    /// let tape = Tape::<f64>::new();
    /// let x = tape.values(&[2.0, 3.0]);
    /// let y = x.at(0) * x.at(0) * x.at(1); // x₀²·x₁, whose Hessian is [[2·x₁, 2·x₀], [2·x₀, 0]]
    /// assert_eq!(y.hessian_vector_product(x, &[1.0, 10.0]), [46.0, 4.0]);
    /// ```
    ///
    /// # Panics
    ///
    /// If `inputs` are on another tape or made of other values, or `direction` has not one number for each of them.
    #[must_use]
    pub fn hessian_vector_product(self, inputs: Values<'t, T>, direction: &[T]) -> Vec<T> {
        self.tape().check_same(inputs.tape());
        assert!(
            inputs.len() == direction.len(),
            "a direction of {} numbers for {} inputs",
            direction.len(),
            inputs.len()
        );
        let arena = self.tape().arena().borrow();
        for input in inputs.range() {
            let code = arena.node(input).code;
            assert!(matches!(code, Code::Leaf | Code::Identity), "input at index {input} is made of other values");
        }
        let data = tangents(&arena, self.index() + 1, inputs, direction);
        let grads = sweep(&arena, &data);
        inputs.range().map(|input| grads.get(input).map_or(T::default(), |grad| grad.tangent)).collect()
    }

    /// All second derivatives: `hessian[i][j]` is ∂²self/∂xᵢ∂xⱼ for inputs `x`.
    ///
    /// One [`hessian_vector_product`](Value::hessian_vector_product) for each input.
    ///
    /// # Panics
    ///
    /// If `inputs` are on another tape or made of other values.
    #[must_use]
    pub fn hessian(self, inputs: Values<'t, T>) -> Vec<Vec<T>> {
        let mut direction = vec![T::default(); inputs.len()];
        let mut row = |i: usize| {
            direction[i] = T::from_f64(1.0);
            let row = self.hessian_vector_product(inputs, &direction);
            direction[i] = T::default();
            row
        };
        (0..inputs.len()).map(&mut row).collect()
    }
}

impl<'t, T: Scalar> Values<'t, T> {
    /// All first derivatives of these values: `jacobian[i][j]` is ∂yᵢ/∂xⱼ for outputs `y` (these) and inputs `x`.
    ///
    /// One [`backward`](Value::backward) for each output.
    ///
    /// ```
    /// # use scalar_autograd::Tape;
    /// let tape = Tape::<f64>::new();
    /// let x = tape.values(&[2.0, 3.0]);
    /// let y = tape.gather([x.at(0) * x.at(1), x.at(0) + 10.0 * x.at(1)]);
    /// assert_eq!(y.jacobian(x), [[3.0, 2.0], [1.0, 10.0]]);
    /// ```
    ///
    /// # Panics
    ///
    /// If `inputs` are on another tape.
    #[must_use]
    pub fn jacobian(self, inputs: Values<'t, T>) -> Vec<Vec<T>> {
        self.iter().map(|output| output.backward().of(inputs)).collect()
    }
}

/// The data of the first `len` nodes and how fast each changes while `inputs` move along `direction`.
///
/// An input is a leaf, or the copy of one that [`gather`](crate::Tape::gather) makes. Others are refused: rules that read
/// their node's own number would take its direction for a movement of its children.
fn tangents<T: Scalar>(arena: &Arena<T>, len: usize, inputs: Values<'_, T>, direction: &[T]) -> Vec<Dual<T>> {
    let mut data: Vec<Dual<T>> = arena.data()[..len].iter().map(|&x| Dual::constant(x)).collect();
    // Nothing before the first input moves.
    for i in inputs.range().start.min(len)..len {
        let mut tangent = tangent(arena, &data, i);
        if inputs.range().contains(&i) {
            tangent += direction[i - inputs.range().start];
        }
        data[i].tangent = tangent;
    }
    data
}

/// The sum over the children of node `i` of local gradient times tangent.
fn tangent<T: Scalar>(arena: &Arena<T>, data: &[Dual<T>], i: usize) -> T {
    let Node { code, a, b } = arena.node(i);
    let mut tangent = T::default();
    let mut add = |child: usize, local_gradient: T| tangent += times(local_gradient, data[child].tangent);
    match code {
        Code::Leaf => {}
        code if code.is_listed() => {
            each_term(arena, i, |x, y| match y {
                None => add(x, T::from_f64(1.0)),
                Some(y) => {
                    add(x, data[y].value);
                    add(y, data[x].value);
                }
            });
        }
        code => {
            let (x, y) = local_gradients(code, operands::<T, T>(arena, arena.data(), i));
            add(a as usize, x);
            if code.arity() == 2 {
                add(b as usize, y);
            }
        }
    }
    tangent
}

/// The reverse sweep of `backward.rs`, in dual numbers.
fn sweep<T: Scalar>(arena: &Arena<T>, data: &[Dual<T>]) -> Vec<Dual<T>> {
    let mut grads = vec![Dual::default(); data.len()];
    if let Some(output) = grads.last_mut() {
        *output = Dual::constant(T::from_f64(1.0));
    }
    for i in (0..data.len()).rev() {
        let grad = grads[i];
        if grad.value == T::default() && grad.tangent == T::default() {
            continue;
        }
        let Node { code, a, b } = arena.node(i);
        match code {
            Code::Leaf => {}
            code if code.is_listed() => {
                each_term(arena, i, |x, y| match y {
                    None => grads[x] += grad,
                    Some(y) => {
                        grads[x] += contribution(data[y], grad);
                        grads[y] += contribution(data[x], grad);
                    }
                });
            }
            code => {
                let (x, y) = local_gradients(code, operands(arena, data, i));
                grads[a as usize] += contribution(x, grad);
                if code.arity() == 2 {
                    grads[b as usize] += contribution(y, grad);
                }
            }
        }
    }
    grads
}

/// local gradient · gradient, in dual numbers, where a gradient of 0 passes nothing on.
fn contribution<T: Scalar>(local: Dual<T>, grad: Dual<T>) -> Dual<T> {
    Dual {
        value: times(local.value, grad.value),
        tangent: times(local.tangent, grad.value) + times(local.value, grad.tangent),
    }
}

/// Calls `f` with each term of sum or dot product `i`: its child, and the partner that it is multiplied by.
fn each_term<T: Scalar>(arena: &Arena<T>, i: usize, mut f: impl FnMut(usize, Option<usize>)) {
    let Node { code, a, b } = arena.node(i);
    let (a, b) = (a as usize, b as usize);
    let link = |at: usize| arena.links()[at] as usize;
    match code {
        Code::SumRun => (a..a + b).for_each(|child| f(child, None)),
        Code::SumList => (a..a + b).for_each(|at| f(link(at), None)),
        Code::DotRun => (0..link(b + 1)).for_each(|k| f(a + k, Some(link(b) + k))),
        Code::DotColumn => (0..link(b + 1)).for_each(|k| f(link(b) + k, Some(link(b + 2 + k) + a))),
        Code::DotList => (a..a + b).for_each(|at| f(link(at), Some(link(at + b)))),
        _ => unreachable!("{code:?} is neither a sum nor a dot product"),
    }
}
