//! A number that is not known, and how well.

use crate::{Error, Moments, student};

/// An integral, or an expectation, as far as random samples tell.
///
/// # Why an error bar
///
/// A Monte Carlo answer without one is a rumour: 3.14 from a hundred darts and 3.14 from a billion look alike. The samples
/// that give the mean also give its spread: the standard error is the standard deviation of the mean itself, were everything
/// repeated with another seed. By the central limit theorem the mean is then nearly normal about the truth, and
/// [`confidence`](Self::confidence) turns the standard error into an interval that covers the truth as often as asked.
/// It shrinks like 1/√n, whatever the number of dimensions: the reason for the method, and for everything in this crate that makes
/// the constant smaller, or the exponent larger.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The estimate.
    pub mean: f64,
    /// Its standard error: the estimated standard deviation of `mean`.
    pub std_error: f64,
    /// Calls of the integrand, all of them: warm-up and replicates included.
    pub samples: u64,
    /// Of Student's t: how well the standard error itself is known.
    pub degrees_of_freedom: f64,
    /// For [`Vegas`](crate::Vegas): whether its iterations agree within their own error bars. About 1 if they do; far above 1, the
    /// error bar is too small.
    pub chi_squared_per_dof: Option<f64>,
    /// Why sampling ended.
    pub stop: Stop,
    /// How many independent, equally weighted values the mean is that of; 0 if it is no such mean.
    pub(crate) units: u64,
}

/// Why sampling ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stop {
    /// All samples that were allowed are spent. If a tolerance was asked for, it has not been reached.
    Samples,
    /// The tolerance is reached.
    Tolerance,
    /// The deadline has passed.
    Deadline,
    /// The progress callback asked to stop.
    Callback,
}

/// An interval of numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

impl Interval {
    /// Whether the number is in it, ends included.
    #[must_use]
    pub fn contains(&self, number: f64) -> bool {
        self.low <= number && number <= self.high
    }

    /// Half its length: the ± of `mean ± half_width`.
    #[must_use]
    pub fn half_width(&self) -> f64 {
        (self.high - self.low) / 2.0
    }
}

impl Estimate {
    /// From the mean of `units` independent values and the sum of their squared differences from it.
    pub(crate) fn of_equal_units(units: u64, mean: f64, squares: f64, samples_a_unit: u64) -> Self {
        let n = units as f64;
        Self {
            mean,
            std_error: (squares / (n * (n - 1.0))).sqrt(),
            samples: units * samples_a_unit,
            degrees_of_freedom: n - 1.0,
            chi_squared_per_dof: None,
            stop: Stop::Samples,
            units,
        }
    }

    /// From means of parts with their standard errors: a mean of known weights.
    pub(crate) fn of_weighted(mean: f64, variance: f64, degrees_of_freedom: f64, samples: u64) -> Self {
        let std_error = variance.sqrt();
        let stop = Stop::Samples;
        Self { mean, std_error, samples, degrees_of_freedom, chi_squared_per_dof: None, stop, units: 0 }
    }

    /// The interval about the mean that covers the truth with probability `level`, such as 0.95, by Student's t distribution.
    ///
    /// # Errors
    /// [`Error::BadLevel`] if `level` is not between 0 and 1.
    ///
    /// ```
    /// let pi = montecarlo::pi::darts(1_000_000, 1).estimate()?;
    /// assert!(pi.confidence(0.999)?.contains(std::f64::consts::PI));
    /// # Ok::<(), montecarlo::Error>(())
    /// ```
    pub fn confidence(&self, level: f64) -> Result<Interval, Error> {
        if !(level > 0.0 && level < 1.0) {
            return Err(Error::BadLevel { level });
        }
        let half = if self.std_error == 0.0 {
            0.0
        } else {
            student::two_sided(level, self.degrees_of_freedom) * self.std_error
        };
        Ok(Interval { low: self.mean - half, high: self.mean + half })
    }

