//! The five loops.
//!
//! The plain version is the triple loop of `naive.rs`. What changes here, and why:
//!
//! ```text
//! loop 5  columns of C, nc at a time
//! loop 4    steps of the sum, kc at a time      pack B: kc × nc, stays in the third-level cache
//! loop 3      rows of C, mc at a time           pack A: mc × kc, stays in the second-level cache
//! loop 2        columns, a kernel's at a time   a panel of B stays in the first-level cache
//! loop 1          rows, a kernel's at a time    a tile of C stays in registers
//! ```
//!
//! 1. Every element is loaded from memory once per *block* instead of once per multiplication: A n / nc times,
//!    B once, C k / kc times. [Goto & van de Geijn 2008]
//! 2. Packing puts both operands into the order in which the kernel reads them: no strides, no unused parts of
//!    cache lines, few pages.
//! 3. Where the caches hold a block as it lies in memory, it is not packed at all.
//! 4. A and B may be sums of matrices and C several places, which costs no extra pass. [Huang et al. 2016]
//!
//! Loops 2 and 1 are `block_product`, the innermost loop over the sum is the micro-kernel; both are in `simd/`.

use super::{PackedB, Product, Sizes};
use crate::simd::{Destination, Kernels, Operand, TERMS_MAX, Term, crowded, packed_len, with_scratch};
use crate::{MatrixView, Scalar};

/// The left operand in the kernels' orientation.
#[derive(Clone, Copy)]
pub(crate) enum Left<'t, 'a, T> {
    /// A sum of matrices, packed block by block as the loops reach it.
    Terms(&'t [Term<'a, T>]),
    /// Packed before, with the same `kc`: rows `row..` of it.
    Packed { packed: &'t PackedB<T>, row: usize },
    /// Not packed; rows are in line.
    InPlace(MatrixView<'a, T>),
}

/// The right operand in the kernels' orientation.
#[derive(Clone, Copy)]
pub(crate) enum Right<'t, 'a, T> {
    /// A sum of matrices, packed block by block as the loops reach it.
    Terms(&'t [Term<'a, T>]),
    /// Not packed.
    InPlace(MatrixView<'a, T>),
}

/// The block at (row, col) of every term; the number of terms is that of `all`.
fn cut<'a, T: Scalar>(
    all: &[Term<'a, T>],
    (row, rows): (usize, usize),
    (col, cols): (usize, usize),
) -> [Term<'a, T>; TERMS_MAX] {
    let mut terms = [all[0]; TERMS_MAX];
    for (block, term) in terms.iter_mut().zip(all) {
        *block = Term { matrix: term.matrix.block(row, col, rows, cols), ..*term };
    }
    terms
}

impl<'t, 'a, T: Scalar> Left<'t, 'a, T> {
    /// Steps of the sum.
    pub(crate) fn k(&self) -> usize {
        match self {
            Self::Terms(terms) => terms[0].matrix.cols(),
            Self::Packed { packed, .. } => packed.rows(),
            Self::InPlace(matrix) => matrix.cols(),
        }
    }

    /// Rows `row..row + rows`; `terms` holds the cut terms.
    pub(crate) fn rows<'s>(self, row: usize, rows: usize, terms: &'s mut Vec<Term<'a, T>>) -> Left<'s, 'a, T>
    where
        't: 's,
    {
        let k = self.k();
        match self {
            Self::Terms(all) => {
                terms.extend_from_slice(&cut(all, (row, rows), (0, k))[..all.len()]);
                Left::Terms(terms)
            }
            Self::Packed { packed, row: first } => Left::Packed { packed, row: first + row },
            Self::InPlace(matrix) => Left::InPlace(matrix.block(row, 0, rows, k)),
        }
    }

    /// Rows and steps of one block, packed into `to` if it has to be.
    fn block<'s>(
        self,
        kernels: &Kernels<T>,
        (row, rows): (usize, usize),
        (p, k): (usize, usize),
        to: &'s mut [T],
    ) -> Operand<'s, 'a, T>
    where
        't: 's,
    {
        match self {
            Self::Packed { packed, row: first } => Operand::Packed(packed.block(first + row, p, k)),
            Self::InPlace(matrix) => Operand::InPlace(matrix.block(row, p, rows, k)),
            Self::Terms(all) => {
                let terms = cut(all, (row, rows), (p, k));
                kernels.pack(&terms[..all.len()], kernels.rows(), kernels.lanes, to);
                Operand::Packed(to)
            }
        }
    }

    /// What will be packed after the block that ends at `row` of steps `p..p + k`: the rows below, or the first
    /// rows of the next steps of the sum.
    fn next(self, row: usize, (p, k): (usize, usize), sizes: &Sizes) -> Option<[Term<'a, T>; TERMS_MAX]> {
        let Left::Terms(all) = self else { return None };
        let (all_rows, all_k) = (all[0].matrix.rows(), all[0].matrix.cols());
        if row < all_rows {
            return Some(cut(all, (row, sizes.mc.min(all_rows - row)), (p, k)));
        }
        let p = p + k;
        (p < all_k).then(|| cut(all, (0, sizes.mc.min(all_rows)), (p, sizes.kc.min(all_k - p))))
    }

    fn count(self) -> usize {
        match self {
            Self::Terms(all) => all.len(),
            Self::Packed { .. } | Self::InPlace(_) => 0,
        }
    }
}

