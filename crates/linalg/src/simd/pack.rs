//! Packing: a block of a matrix copied into the order in which the micro-kernel reads it.
//!
//! The plain version, for `rows` rows over `k` steps of the sum, in panels of `panel` rows:
//!
//! ```text
//! for each panel { for p in 0..k { for i in rows of the panel {
//!     to[next] = sum over terms of factor * source[i, p]; next += 1
//! } } }
//! ```
//!
//! What changes here, and why:
//! 1. Rows in line (`row_stride == 1`) are copied a vector at a time, and a few steps of all panels before the
//!    next steps, so that memory is read along its lines and not down its pages.
//! 2. Sums in line (`col_stride == 1`) are transposed in 4 × 4 squares, in registers.
//! 3. A linear combination of several sources costs one pass: Strassen's sums never exist in memory as matrices.
//!    [Huang, Smith, Henry & van de Geijn 2016]
#![allow(unsafe_code)]

use super::vector::{Quad, Vector};
use crate::Scalar;

/// The shape of a block and the strides that all its sources share.
#[derive(Clone, Copy)]
pub(super) struct Block {
    /// Rows of the source.
    pub rows: usize,
    /// Steps of the sum.
    pub k: usize,
    /// Rows of a panel.
    pub panel: usize,
    /// What the width of the last panel is rounded up to, with zeros.
    pub granule: usize,
    /// Elements from one row to the next in the source.
    pub row_stride: usize,
    /// Elements from one step to the next in the source.
    pub col_stride: usize,
}

/// One matrix of a linear combination.
#[derive(Clone, Copy)]
pub(super) struct Source<T> {
    /// Element (0, 0).
    pub from: *const T,
    /// What it is multiplied by.
    pub factor: T,
}

/// Packs a linear combination of at least one source.
///
/// # Safety
/// The instruction set was detected; `from + i·row_stride + p·col_stride` of every source may be read for
/// `i < rows`, `p < k`; `to` may be written for `packed_len` elements.
pub(super) type PackKernel<T> = unsafe fn(&Block, &[Source<T>], *mut T);

/// The side of the squares that are transposed.
const SQUARE: usize = 4;
/// Steps of the sum that all panels are packed for before the next: lines of memory that are read side by side.
const STEPS: usize = 8;

/// See [`PackKernel`].
///
/// # Safety
/// As [`PackKernel`].
#[inline(always)]
pub(super) unsafe fn pack_block<V: Vector>(block: &Block, sources: &[Source<V::Element>], to: *mut V::Element) {
    let steps = if block.row_stride == 1 { STEPS } else { block.k.max(1) };
    let single = sources.len() == 1 && sources[0].factor == V::Element::ONE;
    for p in (0..block.k).step_by(steps) {
        for row in (0..block.rows).step_by(block.panel) {
            let rows = block.panel.min(block.rows - row);
            let width = rows.next_multiple_of(block.granule);
            let panel = Panel { block: *block, row, rows, width, p, k: steps.min(block.k - p) };
            // SAFETY: the panel is inside the block: the caller's contract, passed on. All panels before this
            // one are whole, so it starts at row·k.
            unsafe {
                let to = to.add(row * block.k + p * width);
                match (block.row_stride == 1, block.col_stride == 1, single) {
                    (true, _, true) => pack_lines::<V, true>(&panel, sources, to),
                    (true, _, false) => pack_lines::<V, false>(&panel, sources, to),
                    (_, true, true) => pack_transposed::<V, true>(&panel, sources, to),
                    (_, true, false) => pack_transposed::<V, false>(&panel, sources, to),
                    _ => pack_any(&panel, sources, 0..width, 0..panel.k, to),
                }
            }
        }
    }
}

/// Some steps of one panel: rows `row..row + rows`, steps `p..p + k` of the block.
struct Panel {
    block: Block,
    row: usize,
    rows: usize,
    width: usize,
    p: usize,
    k: usize,
}

impl Panel {
    /// The offset of (i, p) of the panel in a source.
    #[inline(always)]
    fn offset(&self, i: usize, p: usize) -> usize {
        (self.row + i) * self.block.row_stride + (self.p + p) * self.block.col_stride
    }
}

