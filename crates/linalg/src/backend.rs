//! The one trait that every way to multiply implements.

use crate::{Blocked, Error, MatrixView, MatrixViewMut, Scalar};

/// A way to multiply matrices. One method to write; the checks are provided.
pub trait Backend<T: Scalar> {
    /// What to call it in a table, for example `naive ikj`.
    fn name(&self) -> String;

    /// C ← alpha·A·B + beta·C. The one required computation; shapes are already checked.
    ///
    /// # Errors
    /// Only what the checked shapes leave open: a setting that this machine or library cannot follow. C is then
    /// unchanged.
    fn compute(
        &self,
        alpha: T,
        a: MatrixView<'_, T>,
        b: MatrixView<'_, T>,
        beta: T,
        c: MatrixViewMut<'_, T>,
    ) -> Result<(), Error>;

    /// C ← alpha·A·B + beta·C, checked. A is m × k, B is k × n, C is m × n, of any strides.
    ///
    /// As in BLAS: `beta == 0` never reads C (so NaN there does not matter), and `alpha == 0` never reads A or B.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] or [`Error::OutputShape`] if the shapes do not fit, and what
    /// [`compute`](Self::compute) may report. C is then unchanged.
    #[inline]
    fn gemm(
        &self,
        alpha: T,
        a: MatrixView<'_, T>,
        b: MatrixView<'_, T>,
        beta: T,
        mut c: MatrixViewMut<'_, T>,
    ) -> Result<(), Error> {
        if a.cols() != b.rows() {
            return Err(Error::ShapeMismatch {
                left_rows: a.rows(),
                left_cols: a.cols(),
                right_rows: b.rows(),
                right_cols: b.cols(),
            });
        }
        if a.rows() != c.rows() || b.cols() != c.cols() {
            return Err(Error::OutputShape {
                expected_rows: a.rows(),
                expected_cols: b.cols(),
                rows: c.rows(),
                cols: c.cols(),
            });
        }
        if c.rows() == 0 || c.cols() == 0 {
            return Ok(());
        }
        if alpha == T::ZERO || a.cols() == 0 {
            scale(&mut c, beta);
            return Ok(());
        }
        self.compute(alpha, a, b, beta, c)
    }

    /// What [`Strassen`](crate::Strassen) needs to fuse its sums into packing and write-back; only
    /// [`Blocked`] has it.
    fn as_blocked(&self) -> Option<&Blocked> {
        None
    }
}

impl<T: Scalar, B: Backend<T> + ?Sized> Backend<T> for &B {
    fn name(&self) -> String {
        (**self).name()
    }

    fn compute(
        &self,
        alpha: T,
        a: MatrixView<'_, T>,
        b: MatrixView<'_, T>,
        beta: T,
        c: MatrixViewMut<'_, T>,
    ) -> Result<(), Error> {
        (**self).compute(alpha, a, b, beta, c)
    }

    fn as_blocked(&self) -> Option<&Blocked> {
        (**self).as_blocked()
    }
}

/// C ← beta·C. `beta == 0` writes zeros and reads nothing, so that NaN does not survive it.
pub(crate) fn scale<T: Scalar>(c: &mut MatrixViewMut<'_, T>, beta: T) {
    if beta == T::ONE {
        return;
    }
    for i in 0..c.rows() {
        for j in 0..c.cols() {
            c[(i, j)] = if beta == T::ZERO { T::ZERO } else { beta * c[(i, j)] };
        }
    }
}
