//! The C side of the boundary: pointers that callers pass, read and written in one place.
//!
//! Every exported function is `unsafe`: by the CUDA driver API's contract its caller passes, for each pointer, null or the
//! address of memory that fits the parameter's type and that nobody else uses during the call. The types here are made from
//! such parameters only (`at` and `from_option` are for parameters that C passes as numbers or among options), so that
//! their methods may rely on the contract. Null is an error and never undefined behaviour; alignment is not relied on.

use std::ffi::{CStr, c_char, c_void};

use super::codes::CUresult;
use super::failure::Failure;

/// An opaque object of the driver: context, module, function, stream, event, linker. An id, never dereferenced.
pub(super) type RawHandle = *mut c_void;

/// An address in device memory.
pub(super) type DevicePointer = u64;

/// Where a function writes a result.
#[repr(transparent)]
#[derive(Debug)]
pub(super) struct Out<T>(*mut T);

impl<T> Clone for Out<T> {
    fn clone(&self) -> Out<T> {
        *self
    }
}

impl<T> Copy for Out<T> {}

impl<T> Out<T> {
    pub(super) fn is_null(self) -> bool {
        self.0.is_null()
    }

    /// `INVALID_VALUE` for null: for checks that come before work is done.
    pub(super) fn check(self) -> Result<(), Failure> {
        if self.is_null() { Err(CUresult::INVALID_VALUE.into()) } else { Ok(()) }
    }

    /// Writes the result; null is an error.
    pub(super) fn set(self, value: T) -> Result<(), Failure> {
        self.check()?;
        self.set_at(0, value);
        Ok(())
    }

    /// Writes the result unless the caller does not want it.
    pub(super) fn set_if_wanted(self, value: T) {
        if !self.is_null() {
            self.set_at(0, value);
        }
    }

    /// Writes element `index` of an array; the pointer is not null.
    pub(super) fn set_at(self, index: usize, value: T) {
        // SAFETY: not null (every caller checked), so by the contract of the module's head it is the address of an array
        // of T with more than `index` elements, whose length is in the same call.
        unsafe { self.0.add(index).write_unaligned(value) }
    }
}

impl<T: Copy> Out<T> {
    /// Reads element `index` of an array that is read and written; null is an error.
    pub(super) fn get_at(self, index: usize) -> Result<T, Failure> {
        In(self.0.cast_const()).get_at(index)
    }
}

/// What a function reads: a value or an array of them.
#[repr(transparent)]
#[derive(Debug, Clone, Copy)]
pub(super) struct In<T>(*const T);

impl<T: Copy> In<T> {
    pub(super) fn is_null(self) -> bool {
        self.0.is_null()
    }

    /// The value; null is an error.
    pub(super) fn get(self) -> Result<T, Failure> {
        self.get_at(0)
    }

    /// Element `index` of an array; null is an error.
    pub(super) fn get_at(self, index: usize) -> Result<T, Failure> {
        if self.0.is_null() {
            return Err(CUresult::INVALID_VALUE.into());
        }
        // SAFETY: not null, so by the contract of the module's head it is the address of an array of T with more than
        // `index` elements, whose length (or end) is in the same call.
        Ok(unsafe { self.0.add(index).read_unaligned() })
    }
}

/// A string that ends in a zero byte.
#[repr(transparent)]
#[derive(Debug, Clone, Copy)]
pub(super) struct Text(*const c_char);

impl Text {
    /// The string; null is an error, bytes that are not UTF-8 are replaced.
    pub(super) fn read(self) -> Result<String, Failure> {
        if self.0.is_null() {
            return Err(CUresult::INVALID_VALUE.into());
        }
        // SAFETY: not null, so by the contract of the module's head it is a string that ends in a zero byte.
        Ok(unsafe { CStr::from_ptr(self.0) }.to_string_lossy().into_owned())
    }
}

/// Memory of the host that is copied from.
#[repr(transparent)]
#[derive(Debug, Clone, Copy)]
pub(super) struct HostSource(*const c_void);

impl HostSource {
    /// As an address.
    pub(super) fn address(self) -> u64 {
        self.0.expose_provenance() as u64
    }

    /// The memory behind an address that the caller passed as a number: `cuMemcpy` takes either kind.
    pub(super) fn at(address: u64) -> HostSource {
        HostSource(std::ptr::with_exposed_provenance(address as usize))
    }

    /// `offset` bytes further on.
    pub(super) fn offset(self, offset: usize) -> HostSource {
        HostSource(self.0.wrapping_byte_add(offset))
    }

