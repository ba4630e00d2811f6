//! Single and double precision rounded to nearest, `.ftz`, `.sat`, extremes, and the approximate functions
//! ("Floating-Point Instructions").

use crate::support::{Kind, check, double, exact, rows, single};

const SINGLES: &[u64] = &[
    0,
    0x8000_0000,
    1,
    0x8000_0001,
    0x007f_ffff,
    0x0080_0000,
    0x8080_0000,
    0x3f7f_ffff,
    0x3f80_0000,
    0x3f80_0001,
    0xbf80_0000,
    0x3380_0000,
    0x4b80_0000,
    0x7f7f_ffff,
    0xff7f_ffff,
    0x7f80_0000,
    0xff80_0000,
    0x7fc0_0000,
    0xffff_ffff,
];
const DOUBLES: &[u64] = &[
    0,
    1 << 63,
    1,
    0x000f_ffff_ffff_ffff,
    0x0010_0000_0000_0000,
    0x3ff0_0000_0000_0000,
    0x3ff0_0000_0000_0001,
    0xbff0_0000_0000_0000,
    0x7fef_ffff_ffff_ffff,
    0x7ff0_0000_0000_0000,
    0xfff0_0000_0000_0000,
    0x7ff8_0000_0000_0000,
];

fn of(word: u64) -> f32 {
    f32::from_bits(word as u32)
}

fn flush(x: f32) -> f32 {
    if x.is_subnormal() { 0f32.copysign(x) } else { x }
}

fn unit(x: f32) -> f32 {
    if x >= 1.0 {
        1.0
    } else if x > 0.0 {
        x
    } else {
        0.0
    }
}

