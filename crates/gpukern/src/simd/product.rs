//! The micro-kernel of every product here: a few rows by a few vectors, held in registers from the first step of the sum to the last.
//!
//! The plain version, with `lanes` columns of B and C in line:
//!
//! ```text
//! for i in 0..rows { for lane in 0..lanes {
//!     c[i][lane] = Σ over p of a[i, p] · b[p][lane]
//! } }
//! ```
//!
//! What changes here, and why:
//! 1. All sums advance together, so that each vector of B is used `ROWS` times and each element of A `W` times between a load and
//!    the next. Six rows of four vectors are 24 multiply-adds for ten loads.
//! 2. A is read one element at a time, broadcast to all lanes: it may lie with any strides, so nothing is transposed for it.
#![allow(unsafe_code)]

use super::vector::Vector;

/// Most rows of a micro-kernel.
pub(super) const ROWS_MAX: usize = 6;

/// The left factor: element (i, p) is `at[i·row + p·step]`.
#[derive(Clone, Copy)]
pub(super) struct Left {
    pub(super) at: *const f32,
    pub(super) row: usize,
    pub(super) step: usize,
}

/// The right factor: row p starts at `at[p·step]`.
#[derive(Clone, Copy)]
pub(super) struct Right {
    pub(super) at: *const f32,
    pub(super) step: usize,
}

/// Σ over p < k of a\[i, p\]·b\[p\], `ROWS` rows by `W` vectors. Each sum is taken in the order of p.
///
/// # Safety
/// Compiled for V's set. `a` may be read at (i, p) and `b` at p, `W` vectors, for i < `ROWS` and p < `k`.
#[inline(always)]
pub(super) unsafe fn product<V: Vector, const ROWS: usize, const W: usize>(
    k: usize,
    a: Left,
    b: Right,
) -> [[V::Register; W]; ROWS] {
    // SAFETY: the caller's; no mask is used.
    unsafe { partial_product::<V, ROWS, W, false>(k, a, b, V::mask(V::LANES)) }
}

/// As [`product`]; with `MASKED`, only the lanes of `last` of the last vector of B are read, the others count as 0.
///
/// # Safety
/// As [`product`], but for those lanes.
#[inline(always)]
unsafe fn partial_product<V: Vector, const ROWS: usize, const W: usize, const MASKED: bool>(
    k: usize,
    a: Left,
    b: Right,
    last: V::Mask,
) -> [[V::Register; W]; ROWS] {
    // SAFETY: reads what the caller says may be read; the pointers' last step past that is not followed.
    unsafe {
        let mut sums = [[V::zero(); W]; ROWS];
        let (mut left, mut right) = (a.at, b.at);
        for _ in 0..k {
            let mut line = [V::zero(); W];
            for (v, register) in line.iter_mut().enumerate() {
                let at = right.add(v * V::LANES);
                *register = if MASKED && v + 1 == W { V::load_masked(at, last) } else { V::load(at) };
            }
            for (i, sums) in sums.iter_mut().enumerate() {
                let factor = V::splat(*left.add(i * a.row));
                for (sum, &register) in sums.iter_mut().zip(&line) {
                    *sum = V::fma(factor, register, *sum);
                }
            }
            left = left.wrapping_add(a.step);
            right = right.wrapping_add(b.step);
        }
        sums
    }
}

/// C += A·B, `rows` rows by `W` vectors. With `MASKED`, only the lanes of `last` of the last vectors of B and C are touched.
///
/// # Safety
/// As [`product`] for i < `rows` and those lanes, and rows of C, `c_row` apart, may be read and written in as many lanes.
#[inline(always)]
pub(super) unsafe fn add_product<V: Vector, const W: usize, const MASKED: bool>(
    (rows, k): (usize, usize),
    a: Left,
    b: Right,
    (c, c_row): (*mut f32, usize),
    last: V::Mask,
) {
    let mut row = 0;
    while row < rows {
        let step = (rows - row).min(ROWS_MAX);
        // SAFETY: the rows from `row` on, `step` of them, are below `rows`.
        unsafe {
            let a = Left { at: a.at.add(row * a.row), ..a };
            let c = c.add(row * c_row);
            match step {
                1 => add_rows::<V, 1, W, MASKED>(k, a, b, (c, c_row), last),
                2 => add_rows::<V, 2, W, MASKED>(k, a, b, (c, c_row), last),
                3 => add_rows::<V, 3, W, MASKED>(k, a, b, (c, c_row), last),
                4 => add_rows::<V, 4, W, MASKED>(k, a, b, (c, c_row), last),
                5 => add_rows::<V, 5, W, MASKED>(k, a, b, (c, c_row), last),
                _ => add_rows::<V, ROWS_MAX, W, MASKED>(k, a, b, (c, c_row), last),
            }
        }
        row += step;
    }
}

/// # Safety
/// As [`add_product`], for `ROWS` rows.
#[inline(always)]
unsafe fn add_rows<V: Vector, const ROWS: usize, const W: usize, const MASKED: bool>(
    k: usize,
    a: Left,
    b: Right,
    (c, c_row): (*mut f32, usize),
    last: V::Mask,
) {
    // SAFETY: the caller's.
    unsafe {
        let sums = partial_product::<V, ROWS, W, MASKED>(k, a, b, last);
        for (i, sums) in sums.iter().enumerate() {
            for (v, &sum) in sums.iter().enumerate() {
                let c = c.add(i * c_row + v * V::LANES);
                if MASKED && v + 1 == W {
                    V::store_masked(c, V::add(V::load_masked(c, last), sum), last);
                } else {
                    V::store(c, V::add(V::load(c), sum));
                }
            }
        }
    }
}

/// C += A·B with rows of C of `cols` elements without gaps. `WIDE` is the most vectors at a time.
///
/// # Safety
/// As [`add_product`] for all columns.
#[inline(always)]
pub(super) unsafe fn add_columns<V: Vector, const WIDE: usize>(
    size: (usize, usize),
    a: Left,
    b: Right,
    (c, cols): (*mut f32, usize),
) {
    let mut column = 0;
    while column < cols {
        let left = cols - column;
        // SAFETY: `left` columns are left.
        unsafe {
            let b = Right { at: b.at.add(column), ..b };
            let to = (c.add(column), cols);
            let full = V::mask(V::LANES);
            column += if WIDE >= 4 && left >= 4 * V::LANES {
                add_product::<V, 4, false>(size, a, b, to, full);
                4 * V::LANES
            } else if left >= 2 * V::LANES {
                add_product::<V, 2, false>(size, a, b, to, full);
                2 * V::LANES
            } else if left >= V::LANES {
                add_product::<V, 1, false>(size, a, b, to, full);
                V::LANES
            } else {
                add_product::<V, 1, true>(size, a, b, to, V::mask(left));
                left
            };
        }
    }
}
