//! The one software GPU of the process, and everything that handles name.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard};
use std::time::Instant;

use super::codes::CUresult;
use super::environment::Options;
use super::failure::Failure;
use super::handles::{Handle, Kind, Table};
use super::linker::Linker;
use super::raw::RawHandle;
use crate::gpu::{Gpu, KernelInfo, Module};
use crate::limits::DEVICE_BYTES;
use crate::profile::GpuModel;
use crate::report::Sink;
use crate::settings::Settings;

/// The driver after `cuInit`.
#[derive(Debug)]
pub(super) struct Driver {
    /// Read while it works, written to change its settings: a change waits for launches to end.
    gpu: RwLock<Gpu>,
    tables: Mutex<Tables>,
    /// The GPU that is answered for.
    pub(super) model: &'static GpuModel,
    /// Bytes of device memory.
    pub(super) memory_bytes: u64,
    /// Whether any finding fails a launch.
    pub(super) fail: bool,
    /// Where reports go as lines of JSON.
    pub(super) report: Option<Sink>,
    /// Where reports go as tables.
    pub(super) table: Option<Sink>,
}

/// What handles and addresses name.
#[derive(Debug)]
pub(super) struct Tables {
    pub(super) contexts: Table<Context>,
    pub(super) modules: Table<LoadedModule>,
    pub(super) functions: Table<Function>,
    pub(super) streams: Table<Stream>,
    pub(super) events: Table<Event>,
    pub(super) linkers: Table<Linker>,
    /// By the address that they begin at.
    pub(super) allocations: BTreeMap<u64, Allocation>,
    pub(super) primary: Primary,
}

/// A context.
#[derive(Debug, Clone, Default)]
pub(super) struct Context {
    pub(super) is_primary: bool,
    pub(super) flags: u32,
    /// What a kernel did; every call returns it from then on.
    pub(super) error: Option<Failure>,
    /// Values of `CUlimit`, by number, where they were set.
    pub(super) limits: HashMap<u32, usize>,
    pub(super) cache_config: u32,
    pub(super) shared_config: u32,
}

/// The primary context of the device.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Primary {
    pub(super) handle: Option<Handle>,
    pub(super) retained: u32,
    pub(super) flags: u32,
}

/// A module of a context.
#[derive(Debug)]
pub(super) struct LoadedModule {
    pub(super) context: Handle,
    pub(super) module: Arc<Module>,
    /// The functions that were asked for: the same name has the same handle.
    pub(super) functions: HashMap<String, Handle>,
}

/// A kernel of a module.
#[derive(Debug, Clone)]
pub(super) struct Function {
    pub(super) context: Handle,
    pub(super) parent: Handle,
    pub(super) module: Arc<Module>,
    pub(super) name: String,
    pub(super) info: KernelInfo,
    /// Bytes of dynamic shared memory that a launch may ask for, where set.
    pub(super) dynamic_shared_max: Option<u64>,
    pub(super) carveout: i32,
}

/// A stream of a context.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stream {
    pub(super) context: Handle,
    pub(super) flags: u32,
    pub(super) priority: i32,
}

/// An event of a context.
#[derive(Debug, Clone, Copy)]
pub(super) struct Event {
    pub(super) context: Handle,
    pub(super) has_timing: bool,
    pub(super) recorded: Option<Instant>,
}

/// How memory was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AllocationKind {
    /// `cuMemAlloc`.
    Device,
    /// `cuMemAllocHost`, `cuMemHostAlloc`: pinned host memory that kernels can reach.
    Host,
    /// `cuMemAllocManaged`.
    Managed,
    /// `cuMemHostRegister`: the program's own memory, which kernels cannot reach.
    Registered,
}

/// Memory of a context.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allocation {
    pub(super) context: Handle,
    pub(super) bytes: u64,
    pub(super) kind: AllocationKind,
    pub(super) flags: u32,
}

static DRIVER: OnceLock<Result<Driver, String>> = OnceLock::new();
static CONFIGURED: Mutex<Option<Settings>> = Mutex::new(None);

thread_local! {
    /// The contexts of this thread; the last is current.
    static CURRENT: RefCell<Vec<Handle>> = const { RefCell::new(Vec::new()) };
}

/// The driver; an error before `cuInit`.
pub(super) fn driver() -> Result<&'static Driver, Failure> {
    match DRIVER.get() {
        Some(Ok(driver)) => Ok(driver),
        _ => Err(CUresult::NOT_INITIALIZED.into()),
    }
}

/// Starts the driver, if that was not done.
pub(super) fn initialise() -> Result<(), Failure> {
    match DRIVER.get_or_init(Driver::new) {
        Ok(_) => Ok(()),
        Err(message) => Err(Failure::new(CUresult::INVALID_VALUE, message)),
    }
}

