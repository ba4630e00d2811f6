//! Conversions. PTX manual, "Data Movement and Conversion Instructions: cvt".

use super::rounding::{Rounding, narrow};
use super::sixteen::{Brain, Half};
use super::{Variants, exact, lanes, rare};
use crate::ptx::ast::Type::{self, *};

/// How a conversion rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// No rounding modifier.
    Exact,
    /// `.rn` …: to a floating-point number.
    Float(Rounding),
    /// `.rni` …: to an integer, or to an integral floating-point number.
    Integer(Rounding),
}

/// `cvt`: from any type to any other. `None` where there is none.
pub(crate) fn convert(to: Type, from: Type, mode: Mode, ftz: bool, sat: bool, relu: bool) -> Option<Variants> {
    let is_float = |ty| matches!(ty, F16 | Bf16 | F32 | F64);
    match (is_float(to), is_float(from)) {
        (false, false) => integer_to_integer(to, from, sat),
        (true, false) if sat || ftz || relu => None,
        (true, false) => integer_to_float(to, from, mode),
        // `.sat` is what happens anyway.
        (false, true) => float_to_integer(to, from, mode, ftz),
        (true, true) => float_to_float(to, from, mode, ftz, sat, relu),
    }
}

/// All pairs of integer types, through `i128` where nothing simpler is right for every pair.
fn integer_to_integer(to: Type, from: Type, sat: bool) -> Option<Variants> {
    macro_rules! to_each {
        ($compile:ident, $from:ty) => {
            match (to, sat) {
                (U8 | B8, false) => rare!(map1, |a: $from| a as u8),
                (S8, false) => rare!(map1, |a: $from| i32::from(a as i8)),
                (U16 | B16, false) => $compile!(map1, |a: $from| a as u16),
                (S16, false) => rare!(map1, |a: $from| i32::from(a as i16)),
                (U32 | S32 | B32, false) => $compile!(map1, |a: $from| a as u32),
                (U64 | S64 | B64, false) => $compile!(map1, |a: $from| a as u64),
                (U8, true) => rare!(map1, |a: $from| i128::from(a).clamp(0, 0xff) as u8),
                (S8, true) => rare!(map1, |a: $from| i128::from(a).clamp(-0x80, 0x7f) as i32),
                (U16, true) => rare!(map1, |a: $from| i128::from(a).clamp(0, 0xffff) as u16),
                (S16, true) => rare!(map1, |a: $from| i128::from(a).clamp(-0x8000, 0x7fff) as i32),
                (U32, true) => rare!(map1, |a: $from| i128::from(a).clamp(0, 0xffff_ffff) as u32),
                (S32, true) => rare!(map1, |a: $from| i128::from(a).clamp(-0x8000_0000, 0x7fff_ffff) as i32),
                (U64, true) => rare!(map1, |a: $from| i128::from(a).clamp(0, u64::MAX.into()) as u64),
                (S64, true) => rare!(map1, |a: $from| i128::from(a).clamp(i64::MIN.into(), i64::MAX.into()) as i64),
                _ => return None,
            }
        };
    }
    Some(match from {
        U8 | B8 => to_each!(rare, u8),
        S8 => to_each!(rare, i8),
        U16 | B16 => to_each!(lanes, u16),
        S16 => to_each!(lanes, i16),
        U32 | B32 => to_each!(lanes, u32),
        S32 => to_each!(lanes, i32),
        U64 | B64 => to_each!(lanes, u64),
        S64 => to_each!(lanes, i64),
        _ => return None,
    })
}

/// An integer to single precision in a direction.
#[inline(always)]
fn integer_directed<const MODE: u8>(a: i128) -> f32 {
    // 64 bits do not fit into a double: keep 53 and make the last one odd when something was cut off.
    let magnitude = a.unsigned_abs();
    let spare = 128 - magnitude.leading_zeros() as i32 - 53;
    let kept = if spare > 0 {
        let cut = magnitude >> spare << spare;
        cut | u128::from(cut != magnitude) << spare
    } else {
        magnitude
    };
    let value = kept as f64;
    narrow::<MODE>(if a < 0 { -value } else { value })
}

