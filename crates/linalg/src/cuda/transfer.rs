//! Matrices on their way to the GPU and back.

use gpu_device::{Buffer, Device, Element};

use super::DeviceMatrix;
use crate::{Error, MatrixView, MatrixViewMut, Scalar};

/// A matrix in the GPU's memory, owned.
pub(super) struct Uploaded<T: Element> {
    data: Buffer<T>,
    rows: usize,
    cols: usize,
    transposed: bool,
}

impl<T: Element> Uploaded<T> {
    pub(super) fn matrix(&self) -> DeviceMatrix<'_, T> {
        DeviceMatrix { data: &self.data, rows: self.rows, cols: self.cols, transposed: self.transposed }
    }

    pub(super) fn into_buffer(self) -> Buffer<T> {
        self.data
    }
}

/// Copies a matrix to the GPU: as it lies, if that is without gaps; else packed, row by row. `turns` says that it may
/// also lie column by column.
pub(super) fn upload<T: Scalar + Element>(
    device: &Device,
    matrix: MatrixView<'_, T>,
    turns: bool,
) -> Result<Uploaded<T>, Error> {
    let (rows, cols) = (matrix.rows(), matrix.cols());
    let len = rows.checked_mul(cols).ok_or(Error::TooLarge { rows, cols, row_stride: cols, col_stride: 1 })?;
    let uploaded = |data, transposed| Ok(Uploaded { data, rows, cols, transposed });
    if let Some(elements) = matrix.as_slice() {
        return uploaded(device.upload(elements)?, false);
    }
    if let Some(elements) = matrix.transpose().as_slice().filter(|_| turns) {
        return uploaded(device.upload(elements)?, true);
    }
    // A view may repeat its rows, and be larger than any memory: the GPU's is asked first, then the host's.
    let mut data = device.uninitialised(len)?;
    let mut packed = Vec::new();
    let too_large = |_| gpu_device::Error::TooLarge { len, element_bytes: size_of::<T>() };
    packed.try_reserve_exact(len).map_err(too_large)?;
    for i in 0..rows {
        match matrix.row_slice(i) {
            Some(row) => packed.extend_from_slice(row),
            None => packed.extend(matrix.row_iter(i)),
        }
    }
    data.copy_from_slice(&packed)?;
    uploaded(data, false)
}

/// C\[i\]\[j\] ← combine(what the GPU has, what is there), once everything has arrived.
pub(super) fn download<T: Scalar + Element>(
    data: &Buffer<T>,
    c: &mut MatrixViewMut<'_, T>,
    combine: impl Fn(T, T) -> T,
) -> Result<(), Error> {
    let arrived = data.to_vec()?;
    for (i, row) in arrived.chunks_exact(c.cols().max(1)).enumerate() {
        if let Some(to) = c.row_slice_mut(i) {
            for (to, &new) in to.iter_mut().zip(row) {
                *to = combine(new, *to);
            }
        } else {
            for (j, &new) in row.iter().enumerate() {
                c[(i, j)] = combine(new, c[(i, j)]);
            }
        }
    }
    Ok(())
}
