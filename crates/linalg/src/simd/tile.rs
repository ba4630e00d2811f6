//! The micro-kernel: one tile of C, held in registers from the first step of the sum to the last.
//!
//! The plain version, for a tile of `rows` × `cols`:
//!
//! ```text
//! for j in 0..cols { for i in 0..rows {
//!     let mut sum = 0;
//!     for p in 0..k { sum += a[i, p] * b[p, j] }
//!     for output in outputs { output.c[i, j] = alpha * sum + beta * output.c[i, j] }
//! } }
//! ```
//!
//! What changes here, and why:
//! 1. All sums of the tile advance together, one rank-1 update per step of p, so that each element of A and of
//!    B that is loaded serves a whole row or column of the tile. [Goto & van de Geijn 2008]
//! 2. Rows lie in vector registers, columns are broadcast: 4 × 6 accumulators, 4 for A and 1 for B fill 29 of
//!    the 32 registers of AVX-512, and 10 loads feed 24 multiply-adds.
//! 3. The last, partial vector of rows is masked by the hardware: no tile goes through a scratch copy.
//! 4. Between multiply-adds it asks for what comes next, a line or two every few steps, so that the queue of lines on
//!    their way is never full: its own part of C, and its share of the next panel of B.
//! 5. One tile may be added to several places with different factors, which is what Strassen needs.
//!    [Huang, Smith, Henry & van de Geijn 2016]
#![allow(unsafe_code)]

use super::vector::Vector;
use crate::Scalar;

/// What a tile is computed from.
pub(super) struct Operands<T> {
    /// Length of the sum.
    pub k: usize,
    /// Rows of the tile; the kernel's number of vectors is the least that holds them.
    pub rows: usize,
    /// Row 0 of A at p = 0; rows are contiguous.
    pub a: *const T,
    /// Elements from one p to the next in A.
    pub a_step: usize,
    /// Column 0 of B at p = 0.
    pub b: *const T,
    /// Elements from one p to the next in B.
    pub b_step: usize,
    /// Elements from one column to the next in B.
    pub b_col_stride: usize,
    /// What packed kernels ask for on the way, to be in the second-level cache later.
    pub ahead: Ahead<T>,
}

/// Memory in line that will be read soon, of any address.
#[derive(Clone, Copy)]
pub(super) struct Ahead<T> {
    pub at: *const T,
    /// Cache lines every [`CHUNK`] steps of the sum.
    pub lines: usize,
}

impl<T> Ahead<T> {
    /// Nothing to ask for.
    pub(super) const NONE: Self = Self { at: core::ptr::null(), lines: 0 };
}

/// A place that a tile is added to.
#[derive(Clone, Copy)]
pub(super) struct Output<T> {
    /// Element (0, 0); rows are contiguous.
    pub c: *mut T,
    /// Elements from one column to the next.
    pub col_stride: usize,
    /// Factor of the product.
    pub alpha: T,
    /// Factor of what is there; 0 never reads it.
    pub beta: T,
}

/// A kernel for a tile of a fixed number of vectors and columns.
///
/// # Safety
/// Its instruction set was detected. `a + p·a_step + i` and `b + p·b_step + j·b_col_stride` may be read, and
/// `c + j·col_stride + i` of each output read and written, for all `p < k`, `i < rows`, `j <` its columns.
/// Packed kernels: `a_step` is that of a packed panel, its whole vectors, whatever it says.
pub(super) type TileKernel<T> = unsafe fn(&Operands<T>, &[Output<T>]);

/// Up to `V::LANES · VECTORS` rows × `COLS` columns.
///
/// # Safety
/// As [`TileKernel`]; inlined into a function that is compiled for V's instruction set.
#[inline(always)]
pub(super) unsafe fn tile<V: Vector, const VECTORS: usize, const COLS: usize, const PACKED: bool>(
    operands: &Operands<V::Element>,
    outputs: &[Output<V::Element>],
) {
    let half = V::Half::LANES < V::LANES && operands.rows <= V::Half::LANES;
    // SAFETY: the caller's contract, passed on; FULL is true exactly if all vectors of rows are whole. A narrower
    // vector is of a set that V's includes.
    unsafe {
        if !PACKED && VECTORS == 1 && half {
            if operands.rows == V::Half::LANES {
                tile_of::<V::Half, 1, COLS, false, true>(operands, outputs);
            } else {
                tile_of::<V::Half, 1, COLS, false, false>(operands, outputs);
            }
        } else if operands.rows == VECTORS * V::LANES {
            tile_of::<V, VECTORS, COLS, PACKED, true>(operands, outputs);
        } else {
            tile_of::<V, VECTORS, COLS, PACKED, false>(operands, outputs);
        }
    }
}

