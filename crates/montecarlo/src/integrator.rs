//! What all methods have in common.

use std::time::Instant;

use crate::moments::sum;
use crate::philox::Stream;
use crate::simd::fill_units;
use crate::{Domain, Error, Estimate, Moments, Plan, Stop};

/// An integrand: from the coordinates of some points, row-major (points × dimensions), it fills one value a point.
pub type Batch<'f> = dyn Fn(&[f64], &mut [f64]) + Sync + 'f;

/// Points of a chunk, the unit of work that threads and ranks take, and that random numbers are keyed by.
pub(crate) const CHUNK: usize = 1024;
/// Coordinates of a chunk at most, so that scratch memory stays small in many dimensions.
const COORDINATES_MAX: usize = 1 << 20;
/// The largest number of dimensions that the random methods take.
pub(crate) const DIMS_MAX: usize = COORDINATES_MAX;

/// A method of integration: a struct with its options, and `Default`.
///
/// `samples` is the number of calls of the integrand that it may spend, warm-up and replicates included; `seed` chooses its random
/// numbers. The result is a function of these options, the domain and the integrand, to the last bit: it does not depend on the
/// number of threads or ranks.
///
/// ```
/// use montecarlo::{Domain, Integrator, Sobol};
///
/// // ∫∫ x·y over [0, 1] × [0, 2] = 1
/// let domain = Domain::new(&[(0.0, 1.0), (0.0, 2.0)])?;
/// let estimate = Sobol::default().integrate(&domain, |x| x[0] * x[1])?;
/// assert!((estimate.mean - 1.0).abs() < 5.0 * estimate.std_error);
/// assert!(estimate.std_error < 1e-4);
/// # Ok::<(), montecarlo::Error>(())
/// ```
pub trait Integrator {
    /// The integral of `f` over `domain`. `f` gets some points, one after the other, and fills one value for each: as many coordinates as
    /// `domain` has dimensions for every value.
    ///
    /// # Errors
    /// [`Error::TooFewSamples`], [`Error::TooManySamples`]; [`Error::NoDimensions`], [`Error::TooManyDimensions`]; [`Error::BadOption`] of the
    /// method, [`Error::BadTolerance`] and [`Error::BadLevel`] of the plan; [`Error::NotFinite`] if the integrand is not finite at one of the
    /// points, which is named; [`Error::Overflow`] and [`Error::Underflow`] if its values are too large or too small for their squares to be
    /// numbers; [`Error::OtherRank`] if another process of the plan's team failed.
    fn integrate_batch(&self, domain: &Domain, plan: &mut Plan<'_>, f: &Batch<'_>) -> Result<Estimate, Error>;

    /// The same for an integrand that takes one point, with all samples spent on all threads.
    ///
    /// # Errors
    /// As [`integrate_batch`](Self::integrate_batch).
    fn integrate<F: Fn(&[f64]) -> f64 + Sync>(&self, domain: &Domain, f: F) -> Result<Estimate, Error>
    where
        Self: Sized,
    {
        self.integrate_with(domain, &mut Plan::default(), f)
    }

    /// The same with a plan: tolerance, deadline, progress, threads.
    ///
    /// # Errors
    /// As [`integrate_batch`](Self::integrate_batch).
    fn integrate_with<F: Fn(&[f64]) -> f64 + Sync>(
        &self,
        domain: &Domain,
        plan: &mut Plan<'_>,
        f: F,
    ) -> Result<Estimate, Error>
    where
        Self: Sized,
    {
        let dims = domain.dims().max(1);
        self.integrate_batch(domain, plan, &|points, values| {
            for (point, value) in points.chunks_exact(dims).zip(values) {
                *value = f(point);
            }
        })
    }
}

/// Points of a chunk in this many dimensions: a power of two.
pub(crate) fn chunk_points(dims: usize) -> usize {
    let most = (COORDINATES_MAX / dims.max(1)).clamp(2, CHUNK);
    1 << most.ilog2()
}

/// Room for the points of a chunk and their values.
pub(crate) struct Scratch {
    pub(crate) points: Vec<f64>,
    pub(crate) values: Vec<f64>,
    dims: usize,
}

impl Scratch {
    pub(crate) fn new(points: usize, dims: usize) -> Self {
        Self { points: vec![0.0; points * dims], values: vec![0.0; points], dims }
    }

    /// The first `count` points, uniformly distributed in the unit cube.
    pub(crate) fn random(&mut self, stream: Stream, count: usize) -> &mut [f64] {
        let points = &mut self.points[..count * self.dims];
        fill_units(stream, 0, points);
        points
    }

    /// Moves the first `count` points into the domain, and evaluates the integrand there.
    pub(crate) fn evaluate(&mut self, domain: &Domain, f: &Batch<'_>, count: usize) -> Result<&mut [f64], Error> {
        let (points, values) = (&mut self.points[..count * self.dims], &mut self.values[..count]);
        domain.place(points);
        // A value that is not written is an error to be found, not the value of another point.
        values.fill(f64::NAN);
        f(points, values);
        // The sum of the values times 0 is 0 unless one of them is not finite.
        if sum(values.iter().map(|value| value * 0.0)) != 0.0 {
            let bad = values.iter().position(|value| !value.is_finite()).unwrap_or(0);
            let point = points[bad * self.dims..][..self.dims].to_vec();
            return Err(Error::NotFinite { value: values[bad], point });
        }
        Ok(values)
    }
}

