//! Contexts. Each owns its modules, streams, events and memory; the current one is a matter of the thread.

use std::ffi::{c_int, c_uint};

use super::codes::CUresult;
use super::device::model;
use super::failure::Failure;
use super::handles::Handle;
use super::raw::{Out, RawHandle};
use super::state::{Context, Tables, current, driver, room, with_stack};

/// Flags that a context may have: `CU_CTX_FLAGS_MASK`.
const FLAGS: u32 = 0x1f;
/// The version of contexts that `cuCtxCreate_v2` makes.
const API_VERSION: c_uint = 3020;
/// `CU_FUNC_CACHE_PREFER_EQUAL`, the highest.
const CACHE_CONFIGS: u32 = 3;
/// `CU_SHARED_MEM_CONFIG_EIGHT_BYTE_BANK_SIZE`, the highest.
const SHARED_CONFIGS: u32 = 2;
/// What limits are before they are set, by number of `CUlimit`: stack, printf, heap, synchronisation depth, pending
/// launches, L2 fetch granularity, persisting L2. They are kept and given back; nothing here uses them.
const LIMITS: [usize; 7] = [1024, 1 << 20, 8 << 20, 2, 2048, 64, 0];

driver_api! {
    /// Counts one more user of the primary context and makes it if there is none.
    fn cuDevicePrimaryCtxRetain(context: Out<RawHandle>, device: c_int) {
        model(device)?;
        context.check()?;
        context.set(retain_primary(&mut driver()?.tables())?.raw())
    }

    /// Counts one user less; the last one destroys the context.
    fn cuDevicePrimaryCtxRelease_v2(device: c_int) { model(device)?; release_primary() }

    /// As version 2.
    fn cuDevicePrimaryCtxRelease(device: c_int) { model(device)?; release_primary() }

    /// Destroys the primary context, whoever uses it. This clears the error of a failed kernel.
    fn cuDevicePrimaryCtxReset_v2(device: c_int) { model(device)?; reset_primary() }

    /// As version 2.
    fn cuDevicePrimaryCtxReset(device: c_int) { model(device)?; reset_primary() }

    /// Sets the flags of the primary context.
    fn cuDevicePrimaryCtxSetFlags_v2(device: c_int, flags: c_uint) { model(device)?; set_primary_flags(flags) }

    /// As version 2.
    fn cuDevicePrimaryCtxSetFlags(device: c_int, flags: c_uint) { model(device)?; set_primary_flags(flags) }

    /// Flags of the primary context, and whether it exists.
    fn cuDevicePrimaryCtxGetState(device: c_int, flags: Out<c_uint>, active: Out<c_int>) {
        model(device)?;
        let primary = driver()?.tables().primary;
        flags.set_if_wanted(primary.flags);
        active.set_if_wanted(primary.handle.is_some().into());
        Ok(())
    }

    /// Makes a context and makes it current.
    fn cuCtxCreate_v2(context: Out<RawHandle>, flags: c_uint, device: c_int) {
        model(device)?;
        context.check()?;
        check_flags(flags)?;
        let raw = room(driver()?.tables().contexts.insert(Context { flags, ..Context::default() }))?;
        with_stack(|stack| stack.push(Handle::from_raw(raw)));
        context.set(raw)
    }

    /// Destroys a context and all that belongs to it.
    fn cuCtxDestroy_v2(context: RawHandle) { destroy(Handle::from_raw(context)) }

    /// Makes a context current, above those that were.
    fn cuCtxPushCurrent_v2(context: RawHandle) {
        let handle = existing(&driver()?.tables(), context)?;
        with_stack(|stack| stack.push(handle));
        Ok(())
    }

    /// Takes the current context away.
    fn cuCtxPopCurrent_v2(context: Out<RawHandle>) {
        driver()?;
        let handle = with_stack(Vec::pop).ok_or(CUresult::INVALID_CONTEXT)?;
        context.set_if_wanted(handle.raw());
        Ok(())
    }

    /// Makes a context current in place of the one that was; null: takes that away.
    fn cuCtxSetCurrent(context: RawHandle) {
        let driver = driver()?;
        let handle = if context.is_null() { None } else { Some(existing(&driver.tables(), context)?) };
        with_stack(|stack| {
            stack.pop();
            stack.extend(handle);
        });
        Ok(())
    }

    /// The current context, or null.
    fn cuCtxGetCurrent(context: Out<RawHandle>) {
        driver()?;
        context.set(current().map_or(std::ptr::null_mut(), Handle::raw))
    }

    /// The device of the current context.
    fn cuCtxGetDevice(device: Out<c_int>) {
        driver()?.tables().current_even_if_failed()?;
        device.set(0)
    }

    /// The flags of the current context.
    fn cuCtxGetFlags(flags: Out<c_uint>) { flags.set(get(|context| context.flags)?) }

    /// Everything is done already: gives out the error of a failed kernel.
    fn cuCtxSynchronize() { driver()?.tables().current().map(|_| ()) }

    /// Keeps a limit.
    fn cuCtxSetLimit(limit: c_uint, value: usize) {
        LIMITS.get(limit as usize).ok_or(CUresult::UNSUPPORTED_LIMIT)?;
        set(|context| {
            context.limits.insert(limit, value);
        })
    }

    /// The limit that was set, or its default.
    fn cuCtxGetLimit(value: Out<usize>, limit: c_uint) {
        let default = *LIMITS.get(limit as usize).ok_or(CUresult::UNSUPPORTED_LIMIT)?;
        value.set(get(|context| context.limits.get(&limit).copied().unwrap_or(default))?)
    }

    /// The preference that was set.
    fn cuCtxGetCacheConfig(config: Out<c_uint>) { config.set(get(|context| context.cache_config)?) }

    /// Keeps the preference; it has no effect.
    fn cuCtxSetCacheConfig(config: c_uint) {
        check_range(config, CACHE_CONFIGS)?;
        set(|context| context.cache_config = config)
    }

    /// The bank size that was set.
    fn cuCtxGetSharedMemConfig(config: Out<c_uint>) { config.set(get(|context| context.shared_config)?) }

    /// Keeps the bank size; the modelled GPUs have banks of four bytes only.
    fn cuCtxSetSharedMemConfig(config: c_uint) {
        check_range(config, SHARED_CONFIGS)?;
        set(|context| context.shared_config = config)
    }

    /// The version of a context, or of the current one for null.
    fn cuCtxGetApiVersion(context: RawHandle, version: Out<c_uint>) {
        let driver = driver()?;
        let tables = driver.tables();
        if context.is_null() { tables.current_even_if_failed()? } else { existing(&tables, context)? };
        version.set(API_VERSION)
    }

    /// Priorities are kept and have no effect: the range is that of the modelled GPUs.
    fn cuCtxGetStreamPriorityRange(least: Out<c_int>, greatest: Out<c_int>) {
        driver()?.tables().current_even_if_failed()?;
        least.set_if_wanted(super::stream::PRIORITY_LEAST);
        greatest.set_if_wanted(super::stream::PRIORITY_GREATEST);
        Ok(())
    }

    /// There is no cache to reset.
    fn cuCtxResetPersistingL2Cache() { driver()?.tables().current().map(|_| ()) }
}

