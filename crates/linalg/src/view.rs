//! Borrowed matrices with strides, and the only place where one slice becomes several views.
//!
//! Element (i, j) of a view lies `i * row_stride + j * col_stride` elements after its first one. A transposed
//! view swaps the strides, a block moves the first element: neither copies.
//!
//! Invariant of both types, on which every SAFETY comment below leans: **each (i, j) inside the shape is in
//! reach of the slice that the view was made from**; of a mutable view also: **no two of them share a place**.
#![allow(unsafe_code)]

use std::marker::PhantomData;
use std::ops::{Index, IndexMut};

use crate::Error;
use crate::layout::Layout;

/// A matrix that somebody else owns: a shape, two strides, a borrow. `Copy`.
///
/// Element (i, j) lies `i * row_stride + j * col_stride` elements after the first. A transposed view swaps the strides, a
/// block moves the first element: neither copies.
#[derive(Debug)]
pub struct MatrixView<'a, T> {
    first: *const T,
    layout: Layout,
    borrow: PhantomData<&'a [T]>,
}

/// A matrix that somebody else owns, to write into: as [`MatrixView`], but that no two of its elements share a place.
#[derive(Debug)]
pub struct MatrixViewMut<'a, T> {
    first: *mut T,
    layout: Layout,
    borrow: PhantomData<&'a mut [T]>,
}

impl<T> Clone for MatrixView<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for MatrixView<'_, T> {}

// SAFETY: a MatrixView is used only as a `&[T]` would be, and `&[T]` is Send and Sync where T is Sync.
unsafe impl<T: Sync> Send for MatrixView<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for MatrixView<'_, T> {}
// SAFETY: a MatrixViewMut is the only way to its elements, like a `&mut [T]`, which is Send where T is Send.
unsafe impl<T: Send> Send for MatrixViewMut<'_, T> {}
// SAFETY: a shared MatrixViewMut gives out `&T` only, like a `&&mut [T]`, which is Sync where T is Sync.
unsafe impl<T: Sync> Sync for MatrixViewMut<'_, T> {}

macro_rules! shape {
    () => {
        /// The number of rows.
        #[inline]
        #[must_use]
        pub fn rows(&self) -> usize {
            self.layout.rows
        }

        /// The number of columns.
        #[inline]
        #[must_use]
        pub fn cols(&self) -> usize {
            self.layout.cols
        }

        /// Elements from one row to the next.
        #[inline]
        #[must_use]
        pub fn row_stride(&self) -> usize {
            self.layout.row_stride
        }

        /// Elements from one column to the next.
        #[inline]
        #[must_use]
        pub fn col_stride(&self) -> usize {
            self.layout.col_stride
        }
    };
}

impl<'a, T> MatrixView<'a, T> {
    shape!();

    /// Looks at part of a slice. Strides count elements. They may be 0 (a row repeated) or cross; only the last element must
    /// be in reach.
    ///
    /// # Errors
    /// [`Error::OutOfReach`] if it is not, [`Error::TooLarge`] if its offset overflows.
    pub fn from_slice(
        data: &'a [T],
        rows: usize,
        cols: usize,
        row_stride: usize,
        col_stride: usize,
    ) -> Result<Self, Error> {
        let layout = Layout { rows, cols, row_stride, col_stride };
        layout.check_reach::<T>(data.len())?;
        Ok(Self { first: data.as_ptr(), layout, borrow: PhantomData })
    }

    /// All of a slice whose length the caller has checked to be rows · cols.
    pub(crate) fn row_major(data: &'a [T], rows: usize, cols: usize) -> Self {
        debug_assert_eq!(data.len(), rows * cols);
        let layout = Layout::row_major(rows, cols);
        Self { first: data.as_ptr(), layout, borrow: PhantomData }
    }

    /// An `ndarray` view with its own shape and strides, none of them negative along an axis longer than 1. That
    /// each of its elements is in reach is `ndarray`'s invariant.
    #[cfg(feature = "ndarray")]
    pub(crate) fn from_ndarray(
        view: ndarray::ArrayView2<'a, T>,
        rows: usize,
        cols: usize,
        row_stride: usize,
        col_stride: usize,
    ) -> Self {
        let layout = Layout { rows, cols, row_stride, col_stride };
        Self { first: view.as_ptr(), layout, borrow: PhantomData }
    }

    /// The transposed matrix: the same elements, strides swapped.
    #[inline]
    #[must_use]
    pub fn transpose(self) -> Self {
        Self { layout: self.layout.transpose(), ..self }
    }

