//! The triple loop, in its six orders: the answer on the whiteboard, and the oracle of everything else here.
//!
//! C\[i\]\[j\] is the sum over p of A\[i\]\[p\]·B\[p\]\[j\]: m·n·k multiplications and as many additions, O(n³) for
//! square matrices. The three loops may be nested in any order, and the sum comes out the same up to rounding.
//! What differs is what the innermost loop walks over, one step per multiplication:
//!
//! | order | innermost walks | A | B | C | for row-major matrices |
//! |---|---|---|---|---|---|
//! | `ijk`, `jik` | p | along a row | **down a column** | stays | a new cache line of B every step |
//! | `ikj`, `kij` | j | stays | along a row | along a row | nothing but straight lines: the good order |
//! | `jki`, `kji` | i | **down a column** | stays | **down a column** | two new cache lines every step |
//!
//! A cache line holds 16 `f32` or 8 `f64`, so walking down a column uses one element of each line it pulls in,
//! and by the next column the line is gone. [`cache`](crate::cache) replays the addresses and counts.

use crate::backend::scale;
use crate::{Backend, Error, MatrixView, MatrixViewMut, Scalar};

/// The order in which the three loops nest, outermost first; `i` runs over rows of C, `j` over columns, `k` over the sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum LoopOrder {
    /// Rows, columns, sum: one dot product after another, as on the whiteboard.
    #[default]
    Ijk,
    /// Rows, sum, columns: the order that suits row-major matrices.
    Ikj,
    /// Columns, rows, sum: dot products, column by column.
    Jik,
    /// Columns, sum, rows: the order that suits column-major matrices (Fortran's).
    Jki,
    /// Sum, rows, columns: one outer product after another.
    Kij,
    /// Sum, columns, rows: outer products, column by column.
    Kji,
}

impl LoopOrder {
    /// All six.
    pub const ALL: [Self; 6] = [Self::Ijk, Self::Ikj, Self::Jik, Self::Jki, Self::Kij, Self::Kji];

    /// The three letters, outermost first.
    #[must_use]
    pub fn letters(self) -> &'static str {
        match self {
            Self::Ijk => "ijk",
            Self::Ikj => "ikj",
            Self::Jik => "jik",
            Self::Jki => "jki",
            Self::Kij => "kij",
            Self::Kji => "kji",
        }
    }

    /// Calls `step(i, j, p)` for every multiplication A\[i\]\[p\]·B\[p\]\[j\] of an m × k by k × n product, in this order.
    #[inline]
    pub fn visit(self, m: usize, k: usize, n: usize, mut step: impl FnMut(usize, usize, usize)) {
        match self {
            Self::Ijk => nest(m, n, k, step),
            Self::Ikj => nest(m, k, n, |i, p, j| step(i, j, p)),
            Self::Jik => nest(n, m, k, |j, i, p| step(i, j, p)),
            Self::Jki => nest(n, k, m, |j, p, i| step(i, j, p)),
            Self::Kij => nest(k, m, n, |p, i, j| step(i, j, p)),
            Self::Kji => nest(k, n, m, |p, j, i| step(i, j, p)),
        }
    }
}

#[inline(always)]
fn nest(outer: usize, middle: usize, inner: usize, mut step: impl FnMut(usize, usize, usize)) {
    for x in 0..outer {
        for y in 0..middle {
            for z in 0..inner {
                step(x, y, z);
            }
        }
    }
}

/// The triple loop.
///
/// Error of each element, any order (Higham, *Accuracy and Stability of Numerical Algorithms*, §3.5): at most
/// `(k + 2)·u·(|alpha|·Σ|a||b| + |beta||c|)` to first order, u = ε/2 the unit roundoff.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Naive {
    /// How the loops nest.
    pub order: LoopOrder,
}

impl<T: Scalar> Backend<T> for Naive {
    fn name(&self) -> String {
        format!("naive {}", self.order.letters())
    }

    fn compute(
        &self,
        alpha: T,
        a: MatrixView<'_, T>,
        b: MatrixView<'_, T>,
        beta: T,
        mut c: MatrixViewMut<'_, T>,
    ) -> Result<(), Error> {
        // Three orders are the other three on the product of the transposes, Cᵀ = Bᵀ·Aᵀ, where i and j swap.
        let mirrored = match self.order {
            LoopOrder::Jik => Some(LoopOrder::Ijk),
            LoopOrder::Jki => Some(LoopOrder::Ikj),
            LoopOrder::Kji => Some(LoopOrder::Kij),
            _ => None,
        };
        if let Some(order) = mirrored {
            return Self { order }.compute(alpha, b.transpose(), a.transpose(), beta, c.transpose());
        }
        let (m, k, n) = (a.rows(), a.cols(), b.cols());
        match self.order {
            LoopOrder::Ijk => {
                for i in 0..m {
                    for j in 0..n {
                        let pairs = a.row_iter(i).zip(b.transpose().row_iter(j));
                        let sum = pairs.fold(T::ZERO, |sum, (&a, &b)| sum + a * b);
                        let c = &mut c[(i, j)];
                        *c = alpha * sum + if beta == T::ZERO { T::ZERO } else { beta * *c };
                    }
                }
            }
            LoopOrder::Ikj => {
                scale(&mut c, beta);
                for i in 0..m {
                    for p in 0..k {
                        add_row(alpha * a[(i, p)], (b, p), (&mut c, i));
                    }
                }
            }
            _ => {
                scale(&mut c, beta);
                for p in 0..k {
                    for i in 0..m {
                        add_row(alpha * a[(i, p)], (b, p), (&mut c, i));
                    }
                }
            }
        }
        Ok(())
    }
}

/// Row i of C ← row i of C + factor · row p of B; as slices where columns are in line, as anybody would write it.
fn add_row<T: Scalar>(factor: T, (b, p): (MatrixView<'_, T>, usize), (c, i): (&mut MatrixViewMut<'_, T>, usize)) {
    if let (Some(b), Some(c)) = (b.row_slice(p), c.row_slice_mut(i)) {
        for (c, &b) in c.iter_mut().zip(b) {
            *c += factor * b;
        }
        return;
    }
    for (j, &b) in b.row_iter(p).enumerate() {
        c[(i, j)] += factor * b;
    }
}
