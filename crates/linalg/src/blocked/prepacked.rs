//! A right operand packed once and multiplied many times.

use super::plan::PACKED_LINES_ROWS;
use super::{Blocked, Left, Product, Right, Sizes, Tiling};
use crate::backend::{check_inner, check_output, scale};
use crate::simd::{Destination, Term, packed_len};
use crate::{Error, Isa, MatrixView, MatrixViewMut, Scalar};

/// B (k × n) in packed order, for many products with the same B: weights of a network, a fixed basis.
///
/// Made by [`Blocked::pack_b`]. Holds about k·n elements. Bit for bit the same results as without packing on the
/// paths that pack anyway.
#[derive(Debug, Clone)]
pub struct PackedB<T> {
    data: Vec<T>,
    rows: usize,
    cols: usize,
    kc: usize,
    /// Columns of B rounded up as the panels are.
    padded: usize,
    isa: Isa,
}

impl<T: Scalar> PackedB<T> {
    /// Rows of B.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Columns of B.
    #[must_use]
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// The panels from column `col` on, for steps `p..p + k` of the sum.
    pub(super) fn block(&self, col: usize, p: usize, k: usize) -> &[T] {
        debug_assert!(p.is_multiple_of(self.kc));
        &self.data[p * self.padded + col * k..(p + k) * self.padded]
    }
}

impl Blocked {
    /// Packs B for [`gemm_packed`](Self::gemm_packed) with this tiling.
    ///
    /// # Errors
    /// [`Error::IsaUnavailable`] and [`Error::BadTiling`] as for a product; [`Error::TooLarge`] if the packed copy does
    /// not fit the address space, as a view with strides of 0 may ask for.
    pub fn pack_b<T: Scalar>(&self, b: MatrixView<'_, T>) -> Result<PackedB<T>, Error> {
        self.tiling.check()?;
        let kernels = T::kernels(self.tiling.isa)?;
        let (rows, cols) = (b.rows(), b.cols());
        // For row-major C the kernels compute Cᵀ = Bᵀ·Aᵀ, so that B is their left operand.
        let a = b.transpose();
        let kc = Sizes::new(self.tiling, kernels, (cols, 1, rows)).kc;
        let padded = packed_len(cols, 1, kernels.rows(), kernels.lanes);
        let len = padded.checked_mul(rows).filter(|&len| len <= isize::MAX.unsigned_abs() / size_of::<T>());
        let too_large = Error::TooLarge { rows, cols, row_stride: b.row_stride(), col_stride: b.col_stride() };
        let mut data = vec![T::ZERO; len.ok_or(too_large)?];
        if cols > 0 {
            for p in (0..rows).step_by(kc) {
                let k = kc.min(rows - p);
                let block = Term { factor: T::ONE, matrix: a.block(0, p, cols, k) };
                let to = &mut data[p * padded..(p + k) * padded];
                kernels.pack(&[block], kernels.rows(), kernels.lanes, to);
            }
        }
        Ok(PackedB { data, rows, cols, kc, padded, isa: kernels.isa })
    }

    /// C ← alpha·A·B + beta·C with B packed before. A is m × k, C is m × n; fastest for row-major C. As for
    /// [`gemm`](crate::Backend::gemm), `beta == 0` never reads C, and `alpha == 0` never reads A or B.
    ///
    /// The instruction set and `kc` are those that B was packed with.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] or [`Error::OutputShape`] if the shapes do not fit, [`Error::BadTiling`] for a size out of
    /// range. C is then unchanged.
    pub fn gemm_packed<T: Scalar>(
        &self,
        alpha: T,
        a: MatrixView<'_, T>,
        b: &PackedB<T>,
        beta: T,
        mut c: MatrixViewMut<'_, T>,
    ) -> Result<(), Error> {
        self.tiling.check()?;
        check_inner((a.rows(), a.cols()), (b.rows, b.cols))?;
        check_output((a.rows(), b.cols), (c.rows(), c.cols()))?;
        if c.rows() == 0 || c.cols() == 0 {
            return Ok(());
        }
        if alpha == T::ZERO || a.cols() == 0 {
            scale(&mut c, beta);
            return Ok(());
        }
        let kernels = T::kernels(Some(b.isa))?;
        let tiling = Tiling { kc: Some(b.kc), ..self.tiling };
        let terms = [Term { factor: T::ONE, matrix: a.transpose() }];
        let in_place = a.col_stride() == 1 && b.cols < PACKED_LINES_ROWS;
        let right = if in_place { Right::InPlace(a.transpose()) } else { Right::Terms(&terms) };
        let to = vec![Destination { alpha, beta, c: c.transpose() }];
        let product = Product { a: Left::Packed { packed: b, row: 0 }, b: right, to };
        Blocked { tiling, ..*self }.fused(kernels, product);
        Ok(())
    }
}
