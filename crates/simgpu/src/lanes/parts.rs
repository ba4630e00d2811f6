//! Registers taken apart and put together: `mov` between a word and the vector of its parts.

use super::{Variants, lanes};
use crate::ptx::ast::Type;

/// The low word of a 64-bit register.
pub(crate) fn cut() -> Variants {
    lanes!(map1, |a: u64| a as u32)
}

/// `word >> shift`, as narrow as a part of it.
pub(crate) fn part(wide: bool, part: Type) -> Option<Variants> {
    Some(match (wide, part.bytes()) {
        (true, 4) => lanes!(map2, |a: u64, shift: u32| (a >> shift) as u32),
        (true, 2) => lanes!(map2, |a: u64, shift: u32| (a >> shift) as u16),
        (false, 2) => lanes!(map2, |a: u32, shift: u32| (a >> shift) as u16),
        (false, 1) => lanes!(map2, |a: u32, shift: u32| (a >> shift) as u8),
        _ => return None,
    })
}

/// `word | part << shift`; the word counts as 0 for the first part.
pub(crate) fn join(wide: bool, part: Type, first: bool) -> Option<Variants> {
    Some(match (wide, part.bytes(), first) {
        (true, 4, true) => lanes!(map3, |a: u32, shift: u32, _word: u64| u64::from(a) << shift),
        (true, 4, false) => lanes!(map3, |a: u32, shift: u32, word: u64| word | u64::from(a) << shift),
        (true, 2, true) => lanes!(map3, |a: u16, shift: u32, _word: u64| u64::from(a) << shift),
        (true, 2, false) => lanes!(map3, |a: u16, shift: u32, word: u64| word | u64::from(a) << shift),
        (false, 2, true) => lanes!(map3, |a: u16, shift: u32, _word: u32| u32::from(a) << shift),
        (false, 2, false) => lanes!(map3, |a: u16, shift: u32, word: u32| word | u32::from(a) << shift),
        (false, 1, true) => lanes!(map3, |a: u8, shift: u32, _word: u32| u32::from(a) << shift),
        (false, 1, false) => lanes!(map3, |a: u8, shift: u32, word: u32| word | u32::from(a) << shift),
        _ => return None,
    })
}
