//! Floating-point arithmetic in single and double precision. PTX manual, "Floating-Point Instructions".

use super::rounding::{self, Rounding};
use super::{Variants, exact, lanes, rare};
use crate::ptx::ast::Type::{self, F32, F64};

/// `.ftz`: subnormal inputs and results become zero, their sign kept.
#[inline(always)]
fn flush<const FTZ: bool>(x: f32) -> f32 {
    let bits = x.to_bits();
    if FTZ && bits & 0x7f80_0000 == 0 { f32::from_bits(bits & 0x8000_0000) } else { x }
}

/// `.sat`: clamped to [0, 1], NaN to 0.
#[inline(always)]
fn saturate<const SAT: bool>(x: f32) -> f32 {
    if !SAT {
        x
    } else if x > 0.0 {
        x.min(1.0)
    } else {
        0.0
    }
}

#[inline(always)]
fn finish<const FTZ: bool, const SAT: bool>(x: f32) -> f32 {
    saturate::<SAT>(flush::<FTZ>(canonical(x)))
}

/// A NaN is the one that GPUs give, whichever operand it came from: CPUs, compilers and libraries differ there.
#[inline(always)]
fn canonical(x: f32) -> f32 {
    if x.is_nan() { NAN } else { x }
}

#[inline(always)]
fn canonical_f64(x: f64) -> f64 {
    if x.is_nan() { NAN_F64 } else { x }
}

/// Compiles a single-precision operation with and without `.ftz` and `.sat`; `$compile` is `lanes` or `rare`.
macro_rules! single {
    ($compile:ident, $ftz:expr, $sat:expr, $map:ident, |$($arg:ident),+| $value:expr) => {
        match ($ftz, $sat) {
            (false, false) => $compile!($map, |$($arg: f32),+| canonical($value)),
            (true, false) => $compile!($map, |$($arg: f32),+| { $(let $arg = flush::<true>($arg);)+ finish::<true, false>($value) }),
            (false, true) => rare!($map, |$($arg: f32),+| finish::<false, true>($value)),
            (true, true) => rare!($map, |$($arg: f32),+| { $(let $arg = flush::<true>($arg);)+ finish::<true, true>($value) }),
        }
    };
}

/// Modifiers of a floating-point instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Modifiers {
    pub(crate) rounding: Rounding,
    pub(crate) ftz: bool,
    pub(crate) sat: bool,
}

pub(crate) fn add(ty: Type, m: Modifiers) -> Option<Variants> {
    Some(match (ty, m.rounding) {
        (F32, Rounding::Nearest) => single!(lanes, m.ftz, m.sat, map2, |a, b| a + b),
        (F32, Rounding::Zero) => single!(rare, m.ftz, m.sat, map2, |a, b| rounding::add::<0>(a, b)),
        (F32, Rounding::Down) => single!(rare, m.ftz, m.sat, map2, |a, b| rounding::add::<1>(a, b)),
        (F32, Rounding::Up) => single!(rare, m.ftz, m.sat, map2, |a, b| rounding::add::<2>(a, b)),
        (F64, Rounding::Nearest) => lanes!(map2, |a: f64, b: f64| canonical_f64(a + b)),
        (F64, Rounding::Zero) => rare!(map2, |a: f64, b: f64| canonical_f64(exact::add::<0>(a, b))),
        (F64, Rounding::Down) => rare!(map2, |a: f64, b: f64| canonical_f64(exact::add::<1>(a, b))),
        (F64, Rounding::Up) => rare!(map2, |a: f64, b: f64| canonical_f64(exact::add::<2>(a, b))),
        _ => return None,
    })
}

pub(crate) fn sub(ty: Type, m: Modifiers) -> Option<Variants> {
    Some(match (ty, m.rounding) {
        (F32, Rounding::Nearest) => single!(lanes, m.ftz, m.sat, map2, |a, b| a - b),
        (F32, Rounding::Zero) => single!(rare, m.ftz, m.sat, map2, |a, b| rounding::add::<0>(a, -b)),
        (F32, Rounding::Down) => single!(rare, m.ftz, m.sat, map2, |a, b| rounding::add::<1>(a, -b)),
        (F32, Rounding::Up) => single!(rare, m.ftz, m.sat, map2, |a, b| rounding::add::<2>(a, -b)),
        (F64, Rounding::Nearest) => lanes!(map2, |a: f64, b: f64| canonical_f64(a - b)),
        (F64, Rounding::Zero) => rare!(map2, |a: f64, b: f64| canonical_f64(exact::add::<0>(a, -b))),
        (F64, Rounding::Down) => rare!(map2, |a: f64, b: f64| canonical_f64(exact::add::<1>(a, -b))),
        (F64, Rounding::Up) => rare!(map2, |a: f64, b: f64| canonical_f64(exact::add::<2>(a, -b))),
        _ => return None,
    })
}

