//! AVX2 and FMA: a row is two registers.
#![allow(unsafe_code)]

use core::arch::x86_64::*;

use super::lanes::{Isa, Lanes, Row};

/// AVX2 and FMA were detected.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(());

impl Avx2 {
    pub(super) fn detect() -> Option<Self> {
        linalg::Isa::Avx2Fma.is_available().then_some(Avx2(()))
    }
}

/// Two 256-bit registers; made by [`Avx2`] and from others of their kind only, so AVX2 and FMA are there.
#[derive(Clone, Copy)]
pub(crate) struct Ymm([__m256; 2]);

/// One expression of intrinsics on registers that exist.
macro_rules! avx2 {
    ($e:expr) => {
        // SAFETY: a `Ymm` exists only where AVX2 and FMA were detected, and these intrinsics need nothing else.
        unsafe { $e }
    };
}

impl Isa for Avx2 {
    type V = Ymm;
    const WIDE: bool = false;

    #[inline(always)]
    fn splat(self, x: f32) -> Ymm {
        // SAFETY: an `Avx2` exists only where AVX2 was detected.
        Ymm([unsafe { _mm256_set1_ps(x) }; 2])
    }
    #[inline(always)]
    fn load(self, row: &Row) -> Ymm {
        // SAFETY: as above; a row is 16 numbers, aligned to 64 bytes.
        Ymm(unsafe { [_mm256_load_ps(row.0.as_ptr()), _mm256_load_ps(row.0.as_ptr().add(8))] })
    }
}

#[inline(always)]
fn each(x: Ymm, f: impl Fn(__m256) -> __m256) -> Ymm {
    Ymm([f(x.0[0]), f(x.0[1])])
}

#[inline(always)]
fn both(x: Ymm, y: Ymm, f: impl Fn(__m256, __m256) -> __m256) -> Ymm {
    Ymm([f(x.0[0], y.0[0]), f(x.0[1], y.0[1])])
}

