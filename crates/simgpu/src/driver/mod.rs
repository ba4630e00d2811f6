//! The CUDA driver API: what a program that loads PTX calls, answered by a [`Gpu`] of this process.
//!
//! # Two ways in
//!
//! - **Linked**: a program that depends on this crate and calls [`link`] has the `cu…` symbols inside; a library such as
//!   `cust` finds them there instead of in the driver.
//! - **Loaded**: the crate's cdylib under the name `libcuda.so.1` stands where the loader looks for the driver
//!   (`LD_LIBRARY_PATH`), and the very binary that would run on a GPU runs.
//!
//! [`symbols`] lists what is exported: the driver API of CUDA 12.0, whole; what is not supported says so. Programs of the CUDA *runtime* API (`cudaMalloc`, `<<<…>>>`) need more of a driver
//! than is public, and do not run.
//!
//! # What differs from a driver
//!
//! - **Everything is done at once.** `cuLaunchKernel` runs the kernel to its end before it returns, copies and callbacks
//!   likewise, so each stream is in order and always idle. Streams of several host threads do run side by side.
//! - **Event times are the host's clock**: what the software GPU took, and nothing that a GPU would take.
//! - **Device memory is host memory.** Pinned, mapped and managed memory have one address on both sides. The device has
//!   as much of it as the modelled GPU, the machine or [`DEVICE_BYTES`](crate::limits::DEVICE_BYTES), whichever is least.
//! - **PTX only**: a cubin or a fat binary is `NO_BINARY_FOR_GPU`.
//! - Graphs, arrays, textures, peer devices, memory pools and cooperative launches are `NOT_SUPPORTED`.
//!
//! # Errors
//!
//! A kernel that does what a GPU stops for (an address that is not allocated, …) is reported as a GPU reports it:
//! `cuLaunchKernel` itself succeeds, and every later call that needs the context returns the error, beginning with the next
//! synchronisation. A new context (`cuDevicePrimaryCtxReset`, `cuCtxCreate`) works again; on a GPU only a new process
//! surely does. Calls that destroy something do so and then return the error.
//!
//! | finding | error |
//! |---|---|
//! | access out of bounds, use after free | `ILLEGAL_ADDRESS` (700) |
//! | misaligned access | `MISALIGNED_ADDRESS` (716) |
//! | deadlock, more instructions than the limit | `LAUNCH_TIMEOUT` (702) |
//! | trap; any other finding when `SIMGPU_FAIL=1` | `LAUNCH_FAILED` (719) |
//!
//! The number of an error says little, so `cuGetErrorString` adds what is known of the calling thread's last failure: the
//! line of the PTX that is not understood, the kernel, source line, block and thread of a bad access.
//!
//! # Settings
//!
//! Environment variables, read once at `cuInit`. A wrong value, or a variable that begins with `SIMGPU_` and is none of these, makes
//! `cuInit` return `INVALID_VALUE`, and `cuGetErrorString` then names it.
//!
//! | variable | meaning |
//! |---|---|
//! | `SIMGPU_CHECKS` | `all` (default), `none`, or a list of `uninitialized_global`, `uninitialized_shared`, `races`, `global_races`, `divergent_barriers` |
//! | `SIMGPU_FAIL` | `1`: any finding fails the launch |
//! | `SIMGPU_GPU` | `a100` (default) or `h100`: the GPU that is modelled |
//! | `SIMGPU_THREADS` | host threads that run blocks |
//! | `SIMGPU_INSTRUCTIONS_MAX` | warp instructions that a block may run |
//! | `SIMGPU_LANES` | `portable`, `avx2` or `avx512`; default: the best that the CPU has |
//! | `SIMGPU_REPORT` | a file; every launch appends one line of JSON ([`summary_json`](crate::report::summary_json)) |
//! | `SIMGPU_TABLE` | a file; every launch appends its table. `/dev/stderr` is a file too |

#![allow(unsafe_code, non_snake_case)]

#[macro_use]
mod api;
mod codes;
mod context;
mod copy;
mod device;
mod environment;
mod event;
mod failure;
mod fill;
mod function;
mod handles;
mod jit;
mod launch;
mod linker;
mod memory;
mod module;
mod occupancy;
mod pointer;
mod raw;
mod reports;
mod state;
mod stream;
mod symbols;
mod unsupported;

pub use codes::CUresult;
pub use reports::{REPORTS_KEPT, reports, take_reports};
pub use symbols::symbols;

use crate::settings::Settings;

#[cfg(doc)]
use crate::gpu::Gpu;

/// Makes sure that the `cu…` symbols of this crate are in the program that calls it.
///
/// A linker takes from an rlib only what something refers to. A program that uses CUDA through another crate refers to
/// nothing here; this call is the reference. It does nothing when it runs.
pub fn link() {
    for name in symbols() {
        std::hint::black_box(symbols::address(name));
    }
}

/// Sets how launches are checked and run, from the next one on, whatever the environment says.
///
/// It may be called before `cuInit` and between launches; a launch of another thread is waited for. Reads of uninitialised
/// global memory are found only in memory that was allocated while that check was on.
pub fn configure(settings: Settings) {
    state::configure(settings);
}
