//! Where nodes live: parallel arrays that grow and are never shrunk.
//!
//! A node is 17 bytes for `f64` (its number, two indices and a code), 25 with its gradient; sums and dot products
//! add where their children are. Slots are allocated ahead, so recording a node is three bounds checks and three stores.

use crate::operation::Code;
use crate::scalar::Scalar;

/// The most nodes a tape can hold: what a `u32` counts.
pub const NODES_MAX: usize = u32::MAX as usize;

const FIRST_SLOTS: usize = 1 << 10;

#[derive(Clone, Copy)]
pub(crate) struct Node {
    pub(crate) code: Code,
    pub(crate) a: u32,
    pub(crate) b: u32,
}

/// A node's two indices in one word, so that recording them is one store.
#[derive(Clone, Copy, Default)]
struct Edges(u64);

impl Edges {
    #[inline]
    fn new(a: u32, b: u32) -> Self {
        Edges(u64::from(a) | u64::from(b) << 32)
    }

    #[inline]
    fn node(self, code: Code) -> Node {
        Node { code, a: self.0 as u32, b: (self.0 >> 32) as u32 }
    }
}

/// The first nodes of an arena.
#[derive(Clone, Copy)]
pub(crate) struct Nodes<'a> {
    codes: &'a [Code],
    edges: &'a [Edges],
}

impl Nodes<'_> {
    #[inline]
    pub(crate) fn first(self, len: usize) -> Self {
        Nodes { codes: &self.codes[..len], edges: &self.edges[..len] }
    }

    #[inline]
    pub(crate) fn at(self, index: usize) -> Node {
        self.edges[index].node(self.codes[index])
    }
}

pub(crate) struct Arena<T> {
    /// How many slots are taken.
    len: usize,
    limit: usize,
    codes: Vec<Code>,
    /// Where the codes are while nothing but numbers is recorded: [`push`](Arena::push) then finds no slot and takes the
    /// slow way, so the fast way needs no test for it.
    codes_aside: Option<Vec<Code>>,
    edges: Vec<Edges>,
    data: Vec<T>,
    /// Children of sums and dot products.
    links: Vec<u32>,
    constants: Vec<T>,
}

/// A length of each array: what [`Arena::truncate`] goes back to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lengths {
    pub(crate) nodes: usize,
    links: usize,
    constants: usize,
}

impl<T: Scalar> Arena<T> {
    pub(crate) fn with_limit(limit: usize) -> Self {
        Arena {
            len: 0,
            limit: limit.min(NODES_MAX),
            codes: Vec::new(),
            codes_aside: None,
            edges: Vec::new(),
            data: Vec::new(),
            links: Vec::new(),
            constants: Vec::new(),
        }
    }

    /// Takes the next slot, if there is one.
    #[inline]
    pub(crate) fn push(&mut self, data: T, code: Code, a: u32, b: u32) -> Option<u32> {
        let index = self.len;
        // All three are found before any is written: a write could, as far as the compiler knows, change where they are.
        let slots = (self.codes.get_mut(index), self.edges.get_mut(index), self.data.get_mut(index));
        let (Some(code_slot), Some(edges_slot), Some(data_slot)) = slots else { return None };
        (*code_slot, *edges_slot, *data_slot) = (code, Edges::new(a, b), data);
        self.len = index + 1;
        Some(index as u32)
    }

    /// [`push`](Arena::push) where there is no slot, or nothing but the number is to be kept.
    pub(crate) fn push_slowly(&mut self, data: T, code: Code, a: u32, b: u32) -> u32 {
        self.push_run(1, |_| Node { code, a, b }, |_, slot| slot[0] = data)
    }

    /// Takes the next `count` slots; `fill` is given the numbers before them and theirs.
    pub(crate) fn push_run(
        &mut self,
        count: usize,
        node: impl Fn(u32) -> Node,
        fill: impl FnOnce(&[T], &mut [T]),
    ) -> u32 {
        self.make_room(count);
        let (start, end) = (self.len, self.len + count);
        if let Some(codes) = &mut self.codes_aside {
            codes[start..end].fill(Code::Leaf);
        } else {
            let slots = self.codes[start..end].iter_mut().zip(&mut self.edges[start..end]);
            for (offset, (code_slot, edges_slot)) in (0..).zip(slots) {
                let Node { code, a, b } = node(offset);
                (*code_slot, *edges_slot) = (code, Edges::new(a, b));
            }
        }
        let (before, after) = self.data.split_at_mut(start);
        fill(before, &mut after[..count]);
        self.len = end;
        start as u32
    }

