//! Plain Monte Carlo, and its smallest improvement.

use crate::integrator::{Batch, DIMS_MAX, Scratch, at_least, chunk_points, finite, in_chunks};
use crate::philox::{Purpose, Stream};
use crate::{Domain, Error, Estimate, Integrator, Moments, Plan};

/// Plain Monte Carlo: the mean of the integrand at uniformly distributed points, times the volume.
///
/// The error is σ/√n for an integrand of standard deviation σ, in any number of dimensions. The oracle of all other methods. Up to 2²⁰
/// dimensions. (N. Metropolis & S. Ulam, "The Monte Carlo method", 1949.)
///
/// ```
/// use montecarlo::{Domain, Integrator, Plain};
///
/// let estimate = Plain { seed: 1, samples: 1_000_000 }.integrate(&Domain::unit(1), |x| 4.0 * (1.0 - x[0] * x[0]).sqrt())?;
/// assert!(estimate.confidence(0.999)?.contains(std::f64::consts::PI));
/// # Ok::<(), montecarlo::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plain {
    /// Chooses the random numbers.
    pub seed: u64,
    /// Calls of the integrand, at least 2.
    pub samples: u64,
}

impl Default for Plain {
    fn default() -> Self {
        Self { seed: 0, samples: 1 << 16 }
    }
}

impl Integrator for Plain {
    fn integrate_batch(&self, domain: &Domain, plan: &mut Plan<'_>, f: &Batch<'_>) -> Result<Estimate, Error> {
        domain.check("plain Monte Carlo", DIMS_MAX)?;
        at_least("plain Monte Carlo", self.samples, 2)?;
        plan.check()?;
        let (dims, chunk_points) = (domain.dims(), chunk_points(domain.dims()));
        let scratch = || Scratch::new(chunk_points, dims);
        let of_chunk = |chunk: u64, points: u64, scratch: &mut Scratch| {
            scratch.random(Stream { seed: self.seed, stream: chunk, purpose: Purpose::Points }, points as usize);
            let values = scratch.evaluate(domain, f, points as usize)?;
            finite(Moments::of(values), values)
        };
        in_chunks(plan, (self.samples, chunk_points as u64, 1), scratch, of_chunk, domain.volume())
    }
}

/// Antithetic variates: points in pairs, u and 1 − u, whose errors partly cancel.
///
/// For an integrand that rises or falls along every axis the two values are negatively correlated, and a pair is worth more than two
/// points; an integrand that is odd about the centre is exact. One that is even about it gains nothing, and loses half of its
/// samples. Up to 2²⁰ dimensions. (J. M. Hammersley & K. W. Morton 1956.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Antithetic {
    /// Chooses the random numbers.
    pub seed: u64,
    /// Calls of the integrand, at least 4. An odd one is left over.
    pub samples: u64,
}

impl Default for Antithetic {
    fn default() -> Self {
        Self { seed: 0, samples: 1 << 16 }
    }
}

impl Integrator for Antithetic {
    fn integrate_batch(&self, domain: &Domain, plan: &mut Plan<'_>, f: &Batch<'_>) -> Result<Estimate, Error> {
        domain.check("antithetic sampling", DIMS_MAX)?;
        at_least("antithetic sampling", self.samples, 4)?;
        plan.check()?;
        let (dims, pairs_a_chunk) = (domain.dims(), chunk_points(domain.dims()).div_ceil(2));
        let scratch = || Scratch::new(2 * pairs_a_chunk, dims);
        let of_chunk = |chunk: u64, pairs: u64, scratch: &mut Scratch| {
            let pairs = pairs as usize;
            scratch.random(Stream { seed: self.seed, stream: chunk, purpose: Purpose::Points }, pairs);
            let (first, second) = scratch.points.split_at_mut(pairs * dims);
            first.iter().zip(second).for_each(|(u, mirrored)| *mirrored = 1.0 - u);
            let values = scratch.evaluate(domain, f, 2 * pairs)?;
            let (first, second) = values.split_at_mut(pairs);
            first.iter_mut().zip(second).for_each(|(value, mirrored)| *value = 0.5 * *value + 0.5 * *mirrored);
            finite(Moments::of(first), first)
        };
        in_chunks(plan, (self.samples / 2, pairs_a_chunk as u64, 2), scratch, of_chunk, domain.volume())
    }
}
