//! Seeded random numbers and matrices.

use crate::{Matrix, Scalar};

/// A small generator (SplitMix64, Steele, Lea & Flood 2014), so that the suite depends on nothing.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// Equal seeds, equal numbers.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in 0..n; n is at least 1.
    pub fn below(&mut self, n: usize) -> usize {
        (self.bits() % n.max(1) as u64) as usize
    }

    /// A number in −1..1.
    pub fn unit<T: Scalar>(&mut self) -> T {
        T::from_f64((self.bits() >> 11) as f64 / (1u64 << 52) as f64 - 1.0)
    }

    /// A matrix of numbers in −1..1.
    pub fn matrix<T: Scalar>(&mut self, rows: usize, cols: usize) -> Matrix<T> {
        Matrix::from_fn(rows, cols, |_, _| self.unit())
    }

    /// One of the values, of which there is at least one.
    pub(super) fn pick<X: Copy>(&mut self, from: &[X]) -> X {
        from[self.below(from.len())]
    }
}
