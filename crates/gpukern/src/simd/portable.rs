//! No instruction set in particular: arrays of four, which the compiler turns into whatever vectors it has.
#![allow(unsafe_code)]

use core::array::from_fn;

use super::table::{Kernels, entries, table};
use super::vector::{LOWEST, Vector};
use crate::Isa;

entries!();

/// The kernels.
pub(super) static KERNELS: Kernels = table!(Lanes, Isa::Portable, [1, 2, 2], 2);

/// Four f32: 128 bits, which every 64-bit target has.
pub(super) struct Lanes;

/// Added and taken away again, this leaves the nearest whole number: at this size f32 has no others.
const ROUND: f32 = 1.5 * (1 << 23) as f32;

// SAFETY: plain Rust, no instruction set asked; touches only the elements that `Vector` names.
unsafe impl Vector for Lanes {
    type Register = [f32; 4];
    type Mask = usize;
    const LANES: usize = 4;

    #[inline(always)]
    unsafe fn splat(x: f32) -> [f32; 4] {
        [x; 4]
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> [f32; 4] {
        // SAFETY: the caller may read 4 elements; no alignment beyond theirs is asked.
        unsafe { from.cast::<[f32; 4]>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, x: [f32; 4]) {
        // SAFETY: the caller may write 4 elements.
        unsafe { to.cast::<[f32; 4]>().write_unaligned(x) }
    }
    #[inline(always)]
    unsafe fn mask(lanes: usize) -> usize {
        lanes
    }
    #[inline(always)]
    unsafe fn load_masked(from: *const f32, mask: usize) -> [f32; 4] {
        // SAFETY: the caller may read the first `mask` elements.
        from_fn(|i| if i < mask { unsafe { *from.add(i) } } else { 0.0 })
    }
    #[inline(always)]
    unsafe fn load_or(from: *const f32, mask: usize, other: [f32; 4]) -> [f32; 4] {
        // SAFETY: the caller may read the first `mask` elements.
        from_fn(|i| if i < mask { unsafe { *from.add(i) } } else { other[i] })
    }
    #[inline(always)]
    unsafe fn store_masked(to: *mut f32, x: [f32; 4], mask: usize) {
        for (i, &lane) in x.iter().enumerate().take(mask) {
            // SAFETY: the caller may write the first `mask` elements.
            unsafe { *to.add(i) = lane }
        }
    }
    #[inline(always)]
    unsafe fn keep(x: [f32; 4], mask: usize) -> [f32; 4] {
        from_fn(|i| if i < mask { x[i] } else { 0.0 })
    }
    #[inline(always)]
    unsafe fn add(x: [f32; 4], y: [f32; 4]) -> [f32; 4] {
        from_fn(|i| x[i] + y[i])
    }
    #[inline(always)]
    unsafe fn sub(x: [f32; 4], y: [f32; 4]) -> [f32; 4] {
        from_fn(|i| x[i] - y[i])
    }
    #[inline(always)]
    unsafe fn mul(x: [f32; 4], y: [f32; 4]) -> [f32; 4] {
        from_fn(|i| x[i] * y[i])
    }
    #[inline(always)]
    unsafe fn fma(x: [f32; 4], y: [f32; 4], z: [f32; 4]) -> [f32; 4] {
        from_fn(|i| x[i] * y[i] + z[i])
    }
    #[inline(always)]
    unsafe fn max(x: [f32; 4], y: [f32; 4]) -> [f32; 4] {
        from_fn(|i| if x[i] > y[i] { x[i] } else { y[i] })
    }
    #[inline(always)]
    unsafe fn select_less(a: [f32; 4], b: [f32; 4], x: [f32; 4], y: [f32; 4]) -> [f32; 4] {
        from_fn(|i| if a[i] < b[i] { x[i] } else { y[i] })
    }
    #[inline(always)]
    unsafe fn all_at_most(x: [f32; 4], y: [f32; 4]) -> bool {
        x.iter().zip(&y).all(|(x, y)| x <= y)
    }
    #[inline(always)]
    unsafe fn split(x: [f32; 4]) -> ([f32; 4], [f32; 4]) {
        // Beyond these 2ˣ is 0 or infinite anyway; the comparisons let NaN through.
        let inside = x.map(|x| if x < LOWEST { LOWEST } else { x }).map(|x| if x > -LOWEST { -LOWEST } else { x });
        let whole = inside.map(|x| (x + ROUND) - ROUND);
        (whole, from_fn(|i| inside[i] - whole[i]))
    }
    #[inline(always)]
    unsafe fn scale(x: [f32; 4], whole: [f32; 4]) -> [f32; 4] {
        // From −127, whose biased exponent of 0 makes the factor 0, to 128, whose 255 makes it infinite; NaN in `whole` comes with a
        // NaN in `x`, which any factor leaves NaN. The low bits of a number near ROUND are the number.
        let factor = |whole: f32| {
            let whole = if whole > -127.0 { whole } else { -127.0 };
            let whole = if whole < 128.0 { whole } else { 128.0 };
            f32::from_bits((whole + (ROUND + 127.0)).to_bits() << 23)
        };
        from_fn(|i| x[i] * factor(whole[i]))
    }
    #[inline(always)]
    unsafe fn sum(x: [f32; 4]) -> f32 {
        (x[0] + x[2]) + (x[1] + x[3])
    }
    #[inline(always)]
    unsafe fn largest(x: [f32; 4]) -> f32 {
        x.into_iter().fold(f32::NEG_INFINITY, f32::max)
    }
}
