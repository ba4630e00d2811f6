//! A kernel around a few instructions: one thread a row of operands, one row of results each.

use std::fmt::Write;

use simgpu::{Checks, Error, Gpu, Lanes, Launch, LaunchReport, Settings};

/// The three ways to compute lanes. What the CPU does not have falls back to one that it has.
pub(crate) const LANES: [Lanes; 3] = [Lanes::Portable, Lanes::Avx2, Lanes::Avx512];

/// Words of a row of operands: whether the guard is true, and at most five operands.
const WIDTH: usize = 6;

/// What stands in a result that no thread writes.
pub(crate) const UNTOUCHED: u64 = 0xdead_beef_dead_beef;

/// The kind of a register, whose operands and results are the low bits of a `u64`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A predicate: 0 or 1.
    Pred,
    B16,
    B32,
    B64,
}

impl Kind {
    fn declared(self) -> &'static str {
        match self {
            Kind::Pred => ".pred",
            Kind::B16 => ".b16",
            Kind::B32 => ".b32",
            Kind::B64 => ".b64",
        }
    }

    fn mask(self) -> u64 {
        match self {
            Kind::Pred => 1,
            Kind::B16 => 0xffff,
            Kind::B32 => 0xffff_ffff,
            Kind::B64 => u64::MAX,
        }
    }
}

/// PTX of a kernel `k(in, out)`: the text between the loads of `%s0 …` and the stores of `%d0 …`. `%x`, `%y`, `%p`, `%q`,
/// `%rd`-like scratch registers are the text's own business, in braces.
pub(crate) fn kernel(text: &str, sources: &[Kind], targets: &[Kind]) -> String {
    let mut out = String::from(
        ".version 8.0\n.target sm_80\n.address_size 64\n.visible .entry k(.param .u64 in, .param .u64 out)\n{\n\
         .reg .b64 %in, %out, %at, %w;\n.reg .b32 %thread, %n, %block;\n.reg .pred %active;\n",
    );
    let mut line = |text: String| writeln!(out, "{text}").expect("a string takes it");
    for (index, kind) in sources.iter().enumerate() {
        line(format!(".reg {} %s{index};", kind.declared()));
    }
    for (index, kind) in targets.iter().enumerate() {
        line(format!(".reg {} %d{index};", kind.declared()));
    }
    line("ld.param.u64 %in, [in];\nld.param.u64 %out, [out];".to_owned());
    line("mov.u32 %thread, %tid.x;\nmov.u32 %n, %ntid.x;\nmov.u32 %block, %ctaid.x;".to_owned());
    line("mad.lo.u32 %thread, %block, %n, %thread;".to_owned());
    line(format!("mad.wide.u32 %in, %thread, {}, %in;", 8 * WIDTH));
    line(format!("mad.wide.u32 %out, %thread, {}, %out;", 8 * targets.len()));
    line("ld.global.u64 %w, [%in];\nsetp.ne.u64 %active, %w, 0;".to_owned());
    for (index, kind) in sources.iter().enumerate() {
        let at = 8 * (index + 1);
        line(match kind {
            Kind::Pred => format!("ld.global.u64 %w, [%in+{at}];\nsetp.ne.u64 %s{index}, %w, 0;"),
            Kind::B16 => format!("ld.global.u16 %s{index}, [%in+{at}];"),
            Kind::B32 => format!("ld.global.u32 %s{index}, [%in+{at}];"),
            Kind::B64 => format!("ld.global.u64 %s{index}, [%in+{at}];"),
        });
    }
    // Targets begin as what an inactive thread leaves there.
    for (index, kind) in targets.iter().enumerate() {
        let value = UNTOUCHED & kind.mask();
        line(match kind {
            Kind::Pred => format!("setp.ne.u32 %d{index}, {value}, 0;"),
            _ => format!("mov{} %d{index}, {value};", kind.declared()),
        });
    }
    line(text.to_owned());
    for (index, kind) in targets.iter().enumerate() {
        let at = 8 * index;
        line(match kind {
            Kind::Pred => format!("selp.u64 %w, 1, 0, %d{index};\nst.global.u64 [%out+{at}], %w;"),
            Kind::B16 => format!("cvt.u64.u16 %w, %d{index};\nst.global.u64 [%out+{at}], %w;"),
            Kind::B32 => format!("cvt.u64.u32 %w, %d{index};\nst.global.u64 [%out+{at}], %w;"),
            Kind::B64 => format!("st.global.u64 [%out+{at}], %d{index};"),
        });
    }
    line("ret;\n}".to_owned());
    out
}

