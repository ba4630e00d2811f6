//! A generator in the sense of the crate `rand`, for samplers that want one.

use std::convert::Infallible;

use rand::TryRng;

use crate::philox::{Purpose, Stream, key, philox};

/// Random numbers for a sampler: a stream of Philox4x32-10. Each of 2⁶⁴ streams of a seed has 2³⁴ words and shares none with others.
///
/// It implements `rand`'s [`Rng`](rand::Rng), so that everything in `rand` and `rand_distr` samples from it.
///
/// ```
/// use montecarlo::Random;
/// use rand::RngExt;
///
/// let mut random = Random::new(42, 0);
/// let x: f64 = random.random();
/// assert!((0.0..1.0).contains(&x));
/// assert_eq!(x, Random::new(42, 0).random::<f64>());
/// ```
#[derive(Debug, Clone)]
pub struct Random {
    stream: Stream,
    block: u32,
    words: [u32; 4],
    /// Words of the block that are used up.
    used: usize,
}

impl Random {
    /// The beginning of a stream of a seed.
    #[must_use]
    pub fn new(seed: u64, stream: u64) -> Self {
        Self { stream: Stream { seed, stream, purpose: Purpose::Samplers }, block: 0, words: [0; 4], used: 4 }
    }

    fn word(&mut self) -> u32 {
        if self.used == 4 {
            let Stream { seed, stream, purpose } = self.stream;
            self.words = philox([self.block, stream as u32, (stream >> 32) as u32, purpose as u32], key(seed));
            self.block = self.block.wrapping_add(1);
            self.used = 0;
        }
        self.used += 1;
        self.words[self.used - 1]
    }
}

impl TryRng for Random {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.word())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from(self.word()) | u64::from(self.word()) << 32)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(4) {
            chunk.copy_from_slice(&self.word().to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    #[test]
    fn bytes_words_and_long_words_are_the_same_stream() {
        let mut bytes = [0; 40];
        Random::new(7, 1 << 40).fill_bytes(&mut bytes);
        let mut random = Random::new(7, 1 << 40);
        for chunk in bytes.chunks_exact(8) {
            assert_eq!(random.next_u64().to_le_bytes(), chunk);
        }
        assert_ne!(Random::new(7, 1).next_u64(), Random::new(7, 2).next_u64());
    }
}
