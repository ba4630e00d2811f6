//! The default model's sizes, 16 numbers in 4 heads, in kernels of their own: whole training steps inside vector
//! registers.
//!
//! Products, attention and Adam are written once, over [`Isa`](lanes::Isa); a value of such a type is the proof that
//! its instructions are there, so the kernels are safe code. What is `unsafe` here are the intrinsics themselves and
//! the calls into functions that are compiled for an instruction set.
#![allow(unsafe_code)]

mod attention;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod decode;
mod lanes;
mod layout;
mod pass;
mod portable;
mod product;
mod update;
mod work;

use crate::adam::Factors;
use crate::error::Error;
use crate::tensor::Packed;

pub(crate) use decode::State;
pub(crate) use lanes::Row;
pub(crate) use layout::{EMBEDDING, HEADS, Layout, Numbers, Weights};
pub(crate) use update::Rows;
pub(crate) use work::Work;

/// The kernels for one instruction set that this machine has.
#[derive(Clone, Copy)]
pub(crate) enum Kernels {
    #[cfg(target_arch = "x86_64")]
    Avx512(avx512::Avx512),
    #[cfg(target_arch = "x86_64")]
    Avx2(avx2::Avx2),
    Portable,
}

/// A kernel compiled for each instruction set, and the method that calls the right one.
macro_rules! kernel {
    ($(#[$doc:meta])* $name:ident => $kernel:path, ($($argument:ident: $type:ty),*) $(-> $result:ty)?) => {
        $(#[$doc])*
        pub(crate) fn $name(self, $($argument: $type),*) $(-> $result)? {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx2,fma")]
            fn avx512(isa: avx512::Avx512, $($argument: $type),*) $(-> $result)? {
                $kernel(isa, $($argument),*)
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            fn avx2(isa: avx2::Avx2, $($argument: $type),*) $(-> $result)? {
                $kernel(isa, $($argument),*)
            }
            match self {
                #[cfg(target_arch = "x86_64")]
                // SAFETY: an `Avx512` exists only where AVX-512F, AVX2 and FMA were detected.
                Self::Avx512(isa) => unsafe { avx512(isa, $($argument),*) },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: an `Avx2` exists only where AVX2 and FMA were detected.
                Self::Avx2(isa) => unsafe { avx2(isa, $($argument),*) },
                Self::Portable => $kernel(portable::Portable, $($argument),*),
            }
        }
    };
}

impl Kernels {
    /// Those of an instruction set, the best one if `None`.
    pub(crate) fn new(isa: Option<linalg::Isa>) -> Result<Self, Error> {
        let best = linalg::Isa::best();
        let asked = isa.unwrap_or(best);
        let kernels = match asked {
            #[cfg(target_arch = "x86_64")]
            linalg::Isa::Avx512 => avx512::Avx512::detect().map(Self::Avx512),
            #[cfg(target_arch = "x86_64")]
            linalg::Isa::Avx2Fma => avx2::Avx2::detect().map(Self::Avx2),
            linalg::Isa::Portable => Some(Self::Portable),
            #[cfg(not(target_arch = "x86_64"))]
            _ => None,
        };
        kernels.ok_or(linalg::Error::IsaUnavailable { asked, best }.into())
    }

    kernel! {
        /// The loss of a chunk; what [`backward`](Kernels::backward) needs stays in `work`.
        forward_in => pass::forward, (weights: &Weights, batch: &Packed, work: &mut Work) -> f64
    }
    kernel! {
        /// The gradient of the loss, after [`forward`](Kernels::forward) of the same.
        backward => pass::backward, (weights: &Weights, batch: &Packed, work: &mut Work, gradient: &mut [Row])
    }
    kernel! {
        /// Moves the weights; whether all of them, and all gradients, are finite.
        adam => update::adam, (rows: &mut Rows<'_>, factors: &Factors<f32>) -> bool
    }
    kernel! {
        /// Brings the copies of the weights up to date with them.
        transpose => update::transpose, (weights: &mut Weights)
    }

    kernel! {
        /// Reads a token (and its position); at 1 / temperature, what comes next is then in `state.logits`.
        read => decode::read,
        (weights: &Weights, token: (usize, usize), inverse_temperature: Option<f32>, state: &mut State)
    }

    /// The loss of a chunk; what [`backward`](Kernels::backward) needs stays in `work`, which grows as it must.
    pub(crate) fn forward(self, weights: &Weights, batch: &Packed, work: &mut Work) -> f64 {
        work.reserve(&weights.layout, batch.len());
        self.forward_in(weights, batch, work)
    }
}
