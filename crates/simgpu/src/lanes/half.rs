//! Half precision, IEEE binary16 and bfloat16, alone and in pairs. PTX manual, 10.7.4 and 10.7.5.
//!
//! An operation is done in single precision (a fused multiply-add in double) and rounded once: exact products of 11-bit
//! numbers fit into 24 bits, and sums rounded to 24 or 53 bits first are those rounded once, since 24 ≥ 2·11 + 2.

use super::rounding::{DOWN, UP, ZERO};
use super::{Lane, Variants, lanes, rare};
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

    #[inline(always)]
    pub(crate) fn from_f32_towards_zero(x: f32) -> Half {
        Half::directed::<0>(f64::from(x))
    }

    /// Nearest, and one step back where that was a step in the wrong direction.
    #[inline(always)]
    pub(crate) fn directed<const MODE: u8>(x: f64) -> Half {
        let nearest = Half::from_f64(x);
        let back = f64::from(nearest.to_f32());
        let down = MODE == DOWN || (MODE == ZERO && x > 0.0);
        let up = MODE == UP || (MODE == ZERO && x < 0.0);
        // The bits of a number count up away from zero; a zero keeps the sign of x, so it is left outwards too.
        let step: i16 = if down && back > x {
            if x > 0.0 { -1 } else { 1 }
        } else if up && back < x {
            if x < 0.0 { -1 } else { 1 }
        } else {
            0
        };
        Half(nearest.0.wrapping_add_signed(step))
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

/// What is done to a result before it is rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clamp {
    None,
    /// `.sat`: to [0, 1], NaN to 0.
    Unit,
    /// `.relu`: negative numbers to 0; NaN stays.
    Positive,
}

/// `.sat`.
#[inline(always)]
fn unit(x: f64) -> f64 {
    if x > 0.0 { x.min(1.0) } else { 0.0 }
}

/// `.relu`.
#[inline(always)]
fn positive(x: f64) -> f64 {
    if x < 0.0 { 0.0 } else { x }
}

/// `.ftz` of bfloat16, whose least normal number is that of a single.
#[inline(always)]
fn brain_flush(x: f64) -> f64 {
    if x.abs() < f64::from(f32::MIN_POSITIVE) { 0.0f64.copysign(x) } else { x }
}

/// `.ftz` of binary16: a subnormal becomes a zero of its sign.
#[inline(always)]
fn flush(x: f64) -> f64 {
    if x.abs() < 6.103_515_625e-5 { 0.0f64.copysign(x) } else { x }
}

