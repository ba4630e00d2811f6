use super::*;
use crate::simd::inside_of_blocks;
use crate::{Error, Isa, Threads};

fn one_by_one(first: u64, samples: u64, seed: u64) -> u64 {
    (first..first + samples).filter(|&dart| is_inside(seed, dart)).count() as u64
}

fn available() -> impl Iterator<Item = Isa> {
    Isa::ALL.into_iter().filter(|isa| isa.is_available())
}

#[test]
fn every_instruction_set_counts_the_same_darts() {
    for isa in available() {
        for (first, samples, seed) in [
            (0, 0, 1),
            (0, 1, 1),
            (3, 1, 1),
            (1, 7, 1 << 40),
            (3, 1001, 42),
            ((1 << 34) - 21, 4099, u64::MAX),
            (u64::MAX - 5000, 5000, 7),
            (0, 300_003, 0x1234_5678_9abc_def0),
        ] {
            let counted = Throw { seed, isa: Some(isa), ..Throw::default() }.darts(first, samples).expect("darts");
            assert_eq!(counted.inside, one_by_one(first, samples, seed), "{isa}: {samples} from {first}, seed {seed}");
        }
    }
}

/// The circle in 128-bit integers, as its equation says.
#[test]
fn the_test_is_exact() {
    let square = |x: i32| (2 * i128::from(x) + 1).pow(2);
    let edge = [i32::MIN, i32::MIN + 1, -1, 0, 1, i32::MAX - 1, i32::MAX];
    let near_the_circle = (0..64).map(|k| (((f64::from(k) * 0.0245).cos() * 2.0_f64.powi(31)) as i32, k));
    let candidates = near_the_circle.flat_map(|(x, k)| {
        let y = ((f64::from(k) * 0.0245).sin() * 2.0_f64.powi(31)) as i32;
        (-3..=3).flat_map(move |dx| (-3..=3).map(move |dy| (x.saturating_add(dx), y.saturating_add(dy))))
    });
    let corners = edge.into_iter().flat_map(|x| edge.into_iter().map(move |y| (x, y)));
    let mut both = [0, 0];
    for (x, y) in corners.chain(candidates) {
        let inside = square(x) + square(y) <= 1 << 64;
        assert_eq!(circle_test(x, y), inside, "({x}, {y})");
        both[usize::from(inside)] += 1;
    }
    assert!(both[0] > 100 && both[1] > 100, "{both:?}");
}

/// Every coarse cell that is called decided is, in its four corners, and those of the circle are not.
#[test]
fn the_coarse_word_decides_only_what_is_certain() {
    let word = |x: i16, y: i16| u32::from(x as u16) | u32::from(y as u16) << 16;
    let mut undecided = 0;
    for x in (i16::MIN..=i16::MAX).step_by(7).chain([i16::MAX]) {
        for offset in -8..=8 {
            let y = (2.0_f64.powi(30) - f64::from(x).powi(2)).max(0.0).sqrt() as i32 + offset;
            for y in [y, -y].into_iter().filter_map(|y| i16::try_from(y).ok()) {
                let coarse = word(x, y);
                let corners = [0, 0xffff, 0xffff_0000, 0xffff_ffff].map(|fine| {
                    let (x, y) = joined(coarse, fine);
                    circle_test(x, y)
                });
                match coarse_test(coarse) {
                    Some(decided) => assert_eq!(corners, [decided; 4], "({x}, {y})"),
                    None => undecided += 1,
                }
            }
        }
    }
    assert!(undecided > 1000);
    assert_eq!(coarse_test(word(i16::MIN, i16::MIN)), Some(false));
    assert_eq!(coarse_test(word(0, 0)), Some(true));
}

/// 16 more bits are needed by 2¹⁸ / 2³⁰ · π/4 of the darts, whatever the instruction set does with them.
#[test]
fn few_darts_need_their_fine_bits() {
    let undecided = (0..400_000_u64).filter(|&block| {
        let words = philox([block as u32, 0, 0, 0], key(3));
        words.iter().any(|&word| coarse_test(word).is_none())
    });
    let expected = 1.6e6 * 2.0_f64.powi(-12) * std::f64::consts::FRAC_PI_4;
    let found = undecided.count() as f64;
    assert!((found - expected).abs() < 5.0 * expected.sqrt(), "{found} of {expected}");
}

#[test]
fn threads_and_pieces_do_not_matter() {
    let expected = darts(3_000_001, 5);
    for threads in [Threads::All, Threads::Count(0), Threads::Count(1), Threads::Count(3), Threads::Count(1000)] {
        let thrown = Throw { seed: 5, threads, ..Throw::default() }.darts(0, 3_000_001).expect("darts");
        assert_eq!(thrown, expected, "{threads:?}");
    }
}

#[test]
fn what_is_wrong_is_said() {
    let past = Throw::default().darts(10, u64::MAX - 5).expect_err("past the last");
    assert_eq!(past, Error::PastTheLastDart { first: 10, samples: u64::MAX - 5 });
    assert!(matches!(darts(1, 1).estimate(), Err(Error::TooFewSamples { samples: 1, needed: 2, .. })));
    // A kernel that the processor lacks is never run, not even from inside the crate.
    assert_eq!(inside_of_blocks(Isa::Portable, 0, 100, 1), one_by_one(0, 400, 1));
}

#[test]
fn darts_have_exact_coordinates() {
    for number in 0..10_000 {
        let (x, y) = dart(9, number);
        assert!(0.0 < x && x < 1.0 && 0.0 < y && y < 1.0);
        let squares = x * x + y * y;
        assert!((squares - 1.0).abs() < 1e-15 || (squares < 1.0) == is_inside(9, number));
    }
}

#[test]
fn all_darts_on_one_side_still_have_an_error_bar() {
    let lucky = Darts { inside: 5, total: 5 }.estimate().expect("an estimate");
    assert_eq!(lucky.mean, 4.0);
    assert!(lucky.std_error > 0.5);
}
