//! The register file of a warp.

use super::CHUNK;
use crate::program::Slot;

/// Lanes of a warp.
pub(crate) const LANES: usize = 32;

/// One slot: 32 lanes of 32 bits.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Unit(pub(crate) [u32; LANES]);

/// The registers of a warp, and their safe access one register at a time.
#[derive(Debug)]
pub(crate) struct Registers {
    units: Vec<Unit>,
}

impl Registers {
    pub(crate) fn new(slots: usize) -> Registers {
        Registers { units: vec![Unit([0; LANES]); slots] }
    }

    /// A 32-bit register.
    #[inline(always)]
    pub(crate) fn get(&self, slot: Slot) -> &[u32; LANES] {
        &self.units[usize::from(slot)].0
    }

    /// A 32-bit register.
    #[inline(always)]
    pub(crate) fn get_mut(&mut self, slot: Slot) -> &mut [u32; LANES] {
        &mut self.units[usize::from(slot)].0
    }

    /// A 64-bit register.
    #[inline(always)]
    pub(crate) fn get_wide(&self, slot: Slot) -> &[u64; LANES] {
        let pair = &self.units[usize::from(slot)..][..2];
        // SAFETY: two units are 256 bytes in a row, aligned to 64, and any bits are a `u64`.
        unsafe { &*pair.as_ptr().cast() }
    }

    /// A 64-bit register.
    #[inline(always)]
    pub(crate) fn get_wide_mut(&mut self, slot: Slot) -> &mut [u64; LANES] {
        let pair = &mut self.units[usize::from(slot)..][..2];
        // SAFETY: as in `get_wide`, and borrowed mutably.
        unsafe { &mut *pair.as_mut_ptr().cast() }
    }

    /// Sixteen lanes of a register, without a check of the slot.
    ///
    /// # Safety
    /// `slot` is a register of this file, of the width of `T`, and `chunk` is 0 or 1.
    #[inline(always)]
    pub(super) unsafe fn chunk<T: Copy>(&self, slot: Slot, chunk: usize) -> [T; CHUNK] {
        debug_assert!(usize::from(slot) + size_of::<T>() / 4 <= self.units.len());
        // SAFETY: inside the register, by the caller's promise; 16 lanes are 64 or 128 bytes, and slots are aligned to 64.
        unsafe { self.units.as_ptr().add(usize::from(slot)).cast::<[T; CHUNK]>().add(chunk).read() }
    }

    /// # Safety
    /// As for `chunk`.
    #[inline(always)]
    pub(super) unsafe fn set_chunk<T: Copy>(&mut self, slot: Slot, chunk: usize, value: [T; CHUNK]) {
        debug_assert!(usize::from(slot) + size_of::<T>() / 4 <= self.units.len());
        // SAFETY: as in `chunk`.
        unsafe { self.units.as_mut_ptr().add(usize::from(slot)).cast::<[T; CHUNK]>().add(chunk).write(value) }
    }
}

/// Bit `lane` of the result is set where the predicate is true.
#[inline(always)]
pub(crate) fn bits_of(predicate: &[u32; LANES]) -> u32 {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{__m128i, _mm_loadu_si128, _mm_movemask_epi8, _mm_packs_epi16, _mm_packs_epi32};
        let mut bits = 0;
        for half in 0..2 {
            // SAFETY: SSE2 is part of x86-64; each load is 16 bytes inside the 128 of `predicate`.
            let sixteen = unsafe {
                let four = |at: usize| _mm_loadu_si128(predicate.as_ptr().add(16 * half + 4 * at).cast::<__m128i>());
                let (low, high) = (_mm_packs_epi32(four(0), four(1)), _mm_packs_epi32(four(2), four(3)));
                _mm_movemask_epi8(_mm_packs_epi16(low, high))
            };
            bits |= (sixteen as u32) << (16 * half);
        }
        bits
    }
    #[cfg(not(target_arch = "x86_64"))]
    predicate.iter().enumerate().fold(0, |bits, (lane, &value)| bits | u32::from(value != 0) << lane)
}

/// All ones in the lanes whose bit is set.
#[inline(always)]
pub(crate) fn lanes_of(bits: u32) -> [u32; LANES] {
    std::array::from_fn(|lane| 0u32.wrapping_sub(bits >> lane & 1))
}

/// Bit `lane` of the result is set where the value is this one.
#[inline(always)]
pub(crate) fn lanes_that_are(values: &[u32; LANES], value: u32) -> u32 {
    let mut equal = [0; LANES];
    for lane in 0..LANES {
        equal[lane] = if values[lane] == value { u32::MAX } else { 0 };
    }
    bits_of(&equal)
}