pub(crate) fn mul(ty: Type, m: Modifiers) -> Option<Variants> {
    Some(match (ty, m.rounding) {
        (F32, Rounding::Nearest) => single!(lanes, m.ftz, m.sat, map2, |a, b| a * b),
        (F32, Rounding::Zero) => single!(rare, m.ftz, m.sat, map2, |a, b| rounding::mul::<0>(a, b)),
        (F32, Rounding::Down) => single!(rare, m.ftz, m.sat, map2, |a, b| rounding::mul::<1>(a, b)),
        (F32, Rounding::Up) => single!(rare, m.ftz, m.sat, map2, |a, b| rounding::mul::<2>(a, b)),
        (F64, Rounding::Nearest) => lanes!(map2, |a: f64, b: f64| canonical_f64(a * b)),
        (F64, Rounding::Zero) => rare!(map2, |a: f64, b: f64| canonical_f64(exact::mul::<0>(a, b))),
        (F64, Rounding::Down) => rare!(map2, |a: f64, b: f64| canonical_f64(exact::mul::<1>(a, b))),
        (F64, Rounding::Up) => rare!(map2, |a: f64, b: f64| canonical_f64(exact::mul::<2>(a, b))),
        _ => return None,
    })
}

/// `fma`, and `mad` of these types, which is the same: one rounding.
pub(crate) fn fma(ty: Type, m: Modifiers) -> Option<Variants> {
    Some(match (ty, m.rounding) {
        (F32, Rounding::Nearest) => single!(lanes, m.ftz, m.sat, map3, |a, b, c| a.mul_add(b, c)),
        (F32, Rounding::Zero) => single!(rare, m.ftz, m.sat, map3, |a, b, c| rounding::fma::<0>(a, b, c)),
        (F32, Rounding::Down) => single!(rare, m.ftz, m.sat, map3, |a, b, c| rounding::fma::<1>(a, b, c)),
        (F32, Rounding::Up) => single!(rare, m.ftz, m.sat, map3, |a, b, c| rounding::fma::<2>(a, b, c)),
        (F64, Rounding::Nearest) => lanes!(map3, |a: f64, b: f64, c: f64| canonical_f64(a.mul_add(b, c))),
        (F64, Rounding::Zero) => rare!(map3, |a: f64, b: f64, c: f64| canonical_f64(exact::fma::<0>(a, b, c))),
        (F64, Rounding::Down) => rare!(map3, |a: f64, b: f64, c: f64| canonical_f64(exact::fma::<1>(a, b, c))),
        (F64, Rounding::Up) => rare!(map3, |a: f64, b: f64, c: f64| canonical_f64(exact::fma::<2>(a, b, c))),
        _ => return None,
    })
}

/// Division. `.approx` and `.full` are given the right quotient, which is within their bounds.
pub(crate) fn div(ty: Type, m: Modifiers) -> Option<Variants> {
    Some(match (ty, m.rounding) {
        (F32, Rounding::Nearest) => single!(lanes, m.ftz, m.sat, map2, |a, b| a / b),
        (F32, Rounding::Zero) => single!(rare, m.ftz, m.sat, map2, |a, b| rounding::div::<0>(a, b)),
        (F32, Rounding::Down) => single!(rare, m.ftz, m.sat, map2, |a, b| rounding::div::<1>(a, b)),
        (F32, Rounding::Up) => single!(rare, m.ftz, m.sat, map2, |a, b| rounding::div::<2>(a, b)),
        (F64, Rounding::Nearest) => lanes!(map2, |a: f64, b: f64| canonical_f64(a / b)),
        (F64, Rounding::Zero) => rare!(map2, |a: f64, b: f64| canonical_f64(exact::div::<0>(a, b))),
        (F64, Rounding::Down) => rare!(map2, |a: f64, b: f64| canonical_f64(exact::div::<1>(a, b))),
        (F64, Rounding::Up) => rare!(map2, |a: f64, b: f64| canonical_f64(exact::div::<2>(a, b))),
        _ => return None,
    })
}

/// Reciprocal, `.approx` or rounded.
pub(crate) fn rcp(ty: Type, m: Modifiers) -> Option<Variants> {
    Some(match (ty, m.rounding) {
        (F32, Rounding::Nearest) => single!(lanes, m.ftz, false, map1, |a| 1.0 / a),
        (F32, Rounding::Zero) => single!(rare, m.ftz, false, map1, |a| rounding::div::<0>(1.0, a)),
        (F32, Rounding::Down) => single!(rare, m.ftz, false, map1, |a| rounding::div::<1>(1.0, a)),
        (F32, Rounding::Up) => single!(rare, m.ftz, false, map1, |a| rounding::div::<2>(1.0, a)),
        (F64, Rounding::Nearest) => lanes!(map1, |a: f64| canonical_f64(1.0 / a)),
        (F64, Rounding::Zero) => rare!(map1, |a: f64| canonical_f64(exact::div::<0>(1.0, a))),
        (F64, Rounding::Down) => rare!(map1, |a: f64| canonical_f64(exact::div::<1>(1.0, a))),
        (F64, Rounding::Up) => rare!(map1, |a: f64| canonical_f64(exact::div::<2>(1.0, a))),
        _ => return None,
    })
}

