//! Sixteen numbers at a time, so that one kernel serves every instruction set.

/// Sixteen numbers in memory: one cache line.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(C, align(64))]
pub(crate) struct Row(pub(crate) [f32; 16]);

/// Proof that this machine has an instruction set: there is a value only where it was detected, and only such a value
/// makes the first vector.
pub(crate) trait Isa: Copy {
    /// Sixteen numbers in registers.
    type V: Lanes;
    /// Whether there are registers for 16 sums beside their operands.
    const WIDE: bool;

    /// All lanes `x`.
    fn splat(self, x: f32) -> Self::V;
    /// The lanes of a row.
    fn load(self, row: &Row) -> Self::V;
}

/// Sixteen numbers in registers. Four neighbouring lanes are a *group*: an attention head.
pub(crate) trait Lanes: Copy {
    /// To memory.
    fn store(self, row: &mut Row);
    /// `self + other`
    fn add(self, other: Self) -> Self;
    /// `self − other`
    fn sub(self, other: Self) -> Self;
    /// `self · other`
    fn mul(self, other: Self) -> Self;
    /// `self · factor + sum`, rounded once where the set has such an instruction.
    fn fma(self, factor: Self, sum: Self) -> Self;
    /// The larger of both; `other` if one is NaN.
    fn max(self, other: Self) -> Self;
    /// `1/√self`, to within 2⁻²².
    fn rsqrt(self) -> Self;
    /// `1/self`, to within 2⁻²².
    fn recip(self) -> Self;
    /// To the nearest integer.
    fn round(self) -> Self;
    /// `2^self` of integers from −126 to 127.
    fn exp2i(self) -> Self;
    /// `self` where `key > bound`, 0 elsewhere.
    fn where_above(self, key: Self, bound: Self) -> Self;
    /// In each group, lane `D` of it.
    fn lane<const D: usize>(self) -> Self;
    /// In each group, the sum of it.
    fn group_sum(self) -> Self;
    /// In each group, the largest of it.
    fn group_max(self) -> Self;
    /// In each lane, the sum of all.
    fn sum(self) -> Self;
    /// In each lane, the largest of all.
    fn max_lane(self) -> Self;
    /// The first lane.
    fn first(self) -> f32;
    /// Within each group, lane i of register j becomes lane j of register i.
    fn transpose(rows: [Self; 4]) -> [Self; 4];
    /// Group i of register j becomes group j of register i.
    fn transpose_blocks(rows: [Self; 4]) -> [Self; 4];
}

/// `[f(0), f(1), …]`; `start` stands there first. What the standard library has for it is compiled on its own, without
/// the instruction set.
#[inline(always)]
pub(super) fn array<V: Copy, const N: usize>(start: V, f: impl Fn(usize) -> V) -> [V; N] {
    let mut array = [start; N];
    for (i, element) in array.iter_mut().enumerate() {
        *element = f(i);
    }
    array
}

/// The argument below which [`exp`] is 0: `f32` has no normal number as small.
pub(crate) const EXP_MIN: f32 = -87.0;

/// eˣ to within 2 units in the last place, for x ≤ 88.
///
/// x = n·ln 2 + r with |r| ≤ ln 2 / 2; ln 2 in two parts keeps r exact; the polynomial is that of Cephes' `expf` (S.
/// Moshier).
#[inline(always)]
#[allow(clippy::excessive_precision, reason = "as published")]
pub(crate) fn exp<I: Isa>(isa: I, x: I::V) -> I::V {
    let bound = isa.splat(EXP_MIN);
    let clamped = x.max(bound);
    let n = clamped.mul(isa.splat(std::f32::consts::LOG2_E)).round();
    let r = n.fma(isa.splat(-0.693_359_375), clamped);
    let r = n.fma(isa.splat(2.121_944_40e-4), r);
    let mut p = isa.splat(1.987_569_15e-4);
    for c in [1.398_199_950_7e-3, 8.333_451_907_3e-3, 4.166_579_589_4e-2, 1.666_666_545_9e-1, 5.000_000_120_1e-1] {
        p = p.fma(r, isa.splat(c));
    }
    let e = p.fma(r.mul(r), r.add(isa.splat(1.0)));
    e.mul(n.exp2i()).where_above(x, bound)
}
