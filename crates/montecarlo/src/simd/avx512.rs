//! Sixty-four darts at a time.
//!
//! The plain version is [`crate::pi::is_inside`], a dart a call. What changes here, and why:
//! 1. Eight Philox blocks at once, one in each 64-bit lane: `vpmuludq` multiplies the low halves of the lanes and gives both
//!    halves of the products. What is left over in the upper half of a lane is never looked at, so that a round is two
//!    multiplications, two shifts and two `vpternlog`s (a three-way exclusive or). Two registers of blocks go through the rounds
//!    side by side: one alone waits for its own multiplications.
//! 2. The four words of a block are four darts, for a dart is decided by 16 + 16 bits unless its cell is close to the circle.
//!    `vpmaddwd` makes x² + y² of sixteen darts.
//! 3. Nothing branches in the loop: rounds with an undecided dart among their 64 (1.2 %) are noted, and gone over again later.
//!
//! Per 32 darts: 19 multiplications, 19 shifts, 20 exclusive ors, 2 to pair words up, 12 to test and to count: 72 instructions. Zen 4
//! has two 256-bit units for multiplications and two for shifts, so these two alone keep it busy for 21 cycles each, and all
//! 72 for 36: about 1.1 cycles a dart is the floor. BENCHMARKS.md says what is reached.
#![allow(unsafe_code)]

use core::arch::x86_64::*;

use crate::philox::{MULTIPLIERS, ROUNDS, WEYL, key};
use crate::pi::{DECIDED_BELOW, UNDECIDED, fine_test};

/// Blocks of a round: one in each 64-bit lane of two registers.
const BLOCKS: u64 = 16;
/// Rounds between two looks at those that left darts undecided. A lane of a count gains at most 2 in each.
const BATCH: usize = 1024;

#[target_feature(enable = "avx512f,avx512bw,avx512dq")]
pub(super) fn inside_of_blocks(first: u64, blocks: u64, seed: u64) -> u64 {
    let rounds = blocks / BLOCKS;
    let keys = round_keys(seed);
    let lanes = _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7);
    let from = |block: u64| _mm512_add_epi64(_mm512_set1_epi64(block as i64), lanes);
    let step = _mm512_set1_epi64(BLOCKS as i64);
    let mut block = [from(first), from(first.wrapping_add(BLOCKS / 2))];
    let mut undecided_rounds = [0_u16; BATCH];
    let mut count = 0;
    for start in (0..rounds).step_by(BATCH) {
        let mut inside = [_mm512_setzero_si512(); 2];
        let mut undecided = 0;
        for round in 0..BATCH.min((rounds - start) as usize) {
            let [[a, b], [c, d]] = philox_words(block, &keys);
            let [a, b, c, d] = [distance(a), distance(b), distance(c), distance(d)];
            let signs = |t, u| _mm512_add_epi32(_mm512_srli_epi32::<31>(t), _mm512_srli_epi32::<31>(u));
            inside = [_mm512_add_epi32(inside[0], signs(a, b)), _mm512_add_epi32(inside[1], signs(c, d))];
            let least = _mm512_min_epu32(_mm512_min_epu32(a, b), _mm512_min_epu32(c, d));
            undecided_rounds[undecided] = round as u16;
            undecided += usize::from(_mm512_cmplt_epu32_mask(least, _mm512_set1_epi32(UNDECIDED as i32)) != 0);
            block = [_mm512_add_epi64(block[0], step), _mm512_add_epi64(block[1], step)];
        }
        count += _mm512_reduce_add_epi32(_mm512_add_epi32(inside[0], inside[1])) as u64;
        for &round in &undecided_rounds[..undecided] {
            let first = first + (start + u64::from(round)) * BLOCKS;
            let second = first + BLOCKS / 2;
            let [words, more] = philox_words([from(first), from(second)], &keys);
            count += undecided_inside(seed, first, words) + undecided_inside(seed, second, more);
        }
    }
    count + super::portable::inside_of_blocks(first + rounds * BLOCKS, blocks % BLOCKS, seed)
}