    /// This estimate and another, independent one of the same quantity (another seed, another machine), as one.
    ///
    /// Means of equal units (plain samples, antithetic pairs, replicates of one length) merge as if all had been one run: Chan,
    /// Golub & LeVeque's formula (1983), which Welford's is the special case of. Others are weighted by their samples. Equal seeds
    /// give no new information, and no number here can tell.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        let samples = self.samples + other.samples;
        let stop = if self.stop == other.stop { self.stop } else { Stop::Samples };
        let alike = self.units > 0
            && other.units > 0
            && u128::from(self.samples) * u128::from(other.units) == u128::from(other.samples) * u128::from(self.units);
        if alike {
            let both = self.moments().merge(other.moments());
            let merged = Self::of_equal_units(both.count, both.mean, both.squares, 1);
            return Self { samples, stop, ..merged };
        }
        let (w, v) = (self.samples as f64 / samples as f64, other.samples as f64 / samples as f64);
        let (a, b) = ((w * self.std_error).powi(2), (v * other.std_error).powi(2));
        let degrees = welch([(a, self.degrees_of_freedom), (b, other.degrees_of_freedom)].into_iter());
        Self { stop, ..Self::of_weighted(w * self.mean + v * other.mean, a + b, degrees, samples) }
    }

    fn moments(&self) -> Moments {
        let n = self.units as f64;
        Moments { count: self.units, mean: self.mean, squares: self.std_error.powi(2) * n * (n - 1.0) }
    }

    /// The estimate of `factor` times the quantity.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        Self { mean: self.mean * factor, std_error: self.std_error * factor.abs(), ..self }
    }
}

/// Below this a square is no normal number: standard errors of less have lost their digits, or are 0.
const ROOT_OF_LEAST: f64 = 1.5e-154;

impl Estimate {
    /// A mean over the unit cube as the integral over a box of this volume.
    ///
    /// # Errors
    /// [`Error::Overflow`] if that is no finite number; [`Error::Underflow`] if it, or the squares that its standard error is from, are
    /// so small that nobody could tell an error from none.
    pub(crate) fn over(self, volume: f64) -> Result<Self, Error> {
        let vanished = self.std_error < ROOT_OF_LEAST && self.mean.abs() < ROOT_OF_LEAST / f64::EPSILON;
        let scaled = self.scaled(volume);
        if self.mean != 0.0 && (vanished || scaled.mean.abs() < f64::MIN_POSITIVE) {
            return Err(Error::Underflow { mean: self.mean });
        }
        if !(scaled.mean.is_finite() && scaled.std_error.is_finite()) {
            return Err(Error::Overflow { largest: self.mean.abs().max(self.std_error) });
        }
        Ok(scaled)
    }
}

/// The degrees of freedom of a sum of estimated variances, each with its own (Welch 1947, Satterthwaite 1946).
pub(crate) fn welch(parts: impl Iterator<Item = (f64, f64)> + Clone) -> f64 {
    let sum: f64 = parts.clone().map(|(variance, _)| variance).sum();
    // Shares of the sum, whose squares are numbers where those of the variances may not be.
    let squares: f64 = parts
        .filter(|&(variance, _)| variance > 0.0)
        .map(|(variance, degrees)| (variance / sum).powi(2) / degrees)
        .sum();
    if squares > 0.0 { 1.0 / squares } else { f64::INFINITY }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(count: u64) -> Vec<f64> {
        (0..count).map(|i| 1e6 + crate::philox::unit(i.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect()
    }

    #[test]
    fn estimates_of_equal_units_merge_as_one_run() {
        let all = numbers(300);
        let of = |numbers: &[f64]| {
            let moments = Moments::of(numbers);
            Estimate::of_equal_units(moments.count, moments.mean, moments.squares, 2)
        };
        let (merged, whole) = (of(&all[..100]).merge(of(&all[100..])), of(&all));
        assert_eq!((merged.samples, merged.degrees_of_freedom), (600, 299.0));
        assert!((merged.mean - whole.mean).abs() < 300.0 * 1e6 * f64::EPSILON);
        assert!((merged.std_error / whole.std_error - 1.0).abs() < 1e-7);
    }

    #[test]
    fn unlike_estimates_are_weighted_by_their_samples() {
        let a = Estimate::of_weighted(1.0, 0.04, 10.0, 300);
        let b = Estimate::of_weighted(2.0, 0.16, 5.0, 100);
        let merged = a.merge(b);
        assert!((merged.mean - 1.25).abs() < 1e-15);
        assert!((merged.std_error - (0.5625_f64 * 0.04 + 0.0625 * 0.16).sqrt()).abs() < 1e-15);
        assert!(merged.degrees_of_freedom > 10.0 && merged.degrees_of_freedom < 15.0);
    }

    #[test]
    fn a_level_is_a_probability() {
        let estimate = Estimate::of_weighted(0.0, 1.0, f64::INFINITY, 2);
        for level in [0.0, 1.0, -0.5, 95.0, f64::NAN] {
            assert!(matches!(estimate.confidence(level), Err(Error::BadLevel { .. })), "{level}");
        }
        let interval = estimate.confidence(0.95).expect("an interval");
        assert!((interval.half_width() - 1.959_963_984_540_054).abs() < 1e-12);
    }
}
