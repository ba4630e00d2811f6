//! A warp: its registers, the paths of its lanes, and the loop that runs it.

use super::block::Block;
use super::copies::Copies;
use crate::finding::FindingKind;
use crate::lanes::{self, LANES, Registers, Unit, bits_of, lanes_of};
use crate::program::{BasicBlock, NO_SLOT, Program, Slot, Terminator};

/// Basic blocks that a warp runs before another one has its turn, so that a warp that waits for another one's store, in a
/// loop, does not wait for ever.
const QUANTUM: u32 = 1 << 14;

/// A warp of 32 lanes.
#[derive(Debug)]
pub(crate) struct Warp {
    pub(crate) registers: Registers,
    /// Lanes that the current operation is for: those on the current path whose guard is true.
    pub(crate) mask: u32,
    /// The same, all ones in each such lane; not kept up while the mask is full.
    pub(crate) mask_lanes: Unit,
    /// The warp's number in its block.
    pub(crate) index: u32,
    /// Lanes that have not left.
    pub(crate) live: u32,
    /// The clock when it last passed a barrier of the block.
    pub(crate) block_synced_at: u32,
    /// The clock when it last passed a barrier of the block or of its own (`bar.warp.sync`).
    pub(crate) warp_synced_at: u32,
    pub(crate) copies: Copies,
    /// Paths that are not running, sorted by basic block, the lowest last.
    paths: Vec<Path>,
    /// The next path to run is the one furthest on.
    furthest_first: bool,
    /// Lanes that wait at a barrier.
    pub(super) parked: Vec<Parked>,
}

/// Lanes that are at the same place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Path {
    block: u32,
    lanes: u32,
}

/// Lanes that wait at a barrier.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parked {
    pub(super) barrier: u32,
    /// Threads that the barrier waits for, where the instruction says.
    pub(super) expected: Option<u32>,
    /// Where they go on.
    pub(super) resume: u32,
    pub(super) lanes: u32,
    /// Index into `Program::barriers`.
    pub(super) site: u32,
}

/// Why a warp stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// All lanes have left.
    Done,
    /// All lanes that are left wait at a barrier.
    Waiting,
    /// Others should have a turn.
    Yield,
}

impl Warp {
    pub(crate) fn new(index: u32, slots: usize) -> Warp {
        Warp {
            registers: Registers::new(slots),
            mask: 0,
            mask_lanes: Unit([0; LANES]),
            index,
            live: 0,
            block_synced_at: 0,
            warp_synced_at: 0,
            copies: Copies::default(),
            paths: Vec::new(),
            furthest_first: false,
            parked: Vec::new(),
        }
    }

    /// Puts the lanes at the beginning of the kernel.
    pub(super) fn start(&mut self, lanes: u32, clock: u32) {
        self.live = lanes;
        self.block_synced_at = clock;
        self.warp_synced_at = clock;
        self.paths.clear();
        self.parked.clear();
        self.copies.clear();
        self.paths.push(Path { block: 0, lanes });
    }

    /// The lanes that an operation is for.
    #[inline(always)]
    pub(crate) fn set_mask(&mut self, mask: u32) {
        if mask != self.mask {
            self.mask = mask;
            self.mask_lanes = Unit(lanes_of(mask));
        }
    }

    /// Whether a predicate is true, for each lane.
    #[inline(always)]
    pub(crate) fn predicate(&self, slot: Slot, negated: bool) -> u32 {
        let bits = bits_of(self.registers.get(slot));
        if negated { !bits } else { bits }
    }

    /// Lets the parked lanes of a barrier go on.
    pub(super) fn release(&mut self, barrier: u32, clock: u32) {
        let mut index = 0;
        while index < self.parked.len() {
            let parked = self.parked[index];
            if parked.barrier == barrier {
                self.parked.swap_remove(index);
                self.insert(Path { block: parked.resume, lanes: parked.lanes });
                self.block_synced_at = clock;
                self.warp_synced_at = clock;
            } else {
                index += 1;
            }
        }
    }

    pub(super) fn is_runnable(&self) -> bool {
        !self.paths.is_empty()
    }

    /// Lanes that wait at a barrier.
    pub(super) fn parked_at(&self, barrier: u32) -> u32 {
        self.parked.iter().filter(|parked| parked.barrier == barrier).fold(0, |lanes, parked| lanes | parked.lanes)
    }

    fn insert(&mut self, path: Path) {
        if path.lanes == 0 {
            return;
        }
        let at = self.paths.partition_point(|other| other.block > path.block);
        match self.paths.get_mut(at) {
            Some(same) if same.block == path.block => same.lanes |= path.lanes,
            _ => self.paths.insert(at, path),
        }
    }

