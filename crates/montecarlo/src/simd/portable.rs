//! Darts without vectors: what the other kernels are in the end compared with is the even plainer [`crate::pi::is_inside`].

use crate::philox::{key, philox};
use crate::pi::{coarse_test, fine_test};

pub(super) fn inside_of_blocks(first: u64, blocks: u64, seed: u64) -> u64 {
    let inside_of = |block: u64| -> u64 {
        let words = philox([block as u32, (block >> 32) as u32, 0, 0], key(seed));
        let inside = |(lane, &word): (usize, &u32)| {
            u64::from(coarse_test(word).unwrap_or_else(|| fine_test(seed, block, lane, word)))
        };
        words.iter().enumerate().map(inside).sum()
    };
    (first..first + blocks).map(inside_of).sum()
}
