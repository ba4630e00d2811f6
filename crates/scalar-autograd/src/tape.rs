//! The tape: every operation, in the order in which it was done.
//!
//! A node is recorded after its children, so walking the tape backwards is a topological sort that costs nothing.

use std::cell::RefCell;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::arena::{Arena, Lengths, NODES_MAX, Node};
use crate::operation::Code;
use crate::scalar::Scalar;
use crate::value::Value;
use crate::values::Values;

/// Records operations on [`Value`]s so that they can be differentiated.
///
/// A tape is [`Send`] but not `Sync`; several can be used side by side. It grows as needed, keeps its memory when it is
/// [truncated](Tape::truncate), and holds at most [`NODES_MAX`] nodes.
///
/// ```
/// use scalar_autograd::Tape;
///
/// let mut tape = Tape::<f64>::new();
/// let weights = tape.parameters(&[0.5, -0.25]); // outlive every step
/// let mark = tape.mark();
/// for _ in 0..100 {
///     let gradient = {
///         let (w, x) = (tape.bind(weights), tape.values(&[1.0, 2.0]));
///         let loss = (w.dot(x) - 3.0).powi(2);
///         loss.backward().of(w)
///     };
///     tape.truncate(mark); // the next step uses the same memory
///     for (weight, slope) in tape.data_mut(weights).iter_mut().zip(gradient) {
///         *weight -= 0.05 * slope;
///     }
/// }
/// let w = tape.bind(weights).data();
/// assert!((w[0] + 2.0 * w[1] - 3.0).abs() < 1e-12);
/// ```
pub struct Tape<T: Scalar> {
    arena: RefCell<Arena<T>>,
    /// Gradient buffers to be used again.
    spare: RefCell<Vec<Vec<T>>>,
    indices: RefCell<Vec<u32>>,
    identity: Identity,
}

/// Where a tape stood: what [`Tape::truncate`] goes back to.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    lengths: Lengths,
    stamp: Stamp,
}

/// Leaves that outlive the steps in which they are used; [`Tape::bind`] makes them [`Values`].
#[derive(Clone, Copy, Debug)]
pub struct Parameters {
    start: u32,
    len: u32,
    stamp: Stamp,
}

impl Parameters {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl<T: Scalar> Tape<T> {
    /// An empty tape.
    pub fn new() -> Self {
        Self::with_limit(NODES_MAX)
    }

    /// An empty tape that refuses to hold more than `limit` nodes, or [`NODES_MAX`] if that is fewer.
    pub fn with_limit(limit: usize) -> Self {
        Tape {
            arena: RefCell::new(Arena::with_limit(limit)),
            spare: RefCell::default(),
            indices: RefCell::default(),
            identity: Identity::new(),
        }
    }

    /// A new leaf.
    ///
    /// # Panics
    ///
    /// If the tape is full, as every operation that records a node.
    pub fn value(&self, data: T) -> Value<'_, T> {
        self.push(data, Code::Leaf, 0, 0)
    }

