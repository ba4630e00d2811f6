//! Half precision, IEEE binary16 and bfloat16, alone and in pairs. PTX manual, 10.7.4 and 10.7.5.
//!
//! An operation is done in single precision (a fused multiply-add in double) and rounded once: exact products of 11-bit
//! numbers fit into 24 bits, and sums rounded to 24 or 53 bits first are those rounded once, since 24 ≥ 2·11 + 2.

use super::{Lane, Variants, lanes};
use crate::ptx::ast::Type::{self, Bf16, Bf16x2, F16, F16x2};

/// IEEE binary16.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Half(pub(crate) u16);

/// bfloat16: the upper half of a single.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Brain(pub(crate) u16);

impl Lane for Half {
    type Bits = u32;
    #[inline(always)]
    fn of(bits: u32) -> Half {
        Half(bits as u16)
    }
    #[inline(always)]
    fn bits(self) -> u32 {
        u32::from(self.0)
    }
}

impl Lane for Brain {
    type Bits = u32;
    #[inline(always)]
    fn of(bits: u32) -> Brain {
        Brain(bits as u16)
    }
    #[inline(always)]
    fn bits(self) -> u32 {
        u32::from(self.0)
    }
}

impl Half {
    /// Exact.
    #[inline(always)]
    pub(crate) fn to_f32(self) -> f32 {
        let (sign, rest) = (u32::from(self.0 & 0x8000) << 16, u32::from(self.0 & 0x7fff));
        // Exponent and mantissa moved into place; 2^112 puts the bias right, subnormals included.
        let scaled = f32::from_bits(rest << 13) * f32::from_bits(0x7780_0000);
        let special = f32::from_bits(0x7f80_0000 | rest << 13);
        let magnitude = if rest >= 0x7c00 { special } else { scaled };
        f32::from_bits(sign | magnitude.to_bits())
    }

    /// To nearest, ties to even. NaN becomes 0x7fff.
    #[inline(always)]
    pub(crate) fn from_f64(x: f64) -> Half {
        let sign = ((x.to_bits() >> 48) & 0x8000) as u16;
        let magnitude = x.abs();
        // Adding a power of two whose last place is the last place of the result rounds to it.
        let exponent = ((magnitude.to_bits() >> 52) as i64 - 1023).max(-14);
        let unit = f64::from_bits((((exponent - 10 + 1023) as u64) << 52) & 0x7ff0_0000_0000_0000);
        let shift = unit * 6_755_399_441_055_744.0; // 1.5 · 2^52
        let rounded = (magnitude + shift) - shift;
        let bits = if magnitude.is_nan() {
            0x7fff
        } else if rounded >= 65536.0 || magnitude >= 65536.0 {
            0x7c00
        } else {
            encode(rounded)
        };
        Half(if bits == 0x7fff { bits } else { sign | bits })
    }

    #[inline(always)]
    pub(crate) fn from_f32(x: f32) -> Half {
        Half::from_f64(f64::from(x))
    }

    /// Nearest, and one step back where that was a step away from zero.
    #[inline(always)]
    pub(crate) fn from_f32_towards_zero(x: f32) -> Half {
        let nearest = Half::from_f32(x);
        let further = nearest.to_f32().abs() > x.abs();
        Half(nearest.0 - u16::from(further))
    }
}

/// The bits of a number below 65536 that binary16 has exactly.
#[inline(always)]
fn encode(exact: f64) -> u16 {
    // 2^-112 moves the exponent to binary16's place in a single; subnormals come out right.
    let single = (exact as f32) * f32::from_bits(0x0780_0000);
    (single.to_bits() >> 13) as u16
}

impl Brain {
    /// Exact.
    #[inline(always)]
    pub(crate) fn to_f32(self) -> f32 {
        f32::from_bits(u32::from(self.0) << 16)
    }

    /// To nearest, ties to even. NaN becomes 0x7fff.
    #[inline(always)]
    pub(crate) fn from_f32(x: f32) -> Brain {
        let bits = x.to_bits();
        let rounded = (bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16) as u16;
        Brain(if x.is_nan() { 0x7fff } else { rounded })
    }

    /// The upper half, whatever the lower one.
    #[inline(always)]
    pub(crate) fn from_f32_towards_zero(x: f32) -> Brain {
        Brain(if x.is_nan() { 0x7fff } else { (x.to_bits() >> 16) as u16 })
    }

    /// Through a single that is rounded to odd, so that it is rounded once.
    #[inline(always)]
    pub(crate) fn from_f64(x: f64) -> Brain {
        let towards_zero = super::rounding::narrow::<0>(x);
        let inexact = f64::from(towards_zero) != x && x.is_finite();
        Brain::from_f32(f32::from_bits(towards_zero.to_bits() | u32::from(inexact)))
    }
}

