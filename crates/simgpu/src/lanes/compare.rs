//! Comparison and selection. PTX manual, "Comparison and Selection Instructions" and "Half Precision Comparison
//! Instructions".
// `!(a >= b)` is what "less or unordered" means.
#![allow(clippy::neg_cmp_op_on_partial_ord)]

use super::integer::by_type;
use super::sixteen::{Brain, Half, Narrow};
use super::{Variants, lanes, rare};
use crate::ptx::ast::Type::{self, *};

/// `setp.op.type p, a, b`. `None` where the type has no such comparison.
pub(crate) fn compare(op: &str, ty: Type, ftz: bool) -> Option<Variants> {
    macro_rules! integers {
        (|$a:ident, $b:ident| $value:expr) => {
            by_type!(ty, map2, {
                U32 | B32 => |$a: u32, $b: u32| $value,
                S32 => |$a: i32, $b: i32| $value,
                U64 | B64 => |$a: u64, $b: u64| $value,
                S64 => |$a: i64, $b: i64| $value,
            }, rare {
                U16 | B16 => |$a: u16, $b: u16| $value,
                S16 => |$a: i16, $b: i16| $value,
            })
        };
    }
    macro_rules! floats {
        (|$a:ident, $b:ident| $value:expr) => {
            match (ty, ftz) {
                (F32, false) => Some(lanes!(map2, |$a: f32, $b: f32| $value)),
                (F32, true) => Some(rare!(map2, |$a: f32, $b: f32| {
                    let ($a, $b) = (flush($a), flush($b));
                    $value
                })),
                (F64, _) => Some(lanes!(map2, |$a: f64, $b: f64| $value)),
                (F16, _) => Some(rare!(map2, |$a: Half, $b: Half| {
                    let ($a, $b) = ($a.widen(), $b.widen());
                    $value
                })),
                (Bf16, _) => Some(rare!(map2, |$a: Brain, $b: Brain| {
                    let ($a, $b) = ($a.widen(), $b.widen());
                    $value
                })),
                _ => None,
            }
        };
    }
    if matches!(ty, F16 | Bf16 | F32 | F64) {
        return match op {
            "eq" => floats!(|a, b| a == b),
            "ne" => floats!(|a, b| (a < b) | (a > b)),
            "lt" => floats!(|a, b| a < b),
            "le" => floats!(|a, b| a <= b),
            "gt" => floats!(|a, b| a > b),
            "ge" => floats!(|a, b| a >= b),
            // The unordered ones are true where either is NaN.
            "equ" => floats!(|a, b| !((a < b) | (a > b))),
            "neu" => floats!(|a, b| a != b),
            "ltu" => floats!(|a, b| !(a >= b)),
            "leu" => floats!(|a, b| !(a > b)),
            "gtu" => floats!(|a, b| !(a <= b)),
            "geu" => floats!(|a, b| !(a < b)),
            "num" => floats!(|a, b| !(a.is_nan() | b.is_nan())),
            "nan" => floats!(|a, b| a.is_nan() | b.is_nan()),
            _ => None,
        };
    }
    let signed = matches!(ty, S16 | S32 | S64);
    match op {
        "lo" | "ls" | "hi" | "hs" if signed => None,
        _ if matches!(ty, B16 | B32 | B64) && !matches!(op, "eq" | "ne") => None,
        "eq" => integers!(|a, b| a == b),
        "ne" => integers!(|a, b| a != b),
        "lt" | "lo" => integers!(|a, b| a < b),
        "le" | "ls" => integers!(|a, b| a <= b),
        "gt" | "hi" => integers!(|a, b| a > b),
        "ge" | "hs" => integers!(|a, b| a >= b),
        _ => None,
    }
}

#[inline(always)]
fn flush(x: f32) -> f32 {
    if x.to_bits() & 0x7f80_0000 == 0 { 0.0 } else { x }
}

