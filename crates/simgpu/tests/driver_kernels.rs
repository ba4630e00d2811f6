//! Kernels: launched, refused, and failing.

#![allow(unsafe_code)]

mod driver_support;

use std::ffi::c_void;
use std::ptr::null_mut;

use driver_support::*;
use simgpu::FindingKind;
use simgpu::driver::CUresult;

#[test]
fn a_kernel_adds_and_is_reported() {
    let _context = Context::new();
    let module = load(&vector_add("adds_and_is_reported"));
    let kernel = function(module, "adds_and_is_reported");
    assert_eq!(kernel, function(module, "adds_and_is_reported"), "one handle a function");
    let data: Vec<f32> = (0..1000).map(|number| number as f32).collect();
    let (mut a, mut b, mut c, mut n) = (upload(&data), upload(&[0.5; 1000]), allocate(4000), 1000u32);
    let expected: Vec<f32> = data.iter().map(|value| value + 0.5).collect();
    let parameters = &mut [at(&mut a), at(&mut b), at(&mut c), at(&mut n)];
    assert_eq!(launch(kernel, 4, 256, parameters), OK);
    assert_eq!(cuCtxSynchronize(), OK);
    assert_eq!(download::<f32>(c, 1000), expected);

    // The other form of parameters: one buffer.
    let mut buffer = [0u8; 32];
    for (offset, value) in [(0, a), (8, b), (16, c), (24, u64::from(n))] {
        buffer[offset..offset + 8].copy_from_slice(&value.to_ne_bytes());
    }
    let (mut size, mut too_small) = (28usize, 27usize);
    let key = std::ptr::without_provenance_mut;
    let mut extra = |size: &mut usize| [key(1), at(&mut buffer), key(2), at(size), key(0)];
    // SAFETY: each `extra` ends in a zero or in a key that is not known, and its buffer has the 28 bytes of the parameters.
    unsafe {
        assert_eq!(cuMemsetD32_v2(c, 0, 1000), OK);
        let go = |extra: *mut *mut c_void| cuLaunchKernel(kernel, 4, 1, 1, 256, 1, 1, 0, null_mut(), null_mut(), extra);
        assert_eq!(go(extra(&mut size).as_mut_ptr()), OK);
        assert_eq!(download::<f32>(c, 1000), expected);
        assert_eq!(go(extra(&mut too_small).as_mut_ptr()), INVALID_VALUE, "one byte is missing");
        assert_eq!(go([key(7)].as_mut_ptr()), INVALID_VALUE, "no such key");
    }
    assert_eq!(launch(kernel, 4, 256, &mut []), INVALID_VALUE, "no parameters");

    let reports = simgpu::reports();
    let mine: Vec<_> = reports.iter().filter(|report| report.kernel == "adds_and_is_reported").collect();
    assert_eq!(mine.len(), 2, "launches that were refused have no report");
    assert_eq!((mine[0].grid, mine[0].block), ([4, 1, 1], [256, 1, 1]));
    assert_eq!(mine[0].counters.flops_f32, 1000);
    assert_eq!(mine[0].counters.global_loads.bytes, 8000);
    assert_eq!(mine[0].findings, []);
}

#[test]
fn a_store_out_of_bounds_fails_later_calls_of_its_context() {
    let _other = Context::new();
    let context = Context::new();
    let kernel = function(load(&vector_add("out_of_bounds")), "out_of_bounds");
    let (mut a, mut b, mut c, mut n) = (upload(&[1.0; 512]), upload(&[2.0; 512]), allocate(2000), 512u32);
    let parameters = &mut [at(&mut a), at(&mut b), at(&mut c), at(&mut n)];
    let (mut stream, mut address) = (null_mut(), 0);
    // SAFETY: what is asked for goes into locals of those types.
    unsafe {
        assert_eq!(cuStreamCreate(&mut stream, 0), OK);
        assert_eq!(launch(kernel, 2, 256, parameters), OK, "a launch does not wait");
        let code = cuStreamSynchronize(stream);
        assert_eq!(code, CUresult::ILLEGAL_ADDRESS);
        let message = text(code);
        for part in ["out_of_bounds", &format!("line {STORE_LINE}"), "block (1, 0, 0)", "thread (244, 0, 0)"] {
            assert!(message.contains(part), "{part} is not in: {message}");
        }
        // It stays.
        assert_eq!(cuMemAlloc_v2(&mut address, 4), CUresult::ILLEGAL_ADDRESS);
        assert_eq!(launch(kernel, 1, 32, parameters), CUresult::ILLEGAL_ADDRESS);
        assert_eq!(cuStreamDestroy_v2(stream), CUresult::ILLEGAL_ADDRESS);
        assert_eq!(cuStreamDestroy_v2(stream), CUresult::INVALID_HANDLE, "destroyed all the same");
        assert_eq!(cuMemFree_v2(a), CUresult::ILLEGAL_ADDRESS);
        drop(context);
        assert_eq!(cuCtxSynchronize(), OK, "the other context is well");
    }
    let reports = simgpu::reports();
    let report = reports.iter().find(|report| report.kernel == "out_of_bounds").expect("a report");
    assert_eq!(report.findings[0].kind, FindingKind::OutOfBounds);
    assert_eq!(report.findings[0].ptx_line, STORE_LINE);
}

