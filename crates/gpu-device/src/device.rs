//! One device, and what is done with it: memory, modules, waiting, timing.

use std::collections::HashMap;
use std::ffi::CString;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::kernel::Loaded;
use crate::{Buffer, DriverError, Element, Error, Launch, Module, Properties, driver, signatures};

/// An open CUDA device. Cloning it gives another handle to the same opening; it may be used from any thread.
#[derive(Clone)]
pub struct Device {
    shared: Arc<Shared>,
    modules: Arc<Mutex<HashMap<String, Arc<Loaded>>>>,
}

/// What buffers, modules and kernels keep alive.
pub(crate) struct Shared {
    pub(crate) context: Arc<driver::Context>,
    pub(crate) properties: Properties,
    ordinal: u32,
    /// The kernel that was launched last, and how: the most that can be said of an error that comes late.
    last: Mutex<Option<(String, Launch)>>,
}

impl Device {
    /// How many devices there are.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`], with a sentence that says what to do, without the feature `cuda`, without a driver, and
    /// where the driver finds no device.
    pub fn count() -> Result<u32, Error> {
        driver::Context::count()
    }

    /// Opens a device, counted from 0.
    ///
    /// # Errors
    ///
    /// As [`Device::count`]; [`Error::NoSuchDevice`] when there are not so many.
    pub fn open(ordinal: u32) -> Result<Self, Error> {
        let context = driver::Context::open(ordinal)?;
        let asked = context.properties();
        let properties = asked
            .map_err(|source| Error::Driver { action: "asking for the device's properties".to_owned(), source })?;
        let shared = Shared { context: Arc::new(context), properties, ordinal, last: Mutex::default() };
        Ok(Self { shared: Arc::new(shared), modules: Arc::default() })
    }

    /// What the device is.
    #[must_use]
    pub fn properties(&self) -> &Properties {
        &self.shared.properties
    }

    /// A buffer with a copy of `slice`.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`], [`Error::TooLarge`]; what an earlier launch or the driver has to say.
    pub fn upload<T: Element>(&self, slice: &[T]) -> Result<Buffer<T>, Error> {
        let mut buffer = Buffer::allocate(self, slice.len())?;
        buffer.copy_from_slice(slice)?;
        Ok(buffer)
    }

    /// A buffer of zeros.
    ///
    /// # Errors
    ///
    /// As [`Device::upload`].
    pub fn zeros<T: Element>(&self, len: usize) -> Result<Buffer<T>, Error> {
        let mut buffer = Buffer::allocate(self, len)?;
        buffer.clear()?;
        Ok(buffer)
    }

    /// A buffer with whatever happens to be in memory: for what a kernel overwrites.
    ///
    /// # Errors
    ///
    /// As [`Device::upload`].
    pub fn uninitialised<T: Element>(&self, len: usize) -> Result<Buffer<T>, Error> {
        Buffer::allocate(self, len)
    }

    /// Bytes of memory that are free, and bytes that there are.
    ///
    /// # Errors
    ///
    /// What an earlier launch or the driver has to say.
    pub fn memory_free_and_total(&self) -> Result<(usize, usize), Error> {
        let asked = self.shared.context.free_and_total();
        asked.map_err(|error| self.shared.asynchronous("asking for free memory", error))
    }

    /// Loads a PTX text; the driver compiles it for this device. A name is loaded once: asking again for the same text is
    /// cheap.
    ///
    /// # Errors
    ///
    /// [`Error::Ptx`] and [`Error::Load`] with what is wrong with the text; [`Error::ModuleDiffers`] if the name stands for
    /// another one.
    pub fn load(&self, name: &str, ptx: &str) -> Result<Module, Error> {
        let mut modules = self.modules.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(loaded) = modules.get(name) {
            let loaded = Arc::clone(loaded);
            return if loaded.ptx == ptx {
                Ok(Module::new(loaded))
            } else {
                Err(Error::ModuleDiffers { module: name.to_owned() })
            };
        }
        let signatures = signatures(name, ptx)?;
        let text = CString::new(ptx).map_err(|error| Error::Ptx {
            module: name.to_owned(),
            line: 1 + ptx[..error.nul_position()].matches('\n').count(),
            reason: "a zero byte".to_owned(),
        })?;
        let loaded = self.shared.context.load(&text);
        let module = loaded.map_err(|(source, log)| Error::Load { module: name.to_owned(), log, source })?;
        let (name, ptx) = (name.to_owned(), ptx.to_owned());
        let loaded = Arc::new(Loaded { module, name: name.clone(), ptx, signatures, shared: Arc::clone(&self.shared) });
        modules.insert(name, Arc::clone(&loaded));
        Ok(Module::new(loaded))
    }

