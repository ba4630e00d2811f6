//! `setp`, `set`, `selp`, `slct`: "Comparison and Selection Instructions".

use crate::conversions::half_value;
use crate::support::{Kind, check, exact, rows};

const WORDS: &[u64] = &[0, 1, 0x7fff, 0x8000, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 1 << 63, u64::MAX];
const SINGLES: &[u64] =
    &[0, 0x8000_0000, 1, 0x8000_0001, 0x3f80_0000, 0xbf80_0000, 0x7f80_0000, 0xff80_0000, 0x7fc0_0000, 0xffff_ffff];
const DOUBLES: &[u64] =
    &[0, 1 << 63, 1, 0x3ff0_0000_0000_0000, 0x7ff0_0000_0000_0000, 0xfff0_0000_0000_0000, 0x7ff8_0000_0000_0000];
const HALVES: &[u64] = &[0, 0x8000, 1, 0x8001, 0x3c00, 0xbc00, 0x7c00, 0xfc00, 0x7e00, 0xffff];

#[test]
fn integers_compare_by_their_sign() {
    let types = [("16", Kind::B16, 16u32), ("32", Kind::B32, 32), ("64", Kind::B64, 64)];
    for (name, kind, bits) in types {
        let rows = rows(&[WORDS, WORDS], 100);
        for (sign, ops) in [
            ("u", &["eq", "ne", "lt", "le", "gt", "ge", "lo", "ls", "hi", "hs"][..]),
            ("s", &["eq", "ne", "lt", "le", "gt", "ge"]),
            ("b", &["eq", "ne"]),
        ] {
            for op in ops {
                exact(&format!("@setp.{op}.{sign}{name} %d0, %s0, %s1;"), &[kind; 2], Kind::Pred, &rows, |row| {
                    let value = |word: u64| {
                        let shifted = u128::from(word) << (128 - bits);
                        if sign == "s" { shifted as i128 >> 1 } else { (shifted >> 1) as i128 }
                    };
                    let order = value(row[0]).cmp(&value(row[1]));
                    u64::from(match *op {
                        "eq" => order.is_eq(),
                        "ne" => order.is_ne(),
                        "lt" | "lo" => order.is_lt(),
                        "le" | "ls" => order.is_le(),
                        "gt" | "hi" => order.is_gt(),
                        _ => order.is_ge(),
                    })
                });
            }
        }
    }
}

const ORDERED: [&str; 6] = ["eq", "ne", "lt", "le", "gt", "ge"];

fn holds(op: &str, a: f64, b: f64) -> bool {
    use std::cmp::Ordering::{Equal, Greater, Less};
    let order = a.partial_cmp(&b);
    match (op, order) {
        ("num", _) => order.is_some(),
        ("nan", _) => order.is_none(),
        // Ordered comparisons are false where a NaN is, those with a `u` are true.
        (_, None) => op.len() == 3,
        (_, Some(order)) => match &op[..2] {
            "eq" => order == Equal,
            "ne" => order != Equal,
            "lt" => order == Less,
            "le" => order != Greater,
            "gt" => order == Greater,
            _ => order != Less,
        },
    }
}

fn all_ops() -> Vec<String> {
    let unordered = ORDERED.iter().map(|op| format!("{op}u"));
    ORDERED.iter().map(|op| (*op).to_owned()).chain(unordered).chain(["num".to_owned(), "nan".to_owned()]).collect()
}

#[test]
fn floats_compare_with_nan() {
    let single = |word: u64| f64::from(f32::from_bits(word as u32));
    let flushed = |word: u64| {
        let x = f32::from_bits(word as u32);
        if x.is_subnormal() { 0.0 } else { f64::from(x) }
    };
    for op in all_ops() {
        let operands = rows(&[SINGLES, SINGLES], 100);
        exact(&format!("@setp.{op}.f32 %d0, %s0, %s1;"), &[Kind::B32; 2], Kind::Pred, &operands, |row| {
            holds(&op, single(row[0]), single(row[1])).into()
        });
        exact(&format!("@setp.{op}.ftz.f32 %d0, %s0, %s1;"), &[Kind::B32; 2], Kind::Pred, &operands, |row| {
            holds(&op, flushed(row[0]), flushed(row[1])).into()
        });
        let operands = rows(&[DOUBLES, DOUBLES], 100);
        exact(&format!("@setp.{op}.f64 %d0, %s0, %s1;"), &[Kind::B64; 2], Kind::Pred, &operands, |row| {
            holds(&op, f64::from_bits(row[0]), f64::from_bits(row[1])).into()
        });
        let operands = rows(&[HALVES, HALVES], 100);
        exact(&format!("@setp.{op}.f16 %d0, %s0, %s1;"), &[Kind::B16; 2], Kind::Pred, &operands, |row| {
            holds(&op, half_value(row[0] as u16), half_value(row[1] as u16)).into()
        });
        let pairs: Vec<Vec<u64>> = operands
            .iter()
            .zip(operands.iter().rev())
            .map(|(a, b)| vec![a[0] & 0xffff | b[0] << 16, a[1] & 0xffff | b[1] << 16])
            .collect();
        for (to, truth) in [("f16x2", 0x3c00), ("u32", 0xffff)] {
            exact(&format!("@set.{op}.{to}.f16x2 %d0, %s0, %s1;"), &[Kind::B32; 2], Kind::B32, &pairs, |row| {
                let half = |shift: u32| {
                    let at = |word: u64| half_value((word >> shift) as u16);
                    if holds(&op, at(row[0]), at(row[1])) { truth << shift } else { 0 }
                };
                half(0) | half(16)
            });
        }
    }
}