/// The two keys of every round, in the low half of each lane.
#[inline]
#[target_feature(enable = "avx512f")]
fn round_keys(seed: u64) -> [[__m512i; 2]; ROUNDS] {
    let at = |round: usize, word: usize| {
        _mm512_set1_epi64(i64::from(key(seed)[word].wrapping_add(WEYL[word].wrapping_mul(round as u32))))
    };
    core::array::from_fn(|round| [at(round, 0), at(round, 1)])
}

/// The blocks' words 0 and 1 in the low and high halves of the lanes, and their words 2 and 3, of two registers of blocks.
#[inline]
#[target_feature(enable = "avx512f")]
fn philox_words(blocks: [__m512i; 2], keys: &[[__m512i; 2]; ROUNDS]) -> [[__m512i; 2]; 2] {
    let [m0, m1] = MULTIPLIERS.map(|multiplier| _mm512_set1_epi64(i64::from(multiplier)));
    // Three-way exclusive or: the truth table 0b10010110.
    let xor = |a, b, c| _mm512_ternarylogic_epi64::<0x96>(a, b, c);
    // The first round of the counter (low, high, 0, 0): one of its two products is 0.
    let first = |block| {
        let p0 = _mm512_mul_epu32(block, m0);
        let c0 = _mm512_xor_si512(_mm512_srli_epi64::<32>(block), keys[0][0]);
        let c2 = _mm512_xor_si512(_mm512_srli_epi64::<32>(p0), keys[0][1]);
        [c0, _mm512_setzero_si512(), c2, p0]
    };
    let mut states = [first(blocks[0]), first(blocks[1])];
    for [k0, k1] in &keys[1..] {
        for [c0, c1, c2, c3] in &mut states {
            let (p0, p1) = (_mm512_mul_epu32(*c0, m0), _mm512_mul_epu32(*c2, m1));
            *c0 = xor(_mm512_srli_epi64::<32>(p1), *c1, *k0);
            *c2 = xor(_mm512_srli_epi64::<32>(p0), *c3, *k1);
            (*c1, *c3) = (p1, p0);
        }
    }
    // The low halves of c1 and c3 move up beside those of c0 and c2.
    let pair = |low, high| _mm512_mask_shuffle_epi32::<0b10_10_00_00>(low, 0b1010_1010_1010_1010, high);
    states.map(|[c0, c1, c2, c3]| [pair(c0, c1), pair(c2, c3)])
}

/// x² + y² − [`DECIDED_BELOW`] of sixteen darts: negative if surely inside, below [`UNDECIDED`] if not decided.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn distance(words: __m512i) -> __m512i {
    _mm512_sub_epi32(_mm512_madd_epi16(words, words), _mm512_set1_epi32(DECIDED_BELOW as i32))
}

/// How many of the undecided of these 32 darts are inside. Block `first` is in the lowest lanes.
#[cold]
#[inline(never)]
#[target_feature(enable = "avx512f,avx512bw")]
fn undecided_inside(seed: u64, first: u64, words: [__m512i; 2]) -> u64 {
    let mut count = 0;
    for (half, words) in words.into_iter().enumerate() {
        let mut mask = _mm512_cmplt_epu32_mask(distance(words), _mm512_set1_epi32(UNDECIDED as i32));
        let mut lanes = [0_u32; 16];
        // SAFETY: `lanes` has the 64 bytes that are written.
        unsafe { _mm512_storeu_si512(lanes.as_mut_ptr().cast(), words) };
        while mask != 0 {
            let lane = mask.trailing_zeros() as usize;
            mask &= mask - 1;
            count += u64::from(fine_test(seed, first + lane as u64 / 2, 2 * half + lane % 2, lanes[lane]));
        }
    }
    count
}
