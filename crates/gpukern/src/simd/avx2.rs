//! AVX2 and FMA: 8 lanes, masked by a register.
#![allow(unsafe_code)]

use core::arch::x86_64::*;

use super::table::{Kernels, entries, table};
use super::vector::{LOWEST, Vector};
use crate::Isa;

entries!(#[target_feature(enable = "avx2,fma")]);

/// The kernels. Two vectors of queries by six keys are 12 sums, of 16 registers.
pub(super) static KERNELS: Kernels = table!(Ymm, Isa::Avx2Fma, [1, 2, 2], 2);

/// 8 f32 in a 256-bit register.
pub(super) struct Ymm;

// SAFETY: every method uses AVX2 and FMA only, and touches only the elements that `Vector` names.
unsafe impl Vector for Ymm {
    type Register = __m256;
    type Mask = __m256i;
    const LANES: usize = 8;

    #[inline(always)]
    unsafe fn splat(x: f32) -> __m256 {
        // SAFETY: the caller runs on AVX2.
        unsafe { _mm256_set1_ps(x) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> __m256 {
        // SAFETY: the caller runs on AVX2 and may read 8 elements.
        unsafe { _mm256_loadu_ps(from) }
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, x: __m256) {
        // SAFETY: the caller runs on AVX2 and may write 8 elements.
        unsafe { _mm256_storeu_ps(to, x) }
    }
    #[inline(always)]
    unsafe fn mask(lanes: usize) -> __m256i {
        // SAFETY: the caller runs on AVX2.
        unsafe { _mm256_cmpgt_epi32(_mm256_set1_epi32(lanes as i32), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)) }
    }
    #[inline(always)]
    unsafe fn load_masked(from: *const f32, mask: __m256i) -> __m256 {
        // SAFETY: the caller runs on AVX2 and may read the masked elements; the rest is not touched.
        unsafe { _mm256_maskload_ps(from, mask) }
    }
    #[inline(always)]
    unsafe fn load_or(from: *const f32, mask: __m256i, other: __m256) -> __m256 {
        // SAFETY: the caller runs on AVX2 and may read the masked elements; the rest is not touched.
        unsafe { _mm256_blendv_ps(other, _mm256_maskload_ps(from, mask), _mm256_castsi256_ps(mask)) }
    }
    #[inline(always)]
    unsafe fn store_masked(to: *mut f32, x: __m256, mask: __m256i) {
        // SAFETY: the caller runs on AVX2 and may write the masked elements; the rest is not touched.
        unsafe { _mm256_maskstore_ps(to, mask, x) }
    }
    #[inline(always)]
    unsafe fn keep(x: __m256, mask: __m256i) -> __m256 {
        // SAFETY: the caller runs on AVX2.
        unsafe { _mm256_and_ps(x, _mm256_castsi256_ps(mask)) }
    }
    #[inline(always)]
    unsafe fn add(x: __m256, y: __m256) -> __m256 {
        // SAFETY: the caller runs on AVX2.
        unsafe { _mm256_add_ps(x, y) }
    }
    #[inline(always)]
    unsafe fn sub(x: __m256, y: __m256) -> __m256 {
        // SAFETY: the caller runs on AVX2.
        unsafe { _mm256_sub_ps(x, y) }
    }
    #[inline(always)]
    unsafe fn mul(x: __m256, y: __m256) -> __m256 {
        // SAFETY: the caller runs on AVX2.
        unsafe { _mm256_mul_ps(x, y) }
    }
    #[inline(always)]
    unsafe fn fma(x: __m256, y: __m256, z: __m256) -> __m256 {
        // SAFETY: the caller runs on AVX2 and FMA.
        unsafe { _mm256_fmadd_ps(x, y, z) }
    }
    #[inline(always)]
    unsafe fn max(x: __m256, y: __m256) -> __m256 {
        // SAFETY: the caller runs on AVX2.
        unsafe { _mm256_max_ps(x, y) }
    }
    #[inline(always)]
    unsafe fn select_less(a: __m256, b: __m256, x: __m256, y: __m256) -> __m256 {
        // SAFETY: the caller runs on AVX2.
        unsafe { _mm256_blendv_ps(y, x, _mm256_cmp_ps::<_CMP_LT_OQ>(a, b)) }
    }
    #[inline(always)]
    unsafe fn all_at_most(x: __m256, y: __m256) -> bool {
        // SAFETY: the caller runs on AVX2.
        unsafe { _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_LE_OQ>(x, y)) == 0xff }
    }
    #[inline(always)]
    unsafe fn split(x: __m256) -> (__m256, __m256) {
        // SAFETY: the caller runs on AVX2.
        unsafe {
            // So that −∞ is not taken from itself. The maximum is its second operand where that is NaN.
            let x = _mm256_max_ps(_mm256_set1_ps(LOWEST), x);
            let whole = _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(x);
            (whole, _mm256_sub_ps(x, whole))
        }
    }
    #[inline(always)]
    unsafe fn scale(x: __m256, whole: __m256) -> __m256 {
        // SAFETY: the caller runs on AVX2. From −127, whose biased exponent of 0 makes the factor 0, to 128, whose 255 makes it
        // infinite; NaN in `whole` comes with a NaN in `x`, which any factor leaves NaN.
        unsafe {
            let whole = _mm256_min_ps(_mm256_max_ps(whole, _mm256_set1_ps(-127.0)), _mm256_set1_ps(128.0));
            let exponent = _mm256_add_epi32(_mm256_cvtps_epi32(whole), _mm256_set1_epi32(127));
            _mm256_mul_ps(x, _mm256_castsi256_ps(_mm256_slli_epi32::<23>(exponent)))
        }
    }
    #[inline(always)]
    unsafe fn sum(x: __m256) -> f32 {
        // SAFETY: the caller runs on AVX2.
        unsafe {
            let four = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps::<1>(x));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
        }
    }
    #[inline(always)]
    unsafe fn largest(x: __m256) -> f32 {
        // SAFETY: the caller runs on AVX2.
        unsafe {
            let four = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps::<1>(x));
            let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps::<1>(two, two)))
        }
    }
}
