//! Every kernel of one instruction set, and the macros that fill the tables.

use super::backward::BackwardTile;
use super::decode::DecodePart;
use super::forward::ForwardTile;
use super::rowwise::Row;
use crate::Isa;

/// How many widths of blocks there are kernels for.
pub(super) const WIDTHS: usize = 3;

/// The kernels of one instruction set.
///
/// Handed out only by [`kernels`](super::kernels), after the set was detected: whoever holds a reference to one may
/// call its kernels as far as the instruction set goes.
pub(crate) struct Kernels {
    pub(super) isa: Isa,
    /// Elements a vector register.
    pub(super) vector: usize,
    /// Vectors of queries in a block, of each width; growing.
    pub(super) widths: [usize; WIDTHS],
    pub(super) forward: [unsafe fn(&mut ForwardTile<'_>); WIDTHS],
    pub(super) backward: [unsafe fn(&mut BackwardTile<'_>); WIDTHS],
    pub(super) decode: unsafe fn(&mut DecodePart<'_>),
    pub(super) row: unsafe fn(&mut Row<'_>) -> [f32; 2],
}

/// The generic kernels, compiled for one instruction set: `entries!(#[target_feature(enable = ".."]))`.
macro_rules! entries {
    ($(#[$feature:meta])?) => {
        /// [`forward_tile`](super::forward::forward_tile) compiled for this instruction set.
        ///
        /// # Safety
        /// As there.
        $(#[$feature])?
        unsafe fn forward<V: Vector, const W: usize>(tile: &mut super::forward::ForwardTile<'_>) {
            // SAFETY: the caller's; compiled for V's instruction set.
            unsafe { super::forward::forward_tile::<V, W>(tile) }
        }

        /// [`backward_tile`](super::backward::backward_tile) compiled for this instruction set.
        ///
        /// # Safety
        /// As there.
        $(#[$feature])?
        unsafe fn backward<V: Vector, const W: usize, const WIDE: usize>(
            tile: &mut super::backward::BackwardTile<'_>,
        ) {
            // SAFETY: the caller's; compiled for V's instruction set.
            unsafe { super::backward::backward_tile::<V, W, WIDE>(tile) }
        }

        /// [`decode_part`](super::decode::decode_part) compiled for this instruction set.
        ///
        /// # Safety
        /// As there.
        $(#[$feature])?
        unsafe fn decode<V: Vector, const WIDE: usize>(part: &mut super::decode::DecodePart<'_>) {
            // SAFETY: the caller's; compiled for V's instruction set.
            unsafe { super::decode::decode_part::<V, WIDE>(part) }
        }

        /// [`row`](super::rowwise::row) compiled for this instruction set.
        ///
        /// # Safety
        /// As there.
        $(#[$feature])?
        unsafe fn row<V: Vector>(row: &mut super::rowwise::Row<'_>) -> [f32; 2] {
            // SAFETY: the caller's; compiled for V's instruction set.
            unsafe { super::rowwise::row::<V>(row) }
        }
    };
}

/// The table of one vector type, with the widths of its blocks.
macro_rules! table {
    ($vector:ty, $isa:expr, [$($width:literal),*], $widest:literal) => {
        super::table::Kernels {
            isa: $isa,
            vector: <$vector as Vector>::LANES,
            widths: [$($width),*],
            forward: [$(forward::<$vector, $width>),*],
            backward: [$(backward::<$vector, $width, $widest>),*],
            decode: decode::<$vector, $widest>,
            row: row::<$vector>,
        }
    };
}

pub(super) use {entries, table};
