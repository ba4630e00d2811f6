//! What is known of each piece of shared memory: who wrote it, who read it, and when.
//!
//! Two accesses of different threads race when one of them writes and no barrier orders them; see `order`. The warps of a
//! block run in turns on one host thread, so the access that comes later only has to look at what is kept of the earlier
//! ones. Kept are the last thread, the first and the last time, and the warps: of writes and of reads, as long as none of
//! them is ordered after the others. An access that is ordered after all of them takes their place, for whoever comes after it
//! comes after them. Where that is less than everything, a race can be missed, and none is made up.

use super::order::Order;
use super::warp::Warp;
use crate::finding::FindingKind;
use crate::lanes::LANES;
use crate::settings::Checks;

/// The state of all shared memory of a block.
#[derive(Debug)]
pub(crate) struct Shadow {
    cells: Vec<Cell>,
    /// `cp.async` on their way, for each cell; empty where the kernel has none.
    pending: Vec<u16>,
    /// Bytes a cell, as a power of two: the narrowest access that the kernel makes.
    shift: u32,
    races: bool,
    uninitialized: bool,
    born: u32,
}

#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    write: Past,
    read: Past,
}

/// Accesses of one kind of which none is ordered after the others.
#[derive(Debug, Clone, Copy, Default)]
struct Past {
    first_at: u32,
    last_at: u32,
    /// The warps that they are of.
    warps: u32,
    /// The last one's position (20 bits) and thread (10 bits); whether there were several threads; whether it was atomic.
    last: u32,
}

const POSITIONS: u32 = 1 << 20;
const SEVERAL: u32 = 1 << 30;
const ATOMIC: u32 = 1 << 31;
const _: () = assert!(crate::limits::FUNCTION_INSTRUCTIONS as u32 <= POSITIONS);

impl Past {
    #[inline(always)]
    fn one(by: &Accessor<'_>, atomic: bool) -> Past {
        let last = by.position.min(POSITIONS - 1) | by.thread << 20 | if atomic { ATOMIC } else { 0 };
        Past { first_at: by.now, last_at: by.now, warps: 1 << (by.thread / 32), last }
    }

    #[inline(always)]
    fn thread(&self) -> u32 {
        self.last >> 20 & 0x3ff
    }

    fn position(&self) -> u32 {
        self.last & (POSITIONS - 1)
    }

    #[inline(always)]
    fn is_several(&self) -> bool {
        self.last & SEVERAL != 0
    }

    #[inline(always)]
    fn is_atomic(&self) -> bool {
        self.last & ATOMIC != 0
    }

    /// One more access. What it is ordered after need not be remembered.
    #[inline(always)]
    fn add(&mut self, by: &Accessor<'_>, atomic: bool, born: u32) {
        let one = Past::one(by, atomic);
        // At the same time no barrier lies between; what is earlier is mostly before one of all.
        let joins = self.last_at == by.now || self.last_at >= born && !by.is_after_all(self);
        *self = if joins {
            let several = if self.thread() == by.thread { self.last & SEVERAL } else { SEVERAL };
            Past { first_at: self.first_at, warps: self.warps | one.warps, last: one.last | several, ..one }
        } else {
            one
        };
    }
}

/// Who accesses memory, when, and what is ordered before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Accessor<'a> {
    /// The thread's number in its block.
    pub(super) thread: u32,
    pub(super) now: u32,
    pub(super) position: u32,
    /// What happened before this time is ordered before everything that anybody does now.
    known_by_all: u32,
    warps: &'a Order,
    lanes: &'a Order,
}

