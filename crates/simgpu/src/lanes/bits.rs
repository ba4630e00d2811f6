//! Bits: logic, shifts, fields, counts, bytes. PTX manual, "Integer Arithmetic Instructions" and "Logic and Shift Instructions".

use super::integer::by_type;
use super::{Variants, lanes, rare};
use crate::ptx::ast::Type::{self, *};

/// Two operands, any width; predicates are words here.
macro_rules! logic {
    ($ty:expr, $map:ident, |$($arg:ident),+| $value:expr) => {
        by_type!($ty, $map, {
            Pred | B32 => |$($arg: u32),+| $value,
            B16 => |$($arg: u16),+| $value,
            B64 => |$($arg: u64),+| $value,
        })
    };
}

pub(crate) fn and(ty: Type) -> Option<Variants> {
    logic!(ty, map2, |a, b| a & b)
}

pub(crate) fn or(ty: Type) -> Option<Variants> {
    logic!(ty, map2, |a, b| a | b)
}

pub(crate) fn xor(ty: Type) -> Option<Variants> {
    logic!(ty, map2, |a, b| a ^ b)
}

pub(crate) fn not(ty: Type) -> Option<Variants> {
    logic!(ty, map1, |a| !a)
}

/// 1 where it is 0, else 0.
pub(crate) fn cnot(ty: Type) -> Option<Variants> {
    by_type!(ty, map1, rare {
        B16 => |a: u16| u16::from(a == 0),
        B32 => |a: u32| u32::from(a == 0),
        B64 => |a: u64| u64::from(a == 0),
    })
}

/// Shift amounts beyond the width count as the width.
pub(crate) fn shl(ty: Type) -> Option<Variants> {
    by_type!(ty, map2, {
        B16 => |a: u16, n: u32| if n > 15 { 0 } else { a << n },
        B32 => |a: u32, n: u32| if n > 31 { 0 } else { a << n },
        B64 => |a: u64, n: u32| if n > 63 { 0 } else { a << n },
    })
}

pub(crate) fn shr(ty: Type) -> Option<Variants> {
    by_type!(ty, map2, {
        B16 | U16 => |a: u16, n: u32| if n > 15 { 0 } else { a >> n },
        B32 | U32 => |a: u32, n: u32| if n > 31 { 0 } else { a >> n },
        B64 | U64 => |a: u64, n: u32| if n > 63 { 0 } else { a >> n },
        S16 => |a: i16, n: u32| a >> n.min(15),
        S32 => |a: i32, n: u32| a >> n.min(31),
        S64 => |a: i64, n: u32| a >> n.min(63),
    })
}

/// Funnel shift of `[b:a]`: `.l` gives the upper word after a shift to the left, `.r` the lower one after one to the right.
pub(crate) fn shf(left: bool, wrap: bool) -> Variants {
    match (left, wrap) {
        (true, true) => lanes!(map3, |a: u32, b: u32, n: u32| funnel_left(a, b, n & 31)),
        (true, false) => lanes!(map3, |a: u32, b: u32, n: u32| funnel_left(a, b, n.min(32))),
        (false, true) => lanes!(map3, |a: u32, b: u32, n: u32| funnel_right(a, b, n & 31)),
        (false, false) => lanes!(map3, |a: u32, b: u32, n: u32| funnel_right(a, b, n.min(32))),
    }
}

#[inline(always)]
fn funnel_left(a: u32, b: u32, n: u32) -> u32 {
    (((u64::from(b) << 32 | u64::from(a)) << n) >> 32) as u32
}

#[inline(always)]
fn funnel_right(a: u32, b: u32, n: u32) -> u32 {
    ((u64::from(b) << 32 | u64::from(a)) >> n) as u32
}

pub(crate) fn popc(ty: Type) -> Option<Variants> {
    by_type!(ty, map1, { B32 => |a: u32| a.count_ones(), B64 => |a: u64| a.count_ones() })
}

