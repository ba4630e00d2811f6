//! Memory: asked for and given back.

use std::ffi::{c_int, c_uint, c_void};

use super::codes::CUresult;
use super::failure::Failure;
use super::raw::{DevicePointer, Out, RawHandle};
use super::state::{Allocation, AllocationKind, Tables, driver};
use super::stream::check_stream;

/// Rows of pitched memory begin at multiples of so many bytes.
const PITCH: usize = 512;
/// Flags of `cuMemHostAlloc`: portable, device map, write combined.
const HOST_FLAGS: u32 = 7;
/// Flags of `cuMemHostRegister`: portable, device map, I/O memory, read only.
const REGISTER_FLAGS: u32 = 15;

driver_api! {
    /// Bytes of device memory that are free, and in all.
    fn cuMemGetInfo_v2(free: Out<usize>, total: Out<usize>) {
        let driver = driver()?;
        driver.tables().current()?;
        let used = driver.gpu().bytes_in_use();
        free.set_if_wanted(driver.memory_bytes.saturating_sub(used) as usize);
        total.set_if_wanted(driver.memory_bytes as usize);
        Ok(())
    }

    /// Device memory, not initialised.
    fn cuMemAlloc_v2(address: Out<DevicePointer>, bytes: usize) {
        address.check()?;
        address.set(allocate(AllocationKind::Device, bytes, 0)?)
    }

    /// Device memory for rows that begin at multiples of the pitch.
    fn cuMemAllocPitch_v2(
        address: Out<DevicePointer>,
        pitch: Out<usize>,
        width: usize,
        height: usize,
        element_bytes: c_uint,
    ) {
        address.check()?;
        pitch.check()?;
        if !matches!(element_bytes, 4 | 8 | 16) || width == 0 {
            return Err(CUresult::INVALID_VALUE.into());
        }
        let row = width.checked_next_multiple_of(PITCH).ok_or(CUresult::INVALID_VALUE)?;
        address.set(allocate(AllocationKind::Device, row.checked_mul(height).ok_or(CUresult::INVALID_VALUE)?, 0)?)?;
        pitch.set(row)
    }

    /// Gives device or managed memory back; 0 is no error.
    fn cuMemFree_v2(address: DevicePointer) {
        free(address, &[AllocationKind::Device, AllocationKind::Managed])
    }

    /// Memory that host and kernels reach at one address.
    fn cuMemAllocManaged(address: Out<DevicePointer>, bytes: usize, flags: c_uint) {
        address.check()?;
        // CU_MEM_ATTACH_GLOBAL or CU_MEM_ATTACH_HOST.
        if flags != 1 && flags != 2 {
            return Err(CUresult::INVALID_VALUE.into());
        }
        address.set(allocate(AllocationKind::Managed, bytes, flags)?)
    }

    /// Device memory, at once.
    fn cuMemAllocAsync(address: Out<DevicePointer>, bytes: usize, stream: RawHandle) {
        address.check()?;
        check_stream(stream)?;
        address.set(allocate(AllocationKind::Device, bytes, 0)?)
    }

    /// Gives device memory back, at once.
    fn cuMemFreeAsync(address: DevicePointer, stream: RawHandle) {
        check_stream(stream)?;
        free(address, &[AllocationKind::Device, AllocationKind::Managed])
    }

    /// Host memory that kernels reach too.
    fn cuMemAllocHost_v2(pointer: Out<*mut c_void>, bytes: usize) {
        pointer.check()?;
        pointer.set(host_pointer(allocate(AllocationKind::Host, bytes, 0)?))
    }

    /// Host memory that kernels reach too.
    fn cuMemHostAlloc(pointer: Out<*mut c_void>, bytes: usize, flags: c_uint) {
        pointer.check()?;
        if flags & !HOST_FLAGS != 0 {
            return Err(CUresult::INVALID_VALUE.into());
        }
        pointer.set(host_pointer(allocate(AllocationKind::Host, bytes, flags)?))
    }

    /// Gives host memory back.
    fn cuMemFreeHost(pointer: *mut c_void) { free(pointer.addr() as u64, &[AllocationKind::Host]) }

    /// The flags that host memory was made or registered with.
    fn cuMemHostGetFlags(flags: Out<c_uint>, pointer: *mut c_void) {
        let allocation = host_allocation(&driver()?.tables(), pointer)?;
        flags.set(allocation.flags)
    }

    /// The address of host memory on the device: the same. Registered memory has none.
    fn cuMemHostGetDevicePointer_v2(address: Out<DevicePointer>, pointer: *mut c_void, flags: c_uint) {
        let allocation = host_allocation(&driver()?.tables(), pointer)?;
        if flags != 0 {
            return Err(CUresult::INVALID_VALUE.into());
        }
        if allocation.kind == AllocationKind::Registered {
            let detail = "kernels of the software GPU cannot reach registered host memory; cuMemHostAlloc makes some";
            return Err(Failure::new(CUresult::NOT_SUPPORTED, detail));
        }
        address.set(pointer.addr() as u64)
    }

    /// Notes that the program will copy from and to its own memory. Kernels cannot reach it.
    fn cuMemHostRegister_v2(pointer: *mut c_void, bytes: usize, flags: c_uint) {
        if pointer.is_null() || bytes == 0 || flags & !REGISTER_FLAGS != 0 {
            return Err(CUresult::INVALID_VALUE.into());
        }
        register(pointer.addr() as u64, bytes as u64, flags)
    }

    /// Takes that note back.
    fn cuMemHostUnregister(pointer: *mut c_void) {
        let driver = driver()?;
        let mut tables = driver.tables();
        let current = tables.current_even_if_failed()?;
        let address = pointer.addr() as u64;
        match tables.allocations.get(&address) {
            Some(allocation) if allocation.kind == AllocationKind::Registered => tables.allocations.remove(&address),
            _ => return Err(CUresult::HOST_MEMORY_NOT_REGISTERED.into()),
        };
        tables.check(current)
    }

    /// Managed memory is where it is: nothing moves.
    fn cuMemPrefetchAsync(address: DevicePointer, bytes: usize, _device: c_int, stream: RawHandle) {
        check_stream(stream)?;
        check_managed(address, bytes)
    }

    /// Advice that has no effect.
    fn cuMemAdvise(address: DevicePointer, bytes: usize, _advice: c_int, _device: c_int) {
        check_managed(address, bytes)
    }
}

