//! The safe face of the kernels: shapes and lengths are checked here, once per block.
#![allow(unsafe_code)]

use super::pack::{Block, Source};
use super::table::{Kernels, Tiles};
use super::tile::{Ahead, CHUNK, LINE_BYTES, Operands, Output, TileKernel};
use crate::{MatrixView, MatrixViewMut, Scalar};

/// The most matrices that one operand sums, and the most places that one product is added to: two levels of
/// Strassen, two of each.
pub(crate) const TERMS_MAX: usize = 4;

/// Elements of the largest tile of any instruction set, for C without unit stride.
const TILE_MAX: usize = 64 * 6;

/// One matrix of a sum that is packed.
#[derive(Clone, Copy)]
pub(crate) struct Term<'a, T> {
    pub(crate) factor: T,
    pub(crate) matrix: MatrixView<'a, T>,
}

/// A block of an operand, as the kernels read it.
#[derive(Clone, Copy)]
pub(crate) enum Operand<'s, 'a, T> {
    /// Packed in panels of the largest tile's rows (columns for B).
    Packed(&'s [T]),
    /// Where it is; of A, rows are in line.
    InPlace(MatrixView<'a, T>),
}

/// A place that a product is added to: C ← alpha·product + beta·C.
pub(crate) struct Destination<'a, T> {
    pub(crate) alpha: T,
    pub(crate) beta: T,
    pub(crate) c: MatrixViewMut<'a, T>,
}

/// Elements of a packed block of `rows` in panels of at most `panel`, each rounded up to `granule`; saturates, so that
/// no slice is as long as an overflow asks.
pub(crate) fn packed_len(rows: usize, k: usize, panel: usize, granule: usize) -> usize {
    (rows / panel * panel).saturating_add((rows % panel).next_multiple_of(granule)).saturating_mul(k)
}

/// Whether lines that are this many elements apart meet in so few sets of a cache that they drive each other out.
pub(crate) fn crowded<T>(stride: usize) -> bool {
    /// Sets times bytes a line of a first-level cache of 8 ways and 32 KiB; a divisor of it in other levels.
    const PERIOD: usize = 4096;
    /// Strides this close to a multiple of the period.
    const CLOSE: usize = 128;
    let bytes = stride.saturating_mul(size_of::<T>());
    bytes >= PERIOD / 2 && bytes.saturating_add(CLOSE) % PERIOD < 2 * CLOSE
}

impl<T: Scalar> Kernels<T> {
    /// Packs the sum of `terms`, all of one shape and strides, into panels of `panel` rows: step p of a panel
    /// is `panel` elements in line. The last panel is as wide as its rows, rounded up to `granule`.
    ///
    /// # Panics
    /// If the terms differ in shape or strides, or `to` is shorter than [`packed_len`].
    pub(crate) fn pack(&self, terms: &[Term<'_, T>], panel: usize, granule: usize, to: &mut [T]) {
        let first = &terms[0].matrix;
        let (rows, k) = (first.rows(), first.cols());
        let (row_stride, col_stride) = (first.row_stride(), first.col_stride());
        for Term { matrix, .. } in terms {
            assert!(matrix.rows() == rows && matrix.cols() == k);
            assert!(matrix.row_stride() == row_stride && matrix.col_stride() == col_stride);
        }
        assert!(terms.len() <= TERMS_MAX && to.len() >= packed_len(rows, k, panel, granule));
        let block = Block { rows, k, panel, granule, row_stride, col_stride };
        let mut sources = [Source { from: std::ptr::null(), factor: T::ZERO }; TERMS_MAX];
        for (source, term) in sources.iter_mut().zip(terms) {
            *source = Source { from: term.matrix.as_ptr(), factor: term.factor };
        }
        // SAFETY: a reference to `Kernels` means its set was detected; every (row, step) of the block is inside
        // each view; `to` is long enough, checked above.
        unsafe { (self.pack)(&block, &sources[..terms.len()], to.as_mut_ptr()) };
    }

    /// The product of two blocks, added to every destination. All destinations have one shape (rows × cols of the
    /// blocks) and strides. Where A is packed, it is in panels of [`rows`](Self::rows) with granule `lanes`; B's
    /// columns in panels of [`cols`](Self::cols) with granule 1.
    ///
    /// Between tiles it asks for the lines of `next`, what will be packed after this, so that they have arrived by
    /// then; during each tile, for a share of the next panel of B.
    ///
    /// # Panics
    /// If a block does not have its shape, or the destinations differ.
    pub(crate) fn block_product(
        &self,
        k: usize,
        a: Operand<'_, '_, T>,
        b: Operand<'_, '_, T>,
        to: &mut [Destination<'_, T>],
        next: &[Term<'_, T>],
    ) {
        let (rows, cols) = (to[0].c.rows(), to[0].c.cols());
        let strides = (to[0].c.row_stride(), to[0].c.col_stride());
        for Destination { c, .. } in &*to {
            assert!((c.rows(), c.cols()) == (rows, cols) && (c.row_stride(), c.col_stride()) == strides);
        }
        assert!(to.len() <= TERMS_MAX);
        let tiles = match &a {
            Operand::Packed(a) => {
                assert!(a.len() >= packed_len(rows, k, self.rows(), self.lanes));
                self.packed
            }
            Operand::InPlace(a) => {
                assert!((a.rows(), a.cols()) == (rows, k) && (a.row_stride() == 1 || rows == 1));
                self.strided
            }
        };
        match &b {
            Operand::Packed(b) => assert!(b.len() >= packed_len(cols, k, self.cols(), 1)),
            Operand::InPlace(b) => assert!((b.rows(), b.cols()) == (k, cols)),
        }
        let width = self.cols();
        let tiles_a_panel = rows.div_ceil(self.rows());
        let mut prefetch = Prefetch::new(next, tiles_a_panel * cols.div_ceil(width));
        for col in (0..cols).step_by(width) {
            let cols_here = width.min(cols - col);
            let (panel, b_step, b_col_stride) = match &b {
                Operand::Packed(b) => (b.as_ptr().wrapping_add(col * k), cols_here, 1),
                Operand::InPlace(b) => (b.as_ptr().wrapping_add(col * b.col_stride()), b.row_stride(), b.col_stride()),
            };
            let mut ahead = self.next_panel(&b, k, if col + width < cols { col + width } else { 0 });
            for row in (0..rows).step_by(self.rows()) {
                prefetch.one_share();
                let rows = self.rows().min(rows - row);
                let (a, a_step) = match &a {
                    Operand::Packed(a) => (a.as_ptr().wrapping_add(row * k), rows.next_multiple_of(self.lanes)),
                    Operand::InPlace(a) => (a.as_ptr().wrapping_add(row), a.col_stride()),
                };
                let share = ahead.share(tiles_a_panel, k);
                let operands = Operands { k, rows, a, a_step, b: panel, b_step, b_col_stride, ahead: share };
                // SAFETY: packed panels start at row·k and col·k, because all before them are whole, and both
                // lengths were checked above; in place, the views have the block's shape. The tile is inside
                // every destination.
                unsafe { self.tile(tiles, &operands, cols_here, to, (row, col)) };
            }
        }
    }

    /// The panel of B that begins at column `col`, if it is in line: packed, or columns one behind the other.
    fn next_panel(&self, b: &Operand<'_, '_, T>, k: usize, col: usize) -> Panel<T> {
        let stride = match b {
            Operand::Packed(_) => k,
            Operand::InPlace(b) if b.row_stride() == 1 && b.col_stride() < 2 * k => b.col_stride(),
            Operand::InPlace(_) => 0,
        };
        let first = match b {
            Operand::Packed(b) => b.as_ptr(),
            Operand::InPlace(b) => b.as_ptr(),
        };
        Panel { at: first.wrapping_add(col * stride), bytes: self.cols() * stride * size_of::<T>() }
    }

    /// One tile at `at` of every destination.
    ///
    /// # Safety
    /// `operands` keep `TileKernel`'s contract for `cols` columns and the kind of `tiles`; the tile of
    /// `operands.rows` × `cols` at `at` is inside every destination, of which there are at most [`TERMS_MAX`].
    #[inline]
    pub(super) unsafe fn tile(
        &self,
        tiles: Tiles<T>,
        operands: &Operands<T>,
        cols: usize,
        to: &mut [Destination<'_, T>],
        (row, col): (usize, usize),
    ) {
        let rows = operands.rows;
        let kernel = tiles[self.vectors_of(rows) - 1][cols - 1];
        let nowhere = Output { c: std::ptr::null_mut(), col_stride: 0, alpha: T::ZERO, beta: T::ZERO };
        if to[0].c.row_stride() == 1 || to[0].c.rows() == 1 {
            let mut outputs = [nowhere; TERMS_MAX];
            for (output, Destination { alpha, beta, c }) in outputs.iter_mut().zip(&mut *to) {
                let col_stride = c.col_stride();
                let c = c.as_mut_ptr().wrapping_add(row + col * col_stride);
                *output = Output { c, col_stride, alpha: *alpha, beta: *beta };
            }
            // SAFETY: a reference to `Kernels` means its set was detected; the rest is this function's contract.
            unsafe { kernel(operands, &outputs[..to.len()]) };
            return;
        }
        // SAFETY: as above.
        unsafe { self.scattered_tile(kernel, operands, cols, to, (row, col)) };
    }

    /// One tile of a C whose rows are not in line.
    ///
    /// # Safety
    /// As [`tile`](Self::tile).
    #[cold]
    unsafe fn scattered_tile(
        &self,
        kernel: TileKernel<T>,
        operands: &Operands<T>,
        cols: usize,
        to: &mut [Destination<'_, T>],
        (row, col): (usize, usize),
    ) {
        let rows = operands.rows;
        let mut sums = [T::ZERO; TILE_MAX];
        // The kernel's own rows and columns: wide tiles are low.
        let col_stride = self.vectors_of(rows) * self.lanes;
        assert!(col_stride * cols <= TILE_MAX);
        let output = Output { c: sums.as_mut_ptr(), col_stride, alpha: T::ONE, beta: T::ZERO };
        // SAFETY: as above; the kernel writes at most col_stride × cols elements, which `sums` holds.
        unsafe { kernel(operands, &[output]) };
        for Destination { alpha, beta, c } in to {
            for j in 0..cols {
                for i in 0..rows {
                    let product = *alpha * sums[j * col_stride + i];
                    let c = &mut c[(row + i, col + j)];
                    *c = if *beta == T::ZERO { product } else { product + *beta * *c };
                }
            }
        }
    }
}

/// A panel that tiles ask for in equal shares, one after the other.
struct Panel<T> {
    at: *const T,
    bytes: usize,
}

impl<T> Panel<T> {
    fn share(&mut self, shares: usize, k: usize) -> Ahead<T> {
        let chunks = k.div_ceil(CHUNK);
        let lines = self.bytes.div_ceil(LINE_BYTES).div_ceil(shares * chunks);
        let share = Ahead { at: self.at, lines };
        self.at = self.at.wrapping_add(lines * chunks * LINE_BYTES / size_of::<T>());
        share
    }
}

/// Walks over matrices line by line, in equal shares.
struct Prefetch<'t, 'a, T> {
    terms: &'t [Term<'a, T>],
    /// Runs of elements in line that are still to come, and how many a share has.
    runs: std::ops::Range<usize>,
    share: usize,
}

impl<'t, 'a, T: Scalar> Prefetch<'t, 'a, T> {
    fn new(terms: &'t [Term<'a, T>], shares: usize) -> Self {
        let runs = terms.first().map_or(0, |term| Self::in_line(&term.matrix).rows());
        Self { terms, runs: 0..runs, share: runs.div_ceil(shares.max(1)) }
    }

    /// The matrix, or its transpose, whose rows are in line.
    fn in_line(matrix: &MatrixView<'a, T>) -> MatrixView<'a, T> {
        if matrix.row_stride() == 1 { matrix.transpose() } else { *matrix }
    }

    fn one_share(&mut self) {
        let line = 64 / size_of::<T>();
        for run in self.runs.by_ref().take(self.share) {
            for Term { matrix, .. } in self.terms {
                let matrix = Self::in_line(matrix);
                let start = matrix.as_ptr().wrapping_add(run * matrix.row_stride());
                for at in (0..matrix.cols()).step_by(line) {
                    super::prefetch_to_l2(start.wrapping_add(at));
                }
            }
        }
    }
}