fn integer_to_float(to: Type, from: Type, mode: Mode) -> Option<Variants> {
    let Mode::Float(rounding) = mode else { return None };
    macro_rules! to_each {
        ($compile:ident, $from:ty) => {
            match (to, rounding) {
                (F32, Rounding::Nearest) => $compile!(map1, |a: $from| a as f32),
                (F32, Rounding::Zero) => rare!(map1, |a: $from| integer_directed::<0>(i128::from(a))),
                (F32, Rounding::Down) => rare!(map1, |a: $from| integer_directed::<1>(i128::from(a))),
                (F32, Rounding::Up) => rare!(map1, |a: $from| integer_directed::<2>(i128::from(a))),
                (F64, Rounding::Nearest) => $compile!(map1, |a: $from| a as f64),
                (F64, Rounding::Zero) => rare!(map1, |a: $from| exact::of_integer::<0>(i128::from(a))),
                (F64, Rounding::Down) => rare!(map1, |a: $from| exact::of_integer::<1>(i128::from(a))),
                (F64, Rounding::Up) => rare!(map1, |a: $from| exact::of_integer::<2>(i128::from(a))),
                (F16, Rounding::Nearest) => rare!(map1, |a: $from| Half::from_f64(clamped(i128::from(a)))),
                (F16, Rounding::Zero) => rare!(map1, |a: $from| Half::directed::<0>(clamped(i128::from(a)))),
                (F16, Rounding::Down) => rare!(map1, |a: $from| Half::directed::<1>(clamped(i128::from(a)))),
                (F16, Rounding::Up) => rare!(map1, |a: $from| Half::directed::<2>(clamped(i128::from(a)))),
                (Bf16, Rounding::Nearest) => rare!(map1, |a: $from| Brain::from_f32(odd_single(i128::from(a)))),
                _ => return None,
            }
        };
    }
    Some(match from {
        U8 => to_each!(rare, u8),
        S8 => to_each!(rare, i8),
        U16 => to_each!(rare, u16),
        S16 => to_each!(rare, i16),
        U32 => to_each!(lanes, u32),
        S32 => to_each!(lanes, i32),
        U64 => to_each!(rare, u64),
        S64 => to_each!(rare, i64),
        _ => return None,
    })
}

/// Beyond binary16's range every integer is infinite: what does not fit into a double does not matter.
#[inline(always)]
fn clamped(a: i128) -> f64 {
    a.clamp(-1 << 40, 1 << 40) as f64
}

/// A single rounded to odd, for one more rounding.
#[inline(always)]
fn odd_single(a: i128) -> f32 {
    let cut = integer_directed::<0>(a);
    f32::from_bits(cut.to_bits() | u32::from(cut as i128 != a))
}

