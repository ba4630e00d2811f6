//! Initialisation, errors, and what the device says of itself.

use std::ffi::{CStr, c_char, c_int, c_uint};

use super::codes::CUresult;
use super::failure::{self, Failure};
use super::raw::{Out, Text};
use super::state::{driver, initialise};
use crate::profile::{BLOCK_DIMENSIONS, BLOCK_THREADS, CONSTANT_BYTES, GRID_DIMENSIONS, GpuModel, WARP};

/// CUDA 12.0.
const DRIVER_VERSION: c_int = 12_000;

/// The device's PCI address; there is no such slot in real machines.
const PCI_BUS_ID: &str = "FFFF:FF:1F.0";

driver_api! {
    /// Starts the software GPU with the settings of the environment.
    fn cuInit(flags: c_uint) {
        if flags != 0 {
            return Err(CUresult::INVALID_VALUE.into());
        }
        initialise()
    }

    /// The version of the API: 12.0.
    fn cuDriverGetVersion(version: Out<c_int>) { version.set(DRIVER_VERSION) }

    /// The name of an error.
    fn cuGetErrorName(code: CUresult, name: Out<*const c_char>) { set_text(code.name(), name) }

    /// What an error means, and what is known of the calling thread's last one.
    fn cuGetErrorString(code: CUresult, text: Out<*const c_char>) { set_text(failure::text(code), text) }

    /// One device.
    fn cuDeviceGetCount(count: Out<c_int>) { driver()?; count.set(1) }

    /// The device's number is its ordinal, 0.
    fn cuDeviceGet(device: Out<c_int>, ordinal: c_int) { model(ordinal)?; device.set(ordinal) }

    /// The name, which begins with "simgpu".
    fn cuDeviceGetName(name: Out<c_char>, bytes: c_int, device: c_int) {
        set_string(name, bytes, &model(device)?.device_name())
    }

    /// Sixteen bytes that say what it is.
    fn cuDeviceGetUuid(uuid: Out<[u8; 16]>, device: c_int) {
        model(device)?;
        uuid.set(*b"simgpu: software")
    }

    /// As `cuDeviceGetUuid`: the device is not partitioned.
    fn cuDeviceGetUuid_v2(uuid: Out<[u8; 16]>, device: c_int) {
        model(device)?;
        uuid.set(*b"simgpu: software")
    }

    /// A PCI address that no machine has.
    fn cuDeviceGetPCIBusId(text: Out<c_char>, bytes: c_int, device: c_int) {
        model(device)?;
        set_string(text, bytes, PCI_BUS_ID)
    }

    /// The device of that PCI address.
    fn cuDeviceGetByPCIBusId(device: Out<c_int>, text: Text) {
        driver()?;
        if !text.read()?.eq_ignore_ascii_case(PCI_BUS_ID) {
            return Err(CUresult::INVALID_DEVICE.into());
        }
        device.set(0)
    }

    /// Bytes of device memory.
    fn cuDeviceTotalMem_v2(bytes: Out<usize>, device: c_int) {
        model(device)?;
        bytes.set(driver()?.memory_bytes as usize)
    }

    /// Compute capability.
    fn cuDeviceComputeCapability(major: Out<c_int>, minor: Out<c_int>, device: c_int) {
        let capability = model(device)?.compute_capability;
        major.set(capability.0 as c_int)?;
        minor.set(capability.1 as c_int)
    }

    /// A device attribute, of the modelled GPU where it is about the hardware.
    fn cuDeviceGetAttribute(value: Out<c_int>, attribute: c_int, device: c_int) {
        let model = model(device)?;
        value.set(self::attribute(attribute, model).ok_or(CUresult::INVALID_VALUE)?)
    }

    /// There is no profiler to set up.
    fn cuProfilerInitialize(_config: Text, _output: Text, _mode: c_int) { driver().map(drop) }

    /// No profiler listens: nothing to start.
    fn cuProfilerStart() { driver()?.tables().current().map(|_| ()) }

    /// No profiler listens: nothing to stop.
    fn cuProfilerStop() { driver()?.tables().current().map(|_| ()) }

    /// There is no other device.
    fn cuDeviceCanAccessPeer(can: Out<c_int>, device: c_int, peer: c_int) {
        model(device)?;
        model(peer)?;
        can.set(0)
    }
}

/// The model behind a device number.
pub(super) fn model(device: c_int) -> Result<&'static GpuModel, Failure> {
    let driver = driver()?;
    if device == 0 { Ok(driver.model) } else { Err(CUresult::INVALID_DEVICE.into()) }
}

fn set_text(text: Option<&'static CStr>, out: Out<*const c_char>) -> Result<(), Failure> {
    match text {
        Some(text) => out.set(text.as_ptr()),
        None => {
            out.set_if_wanted(std::ptr::null());
            Err(CUresult::INVALID_VALUE.into())
        }
    }
}

/// Writes a string into a buffer of `bytes` bytes, cut if need be, with its zero byte.
fn set_string(out: Out<c_char>, bytes: c_int, text: &str) -> Result<(), Failure> {
    out.check()?;
    let room = usize::try_from(bytes).ok().and_then(|bytes| bytes.checked_sub(1)).ok_or(CUresult::INVALID_VALUE)?;
    let text = &text.as_bytes()[..text.len().min(room)];
    for (index, &byte) in text.iter().chain(&[0]).enumerate() {
        out.set_at(index, byte as c_char);
    }
    Ok(())
}