/// Runs a kernel of [`kernel`] on rows of operands; `active` says which threads the guard `%active` is true for.
pub(crate) fn run(
    ptx: &str,
    rows: &[Vec<u64>],
    active: impl Fn(usize) -> bool,
    targets: usize,
    lanes: Lanes,
) -> Vec<Vec<u64>> {
    run_dyn(ptx, rows, &active, targets, lanes)
}

/// One function for all texts: compiled for each of them it would take longer than all tests do.
fn run_dyn(
    ptx: &str,
    rows: &[Vec<u64>],
    active: &dyn Fn(usize) -> bool,
    targets: usize,
    lanes: Lanes,
) -> Vec<Vec<u64>> {
    let gpu = Gpu::new(Settings { lanes: Some(lanes), checks: Checks::ALL, ..Settings::default() });
    let module = gpu.load(ptx).unwrap_or_else(|error| panic!("{error}\n{ptx}"));
    let threads = rows.len().next_multiple_of(128);
    let width = WIDTH;
    let mut input = vec![0u64; threads * width];
    for (thread, row) in rows.iter().enumerate() {
        input[thread * width] = u64::from(active(thread));
        input[thread * width + 1..][..row.len()].copy_from_slice(row);
    }
    let at_in = gpu.allocate(8 * input.len() as u64).expect("memory");
    let at_out = gpu.allocate(8 * (threads * targets) as u64).expect("memory");
    gpu.write(at_in, &input.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>()).expect("a range");
    let block = threads.min(128) as u32;
    let report =
        launch(&gpu, &module, [threads.div_ceil(block as usize) as u32, 1, 1], [block, 1, 1], &[at_in, at_out]);
    // The last block may be cut short by the rows, never by the input.
    assert_eq!(report.findings, [], "{ptx}");
    let mut bytes = vec![0; 8 * threads * targets];
    gpu.read(at_out, &mut bytes).expect("a range");
    let words: Vec<u64> =
        bytes.chunks_exact(8).map(|word| u64::from_le_bytes(word.try_into().expect("eight bytes"))).collect();
    words.chunks(targets).take(rows.len()).map(<[u64]>::to_vec).collect()
}

/// Launches with 64-bit parameters.
pub(crate) fn launch(
    gpu: &Gpu,
    module: &simgpu::Module,
    grid: [u32; 3],
    block: [u32; 3],
    params: &[u64],
) -> LaunchReport {
    let params: Vec<u8> = params.iter().flat_map(|param| param.to_le_bytes()).collect();
    let launch = Launch { grid, block, shared_bytes: 0, params: &params };
    gpu.launch(module, "k", &launch).unwrap_or_else(|error| panic!("{error}"))
}

/// Checks `d0 [, d1 …] = text(s0, s1 …)` for every row: on each way to compute lanes, with every lane active and with some.
/// `@` in the text stands for the guard, before the instruction.
pub(crate) fn check(
    text: &str,
    sources: &[Kind],
    targets: &[Kind],
    rows: &[Vec<u64>],
    expected: impl Fn(&[u64]) -> Vec<u64>,
    equal: impl Fn(u64, u64) -> bool,
) {
    check_dyn(text, sources, targets, rows, &expected, &equal);
}

