//! Rounding towards zero, down and up. The direction is checked against the definition: the result is a bound of the exact
//! value, and the number next to it is not. The exact value stays unnamed; its sign against a candidate is exact here.

use crate::support::{Kind, Random, check};

/// A number as an integer times a power of two.
fn parts(x: f64) -> (i128, i32) {
    let (bits, field) = (x.to_bits(), (x.to_bits() >> 52 & 0x7ff) as i32);
    let fraction = i128::from(bits & ((1 << 52) - 1));
    let (size, exponent) = if field == 0 { (fraction, -1074) } else { (fraction | 1 << 52, field - 1075) };
    (if x < 0.0 { -size } else { size }, exponent)
}

/// The exact sign of Σ products, each of integers and a power of two, in digits of 32 bits.
fn sign(terms: &[(i128, i128, i32)]) -> i32 {
    const DIGITS: usize = 160;
    let lowest = terms.iter().map(|term| term.2).min().unwrap_or(0);
    let mut digits = [0i128; DIGITS];
    for &(a, b, exponent) in terms {
        let shift = (exponent - lowest) as usize;
        assert!(shift / 32 + 8 < DIGITS, "the test's exponents are too far apart");
        let product = a * b; // 53 + 53 bits, or 64 + 53
        let (negative, size) = (product < 0, product.unsigned_abs());
        for part in 0..4 {
            let word = i128::from((size >> (32 * part)) as u32) << (shift % 32);
            digits[shift / 32 + part] += if negative { -word } else { word };
        }
    }
    for at in 0..DIGITS - 1 {
        let carry = digits[at] >> 32;
        digits[at] &= 0xffff_ffff;
        digits[at + 1] += carry;
    }
    match digits[DIGITS - 1] {
        top if top < 0 => -1,
        _ if digits.iter().all(|&digit| digit == 0) => 0,
        _ => 1,
    }
}

/// Whether `got` is what an exact value rounds to: `side(x)` is the sign of (exact − x).
fn is_rounded(
    mode: &str,
    got: f64,
    down: impl Fn(f64) -> f64,
    up: impl Fn(f64) -> f64,
    side: impl Fn(f64) -> i32,
) -> bool {
    let exact_negative = side(0.0) < 0;
    let lower = match mode {
        "rm" => true,
        "rp" => false,
        _ => !exact_negative,
    };
    let above = |x: f64| {
        if x == f64::INFINITY {
            -1
        } else if x == f64::NEG_INFINITY {
            1
        } else {
            side(x)
        }
    };
    if above(got) == 0 {
        return true;
    }
    if lower { above(got) > 0 && above(up(got)) < 0 } else { above(got) < 0 && above(down(got)) > 0 }
}

fn operands(seed: u64) -> Vec<Vec<u64>> {
    let mut random = Random(seed);
    let edges = [1u64, 0x000f_ffff_ffff_ffff, 0x0010_0000_0000_0000, 0x7fef_ffff_ffff_ffff, 0x3ff0_0000_0000_0001];
    (0..1500)
        .map(|i| {
            let base = 0x300 + random.below(0x200);
            (0..3)
                .map(|_| {
                    // Near each other most of the time, so that digits meet and cancel.
                    let field = base + random.below(if i % 3 == 0 { 120 } else { 4 });
                    let bits = random.next() >> 63 << 63 | field << 52 | random.next() >> 12;
                    let bits = if random.below(4) == 0 { bits >> 30 << 30 } else { bits };
                    if random.below(12) == 0 { edges[random.below(5) as usize] | bits >> 63 << 63 } else { bits }
                })
                .collect()
        })
        .collect()
}

#[test]
fn doubles_bound_the_exact_value() {
    let rows = operands(5);
    let of = f64::from_bits;
    for mode in ["rz", "rm", "rp"] {
        for op in ["add", "sub", "mul", "fma", "div", "rcp", "sqrt"] {
            let list = match op {
                "rcp" | "sqrt" => "%s0",
                "fma" => "%s0, %s1, %s2",
                _ => "%s0, %s1",
            };
            // The expected value is a witness: any double that passes the definition is the only one.
            let right = |row: &[u64], got: f64| {
                let (a, b, c) = (of(row[0]), of(row[1]), of(row[2]));
                let (x, y, z) = (parts(a), parts(b), parts(c));
                let side = |r: f64| {
                    let r = parts(r);
                    match op {
                        "add" => sign(&[(x.0, 1, x.1), (y.0, 1, y.1), (-r.0, 1, r.1)]),
                        "sub" => sign(&[(x.0, 1, x.1), (-y.0, 1, y.1), (-r.0, 1, r.1)]),
                        "mul" => sign(&[(x.0, y.0, x.1 + y.1), (-r.0, 1, r.1)]),
                        "fma" => sign(&[(x.0, y.0, x.1 + y.1), (z.0, 1, z.1), (-r.0, 1, r.1)]),
                        // a/b − r has the sign of (a − r·b)·b.
                        "div" => sign(&[(x.0, 1, x.1), (-r.0, y.0, r.1 + y.1)]) * y.0.signum() as i32,
                        "rcp" => sign(&[(1, 1, 0), (-r.0, x.0, r.1 + x.1)]) * x.0.signum() as i32,
                        // √a − r has the sign of a − r·|r|.
                        _ => sign(&[(x.0, 1, x.1), (-r.0, r.0.abs(), 2 * r.1)]),
                    }
                };
                if op == "sqrt" && a < 0.0 {
                    got.is_nan()
                } else {
                    is_rounded(mode, got, f64::next_down, f64::next_up, side)
                }
            };
            let text = format!("@{op}.{mode}.f64 %d0, {list};");
            // `check` compares with an expected word; here the row itself decides.
            let ptx = crate::support::kernel(&text.replace('@', ""), &[Kind::B64; 3], &[Kind::B64]);
            for lanes in crate::support::LANES {
                let results = crate::support::run(&ptx, &rows, |_| true, 1, lanes);
                for (row, result) in rows.iter().zip(results) {
                    assert!(right(row, of(result[0])), "{text} of {row:x?} is {:x}, on {lanes:?}", result[0]);
                }
            }
        }
    }
}

