//! No instruction set in particular: arrays of a fixed length, which the compiler turns into whatever vectors it has.
#![allow(unsafe_code)]

use super::table::{Kernels, entries, table};
use super::vector::{Quad, Vector};
use crate::{Isa, Scalar};

entries!();

/// The kernels for `f32`.
pub(super) static F32: Kernels<f32> = table!(Lanes<f32, 4>, Isa::Portable, [1: [1 2 3 4 5 6] 2: [1 2 3 4 5 6]]);
/// The kernels for `f64`.
pub(super) static F64: Kernels<f64> = table!(Lanes<f64, 2>, Isa::Portable, [1: [1 2 3 4 5 6] 2: [1 2 3 4 5 6]]);

/// Four `f32` or two `f64`: 128 bits, which every 64-bit target has.
pub(super) struct Lanes<T, const N: usize>(core::marker::PhantomData<T>);

macro_rules! lanes {
    ($t:ty, $n:literal) => {
        // SAFETY: plain Rust, no instruction set asked; touches only the elements that `Vector` names.
        unsafe impl Vector for Lanes<$t, $n> {
            type Element = $t;
            type Register = [$t; $n];
            type Mask = usize;
            type Half = Self;
            type Quad = Lanes<$t, 4>;
            const LANES: usize = $n;

            #[inline(always)]
            unsafe fn zero() -> Self::Register {
                [0.0; $n]
            }
            #[inline(always)]
            unsafe fn splat(x: $t) -> Self::Register {
                [x; $n]
            }
            #[inline(always)]
            unsafe fn load(from: *const $t) -> Self::Register {
                // SAFETY: the caller may read this many elements; no alignment beyond theirs is asked.
                unsafe { from.cast::<[$t; $n]>().read_unaligned() }
            }
            #[inline(always)]
            unsafe fn mask(lanes: usize) -> usize {
                lanes
            }
            #[inline(always)]
            unsafe fn load_masked(from: *const $t, mask: usize) -> Self::Register {
                let mut lanes = [0.0; $n];
                for (i, lane) in lanes.iter_mut().enumerate().take(mask) {
                    // SAFETY: the caller may read the first `mask` elements.
                    *lane = unsafe { *from.add(i) };
                }
                lanes
            }
            #[inline(always)]
            unsafe fn store(to: *mut $t, x: Self::Register) {
                // SAFETY: the caller may write this many elements.
                unsafe { to.cast::<[$t; $n]>().write_unaligned(x) }
            }
            #[inline(always)]
            unsafe fn stream(to: *mut $t, x: Self::Register) {
                // SAFETY: the caller may write this many elements.
                unsafe { to.cast::<[$t; $n]>().write_unaligned(x) }
            }
            #[inline(always)]
            unsafe fn store_masked(to: *mut $t, x: Self::Register, mask: usize) {
                for (i, &lane) in x.iter().enumerate().take(mask) {
                    // SAFETY: the caller may write the first `mask` elements.
                    unsafe { *to.add(i) = lane }
                }
            }
            #[inline(always)]
            unsafe fn mul(x: Self::Register, y: Self::Register) -> Self::Register {
                core::array::from_fn(|i| x[i] * y[i])
            }
            #[inline(always)]
            unsafe fn add(x: Self::Register, y: Self::Register) -> Self::Register {
                core::array::from_fn(|i| x[i] + y[i])
            }
            #[inline(always)]
            unsafe fn fma(x: Self::Register, y: Self::Register, z: Self::Register) -> Self::Register {
                core::array::from_fn(|i| x[i] * y[i] + z[i])
            }
            #[inline(always)]
            unsafe fn sum(x: Self::Register) -> $t {
                x.iter().sum()
            }
        }
    };
}

lanes!(f32, 4);
lanes!(f64, 2);

// SAFETY: plain Rust, no instruction set asked; touches only the elements that `Quad` names.
unsafe impl<T: Scalar> Quad for Lanes<T, 4> {
    type Element = T;
    type Register = [T; 4];

    #[inline(always)]
    unsafe fn load(from: *const T) -> [T; 4] {
        // SAFETY: the caller may read 4 elements; no alignment beyond theirs is asked.
        unsafe { from.cast::<[T; 4]>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn store(to: *mut T, x: [T; 4]) {
        // SAFETY: the caller may write 4 elements.
        unsafe { to.cast::<[T; 4]>().write_unaligned(x) }
    }
    #[inline(always)]
    unsafe fn mul(x: [T; 4], factor: T) -> [T; 4] {
        x.map(|x| x * factor)
    }
    #[inline(always)]
    unsafe fn add(x: [T; 4], y: [T; 4]) -> [T; 4] {
        core::array::from_fn(|i| x[i] + y[i])
    }
    #[inline(always)]
    unsafe fn transpose(rows: [[T; 4]; 4]) -> [[T; 4]; 4] {
        core::array::from_fn(|i| core::array::from_fn(|j| rows[j][i]))
    }
}
