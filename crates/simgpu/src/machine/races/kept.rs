//! What is kept of the accesses to a piece of memory: two words, one of writes and one of reads.
//!
//! Whatever is said of several blocks is the same in whatever order they came: which block is the lowest, and what is true of
//! some access of it, of some access of another, of some access at all.

use super::super::past::Accessor;

/// Times that can be told apart, in a block: what happens later is not looked at.
const TIMES: u32 = 1 << 24;

/// `Writes` and `Reads` are bit fields: `.0 >> FIRST & MASK`.
macro_rules! field {
    ($get:ident, $set:ident, $first:literal, $bits:literal) => {
        #[inline(always)]
        pub(super) fn $get(self) -> u32 {
            (self.0 >> $first) as u32 & (u32::MAX >> (32 - $bits))
        }
        #[inline(always)]
        #[allow(dead_code, reason = "not every field is set alone")]
        pub(super) fn $set(self, value: u32) -> Self {
            let mask = u64::from(u32::MAX >> (32 - $bits)) << $first;
            Self(self.0 & !mask | (u64::from(value) << $first) & mask)
        }
    };
}

/// The writes of a piece: whose is the last one of the lowest block, and what all of them were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Writes(pub(super) u64);

impl Writes {
    field!(exists, set_exists, 0, 1);
    field!(block, set_block, 1, 24);
    field!(position, set_position, 25, 20);
    field!(thread, set_thread, 45, 10);
    // The last one of the lowest block was strong.
    field!(is_strong, set_is_strong, 55, 1);
    // Some one of the lowest block, of others, was not.
    field!(lowest_weak, set_lowest_weak, 56, 1);
    field!(others_weak, set_others_weak, 57, 1);
    // Some one was not what the memory held before the launch; not all were the same.
    field!(some_changed, set_some_changed, 58, 1);
    field!(differ, set_differ, 59, 1);
    // Other blocks have written. The piece is among the fights.
    field!(other_blocks, set_other_blocks, 60, 1);
    field!(is_listed, set_is_listed, 61, 1);
}

/// The reads of a piece: whose is the last one of the lowest block, and what all of them were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reads(pub(super) u64);

impl Reads {
    field!(exists, set_exists, 0, 1);
    field!(block, set_block, 1, 24);
    field!(thread, set_thread, 25, 10);
    field!(time, set_time, 35, 24);
    // Of the lowest block: one thread, several of a warp, several warps.
    field!(crowd, set_crowd, 59, 2);
    // Other blocks have read.
    field!(other_blocks, set_other_blocks, 61, 1);
    // Some read of the lowest block, of others, was not strong.
    field!(lowest_weak, set_lowest_weak, 62, 1);
    field!(others_weak, set_others_weak, 63, 1);
}

const ONE_THREAD: u32 = 0;
const ONE_WARP: u32 = 1;
const WARPS: u32 = 2;

/// What an access does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Act {
    Read,
    Write,
    Atomic,
}

/// An access to one piece.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Step<'a> {
    pub(in super::super) block: u32,
    /// Since the block began.
    pub(in super::super) time: u32,
    pub(in super::super) born: u32,
    pub(in super::super) act: Act,
    pub(in super::super) strong: bool,
    pub(in super::super) by: Accessor<'a>,
}

