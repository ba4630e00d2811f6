//! VEGAS+: learns where the integrand is large, then stratifies what is left.

mod iteration;
mod map;
mod warm_up;

use crate::estimate::welch;
use crate::integrator::{Batch, at_least, at_most};
use crate::replicates;
use crate::sobol::Nested;
use crate::{Domain, Error, Estimate, Integrator, Plan, Stop};
use iteration::{Iteration, Outcome, Spread};
use map::Map;
use warm_up::WarmUp;

/// Dimensions at most.
const DIMS_MAX: usize = 1024;
/// Samples of an iteration that an increment of the map should see at least.
const SAMPLES_AN_INCREMENT: u64 = 10;
/// Samples in strata at most: one stratum may get them all, and counts in 32 bits.
const STRATA_SAMPLES_MAX: u64 = 1 << 32;
/// Coordinates of all samples in strata at most: a 64th of an iteration draws them from 2³² blocks of two numbers.
const STRATA_NUMBERS_MAX: u64 = 1 << 39;
/// Bits of the number of a net's point: a replicate has at most so many points.
const POINTS_BITS: u32 = 32;
/// Samples of an iteration at least.
const ITERATION_MIN: u64 = 16;

/// VEGAS: learns from its own samples where the integrand is large, and puts points there.
///
/// What is learnt is a *map*: it stretches every axis where the integrand is large (separable peaks: it knows axes, not diagonals).
/// The first iterations, with [`warm_up`](Self::warm_up) of the samples, only learn; the map is then left alone, and the estimate comes
/// from the other samples, so that it has no bias. They are placed in the stretched cube as [`points`](Self::points) says.
///
/// [`Estimate::chi_squared_per_dof`] says whether the parts of a run agree: far above 1, the error bar is not to be trusted, for some of
/// them saw a peak that others missed.
///
/// Up to 1,024 dimensions. (G. P. Lepage, J. Comput. Phys. 27 (1978) 192, and "Adaptive multidimensional integration: VEGAS enhanced", 2021.)
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Vegas {
    /// Chooses the random numbers.
    pub seed: u64,
    /// Calls of the integrand, warm-up included: at least 16 an iteration; at most 2³² a replicate in nets, and 2³² in all in strata (fewer
    /// in more than 128 dimensions).
    pub samples: u64,
    /// The share of the samples that only adapts, in (0, 1).
    pub warm_up: f64,
    /// Iterations of the warm-up, at least 1.
    pub warm_up_iterations: u32,
    /// Independent parts of the run after it, 2 to 65,536: replicates of nets, or iterations of strata.
    pub replicates: u64,
    /// How the points after the warm-up are placed.
    pub points: VegasPoints,
    /// Increments an axis of the map at most, 1 to 100,000; at least 10 samples of each iteration for one.
    pub increments: usize,
    /// How fast the map adapts, 0 to 10; 0 is not at all.
    pub alpha: f64,
    /// How far strata follow the spread inside them, 0 to 1; 0 is not at all, 1 the optimum for a spread that is exactly known.
    pub beta: f64,
}

/// How points are placed in the stretched cube.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum VegasPoints {
    /// Replicates of Sobol's sequence, scrambled: each replicate is stratified in all coordinates at once. χ² compares them with the
    /// last iteration of the warm-up, whose error is taken for that of independent points, which is larger.
    #[default]
    Nets,
    /// VEGAS+: a grid of strata with two random points each, and more of them where the integrand still varies. χ² compares the
    /// iterations, each of which is weighted by its samples. (Weights by 1/σ², which are usual, prefer the iterations that have seen
    /// the least of a peak: a bias.)
    Strata,
}

impl Default for Vegas {
    fn default() -> Self {
        Self {
            seed: 0,
            samples: 1 << 16,
            warm_up: 0.25,
            warm_up_iterations: 5,
            replicates: 4,
            points: VegasPoints::Nets,
            increments: 1000,
            alpha: 0.5,
            beta: 0.75,
        }
    }
}

impl Vegas {
    fn check(&self, domain: &Domain, plan: &Plan<'_>) -> Result<(), Error> {
        domain.check("VEGAS", DIMS_MAX)?;
        plan.check()?;
        replicates::check(self.replicates)?;
        let ranges: [(&'static str, f64, bool, &'static str); 5] = [
            ("warm_up", self.warm_up, self.warm_up > 0.0 && self.warm_up < 1.0, "more than 0 and less than 1"),
            ("warm_up_iterations", self.warm_up_iterations.into(), self.warm_up_iterations >= 1, "at least 1"),
            ("increments", self.increments as f64, (1..=100_000).contains(&self.increments), "between 1 and 100000"),
            ("alpha", self.alpha, (0.0..=10.0).contains(&self.alpha), "between 0 and 10"),
            ("beta", self.beta, (0.0..=1.0).contains(&self.beta), "between 0 and 1"),
        ];
        for (name, value, is_fine, range) in ranges {
            if !is_fine {
                return Err(Error::BadOption { name, value, range });
            }
        }
        match self.points {
            VegasPoints::Nets => at_most("VEGAS in nets", self.samples, self.replicates << POINTS_BITS)?,
            VegasPoints::Strata => {
                let max = STRATA_SAMPLES_MAX.min(STRATA_NUMBERS_MAX / domain.dims() as u64);
                at_most("VEGAS in strata", self.samples, max)?;
            }
        }
        let share = self.warm_up.min(1.0 - self.warm_up);
        let most = u64::from(self.warm_up_iterations).max(self.replicates) as f64;
        at_least("VEGAS", self.samples, (ITERATION_MIN as f64 * most / share).ceil() as u64)
    }
}

