//! The operators and functions of [`Value`], on runs: one node an element, recorded together.

use std::ops::{Add, Div, Mul, Neg, Sub};

use crate::operation::Code;
use crate::scalar::Scalar;
use crate::value::{Value, abs, relu, sigmoid};
use crate::values::Values;

macro_rules! operator {
    ($trait:ident, $method:ident, $code:ident, $constant_code:ident, |$x:ident, $c:ident| $constant:expr) => {
        /// Element by element.
        ///
        /// # Panics
        ///
        /// If the lengths differ, or the tapes.
        impl<'t, T: Scalar> $trait for Values<'t, T> {
            type Output = Self;

            fn $method(self, other: Self) -> Self {
                self.tape().check_same(other.tape());
                let (left, right) = (self.len(), other.len());
                assert!(left == right, "{} of {left} and {right} values", stringify!($method));
                let edges = |offset| (self.start() + offset, other.start() + offset);
                self.tape().push_run(left, Code::$code, edges, |data, results| {
                    for ((z, &x), &y) in results.iter_mut().zip(&data[self.range()]).zip(&data[other.range()]) {
                        *z = x.$method(y);
                    }
                })
            }
        }

        /// Each element with the same value.
        ///
        /// # Panics
        ///
        /// If they are on two tapes.
        impl<'t, T: Scalar> $trait<Value<'t, T>> for Values<'t, T> {
            type Output = Self;

            fn $method(self, other: Value<'t, T>) -> Self {
                self.tape().check_same(other.tape());
                let y = other.data();
                self.each(Code::$code, other.index() as u32, |x| x.$method(y))
            }
        }

        /// Each element with the same number.
        impl<'t, T: Scalar> $trait<T> for Values<'t, T> {
            type Output = Self;

            fn $method(self, $c: T) -> Self {
                let constant = self.tape().constant($constant);
                self.each(Code::$constant_code, constant, |$x| $x.$method($c))
            }
        }
    };
}

operator!(Add, add, Add, AddConstant, |x, c| c);
operator!(Sub, sub, Sub, AddConstant, |x, c| -c);
operator!(Mul, mul, Mul, MulConstant, |x, c| c);
operator!(Div, div, Div, DivConstant, |x, c| c);

impl<T: Scalar> Neg for Values<'_, T> {
    type Output = Self;

    fn neg(self) -> Self {
        self.each(Code::Neg, 0, |x| -x)
    }
}

/// [`Value`]'s functions, of each element.
impl<T: Scalar> Values<'_, T> {
    /// xᶜ
    pub fn powf(self, exponent: T) -> Self {
        self.each(Code::Powf, self.tape().constant(exponent), |x| x.powf(exponent))
    }

    /// xⁿ
    pub fn powi(self, exponent: i32) -> Self {
        self.each(Code::Powi, exponent as u32, |x| x.powi(exponent))
    }

    /// eˣ
    pub fn exp(self) -> Self {
        self.each(Code::Exp, 0, T::exp)
    }

    /// The natural logarithm.
    pub fn ln(self) -> Self {
        self.each(Code::Ln, 0, T::ln)
    }

    /// The square root.
    pub fn sqrt(self) -> Self {
        self.each(Code::Sqrt, 0, T::sqrt)
    }

    /// The hyperbolic tangent.
    pub fn tanh(self) -> Self {
        self.each(Code::Tanh, 0, T::tanh)
    }

    /// 1 / (1 + e⁻ˣ)
    pub fn sigmoid(self) -> Self {
        self.each(Code::Sigmoid, 0, sigmoid)
    }

    /// x where it is positive, else 0.
    pub fn relu(self) -> Self {
        self.each(Code::Relu, 0, relu)
    }

    /// |x|
    pub fn abs(self) -> Self {
        self.each(Code::Abs, 0, abs)
    }

    /// The sine of x radians.
    pub fn sin(self) -> Self {
        self.each(Code::Sin, 0, T::sin)
    }

    /// The cosine of x radians.
    pub fn cos(self) -> Self {
        self.each(Code::Cos, 0, T::cos)
    }

    fn each(self, code: Code, b: u32, f: impl Fn(T) -> T) -> Self {
        let edges = |offset| (self.start() + offset, b);
        self.tape().push_run(self.len(), code, edges, |data, results| {
            for (result, &x) in results.iter_mut().zip(&data[self.range()]) {
                *result = f(x);
            }
        })
    }
}
