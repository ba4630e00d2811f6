//! Integer arithmetic. PTX manual, "Integer Arithmetic Instructions". By title, as in all files: numbers of sections
//! differ between versions of the manual.

use super::{Variants, lanes, rare};
use crate::ptx::ast::Type::{self, *};

/// Picks the function for a type; `None` where the instruction has no such type. Types that are `rare` are compiled once.
macro_rules! by_type {
    (
        $ty:expr, $map:ident, { $($pattern:pat => $f:expr),+ $(,)? }
        $(, rare { $($seldom:pat => $g:expr),+ $(,)? })?
    ) => {
        match $ty {
            $($pattern => Some(lanes!($map, $f)),)+
            $($($seldom => Some(rare!($map, $g)),)+)?
            _ => None,
        }
    };
    ($ty:expr, $map:ident, rare { $($pattern:pat => $f:expr),+ $(,)? }) => {
        match $ty {
            $($pattern => Some(rare!($map, $f)),)+
            _ => None,
        }
    };
}
pub(crate) use by_type;

pub(crate) fn mov(wide: bool) -> Variants {
    if wide { lanes!(map1, |a: u64| a) } else { lanes!(map1, |a: u32| a) }
}

pub(crate) fn add(ty: Type) -> Option<Variants> {
    by_type!(ty, map2, {
        U16 | S16 => |a: u16, b: u16| a.wrapping_add(b),
        U32 | S32 => |a: u32, b: u32| a.wrapping_add(b),
        U64 | S64 => |a: u64, b: u64| a.wrapping_add(b),
    })
}

pub(crate) fn sub(ty: Type) -> Option<Variants> {
    by_type!(ty, map2, {
        U16 | S16 => |a: u16, b: u16| a.wrapping_sub(b),
        U32 | S32 => |a: u32, b: u32| a.wrapping_sub(b),
        U64 | S64 => |a: u64, b: u64| a.wrapping_sub(b),
    })
}

pub(crate) fn add_saturating(ty: Type) -> Option<Variants> {
    by_type!(ty, map2, rare { S32 => |a: i32, b: i32| a.saturating_add(b) })
}

pub(crate) fn sub_saturating(ty: Type) -> Option<Variants> {
    by_type!(ty, map2, rare { S32 => |a: i32, b: i32| a.saturating_sub(b) })
}

pub(crate) fn mul_lo(ty: Type) -> Option<Variants> {
    by_type!(ty, map2, {
        U32 | S32 => |a: u32, b: u32| a.wrapping_mul(b),
        U64 | S64 => |a: u64, b: u64| a.wrapping_mul(b),
    }, rare {
        U16 | S16 => |a: u16, b: u16| a.wrapping_mul(b),
    })
}

pub(crate) fn mul_hi(ty: Type) -> Option<Variants> {
    by_type!(ty, map2, {
        U32 => |a: u32, b: u32| ((u64::from(a) * u64::from(b)) >> 32) as u32,
        S32 => |a: i32, b: i32| ((i64::from(a) * i64::from(b)) >> 32) as i32,
    }, rare {
        U16 => |a: u16, b: u16| ((u32::from(a) * u32::from(b)) >> 16) as u16,
        S16 => |a: i16, b: i16| ((i32::from(a) * i32::from(b)) >> 16) as i16,
        U64 => |a: u64, b: u64| ((u128::from(a) * u128::from(b)) >> 64) as u64,
        S64 => |a: i64, b: i64| ((i128::from(a) * i128::from(b)) >> 64) as i64,
    })
}

pub(crate) fn mul_wide(ty: Type) -> Option<Variants> {
    by_type!(ty, map2, {
        U32 => |a: u32, b: u32| u64::from(a) * u64::from(b),
        S32 => |a: i32, b: i32| i64::from(a) * i64::from(b),
    }, rare {
        U16 => |a: u16, b: u16| u32::from(a) * u32::from(b),
        S16 => |a: i16, b: i16| i32::from(a) * i32::from(b),
    })
}

