//! The software GPU as a Rust value: memory, modules, launches.

use std::sync::Arc;

use crate::counters::Counters;
use crate::error::Error;
use crate::finding::Finding;
use crate::lanes::Detected;
use crate::limits;
use crate::memory::Memory;
use crate::profile::{BLOCK_DIMENSIONS, GRID_DIMENSIONS};
use crate::program::{self, Addresses, Program, at_most};
use crate::ptx::ast::{Function, Place, Space, Variable};
use crate::ptx::{self, ast};
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

/// A kernel that can be launched.
#[derive(Debug)]
pub(crate) struct Kernel {
    pub(crate) name: String,
    pub(crate) program: Program,
    info: KernelInfo,
    threads_required: bool,
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
    /// Findings beyond [`limits::FINDINGS`].
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
    /// [`Error::Limit`] beyond [`limits::DEVICE_BYTES`], [`Error::Memory`] when the host has no more.
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
    /// [`Error::Syntax`], [`Error::Unsupported`] and [`Error::Limit`] name what they are about and its line.
    pub fn load(&self, text: &str) -> Result<Arc<Module>, Error> {
        let parsed = ptx::parse(text)?;
        let mut module = Module {
            files: parsed.files.clone(),
            kernels: Vec::new(),
            variables: Vec::new(),
            memory: self.memory.clone(),
        };
        let addresses = module.place_variables(&parsed)?;
        let lanes = Detected::new(self.settings.lanes);
        let mut instructions = 0;
        for function in parsed.functions.iter().filter(|function| function.is_entry && function.body.is_some()) {
            let program = program::decode(&parsed, function, &Addresses { of_module: &addresses }, lanes)?;
            instructions += program.positions.len();
            at_most("instructions of a module's kernels", instructions, limits::MODULE_INSTRUCTIONS)?;
            at_most("kernels of a module", module.kernels.len() + 1, limits::MODULE_KERNELS)?;
            let info = info(&parsed, function, &program);
            let threads_required = function.threads_required;
            module.kernels.push(Kernel { name: function.name.clone(), program, info, threads_required });
        }
        Ok(Arc::new(module))
    }

    /// Runs a kernel to its end. `Err` is a launch that was not begun; what went wrong inside is in the report.
    ///
    /// # Errors
    /// [`Error::NoKernel`]; [`Error::Launch`] for a grid or a block of size zero or beyond [`GRID_DIMENSIONS`] or
    /// [`BLOCK_DIMENSIONS`], more threads than [`limits::BLOCK_THREADS`] or than the kernel allows, more shared memory than [`limits::SHARED_BYTES`], or parameters
    /// of the wrong size.
    pub fn launch(&self, module: &Module, kernel: &str, launch: &Launch<'_>) -> Result<LaunchReport, Error> {
        let kernel = (module.kernels.iter().find(|candidate| candidate.name == kernel))
            .ok_or_else(|| Error::NoKernel { name: kernel.to_owned() })?;
        kernel.check(launch)?;
        crate::launch::run(self, module, kernel, launch)
    }
}

impl Kernel {
    fn check(&self, launch: &Launch<'_>) -> Result<(), Error> {
        let error = |message: String| Err(Error::Launch { kernel: self.name.clone(), message });
        let (grid, block) = (launch.grid, launch.block);
        if grid.contains(&0) || block.contains(&0) {
            return error(format!("the grid is {grid:?} and the block {block:?}, each must be at least 1"));
        }
        for (what, size, limit) in [("grid", grid, GRID_DIMENSIONS), ("block", block, BLOCK_DIMENSIONS)] {
            if size.iter().zip(limit).any(|(&size, limit)| size > limit) {
                return error(format!("the {what} is {size:?}, at most {limit:?} is allowed"));
            }
        }
        let product = |sizes: [u32; 3]| sizes.iter().fold(1u64, |product, &size| product.saturating_mul(size.into()));
        let threads = product(block);
        if threads > limits::BLOCK_THREADS {
            return error(format!("{threads} threads a block, at most {} are allowed", limits::BLOCK_THREADS));
        }
        if let Some(most) = self.info.threads_max
            && (threads > product(most) || (self.threads_required && block != most))
        {
            return error(format!("the block is {block:?}, the kernel is compiled for {most:?}"));
        }
        let shared = self.shared_bytes(launch.shared_bytes);
        if shared > limits::SHARED_BYTES {
            return error(format!("{shared} bytes of shared memory, at most {} are allowed", limits::SHARED_BYTES));
        }
        let expected = self.info.params.last().map_or(0, |(offset, size)| offset + size);
        if (launch.params.len() as u64) < expected {
            return error(format!("{} bytes of parameters, the kernel has {expected}", launch.params.len()));
        }
        Ok(())
    }

