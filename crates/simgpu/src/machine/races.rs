//! Races on global memory: between threads of a block, and between the blocks of a launch.
//!
//! The plain version: for each piece of memory, remember every access and compare each new one with all of them. Kept are two
//! words a piece instead, one of writes and one of reads, each with the lowest block that made one:
//!
//! 1. *Within a block* it is as for shared memory (`shadow`): a thread, a time, and barriers that order or do not. A block's own
//!    accesses are known as long as no lower block has been there, and where one has, the two are a race of blocks anyway.
//! 2. *Between blocks* nothing orders accesses while a launch runs, so two blocks, one of which writes, are a race whenever they
//!    come. What is kept is the same whatever the order in which blocks ran: pieces that two blocks fought over are listed, and
//!    looked at when the launch has ended.
//!
//! What a write leaves as it was harms nobody: blocks that all write the same number do not race. Atomics and other strong
//! accesses do not race with each other. A kernel that orders memory by fences (`__threadfence`, acquire and release) may order
//! blocks by flags; nothing is looked for there.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::block::{Block, Context};
use super::notes::{Notes, Occurrence};
use super::past::Accessor;
use crate::finding::FindingKind;
use crate::memory::{Reachable, Words};

/// What a launch keeps beside its memory.
#[derive(Debug)]
pub(crate) struct Races {
    /// Bytes a piece, as a power of two.
    shift: u32,
    /// Whoever changes what is kept of an address holds the lock of its page.
    pages: Vec<Mutex<()>>,
    /// Pieces that blocks fought over: the allocation's index and the piece's.
    fights: Mutex<Vec<(usize, u64)>>,
}

/// Blocks that can be told apart.
pub(crate) const BLOCKS: u64 = 1 << 24;
/// Times that can be told apart, in a block: what happens later is not looked at.
const TIMES: u32 = 1 << 24;
/// Locks. Neighbouring pages have different ones.
const PAGES: usize = 64;
/// Words kept of a piece: writes, reads, and what completes them.
const WORDS: u64 = 3;

/// `Writes` and `Reads` are bit fields: `.0 >> FIRST & MASK`.
macro_rules! field {
    ($get:ident, $set:ident, $first:literal, $bits:literal) => {
        #[inline(always)]
        fn $get(self) -> u32 {
            (self.0 >> $first) as u32 & (u32::MAX >> (32 - $bits))
        }
        #[inline(always)]
        #[allow(dead_code)]
        fn $set(self, value: u32) -> Self {
            let mask = u64::from(u32::MAX >> (32 - $bits)) << $first;
            Self(self.0 & !mask | (u64::from(value) << $first) & mask)
        }
    };
}

/// The writes of a piece: whose is the last one of the lowest block, and what all of them were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Writes(u64);

impl Writes {
    field!(exists, set_exists, 0, 1);
    field!(block, set_block, 1, 24);
    field!(position, set_position, 25, 20);
    field!(thread, set_thread, 45, 10);
    // The last one was strong; some one was not; some one changed the memory; it is among the fights; other blocks have written.
    field!(is_strong, set_is_strong, 55, 1);
    field!(some_weak, set_some_weak, 56, 1);
    field!(some_changed, set_some_changed, 57, 1);
    field!(is_listed, set_is_listed, 58, 1);
    field!(other_blocks, set_other_blocks, 59, 1);
}

impl Writes {
    /// Whether a block other than this one has written.
    #[inline(always)]
    fn is_of_others(self, block: u32) -> bool {
        self.exists() == 1 && (self.block() != block || self.other_blocks() == 1)
    }
}

/// The reads of a piece: whose is the last one of the lowest block, and what all of them were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Reads(u64);

impl Reads {
    field!(exists, set_exists, 0, 1);
    field!(block, set_block, 1, 24);
    field!(thread, set_thread, 25, 10);
    field!(time, set_time, 35, 24);
    // Of the lowest block: one thread, several of a warp, several warps. Other blocks have read. Some read was not strong.
    field!(crowd, set_crowd, 59, 2);
    field!(other_blocks, set_other_blocks, 61, 1);
    field!(some_weak, set_some_weak, 62, 1);
}

