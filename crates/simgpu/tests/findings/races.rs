//! Races on shared memory: between atomics and plain accesses, around barriers of some warps and of some lanes.

use simgpu::FindingKind;

use crate::{kinds, run};

/// The thread's own word of shared memory is at `[%a2]`, the whole at `[%a1]`; all of it is written.
const OWN: &str = "mov.u64 %a1, s; cvt.u64.u32 %a3, %r0; mad.lo.u64 %a2, %a3, 4, %a1; st.shared.u32 [%a2], %r0;
    mov.u32 %r9, 0; st.shared.u32 [s+2048], %r9; bar.sync 0; shr.u32 %r2, %r0, 5;";

/// Requires a race, or nothing.
fn require(what: &str, race: bool, body: &str, block: u32) {
    let findings = run(&format!("{OWN}\n{body}"), 1, block);
    let expected: &[FindingKind] = if race { &[FindingKind::Race] } else { &[] };
    assert_eq!(kinds(&findings), expected, "{what}: {findings:#?}");
}

#[test]
fn atomics_race_with_what_is_not_atomic_whoever_was_the_last() {
    // The last thread's own atomic is ordered before its read; those of the others are not.
    for block in [32, 64, 96] {
        let last = block - 1;
        let read = format!("setp.eq.u32 %p0, %r0, {last}; @%p0 ld.shared.u32 %r3, [s+2048];");
        let add = "atom.shared.add.u32 %r3, [s+2048], 1;";
        require("a read", true, &format!("{add} {read}"), block);
        require("a read", false, &format!("{add} bar.sync 0; {read}"), block);
        let write = format!("setp.eq.u32 %p0, %r0, {last}; @%p0 st.shared.u32 [s+2048], 77;");
        require("a write", true, &format!("{add} {write}"), block);
        require("a write", false, &format!("{add} bar.sync 0; {write}"), block);
        require("atomics", false, &format!("{add} {add}"), block);
        require("atomics after reads", true, &format!("ld.shared.u32 %r3, [s+2048]; {add}"), block);
    }
}

/// What each of three warps does.
fn three(first: &str, second: &str, third: &str) -> String {
    format!(
        "setp.eq.u32 %p0, %r2, 0; setp.eq.u32 %p1, %r2, 1; @%p0 bra $first; @%p1 bra $second; {third} bra $end;
         $first: {first} bra $end; $second: {second} $end:"
    )
}

#[test]
fn a_barrier_of_two_warps_orders_nothing_for_the_third() {
    let (write, read) = ("st.shared.u32 [s+2048], 5;", "ld.shared.u32 %r3, [s+2048];");
    let meet = "bar.sync 1, 64;";
    let all = |race, first: &str, second: &str, third: &str| {
        // The last warp runs last, the first one first; a race is one either way.
        require("as written", race, &three(first, second, third), 96);
        require("the other way", race, &three(third, second, first), 96);
    };
    // All that a warp does here is done by its 32 lanes: the same number, which is no race.
    all(true, write, &format!("{meet} {read}"), meet);
    all(false, &format!("{write} {meet}"), &format!("{meet} {read}"), "");
    all(true, &format!("{meet} {write}"), &format!("{meet} {read}"), "");
    all(true, &format!("{meet} {read}"), meet, write);
    all(false, &format!("{read} {meet}"), &format!("{meet} {write}"), "");
    // What is known goes on from barrier to barrier.
    all(false, &format!("{write} {meet}"), &format!("{meet} bar.sync 2, 64;"), &format!("bar.sync 2, 64; {read}"));
    all(true, &format!("{meet} {write}"), &format!("{meet} bar.sync 2, 64;"), &format!("bar.sync 2, 64; {read}"));
    // A barrier of all three after one of two.
    all(false, &format!("{meet} {write} bar.sync 0;"), &format!("{meet} bar.sync 0;"), &format!("bar.sync 0; {read}"));
}

#[test]
fn who_arrives_without_waiting_tells_and_learns_nothing() {
    let (write, read) = ("st.shared.u32 [s+2048], 5;", "ld.shared.u32 %r3, [s+2048];");
    let (arrive, wait) = ("bar.arrive 1, 64;", "bar.sync 1, 64;");
    require("told", false, &three(&format!("{write} {arrive}"), &format!("{wait} {read}"), ""), 96);
    require("too late", true, &three(&format!("{arrive} {write}"), &format!("{wait} {read}"), ""), 96);
    require("not learnt", true, &three(&format!("{arrive} {read}"), &format!("{write} {wait}"), ""), 96);
}

#[test]
fn a_barrier_of_some_lanes_orders_those() {
    // Lanes 0 to 15 meet; then lane 0 reads what others wrote.
    let text = |mask: &str, of: u32| {
        format!(
            "st.shared.u32 [%a2], 1; setp.gt.u32 %p0, %r0, 15; @%p0 bra $end; bar.warp.sync {mask};
             setp.ne.u32 %p1, %r0, 0; @%p1 bra $end; ld.shared.u32 %r3, [s+{}]; $end:",
            4 * of
        )
    };
    require("one that met", false, &text("0xffff", 9), 32);
    require("one that did not", true, &text("0xffff", 20), 32);
    // The whole warp.
    require("all", false, "st.shared.u32 [%a2], 1; bar.warp.sync -1; ld.shared.u32 %r3, [s];", 32);
    require("another warp", true, "st.shared.u32 [%a2], 1; bar.warp.sync -1; ld.shared.u32 %r3, [s];", 64);
}

#[test]
fn a_scan_of_a_warp_is_no_race() {
    // Each step: read the neighbour's word, meet, add to the own one (which it reads once more), meet.
    let mut text = String::new();
    for step in [1, 2, 4, 8, 16] {
        text.push_str(&format!(
            "setp.ge.u32 %p0, %r0, {step}; @%p0 ld.shared.u32 %r3, [%a2+-{0}]; bar.warp.sync -1;
             ld.shared.u32 %r4, [%a2]; @%p0 add.u32 %r4, %r4, %r3; st.shared.u32 [%a2], %r4; bar.warp.sync -1;\n",
            4 * step
        ));
    }
    require("a scan", false, &text, 32);
    // Without one of its barriers.
    let mistaken = text.replace("bar.warp.sync -1;", "");
    require("a scan without barriers", true, &mistaken, 32);
}