/// What is out of range is clamped. NaN becomes 0 where neither type has 64 bits, else the integer whose highest bit alone is 1.
fn float_to_integer(to: Type, from: Type, mode: Mode, ftz: bool) -> Option<Variants> {
    let Mode::Integer(rounding) = mode else { return None };
    macro_rules! rounded {
        ($compile:ident, $from:ty, |$a:ident| $wide:expr, $round:ident) => {
            match to {
                U8 if from == F64 => {
                    rare!(map1, |$a: $from| if ($wide).is_nan() { 1 << 7 } else { ($wide).$round() as u8 })
                }
                S8 if from == F64 => {
                    rare!(map1, |$a: $from| i32::from(if ($wide).is_nan() { i8::MIN } else { ($wide).$round() as i8 }))
                }
                U16 if from == F64 => {
                    rare!(map1, |$a: $from| if ($wide).is_nan() { 1 << 15 } else { ($wide).$round() as u16 })
                }
                S16 if from == F64 => {
                    rare!(map1, |$a: $from| i32::from(if ($wide).is_nan() {
                        i16::MIN
                    } else {
                        ($wide).$round() as i16
                    }))
                }
                U32 if from == F64 => {
                    rare!(map1, |$a: $from| if ($wide).is_nan() { 1 << 31 } else { ($wide).$round() as u32 })
                }
                S32 if from == F64 => {
                    rare!(map1, |$a: $from| if ($wide).is_nan() { i32::MIN } else { ($wide).$round() as i32 })
                }
                U8 => rare!(map1, |$a: $from| ($wide).$round() as u8),
                S8 => rare!(map1, |$a: $from| i32::from(($wide).$round() as i8)),
                U16 => rare!(map1, |$a: $from| ($wide).$round() as u16),
                S16 => rare!(map1, |$a: $from| i32::from(($wide).$round() as i16)),
                U32 => $compile!(map1, |$a: $from| ($wide).$round() as u32),
                S32 => $compile!(map1, |$a: $from| ($wide).$round() as i32),
                U64 => rare!(map1, |$a: $from| if ($wide).is_nan() { 1 << 63 } else { ($wide).$round() as u64 }),
                S64 => rare!(map1, |$a: $from| if ($wide).is_nan() { i64::MIN } else { ($wide).$round() as i64 }),
                _ => return None,
            }
        };
    }
    macro_rules! each_mode {
        ($compile:ident, $from:ty, |$a:ident| $wide:expr) => {
            match rounding {
                Rounding::Nearest => rounded!($compile, $from, |$a| $wide, round_ties_even),
                Rounding::Zero => rounded!($compile, $from, |$a| $wide, trunc),
                Rounding::Down => rounded!($compile, $from, |$a| $wide, floor),
                Rounding::Up => rounded!($compile, $from, |$a| $wide, ceil),
            }
        };
    }
    Some(match (from, ftz) {
        (F16, _) => each_mode!(rare, Half, |a| a.to_f32()),
        (Bf16, _) => each_mode!(rare, Brain, |a| a.to_f32()),
        (F32, false) => each_mode!(lanes, f32, |a| a),
        (F32, true) => each_mode!(rare, f32, |a| flush(a)),
        (F64, _) => each_mode!(rare, f64, |a| a),
        _ => return None,
    })
}

#[inline(always)]
fn flush(x: f32) -> f32 {
    if x.to_bits() & 0x7f80_0000 == 0 { f32::from_bits(x.to_bits() & 0x8000_0000) } else { x }
}

#[inline(always)]
fn saturate(x: f32) -> f32 {
    if x > 0.0 { x.min(1.0) } else { 0.0 }
}

/// The library and the instruction round a NaN to different ones: it becomes the one that GPUs give.
#[inline(always)]
fn quiet(x: f32) -> f32 {
    if x.is_nan() { f32::from_bits(0x7fff_ffff) } else { x }
}

#[inline(always)]
fn quiet_f64(x: f64) -> f64 {
    if x.is_nan() { f64::from_bits(0x7fff_ffff_ffff_ffff) } else { x }
}

