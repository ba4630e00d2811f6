//! Products with one vector or with a very short sum: bound by memory, so that the only art is to read it in order.
//!
//! The plain version is one column of the triple loop, `c[i] = alpha * sum(a[i, p] * b[p]) + beta * c[i]`.
//! What changes here, and why:
//! 1. `axpy`, for A with contiguous rows-index (columns in line): eight columns of A are added to C in one pass,
//!    so that C is read and written once per eight columns.
//! 2. `dot`, for A with rows in line: four rows advance together, so that each load of B serves four.
//! 3. C is written in whole cache lines: the first vector of a column is cut so that the others are aligned.
//! 4. `outer`, for a sum of one step (k = 1, beta = 0) and a C that no cache will hold: stores go past the caches, which saves
//!    reading every line before it is written.
//! 5. The order of each sum depends on k alone, never on where the row lies: splitting the rows among threads
//!    changes no bit.
#![allow(unsafe_code)]

use super::tile::{Operands, Output};
use super::vector::Vector;
use crate::Scalar;

/// One column of a product, see the module's list.
///
/// # Safety
/// The instruction set was detected. For all `i < rows` and `p < k` these may be read: for `axpy`
/// `a + p·a_step + i` and `b + p·b_step`; for `dot` `a + i·a_step + p` and `b + p`. `axpy` writes (and for
/// beta ≠ 0 reads) `c + i`, `dot` `c + i·col_stride`.
pub(super) type StreamKernel<T> = unsafe fn(&Operands<T>, &Output<T>);

/// Columns of A added in one pass over C.
const COLUMNS: usize = 8;
/// Rows of a strip of C: 16 KiB of `f64`, half of a first-level cache.
const STRIP: usize = 2048;
/// Rows of A that share a load of B.
const ROWS: usize = 4;

/// C ← alpha·A·b + beta·C with the rows of a column of A in line.
///
/// # Safety
/// As [`StreamKernel`].
#[inline(always)]
pub(super) unsafe fn axpy<V: Vector>(operands: &Operands<V::Element>, output: &Output<V::Element>) {
    let mut row = 0;
    while row < operands.rows {
        let rows = STRIP.min(operands.rows - row);
        let mut p = 0;
        while p < operands.k {
            let columns = COLUMNS.min(operands.k - p);
            let beta = if p == 0 { output.beta } else { V::Element::ONE };
            // SAFETY: row + rows ≤ operands.rows and p + columns ≤ operands.k: inside StreamKernel's contract.
            unsafe {
                let a = operands.a.add(p * operands.a_step + row);
                let b = operands.b.add(p * operands.b_step);
                let strip = Operands { rows, k: columns, a, b, ..*operands };
                let to = Output { c: output.c.add(row), beta, ..*output };
                match columns {
                    8 => axpy_pass::<V, 8>(&strip, &to),
                    4..8 => {
                        axpy_pass::<V, 4>(&strip, &to);
                        axpy_rest::<V>(&strip, &to, 4, columns);
                    }
                    _ => {
                        axpy_pass::<V, 1>(&strip, &to);
                        axpy_rest::<V>(&strip, &to, 1, columns);
                    }
                }
            }
            p += columns;
        }
        row += rows;
    }
}

/// The columns `from..columns` of a strip, one at a time.
///
/// # Safety
/// As [`StreamKernel`]; `columns ≤ k`.
#[inline(always)]
unsafe fn axpy_rest<V: Vector>(strip: &Operands<V::Element>, output: &Output<V::Element>, from: usize, columns: usize) {
    for p in from..columns {
        // SAFETY: p < columns ≤ k.
        unsafe {
            let a = strip.a.add(p * strip.a_step);
            let b = strip.b.add(p * strip.b_step);
            axpy_pass::<V, 1>(&Operands { a, b, ..*strip }, &Output { beta: V::Element::ONE, ..*output });
        }
    }
}

/// N columns of A in one pass over C.
///
/// # Safety
/// As [`StreamKernel`]; `N ≤ k`.
#[inline(always)]
unsafe fn axpy_pass<V: Vector, const N: usize>(strip: &Operands<V::Element>, output: &Output<V::Element>) {
    // SAFETY: one vector masked to the rows before the first aligned one, whole vectors of rows below strip.rows, one masked
    // to the rest; columns < N ≤ k.
    unsafe {
        let mut factors = [V::zero(); N];
        for (p, factor) in factors.iter_mut().enumerate() {
            *factor = V::splat(output.alpha * *strip.b.add(p * strip.b_step));
        }
        let beta = V::splat(output.beta);
        let overwrite = output.beta == V::Element::ZERO;
        // The vector at `row`, or its first lanes.
        let vector = |row: usize, mask: Option<V::Mask>| {
            let load = |from: *const V::Element| match mask {
                None => V::load(from),
                Some(mask) => V::load_masked(from, mask),
            };
            let c = output.c.add(row);
            let mut sum = V::mul(load(strip.a.add(row)), factors[0]);
            for (p, &factor) in factors.iter().enumerate().skip(1) {
                sum = V::fma(load(strip.a.add(p * strip.a_step + row)), factor, sum);
            }
            let value = if overwrite { sum } else { V::fma(beta, load(c), sum) };
            match mask {
                None => V::store(c, value),
                Some(mask) => V::store_masked(c, value, mask),
            }
        };
        let mut row = unaligned_lanes::<V>(output.c).min(strip.rows);
        if row > 0 {
            vector(0, Some(V::mask(row)));
        }
        while row + V::LANES <= strip.rows {
            vector(row, None);
            row += V::LANES;
        }
        if row < strip.rows {
            vector(row, Some(V::mask(strip.rows - row)));
        }
    }
}