pub(crate) fn mad_lo(ty: Type) -> Option<Variants> {
    by_type!(ty, map3, {
        U32 | S32 => |a: u32, b: u32, c: u32| a.wrapping_mul(b).wrapping_add(c),
        U64 | S64 => |a: u64, b: u64, c: u64| a.wrapping_mul(b).wrapping_add(c),
    }, rare {
        U16 | S16 => |a: u16, b: u16, c: u16| a.wrapping_mul(b).wrapping_add(c),
    })
}

pub(crate) fn mad_hi(ty: Type) -> Option<Variants> {
    by_type!(ty, map3, rare {
        U16 => |a: u16, b: u16, c: u16| (((u32::from(a) * u32::from(b)) >> 16) as u16).wrapping_add(c),
        S16 => |a: i16, b: i16, c: i16| (((i32::from(a) * i32::from(b)) >> 16) as i16).wrapping_add(c),
        U32 => |a: u32, b: u32, c: u32| (((u64::from(a) * u64::from(b)) >> 32) as u32).wrapping_add(c),
        S32 => |a: i32, b: i32, c: i32| (((i64::from(a) * i64::from(b)) >> 32) as i32).wrapping_add(c),
        U64 => |a: u64, b: u64, c: u64| (((u128::from(a) * u128::from(b)) >> 64) as u64).wrapping_add(c),
        S64 => |a: i64, b: i64, c: i64| (((i128::from(a) * i128::from(b)) >> 64) as i64).wrapping_add(c),
    })
}

pub(crate) fn mad_wide(ty: Type) -> Option<Variants> {
    by_type!(ty, map3, {
        U32 => |a: u32, b: u32, c: u64| (u64::from(a) * u64::from(b)).wrapping_add(c),
        S32 => |a: i32, b: i32, c: i64| (i64::from(a) * i64::from(b)).wrapping_add(c),
    }, rare {
        U16 => |a: u16, b: u16, c: u32| (u32::from(a) * u32::from(b)).wrapping_add(c),
        S16 => |a: i16, b: i16, c: i32| (i32::from(a) * i32::from(b)).wrapping_add(c),
    })
}

/// Division by zero gives an unspecified, machine-specific value; ours is all ones, as NVIDIA's code sequence gives.
pub(crate) fn div(ty: Type) -> Option<Variants> {
    by_type!(ty, map2, rare {
        U16 => |a: u16, b: u16| a.checked_div(b).unwrap_or(u16::MAX),
        S16 => |a: i16, b: i16| if b == 0 { -1 } else { a.wrapping_div(b) },
        U32 => |a: u32, b: u32| a.checked_div(b).unwrap_or(u32::MAX),
        S32 => |a: i32, b: i32| if b == 0 { -1 } else { a.wrapping_div(b) },
        U64 => |a: u64, b: u64| a.checked_div(b).unwrap_or(u64::MAX),
        S64 => |a: i64, b: i64| if b == 0 { -1 } else { a.wrapping_div(b) },
    })
}

/// The remainder by zero is unspecified too; ours is the dividend.
pub(crate) fn rem(ty: Type) -> Option<Variants> {
    by_type!(ty, map2, rare {
        U16 => |a: u16, b: u16| a.checked_rem(b).unwrap_or(a),
        S16 => |a: i16, b: i16| if b == 0 { a } else { a.wrapping_rem(b) },
        U32 => |a: u32, b: u32| a.checked_rem(b).unwrap_or(a),
        S32 => |a: i32, b: i32| if b == 0 { a } else { a.wrapping_rem(b) },
        U64 => |a: u64, b: u64| a.checked_rem(b).unwrap_or(a),
        S64 => |a: i64, b: i64| if b == 0 { a } else { a.wrapping_rem(b) },
    })
}

pub(crate) fn min(ty: Type) -> Option<Variants> {
    by_type!(ty, map2, {
        U32 => |a: u32, b: u32| a.min(b),
        S32 => |a: i32, b: i32| a.min(b),
        U64 => |a: u64, b: u64| a.min(b),
        S64 => |a: i64, b: i64| a.min(b),
    }, rare {
        U16 => |a: u16, b: u16| a.min(b),
        S16 => |a: i16, b: i16| a.min(b),
    })
}