fn float_to_float(to: Type, from: Type, mode: Mode, ftz: bool, sat: bool, relu: bool) -> Option<Variants> {
    use Rounding::{Down, Nearest, Up, Zero};
    Some(match (to, from, mode) {
        (F32, F32, Mode::Integer(rounding)) => match (rounding, ftz || sat) {
            (Nearest, false) => lanes!(map1, |a: f32| quiet(a.round_ties_even())),
            (Zero, false) => lanes!(map1, |a: f32| quiet(a.trunc())),
            (Down, false) => lanes!(map1, |a: f32| quiet(a.floor())),
            (Up, false) => lanes!(map1, |a: f32| quiet(a.ceil())),
            (Nearest, true) if !sat => rare!(map1, |a: f32| quiet(flush(a).round_ties_even())),
            (Zero, true) if !sat => rare!(map1, |a: f32| quiet(flush(a).trunc())),
            (Down, true) if !sat => rare!(map1, |a: f32| quiet(flush(a).floor())),
            (Up, true) if !sat => rare!(map1, |a: f32| quiet(flush(a).ceil())),
            _ => return None,
        },
        (F64, F64, _) if sat || ftz => return None,
        (F64, F64, Mode::Integer(Nearest)) => rare!(map1, |a: f64| quiet_f64(a.round_ties_even())),
        (F64, F64, Mode::Integer(Zero)) => rare!(map1, |a: f64| quiet_f64(a.trunc())),
        (F64, F64, Mode::Integer(Down)) => rare!(map1, |a: f64| quiet_f64(a.floor())),
        (F64, F64, Mode::Integer(Up)) => rare!(map1, |a: f64| quiet_f64(a.ceil())),
        (F32, F32, _) => match (ftz, sat) {
            (false, false) => lanes!(map1, |a: f32| a),
            (true, false) => rare!(map1, |a: f32| flush(a)),
            (false, true) => rare!(map1, |a: f32| saturate(a)),
            (true, true) => rare!(map1, |a: f32| saturate(flush(a))),
        },
        (F64, F64, _) => lanes!(map1, |a: f64| a),
        (F64, F32, _) => match ftz {
            false => lanes!(map1, |a: f32| f64::from(a)),
            true => rare!(map1, |a: f32| f64::from(flush(a))),
        },
        (F32, F64, Mode::Float(rounding)) => match (rounding, ftz, sat) {
            (Nearest, false, false) => lanes!(map1, |a: f64| a as f32),
            (Nearest, true, false) => rare!(map1, |a: f64| flush(a as f32)),
            (Nearest, false, true) => rare!(map1, |a: f64| saturate(a as f32)),
            (Nearest, true, true) => rare!(map1, |a: f64| saturate(flush(a as f32))),
            (Zero, false, false) => rare!(map1, |a: f64| narrow::<0>(a)),
            (Down, false, false) => rare!(map1, |a: f64| narrow::<1>(a)),
            (Up, false, false) => rare!(map1, |a: f64| narrow::<2>(a)),
            (Zero, true, false) => rare!(map1, |a: f64| flush(narrow::<0>(a))),
            (Down, true, false) => rare!(map1, |a: f64| flush(narrow::<1>(a))),
            (Up, true, false) => rare!(map1, |a: f64| flush(narrow::<2>(a))),
            _ => return None,
        },
        (F32, F16, _) => match sat {
            false => lanes!(map1, |a: Half| a.to_f32()),
            true => rare!(map1, |a: Half| saturate(a.to_f32())),
        },
        (F32, Bf16, _) => lanes!(map1, |a: Brain| a.to_f32()),
        (F64, F16, _) => rare!(map1, |a: Half| f64::from(a.to_f32())),
        (F64, Bf16, _) => rare!(map1, |a: Brain| f64::from(a.to_f32())),
        (F16, F16, Mode::Exact) | (Bf16, Bf16, Mode::Exact) if !sat => rare!(map1, |a: u32| a),
        (F16, F16, Mode::Integer(Nearest)) => rare!(map1, |a: Half| Half::from_f32(a.to_f32().round_ties_even())),
        (F16, F16, Mode::Integer(Zero)) => rare!(map1, |a: Half| Half::from_f32(a.to_f32().trunc())),
        (F16, F16, Mode::Integer(Down)) => rare!(map1, |a: Half| Half::from_f32(a.to_f32().floor())),
        (F16, F16, Mode::Integer(Up)) => rare!(map1, |a: Half| Half::from_f32(a.to_f32().ceil())),
        (Bf16, Bf16, Mode::Integer(Nearest)) => rare!(map1, |a: Brain| Brain::from_f32(a.to_f32().round_ties_even())),
        (Bf16, Bf16, Mode::Integer(Zero)) => rare!(map1, |a: Brain| Brain::from_f32(a.to_f32().trunc())),
        (Bf16, Bf16, Mode::Integer(Down)) => rare!(map1, |a: Brain| Brain::from_f32(a.to_f32().floor())),
        (Bf16, Bf16, Mode::Integer(Up)) => rare!(map1, |a: Brain| Brain::from_f32(a.to_f32().ceil())),
        (F16, F32, Mode::Float(Nearest)) if sat => match (relu, ftz) {
            (false, false) => rare!(map1, |a: f32| Half::from_f32(saturate(a))),
            (false, true) => rare!(map1, |a: f32| Half::from_f32(saturate(flush(a)))),
            (true, _) => return None,
        },
        (F16, F64, Mode::Float(_)) | (F16 | Bf16, F32, Mode::Float(_)) if sat => return None,
        (F16, F32, Mode::Float(Nearest)) => match (relu, ftz) {
            (false, false) => lanes!(map1, |a: f32| Half::from_f32(a)),
            (true, false) => rare!(map1, |a: f32| Half::from_f32(relu_of(a))),
            (false, true) => rare!(map1, |a: f32| Half::from_f32(flush(a))),
            (true, true) => return None,
        },
        (F16 | Bf16, _, _) if (ftz || relu) && mode != Mode::Float(Nearest) => return None,
        (F16, F32, Mode::Float(Zero)) => rare!(map1, |a: f32| Half::from_f32_towards_zero(a)),
        (F16, F32, Mode::Float(Down)) => rare!(map1, |a: f32| Half::directed::<1>(f64::from(a))),
        (F16, F32, Mode::Float(Up)) => rare!(map1, |a: f32| Half::directed::<2>(f64::from(a))),
        (F16, F64, Mode::Float(Zero)) => rare!(map1, |a: f64| Half::directed::<0>(a)),
        (F16, F64, Mode::Float(Down)) => rare!(map1, |a: f64| Half::directed::<1>(a)),
        (F16, F64, Mode::Float(Up)) => rare!(map1, |a: f64| Half::directed::<2>(a)),
        (F16, F64, Mode::Float(Nearest)) => rare!(map1, |a: f64| Half::from_f64(a)),
        (Bf16, F32, Mode::Float(Nearest)) => match relu {
            false => lanes!(map1, |a: f32| Brain::from_f32(a)),
            true => rare!(map1, |a: f32| Brain::from_f32(relu_of(a))),
        },
        (Bf16, F32, Mode::Float(Zero)) => rare!(map1, |a: f32| Brain::from_f32_towards_zero(a)),
        (Bf16, F64, Mode::Float(Nearest)) => rare!(map1, |a: f64| Brain::from_f64(a)),
        _ => return None,
    })
}

