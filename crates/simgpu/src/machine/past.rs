//! What is kept of the accesses to a piece of memory, and how a new one is compared with it.
//!
//! The plain version: remember every access. Kept are the last thread, the first and the last time, and the warps, of those
//! accesses of which none is ordered after the others. One that is ordered after all of them takes their place, for whoever
//! comes after it comes after them. Where that is less than everything, a race can be missed, and none is made up.

use super::order::Order;
use super::warp::Warp;
use crate::lanes::LANES;

/// Accesses of one kind of which none is ordered after the others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Past {
    first_at: u32,
    pub(super) last_at: u32,
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
    pub(super) fn one(by: &Accessor<'_>, atomic: bool) -> Past {
        let last = by.position.min(POSITIONS - 1) | by.thread << 20 | if atomic { ATOMIC } else { 0 };
        Past { first_at: by.now, last_at: by.now, warps: 1 << (by.thread / 32), last }
    }

    #[inline(always)]
    pub(super) fn thread(&self) -> u32 {
        self.last >> 20 & 0x3ff
    }

    pub(super) fn position(&self) -> u32 {
        self.last & (POSITIONS - 1)
    }

    #[inline(always)]
    fn is_several(&self) -> bool {
        self.last & SEVERAL != 0
    }

    #[inline(always)]
    pub(super) fn is_atomic(&self) -> bool {
        self.last & ATOMIC != 0
    }

    /// The same access by lanes of a warp, of which `by` is the last. Says whether it was added: it is where all that is
    /// kept is ordered before, or at the same time.
    #[inline(always)]
    pub(super) fn add_together(&mut self, by: &Accessor<'_>, several: bool) -> bool {
        let mut one = Past::one(by, false);
        one.last |= if several { SEVERAL } else { 0 };
        if self.last_at == by.now {
            one.first_at = self.first_at;
            one.warps |= self.warps;
            one.last |= if self.thread() == by.thread { self.last & SEVERAL } else { SEVERAL };
        } else if !by.is_known_by_all(self) {
            return false;
        }
        *self = one;
        true
    }

    /// One more access. What it is ordered after need not be remembered.
    #[inline(always)]
    pub(super) fn add(&mut self, by: &Accessor<'_>, atomic: bool, born: u32) {
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

    /// Whether all of these are ordered before whatever anybody does now.
    #[inline(always)]
    pub(super) fn is_known_by_all(&self, past: &Past) -> bool {
        past.last_at < self.known_by_all
    }

    /// Whether all of these are ordered before this access, or are the same thread's.
    #[inline(always)]
    fn is_after_all(&self, past: &Past) -> bool {
        if self.is_known_by_all(past) {
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
    pub(super) fn races_with_last(&self, past: &Past) -> bool {
        past.thread() != self.thread && past.last_at >= self.after(past.thread())
    }

    /// Whether one of these is certainly another thread's and not ordered before this access.
    #[inline(always)]
    pub(super) fn races_with(&self, past: &Past) -> bool {
        !self.is_known_by_all(past) && self.races_with_any(past)
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