/// a·b + c where the sum is not exact: its last bit is made 1, so that the next rounding is right.
#[inline(always)]
fn fused(a: f64, b: f64, c: f64) -> f64 {
    super::rounding::odd_sum(a * b, c)
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

/// Both formats, alone and in pairs; `$compile` is `lanes` or `rare`. A lone number's upper half is zero going in and dropped coming out.
macro_rules! halves {
    ($compile:ident, $ty:expr, $map:ident, $pair:ident, |$($arg:ident),+| $value:expr) => {
        match $ty {
            F16 => Some($compile!($map, |$($arg: u32),+| $pair::<Half>($($arg),+, |$($arg),+| $value) & 0xffff)),
            F16x2 => Some($compile!($map, |$($arg: u32),+| $pair::<Half>($($arg),+, |$($arg),+| $value))),
            Bf16 => Some($compile!($map, |$($arg: u32),+| $pair::<Brain>($($arg),+, |$($arg),+| $value) & 0xffff)),
            Bf16x2 => Some($compile!($map, |$($arg: u32),+| $pair::<Brain>($($arg),+, |$($arg),+| $value))),
            _ => None,
        }
    };
}

/// The same with what `.ftz`, `.sat` and `.relu` ask for. A binary16 product, sum or fused sum is subnormal only where its
/// rounded value is, but for one that rounds up to the least normal number, which is kept.
macro_rules! clamped {
    ($ty:expr, $ftz:expr, $clamp:expr, $map:ident, $pair:ident, |$($arg:ident),+| $value:expr) => {
        match ($clamp, $ftz) {
            (Clamp::None, false) => halves!(lanes, $ty, $map, $pair, |$($arg),+| $value),
            (Clamp::Unit, false) => halves!(rare, $ty, $map, $pair, |$($arg),+| unit($value)),
            (Clamp::Positive, false) => halves!(rare, $ty, $map, $pair, |$($arg),+| positive($value)),
            // Only binary16 has `.ftz`.
            (_, true) if matches!($ty, Bf16 | Bf16x2) => None,
            (Clamp::None, true) => halves!(rare, $ty, $map, $pair, |$($arg),+| {
                $(let $arg = flush($arg);)+
                flushed($value)
            }),
            (Clamp::Unit, true) => halves!(rare, $ty, $map, $pair, |$($arg),+| {
                $(let $arg = flush($arg);)+
                flushed(unit($value))
            }),
            (Clamp::Positive, true) => halves!(rare, $ty, $map, $pair, |$($arg),+| {
                $(let $arg = flush($arg);)+
                flushed(positive($value))
            }),
        }
    };
}

/// A result that is subnormal once it is rounded becomes zero.
#[inline(always)]
fn flushed(x: f64) -> f64 {
    if x.is_nan() { x } else { flush(f64::from(Half::from_f64(x).to_f32())) }
}

pub(crate) fn add(ty: Type, ftz: bool, clamp: Clamp) -> Option<Variants> {
    clamped!(ty, ftz, clamp, map2, pair2, |a, b| a + b)
}

pub(crate) fn sub(ty: Type, ftz: bool, clamp: Clamp) -> Option<Variants> {
    clamped!(ty, ftz, clamp, map2, pair2, |a, b| a - b)
}

pub(crate) fn mul(ty: Type, ftz: bool, clamp: Clamp) -> Option<Variants> {
    clamped!(ty, ftz, clamp, map2, pair2, |a, b| a * b)
}

pub(crate) fn fma(ty: Type, ftz: bool, clamp: Clamp) -> Option<Variants> {
    clamped!(ty, ftz, clamp, map3, pair3, |a, b, c| fused(a, b, c))
}

/// The smaller number, −0 below +0; NaN where both are, or where one is and `KEEP_NAN` says so, else the other one.
#[inline(always)]
fn smaller<const KEEP_NAN: bool>(a: f64, b: f64) -> f64 {
    if a.is_nan() | b.is_nan() {
        if KEEP_NAN | (a.is_nan() & b.is_nan()) {
            f64::NAN
        } else if a.is_nan() {
            b
        } else {
            a
        }
    } else if a == b {
        f64::from_bits(a.to_bits() | b.to_bits())
    } else if a < b {
        a
    } else {
        b
    }
}

#[inline(always)]
fn larger<const KEEP_NAN: bool>(a: f64, b: f64) -> f64 {
    -smaller::<KEEP_NAN>(-a, -b)
}

pub(crate) fn min(ty: Type, ftz: bool, keep_nan: bool) -> Option<Variants> {
    match keep_nan {
        false => clamped!(ty, ftz, Clamp::None, map2, pair2, |a, b| smaller::<false>(a, b)),
        true => clamped!(ty, ftz, Clamp::None, map2, pair2, |a, b| smaller::<true>(a, b)),
    }
}

pub(crate) fn max(ty: Type, ftz: bool, keep_nan: bool) -> Option<Variants> {
    match keep_nan {
        false => clamped!(ty, ftz, Clamp::None, map2, pair2, |a, b| larger::<false>(a, b)),
        true => clamped!(ty, ftz, Clamp::None, map2, pair2, |a, b| larger::<true>(a, b)),
    }
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

pub(crate) fn special(name: &str, ty: Type, ftz: bool) -> Option<Variants> {
    match name {
        "ex2" if ftz && matches!(ty, Bf16 | Bf16x2) => {
            halves!(rare, ty, map1, pair, |a| brain_flush(brain_flush(a).exp2()))
        }
        "ex2" if ftz => clamped!(ty, true, Clamp::None, map1, pair, |a| a.exp2()),
        _ if ftz => None,
        "ex2" => halves!(rare, ty, map1, pair, |a| a.exp2()),
        "tanh" => halves!(rare, ty, map1, pair, |a| a.tanh()),
        _ => None,
    }
}
