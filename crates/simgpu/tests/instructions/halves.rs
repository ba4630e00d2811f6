//! Arithmetic of binary16 and bfloat16, alone and in pairs ("Half Precision Floating-Point Instructions"): the exact result, rounded by a search of the format.

use crate::conversions::{brain_value, half_value, search};
use crate::support::{Kind, Random, exact};

const HALVES: &[u64] = &[
    0, 0x8000, 1, 0x8001, 0x3ff, 0x400, 0x8400, 0x3c00, 0x3c01, 0xbc00, 0x7bff, 0xfbff, 0x7c00, 0xfc00, 0x7e00, 0xffff,
    0x1400, 0x5bff, 0x3f80, 0x3f81, 0xbf80, 0x7f7f, 0x7f80, 0xff80, 0x7fc0, 0x0080, 0x4080, 0x0001, 0x4300,
];

/// A format: its names, its numbers, its infinity.
type Format = (&'static str, &'static str, fn(u16) -> f64, u16);

const FORMATS: [Format; 2] = [("f16", "f16x2", half_value, 0x7c00), ("bf16", "bf16x2", brain_value, 0x7f80)];

fn rows() -> Vec<Vec<u64>> {
    let mut random = Random(11);
    let mut rows = Vec::new();
    for &a in HALVES {
        for &b in HALVES {
            rows.push(vec![a | random.next() << 16, b | random.next() << 16, random.next()]);
        }
    }
    rows.extend((0..1000).map(|_| (0..3).map(|_| random.next()).collect::<Vec<u64>>()));
    rows
}

/// Alone and in pairs.
fn test(op: &str, (one, two, value, infinity): Format, count: usize, f: impl Fn(f64, f64, f64) -> f64) {
    let rows = rows();
    let list = ["%s0", "%s0, %s1", "%s0, %s1, %s2"][count - 1];
    let half = |row: &[u64], shift: u32| {
        let at = |index: usize| value((row[index] >> shift) as u16);
        search(f(at(0), at(1), at(2)), "rn", value, infinity)
    };
    exact(&format!("@{op}.{one} %d0, {list};"), &[Kind::B16; 3], Kind::B16, &rows, |row| half(row, 0));
    exact(&format!("@{op}.{two} %d0, {list};"), &[Kind::B32; 3], Kind::B32, &rows, |row| {
        half(row, 0) | half(row, 16) << 16
    });
}

fn unit(x: f64) -> f64 {
    if x > 0.0 { x.min(1.0) } else { 0.0 }
}

/// Sums of these products that a double does not have exactly: the last bit says that something is missing.
fn fused(a: f64, b: f64, c: f64) -> f64 {
    let (product, sum) = (a * b, a * b + c);
    if !sum.is_finite() {
        return sum;
    }
    // The larger one less the sum is exact, and so is what is missing then [Dekker's fast two-sum].
    let (large, small) = if product.abs() >= c.abs() { (product, c) } else { (c, product) };
    let missing = small - (sum - large);
    if missing == 0.0 || sum.to_bits() & 1 == 1 {
        sum
    } else if (missing > 0.0) == (sum > 0.0) {
        f64::from_bits(sum.to_bits() + 1)
    } else {
        f64::from_bits(sum.to_bits() - 1)
    }
}

#[test]
fn sums_and_products_are_rounded_once() {
    for format in FORMATS {
        test("add", format, 2, |a, b, _| a + b);
        test("sub.rn", format, 2, |a, b, _| a - b);
        test("mul", format, 2, |a, b, _| a * b);
        test("fma.rn", format, 3, fused);
        test("fma.rn.relu", format, 3, |a, b, c| {
            let x = fused(a, b, c);
            if x < 0.0 { 0.0 } else { x }
        });
    }
    test("add.sat", FORMATS[0], 2, |a, b, _| unit(a + b));
    test("fma.rn.sat", FORMATS[0], 3, |a, b, c| unit(fused(a, b, c)));
    let flush = |x: f64| if x.abs() < 2f64.powi(-14) { 0f64.copysign(x) } else { x };
    test("add.ftz", FORMATS[0], 2, |a, b, _| flush(flush(a) + flush(b)));
}

#[test]
fn a_fused_brain_sum_is_not_rounded_twice() {
    // 1.0078125 · 1.0078125 … is a tie that a number below the 53 bits of a double breaks.
    let rows: Vec<Vec<u64>> = [(0x3f81, 0x3fc0, 0x0080), (0x3f81, 0x3fc0, 0x8080), (0x4081, 0x40c0, 0x0001)]
        .iter()
        .map(|&(a, b, c)| vec![a, b, c])
        .collect();
    exact("@fma.rn.bf16 %d0, %s0, %s1, %s2;", &[Kind::B16; 3], Kind::B16, &rows, |row| {
        let [a, b, c] = [0, 1, 2].map(|i| brain_value(row[i] as u16));
        search(fused(a, b, c), "rn", brain_value, 0x7f80)
    });
}

#[test]
fn extremes_and_signs() {
    let less = |a: f64, b: f64| a < b || a == b && a.is_sign_negative();
    for format in FORMATS {
        test("min", format, 2, |a, b, _| if b.is_nan() || less(a, b) { a } else { b });
        test("max", format, 2, |a, b, _| if b.is_nan() || less(b, a) { a } else { b });
        test("min.NaN", format, 2, |a, b, _| {
            if a.is_nan() || b.is_nan() {
                f64::NAN
            } else if less(a, b) {
                a
            } else {
                b
            }
        });
        test("max.NaN", format, 2, |a, b, _| {
            if a.is_nan() || b.is_nan() {
                f64::NAN
            } else if less(b, a) {
                a
            } else {
                b
            }
        });
        let rows = rows();
        exact(&format!("@neg.{} %d0, %s0;", format.1), &[Kind::B32], Kind::B32, &rows, |row| row[0] ^ 0x8000_8000);
        exact(&format!("@abs.{} %d0, %s0;", format.1), &[Kind::B32], Kind::B32, &rows, |row| row[0] & 0x7fff_7fff);
    }
}
