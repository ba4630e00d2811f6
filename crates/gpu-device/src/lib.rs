//! *How does CUDA work? Do you just call `torch.device("cuda")`, or do you know what happens?*
//!
//! **The answer.** A GPU is a second computer with its own memory and its own instruction set, at the other end of a bus. The
//! program never touches it. It calls the *driver*, a shared library (`libcuda.so.1`) that comes with the GPU's kernel module, and
//! the driver puts commands into a queue that the GPU works off:
//!
//! ```text
//!   this process                                      │  the GPU
//!                                                     │
//!   Device::open ─► cuInit, cuDevicePrimaryCtxRetain ─┼─► a context: an address space of its own
//!   device.load ──► cuModuleLoadDataEx                │
//!                   PTX ─ the driver's compiler ─► SASS ─► code in its memory
//!   upload ───────► cuMemAlloc, cuMemcpyHtoD ─────────┼─► bytes over the bus
//!   launch ───────► cuLaunchKernel ─► [ queue ] ──────┼─► grid of blocks of threads, 32 in step (a warp)
//!     returns at once                                 │     a block runs on one multiprocessor and shares its memory
//!   to_vec ───────► cuMemcpyDtoH: waits for the queue ◄─── bytes over the bus
//! ```
//!
//! 1. **PTX** is the assembly language of a machine that does not exist, with as many registers as one likes; the driver compiles
//!    it for the GPU that is there. Programs that were built before a GPU came out run on it for that reason.
//! 2. **A launch** names a kernel, a grid of blocks, a block of threads, and arguments as raw bytes. Nothing says what the
//!    bytes mean: a wrong argument is a wrong answer, or somebody else's memory. This crate reads the kernel's signature
//!    from the PTX ([`signatures`]) and refuses what does not fit.
//! 3. **Everything is asynchronous.** A launch returns before the kernel has started. What goes wrong in it is said by the next
//!    call that waits, whatever that is; [`Error::Asynchronous`] then names the last launch.
//!
//! ```
//! use gpu_device::{Argument, Device, Error, Launch};
//!
//! const PTX: &str = "
//! .version 7.0
//! .target sm_80
//! .address_size 64
//! .visible .entry twice(.param .u64 x, .param .u32 n) {
//!     .reg .pred %p; .reg .b32 %r<5>; .reg .f32 %f; .reg .b64 %d<3>;
//!     ld.param.u64 %d0, [x];        ld.param.u32 %r0, [n];
//!     mov.u32 %r1, %ctaid.x;        mov.u32 %r2, %ntid.x;       mov.u32 %r3, %tid.x;
//!     mad.lo.s32 %r4, %r1, %r2, %r3;
//!     setp.ge.u32 %p, %r4, %r0;     @%p bra done;
//!     cvta.to.global.u64 %d0, %d0;  mul.wide.u32 %d1, %r4, 4;   add.s64 %d2, %d0, %d1;
//!     ld.global.f32 %f, [%d2];      add.f32 %f, %f, %f;         st.global.f32 [%d2], %f;
//! done: ret;
//! }";
//!
//! fn twice(x: &[f32]) -> Result<Vec<f32>, Error> {
//!     let device = Device::open(0)?;
//!     let kernel = device.load("twice", PTX)?.kernel("twice")?;
//!     let mut buffer = device.upload(x)?;
//!     let n = x.len() as u32;
//!     let launch = Launch::linear(x.len(), 256)?;
//!     // SAFETY: the kernel touches x[i] for i < n only, and the buffer has n elements.
//!     unsafe { kernel.launch(&launch, &[Argument::from(&mut buffer), n.into()])? };
//!     buffer.to_vec() // waits
//! }
//!
//! match twice(&[1.0, 2.0, 3.0]) {
//!     Ok(doubled) => assert_eq!(doubled, [2.0, 4.0, 6.0]),
//!     Err(Error::Unavailable { reason }) => assert!(!reason.is_empty()), // and it says what to do
//!     Err(error) => return Err(error),
//! }
//! # Ok::<(), Error>(())
//! ```
//!
//! **Reading order:** [`Device`], [`Buffer`], [`Launch`] and [`Kernel`] are the example above; [`signatures`] is how arguments are checked, [`Vetted`]
//! how a launch becomes safe, [`kernels`] which ones are. What a kernel does with its threads is told by the crate `gpukern-kernels`, and
//! watched in `simgpu`.
//!
//! **From what you know:**
//!
//! | elsewhere | here |
//! |---|---|
//! | `torch.device("cuda")` | [`Device::open`]`(0)?` |
//! | `Vec<f32>`, on the host | [`Buffer`]`<f32>`, on the device; freed on drop |
//! | `vec.clone()`, `vec[i]` | [`Device::upload`], [`Buffer::to_vec`]; there is no indexing: every access crosses the bus |
//! | `vec[i..j].copy_from_slice(…)` | [`Buffer::write`], [`Buffer::read`]: a part of it |
//! | `tensor.to("cuda")`, `tensor.cpu()` | the same two |
//! | a dynamic library and `dlsym` | [`Module`] and [`Module::kernel`] |
//! | calling a function | [`Kernel::launch`]: a few thousand threads call it, and the caller goes on |
//! | `kernel<<<grid, block, shared>>>(…)` | [`Launch`] and a slice of [`Argument`] |
//! | `thread::join` | [`Device::synchronize`] |
//! | `Instant::now()` around it | [`Device::time`]: two events in the queue; a clock on the host would time the call |
//!
//! **What is safe, and what is not.** Buffers outlive the launches that use them: dropping one waits for all launches, and copies
//! run after everything that was launched before them. Contexts belong to threads in CUDA; here every call makes its own
//! current, so that everything is `Send` and `Sync`. What no check can know is how far a kernel follows a pointer that it is given,
//! and on systems where a GPU reaches the host's memory that can be any memory of the process. So [`Kernel::launch`] is `unsafe`.
//! For kernels whose reach somebody has read and stated, [`Vetted`] carries the statement, and [`VettedKernel::launch`] is safe: it
//! compares the stated reach with the buffers' sizes.
//!
//! **Features**, none on by default: `cuda` (Linux). Without it everything is here but a device: [`Device::open`] is
//! [`Error::Unavailable`]. With it, nothing of CUDA is needed to build, and a program starts on any machine: the driver is loaded
//! when it is first called, the one that the dynamic loader finds, and where there is none [`Device::open`] says so. (`cust`'s
//! build script wants a folder that contains `lib64`, empty or not, in `CUDA_LIBRARY_PATH` where no CUDA is installed.)
//! `simgpu`: the crate of that name, a GPU in software, is linked in and defines the driver's functions; no library is loaded.
#![allow(unsafe_code)]

// For its symbols only: `cust` calls them. Nothing of it is named here.
#[cfg(feature = "simgpu")]
extern crate simgpu as _;

/// The README's program, tested.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod argument;
mod buffer;
mod device;
mod driver;
mod error;
mod kernel;
pub mod kernels;
mod launch;
mod properties;
mod signature;
mod vetted;

pub use argument::{Argument, Number};
pub use buffer::{Buffer, Element};
pub use device::{Device, Stream};
pub use error::{DriverError, Error};
pub use kernel::{Kernel, Module};
pub use launch::{KernelAttributes, Launch};
pub use properties::Properties;
pub use signature::{Class, Parameter, Signature, signatures};
pub use vetted::{Reach, Vetted, VettedKernel};