impl Integrator for Vegas {
    fn integrate_batch(&self, domain: &Domain, plan: &mut Plan<'_>, f: &Batch<'_>) -> Result<Estimate, Error> {
        self.check(domain, plan)?;
        let warm_up = (self.warm_up * self.samples as f64) as u64;
        let smallest = warm_up / u64::from(self.warm_up_iterations);
        let increments = (smallest / SAMPLES_AN_INCREMENT).clamp(1, self.increments as u64) as usize;
        let mut run =
            Run { vegas: self, domain, f, map: Map::even(domain.dims(), increments), spread: None, iterations: 0 };
        match self.points {
            VegasPoints::Strata => run.in_strata(plan, warm_up),
            VegasPoints::Nets => run.in_nets(plan, warm_up),
        }
    }
}

/// What a run has learnt.
struct Run<'a> {
    vegas: &'a Vegas,
    domain: &'a Domain,
    f: &'a Batch<'a>,
    map: Map,
    spread: Option<Spread>,
    iterations: u64,
}

impl Run<'_> {
    fn iterate(&mut self, plan: &Plan<'_>, samples: u64, learn: bool) -> Result<Outcome, Error> {
        let Self { vegas, domain, f, map, iterations: number, .. } = self;
        let outcome = Iteration { vegas, domain, f, map, number: *number, samples, learn }.run(plan, &mut self.spread);
        self.iterations += 1;
        outcome
    }

    /// Iterations of strata.
    fn in_strata(&mut self, plan: &mut Plan<'_>, warm_up: u64) -> Result<Estimate, Error> {
        for samples in shares(warm_up, self.vegas.warm_up_iterations.into()) {
            let outcome = self.iterate(plan, samples, true)?;
            self.map.refine(&outcome.weights, self.vegas.alpha);
        }
        let (samples_max, mut spent, mut parts) = (self.vegas.samples, warm_up, Vec::new());
        for samples in shares(samples_max - warm_up, self.vegas.replicates) {
            parts.push(self.iterate(plan, samples, false)?.estimate);
            spent += samples;
            let estimate = combine(&parts, spent).over(self.domain.volume())?;
            if plan.looks()
                && let Some(stop) = plan.stop(&estimate, samples_max)?
                && (spent < samples_max || stop == Stop::Tolerance)
            {
                return Ok(Estimate { stop, ..estimate });
            }
        }
        combine(&parts, spent).over(self.domain.volume())
    }

    /// Nets all the way: the warm-up's teach the map, replicates of one through it give the estimate.
    fn in_nets(&mut self, plan: &mut Plan<'_>, warm_up: u64) -> Result<Estimate, Error> {
        let Self { vegas, domain, f, map, .. } = self;
        let nets = Nested::new(vegas.seed, domain.dims());
        let mut last = None;
        for (iteration, samples) in (0..).zip(shares(warm_up, vegas.warm_up_iterations.into())) {
            let outcome = WarmUp { domain, f, map, nets: &nets }.run(plan, iteration, samples)?;
            map.refine(&outcome.weights, vegas.alpha);
            last = Some(outcome.estimate.over(domain.volume())?);
        }
        let estimate = self.replicates(plan, &nets, warm_up)?;
        let agree = last.and_then(|last| combine(&[last, estimate], 0).chi_squared_per_dof);
        Ok(Estimate { chi_squared_per_dof: agree, units: 0, ..estimate })
    }

    /// Replicates of a net through the map, for the samples that the warm-up has left.
    fn replicates(&self, plan: &mut Plan<'_>, nets: &Nested, warm_up: u64) -> Result<Estimate, Error> {
        let (dims, least) = (self.domain.dims(), self.vegas.replicates);
        let samples = self.vegas.samples - warm_up;
        let points = 1_u64 << (samples / least).ilog2();
        let replicates = samples / points;
        let stretched = |points: &[f64], values: &mut [f64]| {
            let (mut points, mut which) = (points.to_vec(), vec![0; dims]);
            let jacobians: Vec<f64> =
                points.chunks_exact_mut(dims).map(|point| self.map.apply(point, &mut which)).collect();
            self.domain.place(&mut points);
            (self.f)(&points, values);
            values.iter_mut().zip(jacobians).for_each(|(value, jacobian)| *value *= jacobian);
        };
        let cube = self.domain.stretched();
        let estimate = replicates::integrate(nets, (replicates, points, warm_up), &cube, plan, &stretched);
        // The point that the caller knows is where the map put it.
        estimate.map_err(|error| match error {
            Error::NotFinite { value, mut point } => {
                let jacobian = self.map.apply(&mut point, &mut vec![0; dims]);
                self.domain.place(&mut point);
                Error::NotFinite { value: value / jacobian, point }
            }
            other => other,
        })
    }
}

