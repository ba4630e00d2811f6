//! Error codes: numbers and names are those of `cuda.h`, the texts are ours.

use std::ffi::{CStr, c_int};

/// What a driver function returns: a `CUresult` of `cuda.h`.
#[repr(transparent)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CUresult(pub c_int);

/// Constants and table from one list: constant, number, name, text.
macro_rules! results {
    ($($constant:ident = $code:literal, $name:literal, $text:literal;)*) => {
        impl CUresult {
            $(#[doc = concat!("`CUresult` ", $code, ": see `cuda.h`.")] pub const $constant: CUresult = CUresult($code);)*
        }

        const TABLE: &[(c_int, &CStr, &CStr)] = &[$(($code, $name, $text)),*];
    };
}

results! {
    SUCCESS = 0, c"CUDA_SUCCESS", c"no error";
    INVALID_VALUE = 1, c"CUDA_ERROR_INVALID_VALUE", c"invalid argument";
    OUT_OF_MEMORY = 2, c"CUDA_ERROR_OUT_OF_MEMORY", c"out of memory";
    NOT_INITIALIZED = 3, c"CUDA_ERROR_NOT_INITIALIZED", c"the driver is not initialised: call cuInit first";
    DEINITIALIZED = 4, c"CUDA_ERROR_DEINITIALIZED", c"the driver is shutting down";
    NO_DEVICE = 100, c"CUDA_ERROR_NO_DEVICE", c"there is no CUDA device";
    INVALID_DEVICE = 101, c"CUDA_ERROR_INVALID_DEVICE", c"there is no device of that number";
    INVALID_IMAGE = 200, c"CUDA_ERROR_INVALID_IMAGE", c"the device code is not valid";
    INVALID_CONTEXT = 201, c"CUDA_ERROR_INVALID_CONTEXT", c"no context is current on this thread, or it is not valid";
    NO_BINARY_FOR_GPU = 209, c"CUDA_ERROR_NO_BINARY_FOR_GPU", c"there is no code for this device in the image";
    UNSUPPORTED_LIMIT = 215, c"CUDA_ERROR_UNSUPPORTED_LIMIT", c"this limit cannot be read or set";
    INVALID_PTX = 218, c"CUDA_ERROR_INVALID_PTX", c"the PTX could not be compiled";
    UNSUPPORTED_PTX_VERSION = 222, c"CUDA_ERROR_UNSUPPORTED_PTX_VERSION", c"the PTX is of a version that is not supported";
    INVALID_SOURCE = 300, c"CUDA_ERROR_INVALID_SOURCE", c"the source is not valid";
    FILE_NOT_FOUND = 301, c"CUDA_ERROR_FILE_NOT_FOUND", c"file not found";
    OPERATING_SYSTEM = 304, c"CUDA_ERROR_OPERATING_SYSTEM", c"a call of the operating system failed";
    INVALID_HANDLE = 400, c"CUDA_ERROR_INVALID_HANDLE", c"the handle is not valid, or no longer";
    ILLEGAL_STATE = 401, c"CUDA_ERROR_ILLEGAL_STATE", c"the object is not in a state for this";
    NOT_FOUND = 500, c"CUDA_ERROR_NOT_FOUND", c"no symbol of that name";
    NOT_READY = 600, c"CUDA_ERROR_NOT_READY", c"not finished yet";
    ILLEGAL_ADDRESS = 700, c"CUDA_ERROR_ILLEGAL_ADDRESS", c"a kernel accessed an address that is not allocated";
    LAUNCH_OUT_OF_RESOURCES = 701, c"CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", c"the launch asks for more than the device or the kernel allows";
    LAUNCH_TIMEOUT = 702, c"CUDA_ERROR_LAUNCH_TIMEOUT", c"a kernel did not come to an end";
    PRIMARY_CONTEXT_ACTIVE = 708, c"CUDA_ERROR_PRIMARY_CONTEXT_ACTIVE", c"the primary context is in use";
    CONTEXT_IS_DESTROYED = 709, c"CUDA_ERROR_CONTEXT_IS_DESTROYED", c"the current context was destroyed";
    ASSERT = 710, c"CUDA_ERROR_ASSERT", c"an assertion in a kernel failed";
    HOST_MEMORY_ALREADY_REGISTERED = 712, c"CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED", c"the host memory is registered already";
    HOST_MEMORY_NOT_REGISTERED = 713, c"CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED", c"the host memory is not registered";
    ILLEGAL_INSTRUCTION = 715, c"CUDA_ERROR_ILLEGAL_INSTRUCTION", c"a kernel ran an illegal instruction";
    MISALIGNED_ADDRESS = 716, c"CUDA_ERROR_MISALIGNED_ADDRESS", c"a kernel accessed an address that is not aligned";
    LAUNCH_FAILED = 719, c"CUDA_ERROR_LAUNCH_FAILED", c"a kernel failed";
    NOT_SUPPORTED = 801, c"CUDA_ERROR_NOT_SUPPORTED", c"this software GPU does not support it";
    STREAM_CAPTURE_UNSUPPORTED = 900, c"CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED", c"not permitted while a stream is captured";
    UNKNOWN = 999, c"CUDA_ERROR_UNKNOWN", c"an internal error of the software GPU";
}

impl CUresult {
    /// The name that `cuda.h` gives it; `None` for a number that this driver never returns.
    pub fn name(self) -> Option<&'static CStr> {
        self.entry().map(|&(_, name, _)| name)
    }

    /// What it means, in a few words of our own; `None` as for [`CUresult::name`].
    pub fn text(self) -> Option<&'static CStr> {
        self.entry().map(|&(_, _, text)| text)
    }

    fn entry(self) -> Option<&'static (c_int, &'static CStr, &'static CStr)> {
        TABLE.iter().find(|(code, ..)| *code == self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_numbers() {
        assert_eq!(CUresult::SUCCESS.name(), Some(c"CUDA_SUCCESS"));
        assert_eq!(CUresult(716).name(), Some(c"CUDA_ERROR_MISALIGNED_ADDRESS"));
        assert_eq!(CUresult(-1).text(), None);
        assert!(TABLE.windows(2).all(|pair| pair[0].0 < pair[1].0), "sorted and without doubles");
    }
}
