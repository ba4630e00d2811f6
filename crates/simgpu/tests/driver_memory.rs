//! Memory of the driver API.

#![allow(unsafe_code)]

mod driver_support;

use std::ptr::{null, null_mut};

use driver_support::*;
use simgpu::driver::CUresult;

#[test]
fn memory_keeps_what_is_written_and_has_an_end() {
    let _context = Context::new();
    let data: Vec<f32> = (0..1000).map(|number| number as f32).collect();
    let address = upload(&data);
    let copy = allocate(4000);
    assert_eq!(address % 256, 0);
    // SAFETY: `data` is read as far as it goes, 4,000 bytes, since the driver refuses longer copies before it begins; null is an error.
    unsafe {
        assert_eq!(cuMemcpyDtoD_v2(copy, address, 4000), OK);
        assert_eq!(download::<f32>(copy, 1000), data);
        assert_eq!(cuMemcpyHtoD_v2(copy, data.as_ptr().cast(), 4001), INVALID_VALUE, "one byte too many");
        assert_eq!(cuMemcpyHtoD_v2(copy + 4, data.as_ptr().cast(), 4000), INVALID_VALUE);
        assert_eq!(cuMemcpyHtoD_v2(copy, null(), 16), INVALID_VALUE);
        assert_eq!(cuMemcpyHtoD_v2(copy, null(), 0), OK);
        assert_eq!(cuMemFree_v2(copy + 256), INVALID_VALUE, "not the start");
        assert_eq!(cuMemFree_v2(copy), OK);
        assert_eq!(cuMemFree_v2(copy), INVALID_VALUE, "freed twice");
        assert_eq!(cuMemcpyDtoD_v2(address, copy, 4), INVALID_VALUE, "freed");
        assert_eq!(cuMemFree_v2(0), OK);
        let mut nothing = 0;
        assert_eq!(cuMemAlloc_v2(&mut nothing, 0), INVALID_VALUE);
        assert_eq!(cuMemAlloc_v2(&mut nothing, usize::MAX), CUresult::OUT_OF_MEMORY);
        assert_eq!(cuMemAlloc_v2(&mut nothing, 1 << 50), CUresult::OUT_OF_MEMORY);
        assert_eq!(nothing, 0);
    }
    assert!(text(CUresult::OUT_OF_MEMORY).contains("1125899906842624 bytes were asked for"));
}

#[test]
fn memory_is_filled_with_patterns() {
    let _context = Context::new();
    // More than is filled at once, and not a multiple of it.
    let count = 40_001;
    let address = allocate(4 * count);
    assert_eq!(cuMemsetD32_v2(address, 0x0102_0304, count), OK);
    assert!(download::<u32>(address, count).iter().all(|&word| word == 0x0102_0304));
    assert_eq!(cuMemsetD16_v2(address + 2, 0xabcd, 3), OK);
    assert_eq!(download::<u16>(address, 5), [0x0304, 0xabcd, 0xabcd, 0xabcd, 0x0304]);
    assert_eq!(cuMemsetD8_v2(address + 4 * count as u64 - 1, 7, 1), OK);
    assert_eq!(download::<u32>(address, count)[count - 1], 0x0702_0304);
    assert_eq!(cuMemsetD32Async(address, 0, count, null_mut()), OK);
    assert!(download::<u32>(address, count).iter().all(|&word| word == 0));
    assert_eq!(cuMemsetD32_v2(address + 1, 0, 1), INVALID_VALUE, "not aligned");
    assert_eq!(cuMemsetD32_v2(address, 0, count + 1), INVALID_VALUE, "too many");
    assert_eq!(cuMemsetD32_v2(address, 0, usize::MAX), INVALID_VALUE);
}

#[test]
fn rectangles_are_copied_row_by_row() {
    let _context = Context::new();
    let (mut address, mut pitch) = (0, 0);
    let mut image: Vec<u8> = (0..5 * 7).collect();
    // SAFETY: both results go into locals.
    assert_eq!(unsafe { cuMemAllocPitch_v2(&mut address, &mut pitch, 7, 5, 4) }, OK);
    assert!(pitch >= 7 && pitch % 256 == 0, "{pitch}");
    let side = |memory_type, host: *mut u8, device, pitch| Side {
        x_bytes: 0,
        y: 0,
        memory_type,
        host: host.cast(),
        device,
        array: null_mut(),
        pitch,
    };
    let mut back = [0u8; 3 * 2];
    // SAFETY: 5 rows of 7 bytes are all of `image`, 2 of 3 all of `back`; the last copy is refused.
    unsafe {
        let (source, target) = (side(1, image.as_mut_ptr(), 0, 7), side(2, null_mut(), address, pitch));
        assert_eq!(cuMemcpy2D_v2(&Copy2D { source, target, width_bytes: 7, height: 5 }), OK);
        // Rows 1 and 2, bytes 4 to 6.
        let source = Side { x_bytes: 4, y: 1, ..side(4, null_mut(), address, pitch) };
        let target = side(1, back.as_mut_ptr(), 0, 3);
        assert_eq!(cuMemcpy2D_v2(&Copy2D { source, target, width_bytes: 3, height: 2 }), OK);
        let (source, target) = (side(1, image.as_mut_ptr(), 0, 6), side(2, null_mut(), address, pitch));
        assert_eq!(cuMemcpy2D_v2(&Copy2D { source, target, width_bytes: 7, height: 5 }), INVALID_VALUE, "pitch");
    }
    assert_eq!(back, [11, 12, 13, 18, 19, 20]);
}

