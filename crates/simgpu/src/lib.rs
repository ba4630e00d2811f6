#![doc = include_str!("../README.md")]

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
