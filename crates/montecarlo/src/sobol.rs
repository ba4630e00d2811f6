//! Sobol's sequence: every power of two of its points is a net.
//!
//! Coordinate j of point i is the exclusive or of a matrix's columns, those where i has a bit set. 1024 points that start at a
//! multiple of 1024 share all but ten columns, so that a chunk is made by doubling: the exclusive or of the first 2ᵏ points with
//! column k are the next 2ᵏ.

use std::ops::BitXor;

use crate::integrator::{Batch, at_least};
use crate::philox::{Purpose, Stream, unit};
use crate::replicates::{self, NUMBERS_MAX, Sequence};
use crate::simd::scramble;
use crate::{Domain, Error, Estimate, Integrator, Plan};

/// `data/README.md` says where it is from.
const DIRECTION_NUMBERS: &[u8] = include_bytes!("../data/joe-kuo.bin");
/// Bits that the net places, and columns of a matrix.
const BITS: usize = 32;

/// Sobol's sequence, scrambled: the default choice for anything smooth in up to some ten dimensions, and often beyond.
///
/// Its first 2ᵐ points are spread so evenly that the error of a smooth integrand falls like n⁻¹, and, with a scramble, like n^(−3/2).
/// A scramble keeps this structure, makes each point uniformly distributed, so that the mean has no bias, and makes replicates
/// independent, so that there is an error bar. Coordinates have 52 bits.
///
/// (I. M. Sobol' 1967; directions of S. Joe & F. Y. Kuo 2008, to 3,667 dimensions; A. B. Owen 1995, 1997.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sobol {
    /// Chooses the scrambles.
    pub seed: u64,
    /// Calls of the integrand, at least one a replicate and fewer than 2³³. Replicates have a power of two points, the largest that fits;
    /// what is left is spent on further replicates as long as it makes whole ones.
    pub samples: u64,
    /// Independent scrambles at least, 2 to 65,536. More of them know the error better, fewer make it smaller.
    pub replicates: u64,
    /// How to scramble.
    pub scramble: Scramble,
}

/// A way of randomising digits that keeps a net a net. Both have the same variance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Scramble {
    /// Owen's own, nested uniform scramble: whether a bit flips is drawn for each value of the bits before it, by a hash with random
    /// keys. Replicates are nearly normally distributed, so that the error bar is honest. (S. Laine & T. Karras 2011; W.-L. Loh 2003.)
    #[default]
    Nested,
    /// Owen's, with linear flips: whether a bit flips is a random linear function of the bits before it, and a random shift. As fast as no
    /// scramble. For very smooth integrands most replicates are far better than the standard deviation says, and a few far worse: the
    /// mean is off less in most runs, but an error bar from few replicates, none of them a bad one, is then too short.
    /// (J. Matoušek 1998.) Each replicate has a matrix a dimension, in memory: thousands of them take fewer dimensions.
    Linear,
}

impl Sobol {
    /// The largest number of dimensions: as many have direction numbers.
    pub const DIMS_MAX: usize = 3667;
}

impl Default for Sobol {
    fn default() -> Self {
        Self { seed: 0, samples: 1 << 16, replicates: 4, scramble: Scramble::default() }
    }
}

impl Integrator for Sobol {
    fn integrate_batch(&self, domain: &Domain, plan: &mut Plan<'_>, f: &Batch<'_>) -> Result<Estimate, Error> {
        domain.check("Sobol's sequence", Self::DIMS_MAX)?;
        replicates::check(self.replicates)?;
        at_least("Sobol's sequence", self.samples, self.replicates)?;
        plan.check()?;
        let points = 1_u64 << (self.samples / self.replicates).ilog2();
        if points > 1 << BITS {
            let max = (self.replicates << (BITS + 1)) - 1;
            return Err(Error::TooManySamples { method: "Sobol's sequence", samples: self.samples, max });
        }
        let replicates = self.samples / points;
        match self.scramble {
            Scramble::Linear => {
                let dims_max = NUMBERS_MAX / (replicates * (BITS as u64 + 1));
                domain.check("Sobol's sequence", dims_max as usize)?;
                let nets = Linear::new(self.seed, replicates, domain.dims());
                replicates::integrate(&nets, (replicates, points, 0), domain, plan, f)
            }
            Scramble::Nested => {
                let nets = Nested::new(self.seed, domain.dims());
                replicates::integrate(&nets, (replicates, points, 0), domain, plan, f)
            }
        }
    }
}

