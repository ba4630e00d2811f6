//! Packing: a block of a matrix copied into the order in which the micro-kernel reads it.
//!
//! The plain version, for a panel of `width` neighbouring rows over `k` steps of the sum:
//!
//! ```text
//! for p in 0..k { for i in 0..width { to[p * width + i] = sum over terms of factor * source[i, p] } }
//! ```
//!
//! What changes here, and why:
//! 1. Rows in line (`row_stride == 1`) are copied a vector at a time.
//! 2. Sums in line (`col_stride == 1`) are transposed in 4 × 4 squares, which the compiler turns into shuffles.
//! 3. A linear combination of several sources costs one pass: Strassen's sums never exist in memory as matrices.
//!    [Huang, Smith, Henry & van de Geijn 2016]
#![allow(unsafe_code)]

use super::vector::Vector;
use crate::Scalar;

/// The shape of a panel and the strides that all its sources share.
pub(super) struct Panel {
    /// Rows of the source.
    pub rows: usize,
    /// Elements a step in the packed panel, at least `rows`; the rest is filled with zeros.
    pub width: usize,
    /// Steps of the sum.
    pub k: usize,
    /// Elements from one row to the next in the source.
    pub row_stride: usize,
    /// Elements from one step to the next in the source.
    pub col_stride: usize,
}

/// One matrix of a linear combination.
pub(super) struct Source<T> {
    /// Element (0, 0).
    pub from: *const T,
    /// What it is multiplied by.
    pub factor: T,
}

/// Packs a linear combination of at least one source into one panel.
///
/// # Safety
/// The instruction set was detected; `from + i·row_stride + p·col_stride` of every source may be read for
/// `i < rows ≤ width`, `p < k`; `to` may be written for `width · k` elements.
pub(super) type PackKernel<T> = unsafe fn(&Panel, &[Source<T>], *mut T);

/// The side of the squares that are transposed.
const SQUARE: usize = 4;

/// See [`PackKernel`].
///
/// # Safety
/// As [`PackKernel`].
#[inline(always)]
pub(super) unsafe fn pack_panel<V: Vector>(
    panel: &Panel,
    sources: &[Source<V::Element>],
    to: *mut V::Element,
) {
    // SAFETY: the caller's contract, passed on.
    unsafe {
        if panel.row_stride == 1 {
            pack_lines::<V>(panel, sources, to);
        } else if panel.col_stride == 1 {
            pack_transposed(panel, sources, to);
        } else {
            pack_any(panel, sources, 0..panel.width, 0..panel.k, to);
        }
    }
}

/// Rows in line.
///
/// # Safety
/// As [`PackKernel`], with `row_stride == 1`.
#[inline(always)]
unsafe fn pack_lines<V: Vector>(panel: &Panel, sources: &[Source<V::Element>], to: *mut V::Element) {
    // SAFETY: whole vectors below `rows`, then one masked to the rest; zeros up to `width`.
    unsafe {
        let whole = panel.rows / V::LANES * V::LANES;
        let rest = V::mask(panel.rows - whole);
        for p in 0..panel.k {
            let to = to.add(p * panel.width);
            let mut i = 0;
            while i < whole {
                V::store(to.add(i), combine::<V>(sources, p * panel.col_stride + i, None));
                i += V::LANES;
            }
            if i < panel.rows {
                let value = combine::<V>(sources, p * panel.col_stride + i, Some(rest));
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
unsafe fn combine<V: Vector>(
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
        let mut sum = load(&sources[0]);
        if sources.len() > 1 || sources[0].factor != V::Element::ONE {
            sum = V::mul(sum, V::splat(sources[0].factor));
            for source in &sources[1..] {
                sum = V::fma(load(source), V::splat(source.factor), sum);
            }
        }
        sum
    }
}

/// Steps in line.
///
/// # Safety
/// As [`PackKernel`], with `col_stride == 1`.
#[inline(always)]
unsafe fn pack_transposed<T: Scalar>(panel: &Panel, sources: &[Source<T>], to: *mut T) {
    let (rows, k) = (panel.rows / SQUARE * SQUARE, panel.k / SQUARE * SQUARE);
    for p in (0..k).step_by(SQUARE) {
        for i in (0..rows).step_by(SQUARE) {
            // SAFETY: the square (i.., p..) lies inside the panel, and all of its columns are in line.
            unsafe {
                let offset = i * panel.row_stride + p;
                let mut square = read_square(sources[0].from.add(offset), panel.row_stride);
                if sources.len() > 1 || sources[0].factor != T::ONE {
                    square = square.map(|row| row.map(|x| x * sources[0].factor));
                    for source in &sources[1..] {
                        let more = read_square(source.from.add(offset), panel.row_stride);
                        for (row, more) in square.iter_mut().zip(more) {
                            for (x, more) in row.iter_mut().zip(more) {
                                *x += more * source.factor;
                            }
                        }
                    }
                }
                for q in 0..SQUARE {
                    let column: [T; SQUARE] = core::array::from_fn(|r| square[r][q]);
                    to.add((p + q) * panel.width + i).cast::<[T; SQUARE]>().write_unaligned(column);
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

/// Four rows of four elements in line.
///
/// # Safety
/// They may be read.
#[inline(always)]
unsafe fn read_square<T: Copy>(from: *const T, row_stride: usize) -> [[T; SQUARE]; SQUARE] {
    // SAFETY: the caller's contract; no alignment beyond that of T is asked.
    core::array::from_fn(|r| unsafe { from.add(r * row_stride).cast::<[T; SQUARE]>().read_unaligned() })
}

/// Any strides, element by element: rows `rows` (zeros past the source's last) of steps `steps`.
///
/// # Safety
/// As [`PackKernel`], `rows` and `steps` inside the panel.
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
                let offset = i * panel.row_stride + p * panel.col_stride;
                for (s, source) in sources.iter().enumerate() {
                    // SAFETY: i < rows and p < k.
                    let term = unsafe { *source.from.add(offset) } * source.factor;
                    sum = if s == 0 { term } else { sum + term };
                }
            }
            // SAFETY: i < width and p < k.
            unsafe { *to.add(p * panel.width + i) = sum };
        }
    }
}
