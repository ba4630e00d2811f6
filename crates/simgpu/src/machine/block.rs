//! A block: its warps, its shared memory, its barriers.

use super::notes::{Notes, Occurrence};
use super::order::{Knowledge, Order};
use super::races::Races;
use super::shadow::Shadow;
use super::warp::{Parked, Stop, Warp};
use crate::counters::Counters;
use crate::finding::FindingKind;
use crate::lanes::{LANES, Unit};
use crate::memory::{Reachable, Snapshot};
use crate::program::{BarrierKind, Program, SpecialValue};
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
    arrived: [Arrived; BARRIERS],
}

/// What those who do not wait leave at a barrier: how many threads they are, and what they knew.
#[derive(Debug, Clone, Copy, Default)]
struct Arrived {
    threads: u32,
    message: Knowledge,
}

/// Named barriers of a block.
pub(crate) const BARRIERS: usize = 16;

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

    /// Lanes arrive at a barrier. `missing`: those that were alive when the first of them came, and are not here.
    pub(super) fn arrive(&mut self, warp: &mut Warp, lanes: u32, missing: u32, site: u32, resume: u32) {
        let program = self.context.program;
        let barrier = &program.barriers[site as usize];
        self.counters.barriers += 1;
        let missing = (missing | warp.live) & !lanes;
        if barrier.aligned && self.context.checks.divergent_barriers && missing != 0 {
            self.note(FindingKind::DivergentBarrier, warp, lanes, barrier.position, None, || {
                format!(
                    "{} lanes of the warp are here, {} are elsewhere (lane {})",
                    lanes.count_ones(),
                    missing.count_ones(),
                    missing.trailing_zeros()
                )
            });
        }
        let first = lanes.trailing_zeros() as usize;
        let number = warp.registers.get(barrier.number)[first] as usize % BARRIERS;
        let expected = barrier.threads.map(|slot| warp.registers.get(slot)[first]);
        match barrier.kind {
            BarrierKind::Arrive => self.leave_message(warp.index as usize, number),
            BarrierKind::Sync | BarrierKind::Reduce { .. } => {
                warp.parked.push(Parked { barrier: number as u32, expected, resume, lanes, site });
            }
        }
    }

    /// A warp arrives and goes on: what it did until now is ordered before what those do who wait.
    fn leave_message(&mut self, warp: usize, number: usize) {
        self.clock = self.clock.saturating_add(1);
        let message = self.order.message(warp, self.clock);
        let arrived = &mut self.arrived[number];
        arrived.threads = arrived.threads.saturating_add(LANES as u32);
        arrived.message.iter_mut().zip(message).for_each(|(known, new)| *known = new.max(*known));
    }

    /// The lanes among those arriving that do not wait.
    pub(super) fn passing(&self, arriving: u32, site: u32) -> u32 {
        let kind = self.context.program.barriers[site as usize].kind;
        if matches!(kind, BarrierKind::Arrive) { arriving } else { 0 }
    }

    /// Lets go on who waits at a barrier that all have reached. Says whether there was one.
    fn release(&mut self, warps: &mut [Warp]) -> bool {
        let mut released = false;
        for number in 0..BARRIERS as u32 {
            let waiting = || warps.iter().flat_map(|warp| &warp.parked).filter(|parked| parked.barrier == number);
            let Some(&first) = waiting().next() else { continue };
            let complete = match first.expected {
                None => warps.iter().all(|warp| warp.live & !warp.parked_at(number) == 0),
                // Warps count as a whole, also a last one that is not full.
                Some(expected) => {
                    let whole = warps.iter().filter(|warp| warp.parked_at(number) != 0).count() as u32;
                    (whole * LANES as u32).saturating_add(self.arrived[number as usize].threads) >= expected
                }
            };
            if complete {
                self.reduce(warps, number);
                self.clock = self.clock.saturating_add(1);
                let arrived = std::mem::take(&mut self.arrived[number as usize]);
                let waited = warps.iter().filter(|warp| warp.parked_at(number) != 0);
                let members = waited.fold(0u32, |members, warp| members | 1 << warp.index);
                // Who has left counts as having been at a barrier of all.
                if first.expected.is_none() || members.count_ones() as usize == warps.len() {
                    self.order.join_all(self.clock);
                } else {
                    self.order.join(members, &arrived.message, self.clock);
                }
                warps.iter_mut().for_each(|warp| warp.release(number));
                released = true;
            }
        }
        released
    }

    /// The result of `bar.red` for those who wait at a barrier.
    fn reduce(&self, warps: &mut [Warp], number: u32) {
        let program = self.context.program;
        let parked =
            |warp: &Warp| warp.parked.iter().filter(|parked| parked.barrier == number).copied().collect::<Vec<_>>();
        let (mut count, mut total) = (0, 0);
        for warp in warps.iter() {
            for lanes in parked(warp) {
                if let BarrierKind::Reduce { source, negated, .. } = program.barriers[lanes.site as usize].kind {
                    count += (warp.predicate(source, negated) & lanes.lanes).count_ones();
                    total += lanes.lanes.count_ones();
                }
            }
        }
        for warp in warps {
            for lanes in parked(warp) {
                if let BarrierKind::Reduce { operation, target, .. } = program.barriers[lanes.site as usize].kind {
                    let value = operation.result(count, total);
                    let register = warp.registers.get_mut(target);
                    (0..LANES).filter(|lane| lanes.lanes >> lane & 1 == 1).for_each(|lane| register[lane] = value);
                }
            }
        }
    }

    fn deadlock(&mut self, warps: &mut [Warp]) {
        let program = self.context.program;
        let waiting: u32 = warps.iter().flat_map(|warp| &warp.parked).map(|parked| parked.lanes.count_ones()).sum();
        let place = warps.iter().find_map(|warp| Some((warp.index, *warp.parked.first()?)));
        let Some((index, parked)) = place else {
            self.aborted = true;
            return;
        };
        let position = program.barriers[parked.site as usize].position;
        let warp = &warps[index as usize];
        self.note(FindingKind::Deadlock, warp, parked.lanes, position, None, || {
            format!(
                "{waiting} threads wait at barriers, this one at barrier {}, which nobody else will reach",
                parked.barrier
            )
        });
        self.aborted = true;
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
