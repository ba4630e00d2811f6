//! Races on global memory, within a block and between blocks.

use simgpu::{Checks, Finding, FindingKind, Settings};

use crate::{kinds, run, run_with};

/// The address of the thread's own word is `%a2`, and `%r2` is the thread's number in the grid.
const OWN: &str = "mov.u32 %r3, %ntid.x; mad.lo.u32 %r2, %r1, %r3, %r0; mad.wide.u32 %a2, %r2, 4, %a0;";

fn find(body: &str, grid: u32, block: u32) -> Vec<Finding> {
    run(&format!("{OWN}\n{body}"), grid, block)
}

fn require(what: &str, race: bool, body: &str, grid: u32, block: u32) {
    let findings = find(body, grid, block);
    let expected: &[FindingKind] = if race { &[FindingKind::Race] } else { &[] };
    assert_eq!(kinds(&findings), expected, "{what}: {findings:#?}");
}

#[test]
fn threads_of_a_block_need_a_barrier() {
    // Each writes its word and reads that of another: the neighbour's, or one of another warp.
    for distance in [4, 128] {
        let read = format!("xor.b64 %a3, %a2, {distance}; ld.global.u32 %r4, [%a3];");
        let write = "add.u32 %r5, %r2, 1; st.global.u32 [%a2], %r5;";
        for (race, between) in [(true, ""), (false, "bar.sync 0;")] {
            require("read after write", race, &format!("{write} {between} {read}"), 1, 64);
            require("write after read", race, &format!("{read} {between} {write}"), 1, 64);
        }
    }
    let same = "st.global.u32 [%a0], %r0;";
    require("write after write", true, same, 1, 64);
    require("the same number", false, "st.global.u32 [%a0], 3;", 1, 64);
    require(
        "a barrier of the warp",
        false,
        "st.global.u32 [%a2], %r2; bar.warp.sync -1; ld.global.u32 %r4, [%a0];",
        1,
        32,
    );
    require("a barrier of a part", true, "st.global.u32 [%a2], 7; bar.warp.sync -1; ld.global.u32 %r4, [%a0];", 1, 64);
    // Four words a thread, and none of the neighbour's.
    let rows =
        "mad.wide.u32 %a3, %r2, 12, %a2; st.global.v4.u32 [%a3], {%r2, %r2, %r2, %r2}; ld.global.u32 %r5, [%a3+12];";
    require("rows", false, rows, 1, 64);
    require("rows that overlap", true, &rows.replace("+12]", "+16]"), 1, 64);
}

#[test]
fn a_finding_names_both_threads_and_the_line() {
    let findings = find("st.global.u32 [%a2], 1;\nxor.b64 %a3, %a2, 128; ld.global.u32 %r4, [%a3];", 1, 64);
    // The second warp runs last: its writes come after the first one's reads, and its reads after the first one's writes.
    let [write, read] = &findings[..] else { panic!("{findings:#?}") };
    for (finding, line, other, address) in [(write, 9, 10, 128), (read, 10, 9, 0)] {
        assert_eq!((finding.thread, finding.block, finding.count), ([32, 0, 0], [0, 0, 0], 32));
        assert_eq!((finding.ptx_line, finding.address), (line, Some(address)));
        let names = format!("line {other}");
        assert!(finding.detail.contains("thread (0, 0, 0)") && finding.detail.contains(&names), "{}", finding.detail);
    }
}

#[test]
fn bytes_of_a_word_are_apart() {
    let own = "cvt.u64.u32 %a3, %r2; add.u64 %a3, %a3, %a0;";
    require("bytes", false, &format!("{own} st.global.u8 [%a3], %r2; ld.global.u8 %r4, [%a3];"), 4, 64);
    require("the next byte", true, &format!("{own} st.global.u8 [%a3], 9; ld.global.u8 %r4, [%a3+1];"), 1, 64);
}

#[test]
fn nothing_orders_blocks() {
    // The classical mistake: a sum without an atomic.
    require("a sum", true, "ld.global.u32 %r4, [%a0]; add.u32 %r4, %r4, 1; st.global.u32 [%a0], %r4;", 4, 1);
    require("an atomic sum", false, "red.global.add.u32 [%a0], 1;", 4, 64);
    require("atomics and a read", true, "red.global.add.u32 [%a0], 1; bar.sync 0; ld.global.u32 %r4, [%a0];", 4, 64);
    require(
        "a volatile read",
        false,
        "red.global.add.u32 [%a0], 1; bar.sync 0; ld.volatile.global.u32 %r4, [%a0];",
        4,
        64,
    );
    require("the same number", false, "st.global.u32 [%a0], 3;", 4, 64);
    require("different numbers", true, "st.global.u32 [%a0], %r1;", 4, 1);
    require("own words", false, "st.global.u32 [%a2], %r2; bar.sync 0; ld.global.u32 %r4, [%a2];", 4, 64);
    // A barrier does not reach another block.
    require("the next block's", true, "st.global.u32 [%a2], 5; bar.sync 0; ld.global.u32 %r4, [%a2+256];", 4, 64);
    require("what all read", false, "ld.global.u32 %r4, [%a0]; st.global.u32 [%a2+4096], %r2;", 4, 64);
    // A flag and fences may order blocks: nothing is looked for.
    let flag = "st.global.u32 [%a2], 5; membar.gl; bar.sync 0; ld.global.u32 %r4, [%a2+256];";
    require("fences", false, flag, 4, 64);
}

