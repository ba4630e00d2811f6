//! What is known of an address.

use std::ffi::{c_int, c_uint};

use super::codes::CUresult;
use super::failure::Failure;
use super::handles::Handle;
use super::raw::{DevicePointer, HostTarget, In, Out};
use super::state::{Allocation, AllocationKind, Driver, driver};

driver_api! {
    /// Start and size of the allocation that an address is in.
    fn cuMemGetAddressRange_v2(base: Out<DevicePointer>, bytes: Out<usize>, address: DevicePointer) {
        let driver = driver()?;
        driver.tables().current()?;
        let (start, size) = driver.gpu().allocation(address).ok_or(CUresult::NOT_FOUND)?;
        base.set_if_wanted(start);
        bytes.set_if_wanted(size as usize);
        Ok(())
    }

    /// One attribute of an address.
    fn cuPointerGetAttribute(data: HostTarget, attribute: c_uint, address: DevicePointer) {
        let known = Known::find(driver()?, address)?;
        let known = known.ok_or_else(|| Failure::new(CUresult::INVALID_VALUE, format!("{address:#x} is not known")))?;
        known.write(attribute, data)
    }

    /// Several attributes; those of an address that is not known are zero.
    fn cuPointerGetAttributes(
        count: c_uint,
        attributes: In<c_uint>,
        data: In<HostTarget>,
        address: DevicePointer,
    ) {
        let known = Known::find(driver()?, address)?;
        for index in 0..count as usize {
            let (attribute, data) = (attributes.get_at(index)?, data.get_at(index)?);
            match &known {
                Some(known) => known.write(attribute, data)?,
                None => write_zero(attribute, data)?,
            }
        }
        Ok(())
    }
}

/// An address that is in memory of the driver.
struct Known {
    context: Option<Handle>,
    start: u64,
    bytes: u64,
    kind: AllocationKind,
    address: u64,
}

// Numbers of `CUpointer_attribute`.
const CONTEXT: c_uint = 1;
const MEMORY_TYPE: c_uint = 2;
const DEVICE_POINTER: c_uint = 3;
const HOST_POINTER: c_uint = 4;
const SYNC_MEMOPS: c_uint = 6;
const BUFFER_ID: c_uint = 7;
const IS_MANAGED: c_uint = 8;
const DEVICE_ORDINAL: c_uint = 9;
const IS_LEGACY_CUDA_IPC_CAPABLE: c_uint = 10;
const RANGE_START_ADDR: c_uint = 11;
const RANGE_SIZE: c_uint = 12;
const MAPPED: c_uint = 13;
const ALLOWED_HANDLE_TYPES: c_uint = 14;
const IS_GPU_DIRECT_RDMA_CAPABLE: c_uint = 15;
const ACCESS_FLAGS: c_uint = 16;
const MEMPOOL_HANDLE: c_uint = 17;

impl Known {
    /// An allocation of the API, or a variable of a module.
    fn find(driver: &Driver, address: u64) -> Result<Option<Known>, Failure> {
        let tables = driver.tables();
        tables.current()?;
        if let Some((start, Allocation { context, bytes, kind, .. })) = tables.allocation(address) {
            return Ok(Some(Known { context: Some(context), start, bytes, kind, address }));
        }
        let variable = driver.gpu().allocation(address);
        let kind = AllocationKind::Device;
        Ok(variable.map(|(start, bytes)| Known { context: None, start, bytes, kind, address }))
    }

    /// Writes an attribute in the type that `cuda.h` gives it.
    fn write(&self, attribute: c_uint, data: HostTarget) -> Result<(), Failure> {
        let is_host = matches!(self.kind, AllocationKind::Host | AllocationKind::Registered);
        let is_managed = self.kind == AllocationKind::Managed;
        match attribute {
            CONTEXT => data.as_out().set(self.context.map_or(std::ptr::null_mut(), Handle::raw)),
            // CU_MEMORYTYPE_HOST or CU_MEMORYTYPE_DEVICE.
            MEMORY_TYPE => data.as_out::<c_uint>().set(if is_host { 1 } else { 2 }),
            DEVICE_POINTER if self.kind != AllocationKind::Registered => data.as_out().set(self.address),
            HOST_POINTER if is_host || is_managed => data.as_out().set(self.address),
            SYNC_MEMOPS | MAPPED => data.as_out::<c_uint>().set(1),
            BUFFER_ID | RANGE_START_ADDR => data.as_out().set(self.start),
            IS_MANAGED => data.as_out::<c_uint>().set(is_managed.into()),
            DEVICE_ORDINAL => data.as_out::<c_int>().set(0),
            IS_LEGACY_CUDA_IPC_CAPABLE | IS_GPU_DIRECT_RDMA_CAPABLE => data.as_out::<c_uint>().set(0),
            RANGE_SIZE => data.as_out().set(self.bytes),
            ALLOWED_HANDLE_TYPES | MEMPOOL_HANDLE => data.as_out::<u64>().set(0),
            // Read and write.
            ACCESS_FLAGS => data.as_out::<c_uint>().set(3),
            _ => Err(CUresult::INVALID_VALUE.into()),
        }
    }
}

/// Writes a zero of an attribute's size.
fn write_zero(attribute: c_uint, data: HostTarget) -> Result<(), Failure> {
    match attribute {
        CONTEXT | DEVICE_POINTER | HOST_POINTER | BUFFER_ID | RANGE_START_ADDR | RANGE_SIZE | ALLOWED_HANDLE_TYPES
        | MEMPOOL_HANDLE => data.as_out::<u64>().set(0),
        // CU_DEVICE_INVALID would be -2; the manual asks for it here.
        DEVICE_ORDINAL => data.as_out::<c_int>().set(-2),
        MEMORY_TYPE
        | SYNC_MEMOPS
        | IS_MANAGED
        | IS_LEGACY_CUDA_IPC_CAPABLE
        | MAPPED
        | IS_GPU_DIRECT_RDMA_CAPABLE
        | ACCESS_FLAGS => data.as_out::<c_uint>().set(0),
        _ => Err(CUresult::INVALID_VALUE.into()),
    }
}
