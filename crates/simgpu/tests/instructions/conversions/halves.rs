//! Halves from what is wider, and back.

use super::{DOUBLES, SINGLES};
use crate::support::{Kind, double, exact, rows, single};

/// From the definition: (−1)^s · 2^(e−15) · 1.f, or 2^−14 · 0.f.
pub(crate) fn half_value(bits: u16) -> f64 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 0x3ff));
    let size = match exponent {
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        0 => fraction * 2f64.powi(-24),
        _ => (1024.0 + fraction) * 2f64.powi(exponent - 25),
    };
    if bits >> 15 == 1 { -size } else { size }
}

/// The 16-bit number that a real number rounds to, by looking among all of the format's values of its sign.
pub(crate) fn search(x: f64, mode: &str, value_of: impl Fn(u16) -> f64, infinity: u16) -> u64 {
    if x.is_nan() {
        return 0x7fff;
    }
    let (size, sign) = (x.abs(), if x.is_sign_negative() { 0x8000u64 } else { 0 });
    // The largest one not above: values rise with the bits.
    let (mut low, mut high) = (0u16, infinity);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if value_of(middle) <= size { low = middle } else { high = middle }
    }
    if size == f64::INFINITY {
        return sign | u64::from(infinity);
    }
    if value_of(low) == size {
        return sign | u64::from(low);
    }
    // Infinity stands where the next number would, for the rounding to nearest.
    let next = if high == infinity { 2.0 * value_of(low) - value_of(low - 1) } else { value_of(high) };
    let (down, up) = (size - value_of(low), next - size);
    let outwards = match mode {
        "rn" => up < down || up == down && low & 1 == 1,
        "rz" => false,
        "rm" => sign != 0,
        _ => sign == 0,
    };
    sign | u64::from(if outwards { high } else { low })
}

pub(crate) fn brain_value(bits: u16) -> f64 {
    f64::from(f32::from_bits(u32::from(bits) << 16))
}

#[test]
fn halves_widen_exactly_all_of_them() {
    let all: Vec<Vec<u64>> = (0..=0xffff).map(|bits| vec![bits]).collect();
    for chunk in all.chunks(8192) {
        single("@cvt.f32.f16 %d0, %s0;", &[Kind::B16], chunk, |row| half_value(row[0] as u16) as f32);
        double("@cvt.f64.f16 %d0, %s0;", &[Kind::B16], chunk, |row| half_value(row[0] as u16));
        single("@cvt.f32.bf16 %d0, %s0;", &[Kind::B16], chunk, |row| f32::from_bits((row[0] as u32 & 0xffff) << 16));
        // There and back is the same number.
        exact(
            "{ .reg .f32 %x; @cvt.f32.f16 %x, %s0; @cvt.rn.f16.f32 %d0, %x; }",
            &[Kind::B16],
            Kind::B16,
            chunk,
            |row| {
                if half_value(row[0] as u16).is_nan() { 0x7fff } else { row[0] }
            },
        );
    }
}

#[test]
fn floats_to_halves_in_every_direction() {
    let single_rows = rows(&[SINGLES], 3000);
    let double_rows = rows(&[DOUBLES], 1000);
    // Random singles seldom are in the range of binary16: bring some there.
    let near: Vec<Vec<u64>> = single_rows.iter().map(|row| vec![row[0] & 0x8fff_ffff | 0x3000_0000]).collect();
    for rows in [&single_rows, &near] {
        let of = |row: &[u64]| f64::from(f32::from_bits(row[0] as u32));
        for mode in ["rn", "rz", "rm", "rp"] {
            exact(&format!("@cvt.{mode}.f16.f32 %d0, %s0;"), &[Kind::B32], Kind::B16, rows, |row| {
                search(of(row), mode, half_value, 0x7c00)
            });
        }
        for mode in ["rn", "rz"] {
            exact(&format!("@cvt.{mode}.bf16.f32 %d0, %s0;"), &[Kind::B32], Kind::B16, rows, |row| {
                search(of(row), mode, brain_value, 0x7f80)
            });
            let pairs: Vec<Vec<u64>> = rows.iter().zip(rows.iter().rev()).map(|(a, b)| vec![a[0], b[0]]).collect();
            exact(&format!("@cvt.{mode}.f16x2.f32 %d0, %s0, %s1;"), &[Kind::B32; 2], Kind::B32, &pairs, |row| {
                search(of(row), mode, half_value, 0x7c00) << 16 | search(of(&row[1..]), mode, half_value, 0x7c00)
            });
            exact(&format!("@cvt.{mode}.bf16x2.f32 %d0, %s0, %s1;"), &[Kind::B32; 2], Kind::B32, &pairs, |row| {
                search(of(row), mode, brain_value, 0x7f80) << 16 | search(of(&row[1..]), mode, brain_value, 0x7f80)
            });
        }
    }
    for mode in ["rn", "rz", "rm", "rp"] {
        exact(&format!("@cvt.{mode}.f16.f64 %d0, %s0;"), &[Kind::B64], Kind::B16, &double_rows, |row| {
            search(f64::from_bits(row[0]), mode, half_value, 0x7c00)
        });
    }
    exact("@cvt.rn.bf16.f64 %d0, %s0;", &[Kind::B64], Kind::B16, &double_rows, |row| {
        search(f64::from_bits(row[0]), "rn", brain_value, 0x7f80)
    });
}