#[test]
fn a_comparison_is_joined_with_a_predicate_and_has_a_complement() {
    let operands = rows(&[&[3, 5, 7], &[5], &[0, 1]], 100);
    for join in ["and", "or", "xor"] {
        let f = |a: u64, b: u64| match join {
            "and" => a & b,
            "or" => a | b,
            _ => a ^ b,
        };
        for (not, flip) in [("", 0), ("!", 1)] {
            let text = format!("@setp.lt.{join}.u32 %d0|%d1, %s0, %s1, {not}%s2;");
            let kinds = [Kind::B32, Kind::B32, Kind::Pred];
            check(
                &text,
                &kinds,
                &[Kind::Pred, Kind::Pred],
                &operands,
                |row| {
                    let less = u64::from((row[0] as u32) < row[1] as u32);
                    let with = u64::from(row[2] != 0) ^ flip;
                    vec![f(less, with), f(less ^ 1, with)]
                },
                |got, want| got == want,
            );
        }
    }
    // The guard is a target too: it decides before it is written.
    let text = "{ .reg .pred %g, %h; setp.eq.u32 %g, %s1, 5; setp.ne.u32 %h, 0, 0; @%g setp.lt.u32 %g|%h, %s0, %s1;
        @selp.u32 %d0, 1, 0, %g; @selp.u32 %d1, 1, 0, %h; }"
        .replace("@%g", "\u{1}");
    // The helper's `@` is not this one.
    let rows: Vec<Vec<u64>> = (0..128).map(|i| vec![i % 8, 5 + i % 2]).collect();
    for lanes in crate::support::LANES {
        let ptx =
            crate::support::kernel(&text.replace('@', "").replace('\u{1}', "@%g"), &[Kind::B32; 2], &[Kind::B32; 2]);
        let results = crate::support::run(&ptx, &rows, |_| true, 2, lanes);
        for (row, result) in rows.iter().zip(results) {
            let want = if row[1] == 5 { vec![u64::from(row[0] < 5), u64::from(row[0] >= 5)] } else { vec![0, 0] };
            assert_eq!(result, want, "{row:?}");
        }
    }
}

#[test]
fn set_and_select() {
    let operands = rows(&[SINGLES, SINGLES], 100);
    let less = |row: &[u64]| f32::from_bits(row[0] as u32) < f32::from_bits(row[1] as u32);
    exact("@set.lt.u32.f32 %d0, %s0, %s1;", &[Kind::B32; 2], Kind::B32, &operands, |row| {
        if less(row) { u64::MAX } else { 0 }
    });
    exact("@set.lt.f32.f32 %d0, %s0, %s1;", &[Kind::B32; 2], Kind::B32, &operands, |row| {
        if less(row) { 0x3f80_0000 } else { 0 }
    });
    let with = rows(&[WORDS, WORDS, &[0, 1]], 100);
    exact("@set.gt.and.s32.s32 %d0, %s0, %s1, %s2;", &[Kind::B32, Kind::B32, Kind::Pred], Kind::B32, &with, |row| {
        if (row[0] as i32) > row[1] as i32 && row[2] != 0 { u64::MAX } else { 0 }
    });
    for (name, kind) in
        [("b16", Kind::B16), ("b32", Kind::B32), ("f32", Kind::B32), ("b64", Kind::B64), ("f64", Kind::B64)]
    {
        exact(&format!("@selp.{name} %d0, %s0, %s1, %s2;"), &[kind, kind, Kind::Pred], kind, &with, |row| {
            if row[2] != 0 { row[0] } else { row[1] }
        });
    }
    let by = rows(&[WORDS, WORDS, SINGLES], 100);
    for (name, kind) in [("u32", Kind::B32), ("u64", Kind::B64)] {
        exact(&format!("@slct.{name}.s32 %d0, %s0, %s1, %s2;"), &[kind, kind, Kind::B32], kind, &by, |row| {
            if row[2] as i32 >= 0 { row[0] } else { row[1] }
        });
        exact(&format!("@slct.{name}.f32 %d0, %s0, %s1, %s2;"), &[kind, kind, Kind::B32], kind, &by, |row| {
            if f32::from_bits(row[2] as u32) >= 0.0 { row[0] } else { row[1] }
        });
        exact(&format!("@slct.ftz.{name}.f32 %d0, %s0, %s1, %s2;"), &[kind, kind, Kind::B32], kind, &by, |row| {
            let c = f32::from_bits(row[2] as u32);
            if c >= 0.0 || c.is_subnormal() { row[0] } else { row[1] }
        });
    }
}
