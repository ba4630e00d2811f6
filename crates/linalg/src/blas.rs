//! What people call today: a BLAS, behind the same trait.
#![allow(unsafe_code)]

use crate::backend::{check_inner, check_output};
use crate::{Backend, Error, MatrixView, MatrixViewMut, Scalar};

/// Which library multiplies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Provider {
    /// The `matrixmultiply` crate: Rust, any strides, at most four threads (`MATMUL_NUM_THREADS`).
    #[default]
    MatrixMultiply,
    /// The system's OpenBLAS through its C interface (`OPENBLAS_NUM_THREADS`, [`set_system_threads`]).
    #[cfg(feature = "openblas")]
    System,
}

/// Somebody else's GEMM.
///
/// BLAS is the interface that Fortran programs have used for vectors since 1979, and for products of matrices, its level
/// 3, since 1990 (Dongarra, Du Croz, Hammarling & Duff, *A Set of Level 3 Basic Linear Algebra Subprograms*). Error of
/// each element as of any classical product, [`Naive`](crate::Naive)'s. The system's OpenBLAS takes matrices of which a
/// stride is 1, so others are copied first, and sides below 2³¹ ([`Error::ProviderLimit`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Blas {
    /// Whose.
    pub provider: Provider,
}

impl<T: Scalar> Backend<T> for Blas {
    fn name(&self) -> String {
        match self.provider {
            Provider::MatrixMultiply => "BLAS (matrixmultiply)".into(),
            #[cfg(feature = "openblas")]
            Provider::System => "BLAS (OpenBLAS)".into(),
        }
    }

    fn compute(
        &self,
        alpha: T,
        a: MatrixView<'_, T>,
        b: MatrixView<'_, T>,
        beta: T,
        c: MatrixViewMut<'_, T>,
    ) -> Result<(), Error> {
        // This can be called without gemm, and what is called below checks nothing.
        check_inner((a.rows(), a.cols()), (b.rows(), b.cols()))?;
        check_output((a.rows(), b.cols()), (c.rows(), c.cols()))?;
        match self.provider {
            Provider::MatrixMultiply => matrixmultiply(alpha, a, b, beta, c),
            #[cfg(feature = "openblas")]
            Provider::System => {
                let max = i32::MAX as usize;
                for value in [a.rows(), a.cols(), b.cols()] {
                    if value > max {
                        return Err(Error::ProviderLimit { provider: "CBLAS", value, max });
                    }
                }
                system::compute(alpha, a, b, beta, c);
            }
        }
        Ok(())
    }
}

/// The routine of this type; `f32` and `f64` are the only ones there are.
fn matrixmultiply<T: Scalar>(
    alpha: T,
    a: MatrixView<'_, T>,
    b: MatrixView<'_, T>,
    beta: T,
    mut c: MatrixViewMut<'_, T>,
) {
    let (m, k, n) = (a.rows(), a.cols(), b.cols());
    // The reach of a view fits isize, and with it every stride that is used; one along an axis of length 1 is not.
    let stride = |stride: usize| isize::try_from(stride).unwrap_or(0);
    let (a_strides, b_strides) =
        ((stride(a.row_stride()), stride(a.col_stride())), (stride(b.row_stride()), stride(b.col_stride())));
    let c_strides = (stride(c.row_stride()), stride(c.col_stride()));
    let (a, b, c) = (a.as_ptr(), b.as_ptr(), c.as_mut_ptr());
    if T::BLAS_LETTER == 's' {
        let (alpha, beta) = (alpha.to_f64() as f32, beta.to_f64() as f32);
        // SAFETY: T is f32 (its letter is s). All (i, j) inside the shapes, which compute checked, are in reach of
        // their views, and no two of C share a place.
        unsafe {
            matrixmultiply::sgemm(
                m,
                k,
                n,
                alpha,
                a.cast(),
                a_strides.0,
                a_strides.1,
                b.cast(),
                b_strides.0,
                b_strides.1,
                beta,
                c.cast(),
                c_strides.0,
                c_strides.1,
            );
        }
    } else {
        // SAFETY: T is f64 (the only other Scalar); the rest as above.
        unsafe {
            matrixmultiply::dgemm(
                m,
                k,
                n,
                alpha.to_f64(),
                a.cast(),
                a_strides.0,
                a_strides.1,
                b.cast(),
                b_strides.0,
                b_strides.1,
                beta.to_f64(),
                c.cast(),
                c_strides.0,
                c_strides.1,
            );
        }
    }
}

#[cfg(feature = "openblas")]
pub use system::set_system_threads;

#[cfg(feature = "openblas")]
mod system {
    //! CBLAS: matrices with one unit stride, dimensions in 32 bits. Others are copied first.

    use cblas_sys::{CBLAS_LAYOUT, CBLAS_TRANSPOSE};

    use crate::{Matrix, MatrixView, MatrixViewMut, Scalar};

    #[link(name = "openblas")]
    unsafe extern "C" {
        fn openblas_set_num_threads(threads: i32);
    }

