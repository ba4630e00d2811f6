//! `wmma` ("Matrix multiply-accumulate operation using wmma instructions"): tiles are loaded from memory, multiplied
//! and stored again; the manual leaves the fragments in between open.

use simgpu::{Error, FindingKind, Gpu, Launch, Settings};

use crate::support::{LANES, Random};

struct Format {
    ab: &'static str,
    /// Registers of A, B, C in 16×16, 32×8 and 8×32.
    registers: [[usize; 3]; 3],
    /// Bits of a small whole number, and bytes.
    bits: fn(i64) -> u64,
    bytes: usize,
}

/// A small whole number in binary16.
fn half(x: i64) -> u64 {
    let bits = (x as f32).to_bits();
    if x == 0 { 0 } else { u64::from(bits >> 16 & 0x8000 | ((bits >> 13 & 0x3ffff) - (112 << 10)) & 0x7fff) }
}

const FORMATS: [Format; 4] = [
    Format { ab: "f16", registers: [[8, 8, 8]; 3], bits: half, bytes: 2 },
    Format {
        ab: "bf16",
        registers: [[4, 4, 8], [8, 2, 8], [2, 8, 8]],
        bits: |x| u64::from((x as f32).to_bits() >> 16),
        bytes: 2,
    },
    Format { ab: "s8", registers: [[2, 2, 8], [4, 1, 8], [1, 4, 8]], bits: |x| x as u8 as u64, bytes: 1 },
    Format { ab: "tf32", registers: [[4, 4, 8]; 3], bits: |x| u64::from((x as f32).to_bits()), bytes: 4 },
];

/// One product: D = A·B + C, with A in `layouts[0]`, B in `layouts[1]`, C and D in `layouts[2]`, each with its own pitch.
fn ptx(format: &Format, [m, n, k]: [usize; 3], sums: &str, layouts: [&str; 3], pitches: [usize; 3]) -> String {
    let shape = format!("m{m}n{n}k{k}");
    let which = if m == 16 {
        0
    } else if m == 32 {
        1
    } else {
        2
    };
    let list = |name: &str, count: usize| {
        let items: Vec<String> = (0..count).map(|i| format!("%{name}{i}")).collect();
        format!("{{{}}}", items.join(", "))
    };
    let counts = format.registers[which];
    let of_sums = if sums == "f16" { 4 } else { counts[2] };
    let [a, b, c] = [list("a", counts[0]), list("b", counts[1]), list("c", of_sums)];
    let types = if format.ab == "f16" { format!("{sums}.{sums}") } else { format!("{sums}.{0}.{0}.{sums}", format.ab) };
    let [pa, pb, pc] = pitches;
    // A from global memory, B from a generic address, C from global memory, D through shared memory.
    format!(
        ".version 8.0\n.target sm_80\n.address_size 64\n
        .visible .entry k(.param .u64 pa, .param .u64 pb, .param .u64 pc, .param .u64 pd) {{
        .reg .b64 %p<5>; .reg .b32 %a<8>, %b<8>, %c<8>, %s, %i; .reg .pred %q; .shared .align 32 .b8 place[8192]; .reg .b64 %from, %to, %at;
        ld.param.u64 %p0, [pa]; ld.param.u64 %p1, [pb]; ld.param.u64 %p2, [pc]; ld.param.u64 %p3, [pd]; mov.u32 %s, {pa};
        wmma.load.a.sync.aligned.{0}.{shape}.global.{1} {a}, [%p0], %s;
        wmma.load.b.sync.aligned.{2}.{shape}.{1} {b}, [%p1], {pb};
        wmma.load.c.sync.aligned.{3}.{shape}.global.{sums} {c}, [%p2], {pc};
        wmma.mma.sync.aligned.{0}.{2}.{shape}.{types} {c}, {a}, {b}, {c};
        mov.u64 %from, place;
        wmma.store.d.sync.aligned.{3}.{shape}.shared.{sums} [%from+16], {c};
        bar.warp.sync -1; add.u64 %from, %from, 16; mov.u32 %i, %laneid; mul.wide.u32 %at, %i, 4;
        add.u64 %from, %from, %at; add.u64 %p3, %p3, %at;
        $copy: ld.shared.u32 %s, [%from]; st.global.u32 [%p3], %s; add.u64 %from, %from, 128; add.u64 %p3, %p3, 128;
        add.u32 %i, %i, 32; setp.lt.u32 %q, %i, {4}; @%q bra $copy; ret; }}",
        layouts[0],
        format.ab,
        layouts[1],
        layouts[2],
        if sums == "f16" { m * n / 2 } else { m * n }
    )
}

/// A matrix in memory.
fn lay_out(matrix: &[Vec<i64>], layout: &str, pitch: usize, bytes: usize, bits: impl Fn(i64) -> u64) -> Vec<u8> {
    let (rows, columns) = (matrix.len(), matrix[0].len());
    let mut out = vec![0xff; bytes * pitch * if layout == "row" { rows } else { columns }];
    for (row, elements) in matrix.iter().enumerate() {
        for (column, &element) in elements.iter().enumerate() {
            let at = if layout == "row" { row * pitch + column } else { column * pitch + row };
            out[bytes * at..][..bytes].copy_from_slice(&bits(element).to_le_bytes()[..bytes]);
        }
    }
    out
}

