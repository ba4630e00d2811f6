//! The driver, behind one small interface: `cuda` calls it, `none` says that it was left out of the build.
//!
//! Everything takes and gives plain numbers; types, lengths and signatures are checked above. Each call makes the context
//! current first, because CUDA's current context belongs to the thread: so all of it may be used from any thread.

#[cfg(feature = "cuda")]
mod cuda;
#[cfg(feature = "cuda")]
pub(crate) use cuda::{Context, Function, Module, Stream};

#[cfg(not(feature = "cuda"))]
mod none;
#[cfg(not(feature = "cuda"))]
pub(crate) use none::{Context, Function, Module, Stream};

#[cfg(all(feature = "cuda", not(all(target_os = "linux", target_pointer_width = "64"))))]
compile_error!("the feature `cuda` needs Linux on a 64-bit processor: the driver is found through libcuda.so.1");
