//! The fast classical product: five loops around a micro-kernel.

mod loops;
mod plan;
mod prepacked;
mod tiling;

use std::sync::{Mutex, PoisonError};

use crate::simd::{Destination, Kernels, Term};
use crate::{Backend, Error, MatrixView, MatrixViewMut, Scalar};

pub(crate) use loops::{Left, Right};
pub(crate) use plan::wants_transpose;
pub use plan::{Path, Plan};
pub use prepacked::PackedB;
pub(crate) use tiling::Sizes;
pub use tiling::{KC_MAX, MC_MAX, NC_MAX, SCRATCH_BYTES_MAX, Threads, Tiling};

/// The classical algorithm at the speed of the hardware.
///
/// C ← alpha·A·B + beta·C with 2·m·n·k operations, for any shape and strides, after K. Goto and R. van de Geijn,
/// *Anatomy of High-Performance Matrix Multiplication* (2008), and F. Van Zee and R. van de Geijn, *BLIS* (2015).
///
/// - **Error** of each element: at most `(k + 3)·u·(|alpha|·Σ|a||b| + |beta||c|)` to first order, u = ε/2 the unit roundoff:
///   [`Naive`](crate::Naive)'s and one rounding more.
/// - **Bits**: the same for any number of threads. How the sum over k is cut depends on k and on the tiling alone;
///   threads share out rows and columns of C. They may differ between instruction sets and between strides.
/// - **Memory**: at most [`SCRATCH_BYTES_MAX`] a thread, kept for the next product.
///
/// ```
/// use linalg::{Backend, Blocked, Matrix, Threads};
///
/// let one_thread = Blocked { threads: Threads::Count(1), ..Blocked::default() };
/// let (a, b) = (Matrix::<f64>::identity(100), Matrix::from_fn(100, 50, |i, j| (i * j) as f64));
/// let mut c = Matrix::zeros(100, 50);
/// one_thread.gemm(1.0, a.view(), b.view(), 0.0, c.view_mut())?;
/// assert_eq!(c, b);
/// # Ok::<(), linalg::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Blocked {
    /// Tile sizes and instruction set; by default derived from this processor.
    pub tiling: Tiling,
    /// How many threads may share the work.
    pub threads: Threads,
}

/// One product in the kernels' orientation: rows of C in line, A and B sums of matrices, C in several places.
pub(crate) struct Product<'t, 'a, T> {
    pub(crate) a: Left<'t, 'a, T>,
    pub(crate) b: Right<'t, 'a, T>,
    pub(crate) to: Vec<Destination<'a, T>>,
}

impl<T: Scalar> Backend<T> for Blocked {
    fn name(&self) -> String {
        let isa = self.tiling.isa.unwrap_or_else(crate::Isa::best);
        format!("blocked {isa}")
    }

    #[inline]
    fn compute(
        &self,
        alpha: T,
        a: MatrixView<'_, T>,
        b: MatrixView<'_, T>,
        beta: T,
        c: MatrixViewMut<'_, T>,
    ) -> Result<(), Error> {
        self.tiling.check()?;
        let kernels = T::kernels(self.tiling.isa)?;
        // The kernels hold rows in vectors, so rows of C should be in line. Where columns are (row-major
        // matrices), Cᵀ = Bᵀ·Aᵀ is the same product with them in line.
        let (a, b, mut c) =
            if plan::wants_transpose(&c) { (b.transpose(), a.transpose(), c.transpose()) } else { (a, b, c) };
        if plan::is_small(&a, &b, &c) {
            kernels.small_product(alpha, &a, &b, beta, &mut c);
        } else {
            self.run(kernels, alpha, a, b, beta, c);
        }
        Ok(())
    }

    fn as_blocked(&self) -> Option<&Blocked> {
        Some(self)
    }
}

impl Blocked {
    fn run<T: Scalar>(
        &self,
        kernels: &Kernels<T>,
        alpha: T,
        a: MatrixView<'_, T>,
        b: MatrixView<'_, T>,
        beta: T,
        c: MatrixViewMut<'_, T>,
    ) {
        let path = plan::path(kernels, &a, &b, &c);
        let (threads, grid) = plan::grid(kernels, path, self.threads, (c.rows(), c.cols(), a.cols()));
        let to = Destination { alpha, beta, c };
        if threads == 1 {
            return self.run_piece(kernels, path, a, b, to);
        }
        let shape = (to.c.rows(), to.c.cols());
        let pieces = plan::pieces(vec![to], grid, (kernels.rows(), kernels.cols()));
        share(pieces, threads, |mut piece| {
            debug_assert!(piece.row + piece.rows <= shape.0 && piece.col + piece.cols <= shape.1);
            let a = a.block(piece.row, 0, piece.rows, a.cols());
            let b = b.block(0, piece.col, b.rows(), piece.cols);
            if let Some(to) = piece.to.pop() {
                self.run_piece(kernels, path, a, b, to);
            }
        });
    }

