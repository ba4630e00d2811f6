//! Where the elements of a strided matrix lie: offsets, reach, and whether two of them meet.

use crate::Error;

/// A shape and two strides.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    pub(crate) row_stride: usize,
    pub(crate) col_stride: usize,
}

impl Layout {
    /// Elements from the first to one past the last; `None` if that does not fit the address space.
    fn reach<T>(self) -> Option<usize> {
        if self.rows == 0 || self.cols == 0 {
            return Some(0);
        }
        let down = (self.rows - 1).checked_mul(self.row_stride)?;
        let across = (self.cols - 1).checked_mul(self.col_stride)?;
        let reach = down.checked_add(across)?.checked_add(1)?;
        let bytes_max = isize::MAX.unsigned_abs();
        (reach.checked_mul(size_of::<T>())? <= bytes_max).then_some(reach)
    }

    pub(crate) fn check_reach<T>(self, len: usize) -> Result<(), Error> {
        let Layout { rows, cols, row_stride, col_stride } = self;
        match self.reach::<T>() {
            None => Err(Error::TooLarge { rows, cols, row_stride, col_stride }),
            Some(needed) if needed > len => Err(Error::OutOfReach { rows, cols, row_stride, col_stride, needed, len }),
            Some(_) => Ok(()),
        }
    }

    /// Two elements coincide exactly if `di * row_stride == dj * col_stride` for some `0 < di < rows` and
    /// `0 < dj < cols`, or a stride along an axis longer than one is zero. The smallest such pair is the
    /// strides divided by their greatest common divisor, crosswise.
    pub(crate) fn aliases(self) -> bool {
        let Layout { rows, cols, row_stride, col_stride } = self;
        if rows == 0 || cols == 0 {
            return false;
        }
        if (rows > 1 && row_stride == 0) || (cols > 1 && col_stride == 0) {
            return true;
        }
        if rows == 1 || cols == 1 {
            return false;
        }
        let divisor = greatest_common_divisor(row_stride, col_stride);
        col_stride / divisor < rows && row_stride / divisor < cols
    }

    pub(crate) fn transpose(self) -> Self {
        Self { rows: self.cols, cols: self.rows, row_stride: self.col_stride, col_stride: self.row_stride }
    }

    pub(crate) fn row_major(rows: usize, cols: usize) -> Self {
        Self { rows, cols, row_stride: cols, col_stride: 1 }
    }

    pub(crate) fn check_block(self, row: usize, col: usize, rows: usize, cols: usize) -> Result<(), Error> {
        let fits = |first: usize, count: usize, of: usize| first <= of && count <= of - first;
        if fits(row, rows, self.rows) && fits(col, cols, self.cols) {
            return Ok(());
        }
        Err(Error::BlockOutside { row, col, rows, cols, of_rows: self.rows, of_cols: self.cols })
    }

    /// Where the block at (row, col) starts: 0 for an empty one, which may lie past the last element.
    pub(crate) fn block_offset(self, row: usize, col: usize, rows: usize, cols: usize) -> usize {
        if rows == 0 || cols == 0 {
            return 0;
        }
        row * self.row_stride + col * self.col_stride
    }

    /// Where a row starts; 0 if it has no elements.
    #[inline]
    pub(crate) fn row_start(self, row: usize) -> usize {
        assert!(row < self.rows, "row {row} is outside a {}x{} view", self.rows, self.cols);
        self.block_offset(row, 0, 1, self.cols)
    }

    /// Whether the elements of a row lie one right behind the other.
    #[inline]
    pub(crate) fn rows_in_line(self) -> bool {
        self.col_stride == 1 || self.cols <= 1
    }

    /// The offset of an element inside the shape; it cannot overflow, since the last one does not.
    #[inline]
    pub(crate) fn offset(self, row: usize, col: usize) -> usize {
        assert!(row < self.rows && col < self.cols, "({row}, {col}) is outside a {}x{} view", self.rows, self.cols);
        row * self.row_stride + col * self.col_stride
    }
}

fn greatest_common_divisor(mut a: usize, mut b: usize) -> usize {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}
