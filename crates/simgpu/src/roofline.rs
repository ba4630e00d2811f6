//! From counters to a time that a real GPU could not beat, if the model holds: a model, never a measurement.
//!
//! The roofline model \[Williams, Waterman, Patterson: "Roofline: an insightful visual performance model for multicore
//! architectures", CACM 52(4), 2009\] divides each amount of work by the peak rate of the unit that does it. The units
//! work side by side, so the longest of those times is the bound, and its unit is what binds.
//!
//! What the model leaves out, in both directions:
//! - Caches. Memory time counts every 32-byte sector that a warp asks for as if it came from the card's memory. A kernel
//!   whose blocks share data through L1 or L2 can be faster than that.
//! - Latency, occupancy, clocks below boost, tails of the grid. They make a real kernel slower.
//!
//! A grid with fewer blocks than streaming multiprocessors (SMs) keeps only as many of them busy; the rates that an SM brings count only for those.

use std::fmt;

use serde::Serialize;

use crate::counters::Counters;
use crate::profile::GpuModel;

/// Bytes of a sector: what global memory moves.
pub const SECTOR_BYTES: u64 = 32;

/// What takes the longest in the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Binds {
    /// Arithmetic: the busiest of the f32, f64, f16, tensor and special-function units.
    Compute,
    /// Issuing instructions.
    Issue,
    /// Global and local memory, without caches.
    Memory,
    /// Shared memory.
    Shared,
    /// Nothing was counted.
    Nothing,
}

impl fmt::Display for Binds {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Binds::Compute => "arithmetic",
            Binds::Issue => "instruction issue",
            Binds::Memory => "memory",
            Binds::Shared => "shared memory",
            Binds::Nothing => "nothing",
        })
    }
}

/// The model's times for one launch, in seconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bound {
    /// The GPU that is modelled.
    pub model: &'static str,
    /// Arithmetic at peak: the longest of the units.
    pub seconds_compute: f64,
    /// Every warp instruction issued, as many a clock as the SMs have schedulers.
    pub seconds_issue: f64,
    /// Every sector moved at the memory's bandwidth, as if there were no cache.
    pub seconds_memory: f64,
    /// Every pass over the banks, one an SM and clock.
    pub seconds_shared: f64,
    /// The longest of these.
    pub binds: Binds,
}

impl Bound {
    /// The longest of the times.
    pub fn seconds(&self) -> f64 {
        self.seconds_compute.max(self.seconds_issue).max(self.seconds_memory).max(self.seconds_shared)
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let us = |seconds: f64| 1e6 * seconds;
        write!(
            out,
            "model of {}, not measured: at least {:.2} µs, bound by {} (arithmetic {:.2}, issue {:.2}, memory without caches \
             {:.2}, shared memory {:.2} µs)",
            self.model,
            us(self.seconds()),
            self.binds,
            us(self.seconds_compute),
            us(self.seconds_issue),
            us(self.seconds_memory),
            us(self.seconds_shared),
        )
    }
}

/// The roofline bound of a launch on a modelled GPU.
pub fn bound(counters: &Counters, model: &GpuModel) -> Bound {
    // The part of the SMs that a small grid can use.
    let busy = counters.blocks.min(u64::from(model.sms)) as f64 / f64::from(model.sms);
    let seconds = |work: u64, rate: f64| if work == 0 { 0.0 } else { work as f64 / (rate * busy) };
    let per_clock = |units: u32| f64::from(units) * f64::from(model.sms) * model.clock_hz;

    let seconds_compute = [
        seconds(counters.flops_f32, model.peak_f32),
        seconds(counters.flops_f64, model.peak_f64),
        seconds(counters.flops_f16, model.peak_f16),
        seconds(counters.flops_tensor, model.peak_tensor),
        seconds(counters.special_functions, per_clock(model.special_per_clock)),
    ]
    .into_iter()
    .fold(0.0, f64::max);
    let seconds_issue = seconds(counters.warp_instructions, per_clock(model.issue_per_clock));
    let seconds_memory = memory_bytes(counters) as f64 / model.memory_bandwidth;
    let seconds_shared = seconds(wavefronts(counters), model.wavefronts_per_second());

    let times = [
        (Binds::Compute, seconds_compute),
        (Binds::Issue, seconds_issue),
        (Binds::Memory, seconds_memory),
        (Binds::Shared, seconds_shared),
    ];
    let longest = times.into_iter().fold((Binds::Nothing, 0.0), |a, b| if b.1 > a.1 { b } else { a });
    Bound { model: model.name, seconds_compute, seconds_issue, seconds_memory, seconds_shared, binds: longest.0 }
}

