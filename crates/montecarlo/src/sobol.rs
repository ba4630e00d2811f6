//! Sobol's sequence: every power of two of its points is a net.
//!
//! Coordinate j of point i is the exclusive or of a matrix's columns, those where i has a bit set. 1024 points that start at a
//! multiple of 1024 share all but ten columns, so that a chunk is made by doubling: the exclusive or of the first 2ᵏ points with
//! column k are the next 2ᵏ. Everything is kept bit-reversed, since the scramble wants the first bit lowest.

use crate::integrator::{Batch, at_least};
use crate::philox::{Purpose, Stream};
use crate::replicates::{self, Sequence};
use crate::simd::scramble;
use crate::{Domain, Error, Estimate, Integrator, Plan};

/// `data/README.md` says where it is from.
const DIRECTION_NUMBERS: &[u8] = include_bytes!("../data/joe-kuo.bin");
/// Bits that the net places, and columns of a matrix.
const BITS: usize = 32;

/// Sobol's sequence with Owen's scramble: the default choice for anything smooth in up to some ten dimensions, and often beyond.
///
/// Its first 2ᵐ points are spread so evenly that the error of a smooth integrand falls like n⁻¹, and, with the scramble, like n^(−3/2).
/// The scramble (nested uniform: each bit flips or not depending on the bits before it) keeps this structure, makes each point
/// uniformly distributed, so that the mean has no bias, and makes replicates independent, so that there is an error bar. Coordinates
/// have 52 bits, 32 of them from the net.
///
/// (I. M. Sobol' 1967; directions of S. Joe & F. Y. Kuo 2008, to 3,667 dimensions; A. B. Owen 1995, 1997; the scramble by hash of
/// S. Laine & T. Karras 2011 with random keys.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sobol {
    /// Chooses the scrambles.
    pub seed: u64,
    /// Calls of the integrand, at least one a replicate. Replicates have a power of two points, the largest that fits; what is left is
    /// spent on further replicates as long as it makes whole ones.
    pub samples: u64,
    /// Independent scrambles at least, 2 or more. More of them know the error better, fewer make it smaller.
    pub replicates: u64,
}

impl Sobol {
    /// The largest number of dimensions.
    pub const DIMS_MAX: usize = 3667;
}

impl Default for Sobol {
    fn default() -> Self {
        Self { seed: 0, samples: 1 << 16, replicates: 8 }
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
            let max = self.replicates << BITS;
            return Err(Error::TooManySamples { method: "Sobol's sequence", samples: self.samples, max });
        }
        let nets = Nets { seed: self.seed, columns: columns(domain.dims()) };
        replicates::integrate(&nets, (self.samples / points, points), domain, plan, f)
    }
}

/// The matrices, one a dimension, and the seed of the scrambles.
struct Nets {
    seed: u64,
    columns: Vec<[u32; BITS]>,
}

impl Sequence for Nets {
    fn points(&self, replicate: u64, first: u64, points: &mut [f64], buffer: &mut Vec<u32>) {
        let dims = self.columns.len();
        let count = points.len() / dims;
        buffer.resize(count, 0);
        let mut scrambled = [0.0; 64];
        for (axis, columns) in self.columns.iter().enumerate() {
            fill(columns, first, buffer);
            let [low, high] =
                Stream { seed: self.seed, stream: replicate, purpose: Purpose::Scrambles }.block(axis as u32);
            let keys = [low as u32, (low >> 32) as u32, high as u32, (high >> 32) as u32];
            for (buffer, points) in buffer.chunks(64).zip(points.chunks_mut(64 * dims)) {
                scramble(keys, buffer, &mut scrambled[..buffer.len()]);
                points[axis..].iter_mut().step_by(dims).zip(scrambled).for_each(|(point, x)| *point = x);
            }
        }
    }
}

/// One coordinate of points `first`, `first` + 1, …, bit-reversed. `first` is a multiple of the next power of two of their number.
fn fill(columns: &[u32; BITS], first: u64, out: &mut [u32]) {
    out[0] = columns.iter().enumerate().filter(|(bit, _)| first >> bit & 1 == 1).fold(0, |x, (_, column)| x ^ column);
    for (column, bit) in columns.iter().zip(0..out.len().next_power_of_two().trailing_zeros()) {
        let (made, next) = out.split_at_mut(1 << bit);
        next.iter_mut().zip(made).for_each(|(next, made)| *next = *made ^ column);
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
                fill(&columns[axis], 0, &mut point);
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

    #[test]
    fn scrambled_points_are_still_a_net() {
        let nets = Nets { seed: 3, columns: columns(50) };
        for replicate in 0..4 {
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
        let nets = Nets { seed: 1, columns: columns(5) };
        let (mut all, mut part) = (vec![0.0; 5 * 256], vec![0.0; 5 * 64]);
        nets.points(1, 1024, &mut all, &mut Vec::new());
        nets.points(1, 1024 + 128, &mut part, &mut Vec::new());
        assert_eq!(part, all[5 * 128..][..5 * 64]);
        assert!(crate::integrator::chunk_points(5).is_power_of_two());
    }
}
