//! Integers to integers, and to floats.

use super::{INTEGERS, range, value};
use crate::support::{Kind, double, exact, rows, single};

const WORDS: &[u64] = &[
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0x100,
    0x7fff,
    0x8000,
    0xffff,
    0x10000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0x100_0001,
    0x100_0003,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    u64::MAX,
    0x20_0000_0000_0001,
    0x20_0000_0000_0003,
    0xffff_ff80_0000_0000,
    0xffff_ff80_0000_0001,
    0x7fff_ff40_0000_0000,
    0xffff_feff_ffff_ffff,
];

#[test]
fn integers_to_integers_cut_extend_and_saturate() {
    let rows = rows(&[WORDS], 150);
    for from in INTEGERS {
        for to in INTEGERS {
            // A register may be wider than the type: the result is then extended, the operand's upper bits do not count.
            for target in [Kind::B16, Kind::B32, Kind::B64] {
                if (target, to.2) == (Kind::B16, 32)
                    || target != Kind::B64 && to.2 == 64
                    || (target, to.2) == (Kind::B16, 64)
                {
                    continue;
                }
                let source = if target == Kind::B64 { Kind::B64 } else { from.1 };
                exact(&format!("@cvt.{}.{} %d0, %s0;", to.0, from.0), &[source], target, &rows, |row| {
                    value(value(row[0], from.2, from.3) as u64, to.2, to.3) as u64
                });
                exact(&format!("@cvt.sat.{}.{} %d0, %s0;", to.0, from.0), &[source], target, &rows, |row| {
                    let (low, high) = range(to.2, to.3);
                    value(row[0], from.2, from.3).clamp(low, high) as u64
                });
            }
        }
    }
}

/// The neighbours of an integer among the numbers of `precision` bits, and whether it is one itself.
fn round_integer(x: i128, precision: u32, mode: &str) -> i128 {
    let magnitude = x.unsigned_abs();
    let spare = (128 - magnitude.leading_zeros()).saturating_sub(precision);
    let (low, rest) = (magnitude >> spare << spare, magnitude & ((1u128 << spare) - 1));
    if rest == 0 {
        return x;
    }
    let half = 1u128 << (spare - 1);
    let odd = low >> spare & 1 == 1;
    let away = match mode {
        "rn" => rest > half || rest == half && odd,
        "rz" => false,
        "rm" => x < 0,
        _ => x > 0,
    };
    let rounded = (low + if away { 1 << spare } else { 0 }) as i128;
    if x < 0 { -rounded } else { rounded }
}

#[test]
fn integers_to_floats_in_every_direction() {
    let rows = rows(&[WORDS], 300);
    for from in INTEGERS {
        for mode in ["rn", "rz", "rm", "rp"] {
            // Rounded integers are exact in the target, so the host's conversion of them does not round.
            single(&format!("@cvt.{mode}.f32.{} %d0, %s0;", from.0), &[from.1], &rows, |row| {
                round_integer(value(row[0], from.2, from.3), 24, mode) as f32
            });
            double(&format!("@cvt.{mode}.f64.{} %d0, %s0;", from.0), &[from.1], &rows, |row| {
                round_integer(value(row[0], from.2, from.3), 53, mode) as f64
            });
            exact(&format!("@cvt.{mode}.f16.{} %d0, %s0;", from.0), &[from.1], Kind::B16, &rows, |row| {
                let exact = value(row[0], from.2, from.3);
                let rounded = round_integer(exact, 11, mode);
                let outwards = mode == "rn" || mode == "rm" && exact < 0 || mode == "rp" && exact > 0;
                let most = if outwards { 0x7c00 } else { 0x7bff };
                let sign = if exact < 0 { 0x8000 } else { 0 };
                sign | if rounded.abs() > 65504 { most } else { half_of_integer(rounded.unsigned_abs() as u64) }
            });
        }
    }
}

/// An integer of eleven bits or fewer, shifted, as binary16.
fn half_of_integer(x: u64) -> u64 {
    if x == 0 {
        return 0;
    }
    let top = 63 - u64::from(x.leading_zeros());
    let fraction = if top > 10 { x >> (top - 10) } else { x << (10 - top) } & 0x3ff;
    (top + 15) << 10 | fraction
}
