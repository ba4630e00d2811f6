//! The driver through `cust`, and through `cust::sys` where `cust` has no wrapper.

mod failure;
mod memory;
mod module;

use std::sync::Arc;

use cust::context::{Context as PrimaryContext, CurrentContext};
use cust::device::{Device, DeviceAttribute as Attribute};
use cust::event::{Event, EventFlags};
use cust::stream::{Stream as CustStream, StreamFlags};
use cust::sys;

use failure::{driver, failure, initialise, result};
pub(crate) use module::{Function, Module};

use crate::{DriverError, Error, Properties};

/// A device's primary context, and the stream that everything runs in unless asked otherwise.
pub(crate) struct Context {
    // Dropped in this order: the stream lives in the context.
    stream: CustStream,
    primary: PrimaryContext,
    device: Device,
}

pub(crate) struct Stream {
    stream: CustStream,
    context: Arc<Context>,
}

impl Context {
    pub(crate) fn count() -> Result<u32, Error> {
        initialise()?;
        driver("counting the devices", Device::num_devices())
    }

    pub(crate) fn open(ordinal: u32) -> Result<Self, Error> {
        let count = Self::count()?;
        if ordinal >= count {
            return Err(Error::NoSuchDevice { ordinal, count });
        }
        let device = driver("finding the device", Device::get_device(ordinal))?;
        let primary = driver("opening the device's context", PrimaryContext::new(device))?;
        driver("making the context current", CurrentContext::set_current(&primary))?;
        // `cust` makes streams that wait for the default stream and that it waits for: copies and launches keep their order.
        let stream = driver("making a stream", CustStream::new(StreamFlags::DEFAULT, None))?;
        Ok(Self { stream, primary, device })
    }

    /// Makes the context current on this thread.
    fn bind(&self) -> Result<(), DriverError> {
        CurrentContext::set_current(&self.primary).map_err(failure)
    }

    pub(crate) fn properties(&self) -> Result<Properties, DriverError> {
        self.bind()?;
        let get = |attribute: Attribute| {
            self.device.get_attribute(attribute).map_err(failure).map(|value| u32::try_from(value).unwrap_or(0))
        };
        let version = cust::CudaApiVersion::get().map_err(failure)?;
        let part = |number: i32| u32::try_from(number).unwrap_or(0);
        let shared = get(Attribute::MaxSharedMemoryPerBlock)?;
        Ok(Properties {
            name: self.device.name().map_err(failure)?,
            compute_capability: (get(Attribute::ComputeCapabilityMajor)?, get(Attribute::ComputeCapabilityMinor)?),
            driver_version: (part(version.major()), part(version.minor())),
            multiprocessors: get(Attribute::MultiprocessorCount)?,
            memory_bytes: self.device.total_memory().map_err(failure)?,
            l2_cache_bytes: get(Attribute::L2CacheSize)?,
            memory_bus_bits: get(Attribute::GlobalMemoryBusWidth)?,
            memory_clock_khz: get(Attribute::MemoryClockRate)?,
            clock_khz: get(Attribute::ClockRate)?,
            warp_size: get(Attribute::WarpSize)?,
            threads_per_block_max: get(Attribute::MaxThreadsPerBlock)?,
            threads_per_multiprocessor_max: get(Attribute::MaxThreadsPerMultiprocessor)?,
            block_max: [get(Attribute::MaxBlockDimX)?, get(Attribute::MaxBlockDimY)?, get(Attribute::MaxBlockDimZ)?],
            grid_max: [get(Attribute::MaxGridDimX)?, get(Attribute::MaxGridDimY)?, get(Attribute::MaxGridDimZ)?],
            registers_per_block: get(Attribute::MaxRegistersPerBlock)?,
            shared_bytes_per_block: shared,
            shared_bytes_per_block_optin: self.shared_optin()?.max(shared),
        })
    }

    /// `cust` has no name for this attribute.
    fn shared_optin(&self) -> Result<u32, DriverError> {
        let attribute = sys::CUdevice_attribute::CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN;
        let mut bytes = 0;
        // SAFETY: `bytes` is a place for an int, the device is the one that was opened.
        result(unsafe { sys::cuDeviceGetAttribute(&mut bytes, attribute, self.device.as_raw()) })?;
        Ok(u32::try_from(bytes).unwrap_or(0))
    }

    pub(crate) fn synchronize(&self) -> Result<(), DriverError> {
        self.bind()?;
        CurrentContext::synchronize().map_err(failure)
    }

    pub(crate) fn stream(self: &Arc<Self>) -> Result<Stream, DriverError> {
        self.bind()?;
        let stream = CustStream::new(StreamFlags::DEFAULT, None).map_err(failure)?;
        Ok(Stream { stream, context: Arc::clone(self) })
    }

    /// Runs `work` between two events of the default stream; milliseconds between them.
    pub(crate) fn time<R>(&self, work: impl FnOnce() -> R) -> Result<(R, f32), DriverError> {
        self.bind()?;
        let [start, stop] = [Event::new(EventFlags::DEFAULT), Event::new(EventFlags::DEFAULT)];
        let (start, stop) = (start.map_err(failure)?, stop.map_err(failure)?);
        start.record(&self.stream).map_err(failure)?;
        let done = work();
        self.bind()?;
        stop.record(&self.stream).map_err(failure)?;
        stop.synchronize().map_err(failure)?;
        Ok((done, stop.elapsed_time_f32(&start).map_err(failure)?))
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // The stream goes with its context current; there is nobody to tell of an error.
        let _bound = self.bind();
    }
}

impl Stream {
    pub(crate) fn synchronize(&self) -> Result<(), DriverError> {
        self.context.bind()?;
        self.stream.synchronize().map_err(failure)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // As for the context. The driver lets what is in flight finish.
        let _bound = self.context.bind();
    }
}