impl<'a> Accessor<'a> {
    #[inline(always)]
    pub(crate) fn new(warp: &'a Warp, lane: usize, warps: &'a Order, now: u32, position: u32) -> Accessor<'a> {
        let thread = warp.index * LANES as u32 + lane as u32;
        Accessor { thread, now, position, known_by_all: warps.least(), warps, lanes: &warp.order }
    }

    #[inline(always)]
    fn warp(&self) -> u32 {
        self.thread / 32
    }

    /// The time before which everything that another thread did is ordered before this access.
    #[inline(always)]
    pub(super) fn after(&self, other: u32) -> u32 {
        let (mine, theirs) = (self.warp(), other / 32);
        if mine == theirs {
            // A barrier of the block that both were at is one of the warp too.
            let of_block = self.warps.after(mine as usize, mine as usize);
            self.lanes.after(self.thread as usize % 32, other as usize % 32).max(of_block)
        } else {
            self.warps.after(mine as usize, theirs as usize)
        }
    }

    /// Of any other lane of the warp: the most, and the least that is certain.
    #[inline(always)]
    pub(super) fn after_lanes(&self) -> (u32, u32) {
        let of_block = self.warps.after(self.warp() as usize, self.warp() as usize);
        let (most, least) = (self.lanes.most(self.thread as usize % 32, u32::MAX), self.lanes.least());
        (most.max(of_block), least.max(of_block))
    }

    /// What is known of all other warps, of those that are named: the most, and the least that is certain.
    #[inline(always)]
    pub(super) fn after_warps(&self, warps: u32) -> (u32, u32) {
        (self.warps.most(self.warp() as usize, warps), self.warps.least())
    }

    /// Whether all of these are ordered before this access, or are the same thread's.
    #[inline(always)]
    fn is_after_all(&self, past: &Past) -> bool {
        if past.last_at < self.known_by_all {
            return true;
        }
        if !past.is_several() {
            return past.thread() == self.thread || past.last_at < self.after(past.thread());
        }
        let own = 1 << self.warp();
        (past.warps & own == 0 || past.last_at < self.after_lanes().1)
            && (past.warps & !own == 0 || past.last_at < self.after_warps(past.warps & !own).1)
    }

    /// Whether the last of these is another thread's and not ordered before this access.
    #[inline(always)]
    fn races_with_last(&self, past: &Past) -> bool {
        past.thread() != self.thread && past.last_at >= self.after(past.thread())
    }

    /// Whether one of these is certainly another thread's and not ordered before this access.
    #[inline(always)]
    fn races_with(&self, past: &Past) -> bool {
        past.last_at >= self.known_by_all && self.races_with_any(past)
    }

    fn races_with_any(&self, past: &Past) -> bool {
        self.races_with_last(past) || past.is_several() && self.races_with_earlier(past)
    }

    fn races_with_earlier(&self, past: &Past) -> bool {
        let own = 1 << self.warp();
        match past.warps & !own {
            // Several threads, all of this warp: one of them is another.
            0 => past.first_at >= self.after_lanes().0,
            others => past.first_at >= self.after_warps(others).0,
        }
    }
}

/// What is wrong with an access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Conflict {
    pub(crate) kind: FindingKind,
    /// The first byte of the cell.
    pub(crate) address: u64,
    /// The other thread, in the block, where it is one.
    pub(crate) other: Option<u32>,
    /// Where the other access is, as an index into `Program::positions`.
    pub(crate) other_position: Option<u32>,
    /// What the other access was.
    pub(crate) other_wrote: bool,
}

/// The ways to access memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
    Atomic,
}

impl Shadow {
    /// `copies`: whether the kernel has any `cp.async`.
    pub(crate) fn new(bytes: u32, granule: u32, copies: bool, checks: Checks) -> Shadow {
        let on = checks.races || checks.uninitialized_shared;
        let shift = granule.trailing_zeros();
        let cells = if on { (bytes as usize).div_ceil(granule as usize) } else { 0 };
        Shadow {
            cells: vec![Cell::default(); cells],
            pending: vec![0; if copies { cells } else { 0 }],
            shift,
            races: checks.races,
            uninitialized: checks.uninitialized_shared,
            born: 0,
        }
    }

    pub(crate) fn is_on(&self) -> bool {
        !self.cells.is_empty()
    }

    /// A new block begins: nothing is written. Returns the clock to go on with.
    pub(crate) fn next_block(&mut self, clock: u32) -> u32 {
        if clock > u32::MAX / 2 {
            self.cells.fill(Cell::default());
            self.born = 1;
        } else {
            self.born = clock + 1;
        }
        self.born
    }

