//! What the driver says when something fails, and why there may be none.

use std::ffi::{CStr, c_char};

use cust::error::{CudaError, CudaResult};
use cust::sys;

use crate::{DriverError, Error};

unsafe extern "C" {
    // In forwarders.c or linked_in.c.
    safe fn gpu_device_driver_failure() -> *const c_char;
    safe fn gpu_device_last_code() -> u32;
    fn gpu_device_describe(code: u32, name: *mut *const c_char, description: *mut *const c_char);
}

/// `CUDA_ERROR_STUB_LIBRARY`: a driver that only exists to be linked against.
const STUB_LIBRARY: u32 = 34;
const NO_DEVICE: u32 = 100;

/// The last failure on this thread, in words.
pub(super) fn failure(error: CudaError) -> DriverError {
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

pub(super) fn result(code: sys::CUresult) -> Result<(), DriverError> {
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
pub(super) fn initialise() -> Result<(), Error> {
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

pub(super) fn driver<T>(action: &str, result: CudaResult<T>) -> Result<T, Error> {
    result.map_err(|error| Error::Driver { action: action.to_owned(), source: failure(error) })
}