const ONE_THREAD: u32 = 0;
const ONE_WARP: u32 = 1;
const WARPS: u32 = 2;

/// An access to one piece.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step<'a> {
    pub(super) block: u32,
    /// Since the block began.
    pub(super) time: u32,
    pub(super) born: u32,
    pub(super) strong: bool,
    pub(super) by: Accessor<'a>,
}

/// Another access of the same block that the new one races with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clash {
    pub(super) thread: u32,
    pub(super) position: u32,
    pub(super) wrote: bool,
}

impl Step<'_> {
    /// Whether what a thread of this block did at a time is ordered before this.
    #[inline(always)]
    fn is_after(&self, thread: u32, time: u32) -> bool {
        thread == self.by.thread || time.saturating_add(self.born) < self.by.after(thread) || self.time >= TIMES - 1
    }

    /// Whether a crowd's reads are ordered before this. Where that is not certain, they count as ordered.
    fn is_after_crowd(&self, reads: Reads) -> bool {
        let time = reads.time().saturating_add(self.born);
        if reads.crowd() == ONE_THREAD || self.time >= TIMES - 1 {
            return self.is_after(reads.thread(), reads.time());
        }
        match reads.crowd() {
            ONE_WARP if reads.thread() / 32 == self.by.thread / 32 => time < self.by.after_lanes().0,
            ONE_WARP => time < self.by.after(reads.thread()),
            _ => time < self.by.after_warps(u32::MAX).0,
        }
    }

    /// The reads once this one is among them; what it is ordered after need not be remembered.
    fn add_to(&self, reads: Reads) -> Reads {
        let one = Reads(0)
            .set_exists(1)
            .set_block(self.block)
            .set_thread(self.by.thread)
            .set_time(self.time.min(TIMES - 1))
            .set_some_weak(u32::from(!self.strong));
        if reads.exists() == 0 {
            return one;
        }
        let weak = reads.some_weak() | u32::from(!self.strong);
        if self.block != reads.block() {
            let lowest = if self.block < reads.block() { one } else { reads };
            return lowest.set_other_blocks(1).set_some_weak(weak);
        }
        let crowd = match reads.crowd() {
            _ if self.covers(reads) => ONE_THREAD,
            WARPS => WARPS,
            _ if reads.thread() / 32 == self.by.thread / 32 => ONE_WARP,
            _ => WARPS,
        };
        // One more of a crowd that has come at the same time changes nothing.
        if crowd != ONE_THREAD && crowd == reads.crowd() && one.time() == reads.time() {
            return reads.set_some_weak(weak);
        }
        one.set_crowd(crowd).set_other_blocks(reads.other_blocks()).set_some_weak(weak)
    }

    /// Whether all these reads of the block are certainly ordered before this one, or are the same thread's.
    fn covers(&self, reads: Reads) -> bool {
        let time = reads.time().saturating_add(self.born);
        match reads.crowd() {
            ONE_THREAD => self.is_after(reads.thread(), reads.time()),
            ONE_WARP if reads.thread() / 32 == self.by.thread / 32 => time < self.by.after_lanes().1,
            ONE_WARP => time < self.by.after(reads.thread()),
            _ => time < self.by.after_warps(u32::MAX).1 && time < self.by.after_lanes().1,
        }
    }
}

/// The lock of the page that was last changed: an instruction's lanes are mostly on one.
#[derive(Debug)]
pub(super) struct Held<'a> {
    races: &'a Races,
    lock: Option<(usize, MutexGuard<'a, ()>)>,
}

impl Held<'_> {
    /// Takes the lock of an address's page.
    pub(super) fn hold(&mut self, address: u64) {
        let page = (address >> 12) as usize % PAGES;
        if self.lock.as_ref().is_none_or(|(held, _)| *held != page) {
            // The other one first: whoever waits for one lock holds no other.
            self.lock = None;
            let lock = self.races.pages[page].lock().unwrap_or_else(PoisonError::into_inner);
            self.lock = Some((page, lock));
        }
    }
}