pub(crate) fn clz(ty: Type) -> Option<Variants> {
    by_type!(ty, map1, { B32 => |a: u32| a.leading_zeros(), B64 => |a: u64| a.leading_zeros() })
}

pub(crate) fn brev(ty: Type) -> Option<Variants> {
    by_type!(ty, map1, rare { B32 => |a: u32| a.reverse_bits(), B64 => |a: u64| a.reverse_bits() })
}

/// The place of the highest bit that is not the sign's; all ones where there is none. `shift`: counted from the top.
pub(crate) fn bfind(ty: Type, shift: bool) -> Option<Variants> {
    #[inline(always)]
    fn find(magnitude: u64, width: u32, shift: bool) -> u32 {
        if magnitude == 0 {
            u32::MAX
        } else if shift {
            magnitude.leading_zeros() - (64 - width)
        } else {
            63 - magnitude.leading_zeros()
        }
    }
    if shift {
        by_type!(ty, map1, rare {
            U32 => |a: u32| find(u64::from(a), 32, true),
            S32 => |a: i32| find(u64::from((a ^ (a >> 31)) as u32), 32, true),
            U64 => |a: u64| find(a, 64, true),
            S64 => |a: i64| find((a ^ (a >> 63)) as u64, 64, true),
        })
    } else {
        by_type!(ty, map1, rare {
            U32 => |a: u32| find(u64::from(a), 32, false),
            S32 => |a: i32| find(u64::from((a ^ (a >> 31)) as u32), 32, false),
            U64 => |a: u64| find(a, 64, false),
            S64 => |a: i64| find((a ^ (a >> 63)) as u64, 64, false),
        })
    }
}

/// `bfe d, a, position, length`: position and length are bytes; bits beyond the end are the sign's.
pub(crate) fn bfe(ty: Type) -> Option<Variants> {
    #[inline(always)]
    fn field(a: u64, pos: u32, len: u32, width: u32, signed: bool) -> u64 {
        let (pos, len) = (pos & 0xff, len & 0xff);
        if len == 0 {
            return 0;
        }
        // Where the sign is: the field's last bit, or the number's.
        let last = (pos + len - 1).min(width - 1);
        let sign = signed && a >> last & 1 == 1;
        let shifted = if pos >= width { 0 } else { a >> pos };
        let bits = len.min(width.saturating_sub(pos));
        let low = if bits >= 64 { u64::MAX } else { (1 << bits) - 1 };
        if sign { shifted & low | !low } else { shifted & low }
    }
    by_type!(ty, map3, {
        U32 => |a: u32, p: u32, l: u32| field(u64::from(a), p, l, 32, false) as u32,
    }, rare {
        S32 => |a: u32, p: u32, l: u32| field(u64::from(a), p, l, 32, true) as u32,
        U64 => |a: u64, p: u32, l: u32| field(a, p, l, 64, false),
        S64 => |a: u64, p: u32, l: u32| field(a, p, l, 64, true),
    })
}

/// `bfi f, a, b, position, length`: the low bits of a into b.
pub(crate) fn bfi(ty: Type) -> Option<Variants> {
    #[inline(always)]
    fn insert(a: u64, b: u64, pos: u32, len: u32, width: u32) -> u64 {
        let (pos, len) = (pos & 0xff, len & 0xff);
        if pos >= width || len == 0 {
            return b;
        }
        let len = len.min(width - pos);
        let low = if len >= 64 { u64::MAX } else { (1 << len) - 1 };
        b & !(low << pos) | (a & low) << pos
    }
    by_type!(ty, map4, {
        B32 => |a: u32, b: u32, p: u32, l: u32| insert(u64::from(a), u64::from(b), p, l, 32) as u32,
        B64 => |a: u64, b: u64, p: u32, l: u32| insert(a, b, p, l, 64),
    })
}

