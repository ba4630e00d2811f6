//! A warp: its registers, the paths of its lanes, and the loop that runs it.

use super::block::Block;
use super::copies::Copies;
use super::order::Order;
use crate::finding::FindingKind;
use crate::lanes::{self, LANES, Registers, Unit, bits_of, lanes_of};
use crate::program::{BasicBlock, NO_SLOT, Program, Slot, Terminator};

/// Basic blocks that a warp runs before another one has its turn, and a path before another one of its warp has: who waits for
/// another one's store, in a loop, does not wait for ever.
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
    /// What its lanes know of each other from barriers of its own (`bar.warp.sync`).
    pub(crate) order: Order,
    pub(crate) copies: Copies,
    /// Paths that are not running, sorted by basic block, the lowest last.
    paths: Vec<Path>,
    /// Whose turn it is: all lanes', which is the rule, or those of a path that would wait for ever otherwise.
    favoured: u32,
    /// Lanes that have had a turn since it was all lanes'.
    had_turn: u32,
    /// Lanes that wait at a barrier.
    pub(super) parked: Vec<Parked>,
}

/// Lanes that are at the same place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Path {
    block: u32,
    lanes: u32,
    /// Lanes that were alive and elsewhere when the path had to wait for them at a barrier.
    missing: u32,
}

impl Path {
    fn new(block: u32, lanes: u32) -> Path {
        Path { block, lanes, missing: 0 }
    }
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
            order: Order::default(),
            copies: Copies::default(),
            paths: Vec::new(),
            favoured: u32::MAX,
            had_turn: 0,
            parked: Vec::new(),
        }
    }

    /// Puts the lanes at the beginning of the kernel.
    pub(super) fn start(&mut self, lanes: u32, clock: u32) {
        self.live = lanes;
        self.order.join_all(clock);
        (self.favoured, self.had_turn) = (u32::MAX, 0);
        self.paths.clear();
        self.parked.clear();
        self.copies.clear();
        self.paths.push(Path::new(0, lanes));
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
    pub(super) fn release(&mut self, barrier: u32) {
        let mut index = 0;
        while index < self.parked.len() {
            let parked = self.parked[index];
            if parked.barrier == barrier {
                self.parked.swap_remove(index);
                self.insert(Path::new(parked.resume, parked.lanes));
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
            Some(same) if same.block == path.block => {
                same.lanes |= path.lanes;
                same.missing = (same.missing | path.missing) & !same.lanes;
            }
            _ => self.paths.insert(at, path),
        }
    }

    /// Runs until the lanes wait, have left, or others should have a turn.
    pub(super) fn run(&mut self, block: &mut Block<'_>) -> Stop {
        let program = block.context.program;
        let Some(mut path) = self.next_path(program) else { return self.stopped() };
        let mut turns = 0;
        loop {
            let basic = &program.blocks[path.block as usize];
            block.visits[path.block as usize].add(path.lanes);
            block.instructions += u64::from(basic.instructions);
            self.set_mask(path.lanes);
            self.run_operations(block, program, basic, path.lanes);
            if block.instructions > block.context.instructions_max {
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
                self.end_turn(program, path.lanes);
                return if self.paths.is_empty() { self.stopped() } else { Stop::Yield };
            }
            match self.next_path(program) {
                Some(next) => path = next,
                None => return self.stopped(),
            }
        }
    }

    /// The lowest path that can go on alone. Those at something that synchronises wait for the others, as long as there are
    /// any that can come; when each waits for another one, the lowest goes on, and what is missing is noted.
    fn next_path(&mut self, program: &Program) -> Option<Path> {
        while !self.paths.is_empty() {
            for at in (0..self.paths.len()).rev() {
                let path = self.paths[at];
                if path.lanes & self.favoured == 0 {
                    continue;
                }
                let missing = self.missing(program, path);
                if missing == 0 {
                    return Some(self.paths.remove(at));
                }
                self.paths[at].missing |= missing;
            }
            if self.favoured == u32::MAX {
                return self.paths.pop();
            }
            self.end_turn(program, 0);
        }
        None
    }

    /// Lanes that are alive and elsewhere, and without which what is at the beginning of a path's basic block would be noted.
    #[inline(always)]
    fn missing(&self, program: &Program, path: Path) -> u32 {
        let waits = &program.blocks[path.block as usize].waits_for;
        let of_register = match waits.register {
            NO_SLOT => 0,
            slot => self.registers.get(slot)[path.lanes.trailing_zeros() as usize % LANES],
        };
        (waits.lanes | of_register) & self.live & !path.lanes
    }

    /// These lanes have run for a whole quantum without an end. Each other path that can go on alone has one too, one after
    /// the other; then it is all lanes' turn again.
    fn end_turn(&mut self, program: &Program, ran: u32) {
        self.had_turn |= if self.favoured == u32::MAX { ran } else { self.favoured };
        let waits_for_turn = |path: &&Path| path.lanes & !self.had_turn != 0 && self.missing(program, **path) == 0;
        match self.paths.iter().rev().find(waits_for_turn) {
            Some(path) => self.favoured = path.lanes,
            None => (self.favoured, self.had_turn) = (u32::MAX, 0),
        }
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
        let after = Path::new(path.block + 1, path.lanes);
        match &basic.terminator {
            Terminator::Fall => after,
            Terminator::Jump { target } => Path::new(*target, path.lanes),
            Terminator::Branch { predicate, negated, target } => {
                let taken = path.lanes & self.predicate(*predicate, *negated);
                block.counters.branches += 1;
                if taken == path.lanes {
                    return Path::new(*target, taken);
                }
                if taken != 0 {
                    block.counters.divergent_branches += 1;
                    self.insert(Path::new(*target, taken));
                }
                Path::new(after.block, path.lanes & !taken)
            }
            Terminator::Switch { index, targets } => {
                let indices = *self.registers.get(*index);
                for (case, &target) in targets.iter().enumerate() {
                    let same = (0..LANES).filter(|&lane| indices[lane] as usize == case);
                    let lanes = path.lanes & same.fold(0, |lanes, lane| lanes | 1 << lane);
                    self.insert(Path::new(target, lanes));
                }
                let lost = (0..LANES).filter(|&lane| indices[lane] as usize >= targets.len());
                let lost = path.lanes & lost.fold(0, |lanes, lane| lanes | 1 << lane);
                if lost != 0 {
                    self.leave_nowhere(block, basic, lost, indices[lost.trailing_zeros() as usize], targets.len());
                }
                Path::new(after.block, 0)
            }
            Terminator::Exit { guard } => {
                let leaving = self.guarded(path.lanes, *guard);
                self.live &= !leaving;
                Path::new(after.block, path.lanes & !leaving)
            }
            Terminator::Trap { guard } => {
                let trapped = self.guarded(path.lanes, *guard);
                if trapped != 0 {
                    block.stop(FindingKind::Trap, self, trapped, basic.last_position);
                }
                Path::new(after.block, path.lanes & !trapped)
            }
            Terminator::Barrier { guard, site } => {
                let arriving = self.guarded(path.lanes, *guard);
                if arriving != 0 {
                    block.arrive(self, arriving, path.missing, *site, after.block);
                }
                Path::new(after.block, path.lanes & !arriving | block.passing(arriving, *site))
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
