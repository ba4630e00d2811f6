//! Sixteen darts at a time: [`super::avx512`] at half its width, and without the three-way exclusive or.
#![allow(unsafe_code)]

use core::arch::x86_64::*;

use crate::philox::{MULTIPLIERS, ROUNDS, WEYL, key};
use crate::pi::{DECIDED_BELOW, UNDECIDED, fine_test};

/// Blocks of a round: one in each 64-bit lane.
const BLOCKS: u64 = 4;
/// Rounds between two looks at those that left darts undecided. A lane of the count gains at most 2 in each.
const BATCH: usize = 1024;

#[target_feature(enable = "avx2")]
pub(super) fn inside_of_blocks(first: u64, blocks: u64, seed: u64) -> u64 {
    let rounds = blocks / BLOCKS;
    let zero_to_three = _mm256_setr_epi64x(0, 1, 2, 3);
    let mut block = _mm256_add_epi64(_mm256_set1_epi64x(first as i64), zero_to_three);
    let keys = round_keys(seed);
    let mut count = 0;
    let mut undecided_rounds = [0_u16; BATCH];
    for start in (0..rounds).step_by(BATCH) {
        let mut inside = _mm256_setzero_si256();
        let mut undecided = 0;
        for round in 0..BATCH.min((rounds - start) as usize) {
            let [even, odd] = philox_words(block, &keys);
            let (t, u) = (distance(even), distance(odd));
            inside = _mm256_add_epi32(inside, _mm256_srli_epi32::<31>(t));
            inside = _mm256_add_epi32(inside, _mm256_srli_epi32::<31>(u));
            undecided_rounds[undecided] = round as u16;
            undecided += usize::from(undecided_lanes(_mm256_min_epu32(t, u)) != 0);
            block = _mm256_add_epi64(block, _mm256_set1_epi64x(BLOCKS as i64));
        }
        count += lanes(inside).into_iter().map(u64::from).sum::<u64>();
        for &round in &undecided_rounds[..undecided] {
            let first = first + (start + u64::from(round)) * BLOCKS;
            let words = philox_words(_mm256_add_epi64(_mm256_set1_epi64x(first as i64), zero_to_three), &keys);
            count += undecided_inside(seed, first, words);
        }
    }
    count + super::portable::inside_of_blocks(first + rounds * BLOCKS, blocks % BLOCKS, seed)
}

/// The two keys of every round, in the low half of each lane.
#[inline]
#[target_feature(enable = "avx2")]
fn round_keys(seed: u64) -> [[__m256i; 2]; ROUNDS] {
    let at = |round: usize, word: usize| {
        _mm256_set1_epi64x(i64::from(key(seed)[word].wrapping_add(WEYL[word].wrapping_mul(round as u32))))
    };
    core::array::from_fn(|round| [at(round, 0), at(round, 1)])
}

/// The blocks' words 0 and 1 in the low and high halves of the lanes, and their words 2 and 3.
#[inline]
#[target_feature(enable = "avx2")]
fn philox_words(block: __m256i, keys: &[[__m256i; 2]; ROUNDS]) -> [__m256i; 2] {
    let [m0, m1] = MULTIPLIERS.map(|multiplier| _mm256_set1_epi64x(i64::from(multiplier)));
    // The first round of the counter (low, high, 0, 0): one of its two products is 0.
    let p0 = _mm256_mul_epu32(block, m0);
    let mut c0 = _mm256_xor_si256(_mm256_srli_epi64::<32>(block), keys[0][0]);
    let mut c1 = _mm256_setzero_si256();
    let mut c2 = _mm256_xor_si256(_mm256_srli_epi64::<32>(p0), keys[0][1]);
    let mut c3 = p0;
    for [k0, k1] in &keys[1..] {
        let (p0, p1) = (_mm256_mul_epu32(c0, m0), _mm256_mul_epu32(c2, m1));
        c0 = _mm256_xor_si256(_mm256_srli_epi64::<32>(p1), _mm256_xor_si256(c1, *k0));
        c2 = _mm256_xor_si256(_mm256_srli_epi64::<32>(p0), _mm256_xor_si256(c3, *k1));
        (c1, c3) = (p1, p0);
    }
    // The low halves of c1 and c3 move up beside those of c0 and c2.
    let pair = |low, high| _mm256_blend_epi32::<0b1010_1010>(low, _mm256_slli_epi64::<32>(high));
    [pair(c0, c1), pair(c2, c3)]
}

/// x² + y² − [`DECIDED_BELOW`] of eight darts: negative if surely inside, below [`UNDECIDED`] if not decided.
#[inline]
#[target_feature(enable = "avx2")]
fn distance(words: __m256i) -> __m256i {
    _mm256_sub_epi32(_mm256_madd_epi16(words, words), _mm256_set1_epi32(DECIDED_BELOW as i32))
}

/// One bit for each lane that is below [`UNDECIDED`], without a sign.
#[inline]
#[target_feature(enable = "avx2")]
fn undecided_lanes(distances: __m256i) -> u32 {
    let least = _mm256_min_epu32(distances, _mm256_set1_epi32(UNDECIDED as i32 - 1));
    _mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpeq_epi32(least, distances))) as u32
}

#[inline]
#[target_feature(enable = "avx2")]
fn lanes(register: __m256i) -> [u32; 8] {
    let mut lanes = [0; 8];
    // SAFETY: `lanes` has the 32 bytes that are written.
    unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), register) };
    lanes
}

/// How many of the undecided of these 16 darts are inside. Block `first` is in the lowest lanes.
#[cold]
#[inline(never)]
#[target_feature(enable = "avx2")]
fn undecided_inside(seed: u64, first: u64, words: [__m256i; 2]) -> u64 {
    let mut count = 0;
    for (half, words) in words.into_iter().enumerate() {
        let (mut mask, words) = (undecided_lanes(distance(words)), lanes(words));
        while mask != 0 {
            let lane = mask.trailing_zeros() as usize;
            mask &= mask - 1;
            count += u64::from(fine_test(seed, first + lane as u64 / 2, 2 * half + lane % 2, words[lane]));
        }
    }
    count
}
