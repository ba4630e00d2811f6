//! Occupancy of the modelled GPU. Registers are those of an ideal allocation, so that a real kernel may fit less often.

use std::ffi::{c_int, c_uint};

use super::codes::CUresult;
use super::failure::Failure;
use super::function::get;
use super::raw::{BlockToSharedBytes, Out, RawHandle};
use super::state::driver;
use crate::occupancy::{BestBlock, BlockNeeds, best_block, occupancy, shared_bytes_for};
use crate::profile::BLOCK_THREADS;

driver_api! {
    /// Blocks of a kernel that an SM holds at once.
    fn cuOccupancyMaxActiveBlocksPerMultiprocessor(
        blocks: Out<c_int>,
        function: RawHandle,
        block_threads: c_int,
        dynamic_bytes: usize,
    ) {
        active_blocks(blocks, function, block_threads, dynamic_bytes)
    }

    /// The same; flags are about caches.
    fn cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(
        blocks: Out<c_int>,
        function: RawHandle,
        block_threads: c_int,
        dynamic_bytes: usize,
        _flags: c_uint,
    ) {
        active_blocks(blocks, function, block_threads, dynamic_bytes)
    }

    /// The block size that fills an SM best, and the blocks that fill the GPU.
    fn cuOccupancyMaxPotentialBlockSize(
        grid: Out<c_int>,
        block: Out<c_int>,
        function: RawHandle,
        dynamic_bytes_of: BlockToSharedBytes,
        dynamic_bytes: usize,
        limit: c_int,
    ) {
        potential_block(grid, block, function, dynamic_bytes_of, dynamic_bytes, limit)
    }

    /// The same; flags are about caches.
    fn cuOccupancyMaxPotentialBlockSizeWithFlags(
        grid: Out<c_int>,
        block: Out<c_int>,
        function: RawHandle,
        dynamic_bytes_of: BlockToSharedBytes,
        dynamic_bytes: usize,
        limit: c_int,
        _flags: c_uint,
    ) {
        potential_block(grid, block, function, dynamic_bytes_of, dynamic_bytes, limit)
    }

    /// Dynamic shared memory that a block may have when so many are to fit an SM.
    fn cuOccupancyAvailableDynamicSMemPerBlock(
        bytes: Out<usize>,
        function: RawHandle,
        blocks: c_int,
        block_threads: c_int,
    ) {
        let function = get(function)?;
        let model = driver()?.model;
        let blocks = positive(blocks)?;
        let threads = positive(block_threads)?;
        let needs = BlockNeeds { threads, registers: function.registers(model), shared_bytes: function.info.shared_bytes };
        if occupancy(&needs, model).blocks < blocks {
            let detail = format!("{blocks} blocks of {threads} threads do not fit, whatever their shared memory");
            return Err(Failure::new(CUresult::INVALID_VALUE, detail));
        }
        bytes.set(shared_bytes_for(blocks, function.info.shared_bytes, model) as usize)
    }
}

fn positive(number: c_int) -> Result<u32, Failure> {
    Ok(u32::try_from(number).ok().filter(|&number| number > 0).ok_or(CUresult::INVALID_VALUE)?)
}

fn active_blocks(out: Out<c_int>, function: RawHandle, threads: c_int, dynamic_bytes: usize) -> Result<(), Failure> {
    let function = get(function)?;
    let model = driver()?.model;
    let threads = positive(threads)?;
    let shared_bytes = function.info.shared_bytes.saturating_add(dynamic_bytes as u64);
    let needs = BlockNeeds { threads, registers: function.registers(model), shared_bytes };
    let fits = u64::from(threads) <= function.threads_max();
    out.set(if fits { occupancy(&needs, model).blocks as c_int } else { 0 })
}

fn potential_block(
    grid: Out<c_int>,
    block: Out<c_int>,
    function: RawHandle,
    dynamic_bytes_of: BlockToSharedBytes,
    dynamic_bytes: usize,
    limit: c_int,
) -> Result<(), Failure> {
    grid.check()?;
    block.check()?;
    let function = get(function)?;
    let model = driver()?.model;
    // 0 is no limit.
    let limit = u32::try_from(limit).map_err(|_| CUresult::INVALID_VALUE)?;
    let most = if limit == 0 { BLOCK_THREADS } else { limit }.min(function.threads_max() as u32);
    let shared_bytes = |threads: u32| {
        let dynamic = match dynamic_bytes_of {
            // SAFETY: by the contract of the API the function takes any block size; no lock is held.
            Some(of) => unsafe { of(threads as c_int) },
            None => dynamic_bytes,
        };
        function.info.shared_bytes.saturating_add(dynamic as u64)
    };
    let best = best_block(function.registers(model), shared_bytes, most, model);
    let nothing = || Failure::new(CUresult::LAUNCH_OUT_OF_RESOURCES, "no block size of this kernel fits an SM");
    let BestBlock { threads, blocks } = best.ok_or_else(nothing)?;
    block.set(threads as c_int)?;
    grid.set((blocks * model.sms) as c_int)
}
