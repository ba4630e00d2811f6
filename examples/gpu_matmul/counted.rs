//! What the software GPU says of the last launch. A GPU counts nothing that a program could ask it for.

#[cfg(feature = "simgpu")]
use simgpu::profile::{A100, H100};
#[cfg(feature = "simgpu")]
use simgpu::report::Summary;

use super::Counts;

#[cfg(feature = "simgpu")]
pub(super) fn forget() {
    simgpu::take_reports();
}

#[cfg(feature = "simgpu")]
pub(super) fn take() -> Option<Counts> {
    let report = simgpu::take_reports().pop()?;
    let (summary, counters) = (Summary::new(&report, &A100), &report.counters);
    let bounds = [&A100, &H100].map(|model| {
        let bound = simgpu::bound(counters, model);
        (model.name, 1e6 * bound.seconds(), bound.binds.to_string())
    });
    let bound = simgpu::bound(counters, &A100);
    let units = [bound.seconds_memory, bound.seconds_shared, bound.seconds_issue, bound.seconds_compute];
    Some(Counts {
        units: units.map(|seconds| 1e6 * seconds),
        warp_instructions: counters.warp_instructions,
        requested_bytes: counters.global_loads.bytes + counters.global_stores.bytes,
        sector_bytes: summary.derived.memory_bytes,
        bank_conflicts: summary.derived.bank_conflicts,
        warps: (summary.occupancy.warps, summary.occupancy.warps_max),
        bounds: bounds.to_vec(),
    })
}

#[cfg(not(feature = "simgpu"))]
pub(super) fn forget() {}

#[cfg(not(feature = "simgpu"))]
pub(super) fn take() -> Option<Counts> {
    None
}
