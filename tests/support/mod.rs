//! The GPU of the tests that need one: with the feature `simgpu` the software GPU, all its checks on; with `cuda` alone
//! the one in this machine, which answers but keeps no account of what it did.

use std::sync::{Mutex, MutexGuard, PoisonError};

use gpu_device::Device;

/// The device, for one test at a time: the software GPU keeps its reports for the whole process.
pub(crate) struct Gpu {
    pub(crate) device: Device,
    _alone: MutexGuard<'static, ()>,
}

static ONE_TEST: Mutex<()> = Mutex::new(());

impl Gpu {
    pub(crate) fn open() -> Self {
        let alone = ONE_TEST.lock().unwrap_or_else(PoisonError::into_inner);
        watched::start();
        Self { device: Device::open(0).expect("a GPU, or the software GPU with `--features simgpu`"), _alone: alone }
    }
}

/// The kernels launched since the last call, in order, where there is an account of them; none of them has a finding.
pub(crate) fn launched() -> Option<Vec<String>> {
    watched::launched()
}

/// These kernels and no others were launched since the last call, as far as can be known.
#[allow(dead_code, reason = "not every suite asks")]
#[track_caller]
pub(crate) fn assert_launched(expected: &[&str]) {
    if let Some(launched) = launched() {
        assert_eq!(launched, expected);
    }
}

#[cfg(feature = "simgpu")]
mod watched {
    pub(super) fn start() {
        simgpu::configure(simgpu::Settings::default());
        assert_eq!(simgpu::Settings::default().checks, simgpu::Checks::ALL);
        simgpu::take_reports();
    }

    pub(super) fn launched() -> Option<Vec<String>> {
        let reports = simgpu::take_reports();
        for report in &reports {
            assert_eq!(report.findings, [], "{}", report.kernel);
        }
        Some(reports.into_iter().map(|report| report.kernel).collect())
    }
}

#[cfg(not(feature = "simgpu"))]
mod watched {
    pub(super) fn start() {}

    pub(super) fn launched() -> Option<Vec<String>> {
        None
    }
}
