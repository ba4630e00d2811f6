//! Races on global memory: between threads of a block, and between the blocks of a launch.
//!
//! The plain version: for each piece of memory, remember every access and compare each new one with all of them. Kept are two
//! words a piece instead, one of writes and one of reads, each with the lowest block that made one:
//!
//! 1. *Within a block* it is as for shared memory (`shadow`): a thread, a time, and barriers that order or do not. What a block
//!    sees of its own accesses is whole as long as no other block has been at the piece. Where one has, that is told at the end
//!    of the launch, and only races of blocks are reported.
//! 2. *Between blocks* nothing orders accesses while a launch runs, so two blocks, one of which writes, are a race whenever they
//!    come. What is kept is the same whatever the order in which blocks ran: pieces that two blocks fought over are listed, and
//!    looked at when the launch has ended.
//!
//! What a write leaves as it was harms nobody: blocks that all write the same number do not race. Atomics and other strong
//! accesses do not race with each other. A kernel that orders memory by fences (`__threadfence`, acquire and release) may order
//! blocks by flags; nothing is looked for there.

mod kept;
mod note;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub(super) use self::kept::{Act, Step};
use self::kept::{Reads, Writes, is_fight};
use self::note::{Clashes, Other};
use super::block::Block;
use super::past::Accessor;
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
    clashes: Mutex<Clashes>,
}

/// Blocks that can be told apart.
pub(crate) const BLOCKS: u64 = 1 << 24;
/// Locks. Neighbouring pages have different ones.
const PAGES: usize = 64;
/// Words kept of a piece: writes, reads, and what completes them.
const WORDS: u64 = 3;

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
            // The other one first: whoever waits for a page's lock holds no other.
            self.lock = None;
            let lock = self.races.pages[page].lock().unwrap_or_else(PoisonError::into_inner);
            self.lock = Some((page, lock));
        }
    }
}

impl Races {
    pub(crate) fn new(granule: u32) -> Races {
        let pages = (0..PAGES).map(|_| Mutex::new(())).collect();
        Races { shift: granule.trailing_zeros(), pages, fights: Mutex::default(), clashes: Mutex::default() }
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
    pub(super) fn read(&self, memory: &Reachable, offset: u64, bytes: u64, step: &Step<'_>, held: &mut Held<'_>) {
        let Some(words) = self.beside(memory) else { return };
        for piece in self.pieces(offset, bytes) {
            let (writes, reads) = (Writes(words.load(WORDS * piece)), Reads(words.load(WORDS * piece + 1)));
            // What many blocks only read is told by two loads.
            let read_only = writes.exists() == 0 && reads.other_blocks() == 1 && reads.block() < step.block;
            if !read_only || !step.strong && reads.others_weak() == 0 {
                self.read_piece(words, memory, piece, step, held);
            }
        }
    }

    fn read_piece(&self, words: &Words, memory: &Reachable, piece: u64, step: &Step<'_>, held: &mut Held<'_>) {
        let writes = Writes(words.load(WORDS * piece));
        if writes.exists() == 1 && writes.block() == step.block {
            let both_strong = step.strong && writes.is_strong() == 1;
            let time = words.load(WORDS * piece + 2) as u32;
            if !both_strong && !step.is_after(writes.thread(), time) {
                let other = Other { thread: writes.thread(), position: writes.position(), wrote: true };
                self.clash(memory, piece, step, other);
            }
        }
        let reads = Reads(words.load(WORDS * piece + 1));
        if step.read_after(reads) == reads && (writes.is_listed() == 1 || !is_fight(writes, reads)) {
            return;
        }
        held.hold(memory.start() + (piece << self.shift));
        let (writes, reads) = (Writes(words.load(WORDS * piece)), Reads(words.load(WORDS * piece + 1)));
        let new = step.read_after(reads);
        words.store(WORDS * piece + 1, new.0);
        if new.block() == step.block {
            let time = words.load(WORDS * piece + 2) as u32;
            words.store(WORDS * piece + 2, u64::from(step.by.position) << 32 | u64::from(time));
        }
        self.list_fight(words, memory, piece, writes, new);
    }

    /// A write of `bytes` bytes at `offset`, or an atomic operation; `changed` has a bit for each byte that is not as it was.
    /// The caller holds the page.
    pub(super) fn write(&self, memory: &Reachable, offset: u64, bytes: u64, changed: u64, step: &Step<'_>) {
        let Some(words) = self.beside(memory) else { return };
        for piece in self.pieces(offset, bytes) {
            // An access is aligned, and no smaller than a piece.
            let of_piece = changed >> ((piece << self.shift) - offset) & ((1 << (1 << self.shift)) - 1);
            self.write_piece(words, memory, piece, of_piece != 0, step);
        }
    }

    fn write_piece(&self, words: &Words, memory: &Reachable, piece: u64, changes: bool, step: &Step<'_>) {
        let (writes, reads) = (Writes(words.load(WORDS * piece)), Reads(words.load(WORDS * piece + 1)));
        let completes = words.load(WORDS * piece + 2);
        let (read_position, write_time) = ((completes >> 32) as u32, completes as u32);
        let is_after_write = writes.exists() == 0
            || writes.block() != step.block
            || step.strong && writes.is_strong() == 1
            || step.is_after(writes.thread(), write_time);
        let is_after_reads = reads.exists() == 0
            || reads.block() != step.block
            || step.strong && reads.lowest_weak() == 0
            || step.is_after_crowd(reads);
        if changes && !is_after_write {
            let other = Other { thread: writes.thread(), position: writes.position(), wrote: true };
            self.clash(memory, piece, step, other);
        } else if changes && !is_after_reads {
            let other = Other { thread: reads.thread(), position: read_position, wrote: false };
            self.clash(memory, piece, step, other);
        }
        let new = step.write_after(writes, changes);
        if new.block() == step.block {
            words.store(WORDS * piece + 2, u64::from(read_position) << 32 | u64::from(step.time));
        }
        words.store(WORDS * piece, new.0);
        self.list_fight(words, memory, piece, new, reads);
    }

    /// Puts a piece that blocks fight over among those to be looked at, once. The caller holds the page.
    fn list_fight(&self, words: &Words, memory: &Reachable, piece: u64, writes: Writes, reads: Reads) {
        if writes.is_listed() == 0 && is_fight(writes, reads) {
            words.store(WORDS * piece, writes.set_is_listed(1).0);
            self.fights.lock().unwrap_or_else(PoisonError::into_inner).push((memory.index(), piece));
        }
    }

    #[cold]
    fn clash(&self, memory: &Reachable, piece: u64, step: &Step<'_>, other: Other) {
        self.clashes.lock().unwrap_or_else(PoisonError::into_inner).add(memory.index(), piece, step, other);
    }
}

impl<'a> Block<'a> {
    /// What an access of one of the block's threads is to races on global memory.
    #[inline(always)]
    pub(super) fn step<'b>(&self, by: Accessor<'b>, act: Act, strong: bool) -> Step<'b> {
        Step { block: self.number as u32, time: self.clock - self.born, born: self.born, act, strong, by }
    }
}
