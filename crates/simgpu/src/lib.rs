//! A software GPU.

pub mod counters;
pub mod error;
pub mod finding;
pub mod gpu;
mod lanes;
mod launch;
pub mod limits;
mod machine;
mod memory;
mod program;
pub mod ptx;
pub mod settings;

pub use counters::{Counters, SharedTraffic, Traffic};
pub use error::Error;
pub use finding::{Finding, FindingKind};
pub use gpu::{Gpu, KernelInfo, Launch, LaunchReport, Module};
pub use settings::{Checks, Lanes, Settings};
