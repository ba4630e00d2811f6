//! AVX-512F: 16 lanes, masked by the instruction itself.
#![allow(unsafe_code)]

use core::arch::x86_64::*;

use super::table::{Kernels, entries, table};
use super::vector::{LOWEST, Vector};
use crate::Isa;

entries!(#[target_feature(enable = "avx512f,avx2,fma")]);

/// The kernels. Four vectors of queries by six keys are 24 sums, of 32 registers.
pub(super) static KERNELS: Kernels = table!(Zmm, Isa::Avx512, [1, 2, 4], 4);

/// 16 f32 in a 512-bit register.
pub(super) struct Zmm;

// SAFETY: every method uses AVX-512F, AVX2 and FMA only, and touches only the elements that `Vector` names.
unsafe impl Vector for Zmm {
    type Register = __m512;
    type Mask = u16;
    const LANES: usize = 16;

    #[inline(always)]
    unsafe fn splat(x: f32) -> __m512 {
        // SAFETY: the caller runs on AVX-512F.
        unsafe { _mm512_set1_ps(x) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> __m512 {
        // SAFETY: the caller runs on AVX-512F and may read 16 elements.
        unsafe { _mm512_loadu_ps(from) }
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, x: __m512) {
        // SAFETY: the caller runs on AVX-512F and may write 16 elements.
        unsafe { _mm512_storeu_ps(to, x) }
    }
    #[inline(always)]
    unsafe fn mask(lanes: usize) -> u16 {
        ((1_u32 << lanes) - 1) as u16
    }
    #[inline(always)]
    unsafe fn load_masked(from: *const f32, mask: u16) -> __m512 {
        // SAFETY: the caller runs on AVX-512F and may read the masked elements; the rest is not touched.
        unsafe { _mm512_maskz_loadu_ps(mask, from) }
    }
    #[inline(always)]
    unsafe fn load_or(from: *const f32, mask: u16, other: __m512) -> __m512 {
        // SAFETY: the caller runs on AVX-512F and may read the masked elements; the rest is not touched.
        unsafe { _mm512_mask_loadu_ps(other, mask, from) }
    }
    #[inline(always)]
    unsafe fn store_masked(to: *mut f32, x: __m512, mask: u16) {
        // SAFETY: the caller runs on AVX-512F and may write the masked elements; the rest is not touched.
        unsafe { _mm512_mask_storeu_ps(to, mask, x) }
    }
    #[inline(always)]
    unsafe fn keep(x: __m512, mask: u16) -> __m512 {
        // SAFETY: the caller runs on AVX-512F.
        unsafe { _mm512_maskz_mov_ps(mask, x) }
    }
    #[inline(always)]
    unsafe fn add(x: __m512, y: __m512) -> __m512 {
        // SAFETY: the caller runs on AVX-512F.
        unsafe { _mm512_add_ps(x, y) }
    }
    #[inline(always)]
    unsafe fn sub(x: __m512, y: __m512) -> __m512 {
        // SAFETY: the caller runs on AVX-512F.
        unsafe { _mm512_sub_ps(x, y) }
    }
    #[inline(always)]
    unsafe fn mul(x: __m512, y: __m512) -> __m512 {
        // SAFETY: the caller runs on AVX-512F.
        unsafe { _mm512_mul_ps(x, y) }
    }
    #[inline(always)]
    unsafe fn fma(x: __m512, y: __m512, z: __m512) -> __m512 {
        // SAFETY: the caller runs on AVX-512F.
        unsafe { _mm512_fmadd_ps(x, y, z) }
    }
    #[inline(always)]
    unsafe fn max(x: __m512, y: __m512) -> __m512 {
        // SAFETY: the caller runs on AVX-512F.
        unsafe { _mm512_max_ps(x, y) }
    }
    #[inline(always)]
    unsafe fn select_less(a: __m512, b: __m512, x: __m512, y: __m512) -> __m512 {
        // SAFETY: the caller runs on AVX-512F.
        unsafe { _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_LT_OQ>(a, b), y, x) }
    }
    #[inline(always)]
    unsafe fn all_at_most(x: __m512, y: __m512) -> bool {
        // SAFETY: the caller runs on AVX-512F.
        unsafe { _mm512_cmp_ps_mask::<_CMP_LE_OQ>(x, y) == u16::MAX }
    }
    #[inline(always)]
    unsafe fn split(x: __m512) -> (__m512, __m512) {
        // SAFETY: the caller runs on AVX-512F.
        unsafe {
            // So that −∞ is not taken from itself. The maximum is its second operand where that is NaN.
            let x = _mm512_max_ps(_mm512_set1_ps(LOWEST), x);
            let whole = _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(x);
            (whole, _mm512_sub_ps(x, whole))
        }
    }
    #[inline(always)]
    unsafe fn scale(x: __m512, whole: __m512) -> __m512 {
        // SAFETY: the caller runs on AVX-512F.
        unsafe { _mm512_scalef_ps(x, whole) }
    }
    #[inline(always)]
    unsafe fn sum(x: __m512) -> f32 {
        // SAFETY: the caller runs on AVX-512F.
        unsafe { _mm512_reduce_add_ps(x) }
    }
    #[inline(always)]
    unsafe fn largest(x: __m512) -> f32 {
        // SAFETY: the caller runs on AVX-512F.
        unsafe { _mm512_reduce_max_ps(x) }
    }
}
