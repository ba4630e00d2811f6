//! Logic, shifts and fields, bit by bit as the manual writes them ("Integer Arithmetic Instructions", "Logic and Shift Instructions").

use crate::support::{Kind, Random, exact, rows};

const EDGES: &[u64] =
    &[0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 1 << 32, 1 << 63, u64::MAX];
const COUNTS: &[u64] =
    &[0, 1, 7, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 255, 256, 257, 0x1_0010, 0x8000_0000, 0xffff_ffff];

const WIDTHS: [(&str, Kind, u32); 3] = [("16", Kind::B16, 16), ("32", Kind::B32, 32), ("64", Kind::B64, 64)];

fn mask(bits: u32) -> u64 {
    u64::MAX >> (64 - bits)
}

fn signed(word: u64, bits: u32) -> i128 {
    let low = i128::from(word & mask(bits));
    if low >> (bits - 1) == 1 { low - (1i128 << bits) } else { low }
}

#[test]
fn logic() {
    for (name, kind, bits) in WIDTHS {
        let two = rows(&[EDGES, EDGES], 100);
        exact(&format!("@and.b{name} %d0, %s0, %s1;"), &[kind; 2], kind, &two, |row| row[0] & row[1]);
        exact(&format!("@or.b{name} %d0, %s0, %s1;"), &[kind; 2], kind, &two, |row| row[0] | row[1]);
        exact(&format!("@xor.b{name} %d0, %s0, %s1;"), &[kind; 2], kind, &two, |row| row[0] ^ row[1]);
        exact(&format!("@not.b{name} %d0, %s0;"), &[kind; 2], kind, &two, |row| !row[0]);
        exact(&format!("@cnot.b{name} %d0, %s0;"), &[kind; 2], kind, &two, |row| u64::from(row[0] & mask(bits) == 0));
    }
    let truths = rows(&[&[0, 1], &[0, 1]], 0);
    let pred = [Kind::Pred; 2];
    exact("@and.pred %d0, %s0, %s1;", &pred, Kind::Pred, &truths, |row| row[0] & row[1]);
    exact("@or.pred %d0, %s0, !%s1;", &pred, Kind::Pred, &truths, |row| row[0] | (row[1] ^ 1));
    exact("@xor.pred %d0, !%s0, %s1;", &pred, Kind::Pred, &truths, |row| row[0] ^ 1 ^ row[1]);
    exact("@not.pred %d0, %s0;", &pred, Kind::Pred, &truths, |row| row[0] ^ 1);
    exact("@mov.pred %d0, %s1;", &pred, Kind::Pred, &truths, |row| row[1]);
}

#[test]
fn shifts_beyond_the_width() {
    for (name, kind, bits) in WIDTHS {
        let rows = rows(&[EDGES, COUNTS], 200);
        let count = |row: &[u64]| (row[1] & 0xffff_ffff).min(u64::from(bits)) as u32;
        let kinds = [kind, Kind::B32];
        exact(&format!("@shl.b{name} %d0, %s0, %s1;"), &kinds, kind, &rows, |row| {
            (u128::from(row[0] & mask(bits)) << count(row)) as u64
        });
        for ty in ["b", "u"] {
            exact(&format!("@shr.{ty}{name} %d0, %s0, %s1;"), &kinds, kind, &rows, |row| {
                (u128::from(row[0] & mask(bits)) >> count(row)) as u64
            });
        }
        exact(&format!("@shr.s{name} %d0, %s0, %s1;"), &kinds, kind, &rows, |row| {
            (signed(row[0], bits) >> count(row)) as u64
        });
    }
}

