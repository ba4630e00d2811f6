//! Philox4x32-10: random numbers by encrypting a counter.
//!
//! An ordinary generator has a state, and the thousandth number comes after the 999 before it. This one has none: the numbers
//! are what a (weak, fast) block cipher makes of 0, 1, 2, … under the key `seed`. Any thread, rank or GPU computes any of them, so
//! a result can depend on the seed alone and not on who did what. (J. K. Salmon, M. A. Moraes, R. O. Dror & D. E. Shaw,
//! "Parallel random numbers: as easy as 1, 2, 3", SC 2011, section 3.3.)

/// What a round multiplies with.
pub(crate) const MULTIPLIERS: [u32; 2] = [0xd251_1f53, 0xcd9e_8d57];
/// What the key grows by from round to round: the golden ratio and √3 − 1.
pub(crate) const WEYL: [u32; 2] = [0x9e37_79b9, 0xbb67_ae85];
/// As many as the authors recommend; seven already pass BigCrush.
pub(crate) const ROUNDS: usize = 10;

/// Philox4x32-10: the four words that the counter becomes under the key. A bijection of 128 bits for each key.
///
/// Random numbers without a state: those of a seed are the images of 0, 1, 2, … under it, and any thread, rank or GPU computes any of
/// them. (J. K. Salmon, M. A. Moraes, R. O. Dror & D. E. Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.)
///
/// ```
/// // The authors' test vectors: Random123 1.14, tests/kat_vectors, "philox4x32 10".
/// assert_eq!(montecarlo::philox([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
/// ```
#[inline(always)]
#[must_use]
pub const fn philox([mut c0, mut c1, mut c2, mut c3]: [u32; 4], [mut k0, mut k1]: [u32; 2]) -> [u32; 4] {
    let mut round = 0;
    while round < ROUNDS {
        let (p0, p1) = (MULTIPLIERS[0] as u64 * c0 as u64, MULTIPLIERS[1] as u64 * c2 as u64);
        (c0, c1, c2, c3) = ((p1 >> 32) as u32 ^ c1 ^ k0, p1 as u32, (p0 >> 32) as u32 ^ c3 ^ k1, p0 as u32);
        (k0, k1) = (k0.wrapping_add(WEYL[0]), k1.wrapping_add(WEYL[1]));
        round += 1;
    }
    [c0, c1, c2, c3]
}

/// The key of a seed: its low word, its high word.
#[inline(always)]
pub(crate) const fn key(seed: u64) -> [u32; 2] {
    [seed as u32, (seed >> 32) as u32]
}

/// What a stream of numbers is for. It is part of the counter, so streams for different purposes share no block.
///
/// Darts use the counters (·, ·, 0, 0) and (·, ·, 1, 0): the fourth word tells them from everything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Purpose {
    /// Coordinates of points, a stream a chunk.
    Points = 1,
    /// Keys and digits that scramble a sequence.
    Scrambles = 2,
    /// Permutations of a Latin hypercube.
    Permutations = 3,
    /// What a sampler of a distribution draws.
    Samplers = 4,
}

/// One stream of 2³³ words: block i is the counter (i, stream low, stream high, purpose).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stream {
    pub(crate) seed: u64,
    pub(crate) stream: u64,
    pub(crate) purpose: Purpose,
}

impl Stream {
    /// Two 64-bit numbers.
    #[inline(always)]
    pub(crate) const fn block(&self, index: u32) -> [u64; 2] {
        let counter = [index, self.stream as u32, (self.stream >> 32) as u32, self.purpose as u32];
        let [a, b, c, d] = philox(counter, key(self.seed));
        [a as u64 | (b as u64) << 32, c as u64 | (d as u64) << 32]
    }
}

/// 64 random bits to a number in (0, 1): the midpoint of one of 2⁵² cells, so neither 0 nor 1, and 1 − u is as likely as u.
#[inline(always)]
pub(crate) fn unit(bits: u64) -> f64 {
    f64::from_bits((bits >> 12) | 0x3ff0_0000_0000_0000) - (1.0 - f64::EPSILON / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Random123 1.14, `tests/kat_vectors`: counter, key, output of philox4x32 with 10 rounds.
    #[test]
    fn the_authors_test_vectors() {
        let digits_of_pi = [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344];
        for (counter, key, output) in [
            ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
            ([u32::MAX; 4], [u32::MAX; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
            (digits_of_pi, [0xa409_3822, 0x299f_31d0], [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]),
        ] {
            assert_eq!(philox(counter, key), output);
        }
    }

    #[test]
    fn units_are_midpoints() {
        assert_eq!(unit(0), 2.0_f64.powi(-53));
        assert_eq!(unit(u64::MAX), 1.0 - 2.0_f64.powi(-53));
        for bits in [1 << 12, 0x1234_5678_9abc_def0, u64::MAX / 3] {
            assert_eq!(unit(bits) + unit(!bits), 1.0);
            assert_eq!(unit(bits), ((bits >> 12) as f64 + 0.5) * 2.0_f64.powi(-52));
        }
    }
}
