//! `mma`, `ldmatrix`, `stmatrix` and `cp.async` against plain loops over the manual's fragment layouts ("Warp-level Matrix
//! Multiply-Accumulate Instructions", "Data Movement and Conversion Instructions: Asynchronous copy").

use crate::support::{Kind, LANES, Random, kernel, run};

/// A small whole number as the bits of a format: sums of their products are exact in every order.
fn bits(x: i32, format: &str) -> u64 {
    let single = (x as f32).to_bits();
    match format {
        "bf16" => u64::from(single >> 16),
        "f16" if x == 0 => 0,
        // The exponent's bias is 15, not 127, and the fraction has 10 bits.
        "f16" => u64::from(single >> 16 & 0x8000 | ((single >> 13 & 0x3ffff) - (112 << 10)) & 0x7fff),
        "f64" => f64::from(x).to_bits(),
        _ => u64::from(single),
    }
}

/// Shape, formats of A, B and of C, D.
fn multiply(k: usize, m: usize, shape: &str, ab: &str, cd: &str) {
    let mut random = Random(k as u64);
    let mut number = || random.below(9) as i32 - 4;
    let a: Vec<Vec<i32>> = (0..m).map(|_| (0..k).map(|_| number()).collect()).collect();
    let b: Vec<Vec<i32>> = (0..k).map(|_| (0..8).map(|_| number()).collect()).collect();
    let c: Vec<Vec<i32>> = (0..m).map(|_| (0..8).map(|_| number()).collect()).collect();
    let halves = ab == "bf16" || ab == "f16";
    let wide = ab == "f64";
    let pack = |low: u64, high: u64| low | high << 16;
    // Columns of A a lane's register has, and the step from register to register.
    let sums = |matrix: &Vec<Vec<i32>>, lane: usize| -> Vec<u64> {
        let (group, place) = (lane / 4, 2 * (lane % 4));
        let rows: &[usize] = if m == 16 { &[0, 8] } else { &[0] };
        rows.iter()
            .flat_map(|skip| {
                let [x, y] = [matrix[group + skip][place], matrix[group + skip][place + 1]].map(|x| bits(x, cd));
                if cd == "f16" { vec![pack(x, y)] } else { vec![x, y] }
            })
            .collect()
    };
    let fragments: Vec<[Vec<u64>; 3]> = (0..32)
        .map(|lane| {
            let (group, place) = (lane / 4, lane % 4);
            let mut of_a = Vec::new();
            let mut of_b = Vec::new();
            for step in (0..k).step_by(if halves { 8 } else { 4 }) {
                for skip in if m == 16 { &[0, 8][..] } else { &[0] } {
                    let row = &a[group + skip];
                    of_a.push(if halves {
                        pack(bits(row[step + 2 * place], ab), bits(row[step + 2 * place + 1], ab))
                    } else {
                        bits(row[step + place], ab)
                    });
                }
                of_b.push(if halves {
                    pack(bits(b[step + 2 * place][group], ab), bits(b[step + 2 * place + 1][group], ab))
                } else {
                    bits(b[step + place][group], ab)
                });
            }
            [of_a, of_b, sums(&c, lane)]
        })
        .collect();
    let product: Vec<Vec<i32>> =
        (0..m).map(|i| (0..8).map(|j| c[i][j] + (0..k).map(|l| a[i][l] * b[l][j]).sum::<i32>()).collect()).collect();
    // The operands come from a table in the text, chosen by the lane: five words a row are too few for them.
    let word = if wide { "b64" } else { "b32" };
    let bytes = if wide { 8 } else { 4 };
    let lengths: Vec<usize> = fragments[0].iter().map(Vec::len).collect();
    let all: Vec<String> = fragments.iter().flatten().flatten().map(u64::to_string).collect();
    let total: usize = lengths.iter().sum();
    let mut text = format!(
        "{{ .reg .{word} %m<{total}>; .reg .b64 %a, %o; .reg .b32 %l; mov.u32 %l, %laneid; mov.u64 %a, operands;
        mul.wide.u32 %o, %l, {}; add.u64 %a, %a, %o;\n",
        bytes * total
    );
    (0..total).for_each(|i| text.push_str(&format!("ld.global.{word} %m{i}, [%a+{}];\n", bytes * i)));
    let list = |first: usize, count: usize, name: &str| {
        let items: Vec<String> = (first..first + count).map(|i| format!("%{name}{i}")).collect();
        format!("{{{}}}", items.join(", "))
    };
    text.push_str(&format!(
        "mma.sync.aligned.{shape}.row.col.{cd}.{ab}.{ab}.{cd} {}, {}, {}, {}; }}",
        list(0, lengths[2], "d"),
        list(0, lengths[0], "m"),
        list(lengths[0], lengths[1], "m"),
        list(lengths[0] + lengths[1], lengths[2], "m"),
    ));
    let kind = if wide { Kind::B64 } else { Kind::B32 };
    let table = format!(".global .align 8 .{word} operands[{}] = {{{}}};\n.visible .entry", all.len(), all.join(", "));
    let ptx = kernel(&text, &[], &vec![kind; lengths[2]]).replace(".visible .entry", &table);
    for lanes in LANES {
        let results = run(&ptx, &vec![Vec::new(); 128], |_| true, lengths[2], lanes);
        for (thread, result) in results.iter().enumerate() {
            assert_eq!(*result, sums(&product, thread % 32), "{shape} {ab} {cd}, lane {}, {lanes:?}", thread % 32);
        }
    }
}

