//! Devices, contexts, streams, events: handles and what they name.

#![allow(unsafe_code)]

mod driver_support;

use std::ffi::{CStr, c_char, c_void};
use std::ptr::{null, null_mut};

use driver_support::*;
use simgpu::driver::CUresult;

#[test]
fn the_device_says_what_it_is() {
    let _context = Context::new();
    let (mut count, mut device, mut version) = (0, -1, 0);
    let mut name = [0 as c_char; 64];
    let mut bytes = 0;
    // SAFETY: results go into locals; `name` has as many bytes as is said, or more, and ends in a zero byte when it is read.
    unsafe {
        assert_eq!(cuDeviceGetCount(&mut count), OK);
        assert_eq!(cuDeviceGet(&mut device, 0), OK);
        assert_eq!(cuDeviceGet(&mut device, 1), CUresult::INVALID_DEVICE);
        assert_eq!(cuDriverGetVersion(&mut version), OK);
        assert_eq!(cuDeviceGetName(name.as_mut_ptr(), 64, 0), OK);
        assert_eq!(CStr::from_ptr(name.as_ptr()), c"simgpu (models NVIDIA A100-SXM4-80GB)");
        assert_eq!(cuDeviceGetName(name.as_mut_ptr(), 7, 0), OK);
        assert_eq!(CStr::from_ptr(name.as_ptr()), c"simgpu");
        assert_eq!(cuDeviceGetName(name.as_mut_ptr(), 0, 0), INVALID_VALUE);
        assert_eq!(cuDeviceTotalMem_v2(&mut bytes, 0), OK);
    }
    assert_eq!((count, device, version), (1, 0, 12_000));
    assert!(bytes > 1 << 28 && bytes <= 80 << 30, "{bytes}");
    let mut sms = 0;
    // SAFETY: the result goes into a local.
    let mut attribute = |number, device| unsafe { cuDeviceGetAttribute(&mut sms, number, device) };
    assert_eq!(attribute(16, 3), CUresult::INVALID_DEVICE);
    assert_eq!(attribute(9999, 0), INVALID_VALUE);
    assert_eq!(attribute(16, 0), OK);
    assert_eq!(sms, 108);
}

#[test]
fn null_is_an_error_where_a_result_goes() {
    let _context = Context::new();
    // SAFETY: a pointer that is null is an error, and not followed; the others are to locals and strings.
    unsafe {
        assert_eq!(cuDeviceGetCount(null_mut()), INVALID_VALUE);
        assert_eq!(cuDeviceGetName(null_mut(), 10, 0), INVALID_VALUE);
        assert_eq!(cuMemAlloc_v2(null_mut(), 16), INVALID_VALUE);
        assert_eq!(cuModuleLoadData(null_mut(), null()), INVALID_VALUE);
        let mut module = null_mut();
        assert_eq!(cuModuleLoadData(&mut module, null()), INVALID_VALUE);
        assert_eq!(cuModuleLoad(&mut module, null()), INVALID_VALUE);
        assert_eq!(cuMemcpy2D_v2(null()), INVALID_VALUE);
        assert_eq!(cuStreamCreate(null_mut(), 0), INVALID_VALUE);
        assert_eq!(cuEventCreate(null_mut(), 0), INVALID_VALUE);
        assert_eq!(cuStreamAddCallback(null_mut(), None, null_mut(), 0), INVALID_VALUE);
        assert_eq!(cuGetErrorString(OK, null_mut()), INVALID_VALUE);
        assert_eq!(cuGetErrorName(CUresult(12345), &mut null()), INVALID_VALUE);
        let options = &mut [5u32, 6];
        assert_eq!(cuModuleLoadDataEx(&mut module, c"x".as_ptr().cast(), 2, null_mut(), null_mut()), INVALID_VALUE);
        let code = cuModuleLoadDataEx(&mut module, c"x".as_ptr().cast(), 2, options.as_mut_ptr(), null_mut());
        assert_eq!(code, INVALID_VALUE);
    }
}

