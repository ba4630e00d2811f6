//! Streams. Work is done as it is given, so that a stream is always idle and its order is that of the calls.

use std::ffi::{c_int, c_uint, c_void};

use super::codes::CUresult;
use super::failure::Failure;
use super::handles::Handle;
use super::raw::{HostFunction, Out, RawHandle, StreamCallback};
use super::state::{Stream, Tables, driver, room};

/// Priorities of streams, least and greatest.
pub(super) const PRIORITY_LEAST: c_int = 0;
/// See [`PRIORITY_LEAST`]; lower numbers are more urgent.
pub(super) const PRIORITY_GREATEST: c_int = -5;
/// `CU_STREAM_NON_BLOCKING`, the only flag.
const NON_BLOCKING: c_uint = 1;
/// Handles below this are the default streams: null, `CU_STREAM_LEGACY`, `CU_STREAM_PER_THREAD`.
const DEFAULT_STREAMS: usize = 3;

driver_api! {
    /// A stream.
    fn cuStreamCreate(stream: Out<RawHandle>, flags: c_uint) { create(stream, flags, PRIORITY_LEAST) }

    /// A stream; its priority is kept and has no effect.
    fn cuStreamCreateWithPriority(stream: Out<RawHandle>, flags: c_uint, priority: c_int) {
        create(stream, flags, priority.clamp(PRIORITY_GREATEST, PRIORITY_LEAST))
    }

    /// The priority that was kept.
    fn cuStreamGetPriority(stream: RawHandle, priority: Out<c_int>) { priority.set(get(stream)?.priority) }

    /// The flags that it was made with.
    fn cuStreamGetFlags(stream: RawHandle, flags: Out<c_uint>) { flags.set(get(stream)?.flags) }

    /// The context that it belongs to.
    fn cuStreamGetCtx(stream: RawHandle, context: Out<RawHandle>) { context.set(get(stream)?.context.raw()) }

    /// Always done.
    fn cuStreamQuery(stream: RawHandle) { check_stream(stream) }

    /// Always done: gives out the error of a failed kernel.
    fn cuStreamSynchronize(stream: RawHandle) { check_stream(stream) }

    /// Destroys a stream.
    fn cuStreamDestroy_v2(stream: RawHandle) {
        let driver = driver()?;
        let mut tables = driver.tables();
        let stream = tables.streams.remove(Handle::from_raw(stream)).ok_or(CUresult::INVALID_HANDLE)?;
        tables.check(stream.context)
    }

    /// What the event stands for is done already.
    fn cuStreamWaitEvent(stream: RawHandle, event: RawHandle, flags: c_uint) {
        check_stream(stream)?;
        driver()?.tables().events.get(Handle::from_raw(event)).ok_or(CUresult::INVALID_HANDLE)?;
        if flags > 1 { Err(CUresult::INVALID_VALUE.into()) } else { Ok(()) }
    }

    /// Calls back at once, on this thread. A stream of a failed context gives its error to the callback.
    fn cuStreamAddCallback(stream: RawHandle, callback: StreamCallback, user: *mut c_void, flags: c_uint) {
        let callback = callback.ok_or(CUresult::INVALID_VALUE)?;
        if flags != 0 {
            return Err(CUresult::INVALID_VALUE.into());
        }
        let context = stream_context(&driver()?.tables(), stream)?;
        let status = driver()?.tables().check(context).err().map_or(CUresult::SUCCESS, |failure| failure.code);
        // SAFETY: by the contract of the API the callback may be called once with the user's pointer; no lock is held.
        unsafe { callback(stream, status, user) };
        Ok(())
    }

    /// Calls the function at once, on this thread; not in a failed context.
    fn cuLaunchHostFunc(stream: RawHandle, function: HostFunction, user: *mut c_void) {
        let function = function.ok_or(CUresult::INVALID_VALUE)?;
        check_stream(stream)?;
        // SAFETY: by the contract of the API the function may be called once with the user's pointer; no lock is held.
        unsafe { function(user) };
        Ok(())
    }

    /// Managed memory is everybody's.
    fn cuStreamAttachMemAsync(stream: RawHandle, address: u64, _bytes: usize, _flags: c_uint) {
        check_stream(stream)?;
        driver()?.gpu().allocation(address).map(drop).ok_or(CUresult::INVALID_VALUE.into())
    }

    /// No stream is captured (`CU_STREAM_CAPTURE_STATUS_NONE`).
    fn cuStreamIsCapturing(stream: RawHandle, status: Out<c_uint>) {
        check_stream(stream)?;
        status.set(0)
    }
}

/// The context that work for a stream goes to.
fn stream_context(tables: &Tables, stream: RawHandle) -> Result<Handle, Failure> {
    if stream.addr() < DEFAULT_STREAMS {
        return tables.current_even_if_failed();
    }
    let stream = tables.streams.get(Handle::from_raw(stream)).ok_or(CUresult::INVALID_HANDLE)?;
    Ok(stream.context)
}

/// Whether work can be given to a stream: it exists and no kernel of its context failed.
pub(super) fn check_stream(stream: RawHandle) -> Result<(), Failure> {
    let driver = driver()?;
    let tables = driver.tables();
    tables.check(stream_context(&tables, stream)?)
}

fn create(out: Out<RawHandle>, flags: c_uint, priority: c_int) -> Result<(), Failure> {
    out.check()?;
    let driver = driver()?;
    let mut tables = driver.tables();
    let context = tables.current()?;
    if flags & !NON_BLOCKING != 0 {
        return Err(CUresult::INVALID_VALUE.into());
    }
    out.set(room(tables.streams.insert(Stream { context, flags, priority }))?)
}

/// A stream's properties; those of a default stream too.
fn get(raw: RawHandle) -> Result<Stream, Failure> {
    let driver = driver()?;
    let tables = driver.tables();
    let context = stream_context(&tables, raw)?;
    tables.check(context)?;
    let default = Stream { context, flags: 0, priority: PRIORITY_LEAST };
    Ok(tables.streams.get(Handle::from_raw(raw)).copied().unwrap_or(default))
}