    /// Static shared memory, and dynamic memory behind it.
    pub(crate) fn shared_bytes(&self, dynamic: u32) -> u64 {
        let fixed = u64::from(self.program.shared_bytes);
        let start = fixed.next_multiple_of(u64::from(self.program.dynamic_align));
        if dynamic == 0 { fixed } else { start.saturating_add(dynamic.into()) }
    }
}

fn info(module: &ast::Module, function: &Function, program: &Program) -> KernelInfo {
    let variable = |place: &Place| match place {
        Place::Variable(index) => Some(&function.variables[*index as usize]),
        Place::Register(_) => None,
    };
    let mut end = 0;
    let mut params = Vec::new();
    for variable in function.params.iter().filter_map(variable) {
        let start = u64::next_multiple_of(end, u64::from(variable.align.max(1)));
        params.push((start, variable.bytes));
        end = start + variable.bytes;
    }
    let constants = module.variables.iter().filter(|variable| variable.space == Space::Const);
    KernelInfo {
        params,
        shared_bytes: u64::from(program.shared_bytes),
        local_bytes: u64::from(program.local_bytes),
        const_bytes: constants.map(|variable| variable.bytes).sum(),
        registers: program.registers,
        threads_max: function.threads_max,
        ptx_version: 10 * module.version.0 + module.version.1,
        target: module.target,
    }
}

impl Module {
    /// Names of the kernels, in the order of the text.
    pub fn kernels(&self) -> Vec<String> {
        self.kernels.iter().map(|kernel| kernel.name.clone()).collect()
    }

    /// A kernel's signature.
    pub fn kernel(&self, name: &str) -> Option<KernelInfo> {
        self.kernels.iter().find(|kernel| kernel.name == name).map(|kernel| kernel.info.clone())
    }

    /// Address and size of a `.global` or `.const` variable.
    pub fn variable(&self, name: &str) -> Option<(u64, u64)> {
        self.variables.iter().find(|(candidate, ..)| candidate == name).map(|(_, address, bytes)| (*address, *bytes))
    }

    /// Gives each variable its address: offsets for shared memory, device memory for the rest.
    fn place_variables(&mut self, parsed: &ast::Module) -> Result<Vec<u64>, Error> {
        let mut addresses = Vec::with_capacity(parsed.variables.len());
        let mut shared = 0u64;
        for variable in &parsed.variables {
            let address = match variable.space {
                Space::Shared => {
                    let start = shared.next_multiple_of(u64::from(variable.align.max(1)));
                    shared = start.saturating_add(variable.bytes);
                    start
                }
                _ => self.allocate_variable(variable)?,
            };
            addresses.push(address);
        }
        for (variable, &address) in parsed.variables.iter().zip(&addresses) {
            for &(offset, other, addend) in &variable.relocations {
                let value = addresses[other as usize].wrapping_add(addend as u64);
                self.memory.write(address + offset, &value.to_le_bytes())?;
            }
        }
        Ok(addresses)
    }

    /// Variables begin as their initial bytes and zeros.
    fn allocate_variable(&mut self, variable: &Variable) -> Result<u64, Error> {
        let address = self.memory.allocate(variable.bytes.max(1), false)?;
        self.variables.push((variable.name.clone(), address, variable.bytes));
        self.memory.write(address, &variable.initial)?;
        Ok(address)
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        for (_, address, _) in &self.variables {
            // Freed once, here; an address that is not known any more would be a mistake of ours, and costs nothing.
            let _ = self.memory.free(*address);
        }
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
    pub threads_max: Option<[u32; 3]>,
    /// `.version` as 10·major + minor.
    pub ptx_version: u32,
    /// `.target`, as 80.
    pub target: u32,
}
