//! What is known of each piece of shared memory: who wrote it, who read it, and when.
//!
//! Time is a count of barriers. Two accesses of different threads race when one of them writes and no barrier that both passed
//! lies between them: a barrier of the block, or, for threads of one warp, `bar.warp.sync`. Since the warps of a block run in
//! turns on one host thread, the access seen later only has to compare the time of the earlier one with the time at which its
//! own warp passed its last barrier. This finds a race whenever both accesses happen, whichever comes first.

use super::warp::Warp;
use crate::finding::FindingKind;
use crate::lanes::LANES;
use crate::settings::Checks;

/// The state of all shared memory of a block.
#[derive(Debug)]
pub(crate) struct Shadow {
    cells: Vec<Cell>,
    /// Bytes a cell, as a power of two: the narrowest access that the kernel makes.
    shift: u32,
    races: bool,
    uninitialized: bool,
    born: u32,
}

#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    wrote_at: u32,
    read_at: u32,
    writer: u16,
    reader: u16,
    /// `cp.async` on their way here.
    pending: u16,
    atomic: bool,
    write_position: u32,
    read_position: u32,
}

/// `Cell::reader` when several threads of one warp have read: this, and the warp.
const ONE_WARP: u16 = 0x8000;
/// `Cell::reader` when several warps have read.
const MANY_WARPS: u16 = 0xffff;

/// Who accesses shared memory, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Accessor {
    thread: u16,
    now: u32,
    block_synced_at: u32,
    warp_synced_at: u32,
    position: u32,
}

impl Accessor {
    pub(crate) fn new(warp: &Warp, lane: usize, now: u32, position: u32) -> Accessor {
        Accessor {
            thread: (warp.index as usize * LANES + lane) as u16,
            now,
            block_synced_at: warp.block_synced_at,
            warp_synced_at: warp.warp_synced_at,
            position,
        }
    }

    /// Whether an access of another thread at a time is ordered before this one.
    #[inline(always)]
    fn is_after(&self, time: u32, warp: u16) -> bool {
        let synced = if warp == self.thread / LANES as u16 { self.warp_synced_at } else { self.block_synced_at };
        time < synced
    }

    #[inline(always)]
    fn conflicts_with_write(&self, cell: &Cell) -> bool {
        cell.writer != self.thread && !self.is_after(cell.wrote_at, cell.writer / LANES as u16)
    }

