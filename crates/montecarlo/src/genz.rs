//! Genz's six families of integrands, whose integrals are known: the standard test of methods in many dimensions.
//!
//! (A. Genz, "Testing multidimensional integration routines", 1984.) Each is difficult in a way of its own, by parameters a, and
//! placed somewhere by parameters u in [0, 1].

use std::f64::consts::PI;

/// Dimensions of a corner peak whose corners are counted, at most.
const CORNERS_DIMS_MAX: i32 = 30;

/// The families.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// cos(2π·u₁ + Σ aᵢxᵢ)
    Oscillatory,
    /// Π 1/(aᵢ⁻² + (xᵢ − uᵢ)²)
    ProductPeak,
    /// (1 + Σ aᵢxᵢ)^(−d−1)
    CornerPeak,
    /// exp(−Σ aᵢ²(xᵢ − uᵢ)²)
    Gaussian,
    /// exp(−Σ aᵢ|xᵢ − uᵢ|): continuous, with a ridge
    Continuous,
    /// exp(Σ aᵢxᵢ) where x₁ < u₁ and x₂ < u₂, 0 elsewhere
    Discontinuous,
}

impl Family {
    /// All six.
    pub const ALL: [Self; 6] =
        [Self::Oscillatory, Self::ProductPeak, Self::CornerPeak, Self::Gaussian, Self::Continuous, Self::Discontinuous];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Oscillatory => "oscillatory",
            Self::ProductPeak => "product peak",
            Self::CornerPeak => "corner peak",
            Self::Gaussian => "Gaussian",
            Self::Continuous => "continuous",
            Self::Discontinuous => "discontinuous",
        }
    }

    /// Σ aᵢ in Genz's comparisons, in ten dimensions; it grows like √d or d² with others.
    fn difficulty(self) -> f64 {
        match self {
            Self::Oscillatory => 9.0,
            Self::ProductPeak => 7.25,
            Self::CornerPeak => 1.85,
            Self::Gaussian => 7.03,
            Self::Continuous => 20.4,
            Self::Discontinuous => 4.3,
        }
    }
}

/// A member of a family.
#[derive(Debug, Clone, PartialEq)]
pub struct Genz {
    /// Which family.
    pub family: Family,
    /// Difficulty along each axis, not 0: one number a dimension.
    pub a: Vec<f64>,
    /// Place along each axis, in [0, 1]: one number a dimension.
    pub u: Vec<f64>,
}

impl Genz {
    /// A member in `dims` dimensions that needs no random numbers: aᵢ grow evenly from 0.5 to 1.5 of their mean and add up to Genz's
    /// difficulty for ten dimensions (oscillatory 9, product peak 7.25, corner peak 1.85, Gaussian 7.03, continuous 20.4, discontinuous
    /// 4.3); uᵢ are the fractional parts of i times the golden ratio, mapped to [0.2, 0.8].
    #[must_use]
    pub fn standard(family: Family, dims: usize) -> Self {
        let place = |i: usize| if dims == 1 { 1.0 } else { 0.5 + i as f64 / (dims - 1) as f64 };
        let a = (0..dims).map(|i| place(i) * family.difficulty() / dims as f64).collect();
        let golden = (5.0_f64.sqrt() - 1.0) / 2.0;
        let u = (1..=dims).map(|i| 0.2 + 0.6 * (i as f64 * golden).fract()).collect();
        Self { family, a, u }
    }

