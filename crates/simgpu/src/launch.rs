//! One launch: blocks over host threads, and what comes of it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use crate::counters::Counters;
use crate::error::Error;
use crate::gpu::{Gpu, Kernel, Launch, LaunchReport, Module};
use crate::machine::{Block, Context, Notes};
use crate::program::Program;

/// What the host threads put together.
#[derive(Default)]
struct Total {
    counters: Counters,
    notes: Notes,
}

/// Runs all blocks. The counts do not depend on the number of threads, since blocks do not.
pub(crate) fn run(gpu: &Gpu, module: &Module, kernel: &Kernel, launch: &Launch<'_>) -> Result<LaunchReport, Error> {
    let settings = gpu.settings();
    let context = Context {
        program: &kernel.program,
        memory: gpu.memory.snapshot(),
        grid: launch.grid,
        block: launch.block,
        shared_bytes: kernel.shared_bytes(launch.shared_bytes) as u32,
        dynamic_shared_bytes: launch.shared_bytes,
        params: launch.params,
        checks: settings.checks,
        max_instructions: settings.max_block_instructions,
    };
    let blocks: u64 = launch.grid.iter().map(|&size| u64::from(size)).product();
    let threads = settings.threads.unwrap_or_else(rayon::current_num_threads).max(1) as u64;
    let (next, stopped, total) = (AtomicU64::new(0), AtomicBool::new(false), Mutex::new(Total::default()));
    let work = || run_blocks(&context, blocks, &next, &stopped, &total);
    if threads == 1 || blocks == 1 {
        work();
    } else {
        rayon::scope(|scope| (0..threads.min(blocks)).for_each(|_| scope.spawn(|_| work())));
    }
    let total = total.into_inner().unwrap_or_else(PoisonError::into_inner);
    let (findings, findings_dropped) = total.notes.into_findings(&kernel.name, &kernel.program, &module.files);
    Ok(LaunchReport {
        kernel: kernel.name.clone(),
        grid: launch.grid,
        block: launch.block,
        shared_bytes: u64::from(context.shared_bytes),
        registers: kernel.program.registers,
        counters: total.counters,
        findings,
        findings_dropped,
    })
}

/// What one host thread does: blocks, one after the other, until there are none or one ended the launch.
fn run_blocks(context: &Context<'_>, blocks: u64, next: &AtomicU64, stopped: &AtomicBool, total: &Mutex<Total>) {
    let mut block = Block::new(context);
    let mut warps = block.warps();
    while !stopped.load(Relaxed) {
        let number = next.fetch_add(1, Relaxed);
        if number >= blocks {
            break;
        }
        block.run(number, &mut warps);
        if block.aborted {
            stopped.store(true, Relaxed);
        }
    }
    count_instructions(&mut block, context.program);
    let mut total = total.lock().unwrap_or_else(PoisonError::into_inner);
    total.counters.add(&block.counters);
    total.notes.merge(block.notes);
}

/// Instructions and operations, from how often each basic block was run.
fn count_instructions(block: &mut Block<'_>, program: &Program) {
    let counters = &mut block.counters;
    for (basic, visits) in program.blocks.iter().zip(&block.visits) {
        counters.warp_instructions += visits.warps * u64::from(basic.instructions);
        counters.lane_instructions += visits.lanes * u64::from(basic.instructions);
        for index in basic.first as usize..basic.end as usize {
            let (op, work) = (&program.ops[index], &program.work[index]);
            let lanes = if op.guard == crate::program::NO_SLOT { visits.lanes } else { block.guarded[index] };
            counters.flops_f32 += lanes * u64::from(work.flops_f32);
            counters.flops_f64 += lanes * u64::from(work.flops_f64);
            counters.flops_f16 += lanes * u64::from(work.flops_f16);
            counters.special_functions += lanes * u64::from(work.special);
            counters.flops_tensor += visits.warps * u64::from(work.tensor);
        }
    }
}
