//! Reports of launches, kept for the program that links the software GPU.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::codes::CUresult;
use super::failure::Failure;
use super::state::Driver;
use crate::gpu::LaunchReport;
use crate::report::Summary;

/// Reports kept; the oldest go first.
pub const REPORTS_KEPT: usize = 1024;

static REPORTS: Mutex<VecDeque<LaunchReport>> = Mutex::new(VecDeque::new());

fn kept() -> MutexGuard<'static, VecDeque<LaunchReport>> {
    REPORTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The reports of the launches since the last [`take_reports`], oldest first, at most [`REPORTS_KEPT`].
///
/// A launch of the driver API has its report here when `cuLaunchKernel` returns.
pub fn reports() -> Vec<LaunchReport> {
    kept().iter().cloned().collect()
}

/// As [`reports`], and forgets them.
pub fn take_reports() -> Vec<LaunchReport> {
    std::mem::take(&mut *kept()).into()
}

/// Keeps a report and appends it to the files that were asked for.
pub(super) fn record(driver: &Driver, report: LaunchReport) -> Result<(), Failure> {
    let summary = Summary::new(&report, driver.model);
    let failed = |error: std::io::Error| {
        Failure::new(CUresult::OPERATING_SYSTEM, format!("the launch's report could not be written: {error}"))
    };
    if let Some(sink) = &driver.report {
        sink.append(&summary.to_json()).map_err(failed)?;
    }
    if let Some(sink) = &driver.table {
        sink.append(&summary.to_string()).map_err(failed)?;
    }
    let mut reports = kept();
    if reports.len() == REPORTS_KEPT {
        reports.pop_front();
    }
    reports.push_back(report);
    Ok(())
}
