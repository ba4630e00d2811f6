#![doc = include_str!("../README.md")]
#![no_std]

pub mod adam;
pub mod attention;
pub mod cross_entropy;
pub mod darts;
pub mod elementwise;
pub mod embedding;
pub mod heads;
pub mod matmul;
pub mod rms_norm;
pub mod softmax;

/// The largest size or leading dimension that a kernel takes.
pub const DIMENSION_MAX: u32 = i32::MAX as u32;

/// The largest number of blocks of a grid in x. (CUDA C++ Programming Guide, "Technical Specifications per Compute Capability")
pub const GRID_X_MAX: u32 = i32::MAX as u32;

/// A kernel that can be launched: an `extern "C" __global__` function of the sources, a `.visible .entry` of the PTX.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// Threads that its block must have, all three dimensions multiplied; `None` where any number will do.
    pub threads: Option<u32>,
    /// Name and type of each parameter, in order. Types are those of the PTX: `u32` (also for flags, 0 or 1), `u64` (a device
    /// pointer, or a count where the docs say so), `f32`, `f64`. All shared memory is static: a launch asks for 0 bytes.
    pub parameters: &'static [(&'static str, &'static str)],
}