#[test]
fn funnel_shifts() {
    let rows = rows(&[EDGES, EDGES, COUNTS], 200);
    for (mode, limit) in [("wrap", false), ("clamp", true)] {
        let count = move |c: u64| if limit { (c & 0xffff_ffff).min(32) } else { c & 31 } as u32;
        let pair = |row: &[u64]| (row[1] & 0xffff_ffff) << 32 | row[0] & 0xffff_ffff;
        exact(&format!("@shf.l.{mode}.b32 %d0, %s0, %s1, %s2;"), &[Kind::B32; 3], Kind::B32, &rows, |row| {
            ((u128::from(pair(row)) << count(row[2])) >> 32) as u64
        });
        exact(&format!("@shf.r.{mode}.b32 %d0, %s0, %s1, %s2;"), &[Kind::B32; 3], Kind::B32, &rows, |row| {
            pair(row) >> count(row[2])
        });
    }
}

#[test]
fn counts_and_reversals() {
    for (name, kind, bits) in &WIDTHS[1..] {
        let rows = rows(&[EDGES], 200);
        let bit = |word: u64, at: u32| word >> at & 1;
        exact(&format!("@popc.b{name} %d0, %s0;"), &[*kind], Kind::B32, &rows, |row| {
            (0..*bits).map(|at| bit(row[0], at)).sum()
        });
        exact(&format!("@clz.b{name} %d0, %s0;"), &[*kind], Kind::B32, &rows, |row| {
            (0..*bits).rev().take_while(|&at| bit(row[0], at) == 0).count() as u64
        });
        exact(&format!("@brev.b{name} %d0, %s0;"), &[*kind], *kind, &rows, |row| {
            (0..*bits).fold(0, |out, at| out | bit(row[0], at) << (bits - 1 - at))
        });
        for ty in ["u", "s"] {
            for shift in [false, true] {
                let text = format!("@bfind{}.{ty}{name} %d0, %s0;", if shift { ".shiftamt" } else { "" });
                exact(&text, &[*kind], Kind::B32, &rows, |row| {
                    let sign = if ty == "s" { bit(row[0], bits - 1) } else { 0 };
                    let found = (0..*bits).rev().find(|&at| bit(row[0], at) != sign);
                    found.map_or(0xffff_ffff, |at| u64::from(if shift { bits - 1 - at } else { at }))
                });
            }
        }
    }
}

#[test]
fn fields() {
    for (name, kind, bits) in &WIDTHS[1..] {
        let bits = *bits;
        let operands = rows(&[EDGES, COUNTS, COUNTS], 400);
        for ty in ["u", "s"] {
            exact(
                &format!("@bfe.{ty}{name} %d0, %s0, %s1, %s2;"),
                &[*kind, Kind::B32, Kind::B32],
                *kind,
                &operands,
                |row| {
                    let (a, pos, len) = (row[0], (row[1] & 0xff) as u32, (row[2] & 0xff) as u32);
                    let sign = if ty == "u" || len == 0 { 0 } else { a >> (pos + len - 1).min(bits - 1) & 1 };
                    (0..bits).fold(0, |out, i| {
                        let bit = if i < len && pos + i < bits { a >> (pos + i) & 1 } else { sign };
                        out | bit << i
                    })
                },
            );
        }
        let operands = rows(&[EDGES, EDGES, COUNTS, COUNTS], 400);
        let kinds = [*kind, *kind, Kind::B32, Kind::B32];
        exact(&format!("@bfi.b{name} %d0, %s0, %s1, %s2, %s3;"), &kinds, *kind, &operands, |row| {
            let (pos, len) = ((row[2] & 0xff) as u32, (row[3] & 0xff) as u32);
            (0..len)
                .filter(|i| pos + i < bits)
                .fold(row[1], |out, i| out & !(1 << (pos + i)) | (row[0] >> i & 1) << (pos + i))
        });
    }
    let operands = rows(&[COUNTS, COUNTS], 100);
    for (mode, wraps) in [("clamp", false), ("wrap", true)] {
        exact(&format!("@bmsk.{mode}.b32 %d0, %s0, %s1;"), &[Kind::B32; 2], Kind::B32, &operands, |row| {
            let (a, b) = (row[0] & 0xffff_ffff, row[1] & 0xffff_ffff);
            let (a, b) = if wraps { (a & 31, b & 31) } else { (a, b) };
            (0..32).filter(|&at| at >= a && at < a + b).fold(0, |out, at| out | 1 << at)
        });
        for ty in ["u32", "s32"] {
            let operands = rows(&[EDGES, COUNTS], 100);
            exact(&format!("@szext.{mode}.{ty} %d0, %s0, %s1;"), &[Kind::B32; 2], Kind::B32, &operands, |row| {
                let n = if wraps { row[1] & 31 } else { (row[1] & 0xffff_ffff).min(32) } as u32;
                match (n, ty) {
                    (0, _) => 0,
                    (_, "u32") => row[0] & mask(n),
                    _ => signed(row[0], n) as u64,
                }
            });
        }
    }
}