/// Rows in line. `SINGLE`: one source with factor 1.
///
/// # Safety
/// As [`PackKernel`], with `row_stride == 1`; `to` is where the panel's first step goes.
#[inline(always)]
unsafe fn pack_lines<V: Vector, const SINGLE: bool>(
    panel: &Panel,
    sources: &[Source<V::Element>],
    to: *mut V::Element,
) {
    // SAFETY: whole vectors below `rows`, then one masked to the rest; zeros up to `width`.
    unsafe {
        let whole = panel.rows / V::LANES * V::LANES;
        let rest = V::mask(panel.rows - whole);
        for p in 0..panel.k {
            let to = to.add(p * panel.width);
            let mut i = 0;
            while i < whole {
                for source in sources {
                    super::prefetch(source.from.wrapping_add(panel.offset(i, p + STEPS)));
                }
                V::store(to.add(i), combine::<V, SINGLE>(sources, panel.offset(i, p), None));
                i += V::LANES;
            }
            if i < panel.rows {
                let value = combine::<V, SINGLE>(sources, panel.offset(i, p), Some(rest));
                V::store_masked(to.add(i), value, rest);
            }
            for i in panel.rows..panel.width {
                *to.add(i) = V::Element::ZERO;
            }
        }
    }
}

/// The combination of one vector of every source.
///
/// # Safety
/// `offset` (and the lanes of `mask`, all if `None`) is inside every source.
#[inline(always)]
unsafe fn combine<V: Vector, const SINGLE: bool>(
    sources: &[Source<V::Element>],
    offset: usize,
    mask: Option<V::Mask>,
) -> V::Register {
    // SAFETY: the caller's contract, passed on.
    unsafe {
        let load = |source: &Source<V::Element>| match mask {
            None => V::load(source.from.add(offset)),
            Some(mask) => V::load_masked(source.from.add(offset), mask),
        };
        let first = load(&sources[0]);
        if SINGLE {
            return first;
        }
        let mut sum = V::mul(first, V::splat(sources[0].factor));
        for source in &sources[1..] {
            sum = V::fma(load(source), V::splat(source.factor), sum);
        }
        sum
    }
}

/// Steps in line. `SINGLE`: one source with factor 1.
///
/// # Safety
/// As [`PackKernel`], with `col_stride == 1`; `to` is where the panel's first step goes.
#[inline(always)]
unsafe fn pack_transposed<V: Vector, const SINGLE: bool>(
    panel: &Panel,
    sources: &[Source<V::Element>],
    to: *mut V::Element,
) {
    let stride = panel.block.row_stride;
    let (rows, k) = (panel.rows / SQUARE * SQUARE, panel.k / SQUARE * SQUARE);
    for p in (0..k).step_by(SQUARE) {
        for i in (0..rows).step_by(SQUARE) {
            // SAFETY: the square (i.., p..) lies inside the panel, and its steps are in line.
            unsafe {
                let offset = panel.offset(i, p);
                let read = |source: &Source<V::Element>| -> [<V::Quad as Quad>::Register; SQUARE] {
                    core::array::from_fn(|r| V::Quad::load(source.from.add(offset + r * stride)))
                };
                let mut square = read(&sources[0]);
                if !SINGLE {
                    let factor = sources[0].factor;
                    square = square.map(|row| V::Quad::mul(row, factor));
                    for source in &sources[1..] {
                        let more = read(source);
                        square =
                            core::array::from_fn(|r| V::Quad::add(square[r], V::Quad::mul(more[r], source.factor)));
                    }
                }
                for (q, column) in V::Quad::transpose(square).into_iter().enumerate() {
                    V::Quad::store(to.add((p + q) * panel.width + i), column);
                }
            }
        }
    }
    // SAFETY: the caller's contract, passed on: what the squares left over.
    unsafe {
        pack_any(panel, sources, rows..panel.width, 0..k, to);
        pack_any(panel, sources, 0..panel.width, k..panel.k, to);
    }
}

/// Any strides, element by element: rows `rows` (zeros past the source's last) of steps `steps`.
///
/// # Safety
/// As [`PackKernel`], `rows` and `steps` inside the panel; `to` is where the panel's first step goes.
#[inline(always)]
unsafe fn pack_any<T: Scalar>(
    panel: &Panel,
    sources: &[Source<T>],
    rows: core::ops::Range<usize>,
    steps: core::ops::Range<usize>,
    to: *mut T,
) {
    for p in steps {
        for i in rows.clone() {
            let mut sum = T::ZERO;
            if i < panel.rows {
                for (s, source) in sources.iter().enumerate() {
                    // SAFETY: i < rows and p < k.
                    let term = unsafe { *source.from.add(panel.offset(i, p)) } * source.factor;
                    sum = if s == 0 { term } else { sum + term };
                }
            }
            // SAFETY: i < width and p < k.
            unsafe { *to.add(p * panel.width + i) = sum };
        }
    }
}
