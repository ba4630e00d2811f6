//! AVX-512F: a row is one register.
#![allow(unsafe_code)]

use core::arch::x86_64::*;

use super::lanes::{Isa, Lanes, Row};

/// AVX-512F, AVX2 and FMA were detected.
#[derive(Clone, Copy)]
pub(crate) struct Avx512(());

impl Avx512 {
    pub(super) fn detect() -> Option<Self> {
        linalg::Isa::Avx512.is_available().then_some(Avx512(()))
    }
}

/// A 512-bit register; made by [`Avx512`] and from others of its kind only, so AVX-512F is there.
#[derive(Clone, Copy)]
pub(crate) struct Zmm(__m512);

impl Isa for Avx512 {
    type V = Zmm;
    const WIDE: bool = true;

    #[inline(always)]
    fn splat(self, x: f32) -> Zmm {
        // SAFETY: an `Avx512` exists only where AVX-512F was detected.
        Zmm(unsafe { _mm512_set1_ps(x) })
    }
    #[inline(always)]
    fn load(self, row: &Row) -> Zmm {
        // SAFETY: as above; a row is 16 numbers, aligned to 64 bytes.
        Zmm(unsafe { _mm512_load_ps(row.0.as_ptr()) })
    }
}

/// One expression of intrinsics on registers that exist.
macro_rules! avx512 {
    ($e:expr) => {
        // SAFETY: a `Zmm` exists only where AVX-512F was detected, and these intrinsics need nothing else.
        unsafe { $e }
    };
}

impl Lanes for Zmm {
    #[inline(always)]
    fn store(self, row: &mut Row) {
        // SAFETY: AVX-512F is there; a row is 16 numbers, aligned to 64 bytes.
        unsafe { _mm512_store_ps(row.0.as_mut_ptr(), self.0) }
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Zmm(avx512!(_mm512_add_ps(self.0, other.0)))
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Zmm(avx512!(_mm512_sub_ps(self.0, other.0)))
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Zmm(avx512!(_mm512_mul_ps(self.0, other.0)))
    }
    #[inline(always)]
    fn fma(self, factor: Self, sum: Self) -> Self {
        Zmm(avx512!(_mm512_fmadd_ps(self.0, factor.0, sum.0)))
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        Zmm(avx512!(_mm512_max_ps(self.0, other.0)))
    }
    #[inline(always)]
    fn rsqrt(self) -> Self {
        // 14 bits, and one step of Newton's method: y·(3/2 − x/2·y²).
        Zmm(avx512!({
            let y = _mm512_rsqrt14_ps(self.0);
            let half = _mm512_mul_ps(self.0, _mm512_set1_ps(-0.5));
            let correction = _mm512_fmadd_ps(_mm512_mul_ps(half, y), y, _mm512_set1_ps(1.5));
            _mm512_mul_ps(y, correction)
        }))
    }
    #[inline(always)]
    fn recip(self) -> Self {
        // 14 bits, and one step of Newton's method: y + y·(1 − x·y).
        Zmm(avx512!({
            let y = _mm512_rcp14_ps(self.0);
            _mm512_fmadd_ps(y, _mm512_fnmadd_ps(self.0, y, _mm512_set1_ps(1.0)), y)
        }))
    }
    #[inline(always)]
    fn round(self) -> Self {
        Zmm(avx512!(_mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(self.0)))
    }
    #[inline(always)]
    fn exp2i(self) -> Self {
        Zmm(avx512!(_mm512_scalef_ps(_mm512_set1_ps(1.0), self.0)))
    }
    #[inline(always)]
    fn where_above(self, key: Self, bound: Self) -> Self {
        Zmm(avx512!(_mm512_maskz_mov_ps(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(key.0, bound.0), self.0)))
    }
    #[inline(always)]
    fn lane<const D: usize>(self) -> Self {
        Zmm(match D {
            0 => avx512!(_mm512_permute_ps::<0b00_00_00_00>(self.0)),
            1 => avx512!(_mm512_permute_ps::<0b01_01_01_01>(self.0)),
            2 => avx512!(_mm512_permute_ps::<0b10_10_10_10>(self.0)),
            _ => avx512!(_mm512_permute_ps::<0b11_11_11_11>(self.0)),
        })
    }
    #[inline(always)]
    fn group_sum(self) -> Self {
        let pairs = self.add(Zmm(avx512!(_mm512_permute_ps::<0b10_11_00_01>(self.0))));
        pairs.add(Zmm(avx512!(_mm512_permute_ps::<0b01_00_11_10>(pairs.0))))
    }
    #[inline(always)]
    fn group_max(self) -> Self {
        let pairs = self.max(Zmm(avx512!(_mm512_permute_ps::<0b10_11_00_01>(self.0))));
        pairs.max(Zmm(avx512!(_mm512_permute_ps::<0b01_00_11_10>(pairs.0))))
    }
    #[inline(always)]
    fn sum(self) -> Self {
        let groups = self.group_sum();
        let halves = groups.add(Zmm(avx512!(_mm512_shuffle_f32x4::<0b01_00_11_10>(groups.0, groups.0))));
        halves.add(Zmm(avx512!(_mm512_shuffle_f32x4::<0b10_11_00_01>(halves.0, halves.0))))
    }
    #[inline(always)]
    fn max_lane(self) -> Self {
        let groups = self.group_max();
        let halves = groups.max(Zmm(avx512!(_mm512_shuffle_f32x4::<0b01_00_11_10>(groups.0, groups.0))));
        halves.max(Zmm(avx512!(_mm512_shuffle_f32x4::<0b10_11_00_01>(halves.0, halves.0))))
    }
    #[inline(always)]
    fn first(self) -> f32 {
        avx512!(_mm512_cvtss_f32(self.0))
    }
    #[inline(always)]
    fn transpose([a, b, c, d]: [Self; 4]) -> [Self; 4] {
        let [low, high] = [avx512!(_mm512_unpacklo_ps(a.0, b.0)), avx512!(_mm512_unpackhi_ps(a.0, b.0))];
        let [low2, high2] = [avx512!(_mm512_unpacklo_ps(c.0, d.0)), avx512!(_mm512_unpackhi_ps(c.0, d.0))];
        [
            Zmm(avx512!(_mm512_shuffle_ps::<0b01_00_01_00>(low, low2))),
            Zmm(avx512!(_mm512_shuffle_ps::<0b11_10_11_10>(low, low2))),
            Zmm(avx512!(_mm512_shuffle_ps::<0b01_00_01_00>(high, high2))),
            Zmm(avx512!(_mm512_shuffle_ps::<0b11_10_11_10>(high, high2))),
        ]
    }
    #[inline(always)]
    fn transpose_blocks([a, b, c, d]: [Self; 4]) -> [Self; 4] {
        #[inline(always)]
        fn low(x: Zmm, y: Zmm) -> Zmm {
            Zmm(avx512!(_mm512_shuffle_f32x4::<0b10_00_10_00>(x.0, y.0)))
        }
        #[inline(always)]
        fn high(x: Zmm, y: Zmm) -> Zmm {
            Zmm(avx512!(_mm512_shuffle_f32x4::<0b11_01_11_01>(x.0, y.0)))
        }
        // Even groups of a and b, odd ones; the same of c and d.
        let (even, odd, even2, odd2) = (low(a, b), high(a, b), low(c, d), high(c, d));
        [low(even, even2), low(odd, odd2), high(even, even2), high(odd, odd2)]
    }
}
