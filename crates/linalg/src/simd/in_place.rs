//! Products straight from the matrices: small ones, thin ones, and those with a vector.
#![allow(unsafe_code)]

use super::run::{Destination, crowded};
use super::table::Kernels;
use super::tile::{Ahead, Operands, Output};
use crate::{MatrixView, MatrixViewMut, Scalar};

/// Ways of a first-level cache.
const CACHE_WAYS: usize = 8;

/// The next part of a length that is cut into parts of at most `max`, both whole granules (a power of two) but for
/// the end; the last two are about equal. No division: a product of 8 × 8 matrices would notice.
#[inline(always)]
fn part(left: usize, max: usize, granule: usize) -> usize {
    if left <= max {
        left
    } else if left < 2 * max {
        (left.div_ceil(2) + granule - 1) & !(granule - 1)
    } else {
        max
    }
}

impl<T: Scalar> Kernels<T> {
    /// The largest tile, rows and columns, for operands in place: the tallest that takes all columns at once, the tallest
    /// of all if none does; as wide as that allows, but no more crowded columns of B than a cache has ways.
    #[inline(always)]
    fn tile_in_place(&self, (rows, cols): (usize, usize), b_col_stride: usize) -> (usize, usize) {
        let tallest = self.strided.len();
        let vectors = (2..=tallest).rev().find(|vectors| cols <= self.strided[vectors - 1].len()).unwrap_or(tallest);
        let height = part(rows, vectors * self.lanes, self.lanes);
        let width = self.strided[self.vectors_of(height) - 1].len();
        (height, if crowded::<T>(b_col_stride) { width.min(CACHE_WAYS) } else { width })
    }

    /// C ← alpha·A·B + beta·C straight from the matrices, `k_max` steps of the sum at a time. Rows of A are in line.
    ///
    /// # Panics
    /// If the shapes do not fit or rows of A are not in line.
    pub(crate) fn strided_product(
        &self,
        a: MatrixView<'_, T>,
        b: MatrixView<'_, T>,
        k_max: usize,
        to: &mut Destination<'_, T>,
    ) {
        let (rows, cols, k) = (a.rows(), b.cols(), a.cols());
        assert!(a.row_stride() == 1 || rows == 1);
        assert!(b.rows() == k && to.c.rows() == rows && to.c.cols() == cols);
        let tile = self.tile_in_place((rows, cols), b.col_stride());
        let b_strides = (b.row_stride(), b.col_stride());
        let beta = to.beta;
        let mut p = 0;
        while p < k {
            let k_here = k_max.min(k - p);
            to.beta = if p == 0 { beta } else { T::ONE };
            let mut col = 0;
            while col < cols {
                let width = part(cols - col, tile.1, 1);
                let b = b.as_ptr().wrapping_add(p * b_strides.0 + col * b_strides.1);
                let mut row = 0;
                while row < rows {
                    let height = part(rows - row, tile.0, self.lanes);
                    let operands = Operands {
                        k: k_here,
                        rows: height,
                        a: a.as_ptr().wrapping_add(row + p * a.col_stride()),
                        a_step: a.col_stride(),
                        b,
                        b_step: b_strides.0,
                        b_col_stride: b_strides.1,
                        ahead: Ahead::NONE,
                    };
                    let to = std::slice::from_mut(&mut *to);
                    // SAFETY: rows and columns of the tile and steps p..p + k_here are inside A and B, whose
                    // shapes were checked above, and inside C.
                    unsafe { self.tile(self.strided, &operands, width, to, (row, col)) };
                    row += height;
                }
                col += width;
            }
            p += k_here;
        }
        to.beta = beta;
    }

    /// [`strided_product`](Self::strided_product) without blocking, for products that are over before a view has
    /// been copied twice: all of it is inlined, and nothing but the kernels' arguments goes through memory. Rows of
    /// A and of C are in line.
    ///
    /// # Panics
    /// If the shapes do not fit or rows are not in line.
    #[inline(always)]
    pub(crate) fn small_product(
        &self,
        alpha: T,
        a: &MatrixView<'_, T>,
        b: &MatrixView<'_, T>,
        beta: T,
        c: &mut MatrixViewMut<'_, T>,
    ) {
        let (rows, cols, k) = (c.rows(), c.cols(), a.cols());
        assert!(a.rows() == rows && b.rows() == k && b.cols() == cols);
        assert!(rows == 1 || (a.row_stride() == 1 && c.row_stride() == 1));
        let tile = self.tile_in_place((rows, cols), b.col_stride());
        let c_stride = c.col_stride();
        let mut col = 0;
        while col < cols {
            let width = part(cols - col, tile.1, 1);
            let mut row = 0;
            while row < rows {
                let height = part(rows - row, tile.0, self.lanes);
                let operands = Operands {
                    k,
                    rows: height,
                    a: a.as_ptr().wrapping_add(row),
                    a_step: a.col_stride(),
                    b: b.as_ptr().wrapping_add(col * b.col_stride()),
                    b_step: b.row_stride(),
                    b_col_stride: b.col_stride(),
                    ahead: Ahead::NONE,
                };
                let to = c.as_mut_ptr().wrapping_add(row + col * c_stride);
                let output = Output { c: to, col_stride: c_stride, alpha, beta };
                let kernel = self.strided[self.vectors_of(height) - 1][width - 1];
                // SAFETY: a reference to `Kernels` means its set was detected; rows and columns of the tile are
                // inside A, B and C, whose shapes and strides were checked above.
                unsafe { kernel(&operands, std::slice::from_ref(&output)) };
                row += height;
            }
            col += width;
        }
    }

