//! The reverse sweep: from an output to everything that it was made from.

use std::fmt;

use crate::arena::{Arena, Node};
use crate::operation::{Code, local_gradients};
use crate::scalar::Scalar;
use crate::tape::Tape;
use crate::value::{Value, operands};
use crate::values::Values;

impl<'t, T: Scalar> Value<'t, T> {
    /// The derivative of this value with respect to every node that it was made from.
    ///
    /// The chain rule, from the output back: this node's own gradient is 1, and each node adds its gradient times its
    /// local gradient to each of its children's. Where a value was used several times, those contributions add up.
    /// Time and memory are proportional to the number of nodes recorded before this one; there is no recursion.
    ///
    /// A node whose gradient is exactly 0 passes nothing on, so 0·∞ counts as 0 here and not as NaN: what does not
    /// matter to the output (a logarithm of 0 that was computed but not used) cannot spoil its gradient.
    #[must_use]
    pub fn backward(self) -> Grads<'t, T> {
        let tape = self.tape();
        let arena = tape.arena().borrow();
        let mut grads = tape.take_buffer();
        grads.clear();
        grads.resize(self.index() + 1, T::default());
        grads[self.index()] = T::from_f64(1.0);
        sweep(&arena, &mut grads);
        Grads { tape, grads }
    }
}

/// The gradients of one output, as [`Value::backward`] found them.
pub struct Grads<'t, T: Scalar> {
    tape: &'t Tape<T>,
    grads: Vec<T>,
}

impl<'t, T: Scalar> Grads<'t, T> {
    /// The derivative of the output with respect to `value`: 0 where it does not depend on it.
    ///
    /// # Panics
    ///
    /// If the value is on another tape.
    pub fn wrt(&self, value: Value<'t, T>) -> T {
        self.tape.check_same(value.tape());
        self.grads.get(value.index()).copied().unwrap_or_default()
    }

    /// The derivatives of the output with respect to each of `values`, in order.
    ///
    /// # Panics
    ///
    /// If the values are on another tape.
    pub fn of(&self, values: Values<'t, T>) -> Vec<T> {
        self.tape.check_same(values.tape());
        let range = values.range();
        let known = &self.grads[range.start.min(self.grads.len())..range.end.min(self.grads.len())];
        let mut grads = known.to_vec();
        grads.resize(values.len(), T::default());
        grads
    }
}

impl<T: Scalar> Drop for Grads<'_, T> {
    fn drop(&mut self) {
        self.tape.give_buffer(std::mem::take(&mut self.grads));
    }
}

impl<T: Scalar> fmt::Debug for Grads<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grads").field("nodes", &self.grads.len()).finish()
    }
}

/// Walks the tape backwards from the last of `grads`.
fn sweep<T: Scalar>(arena: &Arena<T>, grads: &mut [T]) {
    let (nodes, data) = (&arena.nodes()[..grads.len()], &arena.data()[..grads.len()]);
    for i in (0..grads.len()).rev() {
        let grad = grads[i];
        if grad == T::default() {
            continue;
        }
        let Node { code, a, b } = nodes[i];
        // The two most frequent ones are tested first: a jump table would cost a third of the sweep.
        if code == Code::Mul {
            let (a, b) = (a as usize, b as usize);
            let (x, y) = (data[a], data[b]);
            grads[a] += y * grad;
            grads[b] += x * grad;
        } else if code == Code::Add {
            grads[a as usize] += grad;
            grads[b as usize] += grad;
        } else if code != Code::Leaf {
            pass_on(arena, data, grads, i);
        }
    }
}

/// Adds what node `i` owes to each of its children.
fn pass_on<T: Scalar>(arena: &Arena<T>, data: &[T], grads: &mut [T], i: usize) {
    let grad = grads[i];
    let Node { code, a, b } = arena.nodes()[i];
    let (first, count) = (a as usize, b as usize);
    match code {
        Code::DotRun => {
            let [x, y] = [arena.links()[first] as usize, arena.links()[first + 1] as usize];
            add_scaled(&mut grads[x..x + count], &data[y..y + count], grad);
            add_scaled(&mut grads[y..y + count], &data[x..x + count], grad);
        }
        Code::DotList => {
            let (left, right) = arena.links()[first..first + 2 * count].split_at(count);
            for (&x, &y) in left.iter().zip(right) {
                let (x, y) = (x as usize, y as usize);
                grads[x] += data[y] * grad;
                grads[y] += data[x] * grad;
            }
        }
        Code::SumRun => grads[first..first + count].iter_mut().for_each(|child| *child += grad),
        Code::SumList => {
            for &child in &arena.links()[first..first + count] {
                grads[child as usize] += grad;
            }
        }
        code => {
            let (x, y) = local_gradients(code, operands(arena, data, i));
            grads[first] += x * grad;
            if code.arity() == 2 {
                grads[count] += y * grad;
            }
        }
    }
}

/// y ← y + x·scale
fn add_scaled<T: Scalar>(y: &mut [T], x: &[T], scale: T) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y += x * scale;
    }
}
