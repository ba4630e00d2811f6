#![doc = include_str!("../README.md")]
// A README shows the picture as a file; here it is part of the page, which needs no other file then.
#![doc = concat!(
    "\n## What binds\n\n<div class=\"picture\"><style>.readme{display:none}.picture svg{max-width:100%;height:auto}</style>",
    include_str!("../docs/binds.svg"),
    "</div>\n"
)]
//!
//! *Four kernels for one product, and the time that each unit of an A100 would take for what was counted of them: first memory binds,
//! then shared memory, then arithmetic; on tensor cores handing out instructions. A model ([`roofline`]), not measured; drawn by the
//! repository's example `gpu_matmul`.*
//!
//! ## Reading order
//!
//! [`ptx`] (the text, parsed), [`program/mod.rs`](../src/simgpu/program/mod.rs.html) (operations with their registers resolved),
//! [`machine/warp.rs`](../src/simgpu/machine/warp.rs.html) (warps and divergence), [`machine/barrier.rs`](../src/simgpu/machine/barrier.rs.html),
//! [`lanes/mod.rs`](../src/simgpu/lanes/mod.rs.html) (an operation for 32 lanes), [`machine/shadow.rs`](../src/simgpu/machine/shadow.rs.html) (what is
//! watched), [`finding`] and [`counters`] (what was seen), [`occupancy`] and
//! [`mod@roofline`] (what follows from it); [`Gpu`] and [`driver`] are the two doors.

pub mod counters;
pub mod driver;
pub mod error;
pub mod finding;
pub mod gpu;
mod lanes;
mod launch;
pub mod limits;
mod machine;
mod memory;
pub mod occupancy;
pub mod profile;
mod program;
pub mod ptx;
pub mod report;
pub mod roofline;
pub mod settings;

pub use counters::{Counters, SharedTraffic, Traffic};
pub use driver::{configure, link, reports, take_reports};
pub use error::Error;
pub use finding::{Finding, FindingKind};
pub use gpu::{Gpu, KernelInfo, Launch, LaunchReport, Module};
pub use occupancy::Occupancy;
pub use profile::GpuModel;
pub use report::Summary;
pub use roofline::{Bound, bound};
pub use settings::{Checks, Lanes, Settings};