    /// C ← alpha·A·B + beta·C, one column of C after the other. Rows of A and of C are in line. `past_caches`: C is written
    /// past the caches where it need not be read.
    ///
    /// # Panics
    /// If the shapes do not fit or rows are not in line.
    pub(crate) fn columns_product(
        &self,
        a: MatrixView<'_, T>,
        b: MatrixView<'_, T>,
        to: &mut Destination<'_, T>,
        past_caches: bool,
    ) {
        let (rows, cols, k) = (a.rows(), b.cols(), a.cols());
        assert!(b.rows() == k && to.c.rows() == rows && to.c.cols() == cols);
        assert!(rows == 1 || (a.row_stride() == 1 && to.c.row_stride() == 1));
        let (a_step, b_step, col_stride) = (a.col_stride(), b.row_stride(), to.c.col_stride());
        let (alpha, beta) = (to.alpha, to.beta);
        let only_written = past_caches && k == 1 && beta == T::ZERO;
        let kernel = if only_written { self.outer } else { self.axpy };
        for j in 0..cols {
            let b = b.as_ptr().wrapping_add(j * b.col_stride());
            let c = to.c.as_mut_ptr().wrapping_add(j * col_stride);
            let operands = Operands { k, rows, a: a.as_ptr(), a_step, b, b_step, b_col_stride: 0, ahead: Ahead::NONE };
            // SAFETY: a reference to `Kernels` means its set was detected; column j is inside B and C, whose shapes and
            // strides were checked above.
            unsafe { kernel(&operands, &Output { c, col_stride, alpha, beta }) };
        }
        if only_written {
            super::fence();
        }
    }

    /// C ← alpha·A·b + beta·C for one column b, A's rows in line or A's columns in line.
    ///
    /// # Panics
    /// If the shapes do not fit, A has no unit stride, or: rows in line and C has stride, columns in line and b has.
    pub(crate) fn column_product(&self, a: MatrixView<'_, T>, b: MatrixView<'_, T>, to: &mut Destination<'_, T>) {
        let (rows, k) = (a.rows(), a.cols());
        assert!(b.rows() == k && b.cols() == 1 && to.c.rows() == rows && to.c.cols() == 1);
        let (alpha, beta) = (to.alpha, to.beta);
        let (b_step, c_step) = (b.row_stride(), to.c.row_stride());
        let (kernel, a_step) = if a.row_stride() == 1 {
            assert!(c_step == 1 || rows == 1);
            (self.axpy, a.col_stride())
        } else {
            assert!(a.col_stride() == 1 && (b_step == 1 || k == 1));
            (self.dot, a.row_stride())
        };
        let operands =
            Operands { k, rows, a: a.as_ptr(), a_step, b: b.as_ptr(), b_step, b_col_stride: 0, ahead: Ahead::NONE };
        let output = Output { c: to.c.as_mut_ptr(), col_stride: c_step, alpha, beta };
        // SAFETY: a reference to `Kernels` means its set was detected; shapes and strides were checked above.
        unsafe { kernel(&operands, &output) };
    }
}

#[cfg(test)]
mod tests {
    use super::super::HasKernels;
    use super::*;
    use crate::suite::Random;
    use crate::{Isa, Matrix, MatrixViewMut};

    /// C written past the caches has the bits of C written through them, wherever its columns begin.
    #[test]
    fn columns_past_the_caches() {
        for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
            let kernels = f32::kernels(Some(isa)).expect("available");
            let mut random = Random::new(1);
            for (rows, cols, start) in [(1, 1, 0), (15, 3, 1), (40, 2, 3), (129, 5, 7), (300, 4, 15)] {
                let a: Matrix<f32> = random.matrix(rows, 1);
                let b: Matrix<f32> = random.matrix(1, cols);
                let product = |past_caches| {
                    let mut c = vec![f32::NAN; start + rows * cols];
                    let view = MatrixViewMut::row_major(&mut c[start..], cols, rows).transpose();
                    let mut to = Destination { alpha: 1.5, beta: 0.0, c: view };
                    kernels.columns_product(a.view(), b.view(), &mut to, past_caches);
                    c.split_off(start)
                };
                let (through, past) = (product(false), product(true));
                assert!(through.iter().all(|value| value.is_finite()), "{isa} {rows} {cols}");
                assert_eq!(through, past, "{isa} {rows} {cols} {start}");
            }
        }
    }
}
