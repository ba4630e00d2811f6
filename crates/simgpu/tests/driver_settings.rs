//! Settings from Rust, changed between launches. One test, because they are those of the whole process.

#![allow(unsafe_code)]

mod driver_support;

use driver_support::*;
use simgpu::driver::CUresult;
use simgpu::{Checks, FindingKind, LaunchReport, Settings, configure, reports, take_reports};

/// Adds vectors of which the second was never written.
fn add_uninitialized(name: &str) -> (CUresult, LaunchReport) {
    let _context = Context::new();
    let kernel = function(load(&vector_add(name)), name);
    let (mut a, mut b, mut c, mut n) = (upload(&[1.0; 32]), allocate(128), allocate(128), 32u32);
    assert_eq!(launch(kernel, 1, 32, &mut [at(&mut a), at(&mut b), at(&mut c), at(&mut n)]), OK);
    let mut taken = take_reports();
    assert_eq!(reports(), [], "they were taken");
    assert_eq!(taken.len(), 1);
    (cuCtxSynchronize(), taken.remove(0))
}

#[test]
fn settings_hold_from_the_next_launch_on() {
    configure(Settings { checks: Checks::NONE, ..Settings::default() });
    let (code, report) = add_uninitialized("unchecked");
    assert_eq!((code, report.findings), (OK, vec![]));

    configure(Settings::default());
    let (code, report) = add_uninitialized("checked");
    assert_eq!(code, OK);
    assert_eq!(report.findings[0].kind, FindingKind::UninitializedGlobal);

    configure(Settings { block_instructions_max: 3, ..Settings::default() });
    let (code, report) = add_uninitialized("stopped");
    assert_eq!(code, CUresult::LAUNCH_TIMEOUT);
    assert_eq!(report.findings[0].kind, FindingKind::TooManyInstructions);
}