/// Negative numbers become 0; NaN stays.
#[inline(always)]
fn relu_of(a: f32) -> f32 {
    if a < 0.0 { 0.0 } else { a }
}

/// `cvt.rn.f16x2.f32 d, a, b`: a goes into the upper half.
pub(crate) fn convert_pair(to: Type, mode: Mode, relu: bool) -> Option<Variants> {
    Some(match (to, mode, relu) {
        (F16x2, Mode::Float(Rounding::Nearest), false) => {
            lanes!(map2, |a: f32, b: f32| u32::from(Half::from_f32(a).0) << 16 | u32::from(Half::from_f32(b).0))
        }
        (Bf16x2, Mode::Float(Rounding::Nearest), false) => {
            lanes!(map2, |a: f32, b: f32| u32::from(Brain::from_f32(a).0) << 16 | u32::from(Brain::from_f32(b).0))
        }
        (F16x2, Mode::Float(Rounding::Zero), false) => rare!(map2, |a: f32, b: f32| {
            u32::from(Half::from_f32_towards_zero(a).0) << 16 | u32::from(Half::from_f32_towards_zero(b).0)
        }),
        (Bf16x2, Mode::Float(Rounding::Zero), false) => rare!(map2, |a: f32, b: f32| {
            u32::from(Brain::from_f32_towards_zero(a).0) << 16 | u32::from(Brain::from_f32_towards_zero(b).0)
        }),
        (F16x2, Mode::Float(Rounding::Nearest), true) => rare!(map2, |a: f32, b: f32| {
            u32::from(Half::from_f32(relu_of(a)).0) << 16 | u32::from(Half::from_f32(relu_of(b)).0)
        }),
        (Bf16x2, Mode::Float(Rounding::Nearest), true) => rare!(map2, |a: f32, b: f32| {
            u32::from(Brain::from_f32(relu_of(a)).0) << 16 | u32::from(Brain::from_f32(relu_of(b)).0)
        }),
        _ => return None,
    })
}

/// `cvt.rna.tf32.f32`: eleven bits of significand, ties away from zero.
pub(crate) fn tf32() -> Variants {
    rare!(map1, |a: f32| {
        let bits = a.to_bits();
        if a.is_nan() {
            0x7fff_ffff
        } else if a.is_infinite() {
            bits
        } else {
            bits.wrapping_add(0x1000) & 0xffff_e000
        }
    })
}
