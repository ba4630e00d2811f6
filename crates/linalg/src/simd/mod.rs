//! Everything that needs `unsafe` to be fast: vector registers, kernels, packing, scratch memory.
//!
//! The rest of the crate sees safe functions only: the methods of [`Kernels`] check shapes and lengths once per
//! block, and [`HasKernels::kernels`] hands a table out only if the processor has its instruction set.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod caches;
mod in_place;
mod pack;
mod portable;
mod run;
mod scratch;
mod stream;
mod table;
mod tile;
mod vector;

use std::fmt;

use crate::Error;

pub(crate) use caches::caches;
pub(crate) use run::{Destination, Operand, TERMS_MAX, Term, crowded, packed_len};
pub(crate) use scratch::with_scratch;
pub(crate) use table::Kernels;

/// An instruction set that kernels are written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Isa {
    /// Whatever the compiler's target has; runs everywhere.
    Portable,
    /// 256-bit registers with fused multiply-add (Haswell, Zen and later).
    Avx2Fma,
    /// 512-bit registers (Skylake-X, Zen 4 and later).
    Avx512,
}

impl Isa {
    /// All of them, the plainest first.
    pub const ALL: [Self; 3] = [Self::Portable, Self::Avx2Fma, Self::Avx512];

    /// Whether this processor has it.
    #[must_use]
    pub fn is_available(self) -> bool {
        match self {
            Self::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2Fma => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => is_x86_feature_detected!("avx512f") && Self::Avx2Fma.is_available(),
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }

    /// The best that this processor has.
    #[must_use]
    pub fn best() -> Self {
        if Self::Avx512.is_available() {
            Self::Avx512
        } else if Self::Avx2Fma.is_available() {
            Self::Avx2Fma
        } else {
            Self::Portable
        }
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Portable => "portable",
            Self::Avx2Fma => "AVX2+FMA",
            Self::Avx512 => "AVX-512",
        })
    }
}

/// The element types that there are kernels for. Seals [`Scalar`](crate::Scalar).
pub trait HasKernels: Sized + 'static {
    /// The kernels of an instruction set, the best one if `None`.
    ///
    /// # Errors
    /// [`Error::IsaUnavailable`] if this processor lacks it.
    fn kernels(isa: Option<Isa>) -> Result<&'static Kernels<Self>, Error>;
}

macro_rules! has_kernels {
    ($t:ty, $table:ident) => {
        impl HasKernels for $t {
            #[inline]
            fn kernels(isa: Option<Isa>) -> Result<&'static Kernels<Self>, Error> {
                let asked = isa.unwrap_or_else(Isa::best);
                if isa.is_some() && !asked.is_available() {
                    return Err(Error::IsaUnavailable { asked, best: Isa::best() });
                }
                Ok(match asked {
                    #[cfg(target_arch = "x86_64")]
                    Isa::Avx512 => &avx512::$table,
                    #[cfg(target_arch = "x86_64")]
                    Isa::Avx2Fma => &avx2::$table,
                    _ => &portable::$table,
                })
            }
        }
    };
}

has_kernels!(f32, F32);
has_kernels!(f64, F64);

/// Asks for the cache line at `at`, which may be any address.
#[inline(always)]
fn prefetch<T>(at: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: SSE is part of x86-64, and a prefetch of any address never faults.
    unsafe {
        core::arch::x86_64::_mm_prefetch::<{ core::arch::x86_64::_MM_HINT_T0 }>(at.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}

/// Stores past the caches, [`Vector::stream`](vector::Vector::stream), are done before any store that comes after this.
#[inline(always)]
fn fence() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: SSE is part of x86-64; a fence touches no memory.
    unsafe {
        core::arch::x86_64::_mm_sfence();
    }
}

/// Asks for the cache line at `at` in the second level, which may be any address.
#[inline(always)]
fn prefetch_to_l2<T>(at: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: SSE is part of x86-64, and a prefetch of any address never faults.
    unsafe {
        core::arch::x86_64::_mm_prefetch::<{ core::arch::x86_64::_MM_HINT_T1 }>(at.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}