/// Bytes of `[b:a]` picked by the nibbles of the selector; a nibble's top bit copies the byte's sign instead.
pub(crate) fn prmt(mode: Option<&str>) -> Option<Variants> {
    #[inline(always)]
    fn pick(a: u32, b: u32, selector: [u32; 4]) -> u32 {
        let bytes = u64::from(b) << 32 | u64::from(a);
        let mut out = 0;
        for (at, nibble) in selector.into_iter().enumerate() {
            let byte = (bytes >> (8 * (nibble & 7))) as u8;
            let value = if nibble & 8 != 0 { ((byte as i8) >> 7) as u8 } else { byte };
            out |= u32::from(value) << (8 * at);
        }
        out
    }
    Some(match mode {
        None => lanes!(map3, |a: u32, b: u32, c: u32| pick(a, b, [c & 15, c >> 4 & 15, c >> 8 & 15, c >> 12 & 15])),
        Some("f4e") => rare!(map3, |a: u32, b: u32, c: u32| pick(a, b, [0, 1, 2, 3].map(|i| (i + (c & 3)) & 7))),
        Some("b4e") => rare!(map3, |a: u32, b: u32, c: u32| pick(a, b, [8, 7, 6, 5].map(|i| (i + (c & 3)) & 7))),
        Some("rc8") => rare!(map3, |a: u32, b: u32, c: u32| pick(a, b, [c & 3; 4])),
        Some("ecl") => rare!(map3, |a: u32, b: u32, c: u32| pick(a, b, [0, 1, 2, 3].map(|i: u32| i.max(c & 3)))),
        Some("ecr") => rare!(map3, |a: u32, b: u32, c: u32| pick(a, b, [0, 1, 2, 3].map(|i: u32| i.min(c & 3)))),
        Some("rc16") => rare!(map3, |a: u32, b: u32, c: u32| pick(a, b, [0, 1, 0, 1].map(|i| (c & 1) * 2 + i))),
        Some(_) => return None,
    })
}

/// Any function of three bits: the table is a register that holds it in every lane.
pub(crate) fn lop3() -> Variants {
    lanes!(map4, |a: u32, b: u32, c: u32, table: u32| {
        let mut out = 0;
        for case in 0..8u32 {
            let pick = |word: u32, bit: u32| if case >> bit & 1 == 1 { word } else { !word };
            let rows = pick(a, 2) & pick(b, 1) & pick(c, 0);
            out |= if table >> case & 1 == 1 { rows } else { 0 };
        }
        out
    })
}

/// The low `n` bits, extended by zeros or the sign; none where n is 0. `.clamp`: n beyond 32 is 32; `.wrap`: n modulo 32.
pub(crate) fn szext(ty: Type, wrap: bool) -> Option<Variants> {
    #[inline(always)]
    fn spare(n: u32) -> u32 {
        32 - n.min(32)
    }
    match wrap {
        false => by_type!(ty, map2, rare {
            U32 => |a: u32, n: u32| if n == 0 { 0 } else { a << spare(n) >> spare(n) },
            S32 => |a: i32, n: u32| if n == 0 { 0 } else { a << spare(n) >> spare(n) },
        }),
        true => by_type!(ty, map2, rare {
            U32 => |a: u32, n: u32| if n & 31 == 0 { 0 } else { a << spare(n & 31) >> spare(n & 31) },
            S32 => |a: i32, n: u32| if n & 31 == 0 { 0 } else { a << spare(n & 31) >> spare(n & 31) },
        }),
    }
}

/// A mask of `length` bits from `position` on (`bmsk`, clamped or wrapped).
pub(crate) fn bmsk(wrap: bool) -> Variants {
    #[inline(always)]
    fn mask(pos: u32, len: u32) -> u32 {
        let low = if len > 31 { u32::MAX } else { (1 << len) - 1 };
        if pos > 31 { 0 } else { low << pos }
    }
    if wrap { rare!(map2, |a: u32, b: u32| mask(a & 31, b & 31)) } else { rare!(map2, |a: u32, b: u32| mask(a, b)) }
}