#[test]
fn handles_that_name_nothing_are_found_out() {
    let context = Context::new();
    let (mut stream, mut event) = (null_mut(), null_mut());
    let mut milliseconds = 0.0;
    // SAFETY: results go into locals; handles are looked up, whatever they are.
    unsafe {
        assert_eq!(cuStreamCreate(&mut stream, 1), OK);
        assert_eq!(cuEventCreate(&mut event, 0), OK);
        assert_eq!(cuEventElapsedTime(&mut milliseconds, event, event), CUresult::INVALID_HANDLE, "not recorded");
        assert_eq!(cuEventRecord(event, stream), OK);
        assert_eq!(cuEventRecord(stream, event), CUresult::INVALID_HANDLE, "kinds mixed up");
        assert_eq!(cuStreamDestroy_v2(stream), OK);
        assert_eq!(cuStreamDestroy_v2(stream), CUresult::INVALID_HANDLE, "destroyed twice");
        assert_eq!(cuStreamSynchronize(stream), CUresult::INVALID_HANDLE);
        assert_eq!(cuEventDestroy_v2(event), OK);
        assert_eq!(cuEventRecord(event, null_mut()), CUresult::INVALID_HANDLE);
        for raw in [64usize, 0xdead_beef, usize::MAX] {
            let invented: Handle = std::ptr::without_provenance_mut(raw);
            assert_eq!(cuModuleUnload(invented), CUresult::INVALID_HANDLE);
            assert_eq!(cuStreamSynchronize(invented), CUresult::INVALID_HANDLE);
            assert_eq!(launch(invented, 1, 1, &mut []), CUresult::INVALID_HANDLE);
            assert_eq!(cuLinkDestroy(invented), CUresult::INVALID_HANDLE);
            assert_eq!(cuCtxSetCurrent(invented), CUresult::INVALID_CONTEXT);
        }
    }
    drop(context);
}

#[test]
fn each_thread_has_a_stack_of_contexts() {
    let outer = Context::new();
    let inner = Context::new();
    let now = || {
        let mut handle = null_mut();
        // SAFETY: the result goes into a local.
        assert_eq!(unsafe { cuCtxGetCurrent(&mut handle) }, OK);
        handle
    };
    assert_eq!(now(), inner.0);
    let elsewhere = std::thread::spawn(|| {
        let mut handle: Handle = null_mut();
        let mut address = 0;
        // SAFETY: results go into locals.
        unsafe {
            assert_eq!(cuCtxGetCurrent(&mut handle), OK);
            assert_eq!(cuMemAlloc_v2(&mut address, 4), CUresult::INVALID_CONTEXT);
            assert_eq!(cuCtxPopCurrent_v2(&mut handle), CUresult::INVALID_CONTEXT);
        }
        handle.is_null()
    });
    assert!(elsewhere.join().expect("no panic"));
    let mut popped = null_mut();
    // SAFETY: as above.
    unsafe {
        assert_eq!(cuCtxPopCurrent_v2(&mut popped), OK);
        assert_eq!((popped, now()), (inner.0, outer.0));
        assert_eq!(cuCtxPushCurrent_v2(inner.0), OK);
        assert_eq!(cuCtxSetCurrent(outer.0), OK);
        assert_eq!(now(), outer.0);
        // The inner one is destroyed while another thread's stack could still hold it.
        assert_eq!(cuCtxPushCurrent_v2(inner.0), OK);
        assert_eq!(cuCtxPushCurrent_v2(outer.0), OK);
        assert_eq!(cuCtxDestroy_v2(inner.0), OK);
        assert_eq!(cuCtxPopCurrent_v2(&mut popped), OK);
        assert_eq!(cuCtxSynchronize(), CUresult::CONTEXT_IS_DESTROYED);
        assert_eq!(cuCtxSetCurrent(null_mut()), OK);
    }
}

