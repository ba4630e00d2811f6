//! Strassen inside the five loops.
//!
//! The plain version is `recursive.rs`: form two sums, multiply, add the product to up to two blocks. What changes
//! here, and why:
//! 1. Sums are formed while packing: they exist only as packed panels in the cache. [Huang et al. 2016]
//! 2. Each tile of a product goes from registers to all its blocks of C: the product never exists as a matrix.
//! 3. Two levels are one table of 49 products over 4 × 4 blocks, each with up to four terms and four places.
//! 4. The first product that reaches a block of C applies beta to it: no pass over C beforehand.

use super::Peeled;
use super::scheme::steps;
use crate::blocked::{Left, Product, Right, wants_transpose};
use crate::simd::{Destination, Term};
use crate::{Blocked, Error, MatrixView, MatrixViewMut, Scalar};

/// C ← alpha·A·B + beta·C with `levels` levels.
pub(super) fn compute<T: Scalar>(
    blocked: &Blocked,
    levels: usize,
    alpha: T,
    a: MatrixView<'_, T>,
    b: MatrixView<'_, T>,
    beta: T,
    c: MatrixViewMut<'_, T>,
) -> Result<(), Error> {
    if wants_transpose(&c) {
        return compute(blocked, levels, alpha, b.transpose(), a.transpose(), beta, c.transpose());
    }
    blocked.tiling.check()?;
    let kernels = T::kernels(blocked.tiling.isa)?;
    let even = Peeled::new(a.rows(), a.cols(), b.cols(), levels);
    let side = 1 << levels;
    let (rows, k, cols) = (even.m / side, even.k / side, even.n / side);
    let mut c = c;
    let mut blocks = grid(c.reborrow().submatrix(0, 0, even.m, even.n)?, side)?;
    let mut touched = vec![false; blocks.len()];
    for step in steps(levels) {
        let a_terms = terms(a, &step.a, (rows, k), side)?;
        let b_terms = terms(b, &step.b, (k, cols), side)?;
        let mut to = Vec::new();
        for ((block, touched), &sign) in blocks.iter_mut().zip(&mut touched).zip(&step.c) {
            if sign != 0 {
                let beta = if *touched { T::ONE } else { beta };
                *touched = true;
                to.push(Destination { alpha: signed::<T>(sign) * alpha, beta, c: block.reborrow() });
            }
        }
        blocked.fused(kernels, Product { a: Left::Terms(&a_terms), b: Right::Terms(&b_terms), to });
    }
    even.finish(blocked, alpha, a, b, beta, c)
}

fn signed<T: Scalar>(sign: i8) -> T {
    if sign < 0 { -T::ONE } else { T::ONE }
}

/// The blocks of a matrix that have a factor.
fn terms<'a, T: Scalar>(
    matrix: MatrixView<'a, T>,
    factors: &[i8],
    (rows, cols): (usize, usize),
    side: usize,
) -> Result<Vec<Term<'a, T>>, Error> {
    let mut terms = Vec::new();
    for (block, &factor) in factors.iter().enumerate().filter(|(_, factor)| **factor != 0) {
        let matrix = matrix.submatrix(block / side * rows, block % side * cols, rows, cols)?;
        terms.push(Term { factor: signed(factor), matrix });
    }
    Ok(terms)
}

/// A matrix cut into side × side equal blocks, row by row.
fn grid<T>(matrix: MatrixViewMut<'_, T>, side: usize) -> Result<Vec<MatrixViewMut<'_, T>>, Error> {
    let (rows, cols) = (matrix.rows() / side, matrix.cols() / side);
    let mut blocks = Vec::with_capacity(side * side);
    let mut below = matrix;
    for _ in 0..side {
        let (band, rest) = below.split_at_row(rows)?;
        below = rest;
        let mut right = band;
        for _ in 0..side {
            let (block, rest) = right.split_at_col(cols)?;
            right = rest;
            blocks.push(block);
        }
    }
    Ok(blocks)
}