#[test]
fn singles_bound_the_exact_value() {
    let mut random = Random(9);
    let edges = [1u64, 0x007f_ffff, 0x0080_0000, 0x7f7f_ffff, 0x3f80_0001];
    let rows: Vec<Vec<u64>> = (0..1500)
        .map(|_| {
            let base = 100 + random.below(40);
            (0..3)
                .map(|_| {
                    let bits = random.next() & 0x807f_ffff | (base + random.below(30)) << 23;
                    if random.below(12) == 0 { edges[random.below(5) as usize] | bits & 0x8000_0000 } else { bits }
                })
                .collect()
        })
        .collect();
    let of = |word: u64| f64::from(f32::from_bits(word as u32));
    let next_down = |x: f64| f64::from((x as f32).next_down());
    let next_up = |x: f64| f64::from((x as f32).next_up());
    for mode in ["rz", "rm", "rp"] {
        for op in ["add", "mul", "fma", "div", "sqrt"] {
            let list = ["%s0", "%s0, %s1", "%s0, %s1, %s2"][match op {
                "sqrt" => 0,
                "fma" => 2,
                _ => 1,
            }];
            let text = format!("@{op}.{mode}.f32 %d0, {list};");
            let ptx = crate::support::kernel(&text.replace('@', ""), &[Kind::B32; 3], &[Kind::B32]);
            for lanes in crate::support::LANES {
                for (row, result) in rows.iter().zip(crate::support::run(&ptx, &rows, |_| true, 1, lanes)) {
                    let (a, got) = (of(row[0]), of(result[0]));
                    let (x, y, z) = (parts(a), parts(of(row[1])), parts(of(row[2])));
                    let side = |r: f64| {
                        let r = parts(r);
                        match op {
                            "add" => sign(&[(x.0, 1, x.1), (y.0, 1, y.1), (-r.0, 1, r.1)]),
                            "mul" => sign(&[(x.0, y.0, x.1 + y.1), (-r.0, 1, r.1)]),
                            "fma" => sign(&[(x.0, y.0, x.1 + y.1), (z.0, 1, z.1), (-r.0, 1, r.1)]),
                            "div" => sign(&[(x.0, 1, x.1), (-r.0, y.0, r.1 + y.1)]) * y.0.signum() as i32,
                            _ => sign(&[(x.0, 1, x.1), (-r.0, r.0.abs(), 2 * r.1)]),
                        }
                    };
                    let right = if op == "sqrt" && a < 0.0 {
                        got.is_nan()
                    } else {
                        is_rounded(mode, got, next_down, next_up, side)
                    };
                    assert!(right, "{text} of {row:x?} is {:x}, on {lanes:?}", result[0]);
                }
            }
        }
    }
}

#[test]
fn zeros_of_opposite_signs_and_special_values() {
    let inf = 0x7ff0_0000_0000_0000u64;
    let rows = [
        [0, 1 << 63],
        [1 << 63, 0],
        [0, 0],
        [1 << 63, 1 << 63],
        [0x4000_0000_0000_0000, 0xc000_0000_0000_0000],
        [inf, 1],
        [inf, inf],
    ];
    let rows: Vec<Vec<u64>> = rows.iter().map(|row| row.to_vec()).collect();
    for mode in ["rz", "rm", "rp"] {
        check(
            &format!("@add.{mode}.f64 %d0, %s0, %s1;"),
            &[Kind::B64; 2],
            &[Kind::B64],
            &rows,
            |row| {
                let sum = f64::from_bits(row[0]) + f64::from_bits(row[1]);
                // x − x is −0 only downwards.
                let cancels = sum == 0.0 && row[0] != row[1];
                vec![if cancels && mode == "rm" { 1 << 63 } else { sum.to_bits() }]
            },
            |got, want| got == want,
        );
    }
}
