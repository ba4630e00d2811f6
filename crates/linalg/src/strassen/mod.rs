//! Strassen's algorithm: seven products of halves instead of eight.

mod fused;
mod recursive;
mod scheme;

use crate::{Backend, Error, MatrixView, MatrixViewMut, Scalar};

/// Seven multiplications of half-size blocks instead of eight, applied again to those: O(n^2.807).
///
/// V. Strassen, *Gaussian Elimination is not Optimal* (1969). Over [`Blocked`](crate::Blocked) in the fused form of J. Huang,
/// T. Smith, G. Henry and R. van de Geijn, *Strassen's Algorithm Reloaded* (2016): sums of blocks are formed while
/// packing, and each finished tile is added to every block of C that needs it, so that there is no workspace beyond
/// the base's own and the additions ride on memory traffic that packing causes anyway. Over any other backend in
/// the plain recursive form, with a workspace of at most a third of A + B + C.
///
/// Odd rows, columns and steps are peeled off and multiplied by the base.
///
/// **Error.** Weaker than the classical algorithm's: small elements of C next to large ones are not accurate one by
/// one. With ℓ levels and k₀ = k / 2^ℓ (Higham, *Accuracy and Stability of Numerical Algorithms*, theorem 23.2),
/// `max|C − Ĉ| ≤ (12^ℓ·(k₀² + 5k₀) − 5k)·u·max|A|·max|B|` to first order, where the classical bound is k²·u. NaN
/// and infinity may spread to elements of C that do not depend on them. That is why nothing here picks Strassen
/// unasked.
///
/// **Bits**: over [`Blocked`](crate::Blocked) the same for any number of threads, as there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Strassen<B> {
    /// What multiplies the blocks.
    pub base: B,
    /// A level is applied while m, k and n are all at least this.
    pub cutoff: usize,
    /// Levels at most; the fused form has at most [`FUSED_LEVELS_MAX`].
    pub levels_max: usize,
}

/// From where on halving was never slower than [`Blocked`](crate::Blocked), for both types, on one and on two threads. On
/// one thread it gains from about 2,000 on.
pub const CUTOFF: usize = 3000;
/// Levels of the fused form: each doubles the blocks that one product sums and is added to.
pub const FUSED_LEVELS_MAX: usize = 2;

impl<B: Default> Default for Strassen<B> {
    fn default() -> Self {
        Self { base: B::default(), cutoff: CUTOFF, levels_max: FUSED_LEVELS_MAX }
    }
}

impl<B> Strassen<B> {
    /// Levels applied to an m × k by k × n product.
    #[must_use]
    pub fn levels(&self, m: usize, k: usize, n: usize) -> usize {
        let mut smallest = m.min(k).min(n);
        let mut levels = 0;
        // A side of 1 has no halves.
        while levels < self.levels_max && smallest >= self.cutoff.max(2) {
            smallest /= 2;
            levels += 1;
        }
        levels
    }
}

impl<T: Scalar, B: Backend<T>> Backend<T> for Strassen<B> {
    fn name(&self) -> String {
        format!("Strassen over {}", self.base.name())
    }

    fn compute(
        &self,
        alpha: T,
        a: MatrixView<'_, T>,
        b: MatrixView<'_, T>,
        beta: T,
        c: MatrixViewMut<'_, T>,
    ) -> Result<(), Error> {
        let levels = self.levels(a.rows(), a.cols(), b.cols());
        match self.base.as_blocked() {
            _ if levels == 0 => self.base.compute(alpha, a, b, beta, c),
            Some(blocked) => fused::compute(blocked, levels.min(FUSED_LEVELS_MAX), alpha, a, b, beta, c),
            None => recursive::compute(&self.base, levels, alpha, a, b, beta, c),
        }
    }
}

/// The parts of a product that halving leaves over.
struct Peeled {
    m: usize,
    k: usize,
    n: usize,
}

impl Peeled {
    /// The largest shape whose sides divide by 2^levels.
    fn new(m: usize, k: usize, n: usize, levels: usize) -> Self {
        let even = |side: usize| side >> levels << levels;
        Self { m: even(m), k: even(k), n: even(n) }
    }

    /// Everything but the even part, whose product has been added to C: last steps of the sum into the even part,
    /// last columns, last rows.
    fn finish<T: Scalar>(
        &self,
        base: &dyn Backend<T>,
        alpha: T,
        a: MatrixView<'_, T>,
        b: MatrixView<'_, T>,
        beta: T,
        mut c: MatrixViewMut<'_, T>,
    ) -> Result<(), Error> {
        let (m, k, n) = (a.rows(), a.cols(), b.cols());
        let Self { m: even_m, k: even_k, n: even_n } = *self;
        let steps = (a.submatrix(0, even_k, even_m, k - even_k)?, b.submatrix(even_k, 0, k - even_k, even_n)?);
        base.gemm(alpha, steps.0, steps.1, T::ONE, c.reborrow().submatrix(0, 0, even_m, even_n)?)?;
        let right = b.submatrix(0, even_n, k, n - even_n)?;
        let upper = a.submatrix(0, 0, even_m, k)?;
        base.gemm(alpha, upper, right, beta, c.reborrow().submatrix(0, even_n, even_m, n - even_n)?)?;
        let lower = a.submatrix(even_m, 0, m - even_m, k)?;
        base.gemm(alpha, lower, b, beta, c.submatrix(even_m, 0, m - even_m, n)?)
    }
}
