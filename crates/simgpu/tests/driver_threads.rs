//! Many host threads that use the driver at once, and get in each other's way. A deadlock here is a test without an end.

#![allow(unsafe_code)]

mod driver_support;

use std::ptr::null_mut;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use driver_support::*;
use simgpu::driver::CUresult;
use simgpu::{Checks, Settings};

const THREADS: usize = 8;
const ROUNDS: usize = 12;

/// Loads, launches and reads back; everything is made and given back in each round.
fn one_round(name: &str, value: f32) {
    let module = load(&vector_add(name));
    let kernel = function(module, name);
    let (mut stream, mut event) = (null_mut(), null_mut());
    let (mut a, mut b, mut c, mut n) = (upload(&[value; 300]), upload(&[1.0; 300]), allocate(1200), 300u32);
    // SAFETY: results go into locals; two rows of 8 bytes are all of `back`.
    unsafe {
        assert_eq!(cuStreamCreate(&mut stream, 0), OK);
        assert_eq!(cuEventCreate(&mut event, 0), OK);
        assert_eq!(launch(kernel, 3, 128, &mut [at(&mut a), at(&mut b), at(&mut c), at(&mut n)]), OK);
        assert_eq!(cuEventRecord(event, stream), OK);
        assert_eq!(cuStreamSynchronize(stream), OK);
        assert_eq!(download::<f32>(c, 300), [value + 1.0; 300]);
        // One side is of either kind: found out by the address.
        let mut back = [0f32; 4];
        let side = |memory_type, device| Side {
            x_bytes: 0,
            y: 0,
            memory_type,
            host: null_mut(),
            device,
            array: null_mut(),
            pitch: 8,
        };
        let (source, target) = (side(4, c), side(4, at(&mut back) as u64));
        assert_eq!(cuMemcpy2D_v2(&Copy2D { source, target, width_bytes: 8, height: 2 }), OK);
        assert_eq!(back, [value + 1.0; 4]);
        assert_eq!(cuModuleUnload(module), OK);
        assert_eq!(cuStreamDestroy_v2(stream), OK);
        assert_eq!(cuEventDestroy_v2(event), OK);
        for address in [a, b, c] {
            assert_eq!(cuMemFree_v2(address), OK);
        }
    }
}

#[test]
fn threads_with_contexts_of_their_own_do_not_disturb_each_other() {
    let start = Barrier::new(THREADS + 1);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let start = &start;
            scope.spawn(move || {
                start.wait();
                for round in 0..ROUNDS {
                    let _context = Context::new();
                    one_round(&format!("thread_{thread}"), (thread * ROUNDS + round) as f32);
                }
            });
        }
        // Settings change while kernels run.
        start.wait();
        for round in 0..4 * ROUNDS {
            let checks = if round % 2 == 0 { Checks::NONE } else { Checks::ALL };
            simgpu::configure(Settings { checks, threads: Some(1 + round % 3), ..Settings::default() });
        }
        simgpu::configure(Settings::default());
    });
}

#[test]
fn a_context_that_goes_away_takes_nobody_down() {
    let context = Context::new();
    let shared = context.0.addr();
    let address = AtomicU64::new(upload(&[1.0; 256]));
    let module = load(&vector_add("goes_away"));
    let kernel = function(module, "goes_away").addr();
    let start = Barrier::new(THREADS + 1);
    let expected = [
        CUresult::SUCCESS,
        CUresult::INVALID_VALUE,
        CUresult::INVALID_HANDLE,
        CUresult::INVALID_CONTEXT,
        CUresult::CONTEXT_IS_DESTROYED,
        // The kernel's memory may be given back while it is launched.
        CUresult::ILLEGAL_ADDRESS,
    ];
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            let (start, address) = (&start, &address);
            scope.spawn(move || {
                let (context, kernel): (Handle, Handle) =
                    (std::ptr::without_provenance_mut(shared), std::ptr::without_provenance_mut(kernel));
                start.wait();
                for _ in 0..20 * ROUNDS {
                    let (mut a, mut b, mut c, mut n) =
                        (address.load(Relaxed), address.load(Relaxed), address.load(Relaxed), 256u32);
                    let mut value = 0f32;
                    let codes = [
                        cuCtxSetCurrent(context),
                        launch(kernel, 2, 128, &mut [at(&mut a), at(&mut b), at(&mut c), at(&mut n)]),
                        // SAFETY: `value` has 4 bytes.
                        unsafe { cuMemcpyDtoH_v2(at(&mut value), a, 4) },
                        cuCtxSynchronize(),
                        cuModuleUnload(null_mut()),
                    ];
                    assert!(codes.iter().all(|code| expected.contains(code)), "{codes:?}");
                }
            });
        }
        start.wait();
        let freed = cuMemFree_v2(address.load(Relaxed));
        assert!(expected.contains(&freed), "{freed:?}");
        cuCtxDestroy_v2(context.0);
    });
    std::mem::forget(context);
    let _another = Context::new();
    one_round("afterwards", 2.0);
}

#[test]
fn only_one_thread_can_give_a_thing_back() {
    let context = Context::new();
    let shared = context.0.addr();
    for _ in 0..ROUNDS {
        let address = allocate(64);
        let mut stream = null_mut();
        // SAFETY: the result goes into a local.
        assert_eq!(unsafe { cuStreamCreate(&mut stream, 0) }, OK);
        let (stream, module) = (stream.addr(), load(&vector_add("once")).addr());
        let start = Barrier::new(THREADS);
        let handle = |raw| -> Handle { std::ptr::without_provenance_mut(raw) };
        let give_back = || {
            assert_eq!(cuCtxSetCurrent(handle(shared)), OK);
            start.wait();
            [cuMemFree_v2(address), cuStreamDestroy_v2(handle(stream)), cuModuleUnload(handle(module))]
        };
        let codes: Vec<[CUresult; 3]> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(give_back)).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });
        for (what, otherwise) in
            [CUresult::INVALID_VALUE, CUresult::INVALID_HANDLE, CUresult::INVALID_HANDLE].iter().enumerate()
        {
            let succeeded = codes.iter().filter(|codes| codes[what] == OK).count();
            let failed = codes.iter().filter(|codes| codes[what] == *otherwise).count();
            assert_eq!((succeeded, failed), (1, THREADS - 1), "{codes:?}");
        }
    }
}
