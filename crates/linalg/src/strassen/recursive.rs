//! Strassen as the paper has it: sums in matrices of their own, products by the base or by another level.

use super::Peeled;
use super::scheme::steps;
use crate::{Backend, Error, Matrix, MatrixView, MatrixViewMut, Scalar};

/// C ← alpha·A·B + beta·C with `levels` levels, at least one.
///
/// Each level holds one block of A, of B and of C: a quarter of the level above, a third of A + B + C in all.
pub(super) fn compute<T: Scalar>(
    base: &dyn Backend<T>,
    levels: usize,
    alpha: T,
    a: MatrixView<'_, T>,
    b: MatrixView<'_, T>,
    beta: T,
    mut c: MatrixViewMut<'_, T>,
) -> Result<(), Error> {
    let even = Peeled::new(a.rows(), a.cols(), b.cols(), 1);
    let (rows, k, cols) = (even.m / 2, even.k / 2, even.n / 2);
    let mut left = Matrix::zeros(rows, k);
    let mut right = Matrix::zeros(k, cols);
    let mut product = Matrix::zeros(rows, cols);
    let mut touched = [false; 4];
    for step in steps(1) {
        sum(a, &step.a, &mut left)?;
        sum(b, &step.b, &mut right)?;
        let (l, r, p) = (left.view(), right.view(), product.view_mut());
        if levels > 1 {
            compute(base, levels - 1, alpha, l, r, T::ZERO, p)?;
        } else {
            base.gemm(alpha, l, r, T::ZERO, p)?;
        }
        for (block, (&sign, touched)) in step.c.iter().zip(&mut touched).enumerate() {
            if sign != 0 {
                let beta = if *touched { T::ONE } else { beta };
                *touched = true;
                let to = c.reborrow().submatrix(block / 2 * rows, block % 2 * cols, rows, cols)?;
                add(&product, sign, beta, to);
            }
        }
    }
    even.finish(base, alpha, a, b, beta, c)
}

/// The signed sum of the blocks of a matrix.
fn sum<T: Scalar>(matrix: MatrixView<'_, T>, signs: &[i8], to: &mut Matrix<T>) -> Result<(), Error> {
    let (rows, cols) = (to.rows(), to.cols());
    let mut first = true;
    for (block, &sign) in signs.iter().enumerate().filter(|(_, sign)| **sign != 0) {
        let block = matrix.submatrix(block / 2 * rows, block % 2 * cols, rows, cols)?;
        for i in 0..rows {
            for j in 0..cols {
                let term = if sign < 0 { -block[(i, j)] } else { block[(i, j)] };
                to[(i, j)] = if first { term } else { to[(i, j)] + term };
            }
        }
        first = false;
    }
    Ok(())
}

/// C ← ±product + beta·C.
fn add<T: Scalar>(product: &Matrix<T>, sign: i8, beta: T, mut c: MatrixViewMut<'_, T>) {
    for i in 0..c.rows() {
        for j in 0..c.cols() {
            let term = if sign < 0 { -product[(i, j)] } else { product[(i, j)] };
            let c = &mut c[(i, j)];
            *c = if beta == T::ZERO { term } else { term + beta * *c };
        }
    }
}
