//! `cvt`, section 9.7.9.21 of the manual: every pair of types, in wide integers and exact arithmetic.

use crate::support::{Kind, check, double, exact, rows, single};

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

/// Name, the registers that may hold it, bits, whether it is signed.
const INTEGERS: [(&str, Kind, u32, bool); 8] = [
    ("u8", Kind::B16, 8, false),
    ("s8", Kind::B16, 8, true),
    ("u16", Kind::B16, 16, false),
    ("s16", Kind::B16, 16, true),
    ("u32", Kind::B32, 32, false),
    ("s32", Kind::B32, 32, true),
    ("u64", Kind::B64, 64, false),
    ("s64", Kind::B64, 64, true),
];

fn value(word: u64, bits: u32, signed: bool) -> i128 {
    let low = i128::from(word) & ((1i128 << bits) - 1);
    if signed && low >> (bits - 1) & 1 == 1 { low - (1i128 << bits) } else { low }
}

fn range(bits: u32, signed: bool) -> (i128, i128) {
    if signed { (-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1) } else { (0, (1i128 << bits) - 1) }
}

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

const SINGLES: &[u64] = &[
    0,
    0x8000_0000,
    1,
    0x8000_0001,
    0x007f_ffff,
    0x0080_0000,
    0x3f00_0000,
    0xbf00_0000,
    0x3f7f_ffff,
    0x3f80_0000,
    0x3fc0_0000,
    0x4020_0000,
    0xc020_0000,
    0x4b00_0001,
    0x4aff_ffff,
    0x4effffff,
    0x4f00_0000,
    0xcf00_0000,
    0x4f80_0000,
    0x5f00_0000,
    0xdf00_0000,
    0x5f80_0000,
    0x7f7f_ffff,
    0x7f80_0000,
    0xff80_0000,
    0x7fc0_0000,
    0x7f80_0001,
    0xffff_ffff,
    0x42fe_8000,
    0x437f_8000,
    0x477f_ff80,
    0x46ff_ff00,
    0xc300_8000,
    0xc700_0080,
    0x477f_f000,
    0x3380_0000,
    0x3300_0000,
    0x3300_0001,
    0x477f_efff,
    0x3880_0000,
    0x387f_e000,
    0x387f_f000,
    0x7f7f_8000,
    0x7f7f_7fff,
];
const DOUBLES: &[u64] = &[
    0,
    1 << 63,
    1,
    0x3fe0_0000_0000_0000,
    0xbfe0_0000_0000_0000,
    0x3ff0_0000_0000_0000,
    0x3ff8_0000_0000_0000,
    0x4004_0000_0000_0000,
    0x41df_ffff_ffff_ffff,
    0x41df_ffff_ffe0_0000,
    0x41e0_0000_0000_0000,
    0xc1e0_0000_0020_0000,
    0x41ef_ffff_fff0_0000,
    0x43e0_0000_0000_0000,
    0xc3e0_0000_0000_0000,
    0x43f0_0000_0000_0000,
    0x7fef_ffff_ffff_ffff,
    0x7ff0_0000_0000_0000,
    0xfff0_0000_0000_0000,
    0x7ff8_0000_0000_0000,
    0x47ef_ffff_f000_0000,
    0x47ef_ffff_efff_ffff,
    0x36a0_0000_0000_0000,
    0x3690_0000_0000_0000,
    0x3690_0000_0000_0001,
    0x3810_0000_0000_0000,
    0x380f_ffff_f000_0000,
    0x3ff0_0000_1000_0000,
    0x3ff0_0000_3000_0000,
    0x3ff0_0000_1000_0001,
];

/// The integer next to a number in the direction. Numbers from 2^52 on are integers.
fn integral(x: f64, mode: &str) -> f64 {
    let (low, high) = (x.floor(), x.ceil());
    match mode {
        "rzi" => {
            if x < 0.0 {
                high
            } else {
                low
            }
        }
        "rmi" => low,
        "rpi" => high,
        _ if x - low < high - x => low,
        _ if x - low > high - x => high,
        _ if low % 2.0 == 0.0 => low,
        _ => high,
    }
}

#[test]
fn floats_to_integers_clamp_and_nan_has_its_value() {
    for (name, kind, edges) in [("f32", Kind::B32, SINGLES), ("f64", Kind::B64, DOUBLES), ("f16", Kind::B16, SINGLES)] {
        let rows = rows(&[edges], 400);
        for to in INTEGERS {
            for mode in ["rni", "rzi", "rmi", "rpi"] {
                exact(&format!("@cvt.{mode}.{}.{name} %d0, %s0;", to.0), &[kind], to.1, &rows, |row| {
                    let x = match name {
                        "f32" => f64::from(f32::from_bits(row[0] as u32)),
                        "f64" => f64::from_bits(row[0]),
                        _ => half_value(row[0] as u16),
                    };
                    if x.is_nan() {
                        return if name == "f64" || to.2 == 64 { value(1 << (to.2 - 1), to.2, to.3) as u64 } else { 0 };
                    }
                    let (low, high) = range(to.2, to.3);
                    let rounded = integral(x, mode);
                    // 2^127 is beyond every range, and i128 has what is below.
                    if rounded >= 1e38 {
                        high as u64
                    } else if rounded <= -1e38 {
                        low as u64
                    } else {
                        (rounded as i128).clamp(low, high) as u64
                    }
                });
            }
        }
    }
}

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

