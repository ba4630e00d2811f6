//! AVX2 and FMA: 256-bit registers, lanes masked by a register.
#![allow(unsafe_code)]

use core::arch::x86_64::*;

use super::table::{Kernels, entries, table};
use super::vector::{Quad, Vector};
use crate::Isa;

entries!(#[target_feature(enable = "avx2,fma")]);

/// The kernels for `f32`.
pub(super) static F32: Kernels<f32> = table!(Ymm32, Isa::Avx2Fma, [1: [1 2 3 4 5 6] 2: [1 2 3 4 5 6]]);
/// The kernels for `f64`.
pub(super) static F64: Kernels<f64> = table!(Ymm64, Isa::Avx2Fma, [1: [1 2 3 4 5 6] 2: [1 2 3 4 5 6]]);

/// 8 `f32` in a 256-bit register.
pub(super) struct Ymm32;

// SAFETY: every method uses AVX2 and FMA only, and touches only the elements that `Vector` names.
unsafe impl Vector for Ymm32 {
    type Element = f32;
    type Register = __m256;
    type Mask = __m256i;
    type Half = Self;
    type Quad = Quad32;
    const LANES: usize = 8;

    #[inline(always)]
    unsafe fn zero() -> Self::Register {
        // SAFETY: the caller runs on AVX2.
        unsafe { _mm256_setzero_ps() }
    }
    #[inline(always)]
    unsafe fn splat(x: f32) -> Self::Register {
        // SAFETY: the caller runs on AVX2.
        unsafe { _mm256_set1_ps(x) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self::Register {
        // SAFETY: the caller runs on AVX2 and may read 8 elements.
        unsafe { _mm256_loadu_ps(from) }
    }
    #[inline(always)]
    unsafe fn mask(lanes: usize) -> __m256i {
        /// A window on this, 8 wide, has as many leading ones as its start is before the middle.
        const WINDOW: [i32; 16] = {
            let mut window = [0; 16];
            let mut i = 0;
            while i < 8 {
                window[i] = -1;
                i += 1;
            }
            window
        };
        let start = 8 - lanes.min(8);
        // SAFETY: the caller runs on AVX2; start ≤ 8, so the window ends inside the table.
        unsafe { _mm256_loadu_si256(WINDOW.as_ptr().add(start).cast()) }
    }
    #[inline(always)]
    unsafe fn load_masked(from: *const f32, mask: __m256i) -> Self::Register {
        // SAFETY: the caller runs on AVX2 and may read the masked elements; the rest is not touched.
        unsafe { _mm256_maskload_ps(from, mask) }
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, x: Self::Register) {
        // SAFETY: the caller runs on AVX2 and may write 8 elements.
        unsafe { _mm256_storeu_ps(to, x) }
    }
    #[inline(always)]
    unsafe fn stream(to: *mut f32, x: Self::Register) {
        // SAFETY: the caller runs on AVX2 and may write 8 elements, aligned to a register.
        unsafe { _mm256_stream_ps(to, x) }
    }
    #[inline(always)]
    unsafe fn store_masked(to: *mut f32, x: Self::Register, mask: __m256i) {
        // SAFETY: the caller runs on AVX2 and may write the masked elements; the rest is not touched.
        unsafe { _mm256_maskstore_ps(to, mask, x) }
    }
    #[inline(always)]
    unsafe fn mul(x: Self::Register, y: Self::Register) -> Self::Register {
        // SAFETY: the caller runs on AVX2.
        unsafe { _mm256_mul_ps(x, y) }
    }
    #[inline(always)]
    unsafe fn add(x: Self::Register, y: Self::Register) -> Self::Register {
        // SAFETY: the caller runs on AVX2.
        unsafe { _mm256_add_ps(x, y) }
    }
    #[inline(always)]
    unsafe fn fma(x: Self::Register, y: Self::Register, z: Self::Register) -> Self::Register {
        // SAFETY: the caller runs on AVX2 and FMA.
        unsafe { _mm256_fmadd_ps(x, y, z) }
    }
    #[inline(always)]
    unsafe fn sum(x: Self::Register) -> f32 {
        let mut lanes = [0.0; 8];
        // SAFETY: the caller runs on AVX2; `lanes` holds 8 elements.
        unsafe { _mm256_storeu_ps(lanes.as_mut_ptr(), x) }
        lanes.iter().sum()
    }
}

/// 4 `f64` in a 256-bit register.
pub(super) struct Ymm64;

// SAFETY: every method uses AVX2 and FMA only, and touches only the elements that `Vector` names.
unsafe impl Vector for Ymm64 {
    type Element = f64;
    type Register = __m256d;
    type Mask = __m256i;
    type Half = Self;
    type Quad = Quad64;
    const LANES: usize = 4;

    #[inline(always)]
    unsafe fn zero() -> Self::Register {
        // SAFETY: the caller runs on AVX2.
        unsafe { _mm256_setzero_pd() }
    }
    #[inline(always)]
    unsafe fn splat(x: f64) -> Self::Register {
        // SAFETY: the caller runs on AVX2.
        unsafe { _mm256_set1_pd(x) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f64) -> Self::Register {
        // SAFETY: the caller runs on AVX2 and may read 4 elements.
        unsafe { _mm256_loadu_pd(from) }
    }
    #[inline(always)]
    unsafe fn mask(lanes: usize) -> __m256i {
        /// A window on this, 4 wide, has as many leading ones as its start is before the middle.
        const WINDOW: [i64; 8] = {
            let mut window = [0; 8];
            let mut i = 0;
            while i < 4 {
                window[i] = -1;
                i += 1;
            }
            window
        };
        let start = 4 - lanes.min(4);
        // SAFETY: the caller runs on AVX2; start ≤ 4, so the window ends inside the table.
        unsafe { _mm256_loadu_si256(WINDOW.as_ptr().add(start).cast()) }
    }
    #[inline(always)]
    unsafe fn load_masked(from: *const f64, mask: __m256i) -> Self::Register {
        // SAFETY: the caller runs on AVX2 and may read the masked elements; the rest is not touched.
        unsafe { _mm256_maskload_pd(from, mask) }
    }
    #[inline(always)]
    unsafe fn store(to: *mut f64, x: Self::Register) {
        // SAFETY: the caller runs on AVX2 and may write 4 elements.
        unsafe { _mm256_storeu_pd(to, x) }
    }
    #[inline(always)]
    unsafe fn stream(to: *mut f64, x: Self::Register) {
        // SAFETY: the caller runs on AVX2 and may write 4 elements, aligned to a register.
        unsafe { _mm256_stream_pd(to, x) }
    }
    #[inline(always)]
    unsafe fn store_masked(to: *mut f64, x: Self::Register, mask: __m256i) {
        // SAFETY: the caller runs on AVX2 and may write the masked elements; the rest is not touched.
        unsafe { _mm256_maskstore_pd(to, mask, x) }
    }
    #[inline(always)]
    unsafe fn mul(x: Self::Register, y: Self::Register) -> Self::Register {
        // SAFETY: the caller runs on AVX2.
        unsafe { _mm256_mul_pd(x, y) }
    }
    #[inline(always)]
    unsafe fn add(x: Self::Register, y: Self::Register) -> Self::Register {
        // SAFETY: the caller runs on AVX2.
        unsafe { _mm256_add_pd(x, y) }
    }
    #[inline(always)]
    unsafe fn fma(x: Self::Register, y: Self::Register, z: Self::Register) -> Self::Register {
        // SAFETY: the caller runs on AVX2 and FMA.
        unsafe { _mm256_fmadd_pd(x, y, z) }
    }
    #[inline(always)]
    unsafe fn sum(x: Self::Register) -> f64 {
        let mut lanes = [0.0; 4];
        // SAFETY: the caller runs on AVX2; `lanes` holds 4 elements.
        unsafe { _mm256_storeu_pd(lanes.as_mut_ptr(), x) }
        lanes.iter().sum()
    }
}

/// Four `f32` in a 128-bit register.
pub(super) struct Quad32;

// SAFETY: every method uses SSE only, and touches only the elements that `Quad` names.
unsafe impl Quad for Quad32 {
    type Element = f32;
    type Register = __m128;

    #[inline(always)]
    unsafe fn load(from: *const f32) -> __m128 {
        // SAFETY: the caller may read 4 elements.
        unsafe { _mm_loadu_ps(from) }
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, x: __m128) {
        // SAFETY: the caller may write 4 elements.
        unsafe { _mm_storeu_ps(to, x) }
    }
    #[inline(always)]
    unsafe fn mul(x: __m128, factor: f32) -> __m128 {
        // SAFETY: SSE is part of x86-64.
        unsafe { _mm_mul_ps(x, _mm_set1_ps(factor)) }
    }
    #[inline(always)]
    unsafe fn add(x: __m128, y: __m128) -> __m128 {
        // SAFETY: SSE is part of x86-64.
        unsafe { _mm_add_ps(x, y) }
    }
    #[inline(always)]
    unsafe fn transpose([a, b, c, d]: [__m128; 4]) -> [__m128; 4] {
        // SAFETY: SSE is part of x86-64.
        unsafe {
            let (ab_low, ab_high) = (_mm_unpacklo_ps(a, b), _mm_unpackhi_ps(a, b));
            let (cd_low, cd_high) = (_mm_unpacklo_ps(c, d), _mm_unpackhi_ps(c, d));
            [
                _mm_movelh_ps(ab_low, cd_low),
                _mm_movehl_ps(cd_low, ab_low),
                _mm_movelh_ps(ab_high, cd_high),
                _mm_movehl_ps(cd_high, ab_high),
            ]
        }
    }
}

/// Four `f64` in a 256-bit register.
pub(super) struct Quad64;

// SAFETY: every method uses AVX2 only, and touches only the elements that `Quad` names.
unsafe impl Quad for Quad64 {
    type Element = f64;
    type Register = __m256d;

    #[inline(always)]
    unsafe fn load(from: *const f64) -> __m256d {
        // SAFETY: the caller runs on AVX2 and may read 4 elements.
        unsafe { _mm256_loadu_pd(from) }
    }
    #[inline(always)]
    unsafe fn store(to: *mut f64, x: __m256d) {
        // SAFETY: the caller runs on AVX2 and may write 4 elements.
        unsafe { _mm256_storeu_pd(to, x) }
    }
    #[inline(always)]
    unsafe fn mul(x: __m256d, factor: f64) -> __m256d {
        // SAFETY: the caller runs on AVX2.
        unsafe { _mm256_mul_pd(x, _mm256_set1_pd(factor)) }
    }
    #[inline(always)]
    unsafe fn add(x: __m256d, y: __m256d) -> __m256d {
        // SAFETY: the caller runs on AVX2.
        unsafe { _mm256_add_pd(x, y) }
    }
    #[inline(always)]
    unsafe fn transpose([a, b, c, d]: [__m256d; 4]) -> [__m256d; 4] {
        /// The low halves of both registers.
        const LOW: i32 = 0x20;
        /// The high halves of both registers.
        const HIGH: i32 = 0x31;
        // SAFETY: the caller runs on AVX2.
        unsafe {
            let (ab_even, ab_odd) = (_mm256_unpacklo_pd(a, b), _mm256_unpackhi_pd(a, b));
            let (cd_even, cd_odd) = (_mm256_unpacklo_pd(c, d), _mm256_unpackhi_pd(c, d));
            [
                _mm256_permute2f128_pd::<LOW>(ab_even, cd_even),
                _mm256_permute2f128_pd::<LOW>(ab_odd, cd_odd),
                _mm256_permute2f128_pd::<HIGH>(ab_even, cd_even),
                _mm256_permute2f128_pd::<HIGH>(ab_odd, cd_odd),
            ]
        }
    }
}
