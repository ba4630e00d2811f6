//! Everything that needs `unsafe` to be fast: processor features, and the kernels that use them.
//!
//! The rest of the crate sees safe functions only: an [`Isa`] is looked at before its kernel runs.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod lanes;
mod portable;

use std::fmt;

use crate::Error;

pub(crate) use lanes::{fill_units, scramble};

/// An instruction set that kernels are written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Isa {
    /// Whatever the compiler's target has; runs everywhere.
    Portable,
    /// 256-bit integers (Haswell, Zen and later).
    Avx2,
    /// 512-bit integers, of words and of halves of them: AVX-512 F, BW, DQ and VL (Skylake-X, Zen 4 and later).
    Avx512,
}

impl Isa {
    /// All of them, the plainest first.
    pub const ALL: [Self; 3] = [Self::Portable, Self::Avx2, Self::Avx512];

    /// Whether this processor has it.
    #[must_use]
    pub fn is_available(self) -> bool {
        match self {
            Self::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
            }
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }

    /// The best that this processor has.
    #[must_use]
    pub fn best() -> Self {
        if Self::Avx512.is_available() {
            Self::Avx512
        } else if Self::Avx2.is_available() {
            Self::Avx2
        } else {
            Self::Portable
        }
    }

    /// The best one if `None`; what was asked for if this processor has it.
    pub(crate) fn choose(asked: Option<Self>) -> Result<Self, Error> {
        match asked {
            Some(asked) if !asked.is_available() => Err(Error::IsaUnavailable { asked, best: Self::best() }),
            Some(asked) => Ok(asked),
            None => Ok(Self::best()),
        }
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Portable => "portable",
            Self::Avx2 => "AVX2",
            Self::Avx512 => "AVX-512",
        })
    }
}

/// How many of the darts of blocks `first` … `first + blocks` − 1, four a block, are inside: the same on any `isa`.
///
/// An `isa` that this processor lacks counts as portable; `first + blocks` is at most 2⁶².
pub(crate) fn inside_of_blocks(isa: Isa, first: u64, blocks: u64, seed: u64) -> u64 {
    match isa {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the features that it is compiled for were detected in the guard.
        Isa::Avx512 if isa.is_available() => unsafe { avx512::inside_of_blocks(first, blocks, seed) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the feature that it is compiled for was detected in the guard.
        Isa::Avx2 if isa.is_available() => unsafe { avx2::inside_of_blocks(first, blocks, seed) },
        _ => portable::inside_of_blocks(first, blocks, seed),
    }
}