    /// The first `bytes` bytes for the time of the call; null is an error unless there are none.
    pub(super) fn bytes<'call>(self, bytes: usize) -> Result<&'call [u8], Failure> {
        if bytes == 0 {
            return Ok(&[]);
        }
        if self.0.is_null() || bytes > isize::MAX as usize {
            return Err(CUresult::INVALID_VALUE.into());
        }
        // SAFETY: not null, at most isize::MAX bytes; by the contract of the module's head the caller lets us read `bytes`
        // bytes there and does not write to them before the call returns. No caller of this keeps the slice for longer.
        Ok(unsafe { std::slice::from_raw_parts(self.0.cast(), bytes) })
    }

    /// The bytes before the first zero byte, if it comes within `limit` bytes.
    pub(super) fn until_zero<'call>(self, limit: usize) -> Result<Option<&'call [u8]>, Failure> {
        if self.0.is_null() {
            return Err(CUresult::INVALID_VALUE.into());
        }
        let start: In<u8> = In(self.0.cast());
        for length in 0..=limit {
            if start.get_at(length)? == 0 {
                return self.bytes(length).map(Some);
            }
        }
        Ok(None)
    }

    /// Whether the memory begins with these bytes. It reads no byte beyond the first that differs.
    pub(super) fn begins_with(self, expected: &[u8]) -> Result<bool, Failure> {
        let start: In<u8> = In(self.0.cast());
        for (index, &byte) in expected.iter().enumerate() {
            if start.get_at(index)? != byte {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Memory of the host that is copied to.
#[repr(transparent)]
#[derive(Debug, Clone, Copy)]
pub(super) struct HostTarget(*mut c_void);

impl HostTarget {
    /// As an address.
    pub(super) fn address(self) -> u64 {
        self.0.expose_provenance() as u64
    }

    /// The memory behind an address that the caller passed as a number: `cuMemcpy` takes either kind.
    pub(super) fn at(address: u64) -> HostTarget {
        HostTarget(std::ptr::with_exposed_provenance_mut(address as usize))
    }

    /// A buffer that the caller named in an option.
    pub(super) fn from_option(value: *mut c_void) -> HostTarget {
        HostTarget(value)
    }

    /// `offset` bytes further on.
    pub(super) fn offset(self, offset: usize) -> HostTarget {
        HostTarget(self.0.wrapping_byte_add(offset))
    }

    /// The first `bytes` bytes, to be overwritten during the call; null is an error unless there are none.
    pub(super) fn bytes<'call>(self, bytes: usize) -> Result<&'call mut [u8], Failure> {
        if bytes == 0 {
            return Ok(&mut []);
        }
        if self.0.is_null() || bytes > isize::MAX as usize {
            return Err(CUresult::INVALID_VALUE.into());
        }
        // SAFETY: not null, at most isize::MAX bytes; by the contract of the module's head the caller lets us write `bytes`
        // bytes there and leaves them alone until the call returns. No caller of this keeps the slice for longer, and they
        // only write to it.
        Ok(unsafe { std::slice::from_raw_parts_mut(self.0.cast(), bytes) })
    }

    /// Copies `bytes` bytes of host memory here; the two may overlap.
    pub(super) fn copy_from(self, source: HostSource, bytes: usize) -> Result<(), Failure> {
        if bytes == 0 {
            return Ok(());
        }
        if self.0.is_null() || source.0.is_null() {
            return Err(CUresult::INVALID_VALUE.into());
        }
        // SAFETY: neither is null; by the contract of the module's head both are `bytes` bytes long. `copy` allows overlap.
        unsafe { std::ptr::copy(source.0.cast::<u8>(), self.0.cast::<u8>(), bytes) };
        Ok(())
    }

    /// The same memory, to be written to as a value or an array of them.
    pub(super) fn as_out<T>(self) -> Out<T> {
        Out(self.0.cast())
    }
}

/// A function of the program that the driver calls back: with a stream and a status, or with the user's pointer alone.
pub(super) type StreamCallback = Option<unsafe extern "C" fn(RawHandle, CUresult, *mut c_void)>;
/// See [`StreamCallback`].
pub(super) type HostFunction = Option<unsafe extern "C" fn(*mut c_void)>;
/// Bytes of dynamic shared memory for a block of so many threads.
pub(super) type BlockToSharedBytes = Option<unsafe extern "C" fn(std::ffi::c_int) -> usize>;