#[test]
fn a_kernel_that_waits_for_ever_runs_into_a_timeout() {
    let _other = Context::new();
    let context = Context::new();
    let text_of = ".version 8.0 .target sm_80 .address_size 64 .visible .entry waits() { bar.sync 1, 96; ret; }";
    let kernel = function(load(text_of), "waits");
    assert_eq!(launch(kernel, 2, 64, &mut []), OK);
    let code = cuCtxSynchronize();
    assert_eq!(code, CUresult::LAUNCH_TIMEOUT);
    assert!(text(code).contains("waits, PTX line 1, block (0, 0, 0)"), "{}", text(code));
    drop(context);
    assert_eq!(cuCtxSynchronize(), OK, "the other context is well");
}

#[test]
fn a_finding_that_no_gpu_makes_is_reported_only() {
    let _context = Context::new();
    let kernel = function(load(&vector_add("uninitialized")), "uninitialized");
    let (mut a, mut b, mut c, mut n) = (upload(&[1.0; 32]), allocate(128), allocate(128), 32u32);
    assert_eq!(launch(kernel, 1, 32, &mut [at(&mut a), at(&mut b), at(&mut c), at(&mut n)]), OK);
    assert_eq!(cuCtxSynchronize(), OK);
    let reports = simgpu::reports();
    let report = reports.iter().find(|report| report.kernel == "uninitialized").expect("a report");
    assert_eq!(report.findings[0].kind, FindingKind::UninitializedGlobal);
    assert_eq!(report.findings[0].ptx_line, STORE_LINE - 2);
}

#[test]
fn a_launch_that_the_device_cannot_take_is_refused() {
    let _context = Context::new();
    let small = vector_add("small").replace(".param .u32 n)\n", ".param .u32 n)\n.maxntid 128, 1, 1\n");
    let (kernel, small) = (function(load(&vector_add("big")), "big"), function(load(&small), "small"));
    let (mut zero, mut none) = (0u64, 0u32);
    let mut parameters = [at(&mut zero), at(&mut zero), at(&mut zero), at(&mut none)];
    let parameters = parameters.as_mut_ptr();
    let go = |kernel, grid: [u32; 3], block: [u32; 3], shared| {
        let ([gx, gy, gz], [bx, by, bz]) = (grid, block);
        // SAFETY: four parameters, each a pointer to a local of its size.
        unsafe { cuLaunchKernel(kernel, gx, gy, gz, bx, by, bz, shared, null_mut(), parameters, null_mut()) }
    };
    let one = [1, 1, 1];
    assert_eq!(go(kernel, one, [1024, 1, 1], 48 << 10), OK);
    for (grid, block) in [
        ([0, 1, 1], one),
        ([1, 65_536, 1], one),
        ([0x8000_0000, 1, 1], one),
        (one, [1, 0, 1]),
        (one, [1025, 1, 1]),
        (one, [1, 1, 65]),
        (one, [32, 33, 1]),
    ] {
        assert_eq!(go(kernel, grid, block, 0), INVALID_VALUE, "{grid:?} {block:?}");
    }
    assert_eq!(go(small, one, [128, 1, 1], 0), OK);
    assert_eq!(go(small, one, [129, 1, 1], 0), CUresult::LAUNCH_OUT_OF_RESOURCES);
    // More than 48 KB must be asked for first.
    assert_eq!(go(kernel, one, one, (48 << 10) + 1), INVALID_VALUE);
    // SAFETY: `value` is a number; the parameters are those of `go`.
    unsafe {
        assert_eq!(cuFuncSetAttribute(kernel, 8, 164 << 10), INVALID_VALUE, "more than the GPU has");
        assert_eq!(cuFuncSetAttribute(kernel, 8, 100 << 10), OK);
        assert_eq!(go(kernel, one, one, 100 << 10), OK);
        assert_eq!(go(kernel, one, one, (100 << 10) + 1), INVALID_VALUE);
        assert_eq!(
            cuLaunchCooperativeKernel(kernel, 1, 1, 1, 1, 1, 1, 0, null_mut(), parameters),
            CUresult::NOT_SUPPORTED
        );
        let mut value = 0;
        assert_eq!(cuFuncGetAttribute(&mut value, 8, kernel), OK);
        assert_eq!(value, 100 << 10);
        assert_eq!(cuFuncGetAttribute(&mut value, 0, small), OK);
        assert_eq!(value, 128);
        assert_eq!(cuFuncGetAttribute(&mut value, 5, kernel), OK);
        assert_eq!(value, 80);
        assert_eq!(cuOccupancyMaxActiveBlocksPerMultiprocessor(&mut value, kernel, 1024, 0), OK);
        assert_eq!(value, 2);
        assert_eq!(cuOccupancyMaxActiveBlocksPerMultiprocessor(&mut value, kernel, 1024, 100 << 10), OK);
        assert_eq!(value, 1);
        assert_eq!(cuOccupancyMaxActiveBlocksPerMultiprocessor(&mut value, small, 256, 0), OK);
        assert_eq!(value, 0);
    }
}

#[test]
fn host_threads_launch_side_by_side() {
    let threads = (0..4).map(|thread| {
        std::thread::spawn(move || {
            let _context = Context::new();
            let kernel = function(load(&vector_add("side_by_side")), "side_by_side");
            for round in 0..8 {
                let value = (thread * 8 + round) as f32;
                let (mut a, mut b, mut c, mut n) = (upload(&[value; 777]), upload(&[1.0; 777]), allocate(3108), 777u32);
                assert_eq!(launch(kernel, 7, 128, &mut [at(&mut a), at(&mut b), at(&mut c), at(&mut n)]), OK);
                assert_eq!(download::<f32>(c, 777), [value + 1.0; 777]);
            }
        })
    });
    let threads: Vec<_> = threads.collect();
    threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
}