/// Refuses sums that left the range of 64-bit numbers.
pub(crate) fn finite(moments: Moments, values: &[f64]) -> Result<Moments, Error> {
    if moments.squares.is_finite() && moments.mean.is_finite() {
        return Ok(moments);
    }
    Err(Error::Overflow { largest: values.iter().fold(0.0, |most, value| value.abs().max(most)) })
}

/// Works off all chunks, round after round, until they are done or something stops the run.
///
/// `of_chunk` fills a record of `record` numbers for each chunk; `absorb` takes them in the chunks' order; `estimate` says what they
/// amount to so far.
pub(crate) fn in_rounds<S>(
    plan: &mut Plan<'_>,
    (chunks, record, samples_max): (u64, usize, u64),
    scratch: impl Fn() -> S + Sync,
    of_chunk: impl Fn(u64, &mut S, &mut [f64]) -> Result<(), Error> + Sync,
    mut state: impl FnMut(&[f64]) -> Result<Estimate, Error>,
) -> Result<Estimate, Error> {
    let (started, mut done) = (Instant::now(), 0);
    loop {
        let next = plan.next_chunks(done, chunks - done, started);
        let records = plan.map(done..done + next, record, &scratch, &of_chunk)?;
        done += next;
        let estimate = state(&records)?;
        let stop = if plan.looks() { plan.stop(&estimate, samples_max)? } else { None };
        match stop {
            // Whoever stops a run that is over has not stopped it.
            Some(stop) if done < chunks || stop == Stop::Tolerance => return Ok(Estimate { stop, ..estimate }),
            _ if done == chunks => return Ok(estimate),
            _ => {}
        }
    }
}

/// The moments of all units, from chunks that each give the moments of theirs: the skeleton of the plain methods.
pub(crate) fn in_chunks<S>(
    plan: &mut Plan<'_>,
    (units, units_a_chunk, samples_a_unit): (u64, u64, u64),
    scratch: impl Fn() -> S + Sync,
    of_chunk: impl Fn(u64, u64, &mut S) -> Result<Moments, Error> + Sync,
    volume: f64,
) -> Result<Estimate, Error> {
    let work = |chunk: u64, scratch: &mut S, record: &mut [f64]| {
        let moments = of_chunk(chunk, units_a_chunk.min(units - chunk * units_a_chunk), scratch)?;
        record.copy_from_slice(&[moments.count as f64, moments.mean, moments.squares]);
        Ok(())
    };
    let mut moments = Moments::default();
    in_rounds(plan, (units.div_ceil(units_a_chunk), 3, units * samples_a_unit), scratch, work, |records| {
        let of = |record: &[f64]| Moments { count: record[0] as u64, mean: record[1], squares: record[2] };
        moments = records.chunks_exact(3).map(of).fold(moments, Moments::merge);
        if !moments.squares.is_finite() {
            return Err(Error::Overflow { largest: moments.mean.abs() });
        }
        let estimate = Estimate::of_equal_units(moments.count, moments.mean, moments.squares, samples_a_unit);
        estimate.over(volume)
    })
}

/// Independent runs of a method that cannot be continued, each with as many samples as all before it, merged: so that there is
/// something to look at. One run if nobody looks.
pub(crate) fn in_runs(
    plan: &mut Plan<'_>,
    (samples, first): (u64, u64),
    mut run: impl FnMut(&mut Plan<'_>, u64, u64) -> Result<Estimate, Error>,
) -> Result<Estimate, Error> {
    let (mut all, mut index) = (None::<Estimate>, 0);
    loop {
        let spent = all.map_or(0, |all| all.samples);
        let left = samples - spent;
        let size = if plan.looks() { first.max(spent) } else { left };
        // What would be left for a last run of its own must be worth one; a run may use less than its share.
        let size = if left < size + first { left } else { size };
        let estimate = run(plan, index, size)?;
        let estimate = all.map_or(estimate, |all| all.merge(estimate));
        let stop = if plan.looks() { plan.stop(&estimate, samples)? } else { None };
        match stop {
            Some(stop) if size < left || stop == Stop::Tolerance => return Ok(Estimate { stop, ..estimate }),
            _ if size == left => return Ok(estimate),
            _ => (all, index) = (Some(estimate), index + 1),
        }
    }
}

/// Chunks or replicates of a run whose results are kept until it ends: some 1.6 GB.
pub(crate) const RECORDS_MAX: u64 = 1 << 26;

/// Refuses more samples than a method keeps the books of.
pub(crate) fn at_most(method: &'static str, samples: u64, max: u64) -> Result<(), Error> {
    if samples > max { Err(Error::TooManySamples { method, samples, max }) } else { Ok(()) }
}

/// Refuses fewer samples than a method needs.
pub(crate) fn at_least(method: &'static str, samples: u64, needed: u64) -> Result<(), Error> {
    if samples < needed { Err(Error::TooFewSamples { method, samples, needed }) } else { Ok(()) }
}
