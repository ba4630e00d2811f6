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
//! 3. A and B may be sums of matrices and C several places, which costs no extra pass. [Huang et al. 2016]
//!
//! Loops 2 and 1 are `packed_product`, the innermost loop over the sum is the micro-kernel; both are in `simd/`.

use super::{PackedB, Product, Sizes};
use crate::Scalar;
use crate::simd::{Destination, Kernels, MAX_TERMS, Term, packed_len, with_scratch};

/// The left operand in the kernels' orientation.
#[derive(Clone, Copy)]
pub(crate) enum Left<'t, 'a, T> {
    /// A sum of matrices, packed block by block as the loops reach it.
    Terms(&'t [Term<'a, T>]),
    /// Packed before, with the same `kc`: rows `row..` of it.
    Packed { packed: &'t PackedB<T>, row: usize },
}

impl<'t, 'a, T: Scalar> Left<'t, 'a, T> {
    /// Steps of the sum.
    pub(crate) fn k(&self) -> usize {
        match self {
            Self::Terms(terms) => terms[0].matrix.cols(),
            Self::Packed { packed, .. } => packed.rows(),
        }
    }

    /// Rows `row..row + rows`; `terms` holds the cut terms.
    pub(crate) fn rows<'s>(
        self,
        row: usize,
        rows: usize,
        terms: &'s mut Vec<Term<'a, T>>,
    ) -> Left<'s, 'a, T>
    where
        't: 's,
    {
        match self {
            Self::Terms(all) => {
                let k = self.k();
                terms.extend(all.iter().map(|term| Term { matrix: term.matrix.block(row, 0, rows, k), ..*term }));
                Left::Terms(terms)
            }
            Self::Packed { packed, row: first } => Left::Packed { packed, row: first + row },
        }
    }
}

/// One thread's product, all of it packed.
pub(super) fn product<T: Scalar>(kernels: &Kernels<T>, sizes: &Sizes, product: Product<'_, '_, T>) {
    let Product { a, b, mut to } = product;
    let (rows, cols, k) = (to[0].c.rows(), to[0].c.cols(), a.k());
    let Sizes { mc, kc, nc } = *sizes;
    // Whole vectors, so that B starts on a line when A does.
    let a_len = packed_len(mc.min(rows), kc, kernels.rows(), kernels.lanes).next_multiple_of(kernels.lanes);
    let b_len = packed_len(nc.min(cols), kc, kernels.cols, 1);
    let betas: Vec<T> = to.iter().map(|to| to.beta).collect();
    with_scratch(a_len + b_len, |scratch| {
        let (a_block, b_block) = scratch.split_at_mut(a_len);
        for col in (0..cols).step_by(nc) {
            let cols = nc.min(cols - col);
            for p in (0..k).step_by(kc) {
                let k = kc.min(k - p);
                pack_b(kernels, b, (p, k), (col, cols), b_block);
                for (to, &beta) in to.iter_mut().zip(&betas) {
                    to.beta = if p == 0 { beta } else { T::ONE };
                }
                for row in (0..rows).step_by(mc) {
                    let rows = mc.min(rows - row);
                    let a_block = block_of_a(kernels, a, (p, k), (row, rows), a_block);
                    let next = next_of_a(a, (p, k), row + rows, sizes);
                    let next = next.as_ref().map_or(&[][..], |(terms, count)| &terms[..*count]);
                    let mut blocks: Vec<_> = to.iter_mut().map(|to| to.block(row, col, rows, cols)).collect();
                    kernels.packed_product(k, a_block, b_block, &mut blocks, next);
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

fn pack_b<T: Scalar>(
    kernels: &Kernels<T>,
    b: &[Term<'_, T>],
    (p, k): (usize, usize),
    (col, cols): (usize, usize),
    to: &mut [T],
) {
    let mut terms = [b[0]; MAX_TERMS];
    for (block, term) in terms.iter_mut().zip(b) {
        // Columns of B are packed as rows of A are.
        *block = Term { matrix: term.matrix.block(p, col, k, cols).transpose(), ..*term };
    }
    kernels.pack(&terms[..b.len()], kernels.cols, 1, to);
}

/// What will be packed into A's block next: the rows below, or the first rows of the next steps of the sum.
fn next_of_a<'a, T: Scalar>(
    a: Left<'_, 'a, T>,
    (p, k): (usize, usize),
    row: usize,
    sizes: &Sizes,
) -> Option<([Term<'a, T>; MAX_TERMS], usize)> {
    let Left::Terms(all) = a else { return None };
    let (all_rows, all_k) = (all[0].matrix.rows(), all[0].matrix.cols());
    let (row, p, k) = if row < all_rows {
        (row, p, k)
    } else if p + k < all_k {
        (0, p + k, sizes.kc.min(all_k - p - k))
    } else {
        return None;
    };
    let rows = sizes.mc.min(all_rows - row);
    let mut terms = [all[0]; MAX_TERMS];
    for (block, term) in terms.iter_mut().zip(all) {
        *block = Term { matrix: term.matrix.block(row, p, rows, k), ..*term };
    }
    Some((terms, all.len()))
}

fn block_of_a<'s, T: Scalar>(
    kernels: &Kernels<T>,
    a: Left<'s, '_, T>,
    (p, k): (usize, usize),
    (row, rows): (usize, usize),
    to: &'s mut [T],
) -> &'s [T] {
    match a {
        Left::Packed { packed, row: first } => packed.block(first + row, p, k),
        Left::Terms(all) => {
            let mut terms = [all[0]; MAX_TERMS];
            for (block, term) in terms.iter_mut().zip(all) {
                *block = Term { matrix: term.matrix.block(row, p, rows, k), ..*term };
            }
            kernels.pack(&terms[..all.len()], kernels.rows(), kernels.lanes, to);
            to
        }
    }
}
