//! No instruction set in particular: arrays, which the compiler turns into whatever vectors the target has.

use super::lanes::{Isa, Lanes, Row};

/// Nothing needs detecting.
#[derive(Clone, Copy)]
pub(super) struct Portable;

/// A row by value.
#[derive(Clone, Copy)]
pub(super) struct Array([f32; 16]);

impl Isa for Portable {
    type V = Array;
    const WIDE: bool = false;

    #[inline(always)]
    fn splat(self, x: f32) -> Array {
        Array([x; 16])
    }
    #[inline(always)]
    fn load(self, row: &Row) -> Array {
        Array(row.0)
    }
}

#[inline(always)]
fn zip(x: Array, y: Array, f: impl Fn(f32, f32) -> f32) -> Array {
    Array(std::array::from_fn(|i| f(x.0[i], y.0[i])))
}

/// Each lane with the one whose number differs in the bits of `mask`.
#[inline(always)]
fn swap(x: Array, mask: usize) -> Array {
    Array(std::array::from_fn(|i| x.0[i ^ mask]))
}

impl Lanes for Array {
    #[inline(always)]
    fn store(self, row: &mut Row) {
        row.0 = self.0;
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        zip(self, other, |x, y| x + y)
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        zip(self, other, |x, y| x - y)
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        zip(self, other, |x, y| x * y)
    }
    #[inline(always)]
    fn fma(self, factor: Self, sum: Self) -> Self {
        // Without the instruction, a fused product would be a call of a library function.
        self.mul(factor).add(sum)
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        zip(self, other, |x, y| if x > y { x } else { y })
    }
    #[inline(always)]
    fn rsqrt(self) -> Self {
        Array(self.0.map(|x| 1.0 / x.sqrt()))
    }
    #[inline(always)]
    fn recip(self) -> Self {
        Array(self.0.map(|x| 1.0 / x))
    }
    #[inline(always)]
    fn round(self) -> Self {
        // Adding 1.5·2²³ pushes the fraction out of the significand.
        const BIG: f32 = 12_582_912.0;
        Array(self.0.map(|x| (x + BIG) - BIG))
    }
    #[inline(always)]
    #[allow(clippy::cast_possible_truncation, reason = "integers from −126 to 127")]
    fn exp2i(self) -> Self {
        Array(self.0.map(|x| f32::from_bits(((x as i32 + 127) << 23) as u32)))
    }
    #[inline(always)]
    fn where_above(self, key: Self, bound: Self) -> Self {
        Array(std::array::from_fn(|i| if key.0[i] > bound.0[i] { self.0[i] } else { 0.0 }))
    }
    #[inline(always)]
    fn lane<const D: usize>(self) -> Self {
        Array(std::array::from_fn(|i| self.0[i / 4 * 4 + D]))
    }
    #[inline(always)]
    fn group_sum(self) -> Self {
        let pairs = self.add(swap(self, 1));
        pairs.add(swap(pairs, 2))
    }
    #[inline(always)]
    fn group_max(self) -> Self {
        let pairs = self.max(swap(self, 1));
        pairs.max(swap(pairs, 2))
    }
    #[inline(always)]
    fn sum(self) -> Self {
        let groups = self.group_sum();
        let halves = groups.add(swap(groups, 8));
        halves.add(swap(halves, 4))
    }
    #[inline(always)]
    fn max_lane(self) -> Self {
        let groups = self.group_max();
        let halves = groups.max(swap(groups, 8));
        halves.max(swap(halves, 4))
    }
    #[inline(always)]
    fn first(self) -> f32 {
        self.0[0]
    }
    #[inline(always)]
    fn transpose(rows: [Self; 4]) -> [Self; 4] {
        std::array::from_fn(|i| Array(std::array::from_fn(|lane| rows[lane % 4].0[lane / 4 * 4 + i])))
    }
    #[inline(always)]
    fn transpose_blocks(rows: [Self; 4]) -> [Self; 4] {
        std::array::from_fn(|i| Array(std::array::from_fn(|lane| rows[lane / 4].0[4 * i + lane % 4])))
    }
}