    /// How many threads the system's OpenBLAS uses from now on, in the whole process; 0 is 1.
    pub fn set_system_threads(threads: usize) {
        let threads = i32::try_from(threads.max(1)).unwrap_or(i32::MAX);
        // SAFETY: a setter that OpenBLAS allows at any time; it clamps what it cannot do.
        unsafe { openblas_set_num_threads(threads) }
    }

    /// A matrix as CBLAS takes it for a row-major call.
    struct Operand<T> {
        from: *const T,
        stride: i32,
        transpose: CBLAS_TRANSPOSE,
    }

    /// CBLAS wants the stride between lines to be at least their length, even of a single line.
    fn line_stride(lines: usize, stride: usize, length: usize) -> Option<i32> {
        let stride = if lines <= 1 { length.max(1) } else { stride };
        (stride >= length).then(|| i32::try_from(stride).ok()).flatten()
    }

    fn operand<T>(matrix: &MatrixView<'_, T>) -> Option<Operand<T>> {
        let (rows, cols) = (matrix.rows(), matrix.cols());
        let from = matrix.as_ptr();
        if matrix.col_stride() == 1 || cols == 1 {
            let stride = line_stride(rows, matrix.row_stride(), cols)?;
            return Some(Operand { from, stride, transpose: CBLAS_TRANSPOSE::CblasNoTrans });
        }
        if matrix.row_stride() == 1 || rows == 1 {
            let stride = line_stride(cols, matrix.col_stride(), rows)?;
            return Some(Operand { from, stride, transpose: CBLAS_TRANSPOSE::CblasTrans });
        }
        None
    }

    fn copy<T: Scalar>(matrix: MatrixView<'_, T>) -> Matrix<T> {
        Matrix::from_fn(matrix.rows(), matrix.cols(), |i, j| matrix[(i, j)])
    }

    pub(super) fn compute<T: Scalar>(
        alpha: T,
        a: MatrixView<'_, T>,
        b: MatrixView<'_, T>,
        beta: T,
        mut c: MatrixViewMut<'_, T>,
    ) {
        let c_view = c.as_view();
        let in_place =
            (c.col_stride() == 1 || c.cols() == 1) && line_stride(c.rows(), c.row_stride(), c.cols()).is_some();
        if !in_place {
            if c.row_stride() == 1 && line_stride(c.cols(), c.col_stride(), c.rows()).is_some() {
                return compute(alpha, b.transpose(), a.transpose(), beta, c.transpose());
            }
            let mut copied = copy(c_view);
            compute(alpha, a, b, beta, copied.view_mut());
            for i in 0..c.rows() {
                for j in 0..c.cols() {
                    c[(i, j)] = copied[(i, j)];
                }
            }
            return;
        }
        let (a_copy, b_copy);
        let a = match operand(&a) {
            Some(_) => a,
            None => {
                a_copy = copy(a);
                a_copy.view()
            }
        };
        let b = match operand(&b) {
            Some(_) => b,
            None => {
                b_copy = copy(b);
                b_copy.view()
            }
        };
        call(alpha, a, b, beta, c);
    }

    /// The routine of this type, on operands that it takes.
    fn call<T: Scalar>(alpha: T, a: MatrixView<'_, T>, b: MatrixView<'_, T>, beta: T, mut c: MatrixViewMut<'_, T>) {
        let Some(c_stride) = line_stride(c.rows(), c.row_stride(), c.cols()) else {
            return;
        };
        let [m, k, n] = [a.rows(), a.cols(), b.cols()].map(|side| i32::try_from(side).unwrap_or(0));
        let (Some(a), Some(b)) = (operand(&a), operand(&b)) else {
            return;
        };
        let (layout, c) = (CBLAS_LAYOUT::CblasRowMajor, c.as_mut_ptr());
        if T::BLAS_LETTER == 's' {
            let (alpha, beta) = (alpha.to_f64() as f32, beta.to_f64() as f32);
            // SAFETY: T is f32 (its letter is s). Shapes were checked by Blas::compute and fit 32 bits; lines of each
            // operand are in line and inside their views, and no two elements of C share a place.
            unsafe {
                cblas_sys::cblas_sgemm(
                    layout,
                    a.transpose,
                    b.transpose,
                    m,
                    n,
                    k,
                    alpha,
                    a.from.cast(),
                    a.stride,
                    b.from.cast(),
                    b.stride,
                    beta,
                    c.cast(),
                    c_stride,
                );
            }
        } else {
            // SAFETY: T is f64 (the only other Scalar); the rest as above.
            unsafe {
                cblas_sys::cblas_dgemm(
                    layout,
                    a.transpose,
                    b.transpose,
                    m,
                    n,
                    k,
                    alpha.to_f64(),
                    a.from.cast(),
                    a.stride,
                    b.from.cast(),
                    b.stride,
                    beta.to_f64(),
                    c.cast(),
                    c_stride,
                );
            }
        }
    }
}
