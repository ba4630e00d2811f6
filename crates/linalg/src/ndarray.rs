//! `ndarray`'s views as this crate's, at no cost: same elements, same strides.

use ndarray::{ArrayView2, ArrayViewMut2};

use crate::{Error, MatrixView, MatrixViewMut};

/// The stride along an axis; one that is never stepped along may be anything.
fn stride(axis: usize, length: usize, stride: isize) -> Result<usize, Error> {
    if length <= 1 {
        return Ok(1);
    }
    usize::try_from(stride).map_err(|_| Error::NegativeStride { axis, stride })
}

impl<'a, T> TryFrom<ArrayView2<'a, T>> for MatrixView<'a, T> {
    type Error = Error;

    /// # Errors
    /// [`Error::NegativeStride`] if the view runs backwards along an axis, as after `slice(s![..;-1, ..])`.
    fn try_from(view: ArrayView2<'a, T>) -> Result<Self, Error> {
        let (rows, cols) = view.dim();
        let (row_stride, col_stride) = (stride(0, rows, view.strides()[0])?, stride(1, cols, view.strides()[1])?);
        Ok(Self::from_ndarray(view, rows, cols, row_stride, col_stride))
    }
}

impl<'a, T> TryFrom<ArrayViewMut2<'a, T>> for MatrixViewMut<'a, T> {
    type Error = Error;

    /// # Errors
    /// [`Error::NegativeStride`] if the view runs backwards along an axis.
    fn try_from(view: ArrayViewMut2<'a, T>) -> Result<Self, Error> {
        let (rows, cols) = view.dim();
        let (row_stride, col_stride) = (stride(0, rows, view.strides()[0])?, stride(1, cols, view.strides()[1])?);
        Ok(Self::from_ndarray(view, rows, cols, row_stride, col_stride))
    }
}
