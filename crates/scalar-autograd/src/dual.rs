//! Dual numbers: a value and how fast it changes along one direction, `a + a'·ε` with `ε² = 0`.
//!
//! Running the reverse sweep in dual numbers differentiates the gradient itself, which is how
//! [`hessian_vector_product`](crate::Value::hessian_vector_product) gets second derivatives from first-order rules.

use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub};

use crate::scalar::{Real, Scalar};

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Dual<T> {
    pub(crate) value: T,
    pub(crate) tangent: T,
}

impl<T: Scalar> Dual<T> {
    /// `f(self)`, given the value of `f` here and of its derivative: the chain rule.
    fn chain(self, value: T, derivative: T) -> Self {
        Dual { value, tangent: times(derivative, self.tangent) }
    }
}

impl<T: Scalar> Add for Dual<T> {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Dual { value: self.value + other.value, tangent: self.tangent + other.tangent }
    }
}

impl<T: Scalar> AddAssign for Dual<T> {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl<T: Scalar> Sub for Dual<T> {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Dual { value: self.value - other.value, tangent: self.tangent - other.tangent }
    }
}

impl<T: Scalar> Mul for Dual<T> {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        Dual {
            value: self.value * other.value,
            tangent: times(other.value, self.tangent) + times(self.value, other.tangent),
        }
    }
}

impl<T: Scalar> Div for Dual<T> {
    type Output = Self;

    fn div(self, other: Self) -> Self {
        let value = self.value / other.value;
        let change = self.tangent - times(value, other.tangent);
        Dual { value, tangent: times(T::from_f64(1.0) / other.value, change) }
    }
}

impl<T: Scalar> Neg for Dual<T> {
    type Output = Self;

    fn neg(self) -> Self {
        Dual { value: -self.value, tangent: -self.tangent }
    }
}

impl<T: Scalar> Real for Dual<T> {
    type Float = T;

    fn constant(x: T) -> Self {
        Dual { value: x, tangent: T::default() }
    }

    fn value(self) -> T {
        self.value
    }

    fn sin(self) -> Self {
        self.chain(self.value.sin(), self.value.cos())
    }

    fn cos(self) -> Self {
        self.chain(self.value.cos(), -self.value.sin())
    }

    fn powf(self, exponent: T) -> Self {
        if exponent == T::default() {
            return Self::constant(T::from_f64(1.0));
        }
        let derivative = exponent * self.value.powf(exponent - T::from_f64(1.0));
        self.chain(self.value.powf(exponent), derivative)
    }

    fn powi(self, exponent: i32) -> Self {
        if exponent == 0 {
            return Self::constant(T::from_f64(1.0));
        }
        let lower =
            exponent.checked_sub(1).map_or_else(|| self.value.powi(exponent) / self.value, |n| self.value.powi(n));
        let derivative = T::from_f64(f64::from(exponent)) * lower;
        self.chain(self.value.powi(exponent), derivative)
    }
}

/// x · rate, and 0 for a rate of exactly 0: what does not move contributes nothing, however steep it is there.
pub(crate) fn times<T: Scalar>(x: T, rate: T) -> T {
    if rate == T::default() { rate } else { x * rate }
}
