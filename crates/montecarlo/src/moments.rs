//! Mean and spread of numbers, without cancellation.

/// Count, mean and spread of numbers, gathered a batch at a time without cancellation, and merged in any grouping.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Moments {
    /// How many numbers.
    pub count: u64,
    /// Their mean; 0 if there are none.
    pub mean: f64,
    /// The sum of their squared differences from the mean.
    pub squares: f64,
}

impl Moments {
    /// Those of some numbers: the mean first, then the differences from it.
    #[must_use]
    pub fn of(numbers: &[f64]) -> Self {
        if numbers.is_empty() {
            return Self::default();
        }
        let mean = sum(numbers.iter().copied()) / numbers.len() as f64;
        let squares = sum(numbers.iter().map(|number| (number - mean) * (number - mean)));
        Self { count: numbers.len() as u64, mean, squares }
    }

    /// Those of both sets of numbers (Chan, Golub & LeVeque 1983).
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        if self.count == 0 || other.count == 0 {
            return if self.count == 0 { other } else { self };
        }
        let count = self.count + other.count;
        let (n, m, both) = (self.count as f64, other.count as f64, count as f64);
        let apart = other.mean - self.mean;
        Self {
            count,
            mean: self.mean + apart * (m / both),
            squares: self.squares + other.squares + apart * apart * (n * m / both),
        }
    }

    /// One more number (Welford 1962).
    pub fn push(&mut self, number: f64) {
        *self = self.merge(Self { count: 1, mean: number, squares: 0.0 });
    }

    /// The unbiased estimate of the variance; NaN for fewer than two numbers.
    #[must_use]
    pub fn variance(&self) -> f64 {
        if self.count < 2 { f64::NAN } else { self.squares / (self.count - 1) as f64 }
    }
}

/// A sum in eight strands, which the compiler keeps in vector registers; always in the same order.
#[inline]
pub(crate) fn sum(numbers: impl ExactSizeIterator<Item = f64>) -> f64 {
    let mut strands = [0.0; 8];
    let mut numbers = numbers;
    while numbers.len() >= 8 {
        for strand in &mut strands {
            *strand += numbers.next().unwrap_or(0.0);
        }
    }
    let rest: f64 = numbers.sum();
    let [a, b, c, d, e, f, g, h] = strands;
    ((a + e) + (b + f)) + ((c + g) + (d + h)) + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(count: u64) -> Vec<f64> {
        (0..count).map(|i| 1e6 + crate::philox::unit(i.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect()
    }

    #[test]
    fn moments_merge_in_any_grouping() {
        let all = numbers(1000);
        let whole = Moments::of(&all);
        let mut one_by_one = Moments::default();
        all.iter().for_each(|&number| one_by_one.push(number));
        for cut in [0, 1, 37, 999, 1000] {
            let merged = Moments::of(&all[..cut]).merge(Moments::of(&all[cut..]));
            for moments in [merged, one_by_one] {
                assert_eq!(moments.count, whole.count);
                // A thousand roundings of a mean of a million.
                assert!((moments.mean - whole.mean).abs() < 1e3 * 1e6 * f64::EPSILON, "{cut}");
                assert!((moments.squares / whole.squares - 1.0).abs() < 1e-6, "{cut}");
            }
        }
        assert!((whole.variance() - 1.0 / 12.0).abs() < 0.005, "a large mean does not swamp the spread");
    }
}
