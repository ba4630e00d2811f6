//! The software GPU as a Rust value: memory, modules, launches.

use std::sync::Arc;

use crate::counters::Counters;
use crate::error::Error;
use crate::finding::Finding;
use crate::settings::Settings;

/// A software GPU. The driver API has one of them for the process; a test may have its own.
#[derive(Debug)]
pub struct Gpu {
    settings: Settings,
}

/// A loaded module: its kernels decoded, its variables in device memory.
#[derive(Debug)]
pub struct Module {}

/// Grid, block, dynamic shared memory and parameters of a launch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch<'a> {
    /// Blocks in x, y, z.
    pub grid: [u32; 3],
    /// Threads a block in x, y, z.
    pub block: [u32; 3],
    /// Bytes of dynamic shared memory.
    pub shared_bytes: u32,
    /// The parameters, laid out as the PTX declares them (each at a multiple of its alignment).
    pub params: &'a [u8],
}

/// What one launch did and what the checks found.
#[derive(Debug, Clone, PartialEq)]
pub struct LaunchReport {
    /// The kernel's name.
    pub kernel: String,
    /// Blocks in x, y, z.
    pub grid: [u32; 3],
    /// Threads a block.
    pub block: [u32; 3],
    /// Bytes of shared memory a block: static and dynamic.
    pub shared_bytes: u64,
    /// Virtual registers (32-bit equivalents) that were live at once at most: what an ideal allocation needs a thread.
    pub registers: u32,
    /// What was counted.
    pub counters: Counters,
    /// What was found, first occurrence first.
    pub findings: Vec<Finding>,
    /// Findings beyond [`limits::FINDINGS`](crate::limits::FINDINGS).
    pub findings_dropped: u64,
}

impl Gpu {
    /// A GPU with these settings and no memory in use.
    pub fn new(settings: Settings) -> Gpu {
        Gpu { settings }
    }

    /// Its settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Reserves `bytes` of device memory, aligned to 256 bytes, not initialised. The address is also that of the host.
    pub fn allocate(&self, bytes: u64) -> Result<u64, Error> {
        todo!("{bytes}")
    }

    /// Gives back what `allocate` gave.
    pub fn free(&self, address: u64) -> Result<(), Error> {
        todo!("{address}")
    }

    /// Writes to device memory; it counts as initialised then.
    pub fn write(&self, address: u64, data: &[u8]) -> Result<(), Error> {
        todo!("{address} {data:?}")
    }

    /// Reads device memory.
    pub fn read(&self, address: u64, data: &mut [u8]) -> Result<(), Error> {
        todo!("{address} {data:?}")
    }

    /// Copies inside device memory, initialised or not.
    pub fn copy(&self, from: u64, to: u64, bytes: u64) -> Result<(), Error> {
        todo!("{from} {to} {bytes}")
    }

    /// The allocation that an address is in: its start and size in bytes.
    pub fn allocation(&self, address: u64) -> Option<(u64, u64)> {
        todo!("{address}")
    }

    /// Bytes allocated now.
    pub fn bytes_in_use(&self) -> u64 {
        todo!()
    }

    /// Parses, decodes and loads PTX. An instruction that is not supported is an error here, not at the launch.
    pub fn load(&self, ptx: &str) -> Result<Arc<Module>, Error> {
        todo!("{ptx}")
    }

    /// Runs a kernel to its end. `Err` is a launch that was not begun; what went wrong inside is in the report.
    pub fn launch(&self, module: &Module, kernel: &str, launch: &Launch<'_>) -> Result<LaunchReport, Error> {
        todo!("{module:?} {kernel} {launch:?}")
    }
}

impl Module {
    /// Names of the kernels, in the order of the text.
    pub fn kernels(&self) -> Vec<String> {
        todo!()
    }

    /// A kernel's signature.
    pub fn kernel(&self, name: &str) -> Option<KernelInfo> {
        todo!("{name}")
    }

    /// Address and size of a `.global` or `.const` variable.
    pub fn variable(&self, name: &str) -> Option<(u64, u64)> {
        todo!("{name}")
    }
}

/// What a launcher must know of a kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelInfo {
    /// Offset and size of each parameter in bytes.
    pub params: Vec<(u64, u64)>,
    /// Bytes of static shared memory.
    pub shared_bytes: u64,
    /// Bytes of local memory a thread.
    pub local_bytes: u64,
    /// Bytes of constant memory of the module.
    pub const_bytes: u64,
    /// Registers a thread: see [`LaunchReport::registers`].
    pub registers: u32,
    /// `.maxntid` or `.reqntid`.
    pub max_threads: Option<[u32; 3]>,
    /// `.version` as 10·major + minor.
    pub ptx_version: u32,
    /// `.target`, as 80.
    pub target: u32,
}
