//! What a launch did, for people and for programs: derived numbers, a table, JSON.
//!
//! ```
//! use simgpu::profile::A100;
//! use simgpu::report::Summary;
//! # use simgpu::{Counters, LaunchReport};
//! # let report = LaunchReport { kernel: "k".into(), grid: [1, 1, 1], block: [32, 1, 1], shared_bytes: 0, registers: 16,
//! #     counters: Counters::default(), findings: vec![], findings_dropped: 0 };
//! println!("{report}");                                   // a table
//! let summary = Summary::new(&report, &A100);             // with occupancy and the roofline model
//! println!("{summary}\n{}", summary.to_json());
//! ```

mod json;
mod sink;
mod table;

use serde::Serialize;

pub use json::{launch_json, summary_json};
pub(crate) use sink::Sink;

use crate::counters::{Counters, SharedTraffic, Traffic};
use crate::gpu::LaunchReport;
use crate::occupancy::{BlockNeeds, Occupancy, occupancy};
use crate::profile::{GpuModel, WARP};
use crate::roofline::{Bound, SECTOR_BYTES, bound, memory_bytes};

/// Numbers that follow from the counters. `None` where there is nothing to divide by.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Derived {
    /// Lanes active in an instruction on average, of 32: what divergence and odd block sizes leave.
    pub active_lanes: Option<f64>,
    /// Bytes that the lanes asked of global memory, as a part of the bytes of the sectors moved. Above 1 where lanes share
    /// bytes; 1 is perfectly coalesced.
    pub global_efficiency: Option<f64>,
    /// Passes over shared memory's banks beyond those that conflict-free accesses would take.
    pub bank_conflicts: u64,
    /// Branches whose lanes went both ways, as a part of the conditional branches.
    pub divergence: Option<f64>,
    /// Floating-point operations of every kind.
    pub flops: u64,
    /// Bytes of the sectors of global and local memory.
    pub memory_bytes: u64,
    /// `flops / memory_bytes`: the arithmetic intensity of the roofline model, without caches.
    pub arithmetic_intensity: Option<f64>,
}

impl Derived {
    /// The derived numbers of these counters.
    pub fn new(counters: &Counters) -> Derived {
        let ratio = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
        let global = [counters.global_loads, counters.global_stores, counters.global_atomics];
        let sum = |field: fn(&Traffic) -> u64| global.iter().map(field).sum::<u64>();
        let shared = [counters.shared_loads, counters.shared_stores, counters.shared_atomics];
        let extra = |traffic: &SharedTraffic| traffic.wavefronts.saturating_sub(traffic.ideal_wavefronts);
        let flops = counters.flops_f32 + counters.flops_f64 + counters.flops_f16 + counters.flops_tensor;
        let memory_bytes = memory_bytes(counters);
        Derived {
            active_lanes: ratio(counters.lane_instructions, counters.warp_instructions),
            global_efficiency: ratio(sum(|t| t.bytes), sum(|t| t.sectors) * SECTOR_BYTES),
            bank_conflicts: shared.iter().map(extra).sum(),
            divergence: ratio(counters.divergent_branches, counters.branches),
            flops,
            memory_bytes,
            arithmetic_intensity: ratio(flops, memory_bytes),
        }
    }

    /// Active lanes as a part of the warp: 0 to 1.
    pub fn lane_efficiency(&self) -> Option<f64> {
        self.active_lanes.map(|lanes| lanes / f64::from(WARP))
    }
}

/// A report beside what a modelled GPU would make of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary<'a> {
    /// What the software GPU saw.
    pub report: &'a LaunchReport,
    /// What follows from its counters.
    pub derived: Derived,
    /// How full an SM of the modelled GPU would be, with the registers of an ideal allocation.
    pub occupancy: Occupancy,
    /// The roofline model's bound.
    pub bound: Bound,
}

impl<'a> Summary<'a> {
    /// The summary of a report for a modelled GPU.
    pub fn new(report: &'a LaunchReport, model: &GpuModel) -> Summary<'a> {
        let threads = report.block.iter().fold(1u32, |product, &extent| product.saturating_mul(extent));
        let needs = BlockNeeds { threads, registers: report.registers, shared_bytes: report.shared_bytes };
        Summary {
            report,
            derived: Derived::new(&report.counters),
            occupancy: occupancy(&needs, model),
            bound: bound(&report.counters, model),
        }
    }

    /// One JSON object on one line: see [`summary_json`].
    pub fn to_json(&self) -> String {
        summary_json(self).to_string()
    }
}

#[cfg(test)]
pub(crate) fn example() -> LaunchReport {
    use crate::finding::{Finding, FindingKind};
    let counters = Counters {
        blocks: 2,
        warps: 4,
        threads: 128,
        warp_instructions: 100,
        lane_instructions: 2400,
        flops_f32: 4096,
        global_loads: Traffic { requests: 8, bytes: 1024, sectors: 64 },
        global_stores: Traffic { requests: 4, bytes: 512, sectors: 16 },
        shared_loads: SharedTraffic { requests: 8, bytes: 1024, wavefronts: 64, ideal_wavefronts: 8 },
        branches: 8,
        divergent_branches: 2,
        barriers: 4,
        ..Counters::default()
    };
    let finding = Finding {
        kind: FindingKind::Race,
        kernel: "tile".into(),
        ptx_line: 41,
        source: Some(("tile.cu".into(), 12)),
        block: [1, 0, 0],
        thread: [33, 0, 0],
        address: Some(0x84),
        detail: "4 bytes read, thread (1, 0, 0) wrote them at line 30".into(),
        count: 64,
    };
    LaunchReport {
        kernel: "tile".into(),
        grid: [2, 1, 1],
        block: [64, 1, 1],
        shared_bytes: 1024,
        registers: 20,
        counters,
        findings: vec![finding],
        findings_dropped: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derived_numbers_are_those_worked_by_hand() {
        let derived = Derived::new(&example().counters);
        assert_eq!(derived.active_lanes, Some(24.0));
        assert_eq!(derived.lane_efficiency(), Some(0.75));
        // (1024 + 512) bytes of (64 + 16)·32.
        assert_eq!(derived.global_efficiency, Some(0.6));
        assert_eq!(derived.bank_conflicts, 56);
        assert_eq!(derived.divergence, Some(0.25));
        assert_eq!(derived.arithmetic_intensity, Some(1.6));
    }

    #[test]
    fn nothing_is_divided_by_zero() {
        let derived = Derived::new(&Counters::default());
        assert_eq!((derived.active_lanes, derived.global_efficiency), (None, None));
        assert_eq!((derived.divergence, derived.arithmetic_intensity), (None, None));
    }
}
