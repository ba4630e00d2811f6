//! Kernels: what they need, and what they are allowed.

use std::ffi::{c_int, c_uint};

use super::codes::CUresult;
use super::failure::Failure;
use super::handles::Handle;
use super::raw::{Out, RawHandle};
use super::state::{Function, driver};
use crate::profile::{BLOCK_THREADS, GpuModel};

// Numbers of `CUfunction_attribute`.
const MAX_THREADS_PER_BLOCK: c_uint = 0;
const SHARED_SIZE_BYTES: c_uint = 1;
const CONST_SIZE_BYTES: c_uint = 2;
const LOCAL_SIZE_BYTES: c_uint = 3;
const NUM_REGS: c_uint = 4;
const PTX_VERSION: c_uint = 5;
const BINARY_VERSION: c_uint = 6;
const CACHE_MODE_CA: c_uint = 7;
const MAX_DYNAMIC_SHARED_SIZE_BYTES: c_uint = 8;
const PREFERRED_SHARED_MEMORY_CARVEOUT: c_uint = 9;

driver_api! {
    /// An attribute of a kernel. Registers are those of an ideal allocation.
    fn cuFuncGetAttribute(value: Out<c_int>, attribute: c_uint, function: RawHandle) {
        let function = get(function)?;
        let number = function.attribute(attribute, driver()?.model).ok_or(CUresult::INVALID_VALUE)?;
        value.set(number)
    }

    /// Allows more dynamic shared memory, or keeps a preference.
    fn cuFuncSetAttribute(function: RawHandle, attribute: c_uint, value: c_int) {
        set_attribute(Handle::from_raw(function), attribute, value)
    }

    /// A preference without effect.
    fn cuFuncSetCacheConfig(function: RawHandle, config: c_uint) {
        get(function)?;
        if config > 3 { Err(CUresult::INVALID_VALUE.into()) } else { Ok(()) }
    }

    /// The modelled GPUs have banks of four bytes only.
    fn cuFuncSetSharedMemConfig(function: RawHandle, config: c_uint) {
        get(function)?;
        if config > 2 { Err(CUresult::INVALID_VALUE.into()) } else { Ok(()) }
    }

    /// The module that a kernel is of.
    fn cuFuncGetModule(module: Out<RawHandle>, function: RawHandle) { module.set(get(function)?.parent.raw()) }
}

/// A function by its handle; an error if its context failed.
pub(super) fn get(raw: RawHandle) -> Result<Function, Failure> {
    let driver = driver()?;
    let tables = driver.tables();
    tables.current()?;
    let function = tables.functions.get(Handle::from_raw(raw)).ok_or(CUresult::INVALID_HANDLE)?;
    tables.check(function.context)?;
    Ok(function.clone())
}

impl Function {
    /// Threads a block may have.
    pub(super) fn threads_max(&self) -> u64 {
        let product = |extents: [u32; 3]| extents.iter().map(|&extent| u64::from(extent)).product();
        self.info.threads_max.map_or(u64::from(BLOCK_THREADS), product).min(BLOCK_THREADS.into())
    }

    /// Bytes of dynamic shared memory that a launch may ask for.
    pub(super) fn dynamic_shared_max(&self, model: &GpuModel) -> u64 {
        self.dynamic_shared_max.unwrap_or(model.shared_bytes_block.saturating_sub(self.info.shared_bytes))
    }

    /// Registers a thread, at most those that a thread can have: a compiler would spill the rest.
    pub(super) fn registers(&self, model: &GpuModel) -> u32 {
        self.info.registers.min(model.registers_thread)
    }

    fn attribute(&self, number: c_uint, model: &GpuModel) -> Option<c_int> {
        let value = match number {
            MAX_THREADS_PER_BLOCK => self.threads_max(),
            SHARED_SIZE_BYTES => self.info.shared_bytes,
            CONST_SIZE_BYTES => self.info.const_bytes,
            LOCAL_SIZE_BYTES => self.info.local_bytes,
            NUM_REGS => self.registers(model).into(),
            PTX_VERSION => self.info.ptx_version.into(),
            BINARY_VERSION => model.target().into(),
            MAX_DYNAMIC_SHARED_SIZE_BYTES => self.dynamic_shared_max(model),
            PREFERRED_SHARED_MEMORY_CARVEOUT => return Some(self.carveout),
            // Clusters (10 to 15): none.
            CACHE_MODE_CA | 10..=15 => 0,
            _ => return None,
        };
        c_int::try_from(value).ok()
    }
}

fn set_attribute(handle: Handle, attribute: c_uint, value: c_int) -> Result<(), Failure> {
    let driver = driver()?;
    let mut tables = driver.tables();
    tables.current()?;
    let function = tables.functions.get_mut(handle).ok_or(CUresult::INVALID_HANDLE)?;
    match attribute {
        MAX_DYNAMIC_SHARED_SIZE_BYTES => {
            let most = driver.model.shared_bytes_block_optin.saturating_sub(function.info.shared_bytes);
            let bytes = u64::try_from(value).ok().filter(|&bytes| bytes <= most);
            let detail = || format!("{value} bytes of dynamic shared memory: a block of this kernel may have {most}");
            function.dynamic_shared_max = Some(bytes.ok_or_else(|| Failure::new(CUresult::INVALID_VALUE, detail()))?);
        }
        // -1 (default) to 100 per cent.
        PREFERRED_SHARED_MEMORY_CARVEOUT if (-1..=100).contains(&value) => function.carveout = value,
        _ => return Err(CUresult::INVALID_VALUE.into()),
    }
    Ok(())
}
