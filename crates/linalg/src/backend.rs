//! The one trait that every way to multiply implements, and the one place that picks among them.

use crate::{Blocked, Error, LoopOrder, Matrix, MatrixView, MatrixViewMut, Naive, Scalar, Threads, Tiling};

/// A way to multiply matrices. One method to write; the checks are provided.
pub trait Backend<T: Scalar> {
    /// What to call it in a table, for example `naive ikj`.
    fn name(&self) -> String;

    /// C ← alpha·A·B + beta·C for A m × k, B k × n and C m × n. The one required computation; [`gemm`](Self::gemm) has
    /// checked that the shapes fit, that none of m, k and n is 0 and that alpha is not.
    ///
    /// # Errors
    /// Only what the checked shapes leave open: a setting that this machine or library cannot follow. C is then
    /// unchanged.
    ///
    /// # Panics
    /// It may, if called with what `gemm` would not have passed on.
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
        check_inner((a.rows(), a.cols()), (b.rows(), b.cols()))?;
        check_output((a.rows(), b.cols()), (c.rows(), c.cols()))?;
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

/// Whether A's columns are B's rows; both are (rows, columns).
#[inline]
pub(crate) fn check_inner(left: (usize, usize), right: (usize, usize)) -> Result<(), Error> {
    let ((left_rows, left_cols), (right_rows, right_cols)) = (left, right);
    if left_cols == right_rows {
        return Ok(());
    }
    Err(Error::ShapeMismatch { left_rows, left_cols, right_rows, right_cols })
}

/// Whether C has the product's shape; both are (rows, columns).
#[inline]
pub(crate) fn check_output(expected: (usize, usize), c: (usize, usize)) -> Result<(), Error> {
    let ((expected_rows, expected_cols), (rows, cols)) = (expected, c);
    if expected == c {
        return Ok(());
    }
    Err(Error::OutputShape { expected_rows, expected_cols, rows, cols })
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

/// The one place that picks a backend: by shape, for row-major matrices.
///
/// [`Naive`] up to [`NAIVE_WORK_MAX`] multiplications, where checking what kind of processor this is costs more than
/// multiplying; [`Blocked`] on all threads otherwise, which then takes its own way by shape. It never picks
/// [`Strassen`](crate::Strassen), whose error bound is weaker: ask for it.
#[must_use]
pub fn choose<T: Scalar>(m: usize, k: usize, n: usize) -> &'static (dyn Backend<T> + Sync) {
    const NAIVE: Naive = Naive { order: LoopOrder::Ijk };
    const BLOCKED: Blocked =
        Blocked { tiling: Tiling { isa: None, mc: None, kc: None, nc: None }, threads: Threads::All };
    if is_tiny(m, k, n) { &NAIVE } else { &BLOCKED }
}

/// What [`choose`] picks for a shape, and why, in one line.
///
/// ```
/// let line = linalg::backend::explain::<f32>(1000, 1000, 1000);
/// assert!(line.starts_with("1000x1000 times 1000x1000: blocked"), "{line}");
/// ```
#[must_use]
pub fn explain<T: Scalar>(m: usize, k: usize, n: usize) -> String {
    let name = choose::<T>(m, k, n).name();
    let reason = if is_tiny(m, k, n) {
        format!("at most {NAIVE_WORK_MAX} multiplications: the plain loop is done before anything else has started")
    } else {
        Blocked::default().plan::<T>(m, k, n).map_or_else(|error| error.to_string(), |plan| plan.to_string())
    };
    format!("{m}x{k} times {k}x{n}: {name}: {reason}")
}

/// Most multiplications that [`choose`] leaves to [`Naive`].
pub const NAIVE_WORK_MAX: usize = 8;

fn is_tiny(m: usize, k: usize, n: usize) -> bool {
    m.saturating_mul(k).saturating_mul(n) <= NAIVE_WORK_MAX
}

/// A·B with the backend that [`choose`] picks. A is m × k, B is k × n; the result is m × n.
///
/// # Errors
/// [`Error::ShapeMismatch`] if A's columns are not B's rows, [`Error::TooLarge`] if the result does not fit the
/// address space.
///
/// ```
/// use linalg::{Matrix, matmul};
///
/// let a = Matrix::from_vec(vec![1.0, 2.0, 3.0, 4.0], 2, 2)?;
/// let b = Matrix::from_vec(vec![5.0, 6.0, 7.0, 8.0], 2, 2)?;
/// assert_eq!(matmul(&a, &b)?.as_slice(), [19.0, 22.0, 43.0, 50.0]);
/// # Ok::<(), linalg::Error>(())
/// ```
pub fn matmul<'a, 'b, T: Scalar>(
    a: impl Into<MatrixView<'a, T>>,
    b: impl Into<MatrixView<'b, T>>,
) -> Result<Matrix<T>, Error> {
    let (a, b) = (a.into(), b.into());
    let (rows, cols) = (a.rows(), b.cols());
    check_inner((rows, a.cols()), (b.rows(), cols))?;
    let bytes = rows.checked_mul(cols).and_then(|len| len.checked_mul(size_of::<T>()));
    if bytes.is_none_or(|bytes| bytes > isize::MAX.unsigned_abs()) {
        return Err(Error::TooLarge { rows, cols, row_stride: cols, col_stride: 1 });
    }
    let mut c = Matrix::zeros(rows, cols);
    choose::<T>(rows, a.cols(), cols).gemm(T::ONE, a, b, T::ZERO, c.view_mut())?;
    Ok(c)
}
