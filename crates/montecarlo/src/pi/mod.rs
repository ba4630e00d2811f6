//! π from random darts: the interview's answer, exact and as fast as the machine goes.
//!
//! **The plain version** is the sum of [`is_inside`] over the darts. What [`darts`] changes, and why:
//! 1. No generator state: dart d is a function of the seed and d ([`philox`](crate::philox())), so threads, ranks and GPUs share the
//!    work as they like and count the same darts.
//! 2. Integers: the test is exact, and every machine makes the same one.
//! 3. Lazy bits. A dart has 32 bits a coordinate, but 16 of them decide unless the cell that they name is close to the circle.
//!    So one Philox block gives four darts, and the other bits are drawn for one dart in 5,000.
//!
//! **The definition**, which any platform can follow:
//!
//! ```text
//! key    = seed: its low 32 bits, its high 32 bits
//! b, l   = d / 4, d mod 4
//! coarse = word l of Philox4x32-10(counter (b low, b high, 0, 0), key)
//! fine   = word l of Philox4x32-10(counter (b low, b high, 1, 0), key)
//! X      = low  half of coarse · 2¹⁶ + low  half of fine      the halves of coarse with a sign, those of fine without:
//! Y      = high half of coarse · 2¹⁶ + high half of fine      any 32-bit integer, each as likely
//! inside ⇔ (2X + 1)² + (2Y + 1)² ≤ 2⁶⁴ ⇔ X·(X + 1) + Y·(Y + 1) < 2⁶²
//! ```
//!
//! The dart is at (|2X + 1|, |2Y + 1|) · 2⁻³²: the midpoint of a cell of a 2³¹ × 2³¹ grid over the unit square. Points at the cells'
//! lower corners, as `random() / 2³¹` gives, would put π off by 4 / 2³¹; midpoints do not. The sign, which would say in
//! which quarter of the whole circle it is, is not needed: the four quarters are alike.

mod darts;
mod roads;

pub use darts::{Darts, Throw, darts};
pub use roads::Road;

use crate::philox::{key, philox};

/// x² + y² of a dart's coarse halves, below which it is inside whatever the fine bits are.
///
/// A cell reaches from (x, y) to (x + 1, y + 1) in units of 2⁻¹⁵, the circle has radius 2¹⁵. Every point of it is within √2 of
/// (x, y). If x² + y² < 2³⁰ − 2¹⁷, then its points are closer to 0 than √(2³⁰ − 2¹⁷) + √2 < 2¹⁵. If x² + y² ≥ 2³⁰ + 2¹⁷,
/// they are farther than √(2³⁰ + 2¹⁷) − √2 > 2¹⁵. (2·√2·2¹⁵ < 2¹⁷ is all that this needs.)
pub(crate) const DECIDED_BELOW: u32 = (1 << 30) - (1 << 17);
/// How many values of x² + y² from [`DECIDED_BELOW`] on decide nothing; from there on the dart is outside.
pub(crate) const UNDECIDED: u32 = 1 << 18;

/// Where dart number `dart` of a seed hits the unit square. Both coordinates are exact.
#[must_use]
pub fn dart(seed: u64, dart: u64) -> (f64, f64) {
    let (x, y) = coordinates(seed, dart);
    let folded = |x: i32| (2 * i64::from(x) + 1).unsigned_abs() as f64 / 2.0_f64.powi(32);
    (folded(x), folded(y))
}

/// Whether dart number `dart` of a seed is in the quarter circle: the definition, and the oracle of everything faster.
///
/// ```
/// use montecarlo::pi::{darts, is_inside};
///
/// let inside = (0..1000).filter(|&dart| is_inside(42, dart)).count();
/// assert_eq!(inside as u64, darts(1000, 42).inside);
/// ```
#[must_use]
pub fn is_inside(seed: u64, dart: u64) -> bool {
    let (x, y) = coordinates(seed, dart);
    circle_test(x, y)
}

/// Both words of the dart, put together.
fn coordinates(seed: u64, dart: u64) -> (i32, i32) {
    let (block, lane) = (dart / 4, (dart % 4) as usize);
    let word = |level| philox([block as u32, (block >> 32) as u32, level, 0], key(seed))[lane];
    joined(word(0), word(1))
}

fn joined(coarse: u32, fine: u32) -> (i32, i32) {
    let x = (coarse << 16) | (fine & 0xffff);
    let y = (coarse & 0xffff_0000) | (fine >> 16);
    (x as i32, y as i32)
}

fn circle_test(x: i32, y: i32) -> bool {
    let (x, y) = (i64::from(x), i64::from(y));
    x * (x + 1) + y * (y + 1) < 1 << 62
}

/// What the coarse word alone says.
#[inline(always)]
pub(crate) fn coarse_test(coarse: u32) -> Option<bool> {
    let (x, y) = (i32::from(coarse as i16), i32::from((coarse >> 16) as i16));
    // At most 2³¹: it fits without a sign.
    let above = ((x * x) as u32 + (y * y) as u32).wrapping_sub(DECIDED_BELOW);
    if above < UNDECIDED { None } else { Some(above > i32::MAX as u32) }
}

/// What both words say, for a dart whose coarse word is known.
pub(crate) fn fine_test(seed: u64, block: u64, lane: usize, coarse: u32) -> bool {
    let fine = philox([block as u32, (block >> 32) as u32, 1, 0], key(seed))[lane];
    let (x, y) = joined(coarse, fine);
    circle_test(x, y)
}

#[cfg(test)]
mod tests;