/// A context that the caller names.
fn existing(tables: &Tables, raw: RawHandle) -> Result<Handle, Failure> {
    let handle = Handle::from_raw(raw);
    tables.contexts.get(handle).ok_or(CUresult::INVALID_CONTEXT)?;
    Ok(handle)
}

fn get<R>(read: impl FnOnce(&Context) -> R) -> Result<R, Failure> {
    let driver = driver()?;
    let tables = driver.tables();
    let handle = tables.current_even_if_failed()?;
    Ok(read(tables.contexts.get(handle).ok_or(CUresult::CONTEXT_IS_DESTROYED)?))
}

fn set(write: impl FnOnce(&mut Context)) -> Result<(), Failure> {
    let driver = driver()?;
    let mut tables = driver.tables();
    let handle = tables.current()?;
    write(tables.contexts.get_mut(handle).ok_or(CUresult::CONTEXT_IS_DESTROYED)?);
    Ok(())
}

fn check_flags(flags: u32) -> Result<(), Failure> {
    if flags & !FLAGS == 0 { Ok(()) } else { Err(CUresult::INVALID_VALUE.into()) }
}

fn check_range(value: u32, highest: u32) -> Result<(), Failure> {
    if value <= highest { Ok(()) } else { Err(CUresult::INVALID_VALUE.into()) }
}

fn retain_primary(tables: &mut Tables) -> Result<Handle, Failure> {
    let handle = match tables.primary.handle {
        Some(handle) => handle,
        None => {
            let context = Context { is_primary: true, flags: tables.primary.flags, ..Context::default() };
            let handle = tables.contexts.insert(context).ok_or(CUresult::OUT_OF_MEMORY)?;
            tables.primary.handle = Some(handle);
            handle
        }
    };
    tables.primary.retained = tables.primary.retained.saturating_add(1);
    Ok(handle)
}

fn release_primary() -> Result<(), Failure> {
    let driver = driver()?;
    let mut tables = driver.tables();
    tables.primary.retained = tables.primary.retained.checked_sub(1).ok_or(CUresult::INVALID_CONTEXT)?;
    if tables.primary.retained == 0
        && let Some(handle) = tables.primary.handle.take()
    {
        tables.destroy_context(handle, &driver.gpu());
    }
    Ok(())
}

fn reset_primary() -> Result<(), Failure> {
    let driver = driver()?;
    let mut tables = driver.tables();
    tables.primary.retained = 0;
    if let Some(handle) = tables.primary.handle.take() {
        tables.destroy_context(handle, &driver.gpu());
    }
    Ok(())
}

fn set_primary_flags(flags: u32) -> Result<(), Failure> {
    check_flags(flags)?;
    let driver = driver()?;
    let mut tables = driver.tables();
    tables.primary.flags = flags;
    if let Some(context) = tables.primary.handle.and_then(|handle| tables.contexts.get_mut(handle)) {
        context.flags = flags;
    }
    Ok(())
}

fn destroy(handle: Handle) -> Result<(), Failure> {
    let driver = driver()?;
    let mut tables = driver.tables();
    let context = tables.contexts.get(handle).ok_or(CUresult::INVALID_CONTEXT)?;
    if context.is_primary {
        return Err(Failure::new(CUresult::INVALID_CONTEXT, "the primary context is released, not destroyed"));
    }
    tables.destroy_context(handle, &driver.gpu());
    with_stack(|stack| stack.pop_if(|top| *top == handle));
    Ok(())
}