impl Races {
    pub(crate) fn new(granule: u32) -> Races {
        let pages = (0..PAGES).map(|_| Mutex::new(())).collect();
        Races { shift: granule.trailing_zeros(), pages, fights: Mutex::default() }
    }

    /// What is kept beside an allocation; `None` where the host has no memory for it.
    #[inline(always)]
    fn beside<'a>(&self, memory: &'a Reachable) -> Option<&'a Words> {
        memory.beside(|bytes| ((bytes >> self.shift) + 1) * WORDS)
    }

    /// No lock yet.
    pub(super) fn held(&self) -> Held<'_> {
        Held { races: self, lock: None }
    }

    #[inline(always)]
    fn pieces(&self, offset: u64, bytes: u64) -> std::ops::RangeInclusive<u64> {
        offset >> self.shift..=(offset + bytes - 1) >> self.shift
    }

    /// A read of `bytes` bytes at `offset`.
    #[inline(always)]
    pub(super) fn read(
        &self,
        memory: &Reachable,
        offset: u64,
        bytes: u64,
        step: &Step<'_>,
        held: &mut Held<'_>,
    ) -> Option<Clash> {
        let words = self.beside(memory)?;
        let mut clash = None;
        for piece in self.pieces(offset, bytes) {
            let (writes, reads) = (Writes(words.load(WORDS * piece)), Reads(words.load(WORDS * piece + 1)));
            // What many blocks only read is told by two loads.
            let read_only = writes.exists() == 0 && reads.other_blocks() == 1 && reads.block() < step.block;
            if !read_only || !step.strong && reads.some_weak() == 0 {
                clash = clash.or(self.read_piece(words, memory, piece, step, held));
            }
        }
        clash
    }

    fn read_piece(
        &self,
        words: &Words,
        memory: &Reachable,
        piece: u64,
        step: &Step<'_>,
        held: &mut Held<'_>,
    ) -> Option<Clash> {
        let writes = Writes(words.load(WORDS * piece));
        let mut clash = None;
        if writes.exists() == 1 && writes.block() == step.block {
            let both_strong = step.strong && writes.is_strong() == 1;
            let time = words.load(WORDS * piece + 2) as u32;
            if !both_strong && !step.is_after(writes.thread(), time) {
                clash = Some(Clash { thread: writes.thread(), position: writes.position(), wrote: true });
            }
        }
        let reads = Reads(words.load(WORDS * piece + 1));
        let is_fight = |writes: Writes| {
            let weak = writes.some_weak() == 1 || !step.strong;
            writes.exists() == 1 && writes.is_of_others(step.block) && writes.some_changed() == 1 && weak
        };
        if step.add_to(reads) == reads && !is_fight(writes) {
            return clash;
        }
        held.hold(memory.start() + (piece << self.shift));
        let (writes, reads) = (Writes(words.load(WORDS * piece)), Reads(words.load(WORDS * piece + 1)));
        let new = step.add_to(reads);
        words.store(WORDS * piece + 1, new.0);
        if new.block() == step.block {
            let time = words.load(WORDS * piece + 2) as u32;
            words.store(WORDS * piece + 2, u64::from(step.by.position) << 32 | u64::from(time));
        }
        if is_fight(writes) {
            self.list(words, memory, piece, writes);
        }
        clash
    }

    /// A write of `bytes` bytes at `offset`, or an atomic operation. The caller holds the page.
    pub(super) fn write(
        &self,
        memory: &Reachable,
        offset: u64,
        bytes: u64,
        changes: bool,
        step: &Step<'_>,
    ) -> Option<Clash> {
        let words = self.beside(memory)?;
        let mut clash = None;
        for piece in self.pieces(offset, bytes) {
            clash = clash.or(self.write_piece(words, memory, piece, changes, step));
        }
        clash
    }

    fn write_piece(
        &self,
        words: &Words,
        memory: &Reachable,
        piece: u64,
        changes: bool,
        step: &Step<'_>,
    ) -> Option<Clash> {
        let (writes, reads) = (Writes(words.load(WORDS * piece)), Reads(words.load(WORDS * piece + 1)));
        let completes = words.load(WORDS * piece + 2);
        let (read_position, write_time) = ((completes >> 32) as u32, completes as u32);
        let mut clash = None;
        let mut fight = false;
        if writes.exists() == 1 {
            fight |= changes && writes.is_of_others(step.block) && (writes.some_weak() == 1 || !step.strong);
            if changes
                && writes.block() == step.block
                && !(step.strong && writes.is_strong() == 1)
                && !step.is_after(writes.thread(), write_time)
            {
                clash = Some(Clash { thread: writes.thread(), position: writes.position(), wrote: true });
            }
        }
        if reads.exists() == 1 && (reads.some_weak() == 1 || !step.strong) {
            fight |= changes && (reads.block() != step.block || reads.other_blocks() == 1);
            if changes && clash.is_none() && reads.block() == step.block && !step.is_after_crowd(reads) {
                clash = Some(Clash { thread: reads.thread(), position: read_position, wrote: false });
            }
        }
        let is_lowest = writes.exists() == 0 || step.block <= writes.block();
        let mut new = writes
            .set_exists(1)
            .set_some_weak(writes.some_weak() | u32::from(!step.strong))
            .set_some_changed(writes.some_changed() | u32::from(changes))
            .set_other_blocks(u32::from(writes.is_of_others(step.block)));
        if is_lowest {
            new = new.set_block(step.block).set_position(step.by.position).set_thread(step.by.thread);
            new = new.set_is_strong(u32::from(step.strong));
            words.store(WORDS * piece + 2, u64::from(read_position) << 32 | u64::from(step.time));
        }
        words.store(WORDS * piece, new.0);
        if fight {
            self.list(words, memory, piece, new);
        }
        clash
    }

    /// Puts a piece among those to be looked at, once. The caller holds the page.
    fn list(&self, words: &Words, memory: &Reachable, piece: u64, writes: Writes) {
        if writes.is_listed() == 0 {
            words.store(WORDS * piece, writes.set_is_listed(1).0);
            self.fights.lock().unwrap_or_else(PoisonError::into_inner).push((memory.index(), piece));
        }
    }

    /// The races between blocks, once all have run.
    pub(crate) fn note(&self, context: &Context<'_>, notes: &mut Notes) {
        let fights = std::mem::take(&mut *self.fights.lock().unwrap_or_else(PoisonError::into_inner));
        let mut found: Vec<(Writes, u64, Reads)> = (fights.into_iter())
            .filter_map(|(index, piece)| {
                let memory = context.memory.reachable(index)?;
                let words = self.beside(memory)?;
                let load = |word| words.load(WORDS * piece + word);
                Some((Writes(load(0)), memory.start() + (piece << self.shift), Reads(load(1))))
            })
            .collect();
        found.sort_unstable_by_key(|(writes, address, _)| (writes.block(), *address));
        for (writes, address, reads) in found {
            let other = match reads.exists() == 1 && reads.block() != writes.block() {
                true => format!("a read of block {:?}", context.block_at(u64::from(reads.block()))),
                false if reads.other_blocks() == 1 => "reads of other blocks".to_owned(),
                false => "what another block writes there".to_owned(),
            };
            let number = u64::from(writes.block());
            let thread = context.thread_at(writes.thread());
            let first = Occurrence { number, block: context.block_at(number), thread, address: Some(address) };
            notes.add(FindingKind::Race, writes.position(), first, || {
                format!("this write and {other} are in one launch, in which nothing orders blocks")
            });
        }
    }
}

impl<'a> Block<'a> {
    /// What an access of one of the block's threads is to races on global memory.
    #[inline(always)]
    pub(super) fn step<'b>(&self, by: Accessor<'b>, strong: bool) -> Step<'b> {
        Step { block: self.number as u32, time: self.clock - self.born, born: self.born, strong, by }
    }
}
