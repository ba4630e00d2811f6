//! Everything that can be wrong with a call, one variant each.

use crate::Isa;

/// Why a matrix, a view or a product was refused. Whenever a product is refused, nothing was written to C.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The inner dimensions of A·B differ.
    #[error(
        "cannot multiply {left_rows}x{left_cols} by {right_rows}x{right_cols}: {left_cols} columns on the left, {right_rows} rows on the right"
    )]
    ShapeMismatch {
        /// Rows of A.
        left_rows: usize,
        /// Columns of A.
        left_cols: usize,
        /// Rows of B.
        right_rows: usize,
        /// Columns of B.
        right_cols: usize,
    },
    /// C does not have the shape of A·B.
    #[error("the output is {rows}x{cols}, the product is {expected_rows}x{expected_cols}")]
    OutputShape {
        /// Rows of the product.
        expected_rows: usize,
        /// Columns of the product.
        expected_cols: usize,
        /// Rows of C.
        rows: usize,
        /// Columns of C.
        cols: usize,
    },
    /// An owned matrix was given the wrong number of elements.
    #[error("a {rows}x{cols} matrix holds {expected} elements, {len} were given")]
    DataLength {
        /// Rows asked for.
        rows: usize,
        /// Columns asked for.
        cols: usize,
        /// Elements that such a matrix holds.
        expected: usize,
        /// Elements given.
        len: usize,
    },
    /// The last element of a view lies outside its slice.
    #[error(
        "a {rows}x{cols} view with strides ({row_stride}, {col_stride}) reaches {needed} elements into a slice of {len}"
    )]
    OutOfReach {
        /// Rows asked for.
        rows: usize,
        /// Columns asked for.
        cols: usize,
        /// Elements between rows.
        row_stride: usize,
        /// Elements between columns.
        col_stride: usize,
        /// Elements that the slice must have.
        needed: usize,
        /// Elements that it has.
        len: usize,
    },
    /// Two elements of a mutable view would share a place.
    #[error("strides ({row_stride}, {col_stride}) put two elements of a mutable {rows}x{cols} view in one place")]
    Aliasing {
        /// Rows asked for.
        rows: usize,
        /// Columns asked for.
        cols: usize,
        /// Elements between rows.
        row_stride: usize,
        /// Elements between columns.
        col_stride: usize,
    },
    /// The size of a matrix in bytes does not fit the address space.
    #[error("a {rows}x{cols} matrix with strides ({row_stride}, {col_stride}) is larger than the address space")]
    TooLarge {
        /// Rows asked for.
        rows: usize,
        /// Columns asked for.
        cols: usize,
        /// Elements between rows.
        row_stride: usize,
        /// Elements between columns.
        col_stride: usize,
    },
    /// A block reaches over the edge of the matrix that it is cut from.
    #[error("the {rows}x{cols} block at ({row}, {col}) reaches over the edge of a {of_rows}x{of_cols} matrix")]
    BlockOutside {
        /// First row of the block.
        row: usize,
        /// First column of the block.
        col: usize,
        /// Rows of the block.
        rows: usize,
        /// Columns of the block.
        cols: usize,
        /// Rows of the matrix.
        of_rows: usize,
        /// Columns of the matrix.
        of_cols: usize,
    },
    /// The processor lacks the instruction set that was asked for.
    #[error("{asked} was asked for, the best this processor runs is {best}")]
    IsaUnavailable {
        /// What was asked for.
        asked: Isa,
        /// What there is.
        best: Isa,
    },
    /// A tile size is zero or above its limit.
    #[error("{name} is {value}, it must be between 1 and {max}")]
    BadTiling {
        /// The name of the tile size.
        name: &'static str,
        /// What was asked for.
        value: usize,
        /// The largest value taken.
        max: usize,
    },
    /// A dimension is larger than the provider's integers.
    #[error("a dimension is {value}, {provider} takes at most {max}")]
    ProviderLimit {
        /// The library or kernel called.
        provider: &'static str,
        /// The dimension.
        value: usize,
        /// The largest value taken.
        max: usize,
    },
    /// An `ndarray` view runs backwards through memory.
    #[error("the stride along axis {axis} is {stride}, it must be at least 0")]
    NegativeStride {
        /// 0 for rows, 1 for columns.
        axis: usize,
        /// The stride, in elements.
        stride: isize,
    },
    /// The GPU did not do what it was asked to, or there is none.
    #[cfg(feature = "cuda")]
    #[error(transparent)]
    Gpu(#[from] gpu_device::Error),
}
