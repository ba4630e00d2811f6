//! Everything that needs `unsafe` to be fast: vector registers and the kernels on them.
//!
//! The rest of the crate sees safe functions only: those of [`Kernels`] check lengths once a tile, and [`kernels`] hands a table out
//! only if the processor has its instruction set.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod backward;
mod decode;
mod forward;
mod portable;
mod product;
mod rowwise;
mod table;
mod transpose;
mod vector;

use crate::{Error, Isa};

pub(crate) use backward::{BackwardTile, KeyGradients};
pub(crate) use decode::DecodePart;
pub(crate) use forward::{ForwardTile, NO_MAX};
pub(crate) use rowwise::Row;
pub(crate) use table::Kernels;
pub(crate) use transpose::transpose;

/// The kernels of an instruction set, the best one if `None`.
///
/// # Errors
///
/// [`Error::IsaUnavailable`] if this processor lacks it.
pub(crate) fn kernels(isa: Option<Isa>) -> Result<&'static Kernels, Error> {
    let asked = isa.unwrap_or_else(Isa::best);
    if !asked.is_available() {
        return Err(Error::IsaUnavailable { asked, best: Isa::best() });
    }
    Ok(match asked {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => &avx512::KERNELS,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2Fma => &avx2::KERNELS,
        _ => &portable::KERNELS,
    })
}

/// How many queries a block has: a width of [`Kernels`].
#[derive(Clone, Copy)]
pub(crate) struct Width {
    index: usize,
    /// Queries.
    pub(crate) lanes: usize,
}

impl Kernels {
    /// Queries of the widest block.
    pub(crate) fn lanes_max(&self) -> usize {
        self.widths[table::WIDTHS - 1] * self.vector
    }

    /// The narrowest block that holds `rows` queries, or the widest there is.
    pub(crate) fn width(&self, rows: usize) -> Width {
        let index = self.widths.iter().position(|width| width * self.vector >= rows).unwrap_or(table::WIDTHS - 1);
        Width { index, lanes: self.widths[index] * self.vector }
    }

    /// Queries of a block of this table; those in `width` may be another's.
    fn lanes(&self, width: Width) -> usize {
        self.widths[width.index] * self.vector
    }

    /// One tile of the forward pass.
    ///
    /// # Panics
    ///
    /// If a slice is not as long as the width makes it.
    pub(crate) fn forward_tile(&self, width: Width, mut tile: ForwardTile<'_>) {
        debug_assert!(self.isa.is_available());
        tile.check(self.lanes(width));
        // SAFETY: whoever has a table has the instruction set; check() has passed for the lanes of this table's kernel.
        unsafe { self.forward[width.index](&mut tile) }
    }

    /// One tile of the backward pass.
    ///
    /// # Panics
    ///
    /// If a slice is not as long as the width makes it.
    pub(crate) fn backward_tile(&self, width: Width, mut tile: BackwardTile<'_>) {
        debug_assert!(self.isa.is_available());
        tile.check(self.lanes(width));
        // SAFETY: whoever has a table has the instruction set; check() has passed for the lanes of this table's kernel.
        unsafe { self.backward[width.index](&mut tile) }
    }

    /// A part of the keys for a handful of queries.
    ///
    /// # Panics
    ///
    /// If a slice is not as long as the others make it.
    pub(crate) fn decode_part(&self, mut part: DecodePart<'_>) {
        debug_assert!(self.isa.is_available());
        part.check();
        // SAFETY: whoever has a table has the instruction set; check() has passed.
        unsafe { (self.decode)(&mut part) }
    }

    /// One row; gives what [`Row`] says.
    ///
    /// # Panics
    ///
    /// If the slices differ in length.
    pub(crate) fn row(&self, mut row: Row<'_>) -> [f32; 2] {
        debug_assert!(self.isa.is_available());
        row.check();
        // SAFETY: whoever has a table has the instruction set; check() has passed.
        unsafe { (self.row)(&mut row) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A width of one table says little of another's: what a kernel reaches is checked against its own.
    #[test]
    #[should_panic = "assertion failed"]
    fn a_width_of_fewer_lanes_does_not_pass_for_this_tables() {
        let kernels = &portable::KERNELS;
        let lanes = kernels.lanes_max() / 2;
        // Room for twice as many lanes lies behind each slice.
        let (one, mut out_t, mut sum, mut p_t) = (vec![1.0; 16], vec![0.0; 16], vec![0.0; 16], vec![0.0; 16]);
        let mut negative_max = [-NO_MAX; 16];
        let tile = ForwardTile {
            head_dim: 1,
            k: &one[..1],
            v: &one[..1],
            factor: 1.0,
            seen: None,
            q_t: &one[..lanes],
            out_t: &mut out_t[..lanes],
            negative_max: &mut negative_max[..lanes],
            sum: &mut sum[..lanes],
            p_t: &mut p_t[..lanes],
        };
        kernels.forward_tile(Width { index: table::WIDTHS - 1, lanes }, tile);
    }
}
