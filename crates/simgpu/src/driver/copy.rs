//! Copies. Each is done when its function returns, whatever its stream.

use std::ffi::c_uint;
use std::sync::RwLockReadGuard;

use super::codes::CUresult;
use super::failure::Failure;
use super::raw::{DevicePointer, HostSource, HostTarget, In, RawHandle};
use super::state::driver;
use super::stream::check_stream;
use crate::gpu::Gpu;

/// A rectangle to copy: `CUDA_MEMCPY2D`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(super) struct Copy2D {
    source: Side<HostSource>,
    target: Side<HostTarget>,
    width_bytes: usize,
    height: usize,
}

/// One side of it.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
struct Side<P> {
    x_bytes: usize,
    y: usize,
    memory_type: c_uint,
    host: P,
    device: DevicePointer,
    array: RawHandle,
    pitch: usize,
}

// Numbers of `CUmemorytype`; an array (3) is not supported.
const HOST: c_uint = 1;
const DEVICE: c_uint = 2;
const UNIFIED: c_uint = 4;

driver_api! {
    /// From wherever to wherever: an address is of device memory if it is in an allocation, else of the host.
    fn cuMemcpy(to: DevicePointer, from: DevicePointer, bytes: usize) { unified(&*gpu()?, to, from, bytes) }

    /// As `cuMemcpy`.
    fn cuMemcpyAsync(to: DevicePointer, from: DevicePointer, bytes: usize, stream: RawHandle) {
        check_stream(stream)?;
        unified(&*gpu()?, to, from, bytes)
    }

    /// Host to device.
    fn cuMemcpyHtoD_v2(to: DevicePointer, from: HostSource, bytes: usize) { to_device(&*gpu()?, to, from, bytes) }

    /// Host to device.
    fn cuMemcpyHtoDAsync_v2(to: DevicePointer, from: HostSource, bytes: usize, stream: RawHandle) {
        check_stream(stream)?;
        to_device(&*gpu()?, to, from, bytes)
    }

    /// Device to host.
    fn cuMemcpyDtoH_v2(to: HostTarget, from: DevicePointer, bytes: usize) { to_host(&*gpu()?, to, from, bytes) }

    /// Device to host.
    fn cuMemcpyDtoHAsync_v2(to: HostTarget, from: DevicePointer, bytes: usize, stream: RawHandle) {
        check_stream(stream)?;
        to_host(&*gpu()?, to, from, bytes)
    }

    /// Device to device.
    fn cuMemcpyDtoD_v2(to: DevicePointer, from: DevicePointer, bytes: usize) { inside(&*gpu()?, to, from, bytes) }

    /// Device to device.
    fn cuMemcpyDtoDAsync_v2(to: DevicePointer, from: DevicePointer, bytes: usize, stream: RawHandle) {
        check_stream(stream)?;
        inside(&*gpu()?, to, from, bytes)
    }

    /// Between contexts: of one device, so that it is a copy like any other.
    fn cuMemcpyPeer(
        to: DevicePointer,
        _to_context: RawHandle,
        from: DevicePointer,
        _from_context: RawHandle,
        bytes: usize,
    ) {
        inside(&*gpu()?, to, from, bytes)
    }

    /// Between contexts.
    fn cuMemcpyPeerAsync(
        to: DevicePointer,
        _to_context: RawHandle,
        from: DevicePointer,
        _from_context: RawHandle,
        bytes: usize,
        stream: RawHandle,
    ) {
        check_stream(stream)?;
        inside(&*gpu()?, to, from, bytes)
    }

    /// A rectangle.
    fn cuMemcpy2D_v2(copy: In<Copy2D>) { rectangle(&copy.get()?) }

    /// A rectangle.
    fn cuMemcpy2DUnaligned_v2(copy: In<Copy2D>) { rectangle(&copy.get()?) }

    /// A rectangle.
    fn cuMemcpy2DAsync_v2(copy: In<Copy2D>, stream: RawHandle) {
        check_stream(stream)?;
        rectangle(&copy.get()?)
    }
}

/// The GPU, for a thread whose context works.
fn gpu() -> Result<RwLockReadGuard<'static, Gpu>, Failure> {
    let driver = driver()?;
    driver.tables().current()?;
    Ok(driver.gpu())
}

/// Whether a rectangle has nothing in it.
pub(super) fn is_empty(row_bytes: usize, rows: usize) -> bool {
    row_bytes == 0 || rows == 0
}