/// See [`crate::configure`].
pub(super) fn configure(settings: Settings) {
    // Held until the end, so that a `cuInit` at the same time sees the settings or finds the driver started.
    let mut configured = CONFIGURED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(Ok(driver)) = DRIVER.get() {
        driver.gpu.write().unwrap_or_else(PoisonError::into_inner).set_settings(settings.clone());
    }
    *configured = Some(settings);
}

impl Driver {
    fn new() -> Result<Driver, String> {
        let Options { mut settings, model, report, table, fail } = Options::parse(std::env::vars_os())?;
        if let Some(configured) = CONFIGURED.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            settings = configured;
        }
        let open = |name: &str, path: Option<std::path::PathBuf>| {
            let Some(path) = path else { return Ok(None) };
            Sink::open(&path).map(Some).map_err(|error| format!("{name}: {}: {error}", path.display()))
        };
        Ok(Driver {
            gpu: RwLock::new(Gpu::new(settings)),
            tables: Mutex::new(Tables::new()),
            model,
            memory_bytes: host_memory_bytes().unwrap_or(u64::MAX).min(model.memory_bytes).min(DEVICE_BYTES),
            fail,
            report: open("SIMGPU_REPORT", report)?,
            table: open("SIMGPU_TABLE", table)?,
        })
    }

    /// The software GPU. Who holds it takes neither it nor the tables again: take the tables first.
    pub(super) fn gpu(&self) -> RwLockReadGuard<'_, Gpu> {
        self.gpu.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// What handles name. Held for look-ups only, never while a kernel or a callback runs.
    pub(super) fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes of memory of this machine, where it says so.
fn host_memory_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? << 10)
}

impl Tables {
    fn new() -> Tables {
        Tables {
            contexts: Table::new(Kind::Context),
            modules: Table::new(Kind::Module),
            functions: Table::new(Kind::Function),
            streams: Table::new(Kind::Stream),
            events: Table::new(Kind::Event),
            linkers: Table::new(Kind::Linker),
            allocations: BTreeMap::new(),
            primary: Primary::default(),
        }
    }

    /// The context that is current on this thread, whatever its kernels did.
    pub(super) fn current_even_if_failed(&self) -> Result<Handle, Failure> {
        let handle = current().ok_or(CUresult::INVALID_CONTEXT)?;
        self.contexts.get(handle).ok_or(CUresult::CONTEXT_IS_DESTROYED)?;
        Ok(handle)
    }

    /// The context that is current on this thread; an error if there is none or a kernel of it failed.
    pub(super) fn current(&self) -> Result<Handle, Failure> {
        let handle = self.current_even_if_failed()?;
        self.check(handle)?;
        Ok(handle)
    }

    /// The error of a context, if a kernel of it failed.
    pub(super) fn check(&self, context: Handle) -> Result<(), Failure> {
        let context = self.contexts.get(context).ok_or(CUresult::CONTEXT_IS_DESTROYED)?;
        context.error.clone().map_or(Ok(()), Err)
    }

    /// Removes a context and all that it has; its memory is given back to `gpu`.
    pub(super) fn destroy_context(&mut self, handle: Handle, gpu: &Gpu) {
        self.contexts.remove(handle);
        self.modules.remove_if(|module| module.context == handle);
        self.functions.remove_if(|function| function.context == handle);
        self.streams.remove_if(|stream| stream.context == handle);
        self.events.remove_if(|event| event.context == handle);
        self.allocations.retain(|&address, allocation| {
            if allocation.context == handle && allocation.kind != AllocationKind::Registered {
                // It came from this GPU and was not freed since: the table is the record of that.
                let _ = gpu.free(address);
            }
            allocation.context != handle
        });
    }

    /// The allocation that an address is in, and where it begins.
    pub(super) fn allocation(&self, address: u64) -> Option<(u64, Allocation)> {
        let (&start, &allocation) = self.allocations.range(..=address).next_back()?;
        (address - start < allocation.bytes).then_some((start, allocation))
    }
}

/// The context on top of this thread's stack.
pub(super) fn current() -> Option<Handle> {
    CURRENT.with_borrow(|contexts| contexts.last().copied())
}

/// Changes this thread's stack of contexts.
pub(super) fn with_stack<R>(change: impl FnOnce(&mut Vec<Handle>) -> R) -> R {
    CURRENT.with_borrow_mut(change)
}

/// A table of handles that is full.
pub(super) fn room(handle: Option<Handle>) -> Result<RawHandle, Failure> {
    handle.map(Handle::raw).ok_or(CUresult::OUT_OF_MEMORY.into())
}
