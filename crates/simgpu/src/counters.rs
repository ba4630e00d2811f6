//! What a launch did, counted.

use serde::Serialize;

/// Counts of one launch. A warp instruction is issued once for 32 lanes; a lane instruction is one active lane's share of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Blocks run.
    pub blocks: u64,
    /// Warps run.
    pub warps: u64,
    /// Threads run.
    pub threads: u64,
    /// Instructions issued, once a warp.
    pub warp_instructions: u64,
    /// Instructions, once for each active lane (predicated-off lanes included).
    pub lane_instructions: u64,
    /// Floating-point operations in single precision (a fused multiply-add is two).
    pub flops_f32: u64,
    /// Floating-point operations in double precision.
    pub flops_f64: u64,
    /// Floating-point operations in half precision outside the tensor cores.
    pub flops_f16: u64,
    /// Floating-point operations of `mma`.
    pub flops_tensor: u64,
    /// Approximate functions: ex2, lg2, rcp, sqrt, rsqrt, sin, cos, tanh.
    pub special_functions: u64,
    /// Loads from global memory (and `.const`), cp.async included.
    pub global_loads: Traffic,
    /// Stores to global memory.
    pub global_stores: Traffic,
    /// Atomics and reductions on global memory.
    pub global_atomics: Traffic,
    /// Loads from shared memory, ldmatrix included.
    pub shared_loads: SharedTraffic,
    /// Stores to shared memory, those of cp.async included.
    pub shared_stores: SharedTraffic,
    /// Atomics on shared memory.
    pub shared_atomics: SharedTraffic,
    /// Loads from local memory.
    pub local_loads: Traffic,
    /// Stores to local memory.
    pub local_stores: Traffic,
    /// Conditional branches, once a warp.
    pub branches: u64,
    /// Conditional branches whose lanes went both ways.
    pub divergent_branches: u64,
    /// Arrivals at block barriers, once a warp.
    pub barriers: u64,
}

/// Traffic with a memory that moves 32-byte sectors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Traffic {
    /// Warp instructions.
    pub requests: u64,
    /// Bytes that the lanes asked for.
    pub bytes: u64,
    /// Distinct 32-byte sectors, summed over requests.
    pub sectors: u64,
}

/// Traffic with shared memory: 32 banks of 4 bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct SharedTraffic {
    /// Warp instructions.
    pub requests: u64,
    /// Bytes that the lanes asked for.
    pub bytes: u64,
    /// Passes over the banks that the requests took.
    pub wavefronts: u64,
    /// Passes that the same bytes would take without bank conflicts.
    pub ideal_wavefronts: u64,
}

impl Counters {
    /// Adds the counts of other blocks of the same launch.
    pub(crate) fn add(&mut self, other: &Counters) {
        self.blocks += other.blocks;
        self.warps += other.warps;
        self.threads += other.threads;
        self.warp_instructions += other.warp_instructions;
        self.lane_instructions += other.lane_instructions;
        self.flops_f32 += other.flops_f32;
        self.flops_f64 += other.flops_f64;
        self.flops_f16 += other.flops_f16;
        self.flops_tensor += other.flops_tensor;
        self.special_functions += other.special_functions;
        self.global_loads.add(other.global_loads);
        self.global_stores.add(other.global_stores);
        self.global_atomics.add(other.global_atomics);
        self.shared_loads.add(other.shared_loads);
        self.shared_stores.add(other.shared_stores);
        self.shared_atomics.add(other.shared_atomics);
        self.local_loads.add(other.local_loads);
        self.local_stores.add(other.local_stores);
        self.branches += other.branches;
        self.divergent_branches += other.divergent_branches;
        self.barriers += other.barriers;
    }
}

impl Traffic {
    fn add(&mut self, other: Traffic) {
        self.requests += other.requests;
        self.bytes += other.bytes;
        self.sectors += other.sectors;
    }
}

impl SharedTraffic {
    fn add(&mut self, other: SharedTraffic) {
        self.requests += other.requests;
        self.bytes += other.bytes;
        self.wavefronts += other.wavefronts;
        self.ideal_wavefronts += other.ideal_wavefronts;
    }
}
