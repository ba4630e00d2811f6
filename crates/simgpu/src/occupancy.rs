//! How many blocks of a kernel a streaming multiprocessor (SM) holds at once, and what stops it from holding more.
//!
//! An SM hides the latency of memory by switching between warps, so it wants many. Each block takes warps, registers and
//! shared memory, all of them in units; whichever runs out first is the limit. The arithmetic is that of NVIDIA's
//! occupancy calculator for compute capability 8.0 and 9.0 (*CUDA C++ Programming Guide*, "Occupancy Calculator").

use std::fmt;

use serde::Serialize;

use crate::profile::{BLOCK_THREADS, GpuModel, WARP};

/// What a block of a kernel needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockNeeds {
    /// Threads a block.
    pub threads: u32,
    /// Registers a thread.
    pub registers: u32,
    /// Bytes of shared memory a block, static and dynamic.
    pub shared_bytes: u64,
}

/// What keeps an SM from holding another block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// The warps that an SM can hold.
    Warps,
    /// The blocks that an SM can hold.
    Blocks,
    /// Its registers.
    Registers,
    /// Its shared memory.
    SharedMemory,
}

/// How full an SM gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Occupancy {
    /// Blocks an SM holds at once; 0 when not even one fits.
    pub blocks: u32,
    /// Warps an SM holds at once.
    pub warps: u32,
    /// Warps that it could hold.
    pub warps_max: u32,
    /// What binds. Of several, the first of warps, blocks, registers, shared memory.
    pub limit: Limit,
}

impl Occupancy {
    /// Warps held, as a part of those that could be: 0 to 1.
    pub fn fraction(&self) -> f64 {
        f64::from(self.warps) / f64::from(self.warps_max)
    }
}

impl fmt::Display for Occupancy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limit = match self.limit {
            Limit::Warps => "warps",
            Limit::Blocks => "blocks",
            Limit::Registers => "registers",
            Limit::SharedMemory => "shared memory",
        };
        let percent = 100.0 * self.fraction();
        write!(out, "{} of {} warps ({percent:.0} %), limited by {limit}", self.warps, self.warps_max)
    }
}

/// The occupancy of a kernel on a GPU. A block without a thread, or with more threads, registers or
/// shared memory than it may have, fits 0 times.
pub fn occupancy(needs: &BlockNeeds, model: &GpuModel) -> Occupancy {
    let warps_block = needs.threads.div_ceil(WARP);
    let limits = [
        (Limit::Warps, if needs.threads > BLOCK_THREADS { 0 } else { model.warps_sm / warps_block.max(1) }),
        (Limit::Blocks, if needs.threads == 0 { 0 } else { model.blocks_sm }),
        (Limit::Registers, blocks_by_registers(needs.registers, warps_block, model)),
        (Limit::SharedMemory, blocks_by_shared_memory(needs.shared_bytes, model)),
    ];
    // `min_by_key` returns the first of equal ones.
    let (limit, blocks) = limits.into_iter().min_by_key(|&(_, blocks)| blocks).unwrap_or((Limit::Warps, 0));
    Occupancy { blocks, warps: blocks * warps_block, warps_max: model.warps_sm, limit }
}

/// A warp's registers are rounded up to a unit and come from one partition of the SM.
fn blocks_by_registers(registers: u32, warps_block: u32, model: &GpuModel) -> u32 {
    if registers > model.registers_thread {
        return 0;
    }
    let registers_warp = (registers.max(1) * WARP).next_multiple_of(model.register_unit);
    // One block alone must fit with its warps spread over the partitions.
    if registers_warp * warps_block.next_multiple_of(model.partitions) > model.registers_sm {
        return 0;
    }
    let warps_partition = model.registers_sm / model.partitions / registers_warp;
    warps_partition * model.partitions / warps_block.max(1)
}

/// A block's shared memory and what the system takes of it, rounded up to a unit.
fn blocks_by_shared_memory(shared_bytes: u64, model: &GpuModel) -> u32 {
    if shared_bytes > model.shared_bytes_block_optin {
        return 0;
    }
    let block = (shared_bytes + model.shared_bytes_reserved).next_multiple_of(model.shared_unit);
    u32::try_from(model.shared_bytes_sm / block).unwrap_or(u32::MAX)
}

/// The block size that fills an SM best.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BestBlock {
    /// Threads a block.
    pub threads: u32,
    /// Blocks of it that an SM holds.
    pub blocks: u32,
}

/// The block size, a multiple of the warp up to `threads_max`, with the most threads at once on an SM; of equal ones the
/// largest. `shared_bytes(threads)` is what a block of that size needs. `None` when no size fits.
pub fn best_block(
    registers: u32,
    mut shared_bytes: impl FnMut(u32) -> u64,
    threads_max: u32,
    model: &GpuModel,
) -> Option<BestBlock> {
    let mut best: Option<BestBlock> = None;
    // From the largest down, so that a tie keeps the larger; a limit below a warp is tried as it is.
    let first = if threads_max < WARP { threads_max } else { threads_max / WARP * WARP };
    let mut threads = first.min(BLOCK_THREADS);
    while threads > 0 {
        let needs = BlockNeeds { threads, registers, shared_bytes: shared_bytes(threads) };
        let blocks = occupancy(&needs, model).blocks;
        if blocks > 0 && best.is_none_or(|best| blocks * threads > best.blocks * best.threads) {
            best = Some(BestBlock { threads, blocks });
        }
        threads = threads.saturating_sub(WARP);
    }
    best
}

