//! Double precision rounded towards zero, down or up: arithmetic on whole numbers, rounded once.
//!
//! These instructions are rare (interval arithmetic, a few functions of `libdevice`), so they are plain rather than fast.

use super::rounding::{DOWN, UP, ZERO};

/// ±magnitude · 2^exponent, and whether something smaller than its last bit was cut off.
#[derive(Debug, Clone, Copy)]
struct Exact {
    negative: bool,
    magnitude: u128,
    exponent: i32,
    rest: bool,
}

/// Bits of a double's significand, and the exponent of its smallest unit.
const PRECISION: i32 = 53;
const LOWEST: i32 = -1074;

impl Exact {
    /// A finite number.
    fn of(x: f64) -> Exact {
        let (bits, field) = (x.to_bits(), (x.to_bits() >> 52 & 0x7ff) as i32);
        let fraction = u128::from(bits & ((1 << 52) - 1));
        let (magnitude, exponent) =
            if field == 0 { (fraction, LOWEST) } else { (fraction | 1 << 52, field - 1 + LOWEST) };
        Exact { negative: x.is_sign_negative(), magnitude, exponent, rest: false }
    }

    /// Where its highest bit is, as a power of two. The magnitude is not 0.
    fn top(self) -> i32 {
        127 - self.magnitude.leading_zeros() as i32 + self.exponent
    }

    /// The same number in units of 2^exponent; what falls off is the rest.
    fn in_units(self, exponent: i32) -> Exact {
        let down = exponent - self.exponent;
        let (magnitude, lost) = match down {
            ..=0 => (self.magnitude << -down, false),
            1..=127 => (self.magnitude >> down, self.magnitude << (128 - down) != 0),
            _ => (0, self.magnitude != 0),
        };
        Exact { magnitude, exponent, rest: self.rest | lost, ..self }
    }

    /// The double next to it in the direction.
    fn round<const MODE: u8>(self) -> f64 {
        let outwards = (MODE == UP && !self.negative) || (MODE == DOWN && self.negative);
        let mut exact = self.in_units((self.top() - PRECISION + 1).max(LOWEST));
        exact.magnitude += u128::from(exact.rest && outwards);
        if exact.magnitude == 1 << PRECISION {
            (exact.magnitude, exact.exponent) = (1 << (PRECISION - 1), exact.exponent + 1);
        }
        let size = if exact.exponent > 971 {
            if outwards { f64::INFINITY } else { f64::MAX }
        } else {
            let hidden = exact.magnitude >> (PRECISION - 1);
            let field = if hidden == 0 { 0 } else { (exact.exponent + 1 - LOWEST) as u64 };
            f64::from_bits(field << 52 | exact.magnitude as u64 & ((1 << 52) - 1))
        };
        if self.negative { -size } else { size }
    }
}

/// a·b + c.
pub(crate) fn fma<const MODE: u8>(a: f64, b: f64, c: f64) -> f64 {
    let nearest = a.mul_add(b, c);
    if !(a.is_finite() && b.is_finite() && c.is_finite()) {
        return nearest;
    }
    let (x, y, addend) = (Exact::of(a), Exact::of(b), Exact::of(c));
    let product = Exact {
        negative: x.negative != y.negative,
        magnitude: x.magnitude * y.magnitude,
        exponent: x.exponent + y.exponent,
        rest: false,
    };
    match (product.magnitude == 0, addend.magnitude == 0) {
        (true, true) if product.negative != addend.negative => return if MODE == DOWN { -0.0 } else { 0.0 },
        (true, _) => return nearest,
        (false, true) => return product.round::<MODE>(),
        _ => {}
    }
    // The larger one's highest bit goes to bit 125: there is room for a carry above it, and more than a double's below.
    let unit = product.top().max(addend.top()) - 125;
    let (product, addend) = (product.in_units(unit), addend.in_units(unit));
    let rest = product.rest | addend.rest;
    if product.negative == addend.negative {
        return Exact { magnitude: product.magnitude + addend.magnitude, rest, ..product }.round::<MODE>();
    }
    let (larger, smaller) = if product.magnitude >= addend.magnitude { (product, addend) } else { (addend, product) };
    // Only the smaller one can have lost something: with it, it is more than its whole units, so one unit less remains.
    let magnitude = larger.magnitude - smaller.magnitude - u128::from(rest);
    if magnitude == 0 && !rest {
        return if MODE == DOWN { -0.0 } else { 0.0 };
    }
    Exact { magnitude, rest, ..larger }.round::<MODE>()
}

pub(crate) fn add<const MODE: u8>(a: f64, b: f64) -> f64 {
    fma::<MODE>(a, 1.0, b)
}

pub(crate) fn mul<const MODE: u8>(a: f64, b: f64) -> f64 {
    let nearest = a * b;
    if !a.is_finite() || !b.is_finite() || a == 0.0 || b == 0.0 {
        return nearest;
    }
    // Adding a zero of the product's sign leaves its sign alone.
    fma::<MODE>(a, b, 0.0f64.copysign(nearest))
}

pub(crate) fn div<const MODE: u8>(a: f64, b: f64) -> f64 {
    if !a.is_finite() || !b.is_finite() || a == 0.0 || b == 0.0 {
        return a / b;
    }
    let (x, y) = (Exact::of(a), Exact::of(b));
    let x = x.in_units(x.top() - 127);
    let magnitude = x.magnitude / y.magnitude;
    let rest = x.magnitude % y.magnitude != 0;
    Exact { negative: x.negative != y.negative, magnitude, exponent: x.exponent - y.exponent, rest }.round::<MODE>()
}

pub(crate) fn sqrt<const MODE: u8>(a: f64) -> f64 {
    if !(a > 0.0 && a.is_finite()) {
        return a.sqrt();
    }
    let x = Exact::of(a);
    // An even exponent halves.
    let exponent = (x.top() - 126) & !1;
    let x = x.in_units(exponent);
    let magnitude = x.magnitude.isqrt();
    let rest = magnitude * magnitude != x.magnitude;
    Exact { negative: false, magnitude, exponent: exponent / 2, rest }.round::<MODE>()
}

/// An integer.
pub(crate) fn of_integer<const MODE: u8>(a: i128) -> f64 {
    if a == 0 {
        return 0.0;
    }
    Exact { negative: a < 0, magnitude: a.unsigned_abs(), exponent: 0, rest: false }.round::<MODE>()
}

const _: () = assert!(ZERO != DOWN && DOWN != UP);
