//! Nodes with many children: sums and dot products.
//!
//! A linear layer of the obvious kind records two nodes a weight. Here each of its outputs is one node, which is where
//! most of the speed on neural networks comes from:
//! 1. A sum of products is one node. Its children stay visible, and the products are added from left to right, as the
//!    obvious version adds them.
//! 2. Runs of neighbours are stored as where they begin, not child by child.
//! 3. Dot products of many rows with one run are computed four rows at a time, so that four chains of dependent
//!    additions are in flight, and walked backwards together.

use crate::operation::Code;
use crate::scalar::Scalar;
use crate::tape::Tape;
use crate::value::Value;
use crate::values::Values;

impl<'t, T: Scalar> Values<'t, T> {
    /// x₀ + x₁ + …, from left to right, as one node. An empty sum is 0.
    pub fn sum(self) -> Value<'t, T> {
        let sum = self.tape().arena().borrow().data()[self.range()].iter().fold(T::default(), |sum, &x| sum + x);
        self.tape().push(sum, Code::SumRun, self.start(), self.len() as u32)
    }

    /// x₀·y₀ + x₁·y₁ + …, from left to right, as one node. An empty dot product is 0.
    ///
    /// # Panics
    ///
    /// If the lengths differ, or the tapes.
    pub fn dot(self, other: Values<'t, T>) -> Value<'t, T> {
        self.check_partner(other);
        let sum = {
            let arena = self.tape().arena().borrow();
            dot(&arena.data()[self.range()], &arena.data()[other.range()])
        };
        let link = self.tape().link([other.start(), other.len() as u32]);
        self.tape().push(sum, Code::DotRun, self.start(), link)
    }

    /// The dot product of each row with these values, one node each: matrix times vector, if the rows are those of a
    /// matrix.
    ///
    /// # Panics
    ///
    /// If a row has another length, or is on another tape.
    pub fn dot_each(self, rows: impl IntoIterator<Item = Values<'t, T>>) -> Values<'t, T> {
        let tape = self.tape();
        let mut starts = tape.take_indices();
        starts.extend(rows.into_iter().map(|row| {
            self.check_partner(row);
            row.start()
        }));
        let link = tape.link([self.start(), self.len() as u32]);
        let edges = |offset: u32| (starts[offset as usize], link);
        let outputs = tape.push_run(starts.len(), Code::DotRun, edges, |data, outputs| {
            let row = |start: u32| &data[start as usize..start as usize + self.len()];
            dot_rows(&starts, row, &data[self.range()], outputs);
        });
        tape.give_indices(starts);
        outputs
    }

    /// x₀·row₀ + x₁·row₁ + …, element by element, one node each: vector times matrix, if the rows are those of a matrix.
    ///
    /// # Panics
    ///
    /// If there are not as many rows as values, or the rows differ in length, or in their tape.
    pub fn weighted_sum(self, rows: impl IntoIterator<Item = Values<'t, T>>) -> Values<'t, T> {
        let tape = self.tape();
        let mut starts = tape.take_indices();
        let mut columns = None;
        starts.extend(rows.into_iter().map(|row| {
            tape.check_same(row.tape());
            let columns = *columns.get_or_insert(row.len());
            assert!(row.len() == columns, "a row of {} values among rows of {columns}", row.len());
            row.start()
        }));
        assert!(starts.len() == self.len(), "{} weights for {} rows", self.len(), starts.len());
        let link = tape.link([self.start(), self.len() as u32].into_iter().chain(starts.iter().copied()));
        let columns = columns.unwrap_or(0);
        let outputs = tape.push_run(
            columns,
            Code::DotColumn,
            |column| (column, link),
            |data, outputs| {
                outputs.fill(T::default());
                for (&weight, &start) in data[self.range()].iter().zip(&starts) {
                    add_scaled(outputs, &data[start as usize..start as usize + columns], weight);
                }
            },
        );
        tape.give_indices(starts);
        outputs
    }

    fn check_partner(self, other: Self) {
        self.tape().check_same(other.tape());
        assert!(self.len() == other.len(), "dot product of {} and {} values", self.len(), other.len());
    }
}

impl<T: Scalar> Tape<T> {
    /// The sum of any values, from left to right, as one node.
    ///
    /// # Panics
    ///
    /// If a value is on another tape.
    pub fn sum<'t>(&'t self, values: impl IntoIterator<Item = Value<'t, T>>) -> Value<'t, T> {
        let mut sum = T::default();
        let children: Vec<u32> = values
            .into_iter()
            .map(|value| {
                self.check_same(value.tape());
                sum += value.data();
                value.index() as u32
            })
            .collect();
        let count = children.len() as u32;
        self.push(sum, Code::SumList, self.link(children), count)
    }

    /// x₀·y₀ + x₁·y₁ + … of any pairs, from left to right, as one node.
    ///
    /// # Panics
    ///
    /// If a value is on another tape.
    pub fn dot<'t>(&'t self, pairs: impl IntoIterator<Item = (Value<'t, T>, Value<'t, T>)>) -> Value<'t, T> {
        let mut sum = T::default();
        let (left, right): (Vec<u32>, Vec<u32>) = pairs
            .into_iter()
            .map(|(x, y)| {
                self.check_same(x.tape());
                self.check_same(y.tape());
                sum += x.data() * y.data();
                (x.index() as u32, y.index() as u32)
            })
            .unzip();
        let count = left.len() as u32;
        self.push(sum, Code::DotList, self.link(left.into_iter().chain(right)), count)
    }
}

/// x₀·y₀ + x₁·y₁ + …, from left to right.
fn dot<T: Scalar>(x: &[T], y: &[T]) -> T {
    x.iter().zip(y).fold(T::default(), |sum, (&x, &y)| sum + x * y)
}

/// The dot product of `x` with each row, four rows at a time.
fn dot_rows<'a, T: Scalar>(starts: &[u32], row: impl Fn(u32) -> &'a [T], x: &[T], outputs: &mut [T]) {
    let (mut starts, mut outputs) = (starts.chunks_exact(4), outputs.chunks_exact_mut(4));
    for (starts, outputs) in starts.by_ref().zip(outputs.by_ref()) {
        let rows = [row(starts[0]), row(starts[1]), row(starts[2]), row(starts[3])].map(|row| &row[..x.len()]);
        let mut sums = [T::default(); 4];
        for (k, &x) in x.iter().enumerate() {
            for (sum, row) in sums.iter_mut().zip(rows) {
                *sum += row[k] * x;
            }
        }
        outputs.copy_from_slice(&sums);
    }
    for (&start, output) in starts.remainder().iter().zip(outputs.into_remainder()) {
        *output = dot(row(start), x);
    }
}

/// y ← y + x·scale
pub(crate) fn add_scaled<T: Scalar>(y: &mut [T], x: &[T], scale: T) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y += x * scale;
    }
}
