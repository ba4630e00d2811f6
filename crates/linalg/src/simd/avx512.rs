//! AVX-512F: 512-bit registers, lanes masked by the instruction itself.
#![allow(unsafe_code)]

use core::arch::x86_64::*;

use super::avx2::{Quad32, Quad64, Ymm32, Ymm64};
use super::table::{Kernels, entries, table};
use super::vector::Vector;
use crate::Isa;

entries!(#[target_feature(enable = "avx512f,avx2,fma")]);

/// The kernels for `f32`.
pub(super) static F32: Kernels<f32> = table!(Zmm32, Isa::Avx512, [
    1: [1 2 3 4 5 6 7 8 9 10 11 12]
    2: [1 2 3 4 5 6 7 8 9 10 11 12]
    3: [1 2 3 4 5 6 7 8]
    4: [1 2 3 4 5 6]
]);
/// The kernels for `f64`.
pub(super) static F64: Kernels<f64> = table!(Zmm64, Isa::Avx512, [
    1: [1 2 3 4 5 6 7 8 9 10 11 12]
    2: [1 2 3 4 5 6 7 8 9 10 11 12]
    3: [1 2 3 4 5 6 7 8]
    4: [1 2 3 4 5 6]
]);

/// 16 `f32` in a 512-bit register.
pub(super) struct Zmm32;

// SAFETY: every method uses AVX-512F only, and touches only the elements that `Vector` names.
unsafe impl Vector for Zmm32 {
    type Element = f32;
    type Register = __m512;
    type Mask = u16;
    type Half = Ymm32;
    type Quad = Quad32;
    const LANES: usize = 16;

    #[inline(always)]
    unsafe fn zero() -> Self::Register {
        // SAFETY: the caller runs on AVX-512F.
        unsafe { _mm512_setzero_ps() }
    }
    #[inline(always)]
    unsafe fn splat(x: f32) -> Self::Register {
        // SAFETY: the caller runs on AVX-512F.
        unsafe { _mm512_set1_ps(x) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self::Register {
        // SAFETY: the caller runs on AVX-512F and may read 16 elements.
        unsafe { _mm512_loadu_ps(from) }
    }
    #[inline(always)]
    unsafe fn mask(lanes: usize) -> u16 {
        debug_assert!(lanes <= 16);
        ((1u32 << lanes) - 1) as u16
    }
    #[inline(always)]
    unsafe fn load_masked(from: *const f32, mask: u16) -> Self::Register {
        // SAFETY: the caller runs on AVX-512F and may read the masked elements; the rest is not touched.
        unsafe { _mm512_maskz_loadu_ps(mask, from) }
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, x: Self::Register) {
        // SAFETY: the caller runs on AVX-512F and may write 16 elements.
        unsafe { _mm512_storeu_ps(to, x) }
    }
    #[inline(always)]
    unsafe fn stream(to: *mut f32, x: Self::Register) {
        // SAFETY: the caller runs on AVX-512F and may write 16 elements, aligned to a register.
        unsafe { _mm512_stream_ps(to, x) }
    }
    #[inline(always)]
    unsafe fn store_masked(to: *mut f32, x: Self::Register, mask: u16) {
        // SAFETY: the caller runs on AVX-512F and may write the masked elements; the rest is not touched.
        unsafe { _mm512_mask_storeu_ps(to, mask, x) }
    }
    #[inline(always)]
    unsafe fn mul(x: Self::Register, y: Self::Register) -> Self::Register {
        // SAFETY: the caller runs on AVX-512F.
        unsafe { _mm512_mul_ps(x, y) }
    }
    #[inline(always)]
    unsafe fn add(x: Self::Register, y: Self::Register) -> Self::Register {
        // SAFETY: the caller runs on AVX-512F.
        unsafe { _mm512_add_ps(x, y) }
    }
    #[inline(always)]
    unsafe fn fma(x: Self::Register, y: Self::Register, z: Self::Register) -> Self::Register {
        // SAFETY: the caller runs on AVX-512F.
        unsafe { _mm512_fmadd_ps(x, y, z) }
    }
    #[inline(always)]
    unsafe fn sum(x: Self::Register) -> f32 {
        // SAFETY: the caller runs on AVX-512F.
        unsafe { _mm512_reduce_add_ps(x) }
    }
}

/// 8 `f64` in a 512-bit register.
pub(super) struct Zmm64;

// SAFETY: every method uses AVX-512F only, and touches only the elements that `Vector` names.
unsafe impl Vector for Zmm64 {
    type Element = f64;
    type Register = __m512d;
    type Mask = u8;
    type Half = Ymm64;
    type Quad = Quad64;
    const LANES: usize = 8;

    #[inline(always)]
    unsafe fn zero() -> Self::Register {
        // SAFETY: the caller runs on AVX-512F.
        unsafe { _mm512_setzero_pd() }
    }
    #[inline(always)]
    unsafe fn splat(x: f64) -> Self::Register {
        // SAFETY: the caller runs on AVX-512F.
        unsafe { _mm512_set1_pd(x) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f64) -> Self::Register {
        // SAFETY: the caller runs on AVX-512F and may read 8 elements.
        unsafe { _mm512_loadu_pd(from) }
    }
    #[inline(always)]
    unsafe fn mask(lanes: usize) -> u8 {
        debug_assert!(lanes <= 8);
        ((1u32 << lanes) - 1) as u8
    }
    #[inline(always)]
    unsafe fn load_masked(from: *const f64, mask: u8) -> Self::Register {
        // SAFETY: the caller runs on AVX-512F and may read the masked elements; the rest is not touched.
        unsafe { _mm512_maskz_loadu_pd(mask, from) }
    }
    #[inline(always)]
    unsafe fn store(to: *mut f64, x: Self::Register) {
        // SAFETY: the caller runs on AVX-512F and may write 8 elements.
        unsafe { _mm512_storeu_pd(to, x) }
    }
    #[inline(always)]
    unsafe fn stream(to: *mut f64, x: Self::Register) {
        // SAFETY: the caller runs on AVX-512F and may write 8 elements, aligned to a register.
        unsafe { _mm512_stream_pd(to, x) }
    }
    #[inline(always)]
    unsafe fn store_masked(to: *mut f64, x: Self::Register, mask: u8) {
        // SAFETY: the caller runs on AVX-512F and may write the masked elements; the rest is not touched.
        unsafe { _mm512_mask_storeu_pd(to, mask, x) }
    }
    #[inline(always)]
    unsafe fn mul(x: Self::Register, y: Self::Register) -> Self::Register {
        // SAFETY: the caller runs on AVX-512F.
        unsafe { _mm512_mul_pd(x, y) }
    }
    #[inline(always)]
    unsafe fn add(x: Self::Register, y: Self::Register) -> Self::Register {
        // SAFETY: the caller runs on AVX-512F.
        unsafe { _mm512_add_pd(x, y) }
    }
    #[inline(always)]
    unsafe fn fma(x: Self::Register, y: Self::Register, z: Self::Register) -> Self::Register {
        // SAFETY: the caller runs on AVX-512F.
        unsafe { _mm512_fmadd_pd(x, y, z) }
    }
    #[inline(always)]
    unsafe fn sum(x: Self::Register) -> f64 {
        // SAFETY: the caller runs on AVX-512F.
        unsafe { _mm512_reduce_add_pd(x) }
    }
}