impl Step<'_> {
    #[inline(always)]
    fn weak(&self) -> u32 {
        u32::from(!self.strong)
    }

    /// Whether what a thread of this block did at a time is ordered before this.
    #[inline(always)]
    pub(super) fn is_after(&self, thread: u32, time: u32) -> bool {
        thread == self.by.thread || time.saturating_add(self.born) < self.by.after(thread) || self.time >= TIMES - 1
    }

    /// Whether a crowd's reads are ordered before this. Where that is not certain, they count as ordered.
    pub(super) fn is_after_crowd(&self, reads: Reads) -> bool {
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

    /// The reads once this one is among them; what it is ordered after need not be remembered.
    pub(super) fn read_after(&self, reads: Reads) -> Reads {
        let one = Reads(0)
            .set_exists(1)
            .set_block(self.block)
            .set_thread(self.by.thread)
            .set_time(self.time.min(TIMES - 1))
            .set_lowest_weak(self.weak());
        if reads.exists() == 0 {
            return one;
        }
        if self.block > reads.block() {
            return reads.set_other_blocks(1).set_others_weak(reads.others_weak() | self.weak());
        }
        if self.block < reads.block() {
            return one.set_other_blocks(1).set_others_weak(reads.lowest_weak() | reads.others_weak());
        }
        let weak = reads.lowest_weak() | self.weak();
        let crowd = match reads.crowd() {
            _ if self.covers(reads) => ONE_THREAD,
            WARPS => WARPS,
            _ if reads.thread() / 32 == self.by.thread / 32 => ONE_WARP,
            _ => WARPS,
        };
        // One more of a crowd that has come at the same time changes nothing.
        if crowd != ONE_THREAD && crowd == reads.crowd() && one.time() == reads.time() {
            return reads.set_lowest_weak(weak);
        }
        let others = one.set_other_blocks(reads.other_blocks()).set_others_weak(reads.others_weak());
        others.set_crowd(crowd).set_lowest_weak(weak)
    }

    /// The writes once this one is among them; `changes`: whether it left the memory other than it was.
    pub(super) fn write_after(&self, writes: Writes, changes: bool) -> Writes {
        let changes = u32::from(changes);
        let one = Writes(0)
            .set_exists(1)
            .set_block(self.block)
            .set_position(self.by.position)
            .set_thread(self.by.thread)
            .set_is_strong(u32::from(self.strong))
            .set_lowest_weak(self.weak())
            .set_some_changed(changes);
        if writes.exists() == 0 {
            return one;
        }
        let lowest = if self.block > writes.block() {
            writes.set_other_blocks(1).set_others_weak(writes.others_weak() | self.weak())
        } else if self.block < writes.block() {
            one.set_other_blocks(1).set_others_weak(writes.lowest_weak() | writes.others_weak())
        } else {
            let weak = writes.lowest_weak() | self.weak();
            one.set_other_blocks(writes.other_blocks()).set_others_weak(writes.others_weak()).set_lowest_weak(weak)
        };
        lowest
            .set_some_changed(writes.some_changed() | changes)
            .set_differ(writes.differ() | changes)
            .set_is_listed(writes.is_listed())
    }
}

/// Whether two blocks race for the piece. It stays true once it is.
///
/// Two blocks that write race if they do not all write the same, and one that reads with one that writes if the memory is not
/// all the while as it was before the launch; strong accesses do not race with each other. Where what is kept does not tell
/// whose the weak access was, none is made up.
pub(super) fn is_fight(writes: Writes, reads: Reads) -> bool {
    if writes.exists() == 0 || writes.some_changed() == 0 {
        return false;
    }
    let several_write = writes.other_blocks() == 1;
    if several_write && writes.differ() == 1 && writes.lowest_weak() + writes.others_weak() > 0 {
        return true;
    }
    if reads.exists() == 0 {
        return false;
    }
    let several_read = reads.other_blocks() == 1;
    let same_lowest = writes.block() == reads.block();
    writes.lowest_weak() == 1 && (several_read || !same_lowest)
        || writes.others_weak() == 1 && (several_read || same_lowest)
        || reads.lowest_weak() == 1 && (several_write || !same_lowest)
        || reads.others_weak() == 1 && (several_write || same_lowest)
}

/// Whether no block but this one has been at the piece.
pub(super) fn is_own(block: u32, writes: Writes, reads: Reads) -> bool {
    let own_writes = writes.exists() == 0 || writes.block() == block && writes.other_blocks() == 0;
    let own_reads = reads.exists() == 0 || reads.block() == block && reads.other_blocks() == 0;
    own_writes && own_reads
}
