//! Branches, switches, exits, device functions, barriers ("Control Flow Instructions", "Parallel Synchronization and Communication
//! Instructions").

use simgpu::{Error, FindingKind, Gpu, Settings};

use crate::support::{Kind, exact, kernel, launch, rows};

#[test]
fn a_switch_goes_where_its_index_says_and_nowhere_else() {
    let operands: Vec<Vec<u64>> = (0..128).map(|i| vec![i % 4]).collect();
    let text = "{ .reg .b32 %v; mov.u32 %v, 0; $list: .branchtargets $a, $b, $c, $a;
        brx.idx %s0, $list; $a: add.u32 %v, %v, 1; bra $end; $b: add.u32 %v, %v, 10; $c: add.u32 %v, %v, 100; $end: @mov.u32 %d0, %v; }";
    exact(text, &[Kind::B32], Kind::B32, &operands, |row| [1, 110, 100, 1][row[0] as usize]);
    let gpu = Gpu::new(Settings::default());
    let text = "{ $list: .branchtargets $a; .reg .b32 %i; mov.u32 %i, 5; brx.idx %i, $list; $a: }";
    let module = gpu.load(&kernel(text, &[Kind::B32], &[Kind::B32])).expect("PTX");
    let memory = gpu.allocate_initialized(4096).expect("memory");
    let report = launch(&gpu, &module, [1, 1, 1], [32, 1, 1], &[memory, memory]);
    assert_eq!(report.findings.iter().map(|finding| finding.kind).collect::<Vec<_>>(), [FindingKind::OutOfBounds]);
}

#[test]
fn trap_ends_the_launch_before_what_follows() {
    let gpu = Gpu::new(Settings::default());
    let module = gpu.load(&kernel("trap; mov.u32 %d0, 1;", &[Kind::B32], &[Kind::B32])).expect("PTX");
    let (from, to) = (gpu.allocate_initialized(4096).expect("memory"), gpu.allocate_initialized(4096).expect("memory"));
    let report = launch(&gpu, &module, [1, 1, 1], [32, 1, 1], &[from, to]);
    assert_eq!(report.findings[0].kind, FindingKind::Trap);
    let mut out = [0xff; 4];
    gpu.read(to, &mut out).expect("a range");
    assert_eq!(out, [0; 4]);
}

const FUNCTIONS: &str = "
.func (.reg .b32 %out) twice(.reg .b32 %in) { .reg .pred %p; setp.gt.u32 %p, %in, 100; mov.u32 %out, 7; @%p ret; add.u32 %out, %in, %in; ret; }
.func (.param .b32 out) outer(.param .b32 in) { .reg .b32 %v, %w; ld.param.u32 %v, [in]; call (%w), twice, (%v); add.u32 %w, %w, 1;
    call (%w), twice, (%w); st.param.b32 [out], %w; ret; }
";

#[test]
fn calls_return_to_their_callers() {
    let text = "{ .reg .b32 %v; { .param .b32 a; .param .b32 b; st.param.b32 [a], %s0; call (b), outer, (a); ld.param.b32 %v, [b]; } mov.u32 %d0, %v; }";
    let body =
        kernel(text, &[Kind::B32], &[Kind::B32]).replace(".visible .entry", &format!("{FUNCTIONS}.visible .entry"));
    let operands: Vec<Vec<u64>> = (0..128).map(|i| vec![i * 2]).collect();
    let twice = |x: u64| if x > 100 { 7 } else { 2 * x };
    for lanes in crate::support::LANES {
        for (row, result) in operands.iter().zip(crate::support::run(&body, &operands, |_| true, 1, lanes)) {
            assert_eq!(result, [twice(twice(row[0]) + 1)], "{row:?}");
        }
    }
}

#[test]
fn recursion_and_towers_of_empty_functions_are_refused() {
    let recursive = ".func f() { call f; ret; }\n.visible .entry";
    let mut tower = String::from(".func f0() { }\n");
    for level in 1..60 {
        tower.push_str(&format!(".func f{level}() {{ call f{0}; call f{0}; }}\n", level - 1));
    }
    for (functions, call) in [(recursive.to_owned(), "call f;"), (tower + ".visible .entry", "call f59;")] {
        let ptx = kernel(call, &[Kind::B32], &[Kind::B32]).replace(".visible .entry", &functions);
        match Gpu::new(Settings::default()).load(&ptx) {
            Err(Error::Limit { .. }) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn barriers_reduce_over_the_block() {
    let operands = rows(&[&[0, 1]], 126);
    let text =
        "{ .reg .b32 %c; .reg .pred %p; bar.red.popc.u32 %c, 0, %s0; mov.u32 %d0, %c; bar.red.and.pred %d1, 1, %s0;
        bar.red.or.pred %d2, 0, !%s0; bar.sync 0; bar.sync 2, 128; barrier.sync 3; }";
    let operands: Vec<Vec<u64>> = operands.iter().map(|row| vec![row[0] & 1]).collect();
    let ptx = kernel(text, &[Kind::Pred], &[Kind::B32, Kind::Pred, Kind::Pred]);
    let count: u64 = operands.iter().map(|row| row[0]).sum();
    for lanes in crate::support::LANES {
        for result in crate::support::run(&ptx, &operands, |_| true, 3, lanes) {
            assert_eq!(result, [count, u64::from(count == 128), u64::from(count < 128)]);
        }
    }
}
