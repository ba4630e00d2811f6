//! "Integer Arithmetic Instructions" and "Extended-Precision Integer Arithmetic Instructions", in 128 bits and cut.

use crate::support::{Kind, exact, rows};

const EDGES: &[u64] = &[
    0,
    1,
    2,
    3,
    7,
    8,
    31,
    32,
    127,
    128,
    255,
    256,
    0x7fff,
    0x8000,
    0xffff,
    0x10000,
    0x7f_ffff,
    0x80_0000,
    0xff_ffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    u64::MAX,
];

/// A type: its name, its register, its bits, whether it is signed.
type Ty = (&'static str, Kind, u32, bool);

const TYPES: [Ty; 6] = [
    ("u16", Kind::B16, 16, false),
    ("s16", Kind::B16, 16, true),
    ("u32", Kind::B32, 32, false),
    ("s32", Kind::B32, 32, true),
    ("u64", Kind::B64, 64, false),
    ("s64", Kind::B64, 64, true),
];

/// The number that the low bits of a word mean.
fn value(word: u64, (_, _, bits, signed): Ty) -> i128 {
    let low = i128::from(word) & ((1i128 << bits) - 1);
    if signed && low >> (bits - 1) & 1 == 1 { low - (1i128 << bits) } else { low }
}

fn two(op: &str, ty: Ty, f: impl Fn(i128, i128) -> i128) {
    let rows = rows(&[EDGES, EDGES], 200);
    exact(&format!("@{op}.{} %d0, %s0, %s1;", ty.0), &[ty.1; 2], ty.1, &rows, |row| {
        f(value(row[0], ty), value(row[1], ty)) as u64
    });
}

fn three(op: &str, ty: Ty, f: impl Fn(i128, i128, i128) -> i128) {
    let rows = rows(&[EDGES, EDGES, EDGES], 200);
    exact(&format!("@{op}.{} %d0, %s0, %s1, %s2;", ty.0), &[ty.1; 3], ty.1, &rows, |row| {
        f(value(row[0], ty), value(row[1], ty), value(row[2], ty)) as u64
    });
}

#[test]
fn sums_products_and_extremes_wrap() {
    for ty in TYPES {
        // The product of two 64-bit unsigned numbers does not fit into an i128: the high half needs care.
        let product = move |a: i128, b: i128| a.wrapping_mul(b);
        let high = move |a: i128, b: i128| {
            if ty.2 == 64 && !ty.3 { ((a as u128 * b as u128) >> 64) as i128 } else { (a * b) >> ty.2 }
        };
        two("add", ty, |a, b| a + b);
        two("sub", ty, |a, b| a - b);
        two("mul.lo", ty, product);
        two("mul.hi", ty, high);
        two("min", ty, i128::min);
        two("max", ty, i128::max);
        three("mad.lo", ty, |a, b, c| product(a, b).wrapping_add(c));
        three("mad.hi", ty, |a, b, c| high(a, b) + c);
        three("sad", ty, |a, b, c| c + (a - b).abs());
        // Division by zero is not specified.
        two("div", ty, move |a, b| a.checked_div(b).unwrap_or(-1));
        two("rem", ty, move |a, b| a.checked_rem(b).unwrap_or(a));
        if ty.3 {
            let rows = rows(&[EDGES], 100);
            exact(&format!("@neg.{} %d0, %s0;", ty.0), &[ty.1], ty.1, &rows, |row| -value(row[0], ty) as u64);
            exact(&format!("@abs.{} %d0, %s0;", ty.0), &[ty.1], ty.1, &rows, |row| {
                value(row[0], ty).unsigned_abs() as u64
            });
        }
    }
}

#[test]
fn wide_products_fill_the_wider_register() {
    for (ty, wide) in [(TYPES[0], Kind::B32), (TYPES[1], Kind::B32), (TYPES[2], Kind::B64), (TYPES[3], Kind::B64)] {
        let wider: Ty = ("", wide, 2 * ty.2, ty.3);
        let operands = rows(&[EDGES, EDGES], 200);
        exact(&format!("@mul.wide.{} %d0, %s0, %s1;", ty.0), &[ty.1; 2], wide, &operands, |row| {
            (value(row[0], ty) * value(row[1], ty)) as u64
        });
        let operands = rows(&[EDGES, EDGES, EDGES], 200);
        exact(&format!("@mad.wide.{} %d0, %s0, %s1, %s2;", ty.0), &[ty.1, ty.1, wide], wide, &operands, |row| {
            (value(row[0], ty) * value(row[1], ty) + value(row[2], wider)) as u64
        });
    }
}

#[test]
fn saturating_sums_stop_at_the_ends() {
    let clamp = |x: i128| x.clamp(i32::MIN.into(), i32::MAX.into());
    two("add.sat", TYPES[3], |a, b| clamp(a + b));
    two("sub.sat", TYPES[3], |a, b| clamp(a - b));
}

#[test]
fn products_of_24_bits() {
    let low = |ty: Ty| move |x: i128| value(x as u64, ("", Kind::B32, 24, ty.3));
    for ty in [TYPES[2], TYPES[3]] {
        let cut = low(ty);
        two("mul24.lo", ty, |a, b| cut(a) * cut(b));
        two("mul24.hi", ty, |a, b| (cut(a) * cut(b)) >> 16);
        three("mad24.lo", ty, |a, b, c| cut(a) * cut(b) + c);
        three("mad24.hi", ty, |a, b, c| ((cut(a) * cut(b)) >> 16) + c);
    }
}

#[test]
fn dot_products_of_bytes() {
    let part =
        |word: u64, index: u32, bits: u32, signed: bool| value(word >> (bits * index), ("", Kind::B32, bits, signed));
    let rows = rows(&[EDGES, EDGES, EDGES], 300);
    for (a, b) in [(false, false), (false, true), (true, false), (true, true)] {
        let name = |signed| if signed { "s32" } else { "u32" };
        exact(
            &format!("@dp4a.{}.{} %d0, %s0, %s1, %s2;", name(a), name(b)),
            &[Kind::B32; 3],
            Kind::B32,
            &rows,
            |row| {
                let sum: i128 = (0..4).map(|i| part(row[0], i, 8, a) * part(row[1], i, 8, b)).sum();
                (sum + i128::from(row[2])) as u64
            },
        );
        for (mode, first) in [("lo", 0), ("hi", 2)] {
            let text = format!("@dp2a.{mode}.{}.{} %d0, %s0, %s1, %s2;", name(a), name(b));
            exact(&text, &[Kind::B32; 3], Kind::B32, &rows, |row| {
                let sum: i128 = (0..2).map(|i| part(row[0], i, 16, a) * part(row[1], first + i, 8, b)).sum();
                (sum + i128::from(row[2])) as u64
            });
        }
    }
}

#[test]
fn carries_go_from_word_to_word() {
    // 128-bit sums from 32- and 64-bit words, as compilers write them.
    let rows = rows(&[EDGES, EDGES, EDGES, EDGES], 300);
    let both = |low: u64, high: u64| u128::from(low) | u128::from(high) << 64;
    for (op, high) in [("add", true), ("sub", true), ("add", false), ("sub", false)] {
        let text = format!(
            "{{ .reg .b64 %l, %h; @{op}.cc.u64 %l, %s0, %s1; @{op}c.u64 %h, %s2, %s3; @mov.b64 %d0, {}; }}",
            if high { "%h" } else { "%l" }
        );
        exact(&text, &[Kind::B64; 4], Kind::B64, &rows, |row| {
            let (a, b) = (both(row[0], row[2]), both(row[1], row[3]));
            let sum = if op == "add" { a.wrapping_add(b) } else { a.wrapping_sub(b) };
            (sum >> (64 * u32::from(high))) as u64
        });
    }
    // The carry of a difference says that nothing was borrowed, as nvcc's division of 128 bits expects.
    exact(
        "{ .reg .b32 %x; @sub.cc.u32 %x, %s0, %s1; @addc.u32 %d0, 0, 0; }",
        &[Kind::B32; 4],
        Kind::B32,
        &rows,
        |row| u64::from(row[0] as u32 >= row[1] as u32),
    );
    // A product of 64 bits from words: mad.lo.cc and madc.hi.
    let text = "{ .reg .b32 %al, %ah, %bl, %bh, %r0, %r1;
        @mov.b64 {%al, %ah}, %s0; @mov.b64 {%bl, %bh}, %s1;
        @mul.lo.u32 %r0, %al, %bl; @mul.hi.u32 %r1, %al, %bl;
        @mad.lo.cc.u32 %r1, %al, %bh, %r1; @madc.hi.u32 %d1, %al, %bh, 0;
        @mad.lo.cc.u32 %r1, %ah, %bl, %r1; @madc.hi.cc.u32 %d1, %ah, %bl, %d1; @addc.u32 %d2, 0, 0;
        @mov.b64 %d0, {%r0, %r1}; }";
    let kinds = [Kind::B64, Kind::B32, Kind::B32];
    crate::support::check(
        text,
        &[Kind::B64; 2],
        &kinds,
        &crate::support::rows(&[EDGES, EDGES], 200),
        |row| {
            let [al, ah, bl, bh] = [row[0] & 0xffff_ffff, row[0] >> 32, row[1] & 0xffff_ffff, row[1] >> 32];
            // The words of al·b + (ah·bl << 32): the last carry is its own word.
            let sum = u128::from(al) * u128::from(bl)
                + ((u128::from(al) * u128::from(bh)) << 32)
                + ((u128::from(ah) * u128::from(bl)) << 32);
            vec![sum as u64, (sum >> 64) as u64 & 0xffff_ffff, (sum >> 96) as u64]
        },
        |got, want| got == want,
    );
}