    /// One thread's share.
    fn run_piece<T: Scalar>(
        &self,
        kernels: &Kernels<T>,
        path: Path,
        a: MatrixView<'_, T>,
        b: MatrixView<'_, T>,
        mut to: Destination<'_, T>,
    ) {
        match path {
            Path::Strided { k_max } => kernels.strided_product(a, b, k_max, &mut to),
            Path::Column => column(kernels, a, b, to),
            Path::Columns { past_caches } => kernels.columns_product(a, b, &mut to, past_caches),
            Path::Packing { a: pack_a, b: pack_b } => {
                let sizes = Sizes::new(self.tiling, kernels, (a.rows(), b.cols(), a.cols()));
                let terms = [Term { factor: T::ONE, matrix: a }];
                let a = if pack_a { Left::Terms(&terms) } else { Left::InPlace(a) };
                let columns = [Term { factor: T::ONE, matrix: b }];
                let b = if pack_b { Right::Terms(&columns) } else { Right::InPlace(b) };
                loops::product(kernels, &sizes, Product { a, b, to: vec![to] });
            }
        }
    }

    /// The fused product that Strassen is built from, shared out among the threads.
    pub(crate) fn fused<T: Scalar>(&self, kernels: &Kernels<T>, product: Product<'_, '_, T>) {
        let Product { a, b, to } = product;
        let (rows, cols, k) = (to[0].c.rows(), to[0].c.cols(), a.k());
        let (threads, grid) = plan::grid(kernels, Path::Packing { a: true, b: true }, self.threads, (rows, cols, k));
        let pieces = plan::pieces(to, grid, (kernels.rows(), kernels.cols()));
        let run = |piece: plan::Piece<'_, T>| {
            let sizes = Sizes::new(self.tiling, kernels, (piece.rows, piece.cols, k));
            let (mut a_terms, mut b_terms) = (Vec::new(), Vec::new());
            let a = a.rows(piece.row, piece.rows, &mut a_terms);
            let b = b.cols(piece.col, piece.cols, &mut b_terms);
            loops::product(kernels, &sizes, Product { a, b, to: piece.to });
        };
        share(pieces, threads, run);
    }
}

/// Calls `work` with every item on at most `threads` threads: this one, at once, and some of rayon's pool when they have
/// woken up. Whoever is free takes the next item.
fn share<I: Send>(items: Vec<I>, threads: usize, work: impl Fn(I) + Sync) {
    let threads = threads.min(items.len());
    let queue = Mutex::new(items.into_iter());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let drain = || {
        while let Some(item) = next() {
            work(item);
        }
    };
    rayon::in_place_scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|_| drain());
        }
        drain();
    });
}

/// Elements of a vector that are copied at a time, so that the copy stays in the second-level cache.
const VECTOR_PART: usize = 1 << 14;

/// A single column of C. Vectors whose stride the kernels do not take go through a buffer, part by part.
fn column<T: Scalar>(kernels: &Kernels<T>, a: MatrixView<'_, T>, b: MatrixView<'_, T>, mut to: Destination<'_, T>) {
    let (rows, k) = (a.rows(), a.cols());
    if a.row_stride() == 1 && to.c.row_stride() != 1 {
        let mut buffer = vec![T::ZERO; rows.min(VECTOR_PART)];
        for row in (0..rows).step_by(VECTOR_PART) {
            let part = &mut buffer[..VECTOR_PART.min(rows - row)];
            let len = part.len();
            let (a, c) = (a.block(row, 0, len, k), MatrixViewMut::row_major(part, len, 1));
            kernels.column_product(a, b, &mut Destination { alpha: to.alpha, beta: T::ZERO, c });
            for (i, &product) in part.iter().enumerate() {
                let c = &mut to.c[(row + i, 0)];
                *c = if to.beta == T::ZERO { product } else { product + to.beta * *c };
            }
        }
    } else if a.row_stride() != 1 && b.row_stride() != 1 {
        let mut buffer = vec![T::ZERO; k.min(VECTOR_PART)];
        for p in (0..k).step_by(VECTOR_PART) {
            let part = &mut buffer[..VECTOR_PART.min(k - p)];
            part.iter_mut().enumerate().for_each(|(i, to)| *to = b[(p + i, 0)]);
            let (a, b) = (a.block(0, p, rows, part.len()), MatrixView::row_major(part, part.len(), 1));
            kernels.column_product(a, b, &mut to);
            to.beta = T::ONE;
        }
    } else {
        kernels.column_product(a, b, &mut to);
    }
}
