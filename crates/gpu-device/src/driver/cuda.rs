//! The driver through `cust`, and through `cust::sys` where `cust` has no wrapper.

use std::ffi::{CStr, c_char, c_void};
use std::sync::Arc;

use cust::context::{Context as PrimaryContext, CurrentContext};
use cust::device::{Device, DeviceAttribute as Attribute};
use cust::error::{CudaError, CudaResult};
use cust::event::{Event, EventFlags};
use cust::stream::{Stream as CustStream, StreamFlags};
use cust::sys;

use crate::{DriverError, Error, KernelAttributes, Launch, Properties};

unsafe extern "C" {
    // In forwarders.c or linked_in.c.
    safe fn gpu_device_driver_failure() -> *const c_char;
    safe fn gpu_device_last_code() -> u32;
    fn gpu_device_describe(code: u32, name: *mut *const c_char, description: *mut *const c_char);
}

/// `CUDA_ERROR_STUB_LIBRARY`: a driver that only exists to be linked against.
const STUB_LIBRARY: u32 = 34;
const NO_DEVICE: u32 = 100;
const LOG_BYTES: usize = 8192;

/// A device's primary context, and the stream that everything runs in unless asked otherwise.
pub(crate) struct Context {
    // Dropped in this order: the stream lives in the context.
    stream: CustStream,
    primary: PrimaryContext,
    device: Device,
}

pub(crate) struct Module {
    module: cust::module::Module,
    context: Arc<Context>,
}

/// A kernel's handle. It is valid while its module is loaded: [`crate::Kernel`] keeps both.
pub(crate) struct Function {
    raw: sys::CUfunction,
    context: Arc<Context>,
}

// SAFETY: a CUfunction is a handle that the driver lets any thread use with the context current, which every call here makes
// so first.
unsafe impl Send for Function {}
// SAFETY: as above; what sets an attribute is a single call into the driver, which locks.
unsafe impl Sync for Function {}

pub(crate) struct Stream {
    stream: CustStream,
    context: Arc<Context>,
}

/// The last failure on this thread, in words.
fn failure(error: CudaError) -> DriverError {
    // `cust` folds codes that it does not know into one; forwarders.c kept the original.
    match (error, gpu_device_last_code()) {
        (CudaError::UnknownError, original @ 1..) => describe(original),
        _ => describe(error as u32),
    }
}

fn describe(code: u32) -> DriverError {
    let (mut name, mut description) = (std::ptr::null(), std::ptr::null());
    // SAFETY: both are places for a pointer; any code may be asked for.
    unsafe { gpu_device_describe(code, &mut name, &mut description) };
    DriverError {
        code,
        name: text(name).unwrap_or_else(|| "unknown".to_owned()),
        message: text(description).unwrap_or_else(|| "the driver has no description of it".to_owned()),
    }
}

/// A string of the driver's or of forwarders.c's.
fn text(pointer: *const c_char) -> Option<String> {
    // SAFETY: not null; both give strings that end in a zero and stay as long as the program.
    (!pointer.is_null()).then(|| unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned())
}

fn result(code: sys::CUresult) -> Result<(), DriverError> {
    match code as u32 {
        0 => Ok(()),
        999 => Err(failure(CudaError::UnknownError)),
        code => Err(describe(code)),
    }
}

fn unavailable(reason: String) -> Error {
    Error::Unavailable { reason }
}

/// Starts the driver.
fn initialise() -> Result<(), Error> {
    if let Some(reason) = text(gpu_device_driver_failure()) {
        return Err(unavailable(format!(
            "there is no NVIDIA driver ({reason}); install one, or put a folder with a libcuda.so.1 first in \
             LD_LIBRARY_PATH"
        )));
    }
    cust::init(cust::CudaFlags::empty()).map_err(|error| match failure(error) {
        DriverError { code: NO_DEVICE, .. } => {
            unavailable("the driver finds no GPU; check `nvidia-smi` and CUDA_VISIBLE_DEVICES".to_owned())
        }
        DriverError { code: STUB_LIBRARY, .. } => unavailable(
            "the libcuda.so.1 that was found is the toolkit's stub for linking; take its folder out of LD_LIBRARY_PATH"
                .to_owned(),
        ),
        error => unavailable(format!("the driver does not start: {error}, check `nvidia-smi`")),
    })
}

