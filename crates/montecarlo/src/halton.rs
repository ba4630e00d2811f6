//! Halton's sequence: the digits of the counting numbers, mirrored at the point.

use crate::integrator::{Batch, at_least};
use crate::philox::{Purpose, Stream, unit};
use crate::replicates::{self, NUMBERS_MAX, Sequence};
use crate::{Domain, Error, Estimate, Integrator, Plan};

/// Dimensions at most: as many primes, the last of which is 8161.
const DIMS_MAX: usize = 1024;
/// Points of a replicate at most.
const POINTS_MAX: u64 = 1 << 40;

/// Halton's sequence, scrambled: coordinate j of point i is i in base p, the j-th prime, its digits mirrored at the point.
///
/// Good for any number of points, not for powers of two alone, and extensible in the number of dimensions, up to 1,024 (fewer with
/// hundreds of replicates, whose tables have to fit memory). Every digit of every
/// coordinate goes through a random permutation of its own, which breaks the correlations of large bases and makes each point
/// uniformly distributed: the mean has no bias, and independent replicates give the error bar. (J. H. Halton 1960;
/// A. B. Owen, "A randomized Halton algorithm in R", 2017.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Halton {
    /// Chooses the random permutations.
    pub seed: u64,
    /// Calls of the integrand, 1 to 2⁴⁰ a replicate. What does not divide by the number of replicates is left over.
    pub samples: u64,
    /// Independent scrambles, 2 to 65,536.
    pub replicates: u64,
}

impl Default for Halton {
    fn default() -> Self {
        Self { seed: 0, samples: 1 << 16, replicates: 8 }
    }
}

impl Integrator for Halton {
    fn integrate_batch(&self, domain: &Domain, plan: &mut Plan<'_>, f: &Batch<'_>) -> Result<Estimate, Error> {
        domain.check("Halton's sequence", DIMS_MAX)?;
        replicates::check(self.replicates)?;
        at_least("Halton's sequence", self.samples, self.replicates)?;
        plan.check()?;
        let points = self.samples / self.replicates;
        if points > POINTS_MAX {
            let max = POINTS_MAX.saturating_mul(self.replicates);
            return Err(Error::TooManySamples { method: "Halton's sequence", samples: self.samples, max });
        }
        check_tables(domain.dims(), self.replicates, points)?;
        let tables = Tables::new(self.seed, self.replicates, domain.dims(), points);
        replicates::integrate(&tables, (self.replicates, points, 0), domain, plan, f)
    }
}

/// Refuses tables that no memory holds: of many large bases for many replicates.
fn check_tables(dims: usize, replicates: u64, points: u64) -> Result<(), Error> {
    let mut numbers = 0;
    for (max, base) in primes(dims).into_iter().enumerate() {
        numbers += replicates * base * places(base, points);
        if numbers > NUMBERS_MAX {
            return Err(Error::TooManyDimensions { method: "Halton's sequence", dims, max });
        }
    }
    Ok(())
}

/// How many digits the numbers below `points` have in a base.
fn places(base: u64, points: u64) -> u64 {
    let (mut places, mut reached) = (0, 1_u64);
    while reached < points {
        (places, reached) = (places + 1, reached.saturating_mul(base));
    }
    places
}

/// What each digit of each coordinate of each replicate adds.
struct Tables {
    dims: usize,
    /// One a coordinate, those of a replicate after those of the one before.
    coordinates: Vec<Coordinate>,
}

struct Coordinate {
    base: u64,
    /// `places[k][digit]`: the permuted digit, times base^(−k−1).
    places: Vec<Vec<f64>>,
    /// The infinitely many digits that are 0 for all points, permuted: one random number.
    tail: f64,
}

impl Tables {
    fn new(seed: u64, replicates: u64, dims: usize, points: u64) -> Self {
        let primes = primes(dims);
        let coordinates = (0..replicates).flat_map(|replicate| {
            let mut random =
                Random { stream: Stream { seed, stream: replicate, purpose: Purpose::Scrambles }, block: 0 };
            primes.iter().map(move |&base| Coordinate::new(base, points, &mut random)).collect::<Vec<_>>()
        });
        Self { dims, coordinates: coordinates.collect() }
    }
}

