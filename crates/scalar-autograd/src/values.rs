//! Runs of neighbours on a tape, and the nodes with many children that they allow.

use std::iter::FusedIterator;
use std::ops::Range;

use crate::operation::Code;
use crate::scalar::Scalar;
use crate::tape::Tape;
use crate::value::Value;

/// Values that stand side by side on a tape: what a slice is to a `Vec`. `Copy`: each is a
/// [`Value`] of its own, with its own gradient.
///
/// A dot product of two runs is one node that stores two indices and a length, whatever its length.
#[derive(Clone, Copy)]
pub struct Values<'t, T: Scalar> {
    tape: &'t Tape<T>,
    start: u32,
    len: u32,
}

impl<'t, T: Scalar> Values<'t, T> {
    /// How many values.
    pub fn len(self) -> usize {
        self.len as usize
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.len == 0
    }

    /// The value at `index`, if there is one.
    pub fn get(self, index: usize) -> Option<Value<'t, T>> {
        (index < self.len()).then(|| {
            let node = self.start + index as u32;
            Value::new(self.tape, node, self.tape.arena().borrow().data()[node as usize])
        })
    }

    /// The value at `index`.
    ///
    /// # Panics
    ///
    /// If `index` is not below [`len`](Values::len).
    pub fn at(self, index: usize) -> Value<'t, T> {
        self.get(index).unwrap_or_else(|| panic!("index {index} in {} values", self.len))
    }

    /// The values from `range.start` up to, not including, `range.end`.
    ///
    /// # Panics
    ///
    /// If the range is reversed or reaches beyond the end.
    pub fn slice(self, range: Range<usize>) -> Self {
        assert!(range.start <= range.end && range.end <= self.len(), "range {range:?} in {} values", self.len);
        Values { start: self.start + range.start as u32, len: (range.end - range.start) as u32, ..self }
    }

    /// Runs of `size` values each, the rows of a matrix that is stored row by row.
    ///
    /// # Panics
    ///
    /// If `size` is 0 or does not divide the number of values.
    pub fn rows(self, size: usize) -> impl ExactSizeIterator<Item = Values<'t, T>> {
        assert!(size > 0 && self.len().is_multiple_of(size), "rows of {size} in {} values", self.len);
        (0..self.len() / size).map(move |row| self.slice(row * size..(row + 1) * size))
    }

    /// The values one by one.
    pub fn iter(self) -> impl ExactSizeIterator<Item = Value<'t, T>> + DoubleEndedIterator + FusedIterator {
        (0..self.len()).map(move |index| self.at(index))
    }

    /// The numbers.
    pub fn data(self) -> Vec<T> {
        self.tape.arena().borrow().data()[self.range()].to_vec()
    }

    /// `f` of each value, as a run. One node each if `f` records one node.
    pub fn map(self, f: impl FnMut(Value<'t, T>) -> Value<'t, T>) -> Self {
        self.tape.gather(self.iter().map(f))
    }

    /// `f` of each pair, as a run. One node each if `f` records one node.
    ///
    /// # Panics
    ///
    /// If the lengths differ.
    pub fn zip_map(self, other: Self, mut f: impl FnMut(Value<'t, T>, Value<'t, T>) -> Value<'t, T>) -> Self {
        assert!(self.len == other.len, "{} values zipped with {}", self.len, other.len);
        self.tape.gather(self.iter().zip(other.iter()).map(|(x, y)| f(x, y)))
    }

    /// The tape they are on.
    pub fn tape(self) -> &'t Tape<T> {
        self.tape
    }

    pub(crate) fn new(tape: &'t Tape<T>, start: u32, len: u32) -> Self {
        Values { tape, start, len }
    }

    pub(crate) fn start(self) -> u32 {
        self.start
    }

    pub(crate) fn range(self) -> Range<usize> {
        self.start as usize..self.start as usize + self.len()
    }
}

impl<T: Scalar> std::fmt::Debug for Values<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.data()).finish()
    }
}

impl<'t, T: Scalar> From<Value<'t, T>> for Values<'t, T> {
    fn from(value: Value<'t, T>) -> Self {
        Values::new(value.tape(), value.index() as u32, 1)
    }
}

impl<T: Scalar> Tape<T> {
    /// The values as neighbours. Those that are already (just recorded in this order, say) are used as they are; others
    /// are repeated, one [`Identity`](crate::Operation::Identity) node each. Gather before computing with them: what was
    /// computed from the originals does not depend on a copy made afterwards, so its derivative with respect to it is 0.
    ///
    /// # Panics
    ///
    /// If a value is on another tape.
    pub fn gather<'t>(&'t self, values: impl IntoIterator<Item = Value<'t, T>>) -> Values<'t, T> {
        let mut values = values.into_iter().inspect(|value| self.check_same(value.tape()));
        if !self.arena().borrow().is_recording() {
            let copies: Vec<T> = values.map(Value::data).collect();
            return self.values(&copies);
        }
        let Some(first) = values.next() else { return Values::new(self, 0, 0) };
        let start = first.index();
        let mut len = 1;
        let Some(stray) = values.find(|value| {
            let neighbour = value.index() == start + len;
            len += usize::from(neighbour);
            !neighbour
        }) else {
            return Values::new(self, start as u32, len as u32);
        };
        let run = Values::new(self, start as u32, len as u32);
        let scattered: Vec<_> = run.iter().chain([stray]).chain(values).collect();
        let start = self.len() as u32;
        for value in &scattered {
            value.unary(Code::Identity, value.data());
        }
        Values::new(self, start, scattered.len() as u32)
    }

    /// Runs one after the other as one. Those that already stand so are used as they are.
    ///
    /// # Panics
    ///
    /// If a run is on another tape.
    pub fn concat<'t>(&'t self, runs: impl IntoIterator<Item = Values<'t, T>>) -> Values<'t, T> {
        let runs = runs.into_iter().inspect(|run| self.check_same(run.tape));
        let runs: Vec<_> = runs.filter(|run| !run.is_empty()).collect();
        let recording = self.arena().borrow().is_recording();
        let adjoining = recording && runs.windows(2).all(|pair| pair[0].range().end == pair[1].range().start);
        match (&runs[..], adjoining) {
            ([first, .., last], true) => Values::new(self, first.start, last.start + last.len - first.start),
            _ => self.gather(runs.into_iter().flat_map(Values::iter)),
        }
    }
}