/// A format of 16 bits.
pub(crate) trait Narrow: Lane<Bits = u32> {
    fn widen(self) -> f32;
    fn round(x: f64) -> Self;
}

impl Narrow for Half {
    #[inline(always)]
    fn widen(self) -> f32 {
        self.to_f32()
    }
    #[inline(always)]
    fn round(x: f64) -> Half {
        Half::from_f64(x)
    }
}

impl Narrow for Brain {
    #[inline(always)]
    fn widen(self) -> f32 {
        self.to_f32()
    }
    #[inline(always)]
    fn round(x: f64) -> Brain {
        Brain::from_f64(x)
    }
}

#[inline(always)]
fn pair<T: Narrow>(word: u32, f: impl Fn(f64) -> f64) -> u32 {
    let half = |bits: u32| T::round(f(f64::from(T::of(bits & 0xffff).widen()))).bits();
    half(word) | half(word >> 16) << 16
}

#[inline(always)]
pub(crate) fn pair2<T: Narrow>(a: u32, b: u32, f: impl Fn(f64, f64) -> f64) -> u32 {
    let wide = |bits: u32| f64::from(T::of(bits & 0xffff).widen());
    let half = |a: u32, b: u32| T::round(f(wide(a), wide(b))).bits();
    half(a, b) | half(a >> 16, b >> 16) << 16
}

#[inline(always)]
fn pair3<T: Narrow>(a: u32, b: u32, c: u32, f: impl Fn(f64, f64, f64) -> f64) -> u32 {
    let wide = |bits: u32| f64::from(T::of(bits & 0xffff).widen());
    let half = |a: u32, b: u32, c: u32| T::round(f(wide(a), wide(b), wide(c))).bits();
    half(a, b, c) | half(a >> 16, b >> 16, c >> 16) << 16
}

/// Both formats, alone and in pairs. A lone number's upper half is zero going in and dropped coming out.
macro_rules! halves {
    ($ty:expr, $map:ident, $pair:ident, |$($arg:ident),+| $value:expr) => {
        match $ty {
            F16 => Some(lanes!($map, |$($arg: u32),+| $pair::<Half>($($arg),+, |$($arg),+| $value) & 0xffff)),
            F16x2 => Some(lanes!($map, |$($arg: u32),+| $pair::<Half>($($arg),+, |$($arg),+| $value))),
            Bf16 => Some(lanes!($map, |$($arg: u32),+| $pair::<Brain>($($arg),+, |$($arg),+| $value) & 0xffff)),
            Bf16x2 => Some(lanes!($map, |$($arg: u32),+| $pair::<Brain>($($arg),+, |$($arg),+| $value))),
            _ => None,
        }
    };
}

pub(crate) fn add(ty: Type) -> Option<Variants> {
    halves!(ty, map2, pair2, |a, b| a + b)
}

pub(crate) fn sub(ty: Type) -> Option<Variants> {
    halves!(ty, map2, pair2, |a, b| a - b)
}

pub(crate) fn mul(ty: Type) -> Option<Variants> {
    halves!(ty, map2, pair2, |a, b| a * b)
}

pub(crate) fn fma(ty: Type, relu: bool) -> Option<Variants> {
    if relu {
        halves!(ty, map3, pair3, |a, b, c| a.mul_add(b, c).max(0.0))
    } else {
        halves!(ty, map3, pair3, |a, b, c| a.mul_add(b, c))
    }
}

/// The other number where one is NaN (both: NaN), −0 below +0.
pub(crate) fn min(ty: Type) -> Option<Variants> {
    halves!(ty, map2, pair2, |a, b| if a == b { f64::from_bits(a.to_bits() | b.to_bits()) } else { a.min(b) })
}

pub(crate) fn max(ty: Type) -> Option<Variants> {
    halves!(ty, map2, pair2, |a, b| if a == b { f64::from_bits(a.to_bits() & b.to_bits()) } else { a.max(b) })
}

pub(crate) fn neg(ty: Type) -> Option<Variants> {
    match ty {
        F16 | Bf16 => Some(lanes!(map1, |a: u32| a ^ 0x8000)),
        F16x2 | Bf16x2 => Some(lanes!(map1, |a: u32| a ^ 0x8000_8000)),
        _ => None,
    }
}

pub(crate) fn abs(ty: Type) -> Option<Variants> {
    match ty {
        F16 | Bf16 => Some(lanes!(map1, |a: u32| a & 0x7fff)),
        F16x2 | Bf16x2 => Some(lanes!(map1, |a: u32| a & 0x7fff_7fff)),
        _ => None,
    }
}

pub(crate) fn special(name: &str, ty: Type) -> Option<Variants> {
    match name {
        "ex2" => halves!(ty, map1, pair, |a| a.exp2()),
        "tanh" => halves!(ty, map1, pair, |a| a.tanh()),
        _ => None,
    }
}