/// Samples of each iteration.
fn shares(samples: u64, iterations: u64) -> impl Iterator<Item = u64> {
    let (each, rest) = (samples / iterations, samples % iterations);
    (0..iterations).map(move |index| each + u64::from(index < rest))
}

/// The mean of the iterations, weighted by their samples, and whether they agree.
fn combine(parts: &[Estimate], spent: u64) -> Estimate {
    let samples: u64 = parts.iter().map(|part| part.samples).sum();
    let weight = |part: &Estimate| part.samples as f64 / samples as f64;
    let mean = parts.iter().map(|part| weight(part) * part.mean).sum();
    let variances = parts.iter().map(|part| ((weight(part) * part.std_error).powi(2), part.degrees_of_freedom));
    let degrees = welch(variances.clone());
    let variance = variances.map(|(variance, _)| variance).sum();
    // Against the mean that makes it smallest, as χ² wants it: weighted by 1/σ².
    let varied = parts.iter().filter(|part| part.std_error > 0.0);
    let inverse = |part: &Estimate| part.std_error.powi(-2);
    let best: f64 =
        varied.clone().map(|part| inverse(part) * part.mean).sum::<f64>() / varied.clone().map(inverse).sum::<f64>();
    let chi_squared: f64 = varied.clone().map(|part| inverse(part) * (part.mean - best).powi(2)).sum();
    let agree =
        varied.count().checked_sub(1).filter(|&degrees| degrees > 0).map(|degrees| chi_squared / degrees as f64);
    Estimate { chi_squared_per_dof: agree, ..Estimate::of_weighted(mean, variance, degrees, spent) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::genz::{Family, Genz};

    /// Two narrow peaks on the diagonal: plain sampling sees one point in a thousand of them.
    #[test]
    fn finds_peaks() {
        let peak = |x: &[f64], centre: f64| (-200.0 * x.iter().map(|x| (x - centre).powi(2)).sum::<f64>()).exp();
        let f = |x: &[f64]| peak(x, 0.3) + peak(x, 0.7);
        let one = (std::f64::consts::PI / 200.0).powi(2);
        let (vegas, plain) =
            (Vegas { seed: 1, ..Vegas::default() }, crate::Plain { seed: 1, ..crate::Plain::default() });
        let adapted = vegas.integrate(&Domain::unit(4), f).expect("an estimate");
        let plain = plain.integrate(&Domain::unit(4), f).expect("an estimate");
        assert!((adapted.mean / (2.0 * one) - 1.0).abs() < 0.03, "{adapted:?}");
        assert!(adapted.std_error < 0.2 * plain.std_error, "{} {}", adapted.std_error, plain.std_error);
        assert!(adapted.chi_squared_per_dof.expect("iterations") < 8.0);
    }

    /// Where the integrand ends in a cliff, increments are small on both sides of it: with a wide one over it, the median is 2e-3.
    #[test]
    fn a_cliff_costs_no_accuracy() {
        let genz = Genz::standard(Family::Discontinuous, 5);
        let error = |seed| {
            let estimate = Vegas { seed, ..Vegas::default() }.integrate(&Domain::unit(5), |x| genz.value(x));
            (estimate.expect("an estimate").mean / genz.integral() - 1.0).abs()
        };
        let mut errors: Vec<f64> = (0..21).map(error).collect();
        errors.sort_by(f64::total_cmp);
        assert!(errors[10] < 3e-4, "{errors:?}");
    }

    #[test]
    fn iterations_that_disagree_say_so() {
        let part = |mean| Estimate::of_weighted(mean, 1e-4, 50.0, 100);
        let combined = combine(&[part(1.0), part(1.1)], 250);
        assert!((combined.chi_squared_per_dof.expect("two") - 50.0).abs() < 1e-6);
        assert_eq!((combined.samples, combined.stop), (250, Stop::Samples));
    }

    #[test]
    fn options_have_ranges() {
        let unit = Domain::unit(2);
        let good = Vegas::default();
        for bad in [
            Vegas { warm_up: 0.0, ..good },
            Vegas { warm_up: f64::NAN, ..good },
            Vegas { replicates: 1, ..good },
            Vegas { increments: 0, ..good },
            Vegas { alpha: -1.0, ..good },
            Vegas { beta: 2.0, ..good },
        ] {
            assert!(matches!(bad.integrate(&unit, |_| 1.0), Err(Error::BadOption { .. })), "{bad:?}");
        }
        let few = Vegas { samples: 100, ..good }.integrate(&unit, |_| 1.0);
        assert!(matches!(few, Err(Error::TooFewSamples { samples: 100, .. })), "{few:?}");
    }
}
