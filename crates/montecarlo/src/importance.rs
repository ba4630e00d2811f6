//! Expectations over any distribution, and integrals by way of one.

use rand::distr::Distribution;

use crate::integrator::{CHUNK, at_least, finite, in_chunks};
use crate::{Error, Estimate, Moments, Plan, Random};

/// The expectation of a function of a random variable: any distribution of `rand` or `rand_distr`, or a sampler of your own.
///
/// ```
/// use montecarlo::{Expectation, Plan};
/// use rand_distr::Normal;
///
/// // E[X⁴] = 3σ⁴
/// let normal = Normal::new(0.0, 2.0).expect("a positive deviation");
/// let fourth = Expectation { samples: 100_000, ..Default::default() }.of(&normal, &mut Plan::default(), |x: &f64| x.powi(4))?;
/// assert!(fourth.confidence(0.999)?.contains(48.0));
/// # Ok::<(), montecarlo::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expectation {
    /// Chooses the random numbers.
    pub seed: u64,
    /// How many are drawn, at least 2.
    pub samples: u64,
}

impl Default for Expectation {
    fn default() -> Self {
        Self { seed: 0, samples: 1 << 16 }
    }
}

impl Expectation {
    /// E[f(X)] for X of this distribution.
    ///
    /// # Errors
    /// [`Error::TooFewSamples`] below two; [`Error::BadTolerance`] and [`Error::BadLevel`] of the plan; [`Error::NotFiniteSample`] for a value
    /// that is not finite; [`Error::Overflow`] and [`Error::Underflow`] if the values are too large or too small for their squares to be
    /// numbers; [`Error::OtherRank`] if another process of the plan's team failed.
    pub fn of<X, D: Distribution<X> + Sync>(
        &self,
        distribution: &D,
        plan: &mut Plan<'_>,
        f: impl Fn(&X) -> f64 + Sync,
    ) -> Result<Estimate, Error> {
        self.sampled(plan, |random| {
            let value = f(&distribution.sample(random));
            if value.is_finite() { Ok(value) } else { Err(Error::NotFiniteSample { value }) }
        })
    }

    fn sampled(
        &self,
        plan: &mut Plan<'_>,
        draw: impl Fn(&mut Random) -> Result<f64, Error> + Sync,
    ) -> Result<Estimate, Error> {
        at_least("an expectation", self.samples, 2)?;
        plan.check()?;
        let of_chunk = |chunk: u64, count: u64, values: &mut Vec<f64>| {
            let mut random = Random::new(self.seed, chunk);
            values.clear();
            for _ in 0..count {
                values.push(draw(&mut random)?);
            }
            finite(Moments::of(values), values)
        };
        in_chunks(plan, (self.samples, CHUNK as u64, 1), || Vec::with_capacity(CHUNK), of_chunk, 1.0)
    }
}

/// Importance sampling: points where they matter, each counted by how rarely it is drawn there.
///
/// ∫ f = E[f(X) / p(X)] for X of density p. If p is proportional to |f|, all quotients are equal and the error is 0; if p is far
/// smaller than |f| somewhere, rare points with huge quotients make the error bar itself unreliable. p must be positive wherever
/// f is not 0: what is never drawn is never counted, and no number here can tell. (H. Kahn & A. W. Marshall 1953.)
///
/// ```
/// use montecarlo::{Importance, Plan};
/// use rand::distr::Distribution;
/// use rand_distr::Exp1;
///
/// // ∫ x·e⁻ˣ over [0, ∞) = 1: an integral that no box holds.
/// let estimate = Importance { samples: 100_000, ..Default::default() }.integrate(
///     &mut Plan::default(),
///     |random| Exp1.sample(random),
///     |x: &f64| (-x).exp(),
///     |x| x * (-x).exp(),
/// )?;
/// assert!(estimate.confidence(0.999)?.contains(1.0));
/// # Ok::<(), montecarlo::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Importance {
    /// Chooses the random numbers.
    pub seed: u64,
    /// How many points are drawn, at least 2.
    pub samples: u64,
}

impl Default for Importance {
    fn default() -> Self {
        Self { seed: 0, samples: 1 << 16 }
    }
}

impl Importance {
    /// The integral of `f` over everything that `sample` reaches; `density` is that of `sample`.
    ///
    /// # Errors
    /// As [`Expectation::of`]; [`Error::BadDensity`] for a density that is not positive, or not finite, at a point that was drawn.
    pub fn integrate<X>(
        &self,
        plan: &mut Plan<'_>,
        sample: impl Fn(&mut Random) -> X + Sync,
        density: impl Fn(&X) -> f64 + Sync,
        f: impl Fn(&X) -> f64 + Sync,
    ) -> Result<Estimate, Error> {
        Expectation { seed: self.seed, samples: self.samples }.sampled(plan, |random| {
            let x = sample(random);
            let density = density(&x);
            if !(density > 0.0 && density.is_finite()) {
                return Err(Error::BadDensity { density });
            }
            let value = f(&x) / density;
            if value.is_finite() { Ok(value) } else { Err(Error::NotFiniteSample { value }) }
        })
    }
}
