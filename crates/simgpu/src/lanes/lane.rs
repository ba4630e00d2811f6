//! A lane's number, and how a register holds it.

use super::Registers;
use crate::program::Slot;

/// A number as one lane of a register holds it.
pub(crate) trait Lane: Copy {
    /// `u32` (one slot; narrower types are zero-extended) or `u64` (two slots).
    type Bits: Bits;
    fn of(bits: Self::Bits) -> Self;
    fn bits(self) -> Self::Bits;
}

/// The bits of one lane.
pub(crate) trait Bits: Copy + Default {
    fn get(registers: &Registers, slot: Slot, lane: usize) -> Self;
    fn set(registers: &mut Registers, slot: Slot, lane: usize, value: Self);
    /// `new` where the mask is all ones, `old` where it is 0.
    fn blend(new: Self, old: Self, mask: u32) -> Self;
}

impl Bits for u32 {
    #[inline(always)]
    fn get(registers: &Registers, slot: Slot, lane: usize) -> u32 {
        registers.get(slot)[lane]
    }
    #[inline(always)]
    fn set(registers: &mut Registers, slot: Slot, lane: usize, value: u32) {
        registers.get_mut(slot)[lane] = value;
    }
    #[inline(always)]
    fn blend(new: u32, old: u32, mask: u32) -> u32 {
        (new & mask) | (old & !mask)
    }
}

impl Bits for u64 {
    #[inline(always)]
    fn get(registers: &Registers, slot: Slot, lane: usize) -> u64 {
        registers.get_wide(slot)[lane]
    }
    #[inline(always)]
    fn set(registers: &mut Registers, slot: Slot, lane: usize, value: u64) {
        registers.get_wide_mut(slot)[lane] = value;
    }
    #[inline(always)]
    fn blend(new: u64, old: u64, mask: u32) -> u64 {
        let mask = i64::from(mask as i32) as u64;
        (new & mask) | (old & !mask)
    }
}

macro_rules! lane {
    ($ty:ty, $bits:ty, |$in:ident| $of:expr, |$out:ident| $to:expr) => {
        impl Lane for $ty {
            type Bits = $bits;
            #[inline(always)]
            fn of($in: $bits) -> $ty {
                $of
            }
            #[inline(always)]
            fn bits(self) -> $bits {
                let $out = self;
                $to
            }
        }
    };
}

lane!(u8, u32, |b| b as u8, |v| u32::from(v));
lane!(i8, u32, |b| b as i8, |v| u32::from(v as u8));
lane!(u16, u32, |b| b as u16, |v| u32::from(v));
lane!(i16, u32, |b| b as i16, |v| u32::from(v as u16));
lane!(u32, u32, |b| b, |v| v);
lane!(i32, u32, |b| b as i32, |v| v as u32);
lane!(f32, u32, |b| f32::from_bits(b), |v| v.to_bits());
lane!(bool, u32, |b| b != 0, |v| if v { u32::MAX } else { 0 });
lane!(u64, u64, |b| b, |v| v);
lane!(i64, u64, |b| b as i64, |v| v as u64);
lane!(f64, u64, |b| f64::from_bits(b), |v| v.to_bits());