#[test]
fn bytes_are_picked() {
    let operands = rows(
        &[&[0x8070_6050, 0x0102_0384], &[0x1f2f_3f4f, 0x9181_7161], &[0x3210, 0x7654, 0xfedc, 0x0123, 0x4567, 3]],
        300,
    );
    let byte = |row: &[u64], at: u64| {
        let pair = (row[1] & 0xffff_ffff) << 32 | row[0] & 0xffff_ffff;
        pair >> (8 * at) & 0xff
    };
    let word = |bytes: [u64; 4]| bytes.iter().rev().fold(0, |word, byte| word << 8 | byte);
    exact("@prmt.b32 %d0, %s0, %s1, %s2;", &[Kind::B32; 3], Kind::B32, &operands, |row| {
        word([0, 1, 2, 3].map(|i| {
            let nibble = row[2] >> (4 * i) & 15;
            let picked = byte(row, nibble & 7);
            if nibble & 8 == 0 { picked } else { 0xff * (picked >> 7) }
        }))
    });
    // The tables of the manual, the most significant byte first.
    let modes: [(&str, [[u64; 4]; 4]); 6] = [
        ("f4e", [[3, 2, 1, 0], [4, 3, 2, 1], [5, 4, 3, 2], [6, 5, 4, 3]]),
        ("b4e", [[5, 6, 7, 0], [6, 7, 0, 1], [7, 0, 1, 2], [0, 1, 2, 3]]),
        ("rc8", [[0, 0, 0, 0], [1, 1, 1, 1], [2, 2, 2, 2], [3, 3, 3, 3]]),
        ("ecl", [[3, 2, 1, 0], [3, 2, 1, 1], [3, 2, 2, 2], [3, 3, 3, 3]]),
        ("ecr", [[0, 0, 0, 0], [1, 1, 1, 0], [2, 2, 1, 0], [3, 2, 1, 0]]),
        ("rc16", [[1, 0, 1, 0], [3, 2, 3, 2], [1, 0, 1, 0], [3, 2, 3, 2]]),
    ];
    for (mode, table) in modes {
        exact(&format!("@prmt.b32.{mode} %d0, %s0, %s1, %s2;"), &[Kind::B32; 3], Kind::B32, &operands, |row| {
            let mut picks = table[(row[2] & 3) as usize];
            picks.reverse();
            word(picks.map(|at| byte(row, at)))
        });
    }
}

#[test]
fn any_function_of_three_bits() {
    let mut random = Random(3);
    let operands: Vec<Vec<u64>> = (0..128).map(|_| (0..3).map(|_| random.next()).collect()).collect();
    for table in (0..256u64).step_by(15).chain([0x96, 0xe8, 0xca, 0x80, 0xfe]) {
        exact(&format!("@lop3.b32 %d0, %s0, %s1, %s2, {table};"), &[Kind::B32; 3], Kind::B32, &operands, |row| {
            let bit = |word: u64, at: u64| word >> at & 1;
            (0..32).fold(0, |out, at| {
                let case = bit(row[0], at) << 2 | bit(row[1], at) << 1 | bit(row[2], at);
                out | (table >> case & 1) << at
            })
        });
    }
}