    /// The rows × cols block whose first element is (row, col).
    ///
    /// # Errors
    /// [`Error::BlockOutside`] if it reaches over an edge.
    pub fn submatrix(self, row: usize, col: usize, rows: usize, cols: usize) -> Result<Self, Error> {
        self.layout.check_block(row, col, rows, cols)?;
        let offset = self.layout.block_offset(row, col, rows, cols);
        // SAFETY: `offset` is that of an element of the block, which lies inside this view, or 0.
        let first = unsafe { self.first.add(offset) };
        Ok(Self { first, layout: Layout { rows, cols, ..self.layout }, borrow: PhantomData })
    }

    /// A block that the caller's loops keep inside the matrix.
    #[inline]
    pub(crate) fn block(self, row: usize, col: usize, rows: usize, cols: usize) -> Self {
        self.submatrix(row, col, rows, cols).expect("a block inside the matrix")
    }

    /// Row `i` as a slice, if its elements are in line (`col_stride` 1, or one column at most).
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    pub fn row_slice(self, i: usize) -> Option<&'a [T]> {
        let offset = self.layout.row_start(i);
        // SAFETY: called only where each element of the row lies right behind the one before; all are in reach and
        // borrowed for 'a.
        let row = || unsafe { std::slice::from_raw_parts(self.first.add(offset), self.layout.cols) };
        self.layout.rows_in_line().then(row)
    }

    /// All elements, row by row, if they lie in line without gaps.
    #[cfg(feature = "cuda")]
    pub(crate) fn as_slice(self) -> Option<&'a [T]> {
        let Layout { rows, cols, row_stride, .. } = self.layout;
        let whole = self.layout.rows_in_line() && (rows <= 1 || row_stride == cols);
        let len = if whole { rows.checked_mul(cols)? } else { return None };
        // SAFETY: (i, j) lies i·cols + j elements after the first: all `len` of them are in reach and borrowed for 'a.
        Some(unsafe { std::slice::from_raw_parts(self.first, len) })
    }

    /// The elements of row `i`, whatever their stride; those of a column are `transpose()`'s row.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row_iter(self, i: usize) -> impl Iterator<Item = &'a T> {
        let Layout { cols, col_stride, .. } = self.layout;
        let mut at = self.first.wrapping_add(self.layout.row_start(i));
        (0..cols).map(move |_| {
            // SAFETY: element (i, j) at the j-th call, j < cols: it is in reach and borrowed for 'a.
            let element = unsafe { &*at };
            at = at.wrapping_add(col_stride);
            element
        })
    }

    /// The first element; reading (i, j) through it is sound inside the shape.
    #[inline]
    pub(crate) fn as_ptr(&self) -> *const T {
        self.first
    }
}

impl<'a, T> MatrixViewMut<'a, T> {
    shape!();

    /// Looks at part of a slice, to write into it. Strides count elements; only the last element must be in reach.
    ///
    /// # Errors
    /// [`Error::OutOfReach`] if it is not, [`Error::TooLarge`] if its offset overflows,
    /// [`Error::Aliasing`] if two elements would share a place.
    pub fn from_slice(
        data: &'a mut [T],
        rows: usize,
        cols: usize,
        row_stride: usize,
        col_stride: usize,
    ) -> Result<Self, Error> {
        let layout = Layout { rows, cols, row_stride, col_stride };
        layout.check_reach::<T>(data.len())?;
        if layout.aliases() {
            return Err(Error::Aliasing { rows, cols, row_stride, col_stride });
        }
        Ok(Self { first: data.as_mut_ptr(), layout, borrow: PhantomData })
    }

    /// All of a slice whose length the caller has checked to be rows · cols.
    pub(crate) fn row_major(data: &'a mut [T], rows: usize, cols: usize) -> Self {
        debug_assert_eq!(data.len(), rows * cols);
        let layout = Layout::row_major(rows, cols);
        Self { first: data.as_mut_ptr(), layout, borrow: PhantomData }
    }

    /// An `ndarray` view with its own shape and strides, none of them negative along an axis longer than 1. That
    /// each of its elements is in reach, and no two share a place, is `ndarray`'s invariant.
    #[cfg(feature = "ndarray")]
    pub(crate) fn from_ndarray(
        mut view: ndarray::ArrayViewMut2<'a, T>,
        rows: usize,
        cols: usize,
        row_stride: usize,
        col_stride: usize,
    ) -> Self {
        let layout = Layout { rows, cols, row_stride, col_stride };
        Self { first: view.as_mut_ptr(), layout, borrow: PhantomData }
    }