    /// Notes an access and says what is wrong with it.
    #[inline(always)]
    pub(crate) fn access(&mut self, access: Access, address: u64, bytes: u32, by: Accessor<'_>) -> Option<Conflict> {
        let (first, last) = (address >> self.shift, (address + u64::from(bytes) - 1) >> self.shift);
        let mut found = None;
        for index in first..=last {
            let conflict = match access {
                Access::Read => self.read(index as usize, &by),
                Access::Write => self.write(index as usize, &by, false),
                Access::Atomic => self.write(index as usize, &by, true),
            };
            found = found.or(conflict);
        }
        found
    }

    #[inline(always)]
    fn is_pending(&self, index: usize) -> bool {
        !self.pending.is_empty() && self.pending[index] != 0
    }

    #[inline(always)]
    fn read(&mut self, index: usize, by: &Accessor<'_>) -> Option<Conflict> {
        let born = self.born;
        let pending = self.is_pending(index);
        let cell = &mut self.cells[index];
        let kind = if pending {
            Some(FindingKind::AsyncCopyNotWaitedFor)
        } else if cell.write.last_at < born {
            Some(FindingKind::UninitializedShared)
        } else if by.races_with(&cell.write) {
            Some(FindingKind::Race)
        } else {
            None
        };
        cell.read.add(by, false, born);
        let write = cell.write;
        kind.and_then(|kind| self.conflict(kind, index, by, &write, true))
    }

    #[inline(always)]
    fn write(&mut self, index: usize, by: &Accessor<'_>, atomic: bool) -> Option<Conflict> {
        let born = self.born;
        let pending = self.is_pending(index);
        let cell = &mut self.cells[index];
        let both_atomic = atomic && cell.write.is_atomic();
        let after_write = cell.write.last_at >= born && !both_atomic && by.races_with(&cell.write);
        let after_read = cell.read.last_at >= born && by.races_with(&cell.read);
        let before = *cell;
        let kind = if pending {
            Some(FindingKind::AsyncCopyNotWaitedFor)
        } else if atomic && cell.write.last_at < born {
            Some(FindingKind::UninitializedShared)
        } else if after_write || after_read {
            Some(FindingKind::Race)
        } else {
            None
        };
        if both_atomic {
            cell.write.add(by, true, born);
        } else {
            cell.write = Past::one(by, atomic);
        }
        let past = if after_write { before.write } else { before.read };
        kind.and_then(|kind| self.conflict(kind, index, by, &past, after_write))
    }

    #[cold]
    fn conflict(
        &self,
        kind: FindingKind,
        index: usize,
        by: &Accessor<'_>,
        past: &Past,
        with_write: bool,
    ) -> Option<Conflict> {
        let wanted = match kind {
            FindingKind::UninitializedShared => self.uninitialized,
            _ => self.races,
        };
        let race = kind == FindingKind::Race;
        wanted.then_some(Conflict {
            kind,
            address: (index as u64) << self.shift,
            other: (race && by.races_with_last(past)).then(|| past.thread()),
            other_position: race.then(|| past.position()),
            other_wrote: with_write,
        })
    }

    /// A `cp.async` to these bytes was issued: until its wait nobody may touch them.
    pub(crate) fn begin_copy(&mut self, address: u64, bytes: u32) {
        let cells = self.cells_of(address, bytes);
        self.pending[cells].iter_mut().for_each(|pending| *pending = pending.saturating_add(1));
    }

    /// The copy was waited for: it is a write of the thread that waited, now.
    pub(crate) fn end_copy(&mut self, address: u64, bytes: u32, by: Accessor<'_>) {
        self.drop_copy(address, bytes);
        let cells = self.cells_of(address, bytes);
        self.cells[cells].iter_mut().for_each(|cell| cell.write = Past::one(&by, false));
    }

    /// A copy that was never waited for ends with its thread.
    pub(crate) fn drop_copy(&mut self, address: u64, bytes: u32) {
        let cells = self.cells_of(address, bytes);
        self.pending[cells].iter_mut().for_each(|pending| *pending = pending.saturating_sub(1));
    }

    fn cells_of(&self, address: u64, bytes: u32) -> std::ops::Range<usize> {
        if !self.is_on() {
            return 0..0;
        }
        (address >> self.shift) as usize..1 + ((address + u64::from(bytes) - 1) >> self.shift) as usize
    }
}