#[test]
fn races_of_blocks_are_the_same_on_any_number_of_threads() {
    let text = format!(
        "{OWN}\nst.global.u32 [%a2], %r2;\nld.global.u32 %r4, [%a2+256];\nshr.u32 %r5, %r1, 1; mad.wide.u32 %a3, %r5, 4, %a0;\nst.global.u32 [%a3+32768], %r1;"
    );
    let of = |threads| run_with(&text, 32, 64, Settings { threads: Some(threads), ..Settings::default() }).0.findings;
    let one = of(1);
    assert_eq!(kinds(&one), [FindingKind::Race]);
    assert_eq!(one.len(), 2, "{one:#?}");
    assert_eq!((one[0].block, one[0].thread, one[0].count), ([1, 0, 0], [0, 0, 0], 31 * 64));
    assert!(one[0].detail.contains("block [0, 0, 0]"), "{}", one[0].detail);
    assert_eq!((one[1].block, one[1].count), ([0, 0, 0], 16));
    for threads in [2, 3, 8] {
        assert_eq!(of(threads), one, "{threads} threads");
    }
}

/// What a block sees of memory that others write at the same time, in each order in which they may come: the threads have time
/// to get in each other's way.
#[test]
fn who_comes_when_changes_no_finding() {
    let neighbour = "and.b32 %r5, %r1, 7; mad.wide.u32 %a3, %r5, 256, %a0; mad.wide.u32 %a3, %r0, 4, %a3;";
    let bodies = [
        // Several threads of each block write the block's number: whether that changes anything depends on the others.
        "and.b32 %r5, %r1, 7; mad.wide.u32 %a3, %r5, 4, %a0; st.global.u32 [%a3], %r1;".to_owned(),
        // Threads race within the block, too, on words that other blocks are at or are not.
        "st.global.u32 [%a2], %r2; xor.b64 %a3, %a2, 128; ld.global.u32 %r4, [%a3]; st.global.u32 [%a0+60000], %r0;"
            .to_owned(),
        format!("{neighbour} st.global.u32 [%a3], %r0; xor.b64 %a3, %a3, 128; ld.global.u32 %r4, [%a3];"),
        // Some blocks only look, some by strong accesses.
        format!(
            "{neighbour} setp.lt.u32 %p1, %r1, 12; @%p1 red.global.add.u32 [%a3], 1; @!%p1 ld.volatile.global.u32 %r4, [%a3];"
        ),
        format!("{neighbour} setp.lt.u32 %p1, %r1, 12; @%p1 red.global.add.u32 [%a3], 1; ld.global.u32 %r4, [%a3];"),
        // One writes two words and others one of them, partly as it is.
        format!(
            "{neighbour} and.b64 %a3, %a3, -8; setp.lt.u32 %p1, %r1, 12; @%p1 st.global.v2.u32 [%a3], {{1, 2}}; @!%p1 st.global.u32 [%a3+4], 2;"
        ),
    ];
    for body in bodies {
        // Over and over, so that a block takes longer than a thread of the host takes to begin.
        let text = format!(
            "{OWN}\nmov.u32 %r6, 0;\nAGAIN:\n{body}\nadd.u32 %r6, %r6, 1; setp.lt.u32 %p2, %r6, 300; @%p2 bra AGAIN;"
        );
        let of =
            |threads| run_with(&text, 16, 64, Settings { threads: Some(threads), ..Settings::default() }).0.findings;
        let one = of(1);
        for round in 0..8 {
            let threads = 2 + round % 4;
            assert_eq!(of(threads), one, "{threads} threads, round {round}: {body}");
        }
    }
}

#[test]
fn the_check_can_be_switched_off() {
    let checks = Checks { global_races: false, ..Checks::ALL };
    let text = "st.global.u32 [%a0], %r1;";
    let (report, _) = run_with(text, 4, 1, Settings { checks, ..Settings::default() });
    assert_eq!(report.findings, []);
}