    /// The same view, borrowed for a shorter time.
    #[inline]
    #[must_use]
    pub fn reborrow(&mut self) -> MatrixViewMut<'_, T> {
        MatrixViewMut { first: self.first, layout: self.layout, borrow: PhantomData }
    }

    /// The same view, to read only.
    #[inline]
    #[must_use]
    pub fn as_view(&self) -> MatrixView<'_, T> {
        MatrixView { first: self.first, layout: self.layout, borrow: PhantomData }
    }

    /// The transposed matrix: the same elements, strides swapped.
    #[inline]
    #[must_use]
    pub fn transpose(self) -> Self {
        Self { layout: self.layout.transpose(), ..self }
    }

    /// The rows × cols block whose first element is (row, col).
    ///
    /// # Errors
    /// [`Error::BlockOutside`] if it reaches over an edge.
    pub fn submatrix(self, row: usize, col: usize, rows: usize, cols: usize) -> Result<Self, Error> {
        self.layout.check_block(row, col, rows, cols)?;
        let offset = self.layout.block_offset(row, col, rows, cols);
        // SAFETY: `offset` is that of an element of the block, which lies inside this view, or 0.
        let first = unsafe { self.first.add(offset) };
        Ok(Self { first, layout: Layout { rows, cols, ..self.layout }, borrow: PhantomData })
    }

    /// A block that the caller's loops keep inside the matrix.
    #[inline]
    pub(crate) fn block(&mut self, row: usize, col: usize, rows: usize, cols: usize) -> MatrixViewMut<'_, T> {
        self.reborrow().submatrix(row, col, rows, cols).expect("a block inside the matrix")
    }

    /// The rows above `row` and the rows from it on, to be written at the same time.
    ///
    /// # Errors
    /// [`Error::BlockOutside`] if there are fewer than `row` rows.
    pub fn split_at_row(self, row: usize) -> Result<(Self, Self), Error> {
        let Layout { rows, cols, .. } = self.layout;
        self.layout.check_block(0, 0, row, cols)?;
        let offset = self.layout.block_offset(row, 0, rows - row, cols);
        // SAFETY: `offset` is that of element (row, 0), or 0 where the lower part is empty.
        let second = unsafe { self.first.add(offset) };
        // The two share no element: no two (i, j) of this view share a place.
        let part = |first, rows| Self { first, layout: Layout { rows, ..self.layout }, borrow: PhantomData };
        Ok((part(self.first, row), part(second, rows - row)))
    }

    /// The columns before `col` and the columns from it on, to be written at the same time.
    ///
    /// # Errors
    /// [`Error::BlockOutside`] if there are fewer than `col` columns.
    pub fn split_at_col(self, col: usize) -> Result<(Self, Self), Error> {
        let (left, right) = self.transpose().split_at_row(col)?;
        Ok((left.transpose(), right.transpose()))
    }

    /// Row `i` as a slice, if its elements are in line (`col_stride` 1, or one column at most).
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    pub fn row_slice_mut(&mut self, i: usize) -> Option<&mut [T]> {
        let offset = self.layout.row_start(i);
        // SAFETY: called only where each element of the row lies right behind the one before; all are in reach, and
        // `&mut self`, which the slice keeps borrowed, is the only way to them.
        let row = || unsafe { std::slice::from_raw_parts_mut(self.first.add(offset), self.layout.cols) };
        self.layout.rows_in_line().then(row)
    }

    /// The first element; writing (i, j) through it is sound inside the shape while this view is borrowed.
    #[inline]
    pub(crate) fn as_mut_ptr(&mut self) -> *mut T {
        self.first
    }
}

impl<T> Index<(usize, usize)> for MatrixView<'_, T> {
    type Output = T;

    /// # Panics
    /// If the row or the column is outside the view.
    #[inline]
    fn index(&self, (row, col): (usize, usize)) -> &T {
        let offset = self.layout.offset(row, col);
        // SAFETY: `offset` checked that (row, col) is inside the shape, so the element is in reach and borrowed.
        unsafe { &*self.first.add(offset) }
    }
}

impl<T> Index<(usize, usize)> for MatrixViewMut<'_, T> {
    type Output = T;

    /// # Panics
    /// If the row or the column is outside the view.
    #[inline]
    fn index(&self, (row, col): (usize, usize)) -> &T {
        let offset = self.layout.offset(row, col);
        // SAFETY: `offset` checked that (row, col) is inside the shape, so the element is in reach and borrowed.
        unsafe { &*self.first.add(offset) }
    }
}

impl<T> IndexMut<(usize, usize)> for MatrixViewMut<'_, T> {
    /// # Panics
    /// If the row or the column is outside the view.
    #[inline]
    fn index_mut(&mut self, (row, col): (usize, usize)) -> &mut T {
        let offset = self.layout.offset(row, col);
        // SAFETY: as in `index`; `&mut self` is the only way to this element, since no two share a place.
        unsafe { &mut *self.first.add(offset) }
    }
}
