//! Half precision, IEEE binary16 and bfloat16, alone and in pairs. PTX manual, "Half Precision
//! Floating-Point Instructions".
//!
//! An operation is done in single precision (a fused multiply-add in double) and rounded once: exact products of 11-bit
//! numbers fit into 24 bits, and sums rounded to 24 or 53 bits first are those rounded once, since 24 ≥ 2·11 + 2.

use super::sixteen::{Brain, Half, Narrow};
use super::{Variants, lanes, rare};
use crate::ptx::ast::Type::{self, Bf16, Bf16x2, F16, F16x2};

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