fn driver<T>(action: &str, result: CudaResult<T>) -> Result<T, Error> {
    result.map_err(|error| Error::Driver { action: action.to_owned(), source: failure(error) })
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

    pub(crate) fn free_and_total(&self) -> Result<(usize, usize), DriverError> {
        self.bind()?;
        cust::memory::mem_get_info().map_err(failure)
    }

    /// Device memory, aligned to 256 bytes. `bytes` is not 0.
    pub(crate) fn allocate(&self, bytes: usize) -> Result<u64, DriverError> {
        self.bind()?;
        // SAFETY: nobody reads the memory as anything but bytes.
        let pointer = unsafe { cust::memory::cuda_malloc::<u8>(bytes) }.map_err(failure)?;
        Ok(pointer.as_raw())
    }

    /// Waits for everything that was launched, then frees.
    ///
    /// # Safety
    ///
    /// The address is from `allocate` of this context and was not freed.
    pub(crate) unsafe fn free(&self, address: u64) {
        // There is nobody to tell of an error here. Errors of earlier launches are kept by the driver, and the next call
        // says them; after one the memory goes when the context does.
        if self.synchronize().is_ok() {
            // SAFETY: the caller's promise; nothing that was launched still runs.
            let _freed = unsafe { cust::memory::cuda_free(cust::memory::DevicePointer::<u8>::from_raw(address)) };
        }
    }

    /// # Safety
    ///
    /// `bytes` bytes at `address` belong to one allocation of this context.
    pub(crate) unsafe fn clear(&self, address: u64, bytes: usize) -> Result<(), DriverError> {
        self.bind()?;
        // SAFETY: the caller's promise. In the default stream: after all launches so far, before all later ones.
        result(unsafe { sys::cuMemsetD8_v2(address, 0, bytes) })
    }

    /// # Safety
    ///
    /// As many bytes at `address` belong to one allocation of this context.
    pub(crate) unsafe fn upload(&self, address: u64, bytes: &[u8]) -> Result<(), DriverError> {
        self.bind()?;
        // SAFETY: the caller's promise; the call returns when the host's bytes have been read.
        result(unsafe { sys::cuMemcpyHtoD_v2(address, bytes.as_ptr().cast(), bytes.len()) })
    }

    /// # Safety
    ///
    /// As many bytes at `address` belong to one allocation of this context, and any bits are right in `bytes`.
    pub(crate) unsafe fn download(&self, address: u64, bytes: &mut [u8]) -> Result<(), DriverError> {
        self.bind()?;
        // SAFETY: the caller's promise; the call returns when the host's bytes have been written.
        result(unsafe { sys::cuMemcpyDtoH_v2(bytes.as_mut_ptr().cast(), address, bytes.len()) })
    }

    /// # Safety
    ///
    /// `bytes` bytes at `from` and at `to` belong to one allocation each of this context.
    pub(crate) unsafe fn copy(&self, from: u64, to: u64, bytes: usize) -> Result<(), DriverError> {
        self.bind()?;
        // SAFETY: the caller's promise.
        result(unsafe { sys::cuMemcpyDtoD_v2(to, from, bytes) })
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

    /// On failure also what the driver's compiler wrote.
    pub(crate) fn load(self: &Arc<Self>, ptx: &CStr) -> Result<Module, (DriverError, String)> {
        let without_log = |error| (error, String::new());
        self.bind().map_err(without_log)?;
        match cust::module::Module::from_ptx_cstr(ptx, &[]) {
            Ok(module) => Ok(Module { module, context: Arc::clone(self) }),
            Err(error) => Err((failure(error), compiler_log(ptx))),
        }
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

    /// # Safety
    ///
    /// The function's module is loaded; each argument points to a value of the size of its parameter; the kernel keeps to
    /// memory that it may touch, now and until it ends.
    pub(crate) unsafe fn launch(
        &self,
        stream: Option<&Stream>,
        function: &Function,
        launch: &Launch,
        arguments: &[*mut c_void],
    ) -> Result<(), DriverError> {
        self.bind()?;
        let stream = stream.map_or(&self.stream, |stream| &stream.stream);
        let ([gx, gy, gz], [bx, by, bz]) = (launch.grid, launch.block);
        // SAFETY: the caller's promise. The driver copies the arguments before it returns. (`Stream::launch` of cust does the
        // same, but wants a Function that borrows its module.)
        result(unsafe {
            sys::cuLaunchKernel(
                function.raw,
                gx,
                gy,
                gz,
                bx,
                by,
                bz,
                launch.shared_bytes,
                stream.as_inner(),
                arguments.as_ptr().cast_mut(),
                std::ptr::null_mut(),
            )
        })
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // The stream goes with its context current; there is nobody to tell of an error.
        let _bound = self.bind();
    }
}

/// Compiles once more, for the sake of the compiler's messages.
fn compiler_log(ptx: &CStr) -> String {
    let mut log = vec![0_u8; LOG_BYTES];
    let mut options =
        [sys::CUjit_option::CU_JIT_ERROR_LOG_BUFFER, sys::CUjit_option::CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES];
    // A buffer by its address, its size by value.
    let mut values = [log.as_mut_ptr().cast::<c_void>(), std::ptr::without_provenance_mut(LOG_BYTES)];
    let mut module = std::ptr::null_mut();
    // SAFETY: the text ends in a zero; the options are two and so are their values; the log has the size that is said, and the
    // driver writes to it during the call only.
    let loaded = unsafe {
        let image = ptx.as_ptr().cast();
        sys::cuModuleLoadDataEx(&mut module, image, 2, options.as_mut_ptr(), values.as_mut_ptr())
    };
    if loaded as u32 == 0 {
        // SAFETY: it was just loaded, and nobody else knows of it.
        let _unloaded = unsafe { sys::cuModuleUnload(module) };
    }
    let end = log.iter().position(|&byte| byte == 0).unwrap_or(LOG_BYTES);
    String::from_utf8_lossy(&log[..end]).trim().to_owned()
}

impl Module {
    pub(crate) fn function(&self, name: &str) -> Result<Function, DriverError> {
        self.context.bind()?;
        let function = self.module.get_function(name).map_err(failure)?;
        Ok(Function { raw: function.to_raw(), context: Arc::clone(&self.context) })
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        // Nothing of the module may still run when it is unloaded; there is nobody to tell of an error.
        let _waited = self.context.synchronize();
    }
}

impl Function {
    pub(crate) fn attributes(&self) -> Result<KernelAttributes, DriverError> {
        use sys::CUfunction_attribute as Attribute;
        self.context.bind()?;
        let get = |attribute| {
            let mut value = 0;
            // SAFETY: `value` is a place for an int, the function's module is loaded.
            result(unsafe { sys::cuFuncGetAttribute(&mut value, attribute, self.raw) })?;
            Ok(u32::try_from(value).unwrap_or(0))
        };
        Ok(KernelAttributes {
            threads_per_block_max: get(Attribute::CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK)?,
            registers: get(Attribute::CU_FUNC_ATTRIBUTE_NUM_REGS)?,
            static_shared_bytes: get(Attribute::CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES)?,
            local_bytes: get(Attribute::CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES)?,
        })
    }

    /// Allows launches with that much dynamic shared memory. Launches with less stay allowed.
    pub(crate) fn allow_shared(&self, bytes: u32) -> Result<(), DriverError> {
        self.context.bind()?;
        let attribute = sys::CUfunction_attribute::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
        // SAFETY: the function's module is loaded; the driver refuses sizes that it does not like.
        result(unsafe { sys::cuFuncSetAttribute(self.raw, attribute, i32::try_from(bytes).unwrap_or(i32::MAX)) })
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
