//! A block: its warps, its shared memory, and how it runs.

use super::barrier::{Arrived, BARRIERS};
use super::notes::{Notes, Occurrence};
use super::order::Order;
use super::races::Races;
use super::shadow::Shadow;
use super::warp::{Stop, Warp};
use crate::counters::Counters;
use crate::finding::FindingKind;
use crate::lanes::{LANES, Unit};
use crate::memory::{Reachable, Snapshot};
use crate::program::{Program, SpecialValue};
use crate::settings::Checks;

/// What all blocks of a launch share.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) program: &'a Program,
    pub(crate) memory: Snapshot,
    pub(crate) grid: [u32; 3],
    pub(crate) block: [u32; 3],
    pub(crate) shared_bytes: u32,
    pub(crate) dynamic_shared_bytes: u32,
    pub(crate) params: &'a [u8],
    pub(crate) checks: Checks,
    pub(crate) instructions_max: u64,
    /// Where races on global memory are looked for.
    pub(crate) races: Option<Races>,
}

impl Context<'_> {
    /// The block with a number in the grid.
    pub(super) fn block_at(&self, number: u64) -> [u32; 3] {
        let [x, y] = [self.grid[0], self.grid[1]].map(u64::from);
        [(number % x) as u32, (number / x % y) as u32, (number / x / y) as u32]
    }

    /// The thread with a number in its block.
    pub(super) fn thread_at(&self, number: u32) -> [u32; 3] {
        let [x, y, _] = self.block;
        [number % x, number / x % y, number / (x * y)]
    }
}

/// How often a basic block was entered, and by how many lanes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Visits {
    pub(crate) warps: u64,
    pub(crate) lanes: u64,
}

impl Visits {
    #[inline(always)]
    pub(super) fn add(&mut self, lanes: u32) {
        self.warps += 1;
        self.lanes += u64::from(lanes.count_ones());
    }
}

/// What a host thread needs to run blocks, one after the other.
#[derive(Debug)]
pub(crate) struct Block<'a> {
    pub(crate) context: &'a Context<'a>,
    pub(crate) id: [u32; 3],
    /// The block's number in the grid.
    pub(crate) number: u64,
    pub(crate) shared: Vec<u8>,
    /// Local memory of all threads, one after the other.
    pub(crate) local: Vec<u8>,
    /// Whether a block has written to it since it was cleared.
    pub(super) local_written: bool,
    pub(crate) shadow: Shadow,
    /// Rises at every barrier of the block or of a warp.
    pub(crate) clock: u32,
    /// The clock when the block began.
    pub(super) born: u32,
    /// What the warps know of each other from the block's barriers.
    pub(super) order: Order,
    pub(crate) counters: Counters,
    /// For each basic block.
    pub(crate) visits: Vec<Visits>,
    /// Active lanes of guarded operations, for each operation.
    pub(crate) guarded: Vec<u64>,
    /// Warp instructions of this block.
    pub(crate) instructions: u64,
    pub(crate) notes: Notes,
    /// The allocation that each memory operation found last.
    pub(crate) found: Vec<Option<&'a Reachable>>,
    pub(crate) aborted: bool,
    /// Those who arrived at a barrier without waiting (`bar.arrive`).
    pub(super) arrived: [Arrived; BARRIERS],
}

