//! Floating-point numbers of eight bits, E4M3 and E5M2. PTX manual, "Alternate Floating-Point Data Formats" and
//! "Data Movement and Conversion Instructions: cvt";
//! [Micikevicius et al., "FP8 formats for deep learning", 2022].
//!
//! E5M2 is the upper half of a binary16. E4M3 has no infinity and one NaN a sign, so that its largest number is 448.

use super::sixteen::Half;
use super::{Variants, rare};
use crate::program::MatrixFormat;

/// Exact.
pub(crate) fn e4m3_to_f32(bits: u8) -> f32 {
    let (sign, rest) = (u32::from(bits & 0x80) << 24, u32::from(bits & 0x7f));
    // Exponent and fraction moved into place; 2^120 puts the bias right, subnormals included.
    let scaled = f32::from_bits(rest << 20) * f32::from_bits((120 + 127) << 23);
    let magnitude = if rest == 0x7f { f32::NAN } else { scaled };
    f32::from_bits(sign | magnitude.to_bits() & 0x7fff_ffff)
}

/// Exact.
pub(crate) fn e5m2_to_f32(bits: u8) -> f32 {
    Half(u16::from(bits) << 8).to_f32()
}

/// To nearest, ties to even; what is too large becomes the largest number (`.satfinite`), NaN 0x7f.
fn round(x: f32, fraction_bits: u32, least_exponent: i32, largest: f32, encode: impl Fn(f32) -> u8) -> u8 {
    if x.is_nan() {
        return 0x7f;
    }
    let magnitude = f64::from(x.abs());
    let exponent = ((magnitude.to_bits() >> 52) as i32 - 1023).max(least_exponent);
    let unit = f64::from(exponent - fraction_bits as i32).exp2();
    let rounded = ((magnitude / unit).round_ties_even() * unit).min(f64::from(largest));
    encode(rounded as f32) | if x.is_sign_negative() { 0x80 } else { 0 }
}

fn e4m3(x: f32) -> u8 {
    round(x, 3, -6, 448.0, |exact| ((exact * f32::from_bits((127 - 120) << 23)).to_bits() >> 20) as u8)
}

fn e5m2(x: f32) -> u8 {
    round(x, 2, -14, 57344.0, |exact| (Half::from_f32(exact).0 >> 8) as u8)
}

/// `.relu`: what is not positive becomes +0; NaN stays.
fn positive(x: f32, relu: bool) -> f32 {
    if relu && x <= 0.0 { 0.0 } else { x }
}

fn pair(high: f32, low: f32, relu: bool, f: fn(f32) -> u8) -> u16 {
    u16::from(f(positive(high, relu))) << 8 | u16::from(f(positive(low, relu)))
}

fn halves(word: u32) -> (f32, f32) {
    (Half((word >> 16) as u16).to_f32(), Half(word as u16).to_f32())
}

/// `cvt.rn.satfinite[.relu].e4m3x2.f32 d, a, b`: a goes into the upper byte.
pub(crate) fn from_singles(to: MatrixFormat, relu: bool) -> Option<Variants> {
    Some(match (to, relu) {
        (MatrixFormat::E4m3, false) => rare!(map2, |a: f32, b: f32| pair(a, b, false, e4m3)),
        (MatrixFormat::E4m3, true) => rare!(map2, |a: f32, b: f32| pair(a, b, true, e4m3)),
        (MatrixFormat::E5m2, false) => rare!(map2, |a: f32, b: f32| pair(a, b, false, e5m2)),
        (MatrixFormat::E5m2, true) => rare!(map2, |a: f32, b: f32| pair(a, b, true, e5m2)),
        _ => return None,
    })
}

/// `cvt.rn.satfinite[.relu].e4m3x2.f16x2 d, a`.
pub(crate) fn from_halves(to: MatrixFormat, relu: bool) -> Option<Variants> {
    Some(match (to, relu) {
        (MatrixFormat::E4m3, false) => rare!(map1, |a: u32| pair(halves(a).0, halves(a).1, false, e4m3)),
        (MatrixFormat::E4m3, true) => rare!(map1, |a: u32| pair(halves(a).0, halves(a).1, true, e4m3)),
        (MatrixFormat::E5m2, false) => rare!(map1, |a: u32| pair(halves(a).0, halves(a).1, false, e5m2)),
        (MatrixFormat::E5m2, true) => rare!(map1, |a: u32| pair(halves(a).0, halves(a).1, true, e5m2)),
        _ => return None,
    })
}

/// `cvt.rn[.relu].f16x2.e4m3x2 d, a`: exact.
pub(crate) fn to_halves(from: MatrixFormat, relu: bool) -> Option<Variants> {
    fn both(pair: u16, relu: bool, f: fn(u8) -> f32) -> u32 {
        let half = |byte: u8| u32::from(Half::from_f32(positive(f(byte), relu)).0);
        half((pair >> 8) as u8) << 16 | half(pair as u8)
    }
    Some(match (from, relu) {
        (MatrixFormat::E4m3, false) => rare!(map1, |a: u16| both(a, false, e4m3_to_f32)),
        (MatrixFormat::E4m3, true) => rare!(map1, |a: u16| both(a, true, e4m3_to_f32)),
        (MatrixFormat::E5m2, false) => rare!(map1, |a: u16| both(a, false, e5m2_to_f32)),
        (MatrixFormat::E5m2, true) => rare!(map1, |a: u16| both(a, true, e5m2_to_f32)),
        _ => return None,
    })
}