/// `.approx.ftz.f64` knows the upper 32 bits of a double: sign, exponent and 20 bits of the significand.
#[inline(always)]
fn upper_word(x: f64) -> f64 {
    let bits = x.to_bits() & 0xffff_ffff_0000_0000;
    if x.is_nan() {
        NAN_F64
    } else if bits & 0x7ff0_0000_0000_0000 == 0 {
        f64::from_bits(bits & 1 << 63)
    } else {
        f64::from_bits(bits)
    }
}

/// `rcp.approx.ftz.f64`.
pub(crate) fn rcp_approximate_f64() -> Variants {
    rare!(map1, |a: f64| upper_word(1.0 / upper_word(a)))
}

/// Square root, `.approx` or rounded.
pub(crate) fn sqrt(ty: Type, m: Modifiers) -> Option<Variants> {
    Some(match (ty, m.rounding) {
        (F32, Rounding::Nearest) => single!(lanes, m.ftz, false, map1, |a| a.sqrt()),
        (F32, Rounding::Zero) => single!(rare, m.ftz, false, map1, |a| rounding::sqrt::<0>(a)),
        (F32, Rounding::Down) => single!(rare, m.ftz, false, map1, |a| rounding::sqrt::<1>(a)),
        (F32, Rounding::Up) => single!(rare, m.ftz, false, map1, |a| rounding::sqrt::<2>(a)),
        (F64, Rounding::Nearest) => lanes!(map1, |a: f64| canonical_f64(a.sqrt())),
        (F64, Rounding::Zero) => rare!(map1, |a: f64| canonical_f64(exact::sqrt::<0>(a))),
        (F64, Rounding::Down) => rare!(map1, |a: f64| canonical_f64(exact::sqrt::<1>(a))),
        (F64, Rounding::Up) => rare!(map1, |a: f64| canonical_f64(exact::sqrt::<2>(a))),
        _ => return None,
    })
}

pub(crate) fn neg(ty: Type, ftz: bool) -> Option<Variants> {
    Some(match ty {
        F32 if !ftz => lanes!(map1, |a: f32| -a),
        F32 => single!(lanes, ftz, false, map1, |a| -a),
        F64 => lanes!(map1, |a: f64| -a),
        _ => return None,
    })
}

pub(crate) fn abs(ty: Type, ftz: bool) -> Option<Variants> {
    Some(match ty {
        F32 if !ftz => lanes!(map1, |a: f32| a.abs()),
        F32 => single!(lanes, ftz, false, map1, |a| a.abs()),
        F64 => lanes!(map1, |a: f64| a.abs()),
        _ => return None,
    })
}

/// The NaN that instructions give of their own.
const NAN: f32 = f32::from_bits(0x7fff_ffff);
const NAN_F64: f64 = f64::from_bits(0x7fff_ffff_ffff_ffff);

/// The smaller number, −0 below +0; the other one where one is NaN (or NaN with `.NaN`).
#[inline(always)]
fn minimum<const KEEP_NAN: bool>(a: f32, b: f32) -> f32 {
    let either = a.is_nan() | b.is_nan();
    let smaller = if a == b {
        f32::from_bits(a.to_bits() | b.to_bits())
    } else if a < b {
        a
    } else {
        b
    };
    let other = if a.is_nan() { b } else { a };
    let other = if (a.is_nan() & b.is_nan()) | KEEP_NAN { NAN } else { other };
    if either { other } else { smaller }
}

#[inline(always)]
fn maximum<const KEEP_NAN: bool>(a: f32, b: f32) -> f32 {
    let either = a.is_nan() | b.is_nan();
    let larger = if a == b {
        f32::from_bits(a.to_bits() & b.to_bits())
    } else if a > b {
        a
    } else {
        b
    };
    let other = if a.is_nan() { b } else { a };
    let other = if (a.is_nan() & b.is_nan()) | KEEP_NAN { NAN } else { other };
    if either { other } else { larger }
}

#[inline(always)]
fn minimum_f64(a: f64, b: f64) -> f64 {
    if a.is_nan() & b.is_nan() {
        NAN_F64
    } else if a == b {
        f64::from_bits(a.to_bits() | b.to_bits())
    } else if (a < b) | b.is_nan() {
        a
    } else {
        b
    }
}

