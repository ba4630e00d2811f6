//! The two element types.

use std::fmt::{Debug, Display};
use std::ops::{Add, AddAssign, Mul, MulAssign, Neg, Sub, SubAssign};

use crate::simd::HasKernels;

/// An element of a matrix: `f32` or `f64`. Sealed: every kernel is written for these two.
pub trait Scalar:
    HasKernels
    + Copy
    + Default
    + PartialEq
    + PartialOrd
    + Debug
    + Display
    + Send
    + Sync
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
    + 'static
{
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// The distance from 1 to the next larger number (twice the unit roundoff).
    const EPSILON: Self;
    /// What the type is called in BLAS's routine names: `s` or `d`.
    const BLAS_LETTER: char;

    /// The absolute value.
    #[must_use]
    fn abs(self) -> Self;
    /// Whether this is NaN.
    fn is_nan(self) -> bool;
    /// The nearest value of this type.
    fn from_f64(value: f64) -> Self;
    /// The same number in double precision.
    fn to_f64(self) -> f64;
}

macro_rules! scalar {
    ($t:ty, $letter:literal) => {
        impl Scalar for $t {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const EPSILON: Self = <$t>::EPSILON;
            const BLAS_LETTER: char = $letter;

            fn abs(self) -> Self {
                self.abs()
            }
            fn is_nan(self) -> bool {
                self.is_nan()
            }
            #[allow(clippy::cast_possible_truncation, reason = "rounding to the type is the point")]
            fn from_f64(value: f64) -> Self {
                value as $t
            }
            fn to_f64(self) -> f64 {
                f64::from(self)
            }
        }
    };
}

scalar!(f32, 's');
scalar!(f64, 'd');
