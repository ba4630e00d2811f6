//! Lanes of a warp that part: who goes first, who waits for whom, and that nobody waits for ever.

use simgpu::{FindingKind, Settings};

use crate::{kinds, run, run_with};

#[test]
fn one_lane_may_take_its_time_while_the_others_wait() {
    // 50,000 basic blocks: three times as many as a path runs before another one has its turn.
    for meeting in [
        "bar.sync 0;",
        "bar.warp.sync -1;",
        "shfl.sync.idx.b32 %r3, %r0, 0, 31, -1;",
        "vote.sync.all.pred %p2, %p1, -1;",
        "mov.u32 %r4, -1; shfl.sync.idx.b32 %r3, %r0, 0, 31, %r4;",
        "mov.u64 %a1, s; ldmatrix.sync.aligned.m8n8.x1.shared.b16 %r3, [%a1];",
    ] {
        let text = format!(
            "mov.u64 %a2, s; cvt.u64.u32 %a3, %r0; mad.lo.u64 %a2, %a3, 4, %a2; st.shared.u32 [%a2], %r0; bar.sync 0;
             mov.u32 %r2, 0; setp.ne.u32 %p1, %r0, 7; @%p1 bra $done;
             $loop: add.u32 %r2, %r2, 1; setp.lt.u32 %p0, %r2, 50000; @%p0 bra $loop;
             $done: {meeting}"
        );
        assert_eq!(run(&text, 1, 64), [], "{meeting}");
    }
}

#[test]
fn a_barrier_waits_for_lanes_whose_code_lies_behind_it() {
    // Compilers put what is unlikely at the end of a function.
    for meeting in ["bar.sync 0;", "shfl.sync.idx.b32 %r3, %r0, 0, 31, -1;", "bar.warp.sync -1;"] {
        let text = format!(
            "setp.eq.u32 %p0, %r0, 5; @%p0 bra $cold; $back: {meeting} bra $end;
             $cold: add.u32 %r2, %r0, 1; bra $back; $end:"
        );
        assert_eq!(run(&text, 1, 32), [], "{meeting}");
    }
}

#[test]
fn every_path_has_its_turn() {
    // The lowest waits for the middle, the middle for the highest, and that takes longer than a turn.
    let text = "setp.eq.u32 %p0, %r0, 1; @%p0 bra $middle; setp.eq.u32 %p0, %r0, 2; @%p0 bra $highest;
        $lowest: ld.volatile.global.u32 %r3, [%a0]; setp.eq.u32 %p1, %r3, 0; @%p1 bra $lowest; bra $end;
        $middle: ld.volatile.global.u32 %r3, [%a0+4]; setp.eq.u32 %p1, %r3, 0; @%p1 bra $middle;
        st.volatile.global.u32 [%a0], 1; bra $end;
        $highest: mov.u32 %r2, 0;
        $count: add.u32 %r2, %r2, 1; setp.lt.u32 %p1, %r2, 50000; @%p1 bra $count;
        st.volatile.global.u32 [%a0+4], 1;
        $end: bar.warp.sync -1; st.volatile.global.u32 [%a0+8], 9;";
    let (report, words) = run_with(text, 1, 32, Settings::default());
    assert_eq!(report.findings, []);
    assert_eq!(words[..3], [1, 1, 9]);
}

#[test]
fn who_waits_for_others_does_first_what_they_wait_for() {
    // Lane 0 stores, and meets the others; they wait for the store.
    let text = "setp.eq.u32 %p0, %r0, 0; @%p0 bra $meet;
        $spin: ld.volatile.global.u32 %r3, [%a0]; setp.eq.u32 %p1, %r3, 0; @%p1 bra $spin;
        $meet: st.volatile.global.u32 [%a0], 1; shfl.sync.idx.b32 %r4, %r0, 0, 31, -1;";
    assert_eq!(run(text, 1, 32), []);
}

#[test]
fn a_part_of_a_warp_may_meet_alone() {
    // A critical section that ends with a barrier of the lanes that are in it, while the others wait for it.
    let text = "setp.lt.u32 %p0, %r0, 4; @%p0 bra $section;
        $spin: ld.volatile.global.u32 %r3, [%a0]; setp.eq.u32 %p1, %r3, 0; @%p1 bra $spin; bra $end;
        $section: activemask.b32 %r5; bar.warp.sync %r5; bar.warp.sync 15; st.volatile.global.u32 [%a0], 1;
        $end: bar.warp.sync -1;";
    assert_eq!(run(text, 1, 32), []);
}

#[test]
fn barriers_that_only_some_reach_are_found() {
    let divergent = [FindingKind::DivergentBarrier];
    for (text, expected) in [
        // Some skip it.
        ("setp.lt.u32 %p0, %r0, 16; @%p0 bra $on; bar.sync 0; $on:", &divergent[..]),
        // Each half at its own.
        ("setp.lt.u32 %p0, %r0, 16; @%p0 bra $a; bar.sync 0; bra $end; $a: bar.sync 0; $end:", &divergent),
        // Some have left.
        ("setp.lt.u32 %p0, %r0, 16; @%p0 bra $leave; bar.sync 0; bra $end; $leave: ret; $end:", &divergent),
        // The same, of a warp: all are named, half are elsewhere.
        ("setp.lt.u32 %p0, %r0, 16; @%p0 bra $a; bar.warp.sync -1; bra $end; $a: bar.warp.sync -1; $end:", &divergent),
        (
            "setp.lt.u32 %p0, %r0, 16; @%p0 bra $a; vote.sync.all.pred %p1, %p0, -1; bra $end;
             $a: vote.sync.any.pred %p1, %p0, -1; $end:",
            &divergent,
        ),
        // Those who have left are not waited for by a warp's own barrier.
        ("setp.lt.u32 %p0, %r0, 16; @%p0 bra $leave; bar.warp.sync -1; bra $end; $leave: ret; $end:", &[]),
        // Half wait for ever for a barrier of more threads than there are.
        ("bar.sync 1, 96;", &[FindingKind::Deadlock]),
        // Without an end.
        ("$loop: bra $loop;", &[FindingKind::TooManyInstructions]),
    ] {
        assert_eq!(kinds(&run(text, 1, 32)), expected, "{text}");
    }
}
