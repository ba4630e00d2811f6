//! Device memory: asked for, given back, filled and read.

use cust::sys;

use super::Context;
use super::failure::{failure, result};
use crate::DriverError;

impl Context {
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
}