    /// Makes sure that there are slots for `count` more nodes.
    ///
    /// # Panics
    ///
    /// If the tape would hold more nodes than it may.
    pub(crate) fn make_room(&mut self, count: usize) {
        let needed = self.len + count;
        if needed <= self.data.len() {
            return;
        }
        assert!(needed <= self.limit, "the tape is full, it has {} nodes: truncate it between steps", self.limit);
        let slots = needed.max(2 * self.data.len()).max(FIRST_SLOTS).min(self.limit);
        self.codes_aside.as_mut().unwrap_or(&mut self.codes).resize(slots, Code::Leaf);
        self.edges.resize(slots, Edges::default());
        self.data.resize(slots, T::default());
    }

    /// The index of a constant; one that is used again and again is stored once.
    #[inline]
    pub(crate) fn constant(&mut self, constant: T) -> u32 {
        // A bitwise test would tell 0 from −0 and keep a NaN from being stored twice; neither is worth its cost here,
        // but 0 must not stand for −0: 1/−0 is not 1/0.
        if !self.is_recording() {
            return 0;
        }
        let stored = self.constants.last().is_some_and(|&last| last == constant && last != T::default());
        if !stored {
            assert!(
                self.constants.len() < NODES_MAX,
                "the tape is full, it has {NODES_MAX} constants: truncate it between steps"
            );
            self.constants.push(constant);
        }
        (self.constants.len() - 1) as u32
    }

    /// Stores a list of children and tells where it begins.
    ///
    /// # Panics
    ///
    /// If there are more links than a `u32` counts.
    pub(crate) fn link(&mut self, children: impl IntoIterator<Item = u32>) -> u32 {
        if !self.is_recording() {
            return 0;
        }
        let start = self.links.len();
        self.links.extend(children);
        assert!(self.links.len() <= NODES_MAX, "the tape is full, it has {NODES_MAX} links: truncate it between steps");
        start as u32
    }

    pub(crate) fn is_recording(&self) -> bool {
        self.codes_aside.is_none()
    }

    /// Whether to keep how numbers come about, or the numbers only.
    pub(crate) fn set_recording(&mut self, recording: bool) {
        match self.codes_aside.take() {
            Some(codes) if recording => self.codes = codes,
            None if !recording => self.codes_aside = Some(std::mem::take(&mut self.codes)),
            unchanged => self.codes_aside = unchanged,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn lengths(&self) -> Lengths {
        Lengths { nodes: self.len, links: self.links.len(), constants: self.constants.len() }
    }

    pub(crate) fn truncate(&mut self, to: Lengths) {
        self.len = to.nodes;
        self.links.truncate(to.links);
        self.constants.truncate(to.constants);
    }

    pub(crate) fn node(&self, index: usize) -> Node {
        self.nodes(self.len).at(index)
    }

    #[inline]
    pub(crate) fn nodes(&self, len: usize) -> Nodes<'_> {
        let codes = self.codes_aside.as_ref().unwrap_or(&self.codes);
        Nodes { codes: &codes[..len], edges: &self.edges[..len] }
    }

    pub(crate) fn data(&self) -> &[T] {
        &self.data[..self.len]
    }

    pub(crate) fn data_mut(&mut self) -> &mut [T] {
        &mut self.data[..self.len]
    }

    pub(crate) fn links(&self) -> &[u32] {
        &self.links
    }

    pub(crate) fn constants(&self) -> &[T] {
        &self.constants
    }

    /// Bytes held, used or not.
    pub(crate) fn bytes(&self) -> usize {
        self.codes_aside.as_ref().unwrap_or(&self.codes).capacity() * size_of::<Code>()
            + self.edges.capacity() * size_of::<Edges>()
            + self.data.capacity() * size_of::<T>()
            + self.links.capacity() * size_of::<u32>()
            + self.constants.capacity() * size_of::<T>()
    }
}