fn to_device(gpu: &Gpu, to: DevicePointer, from: HostSource, bytes: usize) -> Result<(), Failure> {
    if bytes == 0 {
        return Ok(());
    }
    if gpu.allocation(from.address()).is_some() {
        // Pinned or managed memory is the device's as well.
        return Ok(gpu.copy(from.address(), to, bytes as u64)?);
    }
    Ok(gpu.write(to, from.bytes(bytes)?)?)
}

fn to_host(gpu: &Gpu, to: HostTarget, from: DevicePointer, bytes: usize) -> Result<(), Failure> {
    if bytes == 0 {
        return Ok(());
    }
    if gpu.allocation(to.address()).is_some() {
        return Ok(gpu.copy(from, to.address(), bytes as u64)?);
    }
    Ok(gpu.read(from, to.bytes(bytes)?)?)
}

fn inside(gpu: &Gpu, to: DevicePointer, from: DevicePointer, bytes: usize) -> Result<(), Failure> {
    if bytes == 0 { Ok(()) } else { Ok(gpu.copy(from, to, bytes as u64)?) }
}

fn unified(gpu: &Gpu, to: DevicePointer, from: DevicePointer, bytes: usize) -> Result<(), Failure> {
    match (gpu.allocation(to).is_some(), gpu.allocation(from).is_some()) {
        (true, true) => inside(gpu, to, from, bytes),
        (true, false) => to_device(gpu, to, HostSource::at(from), bytes),
        (false, true) => to_host(gpu, HostTarget::at(to), from, bytes),
        (false, false) => HostTarget::at(to).copy_from(HostSource::at(from), bytes),
    }
}

impl<P> Side<P> {
    /// Bytes from the start of the side to the start of a row; an error if the numbers are too large.
    fn offset(&self, row: usize) -> Result<usize, Failure> {
        let rows = self.y.checked_add(row).and_then(|rows| rows.checked_mul(self.pitch));
        Ok(rows.and_then(|bytes| bytes.checked_add(self.x_bytes)).ok_or(CUresult::INVALID_VALUE)?)
    }

    /// Rows must not overlap.
    fn check(&self, width_bytes: usize, height: usize) -> Result<(), Failure> {
        let end = self.x_bytes.checked_add(width_bytes).ok_or(CUresult::INVALID_VALUE)?;
        // A pitch of 0 is that of one row.
        if end > self.pitch && (height > 1 || self.pitch > 0) {
            let detail = format!("a pitch of {} bytes is less than {end}, where a row ends", self.pitch);
            return Err(Failure::new(CUresult::INVALID_VALUE, detail));
        }
        match self.memory_type {
            HOST | DEVICE | UNIFIED => Ok(()),
            3 => Err(CUresult::NOT_SUPPORTED.into()),
            _ => Err(CUresult::INVALID_VALUE.into()),
        }
    }

    fn device_row(&self, row: usize) -> Result<DevicePointer, Failure> {
        Ok(self.device.checked_add(self.offset(row)? as u64).ok_or(CUresult::INVALID_VALUE)?)
    }
}

fn rectangle(copy: &Copy2D) -> Result<(), Failure> {
    let gpu = gpu()?;
    let Copy2D { source, target, width_bytes, height } = *copy;
    if is_empty(width_bytes, height) {
        return Ok(());
    }
    source.check(width_bytes, height)?;
    target.check(width_bytes, height)?;
    for row in 0..height {
        match (source.memory_type, target.memory_type) {
            (HOST, HOST) => target
                .host
                .offset(target.offset(row)?)
                .copy_from(source.host.offset(source.offset(row)?), width_bytes)?,
            (HOST, DEVICE) => {
                to_device(&gpu, target.device_row(row)?, source.host.offset(source.offset(row)?), width_bytes)?
            }
            (DEVICE, HOST) => {
                to_host(&gpu, target.host.offset(target.offset(row)?), source.device_row(row)?, width_bytes)?
            }
            (DEVICE, DEVICE) => inside(&gpu, target.device_row(row)?, source.device_row(row)?, width_bytes)?,
            // One side is unified: its `device` is an address of either kind.
            (from, to) => {
                let from = if from == HOST {
                    source.host.offset(source.offset(row)?).address()
                } else {
                    source.device_row(row)?
                };
                let to = if to == HOST {
                    target.host.offset(target.offset(row)?).address()
                } else {
                    target.device_row(row)?
                };
                unified(&gpu, to, from, width_bytes)?;
            }
        }
    }
    Ok(())
}