/// Bytes of all sectors of global and local memory.
pub(crate) fn memory_bytes(counters: &Counters) -> u64 {
    let sectors = [
        counters.global_loads,
        counters.global_stores,
        counters.global_atomics,
        counters.local_loads,
        counters.local_stores,
    ];
    sectors.iter().map(|traffic| traffic.sectors).sum::<u64>() * SECTOR_BYTES
}

/// Passes over the banks of shared memory.
fn wavefronts(counters: &Counters) -> u64 {
    counters.shared_loads.wavefronts + counters.shared_stores.wavefronts + counters.shared_atomics.wavefronts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counters::{SharedTraffic, Traffic};
    use crate::profile::A100;

    fn close(a: f64, b: f64) -> bool {
        (a / b - 1.0).abs() < 1e-12
    }

    #[test]
    fn hand_worked_cases() {
        // 108 blocks fill the GPU. 19.5 GFLOP take 1 ms; 2.039 GB take 1 ms; memory is given half of that.
        let sectors = 2_039_000_000 / 2 / 32;
        let counters = Counters {
            blocks: 108,
            flops_f32: 19_500_000_000,
            global_loads: Traffic { requests: 1, bytes: 32, sectors },
            ..Counters::default()
        };
        let full = bound(&counters, &A100);
        assert!(close(full.seconds_compute, 1e-3), "{full:?}");
        assert!((full.seconds_memory - 0.5e-3).abs() < 1e-10, "{full:?}");
        assert_eq!(full.binds, Binds::Compute);
        // One block has one SM of 108, but all of the memory.
        let one = bound(&Counters { blocks: 1, ..counters }, &A100);
        assert!(close(one.seconds_compute, 0.108));
        assert_eq!(one.seconds_memory, full.seconds_memory);
    }

    #[test]
    fn every_unit_can_bind() {
        let blocks = Counters { blocks: 1000, ..Counters::default() };
        // An SM makes one pass a clock: 108 · 1.41e9 passes are a second.
        let passes = SharedTraffic { wavefronts: 108 * 1_410_000_000, ..SharedTraffic::default() };
        let shared = bound(&Counters { shared_loads: passes, ..blocks.clone() }, &A100);
        assert!(close(shared.seconds(), 1.0));
        assert_eq!(shared.binds, Binds::Shared);
        let issue = bound(&Counters { warp_instructions: 4 * 108 * 1_410_000_000, ..blocks.clone() }, &A100);
        assert!(close(issue.seconds(), 1.0));
        assert_eq!(issue.binds, Binds::Issue);
        let tensor = bound(&Counters { flops_tensor: 312_000_000_000_000, ..blocks.clone() }, &A100);
        assert!(close(tensor.seconds(), 1.0));
        let special = bound(&Counters { special_functions: 16 * 108 * 1_410_000_000, ..blocks.clone() }, &A100);
        assert!(close(special.seconds(), 1.0));
        let local = Traffic { sectors: 2_039_000_000_000 / 32, ..Traffic::default() };
        let memory = bound(&Counters { local_stores: local, ..blocks.clone() }, &A100);
        assert!((memory.seconds() - 1.0).abs() < 1e-9);
        assert_eq!(memory.binds, Binds::Memory);
        assert_eq!(bound(&blocks, &A100).binds, Binds::Nothing);
        assert_eq!(bound(&Counters::default(), &A100).seconds(), 0.0);
    }

    #[test]
    fn it_says_that_it_is_a_model() {
        let text = bound(&Counters { blocks: 1, flops_f32: 1, ..Counters::default() }, &A100).to_string();
        assert!(text.starts_with("model of NVIDIA A100-SXM4-80GB, not measured"), "{text}");
    }
}