/// The keys of a replicate's scramble of one coordinate.
fn keys(seed: u64, replicate: u64) -> Stream {
    Stream { seed, stream: replicate, purpose: Purpose::Scrambles }
}

/// Matrices that are scrambled once; the points are as cheap as without.
struct Linear {
    dims: usize,
    /// The scrambled matrix and the shift of every coordinate of every replicate; the first bit highest.
    coordinates: Vec<([u64; BITS], u64)>,
}

impl Linear {
    fn new(seed: u64, replicates: u64, dims: usize) -> Self {
        let columns = columns(dims);
        let of = |replicate: u64| {
            let stream = keys(seed, replicate);
            columns.iter().enumerate().map(move |(axis, columns)| {
                let block = |index: usize| stream.block((axis * (BITS / 2 + 1) + index) as u32);
                // What each bit does to those after it; itself it leaves as it is.
                let flips: [u64; BITS] = std::array::from_fn(|bit| {
                    let after = u64::MAX >> 1 >> bit;
                    (block(bit / 2)[bit % 2] & after) | (after + 1)
                });
                let bits = |column: u32| (0..BITS).filter(move |bit| column >> bit & 1 == 1);
                let scrambled = columns.map(|column| bits(column).fold(0, |x, bit| x ^ flips[bit]));
                (scrambled, block(BITS / 2)[0])
            })
        };
        Self { dims, coordinates: (0..replicates).flat_map(of).collect() }
    }
}

impl Sequence for Linear {
    fn points(&self, replicate: u64, first: u64, points: &mut [f64], _: &mut Vec<u32>) {
        let (dims, count) = (self.dims, points.len() / self.dims);
        let mut made = [0_u64; 1024];
        let made = &mut made[..count];
        for (axis, (columns, shift)) in self.coordinates[replicate as usize * dims..][..dims].iter().enumerate() {
            fill(columns, first, *shift, made);
            points[axis..].iter_mut().step_by(dims).zip(&*made).for_each(|(point, bits)| *point = unit(*bits));
        }
    }
}

/// Matrices, and a hash for every coordinate.
pub(crate) struct Nested {
    seed: u64,
    columns: Vec<[u32; BITS]>,
}

impl Nested {
    pub(crate) fn new(seed: u64, dims: usize) -> Self {
        Self { seed, columns: columns(dims) }
    }
}

impl Sequence for Nested {
    fn points(&self, replicate: u64, first: u64, points: &mut [f64], buffer: &mut Vec<u32>) {
        let dims = self.columns.len();
        buffer.resize(points.len() / dims, 0);
        let mut scrambled = [0.0; 64];
        for (axis, columns) in self.columns.iter().enumerate() {
            fill(columns, first, 0, buffer);
            let [low, high] = keys(self.seed, replicate).block(axis as u32);
            let keys = [low as u32, (low >> 32) as u32, high as u32, (high >> 32) as u32];
            for (buffer, points) in buffer.chunks(64).zip(points.chunks_mut(64 * dims)) {
                scramble(keys, buffer, &mut scrambled[..buffer.len()]);
                points[axis..].iter_mut().step_by(dims).zip(scrambled).for_each(|(point, x)| *point = x);
            }
        }
    }
}

/// One coordinate of points `first`, `first` + 1, …, shifted. `first` is a multiple of the next power of two of their number.
fn fill<T: Copy + BitXor<Output = T>>(columns: &[T; BITS], first: u64, shift: T, out: &mut [T]) {
    let set = columns.iter().enumerate().filter(|(bit, _)| first >> bit & 1 == 1);
    out[0] = set.fold(shift, |x, (_, column)| x ^ *column);
    for (column, bit) in columns.iter().zip(0..out.len().next_power_of_two().trailing_zeros()) {
        let (made, next) = out.split_at_mut(1 << bit);
        next.iter_mut().zip(made).for_each(|(next, made)| *next = *made ^ *column);
    }
}

