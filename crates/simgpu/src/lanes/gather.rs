//! Reading words of a block's shared memory into registers, and writing them: a row of one, two or four words a lane.

use super::LANES;

/// Offsets that were checked against a memory: every lane's row of `4 * N` bytes is inside.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Checked<'a, const N: usize> {
    memory: *mut u8,
    offsets: &'a [u32; LANES],
}

impl<'a, const N: usize> Checked<'a, N> {
    /// `None` where a row is not inside the memory.
    #[inline(always)]
    pub(crate) fn new(memory: &'a mut [u8], offsets: &'a [u32; LANES]) -> Option<Checked<'a, N>> {
        let last = memory.len().checked_sub(4 * N)?;
        let mut most = 0;
        for &offset in offsets {
            most = most.max(offset);
        }
        (most as usize <= last).then_some(Checked { memory: memory.as_mut_ptr(), offsets })
    }

    /// The words of all lanes: `[element][lane]`.
    #[inline(always)]
    pub(crate) fn read(&self) -> [[u32; LANES]; N] {
        let mut out = [[0; LANES]; N];
        #[cfg(target_arch = "x86_64")]
        if N == 4 {
            self.read_rows(&mut out);
            return out;
        }
        for lane in 0..LANES {
            let row = self.row(lane);
            for element in 0..N {
                out[element][lane] = row[element];
            }
        }
        out
    }

    #[inline(always)]
    fn row(&self, lane: usize) -> [u32; N] {
        // SAFETY: `new` has seen that 4·N bytes from each offset on are inside the memory, which is borrowed for 'a.
        unsafe { self.memory.add(self.offsets[lane] as usize).cast::<[u32; N]>().read_unaligned() }
    }

    /// Rows of four words: four lanes at a time, turned from rows to columns in registers.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn read_rows(&self, out: &mut [[u32; LANES]; N]) {
        use std::arch::x86_64::{
            __m128i, _mm_loadu_si128, _mm_storeu_si128, _mm_unpackhi_epi32, _mm_unpackhi_epi64, _mm_unpacklo_epi32,
            _mm_unpacklo_epi64,
        };
        for first in (0..LANES).step_by(4) {
            // SAFETY: SSE2 is part of x86-64. N is 4 here, so each load is 16 bytes that `new` has seen to be inside; each
            // store is lanes `first` to `first + 3` of a register's 32.
            unsafe {
                let row = |lane: usize| {
                    _mm_loadu_si128(self.memory.add(self.offsets[first + lane] as usize).cast::<__m128i>())
                };
                let (low, high) = (_mm_unpacklo_epi32(row(0), row(1)), _mm_unpackhi_epi32(row(0), row(1)));
                let (low2, high2) = (_mm_unpacklo_epi32(row(2), row(3)), _mm_unpackhi_epi32(row(2), row(3)));
                let columns = [
                    _mm_unpacklo_epi64(low, low2),
                    _mm_unpackhi_epi64(low, low2),
                    _mm_unpacklo_epi64(high, high2),
                    _mm_unpackhi_epi64(high, high2),
                ];
                for (element, column) in columns.into_iter().enumerate() {
                    _mm_storeu_si128(out[element].as_mut_ptr().add(first).cast::<__m128i>(), column);
                }
            }
        }
    }

    /// Writes the rows of the lanes in the mask, the lowest lane first.
    #[inline(always)]
    pub(crate) fn write(&self, words: [&[u32; LANES]; N], mask: u32) {
        for lane in 0..LANES {
            if mask >> lane & 1 == 1 {
                let row: [u32; N] = std::array::from_fn(|element| words[element][lane]);
                // SAFETY: as in `row`; the memory was borrowed mutably.
                unsafe { self.memory.add(self.offsets[lane] as usize).cast::<[u32; N]>().write_unaligned(row) }
            }
        }
    }
}