impl<'a> Block<'a> {
    pub(crate) fn new(context: &'a Context<'a>) -> Block<'a> {
        let program = context.program;
        let threads = context.block.iter().map(|&size| size as usize).product::<usize>();
        let warps = threads.div_ceil(LANES);
        Block {
            context,
            id: [0; 3],
            number: 0,
            shared: vec![0; context.shared_bytes as usize],
            local_written: false,
            local: vec![0; warps * LANES * program.local_bytes as usize],
            shadow: Shadow::new(
                context.shared_bytes,
                program.shared_granule,
                !program.copies.is_empty(),
                context.checks,
            ),
            clock: 1,
            born: 1,
            order: Order::default(),
            counters: Counters::default(),
            visits: vec![Visits::default(); program.blocks.len()],
            guarded: vec![0; program.ops.len()],
            instructions: 0,
            notes: Notes::default(),
            found: vec![None; program.memory.len()],
            aborted: false,
            arrived: [Arrived::default(); BARRIERS],
        }
    }

    /// Warps with the registers that no block changes: constants, parameters, the thread's place in its block.
    pub(crate) fn warps(&self) -> Vec<Warp> {
        let (program, size) = (self.context.program, self.context.block);
        let threads = size[0] * size[1] * size[2];
        let mut warps: Vec<Warp> =
            (0..threads.div_ceil(LANES as u32)).map(|index| Warp::new(index, program.slots)).collect();
        for warp in &mut warps {
            for &(slot, value) in &program.constants {
                warp.registers.get_mut(slot).fill(value);
            }
            for &(slot, value) in &program.wide_constants {
                warp.registers.get_wide_mut(slot).fill(value);
            }
            for param in &program.params {
                self.fill_param(warp, param);
            }
        }
        warps
    }

    fn fill_param(&self, warp: &mut Warp, param: &crate::program::ParamLoad) {
        let bytes = &self.context.params[param.offset as usize..][..usize::from(param.bytes)];
        let raw = bytes.iter().rev().fold(0u64, |value, &byte| value << 8 | u64::from(byte));
        let shift = 64 - 8 * u32::from(param.bytes);
        let value = if param.signed { ((raw << shift) as i64 >> shift) as u64 } else { raw };
        if param.wide {
            warp.registers.get_wide_mut(param.slot).fill(value);
        } else {
            warp.registers.get_mut(param.slot).fill(value as u32);
        }
    }

    /// Runs one block of the grid to its end.
    pub(crate) fn run(&mut self, number: u64, warps: &mut [Warp]) {
        self.id = self.context.block_at(number);
        self.number = number;
        self.clock = self.shadow.next_block(self.clock);
        self.born = self.clock;
        self.order.join_all(self.clock);
        self.instructions = 0;
        self.arrived = [Arrived::default(); BARRIERS];
        // What nobody wrote is not a number.
        self.shared.fill(0xff);
        if std::mem::take(&mut self.local_written) {
            self.local.fill(0);
        }
        self.start(warps);
        while !self.aborted {
            let mut progress = false;
            let mut done = true;
            for warp in warps.iter_mut() {
                if warp.is_runnable() {
                    progress = true;
                    let stop = warp.run(self);
                    if stop == Stop::Done {
                        self.drop_copies(warp);
                    }
                    done &= stop == Stop::Done;
                } else {
                    done &= warp.live == 0;
                }
            }
            if done {
                break;
            }
            progress |= self.release(warps);
            if !progress && !self.aborted {
                self.deadlock(warps);
            }
        }
    }

    fn start(&mut self, warps: &mut [Warp]) {
        let size = self.context.block;
        let threads = size[0] * size[1] * size[2];
        let program = self.context.program;
        for warp in warps.iter_mut() {
            let first = warp.index * LANES as u32;
            let lanes = u32::MAX >> (32 - (threads - first).min(32));
            warp.start(lanes, self.clock);
            for &slot in &program.zeroed {
                *warp.registers.get_mut(slot) = [0; LANES];
            }
            for &(slot, special) in &program.specials {
                *warp.registers.get_mut(slot) = self.special(special, warp.index);
            }
            for &(slot, special) in &program.wide_specials {
                *warp.registers.get_wide_mut(slot) = self.special(special, warp.index).map(u64::from);
            }
        }
        self.counters.blocks += 1;
        self.counters.warps += warps.len() as u64;
        self.counters.threads += u64::from(threads);
    }

    fn special(&self, special: SpecialValue, warp: u32) -> [u32; LANES] {
        let context = self.context;
        let thread = |lane: usize| self.thread_of(warp, lane as u32);
        Unit(std::array::from_fn(|lane| match special {
            SpecialValue::Thread(axis) => thread(lane)[axis],
            SpecialValue::BlockSize(axis) => context.block[axis],
            SpecialValue::Block(axis) => self.id[axis],
            SpecialValue::Grid(axis) => context.grid[axis],
            SpecialValue::Lane => lane as u32,
            SpecialValue::Warp => warp,
            SpecialValue::Warps => context.block.iter().product::<u32>().div_ceil(LANES as u32),
            SpecialValue::LanesBelow => (1u32 << lane) - 1,
            SpecialValue::LanesUpTo => u32::MAX >> (31 - lane),
            SpecialValue::LaneBit => 1 << lane,
            SpecialValue::LanesFrom => u32::MAX << lane,
            SpecialValue::LanesAbove => (u32::MAX << lane) & !(1 << lane),
            SpecialValue::DynamicShared => context.dynamic_shared_bytes,
            SpecialValue::TotalShared => context.shared_bytes,
            SpecialValue::Zero => 0,
        }))
        .0
    }

    /// The thread of a lane.
    pub(crate) fn thread_of(&self, warp: u32, lane: u32) -> [u32; 3] {
        self.context.thread_at(warp * LANES as u32 + lane)
    }

    /// Notes a finding and ends the launch.
    pub(super) fn stop(&mut self, kind: FindingKind, warp: &Warp, lanes: u32, position: u32) {
        let limit = self.context.instructions_max;
        self.note(kind, warp, lanes, position, None, || match kind {
            FindingKind::TooManyInstructions => format!("the block ran more than {limit} warp instructions"),
            _ => "the kernel stopped itself".to_owned(),
        });
        self.aborted = true;
    }

    /// Notes a finding for the first of the lanes.
    #[cold]
    pub(crate) fn note(
        &mut self,
        kind: FindingKind,
        warp: &Warp,
        lanes: u32,
        position: u32,
        address: Option<u64>,
        detail: impl FnOnce() -> String,
    ) {
        let thread = self.thread_of(warp.index, lanes.trailing_zeros() % 32);
        let first = Occurrence { number: self.number, block: self.id, thread, address };
        self.notes.add(kind, position, first, 1, detail);
    }
}