#[test]
fn products_of_every_shape_and_format() {
    for ab in ["f16", "bf16"] {
        multiply(16, 16, "m16n8k16", ab, "f32");
        multiply(8, 16, "m16n8k8", ab, "f32");
    }
    multiply(16, 16, "m16n8k16", "f16", "f16");
    multiply(8, 16, "m16n8k8", "f16", "f16");
    multiply(8, 16, "m16n8k8", "tf32", "f32");
    multiply(4, 16, "m16n8k4", "tf32", "f32");
    multiply(4, 8, "m8n8k4", "f64", "f64");
}

#[test]
fn matrices_are_loaded_row_by_row_or_transposed() {
    for count in [1usize, 2, 4] {
        for transposed in [false, true] {
            // Four 8×8 matrices a warp, each element its own number; rows of 16 bytes.
            let targets: Vec<String> = (0..count).map(|i| format!("%d{i}")).collect();
            let text = format!(
                "{{ .reg .b64 %a, %o; .reg .b32 %l, %v, %w; .shared .align 16 .b8 place[2048];
                mov.u32 %w, %tid.x; mov.u64 %a, place; mul.wide.u32 %o, %w, 16; add.u64 %a, %a, %o; and.b32 %l, %w, 31;
                mul.lo.u32 %v, %l, 0x00080008; add.u32 %v, %v, 0x00010000; st.shared.b32 [%a], %v;
                add.u32 %v, %v, 0x00020002; st.shared.b32 [%a+4], %v; add.u32 %v, %v, 0x00020002; st.shared.b32 [%a+8], %v;
                add.u32 %v, %v, 0x00020002; st.shared.b32 [%a+12], %v; bar.sync 0;
                ldmatrix.sync.aligned.m8n8.x{count}{}.shared.b16 {{{}}}, [%a]; }}",
                if transposed { ".trans" } else { "" },
                targets.join(", ")
            );
            let ptx = kernel(&text, &[], &vec![Kind::B32; count]);
            for lanes in LANES {
                for (thread, result) in run(&ptx, &vec![Vec::new(); 128], |_| true, count, lanes).iter().enumerate() {
                    let (group, place) = (thread as u64 % 32 / 4, 2 * (thread as u64 % 4));
                    for (matrix, &word) in result.iter().enumerate() {
                        let at = |row: u64, column: u64| 64 * matrix as u64 + 8 * row + column;
                        let want = if transposed {
                            at(place, group) | at(place + 1, group) << 16
                        } else {
                            at(group, place) | at(group, place + 1) << 16
                        };
                        assert_eq!(word, want, "x{count}, transposed: {transposed}, thread {thread}");
                    }
                }
            }
        }
    }
}

