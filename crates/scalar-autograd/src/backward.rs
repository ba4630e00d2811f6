//! The reverse sweep: from an output to everything that it was made from.

use std::fmt;
use std::ops::Range;

use crate::arena::{Arena, Node, Nodes};
use crate::operation::{Code, local_gradients};
use crate::products::add_scaled;
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
    /// matter to the output (a logarithm of 0 that was computed but not used) cannot spoil its gradient; CoDiPack and
    /// Adept skip zero adjoints, too. The price: at 0, √x·√x has gradient 0 here, where a NaN would have warned.
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

    /// The tape that they are about.
    pub(crate) fn tape(&self) -> &'t Tape<T> {
        self.tape
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
    let data = arena.data();
    let mut end = grads.len();
    loop {
        end = sweep_plain(arena.nodes(end), data, &mut grads[..end]);
        if end == 0 {
            return;
        }
        end = pass_on(arena, data, grads, end - 1);
    }
}

/// Walks backwards over the most frequent kinds of nodes, which a jump table would slow down by a third; returns the end
/// of what is left, whose last node is of another kind. On its own, so that what the loop needs stays in registers.
#[inline(never)]
fn sweep_plain<T: Scalar>(nodes: Nodes<'_>, data: &[T], grads: &mut [T]) -> usize {
    // Equal lengths in sight let the compiler test each index once.
    let data = &data[..grads.len()];
    let nodes = nodes.first(grads.len());
    for i in (0..grads.len()).rev() {
        let grad = grads[i];
        if grad == T::default() {
            continue;
        }
        let Node { code, a, b } = nodes.at(i);
        let (a, b) = (a as usize, b as usize);
        if code == Code::Mul {
            let (x, y) = (data[a], data[b]);
            grads[a] += y * grad;
            grads[b] += x * grad;
        } else if code == Code::Add {
            grads[a] += grad;
            grads[b] += grad;
        } else if code != Code::Leaf {
            return i + 1;
        }
    }
    0
}

/// Adds what node `i`, and perhaps some before it, owe to each of their children; returns the first that has paid.
fn pass_on<T: Scalar>(arena: &Arena<T>, data: &[T], grads: &mut [T], i: usize) -> usize {
    let grad = grads[i];
    let Node { code, a, b } = arena.node(i);
    let (first, count) = (a as usize, b as usize);
    match code {
        Code::DotRun => {
            let start = start_of_group(arena, i);
            pass_on_rows(arena, data, grads, start..i + 1);
            return start;
        }
        Code::DotColumn => {
            let start = start_of_group(arena, i);
            pass_on_columns(arena, data, grads, start..i + 1);
            return start;
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
    i
}

/// The first of the nodes up to `i` that were recorded together with it: they share `b`, and none is a child of another.
fn start_of_group<T: Scalar>(arena: &Arena<T>, i: usize) -> usize {
    let Node { code, b, .. } = arena.node(i);
    let together = (0..i).rev().map(|earlier| arena.node(earlier)).take_while(|node| node.code == code && node.b == b);
    i - together.count()
}

/// Dot products of rows with one run: each row's gradient gets the run, the run's gradient gets every row.
fn pass_on_rows<T: Scalar>(arena: &Arena<T>, data: &[T], grads: &mut [T], group: Range<usize>) {
    let link = arena.node(group.start).b as usize;
    let (x, count) = (arena.links()[link] as usize, arena.links()[link + 1] as usize);
    // Up to four rows wait, so that the run's gradient is read and written once for all of them.
    let mut waiting = [(T::default(), &data[..0]); 4];
    let mut waiters = 0;
    for i in group.rev() {
        let grad = grads[i];
        if grad == T::default() {
            continue;
        }
        let row = arena.node(i).a as usize;
        add_scaled(&mut grads[row..row + count], &data[x..x + count], grad);
        waiting[waiters] = (grad, &data[row..row + count]);
        waiters += 1;
        if waiters == waiting.len() {
            add_four_scaled(&mut grads[x..x + count], waiting);
            waiters = 0;
        }
    }
    for &(grad, row) in &waiting[..waiters] {
        add_scaled(&mut grads[x..x + count], row, grad);
    }
}

/// Dot products of one run with the columns of rows: the mirror image of [`pass_on_rows`].
fn pass_on_columns<T: Scalar>(arena: &Arena<T>, data: &[T], grads: &mut [T], group: Range<usize>) {
    let link = arena.node(group.start).b as usize;
    let (weights, count) = (arena.links()[link] as usize, arena.links()[link + 1] as usize);
    let rows = &arena.links()[link + 2..link + 2 + count];
    for i in group.rev() {
        let grad = grads[i];
        if grad == T::default() {
            continue;
        }
        let column = arena.node(i).a as usize;
        for (weight, &row) in (weights..).zip(rows) {
            let element = row as usize + column;
            grads[weight] += data[element] * grad;
            grads[element] += data[weight] * grad;
        }
    }
}

/// y ← y + x₀·s₀ + x₁·s₁ + x₂·s₂ + x₃·s₃, added in this order.
fn add_four_scaled<T: Scalar>(y: &mut [T], scaled: [(T, &[T]); 4]) {
    let rows = scaled.map(|(_, x)| &x[..y.len()]);
    for (k, y) in y.iter_mut().enumerate() {
        let mut sum = *y;
        for ((scale, _), row) in scaled.iter().zip(rows) {
            sum += row[k] * *scale;
        }
        *y = sum;
    }
}