/// A device attribute by its number in `cuda.h`; 0 where the device lacks what is asked for, `None` for no attribute.
fn attribute(number: c_int, model: &GpuModel) -> Option<c_int> {
    let kilohertz = |hertz: f64| (hertz / 1e3) as u64;
    let value: u64 = match number {
        1 => u64::from(BLOCK_THREADS),                             // MAX_THREADS_PER_BLOCK
        2..=4 => u64::from(BLOCK_DIMENSIONS[number as usize - 2]), // MAX_BLOCK_DIM_X, Y, Z
        5..=7 => u64::from(GRID_DIMENSIONS[number as usize - 5]),  // MAX_GRID_DIM_X, Y, Z
        8 => model.shared_bytes_block,                             // MAX_SHARED_MEMORY_PER_BLOCK
        9 => u64::from(CONSTANT_BYTES),                            // TOTAL_CONSTANT_MEMORY
        10 => u64::from(WARP),                                     // WARP_SIZE
        11 => 0x7fff_ffff,                                         // MAX_PITCH
        12 | 82 => u64::from(model.registers_sm),                  // MAX_REGISTERS_PER_BLOCK, _PER_MULTIPROCESSOR
        13 => kilohertz(model.clock_hz),                           // CLOCK_RATE
        14 | 30 => 512,                                            // TEXTURE_ALIGNMENT, SURFACE_ALIGNMENT
        16 => u64::from(model.sms),                                // MULTIPROCESSOR_COUNT
        // CAN_MAP_HOST_MEMORY, UNIFIED_ADDRESSING, STREAM_PRIORITIES_SUPPORTED, MANAGED_MEMORY, CONCURRENT_MANAGED_ACCESS
        19 | 41 | 78 | 83 | 89 => 1,
        33 => 0xff,                                             // PCI_BUS_ID
        34 => 0x1f,                                             // PCI_DEVICE_ID
        50 => 0xffff,                                           // PCI_DOMAIN_ID
        36 => kilohertz(model.memory_clock_hz),                 // MEMORY_CLOCK_RATE
        37 => u64::from(model.memory_bus_bits),                 // GLOBAL_MEMORY_BUS_WIDTH
        38 => model.l2_bytes,                                   // L2_CACHE_SIZE
        39 => u64::from(model.warps_sm * WARP),                 // MAX_THREADS_PER_MULTIPROCESSOR
        51 => 32,                                               // TEXTURE_PITCH_ALIGNMENT
        75 => u64::from(model.compute_capability.0),            // COMPUTE_CAPABILITY_MAJOR
        76 => u64::from(model.compute_capability.1),            // COMPUTE_CAPABILITY_MINOR
        79 | 80 => 1,                                           // GLOBAL_L1_CACHE_SUPPORTED, LOCAL_L1_CACHE_SUPPORTED
        81 => model.shared_bytes_sm,                            // MAX_SHARED_MEMORY_PER_MULTIPROCESSOR
        87 => (model.peak_f32 / model.peak_f64).round() as u64, // SINGLE_TO_DOUBLE_PRECISION_PERF_RATIO
        97 => model.shared_bytes_block_optin,                   // MAX_SHARED_MEMORY_PER_BLOCK_OPTIN
        99 => 1,                                                // HOST_REGISTER_SUPPORTED
        101 => 1,                                               // DIRECT_MANAGED_MEM_ACCESS_FROM_HOST
        106 => u64::from(model.blocks_sm),                      // MAX_BLOCKS_PER_MULTIPROCESSOR
        111 => model.shared_bytes_reserved,                     // RESERVED_SHARED_MEMORY_PER_BLOCK
        // Textures, arrays, peers, pools, ECC, cooperative launches, concurrent kernels and the rest: none.
        15
        | 17
        | 18
        | 20..=29
        | 31
        | 32
        | 35
        | 40
        | 42..=49
        | 52..=74
        | 77
        | 84..=86
        | 88
        | 90..=96
        | 98
        | 100
        | 102..=105
        | 107..=110
        | 112..=134 => 0,
        _ => return None,
    };
    c_int::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{A100, H100};

    #[test]
    fn attributes_are_those_of_the_modelled_gpu() {
        for (number, value) in
            [(1, 1024), (4, 64), (5, 0x7fff_ffff), (7, 65_535), (8, 49_152), (10, 32), (13, 1_410_000)]
        {
            assert_eq!(attribute(number, &A100), Some(value), "{number}");
        }
        for (number, value) in
            [(16, 132), (36, 2_619_000), (38, 52_428_800), (39, 2048), (75, 9), (81, 233_472), (97, 232_448)]
        {
            assert_eq!(attribute(number, &H100), Some(value), "{number}");
        }
        assert_eq!(attribute(0, &A100), None);
        assert_eq!(attribute(-3, &A100), None);
        assert_eq!(attribute(10_000, &A100), None);
        assert!((1..=134).all(|number| attribute(number, &A100).is_some()), "no attribute of CUDA 12 is missing");
    }
}
