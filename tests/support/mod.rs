//! The software GPU with all checks on, for one test at a time.

use std::sync::{Mutex, MutexGuard, PoisonError};

use gpu_device::Device;

/// The device. Whoever holds it is alone: reports of launches are kept for the whole process.
pub(crate) struct Gpu {
    pub(crate) device: Device,
    _alone: MutexGuard<'static, ()>,
}

static ONE_TEST: Mutex<()> = Mutex::new(());

impl Gpu {
    pub(crate) fn open() -> Self {
        let alone = ONE_TEST.lock().unwrap_or_else(PoisonError::into_inner);
        simgpu::configure(simgpu::Settings::default());
        assert_eq!(simgpu::Settings::default().checks, simgpu::Checks::ALL);
        simgpu::take_reports();
        Self { device: Device::open(0).expect("the software GPU"), _alone: alone }
    }
}

/// The kernels launched since the last call, in order; none of them has a finding.
pub(crate) fn launched() -> Vec<String> {
    let reports = simgpu::take_reports();
    for report in &reports {
        assert_eq!(report.findings, [], "{}", report.kernel);
    }
    reports.into_iter().map(|report| report.kernel).collect()
}
