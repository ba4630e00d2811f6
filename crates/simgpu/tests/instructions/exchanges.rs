//! What the lanes of a warp tell each other: `shfl`, `vote`, `match`, `redux`, `activemask` ("Data Movement and Conversion
//! Instructions: shfl.sync", "Parallel Synchronization and Communication Instructions").

use crate::support::{Kind, LANES, Random, kernel, run};

/// Runs a text in one warp for each 32 rows and gives every lane's results.
fn lanes_of(text: &str, sources: &[Kind], targets: &[Kind], rows: &[Vec<u64>]) -> Vec<Vec<u64>> {
    let ptx = kernel(text, sources, targets);
    let mut results = LANES.map(|lanes| run(&ptx, rows, |_| true, targets.len(), lanes)).into_iter();
    let first = results.next().expect("three");
    assert!(results.all(|other| other == first), "{text} differs");
    first
}

#[test]
fn shuffles_follow_the_manuals_formula() {
    let mut random = Random(1);
    // One clamp and one distance a warp, then distances that differ by lane.
    for clamp in [0x1f, 0x0, 0x181f, 0x1c1f, 0x1807, 0x1e00, 0x1010, 0x0f1f, 0x1f1f] {
        let rows: Vec<Vec<u64>> = (0..256)
            .map(|thread: u64| {
                let b = if thread < 128 { thread / 32 * 5 } else { random.below(40) };
                vec![random.next() & 0xffff_ffff, b]
            })
            .collect();
        for mode in ["up", "down", "bfly", "idx"] {
            let text = format!("shfl.sync.{mode}.b32 %d0|%d1, %s0, %s1, {clamp}, -1;");
            let results = lanes_of(&text, &[Kind::B32; 2], &[Kind::B32, Kind::Pred], &rows);
            for (thread, result) in results.iter().enumerate() {
                let (lane, b) = (thread as i64 % 32, rows[thread][1] as i64 & 31);
                let (segment, c) = (clamp >> 8 & 31, clamp & 31);
                let most = (lane & segment) | (c & !segment);
                let (j, valid) = match mode {
                    "up" => (lane - b, lane - b >= most),
                    "down" => (lane + b, lane + b <= most),
                    "bfly" => (lane ^ b, (lane ^ b) <= most),
                    _ => {
                        let j = (lane & segment) | (b & !segment);
                        (j, j <= most)
                    }
                };
                let from = thread - lane as usize + if valid { j } else { lane } as usize;
                assert_eq!(*result, [rows[from][0], u64::from(valid)], "{text} lane {lane}");
            }
        }
    }
}

#[test]
fn votes_matches_and_reductions() {
    let mut random = Random(2);
    for pattern in 0..6u64 {
        let rows: Vec<Vec<u64>> = (0..128)
            .map(|_| {
                let p = match pattern {
                    0 => 0,
                    1 => 1,
                    _ => random.below(2),
                };
                vec![p, random.below(if pattern == 3 { 1 } else { 4 }) | if pattern == 4 { 0xffff_fff0 } else { 0 }]
            })
            .collect();
        let text = "vote.sync.all.pred %d0, %s0, -1; vote.sync.any.pred %d1, !%s0, -1; vote.sync.uni.pred %d2, %s0, -1;
            vote.sync.ballot.b32 %d3, %s0, -1; match.any.sync.b32 %d4, %s1, -1; match.all.sync.b32 %d5|%d6, %s1, -1;
            activemask.b32 %d7;";
        let targets = [Kind::Pred, Kind::Pred, Kind::Pred, Kind::B32, Kind::B32, Kind::B32, Kind::Pred, Kind::B32];
        let results = lanes_of(text, &[Kind::Pred, Kind::B32], &targets, &rows);
        for (warp, lanes) in rows.chunks(32).enumerate() {
            let mask = |f: &dyn Fn(&Vec<u64>) -> bool| {
                lanes.iter().enumerate().fold(0u64, |m, (i, row)| m | u64::from(f(row)) << i)
            };
            let ballot = mask(&|row| row[0] == 1);
            for (lane, row) in lanes.iter().enumerate() {
                let same = mask(&|other| other[1] == row[1]);
                let all = same == 0xffff_ffff;
                let want = [
                    u64::from(ballot == 0xffff_ffff),
                    u64::from(ballot != 0xffff_ffff),
                    u64::from(ballot == 0 || ballot == 0xffff_ffff),
                    ballot,
                    same,
                    if all { 0xffff_ffff } else { 0 },
                    u64::from(all),
                    0xffff_ffff,
                ];
                assert_eq!(results[32 * warp + lane], want, "pattern {pattern}, lane {lane}");
            }
        }
        let text = "redux.sync.add.s32 %d0, %s1, -1; redux.sync.min.u32 %d1, %s1, -1; redux.sync.max.s32 %d2, %s1, -1;
            redux.sync.and.b32 %d3, %s1, -1; redux.sync.or.b32 %d4, %s1, -1; redux.sync.xor.b32 %d5, %s1, -1;";
        let results = lanes_of(text, &[Kind::Pred, Kind::B32], &[Kind::B32; 6], &rows);
        for (warp, lanes) in rows.chunks(32).enumerate() {
            let values = || lanes.iter().map(|row| row[1] as u32);
            let want = [
                values().fold(0, u32::wrapping_add),
                values().min().expect("some"),
                values().map(|value| value as i32).max().expect("some") as u32,
                values().fold(u32::MAX, |x, y| x & y),
                values().fold(0, |x, y| x | y),
                values().fold(0, |x, y| x ^ y),
            ];
            assert!(
                results[32 * warp..][..32].iter().all(|result| *result == want.map(u64::from)),
                "pattern {pattern}"
            );
        }
    }
}

#[test]
fn a_part_of_a_warp_votes_for_itself() {
    let rows: Vec<Vec<u64>> = (0..128).map(|thread| vec![u64::from(thread % 3 == 0), thread]).collect();
    let text = "{ .reg .pred %p; .reg .b32 %m; setp.ne.u32 %p, %s0, 0; vote.sync.ballot.b32 %m, %p, -1;
        @%p bra $some; bra.uni $end;
        $some: activemask.b32 %d0; redux.sync.add.u32 %d1, %s1, %m; $end: }";
    let results = lanes_of(text, &[Kind::B32; 2], &[Kind::B32; 2], &rows);
    for (thread, result) in results.iter().enumerate() {
        let warp = thread / 32 * 32;
        let there: Vec<usize> = (warp..warp + 32).filter(|other| other % 3 == 0).collect();
        let want = if thread % 3 == 0 {
            [there.iter().fold(0, |mask, other| mask | 1 << (other - warp)), there.iter().sum::<usize>() as u64]
        } else {
            [crate::support::UNTOUCHED & 0xffff_ffff; 2]
        };
        assert_eq!(*result, want, "thread {thread}");
    }
}