/// Bytes of dynamic shared memory that a block may have so that `blocks` of them still fit an SM, beside `static_bytes`.
pub fn shared_bytes_for(blocks: u32, static_bytes: u64, model: &GpuModel) -> u64 {
    let share = model.shared_bytes_sm / u64::from(blocks.max(1)) / model.shared_unit * model.shared_unit;
    let block = share.saturating_sub(model.shared_bytes_reserved).min(model.shared_bytes_block_optin);
    block.saturating_sub(static_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{A100, H100};

    fn on(model: &GpuModel, threads: u32, registers: u32, shared_bytes: u64) -> (u32, u32, Limit) {
        let occupancy = occupancy(&BlockNeeds { threads, registers, shared_bytes }, model);
        (occupancy.blocks, occupancy.warps, occupancy.limit)
    }

    #[test]
    fn hand_worked_cases() {
        // 256 threads are 8 warps: 64 / 8 = 8 blocks; 32 registers: 65536 / (8·32·32) = 8 as well.
        assert_eq!(on(&A100, 256, 32, 0), (8, 64, Limit::Warps));
        // 32 threads: 32 blocks are 32 warps.
        assert_eq!(on(&A100, 32, 16, 0), (32, 32, Limit::Blocks));
        // 118 registers: 3776 a warp, rounded to 3840; 16384 / 3840 = 4 warps a partition, 16 an SM; 16 / 8 = 2 blocks.
        assert_eq!(on(&A100, 256, 118, 8448), (2, 16, Limit::Registers));
        // 27648 B + 1024 B = 28672 B; 167936 / 28672 = 5.86: 5 blocks of 4 warps; 126 registers: 4096 a warp, 16 warps: 4.
        assert_eq!(on(&A100, 128, 126, 27648), (4, 16, Limit::Registers));
        // 72 registers: 2304 a warp: 7 a partition: 28 an SM: 7 blocks of 4 warps; shared memory alone: 5.
        assert_eq!(on(&A100, 128, 72, 27648), (5, 20, Limit::SharedMemory));
        // 228 KB: 233472 / 28672 = 8.14.
        assert_eq!(on(&H100, 128, 40, 27648), (8, 32, Limit::SharedMemory));
        // 16 B need 1040 B, rounded to 1152: 145 blocks would fit.
        assert_eq!(on(&A100, 1024, 32, 16), (2, 64, Limit::Warps));
    }

    #[test]
    fn what_does_not_fit_fits_no_block() {
        assert_eq!(on(&A100, 1024, 65, 0).0, 0, "65 registers: 2304 a warp, 32 warps need 73728 of 65536");
        assert_eq!(on(&A100, 1024, 64, 0).0, 1);
        assert_eq!(on(&A100, 32, 256, 0).0, 0);
        assert_eq!(on(&A100, 1025, 16, 0).0, 0);
        assert_eq!(on(&A100, 0, 16, 0).0, 0);
        assert_eq!(on(&A100, 32, 16, (163 << 10) + 1).0, 0);
        assert_eq!(on(&A100, 32, 16, 163 << 10), (1, 1, Limit::SharedMemory));
    }

    #[test]
    fn the_best_block_fills_the_sm() {
        let best = best_block(32, |_| 0, 1024, &A100).expect("one that fits");
        assert_eq!(best, BestBlock { threads: 1024, blocks: 2 });
        // 40 registers: 1280 a warp, 48 warps an SM: 768 threads twice.
        let best = best_block(40, |_| 0, 1024, &A100).expect("one that fits");
        assert_eq!(best, BestBlock { threads: 768, blocks: 2 });
        // 128 B a thread: 1024 threads need 129 KB, one block; 512 need 65 KB, two blocks, the same threads.
        let best = best_block(16, |threads| u64::from(threads) * 128, 1024, &A100).expect("one that fits");
        assert_eq!(best.threads * best.blocks, 1280, "{best:?}");
        assert_eq!(best_block(300, |_| 0, 1024, &A100), None);
        assert_eq!(best_block(16, |_| 0, 20, &A100), Some(BestBlock { threads: 20, blocks: 32 }));
    }

    #[test]
    fn dynamic_shared_memory_that_leaves_room() {
        for blocks in 1..=32 {
            let bytes = shared_bytes_for(blocks, 512, &A100);
            assert!(blocks_by_shared_memory(bytes + 512, &A100) >= blocks);
            if bytes + 512 < A100.shared_bytes_block_optin {
                assert!(blocks_by_shared_memory(bytes + 512 + 1, &A100) < blocks, "{blocks}: {bytes} is not the most");
            }
        }
        assert_eq!(shared_bytes_for(1, 0, &A100), 163 << 10);
    }

    #[test]
    fn it_reads_as_a_sentence() {
        let occupancy = occupancy(&BlockNeeds { threads: 256, registers: 118, shared_bytes: 0 }, &A100);
        assert_eq!(occupancy.to_string(), "16 of 64 warps (25 %), limited by registers");
    }
}
