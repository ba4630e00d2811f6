//! Loops in plain Rust over arrays of lanes, compiled three times: the compiler makes vectors of them, of each width.
//!
//! Integers and exact conversions only, so that every width gives the same bits.
#![allow(unsafe_code)]

use super::Isa;
use crate::philox::{MULTIPLIERS, ROUNDS, Stream, WEYL, key, unit};

/// Blocks at a time.
const LANES: usize = 8;

/// One safe function from a body: compiled for each instruction set, run on the best one, or on the one asked for in tests.
macro_rules! on_every_isa {
    ($(#[$doc:meta])* $name:ident($($argument:ident: $t:ty),*), $body:ident) => {
        $(#[$doc])*
        #[inline]
        pub(crate) fn $name($($argument: $t),*) {
            on(Isa::best(), $($argument),*);

            #[inline]
            fn on(isa: Isa, $($argument: $t),*) {
                #[cfg(target_arch = "x86_64")]
                {
                    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
                    fn avx512($($argument: $t),*) {
                        $body($($argument),*);
                    }
                    #[target_feature(enable = "avx2")]
                    fn avx2($($argument: $t),*) {
                        $body($($argument),*);
                    }
                    match isa {
                        // SAFETY: `Isa::best` detected the features that it is compiled for.
                        Isa::Avx512 => return unsafe { avx512($($argument),*) },
                        // SAFETY: as above.
                        Isa::Avx2 => return unsafe { avx2($($argument),*) },
                        Isa::Portable => {}
                    }
                }
                $body($($argument),*);
            }
        }
    };
}

on_every_isa! {
    /// Numbers in (0, 1) from the blocks of a stream, beginning with block `first`, two a block.
    fill_units(stream: Stream, first: u32, out: &mut [f64]), fill_units_body
}

// Lanes are counted: zipped iterators over four arrays are no vectors.
#[allow(clippy::needless_range_loop)]
#[inline(always)]
fn fill_units_body(stream: Stream, first: u32, out: &mut [f64]) {
    let whole = out.len() / (2 * LANES) * (2 * LANES);
    let (vectors, rest) = out.split_at_mut(whole);
    let mut block = first;
    for out in vectors.chunks_exact_mut(2 * LANES) {
        let mut words = [[0_u64; LANES]; 4];
        for lane in 0..LANES {
            words[0][lane] = u64::from(block.wrapping_add(lane as u32));
            words[1][lane] = u64::from(stream.stream as u32);
            words[2][lane] = stream.stream >> 32;
            words[3][lane] = u64::from(stream.purpose as u32);
        }
        rounds(&mut words, key(stream.seed));
        for lane in 0..LANES {
            let low = 0xffff_ffff;
            out[2 * lane] = unit((words[0][lane] & low) | words[1][lane] << 32);
            out[2 * lane + 1] = unit((words[2][lane] & low) | words[3][lane] << 32);
        }
        block = block.wrapping_add(LANES as u32);
    }
    for pair in rest.chunks_mut(2) {
        pair.iter_mut().zip(stream.block(block)).for_each(|(out, bits)| *out = unit(bits));
        block = block.wrapping_add(1);
    }
}

/// Philox on words in the low halves of lanes; what is in the upper halves is never looked at.
#[inline(always)]
fn rounds([c0, c1, c2, c3]: &mut [[u64; LANES]; 4], [mut k0, mut k1]: [u32; 2]) {
    let low = 0xffff_ffff;
    for _ in 0..ROUNDS {
        for lane in 0..LANES {
            let p0 = u64::from(MULTIPLIERS[0]) * (c0[lane] & low);
            let p1 = u64::from(MULTIPLIERS[1]) * (c2[lane] & low);
            c0[lane] = (p1 >> 32) ^ c1[lane] ^ u64::from(k0);
            c2[lane] = (p0 >> 32) ^ c3[lane] ^ u64::from(k1);
            c1[lane] = p1;
            c3[lane] = p0;
        }
        (k0, k1) = (k0.wrapping_add(WEYL[0]), k1.wrapping_add(WEYL[1]));
    }
}

on_every_isa! {
    /// Points of one coordinate of Sobol's sequence, bit-reversed, to Owen-scrambled numbers in (0, 1): see [`crate::Sobol`].
    scramble(keys: [u32; 4], reversed: &[u32], out: &mut [f64]), scramble_body
}

#[inline(always)]
fn scramble_body(keys: [u32; 4], reversed: &[u32], out: &mut [f64]) {
    for (out, &x) in out.iter_mut().zip(reversed) {
        let x = permute(keys, x).reverse_bits();
        // Below the 32 bits that place the points of the net, every node of the tree has one point at most: its bits are random.
        let below = u64::from(mix(x ^ keys[2]) >> 12);
        *out = unit(u64::from(x) << 32 | below << 12);
    }
}

/// A permutation in which every bit depends on itself and those below only: read from the lowest bit up, a nested uniform
/// scramble. (S. Laine & T. Karras 2011, with four random keys in place of one seed.)
#[inline(always)]
pub(crate) fn permute([a, b, c, d]: [u32; 4], mut x: u32) -> u32 {
    x = x.wrapping_add(a);
    x ^= x.wrapping_mul(0x6c50_b47c);
    x = x.wrapping_mul(b | 1);
    x ^= x.wrapping_mul(0xb82f_1e52);
    x = x.wrapping_add(c);
    x ^= x.wrapping_mul(0xc7af_e638);
    x = x.wrapping_mul(d | 1);
    x ^ x.wrapping_mul(0x8d22_f6e6)
}

/// A hash of 32 bits in which every bit depends on all (C. Wellons' `lowbias32`).
#[inline(always)]
fn mix(mut x: u32) -> u32 {
    x ^= x >> 16;
    x = x.wrapping_mul(0x7feb_352d);
    x ^= x >> 15;
    x = x.wrapping_mul(0x846c_a68b);
    x ^ x >> 16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::philox::Purpose;

    #[test]
    fn vectors_are_the_blocks_one_by_one() {
        let stream = Stream { seed: 0x1234_5678_9abc_def0, stream: 77 << 30, purpose: Purpose::Points };
        for (first, count) in [(0, 1), (5, 16), (u32::MAX - 3, 47), (1 << 20, 1000)] {
            let mut found = vec![0.0; count];
            fill_units(stream, first, &mut found);
            let blocks = (0..count.div_ceil(2) as u32).flat_map(|block| stream.block(first.wrapping_add(block)));
            let expected: Vec<f64> = blocks.map(unit).take(count).collect();
            assert_eq!(found, expected);
            let mut portable = vec![0.0; count];
            fill_units_body(stream, first, &mut portable);
            assert_eq!(portable, expected);
        }
    }

    #[test]
    fn scrambles_are_the_same_on_every_width() {
        let reversed: Vec<u32> = (0..1003_u32).map(|x| x.wrapping_mul(0x9e37_79b9)).collect();
        let (mut best, mut portable) = (vec![0.0; 1003], vec![0.0; 1003]);
        scramble([1, 2, 3, 4], &reversed, &mut best);
        scramble_body([1, 2, 3, 4], &reversed, &mut portable);
        assert_eq!(best, portable);
    }

    /// Owen's scramble: whether a bit flips depends on the bits before it, and on nothing else.
    #[test]
    fn the_permutation_is_nested() {
        for keys in (0..50).map(|k: u32| [1, 3, 5, 7].map(|odd| mix(k * 8 + odd))) {
            for (x, bit) in (0..32).map(|bit| (mix(bit * 77 + keys[0]), bit)) {
                let changed = permute(keys, x) ^ permute(keys, x ^ 1 << bit);
                assert_eq!(changed.trailing_zeros(), bit, "bit {bit} flips, those below stay");
            }
        }
    }

    /// Over many keys, each node of the tree flips half of the time, and two nodes flip alike half of the time.
    #[test]
    fn the_flips_of_two_nodes_are_independent() {
        const KEYS: u32 = 4096;
        let flips = |depth: u32, node: u32| -> Vec<bool> {
            let flip = |k: u32| {
                let keys = [1_u32, 3, 5, 7].map(|odd| mix(mix(k * 8 + odd) ^ odd));
                permute(keys, node) >> depth & 1 == 1
            };
            (0..KEYS).map(flip).collect()
        };
        // Five standard deviations of a fair coin.
        let fair = |heads: usize| (heads as f64 - f64::from(KEYS) / 2.0).abs() < 2.5 * f64::from(KEYS).sqrt();
        for depth in [0, 1, 2, 3, 4, 5] {
            let nodes: Vec<Vec<bool>> = (0..1 << depth).map(|node| flips(depth, node)).collect();
            for (i, first) in nodes.iter().enumerate() {
                assert!(fair(first.iter().filter(|flip| **flip).count()), "depth {depth}, node {i:b}");
                for (j, second) in nodes.iter().enumerate().skip(i + 1) {
                    let alike = first.iter().zip(second).filter(|(a, b)| a == b).count();
                    assert!(fair(alike), "depth {depth}, nodes {i:b} and {j:b}: alike {alike} of {KEYS}");
                }
            }
        }
    }
}
