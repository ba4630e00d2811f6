//! `ndarray`'s views as this crate's, at no cost: same elements, same strides.

use ndarray::{ArrayView2, ArrayViewMut2};

use crate::{Error, MatrixView, MatrixViewMut};

/// Both strides; one that is never stepped along may be anything.
fn strides((rows, cols): (usize, usize), strides: &[isize]) -> Result<(usize, usize), Error> {
    let stride = |axis: usize, length: usize| {
        if length <= 1 || rows.min(cols) == 0 {
            return Ok(1);
        }
        usize::try_from(strides[axis]).map_err(|_| Error::NegativeStride { axis, stride: strides[axis] })
    };
    Ok((stride(0, rows)?, stride(1, cols)?))
}

impl<'a, T> TryFrom<ArrayView2<'a, T>> for MatrixView<'a, T> {
    type Error = Error;

    /// # Errors
    /// [`Error::NegativeStride`] if the view runs backwards along an axis, as after `slice(s![..;-1, ..])`.
    fn try_from(view: ArrayView2<'a, T>) -> Result<Self, Error> {
        let (rows, cols) = view.dim();
        let (row_stride, col_stride) = strides((rows, cols), view.strides())?;
        Ok(Self::from_ndarray(view, rows, cols, row_stride, col_stride))
    }
}

impl<'a, T> TryFrom<ArrayViewMut2<'a, T>> for MatrixViewMut<'a, T> {
    type Error = Error;

    /// # Errors
    /// [`Error::NegativeStride`] if the view runs backwards along an axis.
    fn try_from(view: ArrayViewMut2<'a, T>) -> Result<Self, Error> {
        let (rows, cols) = view.dim();
        let (row_stride, col_stride) = strides((rows, cols), view.strides())?;
        Ok(Self::from_ndarray(view, rows, cols, row_stride, col_stride))
    }
}
