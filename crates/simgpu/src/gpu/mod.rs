//! The software GPU as a Rust value: memory, modules, launches. What is public is declared here, so that its path is this one.

mod kernel;
mod module;

use std::sync::Arc;

pub(crate) use kernel::Kernel;

use crate::counters::Counters;
use crate::error::Error;
use crate::finding::Finding;
use crate::lanes::Detected;
use crate::memory::Memory;
use crate::ptx;
use crate::settings::Settings;

/// A software GPU. The driver API has one of them for the process; a test may have its own.
#[derive(Debug)]
pub struct Gpu {
    settings: Settings,
    pub(crate) memory: Arc<Memory>,
}

/// A loaded module: its kernels decoded, its variables in device memory.
#[derive(Debug)]
pub struct Module {
    pub(crate) files: Vec<(u32, String)>,
    kernels: Vec<Kernel>,
    /// Name, device address and bytes of the variables in device memory.
    variables: Vec<(String, u64, u64)>,
    memory: Arc<Memory>,
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
    pub threads_max: Option<[u32; 3]>,
    /// `.version` as 10·major + minor.
    pub ptx_version: u32,
    /// `.target`, as 80.
    pub target: u32,
}

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
        Gpu { settings, memory: Arc::default() }
    }

    /// Its settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Changes the settings for launches from now on. Which bytes were written is known only of memory that was allocated
    /// while `uninitialized_global` was on.
    pub fn set_settings(&mut self, settings: Settings) {
        self.settings = settings;
    }

    /// Reserves `bytes` of device memory, aligned to 256 bytes, not initialised. The address is also that of the host.
    ///
    /// # Errors
    /// [`Error::Limit`] beyond [`limits::DEVICE_BYTES`](crate::limits::DEVICE_BYTES), [`Error::Memory`] when the host has no more.
    pub fn allocate(&self, bytes: u64) -> Result<u64, Error> {
        self.memory.allocate(bytes, self.settings.checks.uninitialized_global)
    }

    /// As `allocate`, for memory that the host writes to directly: all of it counts as initialised, and is zero.
    ///
    /// # Errors
    /// As for `allocate`.
    pub fn allocate_initialized(&self, bytes: u64) -> Result<u64, Error> {
        self.memory.allocate(bytes, false)
    }

    /// Gives back what `allocate` gave.
    ///
    /// # Errors
    /// [`Error::Memory`] for an address that is not the start of an allocation, or was freed before.
    pub fn free(&self, address: u64) -> Result<(), Error> {
        self.memory.free(address)
    }

    /// Writes to device memory; it counts as initialised then.
    ///
    /// # Errors
    /// [`Error::Memory`] for a range that is not inside one allocation; nothing is written then.
    pub fn write(&self, address: u64, data: &[u8]) -> Result<(), Error> {
        self.memory.write(address, data)
    }

    /// Reads device memory.
    ///
    /// # Errors
    /// As for `write`.
    pub fn read(&self, address: u64, data: &mut [u8]) -> Result<(), Error> {
        self.memory.read(address, data)
    }

    /// Copies inside device memory, initialised or not.
    ///
    /// # Errors
    /// As for `write`.
    pub fn copy(&self, from: u64, to: u64, bytes: u64) -> Result<(), Error> {
        self.memory.copy(from, to, bytes)
    }

    /// The allocation that an address is in: its start and size in bytes.
    pub fn allocation(&self, address: u64) -> Option<(u64, u64)> {
        self.memory.allocation(address)
    }

    /// Bytes allocated now.
    pub fn bytes_in_use(&self) -> u64 {
        self.memory.bytes_in_use()
    }

    /// Parses, decodes and loads PTX. An instruction that is not supported is an error here, not at the launch.
    ///
    /// # Errors
    /// [`Error::Syntax`] and [`Error::Unsupported`] name what they are about and its line; [`Error::Limit`] what there is too much of. Variables
    /// take device memory: as for [`Gpu::allocate`].
    pub fn load(&self, text: &str) -> Result<Arc<Module>, Error> {
        let parsed = ptx::parse(text)?;
        let module = Module::load(&parsed, self.memory.clone(), Detected::new(self.settings.lanes))?;
        Ok(Arc::new(module))
    }

    /// Runs a kernel to its end. `Err` is a launch that was not begun; what went wrong inside is in the report.
    ///
    /// # Errors
    /// [`Error::NoKernel`]; [`Error::Launch`] for a grid or a block of size zero or beyond
    /// [`GRID_DIMENSIONS`](crate::profile::GRID_DIMENSIONS) or [`BLOCK_DIMENSIONS`](crate::profile::BLOCK_DIMENSIONS), more threads than
    /// [`limits::BLOCK_THREADS`](crate::limits::BLOCK_THREADS) or than the kernel allows, more shared memory than
    /// [`limits::SHARED_BYTES`](crate::limits::SHARED_BYTES), or fewer bytes of
    /// parameters than the kernel has.
    pub fn launch(&self, module: &Module, kernel: &str, launch: &Launch<'_>) -> Result<LaunchReport, Error> {
        let kernel = module.find(kernel).ok_or_else(|| Error::NoKernel { name: kernel.to_owned() })?;
        kernel.check(launch)?;
        crate::launch::run(self, module, kernel, launch)
    }
}