impl Coordinate {
    fn new(base: u64, points: u64, random: &mut Random) -> Self {
        let (mut tables, mut scale) = (Vec::new(), 1.0);
        for _ in 0..places(base, points) {
            scale /= base as f64;
            let mut digits: Vec<f64> = (0..base).map(|digit| digit as f64 * scale).collect();
            for last in (1..digits.len()).rev() {
                digits.swap(last, random.below(last as u64 + 1));
            }
            tables.push(digits);
        }
        Self { base, places: tables, tail: unit(random.next()) * scale }
    }

    /// Fills every `stride`-th number with the coordinate of points `first`, `first` + 1, …
    fn fill(&self, first: u64, out: &mut [f64], stride: usize) {
        let places = self.places.len();
        let mut digits = vec![0_usize; places + 1];
        let mut rest = first;
        for digit in &mut digits[..places] {
            (*digit, rest) = ((rest % self.base) as usize, rest / self.base);
        }
        // sums[k]: what the digits from place k on add. The next point changes the lowest digit, and rarely a second.
        let mut sums = vec![self.tail; places + 1];
        let mut changed = places;
        for out in out.iter_mut().step_by(stride) {
            for place in (0..changed).rev() {
                sums[place] = self.places[place][digits[place]] + sums[place + 1];
            }
            *out = sums[0].clamp(f64::EPSILON / 2.0, 1.0 - f64::EPSILON / 2.0);
            let mut place = 0;
            while place < places && digits[place] + 1 == self.base as usize {
                digits[place] = 0;
                place += 1;
            }
            digits[place] += 1;
            changed = (place + 1).min(places);
        }
    }
}

impl Sequence for Tables {
    fn points(&self, replicate: u64, first: u64, points: &mut [f64], _: &mut Vec<u32>) {
        let coordinates = &self.coordinates[replicate as usize * self.dims..][..self.dims];
        for (axis, coordinate) in coordinates.iter().enumerate() {
            coordinate.fill(first, &mut points[axis..], self.dims);
        }
    }
}

/// Numbers of a stream, one after the other.
struct Random {
    stream: Stream,
    block: u32,
}

impl Random {
    fn next(&mut self) -> u64 {
        let [word, _] = self.stream.block(self.block);
        self.block += 1;
        word
    }

    /// A number below `bound`, as good as uniform: biased by at most bound / 2⁶⁴.
    fn below(&mut self, bound: u64) -> usize {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as usize
    }
}

/// The first primes, by trial division.
fn primes(count: usize) -> Vec<u64> {
    let mut primes: Vec<u64> = Vec::with_capacity(count);
    let mut candidate = 2;
    while primes.len() < count {
        if primes.iter().take_while(|&&prime| prime * prime <= candidate).all(|prime| candidate % prime != 0) {
            primes.push(candidate);
        }
        candidate += 1;
    }
    primes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_primes_for_every_dimension() {
        let primes = primes(DIMS_MAX);
        assert_eq!((&primes[..5], primes[1023]), (&[2, 3, 5, 7, 11][..], 8161));
    }

    /// The first bᵏ points of each coordinate have one point in each of bᵏ slices, and the rest of the sequence goes on the same.
    #[test]
    fn each_coordinate_is_stratified_and_chunks_join() {
        let tables = Tables::new(7, 3, 4, 1 << 12);
        for replicate in 0..3 {
            let mut all = vec![0.0; 4 * 4096];
            tables.points(replicate, 0, &mut all, &mut Vec::new());
            let mut part = vec![0.0; 4 * 512];
            tables.points(replicate, 1536, &mut part, &mut Vec::new());
            assert_eq!(part, all[4 * 1536..][..4 * 512]);
            for (axis, slices) in [(0, 4096), (1, 2187), (2, 3125), (3, 2401)] {
                let mut hit = vec![false; slices];
                for point in all.chunks_exact(4).take(slices) {
                    let slice = &mut hit[(point[axis] * slices as f64) as usize];
                    assert!(!std::mem::replace(slice, true), "axis {axis}");
                }
            }
        }
    }
}
