//! Where everything is, in rows of 16.

use std::ops::Range;

use super::lanes::Row;

/// Numbers in an embedding, and in a row.
pub(crate) const EMBEDDING: usize = 16;
/// Attention heads.
pub(crate) const HEADS: usize = 4;
/// Rows of 16 outputs that are calculated together.
pub(super) const PANEL: usize = 2;
/// Rows of a transformer block: four matrices of 16, two of 64.
const BLOCK: usize = 4 * 16 + 2 * 64;

/// A model of this shape: the sizes that may differ.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    pub(crate) vocab: usize,
    pub(crate) block_size: usize,
    pub(crate) layers: usize,
}

/// The six matrices of a transformer block, in rows of the weights or of their gradient.
pub(super) struct Block {
    pub(super) wq: Range<usize>,
    pub(super) wk: Range<usize>,
    pub(super) wv: Range<usize>,
    pub(super) wo: Range<usize>,
    pub(super) fc1: Range<usize>,
    pub(super) fc2: Range<usize>,
}

impl Block {
    fn at(start: usize) -> Self {
        let matrix = |first: usize, rows: usize| start + first..start + first + rows;
        Block {
            wq: matrix(0, 16),
            wk: matrix(16, 16),
            wv: matrix(32, 16),
            wo: matrix(48, 16),
            fc1: matrix(64, 64),
            fc2: matrix(128, 64),
        }
    }
}

impl Layout {
    /// Rows of all weights, in the order of [`Config::shapes`](crate::Config::shapes): no matrix needs padding.
    pub(crate) fn rows(&self) -> usize {
        2 * self.vocab + self.block_size + BLOCK * self.layers
    }

    pub(super) fn wte(&self) -> Range<usize> {
        0..self.vocab
    }

    pub(super) fn wpe(&self) -> Range<usize> {
        self.vocab..self.vocab + self.block_size
    }

    pub(super) fn head(&self) -> Range<usize> {
        let start = self.vocab + self.block_size;
        start..start + self.vocab
    }

    pub(super) fn block(&self, layer: usize) -> Block {
        Block::at(2 * self.vocab + self.block_size + BLOCK * layer)
    }

    /// Panels of the logits.
    pub(super) fn panels(&self) -> usize {
        self.vocab.div_ceil(16 * PANEL)
    }

    /// Rows of the transposed copy: the head in panels (`[panel][input][PANEL]`), then each block with its matrices
    /// transposed, the first of the perceptron in panels.
    pub(super) fn transposed_rows(&self) -> usize {
        16 * PANEL * self.panels() + BLOCK * self.layers
    }

    pub(super) fn transposed_block(&self, layer: usize) -> Block {
        Block::at(16 * PANEL * self.panels() + BLOCK * layer)
    }

    /// Blocks of four keys in a full context: rows of attention weights a query.
    pub(super) fn key_blocks(&self) -> usize {
        self.block_size.div_ceil(4)
    }
}

/// The weights and what follows from them.
#[derive(Clone, Debug)]
pub(crate) struct Weights {
    pub(crate) layout: Layout,
    pub(crate) rows: Vec<Row>,
    pub(super) transposed: Vec<Row>,
    /// What is added to the last panel's logits: −∞ where there is no token.
    pub(super) padding: [Row; PANEL],
}

impl Weights {
    pub(crate) fn new(layout: Layout, data: impl Iterator<Item = f32>) -> Self {
        let mut rows = vec![Row::default(); layout.rows()];
        rows.numbers_mut().zip(data).for_each(|(to, from)| *to = from);
        let transposed = vec![Row::default(); layout.transposed_rows()];
        let first = 16 * PANEL * (layout.panels() - 1);
        let bias = |token: usize| if token < layout.vocab { 0.0 } else { f32::NEG_INFINITY };
        let padding = std::array::from_fn(|o| Row(std::array::from_fn(|lane| bias(first + 16 * o + lane))));
        Weights { layout, rows, transposed, padding }
    }
}

/// The numbers of rows, one after another.
pub(crate) trait Numbers {
    /// To be changed.
    fn numbers_mut(&mut self) -> impl Iterator<Item = &mut f32>;
    /// To be read.
    fn numbers(&self) -> impl Iterator<Item = f32>;
}

impl Numbers for [Row] {
    fn numbers_mut(&mut self) -> impl Iterator<Item = &mut f32> {
        self.iter_mut().flat_map(|row| &mut row.0)
    }

    fn numbers(&self) -> impl Iterator<Item = f32> {
        self.iter().flat_map(|row| row.0)
    }
}
