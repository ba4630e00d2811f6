//! The owned matrix.

use std::ops::{Index, IndexMut};

use crate::{Error, MatrixView, MatrixViewMut, Scalar};

/// A dense matrix that owns its elements, row-major: element (i, j) is at `i * cols + j`.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix<T> {
    data: Vec<T>,
    rows: usize,
    cols: usize,
}

impl<T: Scalar> Matrix<T> {
    /// A rows × cols matrix of zeros.
    ///
    /// # Panics
    /// If the matrix is larger than the address space, as `vec!` does.
    #[must_use]
    pub fn zeros(rows: usize, cols: usize) -> Self {
        let len = rows.checked_mul(cols).expect("rows × cols fits the address space");
        Self { data: vec![T::ZERO; len], rows, cols }
    }

    /// The n × n identity.
    ///
    /// # Panics
    /// If the matrix is larger than the address space.
    #[must_use]
    pub fn identity(n: usize) -> Self {
        let mut identity = Self::zeros(n, n);
        for i in 0..n {
            identity[(i, i)] = T::ONE;
        }
        identity
    }

    /// The rows × cols matrix whose element (i, j) is `f(i, j)`; called row by row.
    ///
    /// # Panics
    /// If the matrix is larger than the address space.
    #[must_use]
    pub fn from_fn(rows: usize, cols: usize, mut f: impl FnMut(usize, usize) -> T) -> Self {
        let mut matrix = Self::zeros(rows, cols);
        // Where there are no columns there is nothing to do, however many rows.
        for i in 0..if cols == 0 { 0 } else { rows } {
            for j in 0..cols {
                matrix[(i, j)] = f(i, j);
            }
        }
        matrix
    }

    /// Takes row-major elements.
    ///
    /// # Errors
    /// [`Error::DataLength`] unless `data` holds exactly `rows * cols` elements,
    /// [`Error::TooLarge`] if that product overflows.
    pub fn from_vec(data: Vec<T>, rows: usize, cols: usize) -> Result<Self, Error> {
        let too_large = Error::TooLarge { rows, cols, row_stride: cols, col_stride: 1 };
        let expected = rows.checked_mul(cols).ok_or(too_large)?;
        if data.len() != expected {
            return Err(Error::DataLength { rows, cols, expected, len: data.len() });
        }
        Ok(Self { data, rows, cols })
    }

    /// The number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of columns.
    #[must_use]
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// The elements, row by row.
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        &self.data
    }

    /// The elements, row by row.
    #[must_use]
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        &mut self.data
    }

    /// Gives the elements back, row by row.
    #[must_use]
    pub fn into_vec(self) -> Vec<T> {
        self.data
    }

    /// A view of the whole matrix.
    #[must_use]
    pub fn view(&self) -> MatrixView<'_, T> {
        MatrixView::row_major(&self.data, self.rows, self.cols)
    }

    /// A mutable view of the whole matrix.
    #[must_use]
    pub fn view_mut(&mut self) -> MatrixViewMut<'_, T> {
        MatrixViewMut::row_major(&mut self.data, self.rows, self.cols)
    }

    /// A new matrix whose element (i, j) is this one's (j, i). `view().transpose()` does the same without a copy.
    #[must_use]
    pub fn transpose(&self) -> Self {
        Self::from_fn(self.cols, self.rows, |i, j| self[(j, i)])
    }
}

impl<T> Index<(usize, usize)> for Matrix<T> {
    type Output = T;

    /// # Panics
    /// If the row or the column is outside the matrix.
    fn index(&self, (row, col): (usize, usize)) -> &T {
        assert!(row < self.rows && col < self.cols, "({row}, {col}) is outside a {}x{} matrix", self.rows, self.cols);
        &self.data[row * self.cols + col]
    }
}

impl<T> IndexMut<(usize, usize)> for Matrix<T> {
    /// # Panics
    /// If the row or the column is outside the matrix.
    fn index_mut(&mut self, (row, col): (usize, usize)) -> &mut T {
        assert!(row < self.rows && col < self.cols, "({row}, {col}) is outside a {}x{} matrix", self.rows, self.cols);
        &mut self.data[row * self.cols + col]
    }
}

impl<'a, T: Scalar> From<&'a Matrix<T>> for MatrixView<'a, T> {
    fn from(matrix: &'a Matrix<T>) -> Self {
        matrix.view()
    }
}

impl<'a, T: Scalar> From<&'a mut Matrix<T>> for MatrixViewMut<'a, T> {
    fn from(matrix: &'a mut Matrix<T>) -> Self {
        matrix.view_mut()
    }
}