#[test]
fn copies_fill_with_zeros_and_arrive_by_group() {
    let mut random = Random(4);
    let rows: Vec<Vec<u64>> = (0..128).map(|i| vec![random.next(), random.next(), i % 3 * 4]).collect();
    // The row's words 2 and 3 are 16 bytes at a multiple of 16.
    let text = "{ .reg .b64 %a, %o, %x; .reg .b32 %w; .shared .align 16 .b8 place[4096];
        mov.u32 %w, %tid.x; mov.u64 %a, place; mul.wide.u32 %o, %w, 32; add.u64 %a, %a, %o; add.u64 %x, %in, 16;
        cp.async.ca.shared.global [%a], [%x], 8, %s2; cp.async.commit_group;
        cp.async.cg.shared.global [%a+16], [%x], 16; cp.async.commit_group;
        cp.async.wait_group 1; ld.shared.b64 %d0, [%a];
        cp.async.wait_all; ld.shared.v2.b64 {%d1, %d2}, [%a+16]; }";
    let ptx = kernel(text, &[Kind::B64, Kind::B64, Kind::B32], &[Kind::B64; 3]);
    for lanes in LANES {
        for (row, result) in rows.iter().zip(run(&ptx, &rows, |_| true, 3, lanes)) {
            let low = if row[2] == 0 { 0 } else { row[1] & (u64::MAX >> (64 - 8 * row[2])) };
            assert_eq!(result, [low, row[1], row[2]], "{row:x?}");
        }
    }
}

/// The fragments of one lane: A (M×K), B (K×8), C (M×8), registers of `e` elements of `8 · 4 / e` bits. The manual's tables, "Matrix multiply-accumulate
/// operation using mma instruction".
fn bytes_multiply(m: usize, k: usize, a_type: &str, b_type: &str, satfinite: bool, start: i64) {
    let mut random = Random(k as u64 + m as u64);
    let mut byte = |ty: &str| -> i64 {
        let raw = random.next() as u8;
        if ty == "s8" { i64::from(raw as i8) } else { i64::from(raw) }
    };
    let a: Vec<Vec<i64>> = (0..m).map(|_| (0..k).map(|_| byte(a_type)).collect()).collect();
    let b: Vec<Vec<i64>> = (0..k).map(|_| (0..8).map(|_| byte(b_type)).collect()).collect();
    let pack = |bytes: [i64; 4]| bytes.iter().rev().fold(0u64, |word, &byte| word << 8 | (byte as u8 as u64));
    let of_lane = |lane: usize| {
        let (group, place) = (lane / 4, lane % 4);
        let mut words = Vec::new();
        for step in 0..k / 16 {
            for skip in (0..m).step_by(8) {
                words.push(pack([0, 1, 2, 3].map(|i| a[group + skip][16 * step + 4 * place + i])));
            }
        }
        for step in 0..k / 16 {
            words.push(pack([0, 1, 2, 3].map(|i| b[16 * step + 4 * place + i][group])));
        }
        words
    };
    let want = |row: usize, column: usize| {
        let sum = start + (0..k).map(|l| a[row][l] * b[l][column]).sum::<i64>();
        if satfinite { sum.clamp(i32::MIN.into(), i32::MAX.into()) as u32 } else { sum as u32 }
    };
    let (of_a, of_b, sums) = (m / 8 * (k / 16), k / 16, m / 4);
    let total = of_a + of_b;
    let all: Vec<String> = (0..32).flat_map(of_lane).map(|word| word.to_string()).collect();
    let list = |name: &str, first: usize, count: usize| {
        (first..first + count).map(|i| format!("%{name}{i}")).collect::<Vec<_>>().join(", ")
    };
    let mut text = format!(
        "{{ .reg .b32 %m<{total}>; .reg .b64 %a, %o; .reg .b32 %l; mov.u32 %l, %laneid; mov.u64 %a, operands;
        mul.wide.u32 %o, %l, {}; add.u64 %a, %a, %o;\n",
        4 * total
    );
    (0..total).for_each(|i| text.push_str(&format!("ld.global.b32 %m{i}, [%a+{}];\n", 4 * i)));
    let constants = vec![start.to_string(); sums].join(", ");
    text.push_str(&format!(
        "mma.sync.aligned.m{m}n8k{k}.row.col{}.s32.{a_type}.{b_type}.s32 {{{}}}, {{{}}}, {{{}}}, {{{constants}}}; }}",
        if satfinite { ".satfinite" } else { "" },
        list("d", 0, sums),
        list("m", 0, of_a),
        list("m", of_a, of_b),
    ));
    let table = format!(".global .align 8 .b32 operands[{}] = {{{}}};\n.visible .entry", all.len(), all.join(", "));
    let ptx = kernel(&text, &[], &vec![Kind::B32; sums]).replace(".visible .entry", &table);
    for lanes in LANES {
        for (thread, result) in run(&ptx, &vec![Vec::new(); 128], |_| true, sums, lanes).iter().enumerate() {
            let (group, place) = (thread % 32 / 4, 2 * (thread % 4));
            for (index, &word) in result.iter().enumerate() {
                let expected = want(group + 8 * (index / 2), place + index % 2);
                assert_eq!(word, u64::from(expected), "m{m}n8k{k} {a_type} {b_type}, thread {thread}, {index}");
            }
        }
    }
}