    /// New leaves, side by side.
    pub fn values(&self, data: &[T]) -> Values<'_, T> {
        self.push_run(data.len(), Code::Leaf, |_| (0, 0), |_, leaves| leaves.copy_from_slice(data))
    }

    /// New leaves that can be used again after [`truncate`](Tape::truncate), until the tape is truncated below them.
    pub fn parameters(&self, data: &[T]) -> Parameters {
        let values = self.values(data);
        Parameters { start: values.start(), len: values.len() as u32, stamp: self.identity.stamp() }
    }

    /// The parameters as values of this step.
    ///
    /// # Panics
    ///
    /// If they belong to another tape, or were truncated.
    pub fn bind(&self, parameters: Parameters) -> Values<'_, T> {
        self.check(parameters);
        Values::new(self, parameters.start, parameters.len)
    }

    /// The parameters' numbers, to be changed. Exclusive: no [`Value`] that remembers an old number can be alive. Nor may
    /// anything that was computed since they were made still be on the tape: [truncate](Tape::truncate) it first.
    ///
    /// # Panics
    ///
    /// If they belong to another tape, or were truncated; if what was computed since is still there.
    pub fn data_mut(&mut self, parameters: Parameters) -> &mut [T] {
        self.check(parameters);
        let range = parameters.start as usize..(parameters.start + parameters.len) as usize;
        let arena = self.arena.get_mut();
        let nodes = arena.nodes(arena.len());
        let computed = (range.end..arena.len()).find(|&index| nodes.at(index).code != Code::Leaf);
        if let Some(index) = computed {
            panic!("truncate the tape before changing parameters: what was computed at index {index} is still on it");
        }
        &mut arena.data_mut()[range]
    }

    /// The present end of the tape.
    pub fn mark(&self) -> Mark {
        Mark { lengths: self.arena.borrow().lengths(), stamp: self.identity.stamp() }
    }

    /// Forgets every node recorded since `mark` and keeps the memory. Exclusive: none of their [`Value`]s can be alive.
    ///
    /// # Panics
    ///
    /// If the mark belongs to another tape, or to a part that was truncated.
    pub fn truncate(&mut self, mark: Mark) {
        self.identity.check(mark.stamp, mark.lengths.nodes, "this mark");
        self.arena.get_mut().truncate(mark.lengths);
        self.identity.cut(mark.lengths.nodes);
    }

    /// Runs `f` without recording how numbers come about: each result is a new leaf, at which
    /// [`backward`](Value::backward) stops.
    pub fn no_grad<R>(&self, f: impl FnOnce() -> R) -> R {
        struct Restore<'a, T: Scalar>(&'a RefCell<Arena<T>>, bool);
        impl<T: Scalar> Drop for Restore<'_, T> {
            fn drop(&mut self) {
                self.0.borrow_mut().set_recording(self.1);
            }
        }
        let _restore = Restore(&self.arena, self.arena.borrow().is_recording());
        self.arena.borrow_mut().set_recording(false);
        f()
    }

    /// Everything on the tape, in the order in which it was recorded.
    pub fn nodes(&self) -> Values<'_, T> {
        Values::new(self, 0, self.len() as u32)
    }

    /// How many nodes the tape holds.
    pub fn len(&self) -> usize {
        self.arena.borrow().len()
    }

    /// Whether the tape holds no node.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes held for nodes, used or not, without gradients (one number a node more).
    pub fn bytes(&self) -> usize {
        self.arena.borrow().bytes()
    }

    /// Records a node. It takes the parts of a [`Node`], which stay in registers where a whole one would not.
    #[inline]
    pub(crate) fn push(&self, data: T, code: Code, a: u32, b: u32) -> Value<'_, T> {
        let pushed = self.arena.borrow_mut().push(data, code, a, b);
        let index = match pushed {
            Some(index) => index,
            None => self.push_slowly(data, code, a, b),
        };
        Value::new(self, index, data)
    }

    #[cold]
    #[inline(never)]
    fn push_slowly(&self, data: T, code: Code, a: u32, b: u32) -> u32 {
        self.arena.borrow_mut().push_slowly(data, code, a, b)
    }

    #[inline]
    pub(crate) fn constant(&self, constant: T) -> u32 {
        self.arena.borrow_mut().constant(constant)
    }

    /// Where a list of children, or whatever else belongs to a node with many, begins.
    pub(crate) fn link(&self, links: impl IntoIterator<Item = u32>) -> u32 {
        self.arena.borrow_mut().link(links)
    }

    /// Records `count` nodes of one kind side by side. `edges` tells the indices of each; `fill` is given all numbers on
    /// the tape and the places of the new ones.
    pub(crate) fn push_run(
        &self,
        count: usize,
        code: Code,
        edges: impl Fn(u32) -> (u32, u32),
        fill: impl FnOnce(&[T], &mut [T]),
    ) -> Values<'_, T> {
        let node = |offset| {
            let (a, b) = edges(offset);
            Node { code, a, b }
        };
        let start = self.arena.borrow_mut().push_run(count, node, fill);
        Values::new(self, start, count as u32)
    }

    pub(crate) fn arena(&self) -> &RefCell<Arena<T>> {
        &self.arena
    }

    pub(crate) fn take_buffer(&self) -> Vec<T> {
        self.spare.borrow_mut().pop().unwrap_or_default()
    }

    pub(crate) fn give_buffer(&self, buffer: Vec<T>) {
        const SPARE_MAX: usize = 2;
        let mut spare = self.spare.borrow_mut();
        if spare.len() < SPARE_MAX {
            spare.push(buffer);
        }
    }

    /// A list of indices to build something with, empty but not new.
    pub(crate) fn take_indices(&self) -> Vec<u32> {
        self.indices.take()
    }

    pub(crate) fn give_indices(&self, mut indices: Vec<u32>) {
        indices.clear();
        self.indices.replace(indices);
    }

    fn check(&self, parameters: Parameters) {
        let end = parameters.start as usize + parameters.len();
        self.identity.check(parameters.stamp, end, "these parameters");
    }
}

impl<T: Scalar> Default for Tape<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Scalar> fmt::Debug for Tape<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tape").field("nodes", &self.len()).field("bytes", &self.bytes()).finish()
    }
}

/// Tells whether something that outlives a borrow of the tape still means what it meant.
struct Identity {
    tape: u64,
    era: u64,
    /// (era, length) of the truncations that still matter: those that no later one went below.
    cuts: Vec<(u64, usize)>,
}

/// When something was handed out, and by which tape.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Stamp {
    tape: u64,
    era: u64,
}

impl Identity {
    fn new() -> Self {
        // The only thing that tapes share: a serial number, so that what one tape hands out is not taken by another.
        static TAPES: AtomicU64 = AtomicU64::new(0);
        Identity { tape: TAPES.fetch_add(1, Ordering::Relaxed), era: 0, cuts: Vec::new() }
    }

    fn stamp(&self) -> Stamp {
        Stamp { tape: self.tape, era: self.era }
    }

    fn cut(&mut self, len: usize) {
        self.era += 1;
        while self.cuts.last().is_some_and(|&(_, earlier)| earlier >= len) {
            self.cuts.pop();
        }
        self.cuts.push((self.era, len));
    }

    /// Panics unless the first `end` nodes are still those of the time of `stamp`.
    fn check(&self, stamp: Stamp, end: usize, what: &str) {
        assert!(stamp.tape == self.tape, "{what} came from another tape");
        // Cuts rise in era and in length, so the first one after the stamp went deepest.
        let first_after = self.cuts.partition_point(|&(era, _)| era <= stamp.era);
        let deepest = self.cuts.get(first_after).map_or(usize::MAX, |&(_, len)| len);
        assert!(end <= deepest, "the tape was truncated below {what}: {end} nodes needed, {deepest} kept");
    }
}