    /// The integrand at a point of the unit cube of as many dimensions.
    ///
    /// # Panics
    /// If there is no dimension, for the oscillatory family.
    #[must_use]
    pub fn value(&self, x: &[f64]) -> f64 {
        let sum = |term: fn(f64, f64, f64) -> f64| -> f64 {
            self.a.iter().zip(&self.u).zip(x).map(|((&a, &u), &x)| term(a, u, x)).sum()
        };
        match self.family {
            Family::Oscillatory => (2.0 * PI * self.u[0] + sum(|a, _, x| a * x)).cos(),
            Family::ProductPeak => {
                // Both factors by a²: one division in all.
                let factors = self.a.iter().zip(&self.u).zip(x).map(|((a, u), x)| (a * a, a * (x - u)));
                let (above, below) =
                    factors.fold((1.0, 1.0), |(above, below), (a, d)| (above * a, below * (1.0 + d * d)));
                above / below
            }
            Family::CornerPeak => (1.0 + sum(|a, _, x| a * x)).powi(-(self.a.len() as i32) - 1),
            Family::Gaussian => (-sum(|a, u, x| (a * (x - u)) * (a * (x - u)))).exp(),
            Family::Continuous => (-sum(|a, u, x| a * (x - u).abs())).exp(),
            Family::Discontinuous => {
                let outside = x.iter().zip(&self.u).take(2).any(|(x, u)| x >= u);
                if outside { 0.0 } else { sum(|a, _, x| a * x).exp() }
            }
        }
    }

    /// Its integral over the unit cube.
    ///
    /// The corner peak is a sum over the cube's 2ᵈ corners with changing signs, which up to some twelve dimensions leaves enough
    /// digits of it.
    ///
    /// # Panics
    /// If there is no dimension, for the oscillatory family; if there are more than 30, for the corner peak.
    #[must_use]
    pub fn integral(&self) -> f64 {
        let product = |factor: &dyn Fn(f64, f64) -> f64| -> f64 {
            self.a.iter().zip(&self.u).map(|(&a, &u)| factor(a, u)).product()
        };
        let dims = self.a.len() as i32;
        match self.family {
            Family::Oscillatory => {
                let half_sum: f64 = self.a.iter().sum::<f64>() / 2.0;
                (2.0 * PI * self.u[0] + half_sum).cos() * product(&|a, _| (a / 2.0).sin() / (a / 2.0))
            }
            Family::ProductPeak => product(&|a, u| a * ((a * (1.0 - u)).atan() + (a * u).atan())),
            Family::CornerPeak => {
                assert!(
                    dims <= CORNERS_DIMS_MAX,
                    "the corner peak has {dims} dimensions, at most {CORNERS_DIMS_MAX} can be integrated"
                );
                let corner = |corner: u32| {
                    let sum: f64 =
                        self.a.iter().enumerate().filter(|(i, _)| corner >> i & 1 == 1).map(|(_, a)| a).sum();
                    let sign = if corner.count_ones().is_multiple_of(2) { 1.0 } else { -1.0 };
                    sign / (1.0 + sum)
                };
                let factorial: f64 = (1..=dims).map(f64::from).product();
                (0..1_u32 << dims).map(corner).sum::<f64>() / (factorial * product(&|a, _| a))
            }
            Family::Gaussian => product(&|a, u| PI.sqrt() / (2.0 * a) * (libm::erf(a * (1.0 - u)) + libm::erf(a * u))),
            Family::Continuous => product(&|a, u| (2.0 - (-a * u).exp() - (-a * (1.0 - u)).exp()) / a),
            Family::Discontinuous => {
                let end = |i: usize, u: f64| if i < 2 { u } else { 1.0 };
                let factor = |(i, (a, u)): (usize, (&f64, &f64))| (a * end(i, *u)).exp_m1() / a;
                self.a.iter().zip(&self.u).enumerate().map(factor).product()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "the corner peak has 31 dimensions, at most 30 can be integrated")]
    fn corners_that_cannot_be_counted_are_refused() {
        let _ = Genz::standard(Family::CornerPeak, 31).integral();
    }

    /// The midpoint rule in two dimensions, 1000 × 1000 cells.
    #[test]
    fn integrals_are_those_of_the_integrands() {
        for family in Family::ALL {
            let genz = Genz::standard(family, 2);
            let cells = 1000;
            let at = |i: usize| (i as f64 + 0.5) / cells as f64;
            let sum: f64 = (0..cells * cells).map(|k| genz.value(&[at(k / cells), at(k % cells)])).sum();
            let found = sum / (cells * cells) as f64;
            let allowed = if family == Family::Discontinuous { 3e-3 } else { 1e-4 };
            assert!((found / genz.integral() - 1.0).abs() < allowed, "{family:?}: {found}, not {}", genz.integral());
        }
    }
}