#[test]
fn products_of_bytes() {
    for (a, b) in [("s8", "s8"), ("s8", "u8"), ("u8", "s8"), ("u8", "u8")] {
        bytes_multiply(16, 32, a, b, false, -7);
        bytes_multiply(16, 16, a, b, false, 100);
        bytes_multiply(8, 16, a, b, false, 0);
    }
    // Sums that pass the end wrap, or stop there.
    bytes_multiply(16, 32, "u8", "u8", false, i64::from(i32::MAX));
    bytes_multiply(16, 32, "u8", "u8", true, i64::from(i32::MAX));
    bytes_multiply(16, 32, "s8", "s8", true, i64::from(i32::MIN));
}

#[test]
fn products_of_eight_bit_floats() {
    // 1, 2, −0.5 and 0 in both formats; every element of A is a, of B is b, so that each sum is 32·a·b + c.
    let bits = [("e4m3", [0x38u64, 0x40, 0xb0, 0]), ("e5m2", [0x3c, 0x40, 0xb8, 0])];
    let values = [1.0f32, 2.0, -0.5, 0.0];
    for (a_type, of_a) in bits {
        for (b_type, of_b) in bits {
            for (a, b) in (0..4).flat_map(|a| (0..4).map(move |b| (a, b))) {
                let [wa, wb] = [of_a[a], of_b[b]].map(|byte| byte * 0x0101_0101);
                let text = format!(
                    "mma.sync.aligned.m16n8k32.row.col.f32.{a_type}.{b_type}.f32 {{%d0, %d1, %d2, %d3}}, {{{wa}, {wa}, {wa}, {wa}}}, {{{wb}, {wb}}},
                     {{0f3F800000, 0f3F800000, 0f3F800000, 0f3F800000}};"
                );
                let ptx = kernel(&text, &[], &[Kind::B32; 4]);
                let want = u64::from((32.0 * values[a] * values[b] + 1.0).to_bits());
                for result in run(&ptx, &vec![Vec::new(); 128], |_| true, 4, LANES[2]) {
                    assert_eq!(result, [want; 4], "{a_type} {b_type}");
                }
            }
        }
    }
}

#[test]
fn matrices_are_stored_as_they_are_loaded() {
    for count in [1usize, 2, 4] {
        for transposed in ["", ".trans"] {
            let list = |name: &str| (0..count).map(|i| format!("%{name}{i}")).collect::<Vec<_>>().join(", ");
            // Each warp stores numbers from its lanes and loads them back the same way.
            let text = format!(
                "{{ .reg .b64 %a, %o; .reg .b32 %l, %w, %v<4>; .shared .align 16 .b8 place[2048];
                mov.u32 %w, %tid.x; and.b32 %l, %w, 31; mov.u64 %a, place; mul.wide.u32 %o, %w, 16; add.u64 %a, %a, %o;
                mad.lo.u32 %v0, %l, 7, 0x10002; add.u32 %v1, %v0, 0x1000; add.u32 %v2, %v0, 0x2000; add.u32 %v3, %v0, 0x3000;
                stmatrix.sync.aligned.m8n8.x{count}{transposed}.shared.b16 [%a], {{{}}}; bar.warp.sync -1;
                ldmatrix.sync.aligned.m8n8.x{count}{transposed}.shared.b16 {{{}}}, [%a]; }}",
                list("v"),
                list("d"),
            );
            let ptx = kernel(&text, &[], &vec![Kind::B32; count]);
            for lanes in LANES {
                for (thread, result) in run(&ptx, &vec![Vec::new(); 128], |_| true, count, lanes).iter().enumerate() {
                    for (index, &word) in result.iter().enumerate() {
                        assert_eq!(
                            word,
                            (thread as u64 % 32) * 7 + 0x10002 + 0x1000 * index as u64,
                            "x{count}{transposed}"
                        );
                    }
                }
            }
        }
    }
}
