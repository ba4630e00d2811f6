//! Student's t distribution: how wide an error bar must be when the standard error is itself an estimate.

use std::f64::consts::SQRT_2;

/// From here on the distribution is the normal one but for 1/degrees, which is corrected for.
const NEARLY_NORMAL: f64 = 1e6;

/// The t with P(|T| ≤ t) = `level`, for `level` in (0, 1).
pub(crate) fn two_sided(level: f64, degrees: f64) -> f64 {
    if degrees.is_nan() || degrees <= 0.0 {
        return f64::INFINITY;
    }
    let outside = |t: f64| if degrees < NEARLY_NORMAL { tails(t, degrees) } else { libm::erfc(t / SQRT_2) };
    // Bisection: the tails fall from 1 to 0.
    let (mut low, mut high) = (0.0, 1.0);
    while outside(high) > 1.0 - level {
        (low, high) = (high, 2.0 * high);
        if !f64::is_finite(high) {
            return f64::INFINITY;
        }
    }
    for _ in 0..80 {
        let middle = 0.5 * (low + high);
        if outside(middle) > 1.0 - level { low = middle } else { high = middle }
    }
    let t = 0.5 * (low + high);
    // The first term of the expansion about the normal quantile (Abramowitz & Stegun 26.7.5).
    if degrees < NEARLY_NORMAL { t } else { t + (t.powi(3) + t) / (4.0 * degrees) }
}

/// P(|T| > t) = I(ν/(ν + t²); ν/2, 1/2).
fn tails(t: f64, degrees: f64) -> f64 {
    let squared = t * t;
    incomplete_beta(degrees / (degrees + squared), squared / (degrees + squared), degrees / 2.0, 0.5)
}

/// The regularised incomplete beta function I(x; a, b), `rest` = 1 − x.
fn incomplete_beta(x: f64, rest: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 || rest <= 0.0 {
        return if x <= 0.0 { 0.0 } else { 1.0 };
    }
    let log_beta = libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b);
    let front = (a * x.ln() + b * rest.ln() - log_beta).exp();
    // The fraction converges fast on this side of the mean; the symmetry I(x; a, b) = 1 − I(1 − x; b, a) gives the other.
    if x < (a + 1.0) / (a + b + 2.0) {
        front * continued_fraction(x, a, b) / a
    } else {
        1.0 - front * continued_fraction(rest, b, a) / b
    }
}

/// Abramowitz & Stegun 26.5.8, evaluated by Lentz's method.
fn continued_fraction(x: f64, a: f64, b: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let away_from_zero = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    for m in (1..5000).map(f64::from) {
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut step = 1.0;
        for term in [even, odd] {
            d = 1.0 / away_from_zero(1.0 + term * d);
            c = away_from_zero(1.0 + term / c);
            step = c * d;
            fraction *= step;
        }
        if (step - 1.0).abs() < 1e-16 {
            break;
        }
    }
    fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    /// scipy.stats.t.ppf((1 + level) / 2, degrees) of SciPy 1.17.1; for 1 degree tan(π·level/2).
    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (level, degrees, expected) in [
            (0.95, 1.0, 12.706204736174694),
            (0.95, 2.0, 4.302652729749462),
            (0.95, 3.5, 2.9400886379827282),
            (0.95, 7.0, 2.364624251592784),
            (0.99, 30.0, 2.7499956535672254),
            (0.5, 5.0, 0.7266868438004226),
            (0.999, 1e4, 3.2914999659416355),
            (0.95, 1e5, 1.9599877075346095),
            (0.95, 1e7, 1.959964221767205),
            (0.95, f64::INFINITY, 1.959963984540054),
        ] {
            let found = two_sided(level, degrees);
            assert!((found / expected - 1.0).abs() < 1e-9, "{level}, {degrees}: {found}, not {expected}");
        }
        assert_eq!(two_sided(0.95, 0.0), f64::INFINITY);
    }
}
