//! Matrices that lie in the GPU's memory.

use gpu_device::{Buffer, Element};

use crate::Error;

/// A matrix in the GPU's memory, to be read by [`Cuda::gemm_on_device`](crate::Cuda::gemm_on_device): a buffer and a shape. `Copy`.
///
/// The buffer holds the rows one after another, without gaps.
#[derive(Debug)]
pub struct DeviceMatrix<'a, T: Element> {
    pub(super) data: &'a Buffer<T>,
    /// Of the matrix, after turning.
    pub(super) rows: usize,
    pub(super) cols: usize,
    /// Whether the buffer holds its transpose.
    pub(super) transposed: bool,
}

impl<T: Element> Clone for DeviceMatrix<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Element> Copy for DeviceMatrix<'_, T> {}

impl<'a, T: Element> DeviceMatrix<'a, T> {
    /// All of a buffer as a rows × cols matrix.
    ///
    /// # Errors
    /// [`Error::DataLength`] unless it holds rows · cols elements, [`Error::TooLarge`] if that overflows.
    pub fn new(data: &'a Buffer<T>, rows: usize, cols: usize) -> Result<Self, Error> {
        check_len(data.len(), rows, cols)?;
        Ok(Self { data, rows, cols, transposed: false })
    }

    /// The transposed matrix: the same buffer, read the other way round.
    #[must_use]
    pub fn transpose(self) -> Self {
        Self { data: self.data, rows: self.cols, cols: self.rows, transposed: !self.transposed }
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

    /// Elements between the starts of two of the buffer's rows.
    pub(super) fn leading(&self) -> usize {
        if self.transposed { self.rows } else { self.cols }
    }
}

/// Whether `len` elements are a rows × cols matrix.
pub(super) fn check_len(len: usize, rows: usize, cols: usize) -> Result<(), Error> {
    match rows.checked_mul(cols) {
        None => Err(Error::TooLarge { rows, cols, row_stride: cols, col_stride: 1 }),
        Some(expected) if expected == len => Ok(()),
        Some(expected) => Err(Error::DataLength { rows, cols, expected, len }),
    }
}