impl Lanes for Ymm {
    #[inline(always)]
    fn store(self, row: &mut Row) {
        // SAFETY: AVX2 is there; a row is 16 numbers, aligned to 64 bytes.
        unsafe {
            _mm256_store_ps(row.0.as_mut_ptr(), self.0[0]);
            _mm256_store_ps(row.0.as_mut_ptr().add(8), self.0[1]);
        }
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        both(self, other, |x, y| avx2!(_mm256_add_ps(x, y)))
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        both(self, other, |x, y| avx2!(_mm256_sub_ps(x, y)))
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        both(self, other, |x, y| avx2!(_mm256_mul_ps(x, y)))
    }
    #[inline(always)]
    fn fma(self, factor: Self, sum: Self) -> Self {
        let ([a, b], [c, d], [e, f]) = (self.0, factor.0, sum.0);
        Ymm(avx2!([_mm256_fmadd_ps(a, c, e), _mm256_fmadd_ps(b, d, f)]))
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        both(self, other, |x, y| avx2!(_mm256_max_ps(x, y)))
    }
    #[inline(always)]
    fn rsqrt(self) -> Self {
        each(self, |x| avx2!(_mm256_div_ps(_mm256_set1_ps(1.0), _mm256_sqrt_ps(x))))
    }
    #[inline(always)]
    fn recip(self) -> Self {
        each(self, |x| avx2!(_mm256_div_ps(_mm256_set1_ps(1.0), x)))
    }
    #[inline(always)]
    fn round(self) -> Self {
        each(self, |x| avx2!(_mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(x)))
    }
    #[inline(always)]
    fn exp2i(self) -> Self {
        // The exponent's bits: n + 127, shifted to where they belong.
        each(self, |x| {
            avx2!({
                let biased = _mm256_add_epi32(_mm256_cvtps_epi32(x), _mm256_set1_epi32(127));
                _mm256_castsi256_ps(_mm256_slli_epi32::<23>(biased))
            })
        })
    }
    #[inline(always)]
    fn where_above(self, key: Self, bound: Self) -> Self {
        let mask = both(key, bound, |x, y| avx2!(_mm256_cmp_ps::<_CMP_GT_OQ>(x, y)));
        both(self, mask, |x, mask| avx2!(_mm256_and_ps(x, mask)))
    }
    #[inline(always)]
    fn lane<const D: usize>(self) -> Self {
        match D {
            0 => each(self, |x| avx2!(_mm256_permute_ps::<0b00_00_00_00>(x))),
            1 => each(self, |x| avx2!(_mm256_permute_ps::<0b01_01_01_01>(x))),
            2 => each(self, |x| avx2!(_mm256_permute_ps::<0b10_10_10_10>(x))),
            _ => each(self, |x| avx2!(_mm256_permute_ps::<0b11_11_11_11>(x))),
        }
    }
    #[inline(always)]
    fn group_sum(self) -> Self {
        let pairs = self.add(each(self, |x| avx2!(_mm256_permute_ps::<0b10_11_00_01>(x))));
        pairs.add(each(pairs, |x| avx2!(_mm256_permute_ps::<0b01_00_11_10>(x))))
    }
    #[inline(always)]
    fn group_max(self) -> Self {
        let pairs = self.max(each(self, |x| avx2!(_mm256_permute_ps::<0b10_11_00_01>(x))));
        pairs.max(each(pairs, |x| avx2!(_mm256_permute_ps::<0b01_00_11_10>(x))))
    }
    #[inline(always)]
    fn sum(self) -> Self {
        let groups = self.group_sum();
        let half = Ymm([avx2!(_mm256_add_ps(groups.0[0], groups.0[1])); 2]);
        half.add(each(half, |x| avx2!(_mm256_permute2f128_ps::<1>(x, x))))
    }
    #[inline(always)]
    fn max_lane(self) -> Self {
        let groups = self.group_max();
        let half = Ymm([avx2!(_mm256_max_ps(groups.0[0], groups.0[1])); 2]);
        half.max(each(half, |x| avx2!(_mm256_permute2f128_ps::<1>(x, x))))
    }
    #[inline(always)]
    fn first(self) -> f32 {
        avx2!(_mm256_cvtss_f32(self.0[0]))
    }
    #[inline(always)]
    fn transpose([a, b, c, d]: [Self; 4]) -> [Self; 4] {
        let half = |i: usize| {
            let (a, b, c, d) = (a.0[i], b.0[i], c.0[i], d.0[i]);
            avx2!({
                let (low, high) = (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
                let (low2, high2) = (_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
                [
                    _mm256_shuffle_ps::<0b01_00_01_00>(low, low2),
                    _mm256_shuffle_ps::<0b11_10_11_10>(low, low2),
                    _mm256_shuffle_ps::<0b01_00_01_00>(high, high2),
                    _mm256_shuffle_ps::<0b11_10_11_10>(high, high2),
                ]
            })
        };
        let (left, right) = (half(0), half(1));
        super::lanes::array(Ymm([left[0]; 2]), |i| Ymm([left[i], right[i]]))
    }
    #[inline(always)]
    fn transpose_blocks([a, b, c, d]: [Self; 4]) -> [Self; 4] {
        let low = |x: __m256, y: __m256| avx2!(_mm256_permute2f128_ps::<0x20>(x, y));
        let high = |x: __m256, y: __m256| avx2!(_mm256_permute2f128_ps::<0x31>(x, y));
        [
            Ymm([low(a.0[0], b.0[0]), low(c.0[0], d.0[0])]),
            Ymm([high(a.0[0], b.0[0]), high(c.0[0], d.0[0])]),
            Ymm([low(a.0[1], b.0[1]), low(c.0[1], d.0[1])]),
            Ymm([high(a.0[1], b.0[1]), high(c.0[1], d.0[1])]),
        ]
    }
}
