//! Events: marks in time, by the host's clock. The time between two is what the software GPU took, not what a GPU would.

use std::ffi::c_uint;
use std::time::Instant;

use super::codes::CUresult;
use super::failure::Failure;
use super::handles::Handle;
use super::raw::{Out, RawHandle};
use super::state::{Event, driver, room};
use super::stream::check_stream;

/// Flags of an event: blocking sync, no timing, interprocess.
const FLAGS: c_uint = 7;
/// `CU_EVENT_DISABLE_TIMING`.
const DISABLE_TIMING: c_uint = 2;

driver_api! {
    /// An event, not recorded.
    fn cuEventCreate(event: Out<RawHandle>, flags: c_uint) {
        event.check()?;
        let driver = driver()?;
        let mut tables = driver.tables();
        let context = tables.current()?;
        if flags & !FLAGS != 0 {
            return Err(CUresult::INVALID_VALUE.into());
        }
        let made = Event { context, has_timing: flags & DISABLE_TIMING == 0, recorded: None };
        event.set(room(tables.events.insert(made))?)
    }

    /// Sets the mark: all that was given to the stream is done.
    fn cuEventRecord(event: RawHandle, stream: RawHandle) { record(event, stream) }

    /// Sets the mark; flags are for graphs.
    fn cuEventRecordWithFlags(event: RawHandle, stream: RawHandle, flags: c_uint) {
        if flags > 1 {
            return Err(CUresult::INVALID_VALUE.into());
        }
        record(event, stream)
    }

    /// Always done.
    fn cuEventQuery(event: RawHandle) { get(event).map(drop) }

    /// Always done: gives out the error of a failed kernel.
    fn cuEventSynchronize(event: RawHandle) { get(event).map(drop) }

    /// Milliseconds from one mark to the other.
    fn cuEventElapsedTime(milliseconds: Out<f32>, start: RawHandle, end: RawHandle) {
        milliseconds.check()?;
        let (start, end) = (time(start)?, time(end)?);
        let seconds = match end.checked_duration_since(start) {
            Some(after) => after.as_secs_f64(),
            None => -start.duration_since(end).as_secs_f64(),
        };
        milliseconds.set((1e3 * seconds) as f32)
    }

    /// Destroys an event.
    fn cuEventDestroy_v2(event: RawHandle) {
        let driver = driver()?;
        let mut tables = driver.tables();
        let event = tables.events.remove(Handle::from_raw(event)).ok_or(CUresult::INVALID_HANDLE)?;
        tables.check(event.context)
    }
}

fn record(event: RawHandle, stream: RawHandle) -> Result<(), Failure> {
    check_stream(stream)?;
    let driver = driver()?;
    let mut tables = driver.tables();
    let event = tables.events.get_mut(Handle::from_raw(event)).ok_or(CUresult::INVALID_HANDLE)?;
    event.recorded = Some(Instant::now());
    Ok(())
}

fn get(event: RawHandle) -> Result<Event, Failure> {
    let driver = driver()?;
    let tables = driver.tables();
    let event = *tables.events.get(Handle::from_raw(event)).ok_or(CUresult::INVALID_HANDLE)?;
    tables.check(event.context)?;
    Ok(event)
}

/// When an event was recorded.
fn time(event: RawHandle) -> Result<Instant, Failure> {
    let event = get(event)?;
    if !event.has_timing {
        return Err(Failure::new(CUresult::INVALID_HANDLE, "the event was made without timing"));
    }
    event.recorded.ok_or_else(|| Failure::new(CUresult::INVALID_HANDLE, "the event was not recorded"))
}
