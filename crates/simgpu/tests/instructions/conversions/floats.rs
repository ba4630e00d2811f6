//! Singles and doubles: to integers, to each other, and to integers of their own kind.

use super::{DOUBLES, INTEGERS, SINGLES, half_value, range, search, value};
use crate::support::{Kind, check, double, exact, rows, single};

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