    /// Runs until the lanes wait, have left, or others should have a turn.
    pub(super) fn run(&mut self, block: &mut Block<'_>) -> Stop {
        let program = block.context.program;
        let Some(mut path) = self.next_path() else { return self.stopped() };
        let mut turns = 0;
        loop {
            let basic = &program.blocks[path.block as usize];
            block.visits[path.block as usize].add(path.lanes);
            block.instructions += u64::from(basic.instructions);
            self.set_mask(path.lanes);
            self.run_operations(block, program, basic, path.lanes);
            if block.instructions > block.context.max_instructions {
                block.stop(FindingKind::TooManyInstructions, self, path.lanes, basic.position);
            }
            if block.aborted {
                return Stop::Done;
            }
            let next = self.leave(block, basic, path);
            turns += 1;
            if self.paths.is_empty() && next.lanes != 0 && turns < QUANTUM {
                path = next;
                continue;
            }
            self.insert(next);
            if turns >= QUANTUM {
                // The path that has waited longest is the one furthest on: without it the others may never end.
                self.furthest_first = true;
                return if self.paths.is_empty() { self.stopped() } else { Stop::Yield };
            }
            match self.paths.pop() {
                Some(lowest) => path = lowest,
                None => return self.stopped(),
            }
        }
    }

    fn next_path(&mut self) -> Option<Path> {
        let furthest = std::mem::take(&mut self.furthest_first) && !self.paths.is_empty();
        if furthest { Some(self.paths.remove(0)) } else { self.paths.pop() }
    }

    fn stopped(&self) -> Stop {
        if self.live == 0 { Stop::Done } else { Stop::Waiting }
    }

    #[inline(always)]
    fn run_operations(&mut self, block: &mut Block<'_>, program: &Program, basic: &BasicBlock, active: u32) {
        let ops = &program.ops[basic.first as usize..basic.end as usize];
        let mut at = 0;
        while at < ops.len() {
            let op = &ops[at];
            if op.guard == NO_SLOT {
                lanes::run(self, block, &ops[at..]);
                at += usize::from(op.span);
                continue;
            }
            let mask = active & self.predicate(op.guard, op.guard_negated);
            if mask != 0 {
                block.guarded[basic.first as usize + at] += u64::from(mask.count_ones());
                self.set_mask(mask);
                lanes::run(self, block, &ops[at..]);
                self.set_mask(active);
            }
            at += 1;
        }
    }

    /// Follows the end of a basic block. Returns the path that goes on; the other one, if any, is put among the paths.
    #[inline(always)]
    fn leave(&mut self, block: &mut Block<'_>, basic: &BasicBlock, path: Path) -> Path {
        let after = Path { block: path.block + 1, lanes: path.lanes };
        match &basic.terminator {
            Terminator::Fall => after,
            Terminator::Jump { target } => Path { block: *target, lanes: path.lanes },
            Terminator::Branch { predicate, negated, target } => {
                let taken = path.lanes & self.predicate(*predicate, *negated);
                block.counters.branches += 1;
                if taken == path.lanes {
                    return Path { block: *target, lanes: taken };
                }
                if taken != 0 {
                    block.counters.divergent_branches += 1;
                    self.insert(Path { block: *target, lanes: taken });
                }
                Path { block: after.block, lanes: path.lanes & !taken }
            }
            Terminator::Switch { index, targets } => {
                let indices = *self.registers.get(*index);
                for (case, &target) in targets.iter().enumerate() {
                    let same = (0..LANES).filter(|&lane| indices[lane] as usize == case);
                    let lanes = path.lanes & same.fold(0, |lanes, lane| lanes | 1 << lane);
                    self.insert(Path { block: target, lanes });
                }
                let lost = (0..LANES).filter(|&lane| indices[lane] as usize >= targets.len());
                let lost = path.lanes & lost.fold(0, |lanes, lane| lanes | 1 << lane);
                if lost != 0 {
                    self.leave_nowhere(block, basic, lost, indices[lost.trailing_zeros() as usize], targets.len());
                }
                Path { block: after.block, lanes: 0 }
            }
            Terminator::Exit { guard } => {
                let leaving = self.guarded(path.lanes, *guard);
                self.live &= !leaving;
                Path { block: after.block, lanes: path.lanes & !leaving }
            }
            Terminator::Trap { guard } => {
                let trapped = self.guarded(path.lanes, *guard);
                if trapped != 0 {
                    block.stop(FindingKind::Trap, self, trapped, basic.last_position);
                }
                Path { block: after.block, lanes: path.lanes & !trapped }
            }
            Terminator::Barrier { guard, site } => {
                let arriving = self.guarded(path.lanes, *guard);
                if arriving != 0 {
                    block.arrive(self, arriving, *site, after.block);
                }
                Path { block: after.block, lanes: path.lanes & !arriving | block.passing(arriving, *site) }
            }
        }
    }

    /// Lanes whose `brx.idx` has no such target: what a GPU does is not defined; here they end.
    #[cold]
    fn leave_nowhere(&mut self, block: &mut Block<'_>, basic: &BasicBlock, lanes: u32, index: u32, targets: usize) {
        self.live &= !lanes;
        block.note(FindingKind::OutOfBounds, self, lanes, basic.last_position, None, || {
            format!("brx.idx has {targets} targets and the index {index}")
        });
    }

    fn guarded(&self, lanes: u32, guard: Option<(Slot, bool)>) -> u32 {
        guard.map_or(lanes, |(slot, negated)| lanes & self.predicate(slot, negated))
    }
}