pub(crate) fn max(ty: Type) -> Option<Variants> {
    by_type!(ty, map2, {
        U32 => |a: u32, b: u32| a.max(b),
        S32 => |a: i32, b: i32| a.max(b),
        U64 => |a: u64, b: u64| a.max(b),
        S64 => |a: i64, b: i64| a.max(b),
    }, rare {
        U16 => |a: u16, b: u16| a.max(b),
        S16 => |a: i16, b: i16| a.max(b),
    })
}

pub(crate) fn abs(ty: Type) -> Option<Variants> {
    by_type!(ty, map1, {
        S32 => |a: i32| a.wrapping_abs(),
        S64 => |a: i64| a.wrapping_abs(),
    }, rare {
        S16 => |a: i16| a.wrapping_abs(),
    })
}

pub(crate) fn neg(ty: Type) -> Option<Variants> {
    by_type!(ty, map1, {
        S32 => |a: i32| a.wrapping_neg(),
        S64 => |a: i64| a.wrapping_neg(),
    }, rare {
        S16 => |a: i16| a.wrapping_neg(),
    })
}

/// c + |a − b|.
pub(crate) fn sad(ty: Type) -> Option<Variants> {
    by_type!(ty, map3, rare {
        U16 => |a: u16, b: u16, c: u16| c.wrapping_add(a.abs_diff(b)),
        S16 => |a: i16, b: i16, c: u16| c.wrapping_add(a.abs_diff(b)),
        U32 => |a: u32, b: u32, c: u32| c.wrapping_add(a.abs_diff(b)),
        S32 => |a: i32, b: i32, c: u32| c.wrapping_add(a.abs_diff(b)),
        U64 => |a: u64, b: u64, c: u64| c.wrapping_add(a.abs_diff(b)),
        S64 => |a: i64, b: i64, c: u64| c.wrapping_add(a.abs_diff(b)),
    })
}

/// The low 32 bits of the product of the low 24 bits.
pub(crate) fn mul24_lo(ty: Type) -> Option<Variants> {
    by_type!(ty, map2, rare {
        U32 => |a: u32, b: u32| (a & 0xff_ffff).wrapping_mul(b & 0xff_ffff),
        S32 => |a: i32, b: i32| (a << 8 >> 8).wrapping_mul(b << 8 >> 8),
    })
}

/// The high 32 bits of the 48-bit product.
pub(crate) fn mul24_hi(ty: Type) -> Option<Variants> {
    by_type!(ty, map2, rare {
        U32 => |a: u32, b: u32| high24_unsigned(a, b),
        S32 => |a: i32, b: i32| high24_signed(a, b),
    })
}

pub(crate) fn mad24_lo(ty: Type) -> Option<Variants> {
    by_type!(ty, map3, rare {
        U32 => |a: u32, b: u32, c: u32| (a & 0xff_ffff).wrapping_mul(b & 0xff_ffff).wrapping_add(c),
        S32 => |a: i32, b: i32, c: i32| (a << 8 >> 8).wrapping_mul(b << 8 >> 8).wrapping_add(c),
    })
}

pub(crate) fn mad24_hi(ty: Type) -> Option<Variants> {
    by_type!(ty, map3, rare {
        U32 => |a: u32, b: u32, c: u32| high24_unsigned(a, b).wrapping_add(c),
        S32 => |a: i32, b: i32, c: i32| high24_signed(a, b).wrapping_add(c),
    })
}

#[inline(always)]
fn high24_unsigned(a: u32, b: u32) -> u32 {
    ((u64::from(a & 0xff_ffff) * u64::from(b & 0xff_ffff)) >> 16) as u32
}

#[inline(always)]
fn high24_signed(a: i32, b: i32) -> i32 {
    ((i64::from(a << 8 >> 8) * i64::from(b << 8 >> 8)) >> 16) as i32
}