#[inline(always)]
fn maximum_f64(a: f64, b: f64) -> f64 {
    if a.is_nan() & b.is_nan() {
        NAN_F64
    } else if a == b {
        f64::from_bits(a.to_bits() & b.to_bits())
    } else if (a > b) | b.is_nan() {
        a
    } else {
        b
    }
}

pub(crate) fn min(ty: Type, ftz: bool, keep_nan: bool) -> Option<Variants> {
    Some(match (ty, keep_nan) {
        (F32, false) => single!(lanes, ftz, false, map2, |a, b| minimum::<false>(a, b)),
        (F32, true) => single!(rare, ftz, false, map2, |a, b| minimum::<true>(a, b)),
        (F64, false) => lanes!(map2, |a: f64, b: f64| minimum_f64(a, b)),
        _ => return None,
    })
}

pub(crate) fn max(ty: Type, ftz: bool, keep_nan: bool) -> Option<Variants> {
    Some(match (ty, keep_nan) {
        (F32, false) => single!(lanes, ftz, false, map2, |a, b| maximum::<false>(a, b)),
        (F32, true) => single!(rare, ftz, false, map2, |a, b| maximum::<true>(a, b)),
        (F64, false) => lanes!(map2, |a: f64, b: f64| maximum_f64(a, b)),
        _ => return None,
    })
}

/// The second operand with the sign of the first.
pub(crate) fn copysign(ty: Type) -> Option<Variants> {
    Some(match ty {
        F32 => rare!(map2, |a: f32, b: f32| b.copysign(a)),
        F64 => rare!(map2, |a: f64, b: f64| b.copysign(a)),
        _ => return None,
    })
}

/// `testp`: what kind of number it is.
pub(crate) fn testp(ty: Type, property: &str) -> Option<Variants> {
    macro_rules! both {
        (|$a:ident| $value:expr) => {
            match ty {
                F32 => rare!(map1, |$a: f32| $value),
                F64 => rare!(map1, |$a: f64| $value),
                _ => return None,
            }
        };
    }
    Some(match property {
        "finite" => both!(|a| a.is_finite()),
        "infinite" => both!(|a| a.is_infinite()),
        "number" => both!(|a| !a.is_nan()),
        "notanumber" => both!(|a| a.is_nan()),
        "normal" => both!(|a| a.is_normal()),
        "subnormal" => both!(|a| a.is_subnormal()),
        _ => return None,
    })
}

/// 2^x within one unit in the last place: a polynomial on [−1/2, 1/2], then a scale by a power of two in two steps, so that
/// subnormal results are rounded once.
#[inline(always)]
pub(super) fn exp2(x: f32) -> f32 {
    // Taylor coefficients (ln 2)^k / k!; the remainder at 1/2 is (ln 2 / 2)^8 / 8! = 5e-9.
    const C: [f32; 8] = [
        1.0,
        std::f32::consts::LN_2,
        0.240_226_5,
        0.055_504_11,
        0.009_618_129,
        0.001_333_355_8,
        0.000_154_035_3,
        0.000_015_252_734,
    ];
    let clamped = x.clamp(-200.0, 200.0);
    let whole = clamped.round_ties_even();
    let part = clamped - whole;
    let mut sum = C[7];
    for k in (0..7).rev() {
        sum = sum.mul_add(part, C[k]);
    }
    let power = whole as i32;
    let half = power >> 1;
    let scale = |power: i32| f32::from_bits(((power + 127) << 23) as u32);
    // |half| ≤ 100 and |power − half| ≤ 100: both scales are normal numbers. A NaN has power 0 and goes through `sum`.
    sum * scale(half) * scale(power - half)
}

/// The approximate functions. Each is as exact as the host's own, so within the manual's bounds.
pub(crate) fn special(name: &str, ty: Type, ftz: bool) -> Option<Variants> {
    Some(match (name, ty) {
        ("ex2", F32) => single!(lanes, ftz, false, map1, |a| exp2(a)),
        ("lg2", F32) => single!(lanes, ftz, false, map1, |a| f64::from(a).log2() as f32),
        ("sin", F32) => single!(rare, ftz, false, map1, |a| f64::from(a).sin() as f32),
        ("cos", F32) => single!(rare, ftz, false, map1, |a| f64::from(a).cos() as f32),
        ("tanh", F32) => single!(rare, ftz, false, map1, |a| f64::from(a).tanh() as f32),
        ("rsqrt", F32) => single!(lanes, ftz, false, map1, |a| (1.0 / f64::from(a).sqrt()) as f32),
        ("rsqrt", F64) if ftz => rare!(map1, |a: f64| upper_word(1.0 / upper_word(a).sqrt())),
        ("rsqrt", F64) => lanes!(map1, |a: f64| canonical_f64(1.0 / a.sqrt())),
        _ => return None,
    })
}