#[test]
fn doubles_to_singles_in_every_direction() {
    let rows = rows(&[DOUBLES], 1000);
    for mode in ["rn", "rz", "rm", "rp"] {
        single(&format!("@cvt.{mode}.f32.f64 %d0, %s0;"), &[Kind::B64], &rows, |row| {
            let x = f64::from_bits(row[0]);
            // `as` rounds to nearest; the other neighbour is one step away.
            let nearest = x as f32;
            let back = f64::from(nearest);
            match mode {
                "rz" if back.abs() > x.abs() => f32::from_bits(nearest.to_bits() - 1),
                "rm" if back > x => nearest.next_down(),
                "rp" if back < x => nearest.next_up(),
                _ => nearest,
            }
        });
    }
    double("@cvt.f64.f32 %d0, %s0;", &[Kind::B32], &crate::support::rows(&[SINGLES], 300), |row| {
        f64::from(f32::from_bits(row[0] as u32))
    });
}

#[test]
fn floats_to_integral_floats() {
    for mode in ["rni", "rzi", "rmi", "rpi"] {
        let singles = rows(&[SINGLES], 500);
        single(&format!("@cvt.{mode}.f32.f32 %d0, %s0;"), &[Kind::B32], &singles, |row| {
            let x = f32::from_bits(row[0] as u32);
            (integral(x.into(), mode) as f32).copysign(x)
        });
        let doubles = rows(&[DOUBLES], 500);
        double(&format!("@cvt.{mode}.f64.f64 %d0, %s0;"), &[Kind::B64], &doubles, |row| {
            let x = f64::from_bits(row[0]);
            integral(x, mode).copysign(x)
        });
        let halves: Vec<Vec<u64>> = (0..=0xffff).step_by(7).map(|bits| vec![bits]).collect();
        exact(&format!("@cvt.{mode}.f16.f16 %d0, %s0;"), &[Kind::B16], Kind::B16, &halves, |row| {
            let x = half_value(row[0] as u16);
            search(integral(x, mode).copysign(x), "rn", half_value, 0x7c00)
        });
    }
}

#[test]
fn saturation_flushing_and_relu() {
    let singles = rows(&[SINGLES], 500);
    let flush = |x: f32| if x.is_subnormal() { 0f32.copysign(x) } else { x };
    let of = |row: &[u64]| f32::from_bits(row[0] as u32);
    // NaN becomes +0.
    let unit = |x: f32| {
        if x > 1.0 {
            1.0
        } else if x > 0.0 {
            x
        } else {
            0.0
        }
    };
    exact("@cvt.sat.f32.f32 %d0, %s0;", &[Kind::B32], Kind::B32, &singles, |row| unit(of(row)).to_bits().into());
    exact("@cvt.ftz.sat.f32.f32 %d0, %s0;", &[Kind::B32], Kind::B32, &singles, |row| {
        unit(flush(of(row))).to_bits().into()
    });
    single("@cvt.ftz.f32.f32 %d0, %s0;", &[Kind::B32], &singles, |row| flush(of(row)));
    double("@cvt.ftz.f64.f32 %d0, %s0;", &[Kind::B32], &singles, |row| flush(of(row)).into());
    exact("@cvt.rn.relu.f16.f32 %d0, %s0;", &[Kind::B32], Kind::B16, &singles, |row| {
        if of(row) < 0.0 { 0 } else { search(of(row).into(), "rn", half_value, 0x7c00) }
    });
    let all = [(Kind::B32, "@cvt.rna.tf32.f32 %d0, %s0;")];
    for (kind, text) in all {
        let same = |got: u64, want: u64| got == want || want == 0x7fff_ffff && f32::from_bits(got as u32).is_nan();
        check(
            text,
            &[kind],
            &[Kind::B32],
            &singles,
            |row| {
                let x = of(row);
                if x.is_nan() || x.is_infinite() {
                    return vec![if x.is_nan() { 0x7fff_ffff } else { row[0] & 0xffff_ffff }];
                }
                // Half of the last kept place is added to the magnitude, the rest cut off.
                let sign = row[0] & 0x8000_0000;
                vec![sign | ((row[0] & 0x7fff_ffff) + 0x1000) & 0xffff_e000]
            },
            same,
        );
    }
}
