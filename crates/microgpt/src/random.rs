//! Random numbers exactly as CPython's `random` module makes them.
//!
//! The generator is the 32-bit Mersenne Twister (Matsumoto & Nishimura 1998; crate `rand_mt`). What is here is how
//! CPython 3.11 seeds it and what it makes of its words: `Lib/random.py` and `Modules/_randommodule.c`.

use std::f64::consts::TAU;

use rand_mt::Mt;

/// CPython's `random.Random`: the same seed gives the same numbers.
///
/// ```
/// use microgpt::PythonRandom;
///
/// let mut random = PythonRandom::new(42); // import random; random.seed(42)
/// assert_eq!(random.random(), 0.6394267984578837);
/// ```
#[derive(Clone, Debug)]
pub struct PythonRandom {
    twister: Mt,
    /// The sine partner of the last cosine: `gauss` makes two numbers at a time.
    gauss_next: Option<f64>,
}

impl PythonRandom {
    /// `random.seed(seed)` for an integer that is not negative.
    pub fn new(seed: u64) -> Self {
        let words = [seed as u32, (seed >> 32) as u32];
        let key = if words[1] == 0 { &words[..1] } else { &words[..] };
        PythonRandom { twister: Mt::new_with_key(key.iter().copied()), gauss_next: None }
    }

    /// `random.random()`: uniform in [0, 1), a multiple of 2⁻⁵³.
    pub fn random(&mut self) -> f64 {
        let high = f64::from(self.twister.next_u32() >> 5);
        let low = f64::from(self.twister.next_u32() >> 6);
        (high * 67_108_864.0 + low) / 9_007_199_254_740_992.0
    }

    /// `random.gauss(mean, deviation)`: normally distributed (Box & Muller 1958).
    pub fn gauss(&mut self, mean: f64, deviation: f64) -> f64 {
        let normal = self.gauss_next.take().unwrap_or_else(|| {
            let angle = self.random() * TAU;
            let radius = (-2.0 * (1.0 - self.random()).ln()).sqrt();
            self.gauss_next = Some(angle.sin() * radius);
            angle.cos() * radius
        });
        mean + normal * deviation
    }

    /// `random.shuffle(items)` (Fisher & Yates 1938, from the end).
    ///
    /// # Panics
    ///
    /// If there are 2³² items or more.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        let count = u32::try_from(items.len()).expect("fewer than 2³² items");
        for i in (1..count).rev() {
            items.swap(i as usize, self.below(i + 1) as usize);
        }
    }

    /// `random.choices(range(len(weights)), weights)[0]`: an index, with probability proportional to its weight.
    /// `None` where Python raises an error: the weights add up to 0, to less, or to no finite number.
    pub fn weighted_choice(&mut self, weights: &[f64]) -> Option<usize> {
        // Python keeps the running sums; adding them up twice, in the same order, gives the same ones.
        let total = weights.iter().fold(0.0, |sum, weight| sum + weight);
        if !(total > 0.0 && total.is_finite()) {
            return None;
        }
        let target = self.random() * total;
        let mut sum = 0.0;
        let above = weights[..weights.len() - 1].iter().position(|weight| {
            sum += weight;
            sum > target
        });
        Some(above.unwrap_or(weights.len() - 1))
    }

    /// A whole number below `bound`, which is not 0: `random._randbelow`.
    fn below(&mut self, bound: u32) -> u32 {
        let bits = u32::BITS - bound.leading_zeros();
        loop {
            let word = self.twister.next_u32() >> (u32::BITS - bits);
            if word < bound {
                return word;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Each expectation is what CPython 3.11 printed for the same calls.

    #[test]
    fn numbers_are_pythons() {
        for (seed, uniform, normal) in [
            (
                0,
                [0.844_421_851_525_048_1, 0.757_954_402_940_302_5, 0.420_571_580_830_845],
                [-0.005_360_521_258_324_638, 0.095_579_734_299_999_9, -0.115_769_850_114_189_25],
            ),
            (
                42,
                [0.639_426_798_457_883_7, 0.025_010_755_222_666_936, 0.275_029_318_369_119_26],
                [0.021_887_920_524_670_65, 0.128_805_687_557_068_56, -0.075_044_097_714_658_73],
            ),
            (
                1_234_567_890_123,
                [0.822_531_690_751_045_4, 0.201_961_916_856_187_36, 0.635_952_479_612_943_3],
                [-0.044_615_710_099_758_18, 0.019_618_783_208_945_265, -0.016_529_148_154_164_165],
            ),
        ] {
            let mut random = PythonRandom::new(seed);
            assert_eq!([(); 3].map(|()| random.random()), uniform, "seed {seed}");
            for expected in normal {
                let got = random.gauss(0.0, 0.08);
                // Sine, cosine and logarithm are the platform's, as they are Python's.
                assert!((got - expected).abs() <= 4.0 * f64::EPSILON * expected.abs(), "seed {seed}: {got} {expected}");
            }
        }
    }

    #[test]
    fn shuffles_and_choices_are_pythons() {
        for (seed, shuffled, choices) in [
            (0, [2, 0, 3, 8, 6, 1, 9, 5, 7, 4], [3, 3, 3, 3, 3, 3, 3, 3]),
            (42, [3, 5, 2, 4, 9, 8, 7, 0, 6, 1], [3, 3, 3, 3, 3, 3, 3, 3]),
            (1_234_567_890_123, [8, 9, 4, 7, 1, 5, 6, 3, 0, 2], [3, 3, 3, 1, 3, 1, 3, 1]),
        ] {
            let mut random = PythonRandom::new(seed);
            // What Python drew before it shuffled: three uniform and three normal numbers.
            for _ in 0..3 {
                random.random();
            }
            for _ in 0..3 {
                random.gauss(0.0, 0.08);
            }
            let mut items: Vec<usize> = (0..10).collect();
            random.shuffle(&mut items);
            assert_eq!(items, shuffled, "seed {seed}");
            assert_eq!(
                [(); 8].map(|()| random.weighted_choice(&[0.1, 0.5, 0.0, 2.0])),
                choices.map(Some),
                "seed {seed}"
            );
        }
    }

    #[test]
    fn choices_between_like_weights_are_pythons() {
        for (seed, choices) in [
            (0, [4, 4, 1, 0, 1, 1, 4, 1, 1, 3, 4, 1]),
            (42, [3, 0, 0, 0, 3, 3, 4, 0, 1, 0, 0, 1]),
            (1_234_567_890_123, [4, 0, 3, 1, 0, 0, 1, 0, 4, 4, 0, 4]),
        ] {
            let mut random = PythonRandom::new(seed);
            let got = [(); 12].map(|()| random.weighted_choice(&[0.3, 0.25, 0.0, 0.2, 0.25]));
            assert_eq!(got, choices.map(Some), "seed {seed}");
        }
    }

    #[test]
    fn weights_that_are_no_probabilities_choose_nothing() {
        let mut random = PythonRandom::new(0);
        for weights in [&[][..], &[0.0, 0.0], &[1.0, f64::NAN], &[f64::INFINITY], &[-1.0]] {
            assert_eq!(random.weighted_choice(weights), None, "{weights:?}");
        }
    }

    #[test]
    fn nothing_and_one_thing_can_be_shuffled() {
        let mut random = PythonRandom::new(0);
        random.shuffle::<u8>(&mut []);
        random.shuffle(&mut [1]);
    }
}