    #[inline(always)]
    fn conflicts_with_reads(&self, cell: &Cell) -> bool {
        match cell.reader {
            reader if reader == self.thread => false,
            MANY_WARPS => cell.read_at >= self.block_synced_at,
            reader if reader & ONE_WARP != 0 => !self.is_after(cell.read_at, reader & !ONE_WARP),
            reader => !self.is_after(cell.read_at, reader / LANES as u16),
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
    pub(crate) other: Option<u16>,
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
    pub(crate) fn new(bytes: u32, granule: u32, checks: Checks) -> Shadow {
        let on = checks.races || checks.uninitialized_shared;
        let shift = granule.trailing_zeros();
        let cells = if on { (bytes as usize).div_ceil(granule as usize) } else { 0 };
        Shadow {
            cells: vec![Cell::default(); cells],
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
    pub(crate) fn access(&mut self, access: Access, address: u64, bytes: u32, by: Accessor) -> Option<Conflict> {
        let (first, last) = (address >> self.shift, (address + u64::from(bytes) - 1) >> self.shift);
        let mut found = None;
        for index in first..=last {
            let conflict = match access {
                Access::Read => self.read(index as usize, by),
                Access::Write => self.write(index as usize, by, false),
                Access::Atomic => self.write(index as usize, by, true),
            };
            found = found.or(conflict);
        }
        found
    }

    #[inline(always)]
    fn read(&mut self, index: usize, by: Accessor) -> Option<Conflict> {
        let born = self.born;
        let cell = &mut self.cells[index];
        let written = cell.wrote_at >= born;
        let conflict = if cell.pending != 0 {
            Some(FindingKind::AsyncCopyNotWaitedFor)
        } else if !written {
            Some(FindingKind::UninitializedShared)
        } else if by.conflicts_with_write(cell) {
            Some(FindingKind::Race)
        } else {
            None
        };
        let before = *cell;
        // Remember enough readers to recognise a later write by somebody else.
        let warp = by.thread / LANES as u16;
        cell.reader = if cell.read_at < born || (cell.read_at < by.block_synced_at) || cell.reader == by.thread {
            by.thread
        } else {
            match cell.reader {
                MANY_WARPS => MANY_WARPS,
                reader if reader & ONE_WARP != 0 && reader & !ONE_WARP == warp => reader,
                reader if reader & ONE_WARP == 0 && reader / LANES as u16 == warp => ONE_WARP | warp,
                _ => MANY_WARPS,
            }
        };
        cell.read_at = by.now;
        cell.read_position = by.position;
        conflict.and_then(|kind| self.conflict(kind, index, &before, true))
    }

    #[inline(always)]
    fn write(&mut self, index: usize, by: Accessor, atomic: bool) -> Option<Conflict> {
        let born = self.born;
        let cell = &mut self.cells[index];
        let both_atomic = atomic && cell.atomic;
        let after_write = cell.wrote_at >= born && !both_atomic && by.conflicts_with_write(cell);
        let after_read = cell.read_at >= born && by.conflicts_with_reads(cell);
        let before = *cell;
        let kind = if cell.pending != 0 {
            Some(FindingKind::AsyncCopyNotWaitedFor)
        } else if atomic && cell.wrote_at < born {
            Some(FindingKind::UninitializedShared)
        } else if after_write || after_read {
            Some(FindingKind::Race)
        } else {
            None
        };
        cell.wrote_at = by.now;
        cell.writer = by.thread;
        cell.atomic = atomic;
        cell.write_position = by.position;
        kind.and_then(|kind| self.conflict(kind, index, &before, after_write))
    }

    #[cold]
    fn conflict(&self, kind: FindingKind, index: usize, cell: &Cell, with_write: bool) -> Option<Conflict> {
        let wanted = match kind {
            FindingKind::UninitializedShared => self.uninitialized,
            _ => self.races,
        };
        let (thread, position) =
            if with_write { (cell.writer, cell.write_position) } else { (cell.reader, cell.read_position) };
        let race = kind == FindingKind::Race;
        wanted.then_some(Conflict {
            kind,
            address: (index as u64) << self.shift,
            other: (race && thread & ONE_WARP == 0).then_some(thread),
            other_position: race.then_some(position),
            other_wrote: with_write,
        })
    }

    /// A `cp.async` to these bytes was issued: until its wait nobody may touch them.
    pub(crate) fn begin_copy(&mut self, address: u64, bytes: u32) {
        self.for_cells(address, bytes, |cell| cell.pending = cell.pending.saturating_add(1));
    }

    /// The copy was waited for: it is a write of the thread that waited, now.
    pub(crate) fn end_copy(&mut self, address: u64, bytes: u32, by: Accessor) {
        self.for_cells(address, bytes, |cell| {
            cell.pending = cell.pending.saturating_sub(1);
            cell.wrote_at = by.now;
            cell.writer = by.thread;
            cell.atomic = false;
            cell.write_position = by.position;
        });
    }

    /// A copy that was never waited for ends with its thread.
    pub(crate) fn drop_copy(&mut self, address: u64, bytes: u32) {
        self.for_cells(address, bytes, |cell| cell.pending = cell.pending.saturating_sub(1));
    }

    fn for_cells(&mut self, address: u64, bytes: u32, f: impl FnMut(&mut Cell)) {
        if self.is_on() {
            let (first, last) = (address >> self.shift, (address + u64::from(bytes) - 1) >> self.shift);
            self.cells[first as usize..=last as usize].iter_mut().for_each(f);
        }
    }
}
