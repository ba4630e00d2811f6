//! Latin hypercube sampling: every axis stratified, all at once.

use crate::integrator::{Batch, DIMS_MAX, RECORDS_MAX, Scratch, at_least, at_most, chunk_points, in_runs};
use crate::philox::{Purpose, Stream};
use crate::simd::fill_units;
use crate::{Domain, Error, Estimate, Integrator, Moments, Plan, replicates};

/// The longest replicate: longer ones gain next to nothing over more of them.
const POINTS_MAX: u64 = 1 << 16;
/// Numbers in the permutations of a replicate at most: 16 MiB a thread.
const PERMUTED_MAX: u64 = 1 << 22;
/// Points of the first run if there is a tolerance.
const FIRST: u64 = 4096;

/// Latin hypercube sampling: of n points, each of n equal slices of every axis has exactly one.
///
/// It takes away what the integrand owes to single coordinates, in any number of dimensions: a sum of functions of one coordinate
/// each is nearly exact, and a product gains what is additive in it. The points depend on each other, so the error bar comes
/// from independent replicates. Up to 2²⁰ dimensions. (M. D. McKay, R. J. Beckman & W. J. Conover 1979; M. Stein 1987.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LatinHypercube {
    /// Chooses the random numbers.
    pub seed: u64,
    /// Calls of the integrand, at least two a replicate; at most 2⁴², fewer in more than 64 dimensions. What does not divide by the number
    /// of replicates is left over.
    pub samples: u64,
    /// Independent hypercubes, 2 to 65,536. There are more if one would have more than 65,536 points.
    pub replicates: u64,
}

impl Default for LatinHypercube {
    fn default() -> Self {
        Self { seed: 0, samples: 1 << 16, replicates: 8 }
    }
}

impl Integrator for LatinHypercube {
    fn integrate_batch(&self, domain: &Domain, plan: &mut Plan<'_>, f: &Batch<'_>) -> Result<Estimate, Error> {
        domain.check("Latin hypercube sampling", DIMS_MAX)?;
        replicates::check(self.replicates)?;
        at_least("Latin hypercube sampling", self.samples / 2, self.replicates)?;
        at_most("Latin hypercube sampling", self.samples, RECORDS_MAX * points_max(domain.dims()))?;
        plan.check()?;
        let first = FIRST.max(2 * self.replicates);
        in_runs(plan, (self.samples, first), |plan, run, samples| self.run(domain, plan, f, run, samples))
    }
}

impl LatinHypercube {
    fn run(&self, domain: &Domain, plan: &Plan<'_>, f: &Batch<'_>, run: u64, samples: u64) -> Result<Estimate, Error> {
        let dims = domain.dims();
        let points = (samples / self.replicates).min(points_max(dims));
        let replicates = samples / points;
        let chunk = chunk_points(dims);
        let scratch = || (Scratch::new(chunk, dims), vec![0_u32; points as usize * dims]);
        let means = plan.map(0..replicates, 1, scratch, |replicate, (scratch, permutations), mean| {
            let stream = |purpose| Stream { seed: self.seed, stream: run << 48 | replicate, purpose };
            permute(stream(Purpose::Permutations), permutations, points as usize);
            let mut moments = Moments::default();
            for first in (0..points as usize).step_by(chunk) {
                let count = chunk.min(points as usize - first);
                // One stream a replicate. Chunks have an even number of points, so each starts with a block of its own.
                fill_units(stream(Purpose::Points), (first * dims / 2) as u32, &mut scratch.points[..count * dims]);
                for (index, point) in (first..).zip(scratch.points.chunks_exact_mut(dims).take(count)) {
                    for (axis, x) in point.iter_mut().enumerate() {
                        *x = (f64::from(permutations[axis * points as usize + index]) + *x) / points as f64;
                    }
                }
                moments = moments.merge(Moments::of(scratch.evaluate(domain, f, count)?));
            }
            mean[0] = moments.mean;
            Ok(())
        })?;
        let moments = Moments::of(&means);
        if !moments.squares.is_finite() {
            return Err(Error::Overflow { largest: moments.mean });
        }
        Estimate::of_equal_units(replicates, moments.mean, moments.squares, points).over(domain.volume())
    }
}

/// Points of a replicate at most.
fn points_max(dims: usize) -> u64 {
    (PERMUTED_MAX / dims as u64).clamp(2, POINTS_MAX)
}

/// For each axis a permutation of the slices (R. Durstenfeld 1964, after Fisher & Yates).
fn permute(stream: Stream, permutations: &mut [u32], points: usize) {
    for (axis, permutation) in permutations.chunks_exact_mut(points).enumerate() {
        permutation.iter_mut().zip(0..).for_each(|(slot, index)| *slot = index);
        for last in (1..points).rev() {
            let [word, _] = stream.block((axis * points + last) as u32);
            // The high half of a product: biased by at most points / 2⁶⁴.
            let other = ((u128::from(word) * (last as u128 + 1)) >> 64) as usize;
            permutation.swap(last, other);
        }
    }
}
