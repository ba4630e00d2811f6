//! Where to integrate.

use crate::Error;

/// A box: an interval a dimension.
#[derive(Debug, Clone, PartialEq)]
pub struct Domain {
    /// Low end and length of each interval.
    intervals: Vec<(f64, f64)>,
    highs: Vec<f64>,
    volume: f64,
    is_unit: bool,
}

impl Domain {
    /// The unit cube of this many dimensions. None at all is refused when something is integrated over it.
    #[must_use]
    pub fn unit(dims: usize) -> Self {
        Self { intervals: vec![(0.0, 1.0); dims], highs: vec![1.0; dims], volume: 1.0, is_unit: true }
    }

    /// The box between these ends.
    ///
    /// # Errors
    /// [`Error::BadInterval`] if one is empty, reversed, infinite or not a number; [`Error::NoDimensions`] if there is none;
    /// [`Error::BadVolume`] if the volume is no normal number.
    ///
    /// An infinite end needs a substitution, such as x = t / (1 − t) with the factor (1 − t)⁻² for [0, ∞), or, better, a
    /// distribution that the integrand is close to: [`Importance`](crate::Importance).
    ///
    /// ```
    /// use montecarlo::{Domain, Error};
    ///
    /// assert_eq!(Domain::new(&[(0.0, 2.0), (-1.0, 1.0)])?.volume(), 4.0);
    /// let reversed = Domain::new(&[(0.0, 1.0), (1.0, -1.0)]);
    /// assert_eq!(reversed, Err(Error::BadInterval { dimension: 1, low: 1.0, high: -1.0 }));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn new(intervals: &[(f64, f64)]) -> Result<Self, Error> {
        if intervals.is_empty() {
            return Err(Error::NoDimensions);
        }
        for (dimension, &(low, high)) in intervals.iter().enumerate() {
            if !(low < high && (high - low).is_finite()) {
                return Err(Error::BadInterval { dimension, low, high });
            }
        }
        let volume: f64 = intervals.iter().map(|(low, high)| high - low).product();
        if !volume.is_normal() {
            return Err(Error::BadVolume { volume });
        }
        Ok(Self {
            intervals: intervals.iter().map(|&(low, high)| (low, high - low)).collect(),
            highs: intervals.iter().map(|&(_, high)| high).collect(),
            volume,
            is_unit: intervals.iter().all(|&interval| interval == (0.0, 1.0)),
        })
    }

    /// How many dimensions it has.
    #[must_use]
    pub fn dims(&self) -> usize {
        self.intervals.len()
    }

    /// The product of its sides.
    #[must_use]
    pub fn volume(&self) -> f64 {
        self.volume
    }

    /// The unit cube with this box's volume, for a method that places its points itself.
    pub(crate) fn stretched(&self) -> Self {
        Self { volume: self.volume, ..Self::unit(self.dims()) }
    }

    /// Points of the unit cube to points of the box, in place, row-major.
    pub(crate) fn place(&self, points: &mut [f64]) {
        if self.is_unit {
            return;
        }
        for point in points.chunks_exact_mut(self.dims()) {
            for ((x, (low, length)), high) in point.iter_mut().zip(&self.intervals).zip(&self.highs) {
                *x = (low + length * *x).min(*high);
            }
        }
    }

    /// That it has between one and `max` dimensions.
    pub(crate) fn check(&self, method: &'static str, max: usize) -> Result<(), Error> {
        match self.dims() {
            0 => Err(Error::NoDimensions),
            dims if dims > max => Err(Error::TooManyDimensions { method, dims, max }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_box_is_refused() {
        assert_eq!(Domain::new(&[]), Err(Error::NoDimensions));
        for (low, high) in [(1.0, 1.0), (2.0, 1.0), (f64::NAN, 1.0), (0.0, f64::INFINITY), (f64::MIN, f64::MAX)] {
            assert!(
                matches!(Domain::new(&[(low, high)]), Err(Error::BadInterval { dimension: 0, .. })),
                "{low} {high}"
            );
        }
        for side in [1e300, 1e-300] {
            assert!(matches!(Domain::new(&[(0.0, side); 2]), Err(Error::BadVolume { .. })), "{side}");
        }
        assert_eq!(Domain::unit(0).check("plain", 10), Err(Error::NoDimensions));
    }

    #[test]
    fn points_stay_inside() {
        let domain = Domain::new(&[(-0.1, 0.3), (1e16, 1e16 + 2.0)]).expect("a domain");
        let mut points = [1.0 - f64::EPSILON / 2.0, 1.0 - f64::EPSILON / 2.0, 0.0, 0.5];
        domain.place(&mut points);
        assert!(points[0] <= 0.3 && points[1] <= 1e16 + 2.0);
        assert_eq!(points[2], -0.1);
    }
}
