//! One launch: blocks over host threads, and what comes of it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use crate::counters::Counters;
use crate::error::Error;
use crate::gpu::{Gpu, Kernel, Launch, LaunchReport, Module};
use crate::limits;
use crate::machine::{Block, Context, Notes, RACES_BLOCKS, Races};
use crate::program::Program;

/// What the host threads put together.
#[derive(Default)]
struct Total {
    counters: Counters,
    /// By block, of those of which something was noted.
    notes: Vec<(u64, Notes)>,
}

/// Blocks whose notes a host thread keeps apart; more of them are put together.
const NOTED_BLOCKS: usize = 4096;

/// Runs all blocks. What is counted and found does not depend on the number of threads, since blocks do not. When a block ends
/// the launch, what is reported is found by it and the blocks before it, which all run to their end; the counters are those of
/// the blocks that ran, and races on global memory are reported only if there is no other block.
pub(crate) fn run(gpu: &Gpu, module: &Module, kernel: &Kernel, launch: &Launch<'_>) -> Result<LaunchReport, Error> {
    let settings = gpu.settings();
    // `Kernel::check` has seen that this is less than 2^63.
    let blocks: u64 = launch.grid.iter().map(|&size| u64::from(size)).product();
    let looks_for_races = settings.checks.global_races && !kernel.program.has_fences && blocks <= RACES_BLOCKS;
    let context = Context {
        program: &kernel.program,
        memory: gpu.memory.snapshot(),
        grid: launch.grid,
        block: launch.block,
        shared_bytes: kernel.shared_bytes(launch.shared_bytes) as u32,
        dynamic_shared_bytes: launch.shared_bytes,
        params: launch.params,
        checks: settings.checks,
        instructions_max: settings.block_instructions_max,
        races: looks_for_races.then(|| Races::new(kernel.program.global_granule)),
    };
    let threads = settings.threads.unwrap_or_else(rayon::current_num_threads).clamp(1, limits::HOST_THREADS) as u64;
    let (next, stopped, total) = (AtomicU64::new(0), AtomicU64::new(u64::MAX), Mutex::new(Total::default()));
    let work = || run_blocks(&context, blocks, &next, &stopped, &total);
    if threads == 1 || blocks == 1 {
        work();
    } else {
        rayon::scope(|scope| (0..threads.min(blocks)).for_each(|_| scope.spawn(|_| work())));
    }
    let mut total = total.into_inner().unwrap_or_else(PoisonError::into_inner);
    let last = stopped.into_inner();
    total.notes.sort_by_key(|(block, _)| *block);
    let mut notes = Notes::default();
    total.notes.into_iter().filter(|(block, _)| *block <= last).for_each(|(_, of_block)| notes.merge(of_block));
    // Which blocks have been at a piece of memory is known where all have run.
    if let Some(races) = context.races.as_ref().filter(|_| last == u64::MAX || blocks == 1) {
        races.note(&context, &mut notes);
    }
    let (findings, findings_dropped) = notes.into_findings(&kernel.name, &kernel.program, &module.files);
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

/// What one host thread does: blocks, one after the other, until there are none or one of them ended the launch. `stopped`: the
/// first one that did.
fn run_blocks(context: &Context<'_>, blocks: u64, next: &AtomicU64, stopped: &AtomicU64, total: &Mutex<Total>) {
    let mut block = Block::new(context);
    let mut warps = block.warps();
    let mut noted: Vec<(u64, Notes)> = Vec::new();
    loop {
        let number = next.fetch_add(1, Relaxed);
        if number >= blocks || number > stopped.load(Relaxed) {
            break;
        }
        block.run(number, &mut warps);
        if block.aborted {
            stopped.fetch_min(number, Relaxed);
        }
        if !block.notes.is_empty() {
            noted.push((number, std::mem::take(&mut block.notes)));
        }
        if noted.len() > NOTED_BLOCKS {
            let rest = noted.split_off(1);
            rest.into_iter().for_each(|(_, notes)| noted[0].1.merge(notes));
        }
    }
    count_instructions(&mut block, context.program);
    let mut total = total.lock().unwrap_or_else(PoisonError::into_inner);
    total.counters.add(&block.counters);
    total.notes.extend(noted);
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