impl<'t, 'a, T: Scalar> Right<'t, 'a, T> {
    /// Columns `col..col + cols`; `terms` holds the cut terms.
    pub(crate) fn cols<'s>(self, col: usize, cols: usize, terms: &'s mut Vec<Term<'a, T>>) -> Right<'s, 'a, T> {
        match self {
            Self::Terms(all) => {
                let k = all[0].matrix.rows();
                terms.extend_from_slice(&cut(all, (0, k), (col, cols))[..all.len()]);
                Right::Terms(terms)
            }
            Self::InPlace(matrix) => Right::InPlace(matrix.block(0, col, matrix.rows(), cols)),
        }
    }

    /// Steps and columns of one block, packed into `to` if it has to be.
    ///
    /// Where steps of the sum are in line, the kernels read columns as they are: they are brought together, line by
    /// line, and not transposed.
    fn block<'s>(
        self,
        kernels: &Kernels<T>,
        (p, k): (usize, usize),
        (col, cols): (usize, usize),
        to: &'s mut [T],
    ) -> Operand<'s, 's, T>
    where
        'a: 's,
    {
        let all = match self {
            Self::InPlace(matrix) => return Operand::InPlace(matrix.block(p, col, k, cols)),
            Self::Terms(all) => all,
        };
        let terms = cut(all, (p, k), (col, cols));
        if all[0].matrix.row_stride() != 1 {
            // Columns of B are packed as rows of A are.
            let terms = terms.map(|term| Term { matrix: term.matrix.transpose(), ..term });
            kernels.pack(&terms[..all.len()], kernels.cols(), 1, to);
            return Operand::Packed(to);
        }
        let stride = line_stride::<T>(k, kernels.lanes);
        kernels.pack(&terms[..all.len()], stride, stride, to);
        Operand::InPlace(MatrixView::row_major(&to[..cols * stride], cols, stride).block(0, 0, cols, k).transpose())
    }
}

/// Elements from one line of k to the next: whole vectors, and lines that do not crowd.
pub(super) fn line_stride<T>(k: usize, lanes: usize) -> usize {
    let stride = k.next_multiple_of(lanes);
    if crowded::<T>(stride) { stride + 2 * lanes } else { stride }
}

/// One thread's product.
pub(super) fn product<T: Scalar>(kernels: &Kernels<T>, sizes: &Sizes, product: Product<'_, '_, T>) {
    let Product { a, b, mut to } = product;
    let (rows, cols, k) = (to[0].c.rows(), to[0].c.cols(), a.k());
    let Sizes { mc, kc, nc } = *sizes;
    // Whole vectors, so that B starts on a line when A does.
    let a_len = match a {
        Left::Terms(_) => packed_len(mc.min(rows), kc, kernels.rows(), kernels.lanes),
        Left::Packed { .. } | Left::InPlace(_) => 0,
    }
    .next_multiple_of(kernels.lanes);
    let b_len = match b {
        Right::Terms(_) => nc.min(cols) * line_stride::<T>(kc, kernels.lanes),
        Right::InPlace(_) => 0,
    };
    let betas: Vec<T> = to.iter().map(|to| to.beta).collect();
    with_scratch(a_len + b_len, |scratch| {
        let (a_scratch, b_scratch) = scratch.split_at_mut(a_len);
        // Loop 5
        for col in (0..cols).step_by(nc) {
            let cols = nc.min(cols - col);
            // Loop 4
            for p in (0..k).step_by(kc) {
                let k = kc.min(k - p);
                let b_block = b.block(kernels, (p, k), (col, cols), b_scratch);
                for (to, &beta) in to.iter_mut().zip(&betas) {
                    to.beta = if p == 0 { beta } else { T::ONE };
                }
                // Loop 3
                for row in (0..rows).step_by(mc) {
                    let rows = mc.min(rows - row);
                    let a_block = a.block(kernels, (row, rows), (p, k), a_scratch);
                    let next = a.next(row + rows, (p, k), sizes);
                    let next = next.as_ref().map_or(&[][..], |terms| &terms[..a.count()]);
                    let mut blocks: Vec<_> = to.iter_mut().map(|to| to.block(row, col, rows, cols)).collect();
                    kernels.block_product(k, a_block, b_block, &mut blocks, next);
                }
            }
        }
    });
}

impl<T: Scalar> Destination<'_, T> {
    fn block(&mut self, row: usize, col: usize, rows: usize, cols: usize) -> Destination<'_, T> {
        Destination { alpha: self.alpha, beta: self.beta, c: self.c.block(row, col, rows, cols) }
    }
}
