//! The numbers a tape can hold.
//!
//! [`Real`] is the arithmetic that the derivative rules need; plain floats and [`Dual`](crate::dual::Dual) numbers have
//! it, so each rule is written once and serves first and second derivatives. [`Scalar`] is what users see: `f32` or `f64`.

use std::fmt::{Debug, Display};
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub, SubAssign};

/// A number that a [`Tape`](crate::Tape) can hold: `f32` or `f64`. Sealed.
pub trait Scalar:
    Real<Float = Self> + AddAssign + SubAssign + PartialOrd + Default + Debug + Display + Send + Sync + 'static
{
    /// Distance from 1 to the next larger number.
    const EPSILON: Self;

    /// The nearest number of this type.
    fn from_f64(x: f64) -> Self;

    /// The same number, exactly, as an `f64`.
    fn to_f64(self) -> f64;

    #[doc(hidden)]
    fn exp(self) -> Self;
    #[doc(hidden)]
    fn ln(self) -> Self;
    #[doc(hidden)]
    fn sqrt(self) -> Self;
    #[doc(hidden)]
    fn tanh(self) -> Self;
}

/// The arithmetic of derivative rules, over numbers that carry whatever else they like beside their value.
pub trait Real:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> + Neg<Output = Self>
{
    /// The float inside.
    type Float: Scalar;

    fn constant(x: Self::Float) -> Self;
    fn value(self) -> Self::Float;
    fn sin(self) -> Self;
    fn cos(self) -> Self;
    fn powf(self, exponent: Self::Float) -> Self;
    fn powi(self, exponent: i32) -> Self;
}

macro_rules! float {
    ($float:ident) => {
        impl Scalar for $float {
            const EPSILON: Self = $float::EPSILON;

            #[inline]
            fn from_f64(x: f64) -> Self {
                x as $float
            }

            #[inline]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }

            #[inline]
            fn exp(self) -> Self {
                $float::exp(self)
            }

            #[inline]
            fn ln(self) -> Self {
                $float::ln(self)
            }

            #[inline]
            fn sqrt(self) -> Self {
                $float::sqrt(self)
            }

            #[inline]
            fn tanh(self) -> Self {
                $float::tanh(self)
            }
        }

        impl Real for $float {
            type Float = $float;

            #[inline]
            fn constant(x: $float) -> Self {
                x
            }

            #[inline]
            fn value(self) -> $float {
                self
            }

            #[inline]
            fn sin(self) -> Self {
                $float::sin(self)
            }

            #[inline]
            fn cos(self) -> Self {
                $float::cos(self)
            }

            /// Always the mathematics library's `pow`: with a literal exponent the compiler would put a multiplication
            /// or a square root in its place, whose last bit can differ from one build to the next.
            #[inline]
            fn powf(self, exponent: $float) -> Self {
                $float::powf(self, std::hint::black_box(exponent))
            }

            #[inline]
            fn powi(self, exponent: i32) -> Self {
                $float::powi(self, exponent)
            }
        }
    };
}

float!(f32);
float!(f64);