/// Elements before the next address that a whole vector is aligned at: a store that crosses cache lines costs two.
#[inline(always)]
fn unaligned_lanes<V: Vector>(at: *mut V::Element) -> usize {
    (at as usize).wrapping_neg() / size_of::<V::Element>() % V::LANES
}

/// C ← alpha·a·b for a column a with its rows in line and a number b, written past the caches; [`fence`](super::fence) has to
/// follow. Takes `k` for 1 and `beta` for 0, and gives the bits that [`axpy`] does.
///
/// # Safety
/// As [`StreamKernel`] for `axpy`; `k ≥ 1`.
#[inline(always)]
pub(super) unsafe fn outer<V: Vector>(operands: &Operands<V::Element>, output: &Output<V::Element>) {
    // SAFETY: one vector masked to the rows before the first aligned one, whole vectors of rows below operands.rows, which
    // are aligned since they follow it, one masked to the rest.
    unsafe {
        let factor = V::splat(output.alpha * *operands.b);
        let part = |row: usize, lanes: usize| {
            let mask = V::mask(lanes);
            let product = V::mul(V::load_masked(operands.a.add(row), mask), factor);
            V::store_masked(output.c.add(row), product, mask);
        };
        let mut row = unaligned_lanes::<V>(output.c).min(operands.rows);
        if row > 0 {
            part(0, row);
        }
        while row + V::LANES <= operands.rows {
            V::stream(output.c.add(row), V::mul(V::load(operands.a.add(row)), factor));
            row += V::LANES;
        }
        if row < operands.rows {
            part(row, operands.rows - row);
        }
    }
}

/// C ← alpha·A·b + beta·C with the columns of a row of A in line.
///
/// # Safety
/// As [`StreamKernel`].
#[inline(always)]
pub(super) unsafe fn dot<V: Vector>(operands: &Operands<V::Element>, output: &Output<V::Element>) {
    let mut row = 0;
    while row < operands.rows {
        let rows = ROWS.min(operands.rows - row);
        // SAFETY: row + rows ≤ operands.rows.
        unsafe {
            let group = Operands { a: operands.a.add(row * operands.a_step), ..*operands };
            let to = Output { c: output.c.add(row * output.col_stride), ..*output };
            if rows == ROWS {
                dot_rows::<V, ROWS>(&group, &to);
            } else {
                for i in 0..rows {
                    let one = Operands { a: group.a.add(i * group.a_step), ..group };
                    dot_rows::<V, 1>(&one, &Output { c: to.c.add(i * to.col_stride), ..to });
                }
            }
        }
        row += rows;
    }
}

/// N rows of A together; the order of each sum does not depend on N.
///
/// # Safety
/// As [`StreamKernel`]; `N ≤ rows`.
#[inline(always)]
unsafe fn dot_rows<V: Vector, const N: usize>(operands: &Operands<V::Element>, output: &Output<V::Element>) {
    // SAFETY: rows < N; pairs of whole vectors below k, then vectors, then one masked to the rest.
    unsafe {
        let mut even = [V::zero(); N];
        let mut odd = [V::zero(); N];
        let mut p = 0;
        while p + 2 * V::LANES <= operands.k {
            let (b0, b1) = (V::load(operands.b.add(p)), V::load(operands.b.add(p + V::LANES)));
            for i in 0..N {
                let a = operands.a.add(i * operands.a_step + p);
                even[i] = V::fma(V::load(a), b0, even[i]);
                odd[i] = V::fma(V::load(a.add(V::LANES)), b1, odd[i]);
            }
            p += 2 * V::LANES;
        }
        while p < operands.k {
            let mask = V::mask(V::LANES.min(operands.k - p));
            let b = V::load_masked(operands.b.add(p), mask);
            for (i, sum) in even.iter_mut().enumerate() {
                *sum = V::fma(V::load_masked(operands.a.add(i * operands.a_step + p), mask), b, *sum);
            }
            p += V::LANES;
        }
        for i in 0..N {
            let c = output.c.add(i * output.col_stride);
            let product = output.alpha * V::sum(V::add(even[i], odd[i]));
            *c = if output.beta == V::Element::ZERO { product } else { product + output.beta * *c };
        }
    }
}