#[test]
fn singles_to_nearest_flushed_and_saturated() {
    let operands = rows(&[SINGLES, SINGLES, SINGLES], 400);
    // Through doubles: exact sums and products of singles are rounded once more only.
    type Operation = (&'static str, usize, fn(f32, f32, f32) -> f32);
    let operations: [Operation; 4] = [
        ("add", 2, |a, b, _| a + b),
        ("sub", 2, |a, b, _| a - b),
        ("mul", 2, |a, b, _| (f64::from(a) * f64::from(b)) as f32),
        ("fma.rn", 3, |a, b, c| a.mul_add(b, c)),
    ];
    for (op, count, f) in operations {
        let list = ["%s0", "%s0, %s1", "%s0, %s1, %s2"][count - 1];
        let kinds = [Kind::B32; 3];
        single(&format!("@{op}.f32 %d0, {list};"), &kinds, &operands, |row| f(of(row[0]), of(row[1]), of(row[2])));
        let flushed = move |row: &[u64]| flush(f(flush(of(row[0])), flush(of(row[1])), flush(of(row[2]))));
        single(&format!("@{op}.ftz.f32 %d0, {list};"), &kinds, &operands, flushed);
        single(&format!("@{op}.sat.f32 %d0, {list};"), &kinds, &operands, |row| {
            unit(f(of(row[0]), of(row[1]), of(row[2])))
        });
        single(&format!("@{op}.ftz.sat.f32 %d0, {list};"), &kinds, &operands, |row| unit(flushed(row)));
    }
    single("@div.rn.f32 %d0, %s0, %s1;", &[Kind::B32; 2], &operands, |row| of(row[0]) / of(row[1]));
    single("@rcp.rn.f32 %d0, %s0;", &[Kind::B32], &operands, |row| 1.0 / of(row[0]));
    single("@sqrt.rn.f32 %d0, %s0;", &[Kind::B32], &operands, |row| of(row[0]).sqrt());
    single("@neg.f32 %d0, %s0;", &[Kind::B32], &operands, |row| of(row[0] ^ 0x8000_0000));
    single("@abs.ftz.f32 %d0, %s0;", &[Kind::B32], &operands, |row| flush(of(row[0] & 0x7fff_ffff)));
    exact("@copysign.f32 %d0, %s0, %s1;", &[Kind::B32; 2], Kind::B32, &operands, |row| {
        row[1] & 0x7fff_ffff | row[0] & 0x8000_0000
    });
}

#[test]
fn extremes_order_zeros_and_pass_by_nan() {
    let singles = rows(&[SINGLES, SINGLES], 100);
    let doubles = rows(&[DOUBLES, DOUBLES], 100);
    // As integers, numbers that are not NaN order by sign and size.
    let key = |x: u64| if x >> 63 == 1 { -((x & (u64::MAX >> 1)) as i128) - 1 } else { i128::from(x) };
    let pick =
        move |op: &str, a: u64, b: u64, nan: &dyn Fn(u64) -> bool, canonical: u64, keep: bool| match (nan(a), nan(b)) {
            (false, false) => {
                if (key(a) <= key(b)) == (op == "min") {
                    a
                } else {
                    b
                }
            }
            (true, true) => canonical,
            _ if keep => canonical,
            (true, false) => b,
            (false, true) => a,
        };
    for op in ["min", "max"] {
        for (modifier, keep) in [("", false), (".NaN", true)] {
            exact(&format!("@{op}{modifier}.f32 %d0, %s0, %s1;"), &[Kind::B32; 2], Kind::B32, &singles, |row| {
                let up = |word: u64| word << 32;
                pick(op, up(row[0]), up(row[1]), &|x| of(x >> 32).is_nan(), 0x7fff_ffff << 32, keep) >> 32
            });
        }
        exact(&format!("@{op}.f64 %d0, %s0, %s1;"), &[Kind::B64; 2], Kind::B64, &doubles, |row| {
            pick(op, row[0], row[1], &|x| f64::from_bits(x).is_nan(), 0x7fff_ffff_ffff_ffff, false)
        });
    }
}

#[test]
fn doubles_to_nearest() {
    let operands = rows(&[DOUBLES, DOUBLES, DOUBLES], 300);
    let of = f64::from_bits;
    double("@add.f64 %d0, %s0, %s1;", &[Kind::B64; 2], &operands, |row| of(row[0]) + of(row[1]));
    double("@sub.rn.f64 %d0, %s0, %s1;", &[Kind::B64; 2], &operands, |row| of(row[0]) - of(row[1]));
    double("@mul.f64 %d0, %s0, %s1;", &[Kind::B64; 2], &operands, |row| of(row[0]) * of(row[1]));
    double("@fma.rn.f64 %d0, %s0, %s1, %s2;", &[Kind::B64; 3], &operands, |row| {
        of(row[0]).mul_add(of(row[1]), of(row[2]))
    });
    double("@div.rn.f64 %d0, %s0, %s1;", &[Kind::B64; 2], &operands, |row| of(row[0]) / of(row[1]));
    double("@sqrt.rn.f64 %d0, %s0;", &[Kind::B64], &operands, |row| of(row[0]).sqrt());
}

#[test]
fn kinds_of_numbers() {
    let singles = rows(&[SINGLES], 100);
    for (property, f) in [
        ("finite", (|x| x.is_finite()) as fn(f32) -> bool),
        ("infinite", |x| x.is_infinite()),
        ("number", |x| !x.is_nan()),
        ("notanumber", |x| x.is_nan()),
        ("normal", |x| x.is_normal()),
        ("subnormal", |x| x.is_subnormal()),
    ] {
        exact(&format!("@testp.{property}.f32 %d0, %s0;"), &[Kind::B32], Kind::Pred, &singles, |row| {
            f(of(row[0])).into()
        });
    }
}

#[test]
fn approximate_functions_are_within_the_manuals_bounds() {
    let mut operands = rows(&[SINGLES], 500);
    operands.extend((0..600).map(|i| vec![u64::from((i as f32 * 0.51 - 150.0).to_bits())]));
    // Relative errors as the manual states them; sine and cosine absolute, on [−π, π].
    type Case = (&'static str, fn(f64) -> f64, f64);
    let functions: [Case; 7] = [
        ("ex2.approx", f64::exp2, 2.4e-7),
        ("lg2.approx", f64::log2, 2.4e-7),
        ("rcp.approx", f64::recip, 1.2e-7),
        ("sqrt.approx", f64::sqrt, 1.2e-7),
        ("rsqrt.approx", |x| 1.0 / x.sqrt(), 2.4e-7),
        ("tanh.approx", f64::tanh, 4.9e-4),
        ("sin.approx", f64::sin, 5e-7),
    ];
    for (op, f, bound) in functions {
        let near = |got: u64, want: u64| {
            let (got, want) = (of(got), of(want));
            let error = f64::from(got) - f64::from(want);
            got == want || got.is_nan() && want.is_nan() || error.abs() <= bound * f64::from(want.abs()).max(1.2e-38)
        };
        check(
            &format!("@{op}.f32 %d0, %s0;"),
            &[Kind::B32],
            &[Kind::B32],
            &operands,
            |row| vec![u64::from((f(of(row[0]).into()) as f32).to_bits())],
            near,
        );
        if op == "tanh.approx" {
            continue;
        }
        check(
            &format!("@{op}.ftz.f32 %d0, %s0;"),
            &[Kind::B32],
            &[Kind::B32],
            &operands,
            |row| vec![u64::from(flush(f(flush(of(row[0])).into()) as f32).to_bits())],
            near,
        );
    }
    // The gross reciprocals know the upper word of a double.
    let doubles = rows(&[DOUBLES], 300);
    for (op, root) in [("rcp", false), ("rsqrt", true)] {
        let same = |got: u64, want: u64| got == want || f64::from_bits(got).is_nan() && f64::from_bits(want).is_nan();
        check(
            &format!("@{op}.approx.ftz.f64 %d0, %s0;"),
            &[Kind::B64],
            &[Kind::B64],
            &doubles,
            |row| {
                let upper = |x: f64| {
                    let x = f64::from_bits(x.to_bits() >> 32 << 32);
                    if x.is_subnormal() { 0f64.copysign(x) } else { x }
                };
                let x = upper(f64::from_bits(row[0]));
                if f64::from_bits(row[0]).is_nan() {
                    return vec![row[0]];
                }
                let y = if root { 1.0 / x.sqrt() } else { 1.0 / x };
                vec![if y.is_nan() { y } else { upper(y) }.to_bits()]
            },
            same,
        );
    }
}
