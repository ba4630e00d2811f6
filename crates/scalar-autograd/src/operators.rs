//! `+ - * /` and negation, between values and plain numbers on either side.

use std::iter::{self, Sum};
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

use crate::operation::Code;
use crate::scalar::Scalar;
use crate::value::Value;

macro_rules! operator {
    ($trait:ident, $method:ident, $assign:ident, $assign_method:ident, $code:ident, |$x:ident, $c:ident| $with_number:expr) => {
        impl<'t, T: Scalar> $trait for Value<'t, T> {
            type Output = Value<'t, T>;

            #[inline]
            fn $method(self, other: Self) -> Self {
                self.binary(Code::$code, other, self.data().$method(other.data()))
            }
        }

        impl<'t, T: Scalar> $trait<T> for Value<'t, T> {
            type Output = Value<'t, T>;

            #[inline]
            fn $method(self, $c: T) -> Self {
                let $x = self;
                $with_number
            }
        }

        impl<T: Scalar> $assign for Value<'_, T> {
            #[inline]
            fn $assign_method(&mut self, other: Self) {
                *self = self.$method(other);
            }
        }

        impl<T: Scalar> $assign<T> for Value<'_, T> {
            #[inline]
            fn $assign_method(&mut self, other: T) {
                *self = self.$method(other);
            }
        }
    };
}

operator!(Add, add, AddAssign, add_assign, Add, |x, c| x.with_constant(Code::AddConstant, c, x.data() + c));
operator!(Sub, sub, SubAssign, sub_assign, Sub, |x, c| x.with_constant(Code::AddConstant, -c, x.data() - c));
operator!(Mul, mul, MulAssign, mul_assign, Mul, |x, c| x.with_constant(Code::MulConstant, c, x.data() * c));
operator!(Div, div, DivAssign, div_assign, Div, |x, c| x.with_constant(Code::DivConstant, c, x.data() / c));

/// The orphan rule wants a concrete number on the left.
macro_rules! number_on_the_left {
    ($float:ident) => {
        impl<'t> Add<Value<'t, $float>> for $float {
            type Output = Value<'t, $float>;

            #[inline]
            fn add(self, x: Value<'t, $float>) -> Self::Output {
                x + self
            }
        }

        impl<'t> Sub<Value<'t, $float>> for $float {
            type Output = Value<'t, $float>;

            #[inline]
            fn sub(self, x: Value<'t, $float>) -> Self::Output {
                x.with_constant(Code::SubtractFrom, self, self - x.data())
            }
        }

        impl<'t> Mul<Value<'t, $float>> for $float {
            type Output = Value<'t, $float>;

            #[inline]
            fn mul(self, x: Value<'t, $float>) -> Self::Output {
                x * self
            }
        }

        impl<'t> Div<Value<'t, $float>> for $float {
            type Output = Value<'t, $float>;

            #[inline]
            fn div(self, x: Value<'t, $float>) -> Self::Output {
                x.with_constant(Code::DivideInto, self, self / x.data())
            }
        }
    };
}

number_on_the_left!(f32);
number_on_the_left!(f64);

impl<T: Scalar> Neg for Value<'_, T> {
    type Output = Self;

    #[inline]
    fn neg(self) -> Self {
        self.unary(Code::Neg, -self.data())
    }
}

impl<'a, 't, T: Scalar> Sum<&'a Value<'t, T>> for Value<'t, T> {
    fn sum<I: Iterator<Item = &'a Self>>(values: I) -> Self {
        values.copied().sum()
    }
}

/// One [`Sum`](crate::Operation::Sum) node over all of them, added from left to right.
///
/// # Panics
///
/// If there are none: an empty sum has no tape to be on. [`Tape::sum`](crate::Tape::sum) takes any number.
impl<'t, T: Scalar> Sum for Value<'t, T> {
    fn sum<I: Iterator<Item = Self>>(mut values: I) -> Self {
        let first = values.next().expect("a sum of no values has no tape to be on: use Tape::sum");
        first.tape().sum(iter::once(first).chain(values))
    }
}