fn host_pointer(address: u64) -> *mut c_void {
    std::ptr::with_exposed_provenance_mut(address as usize)
}

fn allocate(kind: AllocationKind, bytes: usize, flags: u32) -> Result<u64, Failure> {
    let driver = driver()?;
    let mut tables = driver.tables();
    let context = tables.current()?;
    if bytes == 0 {
        return Err(CUresult::INVALID_VALUE.into());
    }
    let bytes = bytes as u64;
    let gpu = driver.gpu();
    let free = driver.memory_bytes.saturating_sub(gpu.bytes_in_use());
    if bytes > free {
        let detail = format!("{bytes} bytes were asked for, {free} of {} are free", driver.memory_bytes);
        return Err(Failure::new(CUresult::OUT_OF_MEMORY, detail));
    }
    let made = match kind {
        AllocationKind::Device => gpu.allocate(bytes),
        // The host writes to it directly, so that nobody knows what was written.
        _ => gpu.allocate_initialized(bytes),
    };
    let address = made.map_err(|error| Failure::new(CUresult::OUT_OF_MEMORY, error.to_string()))?;
    tables.allocations.insert(address, Allocation { context, bytes, kind, flags });
    Ok(address)
}

fn free(address: u64, kinds: &[AllocationKind]) -> Result<(), Failure> {
    let driver = driver()?;
    let mut tables = driver.tables();
    let current = tables.current_even_if_failed()?;
    if address != 0 {
        match tables.allocations.get(&address) {
            Some(allocation) if kinds.contains(&allocation.kind) => tables.allocations.remove(&address),
            _ => {
                let detail = format!("{address:#x} is not the start of an allocation of this kind");
                return Err(Failure::new(CUresult::INVALID_VALUE, detail));
            }
        };
        driver.gpu().free(address)?;
    }
    tables.check(current)
}

/// Host memory that is pinned, managed or registered.
fn host_allocation(tables: &Tables, pointer: *mut c_void) -> Result<Allocation, Failure> {
    tables.current()?;
    match tables.allocation(pointer.addr() as u64) {
        Some((_, allocation)) if allocation.kind != AllocationKind::Device => Ok(allocation),
        _ => Err(CUresult::INVALID_VALUE.into()),
    }
}

fn register(address: u64, bytes: u64, flags: u32) -> Result<(), Failure> {
    let driver = driver()?;
    let mut tables = driver.tables();
    let context = tables.current()?;
    let end = address.checked_add(bytes).ok_or(CUresult::INVALID_VALUE)?;
    let before = tables.allocations.range(..end).next_back();
    if before.is_some_and(|(&start, allocation)| start + allocation.bytes > address) {
        return Err(CUresult::HOST_MEMORY_ALREADY_REGISTERED.into());
    }
    tables.allocations.insert(address, Allocation { context, bytes, kind: AllocationKind::Registered, flags });
    Ok(())
}

fn check_managed(address: u64, bytes: usize) -> Result<(), Failure> {
    let driver = driver()?;
    let tables = driver.tables();
    tables.current()?;
    match tables.allocation(address) {
        Some((start, allocation))
            if allocation.kind == AllocationKind::Managed && bytes as u64 <= start + allocation.bytes - address =>
        {
            Ok(())
        }
        _ => Err(Failure::new(CUresult::INVALID_VALUE, format!("{address:#x} is not in managed memory"))),
    }
}