/// The matrices of the first dimensions, bit-reversed: bit 0 of a column is the first after the binary point.
fn columns(dims: usize) -> Vec<[u32; BITS]> {
    // The first dimension is van der Corput's sequence: column k is 2^(−k−1).
    let mut all = vec![std::array::from_fn(|k| 1 << k)];
    let mut numbers =
        DIRECTION_NUMBERS.chunks_exact(2).map(|bytes| u32::from(u16::from_le_bytes([bytes[0], bytes[1]])));
    while all.len() < dims {
        let Some(polynomial) = numbers.next() else { break };
        let degree = polynomial.ilog2() as usize;
        let mut directions = [0_u32; BITS];
        // Column k is m[k]·2^(−k−1): m[k] has k + 1 bits.
        for k in 0..BITS {
            directions[k] = if k < degree {
                numbers.next().unwrap_or(1) << (BITS - 1 - k)
            } else {
                // The recurrence of the polynomial: coefficient of x^(degree − l) at bit degree − l.
                let start = directions[k - degree] ^ directions[k - degree] >> degree;
                (1..degree).filter(|l| polynomial >> (degree - l) & 1 == 1).fold(start, |x, l| x ^ directions[k - l])
            };
        }
        all.push(directions.map(u32::reverse_bits));
    }
    all.truncate(dims);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first points of scipy.stats.qmc.Sobol(6, scramble=False).random(8), SciPy 1.17.1, in eighths; in Gray code's order there.
    #[test]
    fn the_first_points_are_sobols() {
        let scipy = [
            [0, 0, 0, 0, 0, 0],
            [4, 4, 4, 4, 4, 4],
            [6, 2, 2, 2, 6, 6],
            [2, 6, 6, 6, 2, 2],
            [3, 3, 5, 7, 3, 1],
            [7, 7, 1, 3, 7, 5],
            [5, 1, 7, 5, 5, 7],
            [1, 5, 3, 1, 1, 3],
        ];
        let columns = columns(6);
        for (place, expected) in scipy.iter().enumerate() {
            let gray = place ^ place >> 1;
            for (axis, &eighths) in expected.iter().enumerate() {
                let mut point = [0; 8];
                fill(&columns[axis], 0, 0, &mut point);
                assert_eq!(point[gray].reverse_bits() >> 29, eighths, "point {place}, axis {axis}");
            }
        }
    }

    #[test]
    fn every_dimension_has_a_matrix_of_full_rank() {
        let columns = columns(Sobol::DIMS_MAX);
        assert_eq!(columns.len(), Sobol::DIMS_MAX);
        // Column k has its last bit at place k: upper triangular with ones on the diagonal.
        for (axis, columns) in columns.iter().enumerate() {
            assert!(columns.iter().enumerate().all(|(k, column)| column.ilog2() as usize == k), "axis {axis}");
        }
        let words = DIRECTION_NUMBERS.len() / 2;
        let degrees: u32 = words as u32 - (Sobol::DIMS_MAX as u32 - 1);
        assert!(degrees > 13 * 3666 && degrees < 15 * 3666, "every word belongs to a dimension");
    }

    /// The sequences of both scrambles in this many dimensions.
    fn both(dims: usize) -> [Box<dyn Sequence>; 2] {
        [Box::new(Linear::new(3, 4, dims)), Box::new(Nested::new(3, dims))]
    }

    #[test]
    fn scrambled_points_are_still_a_net() {
        for (nets, replicate) in both(50).iter().flat_map(|nets| (0..4).map(move |replicate| (nets, replicate))) {
            let mut points = vec![0.0; 50 * 1024];
            nets.points(replicate, 2048, &mut points, &mut Vec::new());
            for axis in 0..50 {
                let mut hit = vec![false; 1024];
                for point in points.chunks_exact(50) {
                    assert!(!std::mem::replace(&mut hit[(point[axis] * 1024.0) as usize], true), "axis {axis}");
                }
            }
            // The first two coordinates are a (0, 2)-sequence: one point in each box of area 2⁻¹⁰, whatever its shape.
            for wide in 0..=10 {
                let mut hit = vec![false; 1024];
                for point in points.chunks_exact(50) {
                    let (x, y) = (point[0] * f64::from(1 << wide), point[1] * f64::from(1 << (10 - wide)));
                    let slot = &mut hit[(x as usize) << (10 - wide) | y as usize];
                    assert!(!std::mem::replace(slot, true), "2^{wide} columns");
                }
            }
        }
    }

    #[test]
    fn chunks_join_and_may_be_short() {
        for nets in both(5) {
            let (mut all, mut part) = (vec![0.0; 5 * 256], vec![0.0; 5 * 64]);
            nets.points(1, 1024, &mut all, &mut Vec::new());
            nets.points(1, 1024 + 128, &mut part, &mut Vec::new());
            assert_eq!(part, all[5 * 128..][..5 * 64]);
        }
    }
}