fn multiply(format: &Format, shape: [usize; 3], sums: &str, layouts: [&str; 3]) {
    let [m, n, k] = shape;
    let mut random = Random(m as u64 + 7 * k as u64);
    let mut matrix = |rows: usize, columns: usize| -> Vec<Vec<i64>> {
        (0..rows).map(|_| (0..columns).map(|_| random.below(9) as i64 - 4).collect()).collect()
    };
    let (a, b, c) = (matrix(m, k), matrix(k, n), matrix(m, n));
    let inner = |layout: &str, rows: usize, columns: usize| if layout == "row" { columns } else { rows };
    let pitches = [inner(layouts[0], m, k) + 8, inner(layouts[1], k, n) + 16, inner(layouts[2], m, n) + 4];
    let text = ptx(format, shape, sums, layouts, pitches);
    let of_sum = |x: i64| match sums {
        "f16" => half(x),
        "s32" => x as u32 as u64,
        _ => u64::from((x as f32).to_bits()),
    };
    let sum_bytes = if sums == "f16" { 2 } else { 4 };
    let product: Vec<Vec<i64>> =
        (0..m).map(|i| (0..n).map(|j| c[i][j] + (0..k).map(|l| a[i][l] * b[l][j]).sum::<i64>()).collect()).collect();
    // D has the pitch that is not written: its rows or columns follow each other.
    let want = lay_out(&product, layouts[2], inner(layouts[2], m, n), sum_bytes, of_sum);
    for lanes in LANES {
        let gpu = Gpu::new(Settings { lanes: Some(lanes), ..Settings::default() });
        let module = gpu.load(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let upload = |bytes: &[u8]| {
            let address = gpu.allocate(bytes.len() as u64).expect("memory");
            gpu.write(address, bytes).expect("a range");
            address
        };
        let at = [
            upload(&lay_out(&a, layouts[0], pitches[0], format.bytes, format.bits)),
            upload(&lay_out(&b, layouts[1], pitches[1], format.bytes, format.bits)),
            upload(&lay_out(&c, layouts[2], pitches[2], sum_bytes, of_sum)),
            gpu.allocate(want.len() as u64).expect("memory"),
        ];
        let params: Vec<u8> = at.iter().flat_map(|address| address.to_le_bytes()).collect();
        let launch = Launch { grid: [1, 1, 1], block: [32, 1, 1], shared_bytes: 0, params: &params };
        let report = gpu.launch(&module, "k", &launch).expect("a launch");
        assert_eq!(report.findings, [], "{} {shape:?} {layouts:?}", format.ab);
        assert_eq!(report.counters.flops_tensor, 2 * (m * n * k) as u64);
        let mut got = vec![0; want.len()];
        gpu.read(at[3], &mut got).expect("a range");
        assert!(got == want, "{} {shape:?} {sums} {layouts:?} on {lanes:?}", format.ab);
    }
}

#[test]
fn tiles_of_every_shape_format_and_layout() {
    for format in &FORMATS[..3] {
        for shape in [[16, 16, 16], [32, 8, 16], [8, 32, 16]] {
            for layouts in [["row", "col", "row"], ["col", "row", "col"], ["row", "row", "row"]] {
                multiply(format, shape, if format.ab == "s8" { "s32" } else { "f32" }, layouts);
            }
        }
    }
    multiply(&FORMATS[0], [16, 16, 16], "f16", ["row", "col", "row"]);
    multiply(&FORMATS[0], [32, 8, 16], "f16", ["col", "col", "col"]);
    for layouts in [["row", "col", "row"], ["col", "row", "col"]] {
        multiply(&FORMATS[3], [16, 16, 8], "f32", layouts);
    }
}

#[test]
fn a_tile_that_reaches_too_far_is_found() {
    let text = ptx(&FORMATS[0], [16, 16, 16], "f32", ["row", "col", "row"], [16, 16, 16]);
    let gpu = Gpu::new(Settings::default());
    let module = gpu.load(&text).expect("PTX");
    // A is one row too short.
    let at = [2 * 15 * 16, 512, 1024, 1024].map(|bytes| gpu.allocate_initialized(bytes).expect("memory"));
    let params: Vec<u8> = at.iter().flat_map(|address| address.to_le_bytes()).collect();
    let launch = Launch { grid: [1, 1, 1], block: [32, 1, 1], shared_bytes: 0, params: &params };
    let findings = gpu.launch(&module, "k", &launch).expect("a launch").findings;
    assert_eq!(
        findings.iter().map(|finding| (finding.kind, finding.count)).collect::<Vec<_>>(),
        [(FindingKind::OutOfBounds, 16)]
    );
}

#[test]
fn what_there_is_not_is_refused() {
    let text = ptx(&FORMATS[0], [16, 16, 16], "f32", ["row", "col", "row"], [16, 16, 16]);
    for (from, to) in [
        ("wmma.load.a.sync.aligned.row.m16n16k16", "wmma.load.a.sync.aligned.row.m16n16k32"),
        ("wmma.mma.sync.aligned.row.col.m16n16k16.f32.f32", "wmma.mma.sync.aligned.row.col.m16n16k16.f32.f16.f16.f32"),
        ("global.f16", "global.f64"),
        ("shared.f32", "param.f32"),
        ("wmma.load.c", "wmma.load.d"),
    ] {
        assert!(text.contains(from), "{from}");
        let error = Gpu::new(Settings::default()).load(&text.replacen(from, to, 1)).expect_err(to);
        assert!(matches!(error, Error::Unsupported { .. }), "{to}: {error}");
    }
}