fn check_dyn(
    text: &str,
    sources: &[Kind],
    targets: &[Kind],
    rows: &[Vec<u64>],
    expected: &dyn Fn(&[u64]) -> Vec<u64>,
    equal: &dyn Fn(u64, u64) -> bool,
) {
    let mut padded = rows.to_vec();
    while !padded.len().is_multiple_of(128) {
        padded.push(rows[padded.len() % rows.len()].clone());
    }
    let full = kernel(&text.replace('@', ""), sources, targets);
    let partial = kernel(&text.replace('@', "@%active "), sources, targets);
    let mut first: Option<Vec<Vec<u64>>> = None;
    for lanes in LANES {
        let results = run(&full, &padded, |_| true, targets.len(), lanes);
        for (row, result) in padded.iter().zip(&results) {
            let want = expected(row);
            let same = result.iter().zip(&want).all(|(&got, &want)| equal(got, want));
            assert!(same, "{text} of {row:x?} is {result:x?}, not {want:x?}, on {lanes:?}");
        }
        match &first {
            Some(first) => assert!(*first == results, "{text} differs on {lanes:?}"),
            None => first = Some(results.clone()),
        }
        // A different pattern in each warp.
        let active = |thread: usize| (0x9e37_79b9_u32.wrapping_mul(thread as u32 + 7) >> 16) & 1 == 1;
        let partly = run(&partial, &padded, active, targets.len(), lanes);
        for (thread, (some, all)) in partly.iter().zip(&results).enumerate() {
            let untouched: Vec<u64> = targets.iter().map(|kind| UNTOUCHED & kind.mask()).collect();
            let want = if active(thread) { all } else { &untouched };
            assert_eq!(some, want, "{text} with a guard, thread {thread}, on {lanes:?}");
        }
    }
}

/// [`check`] of one result, bit by bit.
pub(crate) fn exact(text: &str, sources: &[Kind], target: Kind, rows: &[Vec<u64>], f: impl Fn(&[u64]) -> u64) {
    check(text, sources, &[target], rows, |row| vec![f(row) & target.mask()], |got, want| got == want);
}

/// [`check`] of one single-precision result: a NaN is any NaN.
pub(crate) fn single(text: &str, sources: &[Kind], rows: &[Vec<u64>], f: impl Fn(&[u64]) -> f32) {
    let same = |got: u64, want: u64| {
        got == want || f32::from_bits(got as u32).is_nan() && f32::from_bits(want as u32).is_nan()
    };
    check(text, sources, &[Kind::B32], rows, |row| vec![u64::from(f(row).to_bits())], same);
}

/// [`check`] of one double-precision result: a NaN is any NaN.
pub(crate) fn double(text: &str, sources: &[Kind], rows: &[Vec<u64>], f: impl Fn(&[u64]) -> f64) {
    let same = |got: u64, want: u64| got == want || f64::from_bits(got).is_nan() && f64::from_bits(want).is_nan();
    check(text, sources, &[Kind::B64], rows, |row| vec![f(row).to_bits()], same);
}

/// What loading the kernel around a text says.
pub(crate) fn load_error(text: &str, sources: &[Kind], targets: &[Kind]) -> Error {
    match Gpu::new(Settings::default()).load(&kernel(text, sources, targets)) {
        Err(error) => error,
        Ok(_) => panic!("{text} was taken"),
    }
}

/// Numbers from a seed [Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014].
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

/// Rows that mix the given edge values with random ones, for each operand.
pub(crate) fn rows(edges: &[&[u64]], count: usize) -> Vec<Vec<u64>> {
    let mut random = Random(edges.len() as u64 * 77 + edges[0].len() as u64);
    let mut rows: Vec<Vec<u64>> = Vec::new();
    // Every pair of edges of the first two operands.
    for &first in edges[0] {
        for &second in edges.get(1).unwrap_or(&&[0u64][..]).iter() {
            let mut row = vec![first, second];
            for more in edges.iter().skip(2) {
                row.push(more[random.below(more.len() as u64) as usize]);
            }
            row.truncate(edges.len());
            rows.push(row);
        }
    }
    for _ in 0..count {
        let pick = |edges: &&[u64], random: &mut Random| match random.below(3) {
            0 => edges[random.below(edges.len() as u64) as usize],
            _ => random.next(),
        };
        rows.push(edges.iter().map(|edges| pick(edges, &mut random)).collect());
    }
    rows
}
