//! Every kernel of one instruction set, by the shape of its tile, and the macros that fill the tables.

use super::pack::PackKernel;
use super::stream::StreamKernel;
use super::tile::TileKernel;
use crate::Isa;

/// Kernels by their number of vectors − 1 and columns − 1.
pub(super) type Tiles<T> = &'static [&'static [TileKernel<T>]];

/// The kernels of one instruction set for one element type.
///
/// Handed out only by `HasKernels::kernels`, after the set was detected: whoever holds a reference to one may
/// call its kernels as far as the instruction set goes.
pub struct Kernels<T: 'static> {
    pub(crate) isa: Isa,
    /// Elements a vector register.
    pub(crate) lanes: usize,
    /// For A packed.
    pub(super) packed: Tiles<T>,
    /// For A in place.
    pub(super) strided: Tiles<T>,
    pub(super) pack: PackKernel<T>,
    pub(super) axpy: StreamKernel<T>,
    /// One column times a number, past the caches.
    pub(super) outer: StreamKernel<T>,
    pub(super) dot: StreamKernel<T>,
}

impl<T> Kernels<T> {
    /// Rows of the tallest tile.
    #[inline(always)]
    pub(crate) fn rows(&self) -> usize {
        self.lanes * self.packed.len()
    }

    /// Columns of a tile of packed operands.
    #[inline(always)]
    pub(crate) fn cols(&self) -> usize {
        self.packed[0].len()
    }

    /// Vectors that hold this many rows of a tile. No division: a product of 8 × 8 matrices would notice.
    #[inline(always)]
    pub(super) fn vectors_of(&self, rows: usize) -> usize {
        (1..self.packed.len()).fold(1, |vectors, full| vectors + usize::from(rows > full * self.lanes))
    }

    /// Columns of the widest tile of at least two vectors, for operands in place.
    pub(crate) fn cols_in_place_max(&self) -> usize {
        self.strided[1].len()
    }
}

/// The generic kernels, compiled for one instruction set: `entries!(#[target_feature(enable = ".."]))`.
macro_rules! entries {
    ($(#[$feature:meta])?) => {
        /// [`tile`](super::tile::tile) compiled for this instruction set.
        ///
        /// # Safety
        /// As [`TileKernel`](super::tile::TileKernel).
        $(#[$feature])?
        unsafe fn tile<V: Vector, const VECTORS: usize, const COLS: usize, const PACKED: bool>(
            operands: &super::tile::Operands<V::Element>,
            outputs: &[super::tile::Output<V::Element>],
        ) {
            // SAFETY: the caller keeps TileKernel's contract; compiled for V's instruction set.
            unsafe { super::tile::tile::<V, VECTORS, COLS, PACKED>(operands, outputs) }
        }

        /// [`pack_block`](super::pack::pack_block) compiled for this instruction set.
        ///
        /// # Safety
        /// As [`PackKernel`](super::pack::PackKernel).
        $(#[$feature])?
        unsafe fn pack<V: Vector>(block: &super::pack::Block, terms: &[super::pack::Source<V::Element>], to: *mut V::Element) {
            // SAFETY: the caller keeps PackKernel's contract; compiled for V's instruction set.
            unsafe { super::pack::pack_block::<V>(block, terms, to) }
        }

        /// [`axpy`](super::stream::axpy) compiled for this instruction set.
        ///
        /// # Safety
        /// As [`StreamKernel`](super::stream::StreamKernel).
        $(#[$feature])?
        unsafe fn axpy<V: Vector>(
            operands: &super::tile::Operands<V::Element>,
            output: &super::tile::Output<V::Element>,
        ) {
            // SAFETY: the caller keeps StreamKernel's contract; compiled for V's instruction set.
            unsafe { super::stream::axpy::<V>(operands, output) }
        }

        /// [`outer`](super::stream::outer) compiled for this instruction set.
        ///
        /// # Safety
        /// As [`StreamKernel`](super::stream::StreamKernel).
        $(#[$feature])?
        unsafe fn outer<V: Vector>(
            operands: &super::tile::Operands<V::Element>,
            output: &super::tile::Output<V::Element>,
        ) {
            // SAFETY: the caller keeps StreamKernel's contract; compiled for V's instruction set.
            unsafe { super::stream::outer::<V>(operands, output) }
        }

        /// [`dot`](super::stream::dot) compiled for this instruction set.
        ///
        /// # Safety
        /// As [`StreamKernel`](super::stream::StreamKernel).
        $(#[$feature])?
        unsafe fn dot<V: Vector>(
            operands: &super::tile::Operands<V::Element>,
            output: &super::tile::Output<V::Element>,
        ) {
            // SAFETY: the caller keeps StreamKernel's contract; compiled for V's instruction set.
            unsafe { super::stream::dot::<V>(operands, output) }
        }
    };
}

/// The table of one vector type: `$vectors` × `$cols` is the tile of packed products, six columns wide in every set.
/// For operands in place there are wider tiles of fewer vectors, as many columns as are listed (1, 2, … up to the widest).
macro_rules! table {
    ($vector:ty, $isa:expr, [$($vectors:literal: [$($col:literal)*])*]) => {
        super::table::Kernels {
            isa: $isa,
            lanes: <$vector as Vector>::LANES,
            packed: &[$(&[
                tile::<$vector, $vectors, 1, true>,
                tile::<$vector, $vectors, 2, true>,
                tile::<$vector, $vectors, 3, true>,
                tile::<$vector, $vectors, 4, true>,
                tile::<$vector, $vectors, 5, true>,
                tile::<$vector, $vectors, 6, true>,
            ]),*],
            strided: &[$(&[$(tile::<$vector, $vectors, $col, false>),*]),*],
            pack: pack::<$vector>,
            axpy: axpy::<$vector>,
            outer: outer::<$vector>,
            dot: dot::<$vector>,
        }
    };
}

pub(super) use {entries, table};