/// `set.op.dtype.f16x2`: both halves, each all ones (1.0 where `dtype` is a pair of halves) or 0.
pub(crate) fn compare_pair(op: &str, to: Type, from: Type, ftz: bool) -> Option<Variants> {
    macro_rules! pairs {
        (|$a:ident, $b:ident| $value:expr) => {
            match (from, to) {
                (F16x2, F16x2) => rare!(map2, |a: u32, b: u32| each(a, b, 0x3c00, |$a: Half, $b: Half| {
                    let ($a, $b) = ($a.widen(), $b.widen());
                    $value
                })),
                (F16x2, U32 | S32) => rare!(map2, |a: u32, b: u32| each(a, b, 0xffff, |$a: Half, $b: Half| {
                    let ($a, $b) = ($a.widen(), $b.widen());
                    $value
                })),
                (Bf16x2, Bf16x2) => rare!(map2, |a: u32, b: u32| each(a, b, 0x3f80, |$a: Brain, $b: Brain| {
                    let ($a, $b) = ($a.widen(), $b.widen());
                    $value
                })),
                (Bf16x2, U32 | S32) => rare!(map2, |a: u32, b: u32| each(a, b, 0xffff, |$a: Brain, $b: Brain| {
                    let ($a, $b) = ($a.widen(), $b.widen());
                    $value
                })),
                _ => return None,
            }
        };
    }
    if ftz {
        return None;
    }
    Some(match op {
        "eq" => pairs!(|a, b| a == b),
        "ne" => pairs!(|a, b| (a < b) | (a > b)),
        "lt" => pairs!(|a, b| a < b),
        "le" => pairs!(|a, b| a <= b),
        "gt" => pairs!(|a, b| a > b),
        "ge" => pairs!(|a, b| a >= b),
        "equ" => pairs!(|a, b| !((a < b) | (a > b))),
        "neu" => pairs!(|a, b| a != b),
        "ltu" => pairs!(|a, b| !(a >= b)),
        "leu" => pairs!(|a, b| !(a > b)),
        "gtu" => pairs!(|a, b| !(a <= b)),
        "geu" => pairs!(|a, b| !(a < b)),
        "num" => pairs!(|a, b| !(a.is_nan() | b.is_nan())),
        "nan" => pairs!(|a, b| a.is_nan() | b.is_nan()),
        _ => return None,
    })
}

/// `truth` in each half for which the comparison holds.
#[inline(always)]
fn each<T: Narrow>(a: u32, b: u32, truth: u32, f: impl Fn(T, T) -> bool) -> u32 {
    let half = |a: u32, b: u32| if f(T::of(a & 0xffff), T::of(b & 0xffff)) { truth } else { 0 };
    half(a, b) | half(a >> 16, b >> 16) << 16
}

/// `selp d, a, b, p`.
pub(crate) fn select(wide: bool) -> Variants {
    if wide {
        lanes!(map3, |a: u64, b: u64, p: bool| if p { a } else { b })
    } else {
        lanes!(map3, |a: u32, b: u32, p: bool| if p { a } else { b })
    }
}

/// `slct d, a, b, c`: a where c ≥ 0.
pub(crate) fn select_by_sign(wide: bool, by_float: bool, ftz: bool) -> Variants {
    match (wide, by_float) {
        (false, true) if ftz => rare!(map3, |a: u32, b: u32, c: f32| if flush(c) >= 0.0 { a } else { b }),
        (true, true) if ftz => rare!(map3, |a: u64, b: u64, c: f32| if flush(c) >= 0.0 { a } else { b }),
        (false, false) => rare!(map3, |a: u32, b: u32, c: i32| if c >= 0 { a } else { b }),
        (true, false) => rare!(map3, |a: u64, b: u64, c: i32| if c >= 0 { a } else { b }),
        (false, true) => rare!(map3, |a: u32, b: u32, c: f32| if c >= 0.0 { a } else { b }),
        (true, true) => rare!(map3, |a: u64, b: u64, c: f32| if c >= 0.0 { a } else { b }),
    }
}

/// What `set` makes of a predicate: all ones, or 1.0.
pub(crate) fn widen(ty: Type) -> Option<Variants> {
    by_type!(ty, map1, rare {
        U32 | S32 | B32 => |p: bool| if p { u32::MAX } else { 0 },
        F32 => |p: bool| if p { 1.0f32 } else { 0.0 },
    })
}

/// Whether a generic address is in the window that starts at the second operand.
pub(crate) fn in_window() -> Variants {
    rare!(map2, |address: u64, window: u64| address >> 60 == window >> 60)
}