#[test]
fn the_primary_context_lives_while_somebody_retains_it() {
    let _context = Context::new();
    let (mut first, mut second, mut flags, mut active) = (null_mut(), null_mut(), 0, 0);
    // SAFETY: results go into locals.
    unsafe {
        assert_eq!(cuDevicePrimaryCtxRetain(&mut first, 0), OK);
        assert_eq!(cuDevicePrimaryCtxRetain(&mut second, 0), OK);
        assert_eq!(first, second);
        assert_eq!(cuCtxDestroy_v2(first), CUresult::INVALID_CONTEXT, "it is released, not destroyed");
        assert_eq!(cuDevicePrimaryCtxRelease_v2(0), OK);
        assert_eq!(cuDevicePrimaryCtxGetState(0, &mut flags, &mut active), OK);
        assert_eq!(active, 1);
        assert_eq!(cuDevicePrimaryCtxRelease_v2(0), OK);
        assert_eq!(cuDevicePrimaryCtxGetState(0, &mut flags, &mut active), OK);
        assert_eq!(active, 0);
        assert_eq!(cuDevicePrimaryCtxRelease_v2(0), CUresult::INVALID_CONTEXT);
        assert_eq!(cuCtxPushCurrent_v2(first), CUresult::INVALID_CONTEXT);
    }
}

#[test]
fn limits_are_kept() {
    let _context = Context::new();
    let mut value = 0;
    // SAFETY: the result goes into a local.
    unsafe {
        assert_eq!(cuCtxGetLimit(&mut value, 0), OK);
        assert_eq!(value, 1024);
        assert_eq!(cuCtxSetLimit(0, 4096), OK);
        assert_eq!(cuCtxGetLimit(&mut value, 0), OK);
        assert_eq!(value, 4096);
        assert_eq!(cuCtxSetLimit(77, 1), CUresult::UNSUPPORTED_LIMIT);
    }
}

#[test]
fn callbacks_run_in_order_and_events_tell_the_time() {
    unsafe extern "C" fn push(_stream: Handle, status: CUresult, user: *mut c_void) {
        // SAFETY: the test passes a vector that outlives the call.
        unsafe { &mut *user.cast::<Vec<CUresult>>() }.push(status);
    }
    let _context = Context::new();
    let (mut stream, mut start, mut end) = (null_mut(), null_mut(), null_mut());
    let mut statuses: Vec<CUresult> = Vec::new();
    let mut milliseconds = -1.0;
    // SAFETY: results go into locals; the callback gets the vector that it asks for, which nobody else uses meanwhile.
    unsafe {
        assert_eq!(cuStreamCreate(&mut stream, 0), OK);
        assert_eq!(cuEventCreate(&mut start, 0), OK);
        assert_eq!(cuEventCreate(&mut end, 0), OK);
        assert_eq!(cuEventRecord(start, stream), OK);
        assert_eq!(cuStreamAddCallback(stream, Some(push), at(&mut statuses), 0), OK);
        assert_eq!(cuEventRecord(end, stream), OK);
        assert_eq!(cuEventElapsedTime(&mut milliseconds, start, end), OK);
        assert!(milliseconds >= 0.0);
        assert_eq!(cuEventElapsedTime(&mut milliseconds, end, start), OK);
        assert!(milliseconds <= 0.0);
    }
    assert_eq!(statuses, [OK]);
}

#[test]
fn functions_are_found_by_the_name_of_the_header() {
    let _context = Context::new();
    let (mut address, mut status) = (null_mut(), 9);
    // SAFETY: names end in a zero byte and results go into locals; the function that was found has this signature in `cuda.h`.
    unsafe {
        assert_eq!(cuGetProcAddress_v2(c"cuMemAlloc".as_ptr(), &mut address, 12_000, 0, &mut status), OK);
        assert_eq!(status, 0);
        let allocate: unsafe extern "C" fn(*mut Address, usize) -> CUresult = std::mem::transmute(address);
        let mut memory = 0;
        assert_eq!(allocate(&mut memory, 16), OK);
        assert_ne!(memory, 0);
        let code = cuGetProcAddress_v2(c"cuMakeCoffee".as_ptr(), &mut address, 12_000, 0, &mut status);
        assert_eq!((code, status), (CUresult::NOT_FOUND, 1));
        assert!(address.is_null());
        assert_eq!(cuGetExportTable(&mut null(), null()), CUresult::NOT_SUPPORTED);
    }
}