/// Two products of a's 16-bit halves and two bytes of b (the lower or the upper ones), summed to c.
pub(crate) fn dp2a(a_signed: bool, b_signed: bool, upper: bool) -> Variants {
    #[inline(always)]
    fn halves(word: u32, signed: bool) -> [i32; 2] {
        [word, word >> 16].map(|half| if signed { i32::from(half as i16) } else { i32::from(half as u16) })
    }
    #[inline(always)]
    fn bytes(word: u32, signed: bool) -> [i32; 2] {
        [word, word >> 8].map(|byte| if signed { i32::from(byte as i8) } else { i32::from(byte as u8) })
    }
    #[inline(always)]
    fn dot(a: [i32; 2], b: [i32; 2], c: u32) -> u32 {
        c.wrapping_add((a[0] * b[0]) as u32).wrapping_add((a[1] * b[1]) as u32)
    }
    macro_rules! signs {
        ($shift:literal) => {
            match (a_signed, b_signed) {
                (false, false) => {
                    rare!(map3, |a: u32, b: u32, c: u32| dot(halves(a, false), bytes(b >> $shift, false), c))
                }
                (false, true) => {
                    rare!(map3, |a: u32, b: u32, c: u32| dot(halves(a, false), bytes(b >> $shift, true), c))
                }
                (true, false) => {
                    rare!(map3, |a: u32, b: u32, c: u32| dot(halves(a, true), bytes(b >> $shift, false), c))
                }
                (true, true) => {
                    rare!(map3, |a: u32, b: u32, c: u32| dot(halves(a, true), bytes(b >> $shift, true), c))
                }
            }
        };
    }
    if upper { signs!(16) } else { signs!(0) }
}

/// Four products of bytes, summed to c. Types of a and b: `dp4a.atype.btype`.
pub(crate) fn dp4a(a_signed: bool, b_signed: bool) -> Variants {
    match (a_signed, b_signed) {
        (false, false) => lanes!(map3, |a: u32, b: u32, c: u32| dot4(
            a.to_le_bytes().map(i32::from),
            b.to_le_bytes().map(i32::from),
            c
        )),
        (false, true) => {
            lanes!(map3, |a: u32, b: u32, c: u32| dot4(a.to_le_bytes().map(i32::from), signed_bytes(b), c))
        }
        (true, false) => {
            lanes!(map3, |a: u32, b: u32, c: u32| dot4(signed_bytes(a), b.to_le_bytes().map(i32::from), c))
        }
        (true, true) => lanes!(map3, |a: u32, b: u32, c: u32| dot4(signed_bytes(a), signed_bytes(b), c)),
    }
}

#[inline(always)]
fn signed_bytes(word: u32) -> [i32; 4] {
    word.to_le_bytes().map(|byte| i32::from(byte as i8))
}

#[inline(always)]
fn dot4(a: [i32; 4], b: [i32; 4], c: u32) -> u32 {
    a.iter().zip(b).fold(c, |sum, (x, y)| sum.wrapping_add((x * y) as u32))
}

/// a + b + carry-in, 32 or 64 bits. The carry is a predicate register; see `decode::carry`.
pub(crate) fn add_carry(wide: bool) -> Variants {
    if wide {
        lanes!(map3, |a: u64, b: u64, carry: bool| a.wrapping_add(b).wrapping_add(u64::from(carry)))
    } else {
        lanes!(map3, |a: u32, b: u32, carry: bool| a.wrapping_add(b).wrapping_add(u32::from(carry)))
    }
}

/// The carry out of a + b + carry-in.
pub(crate) fn add_carry_out(wide: bool) -> Variants {
    if wide {
        lanes!(map3, |a: u64, b: u64, carry: bool| {
            let (sum, first) = a.overflowing_add(b);
            first | sum.overflowing_add(u64::from(carry)).1
        })
    } else {
        lanes!(map3, |a: u32, b: u32, carry: bool| (u64::from(a) + u64::from(b) + u64::from(carry)) >> 32 != 0)
    }
}

/// a − b − borrow-in.
pub(crate) fn sub_borrow(wide: bool) -> Variants {
    if wide {
        lanes!(map3, |a: u64, b: u64, borrow: bool| a.wrapping_sub(b).wrapping_sub(u64::from(borrow)))
    } else {
        lanes!(map3, |a: u32, b: u32, borrow: bool| a.wrapping_sub(b).wrapping_sub(u32::from(borrow)))
    }
}

/// The borrow out of a − b − borrow-in.
pub(crate) fn sub_borrow_out(wide: bool) -> Variants {
    if wide {
        lanes!(map3, |a: u64, b: u64, borrow: bool| a < b || (a == b && borrow))
    } else {
        lanes!(map3, |a: u32, b: u32, borrow: bool| a < b || (a == b && borrow))
    }
}
