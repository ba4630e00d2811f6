//! A kernel without one of its barriers, waits, bound checks or initialisations must be found out.

use std::collections::BTreeSet;

use simgpu::{FindingKind, Gpu, LaunchReport, Settings};

mod support;
use support::cases::{Case, all};

/// The lines of an entry's body, as indices into the module's lines.
fn body(ptx: &str, name: &str) -> std::ops::Range<usize> {
    let lines: Vec<&str> = ptx.lines().collect();
    let first =
        lines.iter().position(|line| line.contains(".entry") && line.contains(&format!("{name}("))).expect("an entry");
    let next = lines[first + 1..].iter().position(|line| line.contains(".entry"));
    first..next.map_or(lines.len(), |offset| first + 1 + offset)
}

/// The lines of an entry that a rule changes, each with the changed line.
fn mutations(case: &Case, change: impl Fn(&str) -> Option<String>) -> Vec<(usize, String)> {
    let range = body(case.ptx, case.entry.name);
    let lines = case.ptx.lines().enumerate().skip(range.start).take(range.len());
    lines.filter_map(|(index, line)| change(line).map(|changed| (index, changed))).collect()
}

fn run(case: &Case, at: usize, changed: &str) -> LaunchReport {
    let mutated: Vec<&str> =
        case.ptx.lines().enumerate().map(|(index, line)| if index == at { changed } else { line }).collect();
    let gpu = Gpu::new(Settings { block_instructions_max: 1 << 22, ..Settings::default() });
    let module = gpu.load(&mutated.join("\n")).expect("PTX");
    case.run(&gpu, &module)
}

/// Requires that every mutation is found, and names those that are not.
fn require(what: &str, kinds: &[FindingKind], expected: usize, change: impl Fn(&str) -> Option<String> + Copy) {
    let mut missed = Vec::new();
    let mut count = 0;
    for case in all() {
        for (at, changed) in mutations(&case, change) {
            count += 1;
            let report = run(&case, at, &changed);
            if !report.findings.iter().any(|finding| kinds.contains(&finding.kind)) {
                missed.push(format!("{}, line {}: {:?}", case.entry.name, at + 1, report.findings));
            }
        }
    }
    assert!(missed.is_empty(), "{what}: {} of {count} missed: {missed:#?}", missed.len());
    assert!(count >= expected, "{what}: only {count} mutations");
}

#[test]
fn every_entry_has_a_case() {
    let cases = all();
    let texts: BTreeSet<&str> = cases.iter().map(|case| case.ptx).collect();
    let names = texts.iter().flat_map(|ptx| ptx.lines()).filter_map(|line| line.split_once(".entry "));
    let names: BTreeSet<&str> = names.map(|(_, name)| name.trim_end_matches('(')).collect();
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../kernels/ptx")).map_or(0, Iterator::count);
    assert!(files == 0 || texts.len() == files, "{} of {files} files have cases", texts.len());
    assert_eq!(names, cases.iter().map(|case| case.entry.name).collect());
}

#[test]
fn no_kernel_has_a_finding() {
    for case in all() {
        let gpu = Gpu::new(Settings::default());
        let module = gpu.load(case.ptx).expect("PTX");
        let report = case.run(&gpu, &module);
        assert!(report.findings.is_empty(), "{}: {:#?}", case.entry.name, report.findings);
    }
}

#[test]
fn a_barrier_that_is_missing_is_a_race() {
    require("barriers", &[FindingKind::Race], 102, |line| line.contains("bar.sync").then(String::new));
}

#[test]
fn a_wait_that_is_missing_is_found() {
    require("waits", &[FindingKind::AsyncCopyNotWaitedFor, FindingKind::UninitializedShared], 75, |line| {
        line.contains("cp.async.wait").then(String::new)
    });
}

#[test]
fn a_wait_that_waits_for_too_little_is_found() {
    require("waits", &[FindingKind::AsyncCopyNotWaitedFor, FindingKind::UninitializedShared], 75, |line| {
        let (before, count) = line.split_once("cp.async.wait_group")?;
        let count: u32 = count.trim().trim_end_matches(';').parse().ok()?;
        Some(format!("{before}cp.async.wait_group {};", count + 1))
    });
}

/// Whether one of the changed lines of each entry is found out. The four sizes of a kernel are one source: the smallest does.
fn require_one(kind: FindingKind, uses: impl Fn(&Case) -> bool, change: impl Fn(&str) -> Option<String> + Copy) {
    let small = |case: &Case| !["_d64", "_d128", "_d256"].iter().any(|size| case.entry.name.ends_with(size));
    let found = |case: &Case| {
        let found = |report: LaunchReport| report.findings.iter().any(|finding| finding.kind == kind);
        mutations(case, change).iter().any(|(at, changed)| found(run(case, *at, changed)))
    };
    let missed: Vec<&str> =
        (all().iter()).filter(|case| small(case) && uses(case) && !found(case)).map(|case| case.entry.name).collect();
    assert!(missed.is_empty(), "{missed:?}");
}

/// A branch that decides nothing any more: it is always taken.
fn always(line: &str) -> Option<String> {
    let (guard, branch) = line.trim_start().split_once("bra")?;
    guard.starts_with('@').then(|| format!("bra{branch}"))
}

#[test]
fn a_bound_that_is_not_checked_is_found() {
    // Where a check skips an access, the skip is left out; where it ends a loop, the loop goes on.
    let loops = [
        "convert_f32_to_bf16",
        "convert_f32_to_f16",
        "softmax",
        "softmax_backward",
        "rms_norm",
        "rms_norm_backward_dx",
        "cross_entropy",
        "cross_entropy_backward",
        "attention_softmax",
        "flash_backward_delta",
        "flash_decode_combine",
        "adam",
        "sum_of_squares",
        "add",
        "relu",
        "relu_backward",
        "floored_loss",
        "embedding",
        "split_heads",
        "join_heads",
    ];
    let is_loop = |case: &Case| loops.contains(&case.entry.name);
    // The darts are numbers, not memory: there is no bound to be checked.
    let skips = |case: &Case| !is_loop(case) && case.entry.name != "darts";
    require_one(FindingKind::OutOfBounds, skips, |line| always(line).map(|_| String::new()));
    require_one(FindingKind::OutOfBounds, is_loop, always);
}

#[test]
fn shared_memory_that_is_not_initialised_is_found() {
    let uses_shared = |case: &Case| !mutations(case, without_store).is_empty();
    require_one(FindingKind::UninitializedShared, uses_shared, without_store);
    let count = all().iter().filter(|case| uses_shared(case)).count();
    assert!(count > 20, "{count}");
}

/// A store to shared memory, or a copy into it, that is left out.
fn without_store(line: &str) -> Option<String> {
    (line.contains("st.shared") || line.contains("cp.async.c")).then(String::new)
}