#[test]
fn pinned_and_managed_memory_have_one_address() {
    let _context = Context::new();
    let (mut pinned, mut managed, mut device) = (null_mut(), 0, 0);
    // SAFETY: each allocation has 64 bytes, of which at most the first 4 are used until it is given back; the rest are locals of the
    // sizes that are copied and asked for.
    unsafe {
        assert_eq!(cuMemAllocHost_v2(&mut pinned, 64), OK);
        assert_eq!(cuMemAllocManaged(&mut managed, 64, 1), OK);
        assert_eq!(cuMemHostGetDevicePointer_v2(&mut device, pinned, 0), OK);
        assert_eq!(device, pinned as u64);
        // The host writes to both, the device copies between them.
        pinned.cast::<u32>().write(17);
        assert_eq!(cuMemcpyDtoD_v2(managed, device, 4), OK);
        assert_eq!((managed as *const u32).read(), 17);
        // `cuMemcpy` finds out which side an address is on.
        let (mut mine, mut other) = (5u32, 0u32);
        assert_eq!(cuMemcpy(managed, at(&mut mine) as u64, 4), OK);
        assert_eq!(cuMemcpy(device, managed, 4), OK);
        assert_eq!(cuMemcpy(at(&mut other) as u64, device, 4), OK);
        assert_eq!(other, 5);
        mine = 6;
        assert_eq!(cuMemcpy(at(&mut other) as u64, at(&mut mine) as u64, 4), OK);
        assert_eq!(other, 6);
        let (mut kind, mut is_managed, mut start) = (0u32, 0u32, 0u64);
        assert_eq!(cuPointerGetAttribute(at(&mut kind), 2, device), OK);
        assert_eq!(kind, 1, "host");
        assert_eq!(cuPointerGetAttribute(at(&mut is_managed), 8, managed), OK);
        assert_eq!(is_managed, 1);
        assert_eq!(cuPointerGetAttribute(at(&mut start), 11, managed + 60), OK);
        assert_eq!(start, managed);
        assert_eq!(cuPointerGetAttribute(at(&mut kind), 2, at(&mut mine) as u64), INVALID_VALUE);
        assert_eq!(cuMemFree_v2(device), INVALID_VALUE, "cuMemFreeHost frees it");
        assert_eq!(cuMemFreeHost(pinned), OK);
        assert_eq!(cuMemFree_v2(managed), OK);
    }
}

#[test]
fn registered_memory_is_noted_and_out_of_reach() {
    let _context = Context::new();
    let mut memory = [0u64; 8];
    let mut device = 0;
    // SAFETY: `device` is a local; the registered memory is only noted.
    unsafe {
        assert_eq!(cuMemHostUnregister(at(&mut memory)), CUresult::HOST_MEMORY_NOT_REGISTERED);
        assert_eq!(cuMemHostRegister_v2(at(&mut memory), 64, 0), OK);
        assert_eq!(cuMemHostRegister_v2(at(&mut memory[3]), 8, 0), CUresult::HOST_MEMORY_ALREADY_REGISTERED);
        assert_eq!(cuMemHostGetDevicePointer_v2(&mut device, at(&mut memory), 0), CUresult::NOT_SUPPORTED);
        assert_eq!(cuMemHostUnregister(at(&mut memory)), OK);
    }
}

#[test]
fn a_context_takes_its_memory_with_it() {
    let _outer = Context::new();
    let inner = Context::new();
    let address = upload(&[1.0; 1 << 10]);
    let (mut free, mut total) = (0, 0);
    // SAFETY: both results go into locals.
    assert_eq!(unsafe { cuMemGetInfo_v2(&mut free, &mut total) }, OK);
    assert!(free <= total - 4096, "{free} of {total}");
    drop(inner);
    let mut value = 0f32;
    // SAFETY: `value` has 4 bytes.
    assert_eq!(unsafe { cuMemcpyDtoH_v2(at(&mut value), address, 4) }, INVALID_VALUE);
}