/// With `FULL`, no vector is masked: masked stores are slow.
///
/// # Safety
/// As [`tile`].
#[inline(always)]
unsafe fn tile_of<V: Vector, const VECTORS: usize, const COLS: usize, const PACKED: bool, const FULL: bool>(
    operands: &Operands<V::Element>,
    outputs: &[Output<V::Element>],
) {
    // SAFETY: all pointers stay where TileKernel's contract allows: rows below VECTORS·LANES are whole vectors
    // but for the last, which is masked to `rows`; p < k; columns < COLS.
    unsafe {
        let last = V::mask(operands.rows - (VECTORS - 1) * V::LANES);
        let mut sums = [[V::zero(); VECTORS]; COLS];
        let (mut a, mut b) = (operands.a, operands.b);
        let a_step = if PACKED { VECTORS * V::LANES } else { operands.a_step };
        let (b_step, b_col_stride) = (operands.b_step, operands.b_col_stride);
        if !PACKED && operands.k >= PREFETCH_K {
            (0..COLS).for_each(|j| prefetch_column::<V, VECTORS>(outputs, j));
        }
        let mut ahead = operands.ahead.at;
        let (mut left, mut column) = (operands.k, 0);
        while left > 0 {
            let steps = if PACKED { left.min(CHUNK) } else { left };
            left -= steps;
            if PACKED {
                for _ in 0..operands.ahead.lines {
                    super::prefetch_to_l2(ahead);
                    ahead = ahead.wrapping_add(LINE_BYTES / size_of::<V::Element>());
                }
                if column < COLS {
                    prefetch_column::<V, VECTORS>(outputs, column);
                    column += 1;
                }
            }
            for _ in 0..steps {
                if !PACKED && VECTORS > 1 {
                    for v in 0..VECTORS {
                        super::prefetch(a.wrapping_add(STEPS_AHEAD * a_step + v * V::LANES));
                    }
                }
                let mut rows = [V::zero(); VECTORS];
                for (v, register) in rows.iter_mut().enumerate() {
                    *register = if FULL || v + 1 < VECTORS {
                        V::load(a.add(v * V::LANES))
                    } else {
                        V::load_masked(a.add(v * V::LANES), last)
                    };
                }
                for (j, sums) in sums.iter_mut().enumerate() {
                    let factor = V::splat(*b.add(j * b_col_stride));
                    for (sum, &register) in sums.iter_mut().zip(&rows) {
                        *sum = V::fma(register, factor, *sum);
                    }
                }
                a = a.wrapping_add(a_step);
                b = b.wrapping_add(b_step);
            }
        }
        for output in outputs {
            write::<V, VECTORS, COLS, FULL>(&sums, output, last);
        }
    }
}

/// Steps of the sum between two requests for lines that are needed later.
pub(super) const CHUNK: usize = 16;
/// Bytes of a cache line.
pub(super) const LINE_BYTES: usize = 64;
/// Steps of the sum between asking for a line of A that lies in place and using it.
const STEPS_AHEAD: usize = 8;
/// Sums at least this long leave time for C to arrive from memory; products with shorter ones are in the cache.
const PREFETCH_K: usize = 128;

/// Asks for column `j` of C early, so that it has arrived when the sums are done.
#[inline(always)]
fn prefetch_column<V: Vector, const VECTORS: usize>(outputs: &[Output<V::Element>], j: usize) {
    for output in outputs {
        for v in 0..VECTORS {
            super::prefetch(output.c.wrapping_add(j * output.col_stride + v * V::LANES));
        }
    }
}

/// C ← alpha·sums + beta·C for one output.
///
/// # Safety
/// As [`tile`].
#[inline(always)]
unsafe fn write<V: Vector, const VECTORS: usize, const COLS: usize, const FULL: bool>(
    sums: &[[V::Register; VECTORS]; COLS],
    output: &Output<V::Element>,
    last: V::Mask,
) {
    // SAFETY: as in `tile`: whole vectors inside the rows, the last one masked; columns < COLS.
    unsafe {
        let alpha = V::splat(output.alpha);
        let beta = V::splat(output.beta);
        let overwrite = output.beta == V::Element::ZERO;
        let plain = overwrite && output.alpha == V::Element::ONE;
        for (j, sums) in sums.iter().enumerate() {
            let c = output.c.add(j * output.col_stride);
            for (v, &sum) in sums.iter().enumerate() {
                let c = c.add(v * V::LANES);
                let whole = FULL || v + 1 < VECTORS;
                let value = if plain {
                    sum
                } else if overwrite {
                    V::mul(alpha, sum)
                } else {
                    let old = if whole { V::load(c) } else { V::load_masked(c, last) };
                    V::fma(alpha, sum, V::mul(beta, old))
                };
                if whole {
                    V::store(c, value);
                } else {
                    V::store_masked(c, value, last);
                }
            }
        }
    }
}