    /// One more stream: launches in different streams may run at the same time.
    ///
    /// # Errors
    ///
    /// What the driver has to say.
    pub fn stream(&self) -> Result<Stream, Error> {
        let made = self.shared.context.stream();
        let stream = made.map_err(|error| self.shared.asynchronous("making a stream", error))?;
        Ok(Stream { stream, shared: Arc::clone(&self.shared) })
    }

    /// Waits until everything that was launched has ended.
    ///
    /// # Errors
    ///
    /// [`Error::Asynchronous`] if a launch since the last wait failed. After most such errors the device cannot be used any
    /// more in this process, and every call says so.
    pub fn synchronize(&self) -> Result<(), Error> {
        let waited = self.shared.context.synchronize();
        waited.map_err(|error| self.shared.asynchronous("waiting for the device", error))
    }

    /// Runs `work` and waits; gives what it gave, and the milliseconds that the device spent on what it launched in the
    /// default stream, by two events. Resolution is about half a microsecond.
    ///
    /// # Errors
    ///
    /// [`Error::Asynchronous`] as [`Device::synchronize`]. An error of `work` itself is in what it gave.
    pub fn time<R>(&self, work: impl FnOnce() -> R) -> Result<(R, f32), Error> {
        let timed = self.shared.context.time(work);
        timed.map_err(|error| self.shared.asynchronous("timing", error))
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Device {} ({})", self.shared.ordinal, self.shared.properties.name)
    }
}

impl Shared {
    /// `CUDA_ERROR_OUT_OF_MEMORY`.
    const OUT_OF_MEMORY: u32 = 2;
    /// Codes from here to 720 are those of work that failed on the device.
    const DEVICE_FAILURES: std::ops::RangeInclusive<u32> = 700..=720;

    pub(crate) fn ordinal(&self) -> u32 {
        self.ordinal
    }

    /// Tells one opening of a device from another.
    pub(crate) fn identity(&self) -> usize {
        Arc::as_ptr(&self.context).addr()
    }

    pub(crate) fn allocate(&self, bytes: usize) -> Result<u64, Error> {
        self.context.allocate(bytes).map_err(|error| match (error.code, self.context.free_and_total()) {
            (Self::OUT_OF_MEMORY, Ok((free, total))) => Error::OutOfMemory { bytes, free, total },
            _ => self.asynchronous("allocating memory", error),
        })
    }

    pub(crate) fn launched(&self, kernel: &str, launch: &Launch) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((kernel.to_owned(), *launch));
    }

    /// An error of a call that may be an earlier launch's.
    pub(crate) fn asynchronous(&self, action: &str, source: DriverError) -> Error {
        if !Self::DEVICE_FAILURES.contains(&source.code) {
            return Error::Driver { action: action.to_owned(), source };
        }
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let last = last.as_ref().map_or("none".to_owned(), |(kernel, launch)| format!("`{kernel}` {launch}"));
        Error::Asynchronous { last, source }
    }
}

/// A queue of launches, in order. Dropping it lets what it holds finish.
pub struct Stream {
    pub(crate) stream: driver::Stream,
    pub(crate) shared: Arc<Shared>,
}

impl Stream {
    /// Waits until everything that was launched in this stream has ended.
    ///
    /// # Errors
    ///
    /// As [`Device::synchronize`].
    pub fn synchronize(&self) -> Result<(), Error> {
        self.stream.synchronize().map_err(|error| self.shared.asynchronous("waiting for a stream", error))
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stream of device {}", self.shared.ordinal)
    }
}
