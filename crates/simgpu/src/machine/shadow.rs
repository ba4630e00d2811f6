//! What is known of each piece of shared memory: who wrote it, who read it, and when.
//!
//! Two accesses of different threads race when one of them writes and no barrier orders them; see `order`. The warps of a
//! block run in turns on one host thread, so the access that comes later only has to look at what is kept of the earlier
//! ones: a `past` of writes and one of reads.
//!
//! Most reads are of what was written before a barrier of all. Lanes of a warp that read the same bytes then are told from one
//! look at their cells (`read_together`), however many they are; the loop over lanes and cells is for the rest.

use super::past::{Accessor, Past};
use crate::finding::FindingKind;
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

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Cell {
    write: Past,
    read: Past,
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

    /// Lanes of one warp, `by` the last of them, read the same bytes. Says whether that is certainly well; if not, each lane's
    /// `access` tells. Either way what is kept is the same.
    #[inline(always)]
    pub(crate) fn read_together(&mut self, address: u32, bytes: u32, several: bool, by: &Accessor<'_>) -> bool {
        let cells = self.cells_of(u64::from(address), bytes);
        let is_pending = !self.pending.is_empty() && self.pending[cells.clone()].iter().any(|&pending| pending != 0);
        !is_pending
            && self.cells[cells].iter_mut().all(|cell| {
                let is_known = cell.write.last_at >= self.born && by.is_known_by_all(&cell.write);
                is_known && cell.read.add_together(by, several)
            })
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

#[cfg(test)]
mod tests {
    use super::super::access::lanes_in;
    use super::super::order::Order;
    use super::super::warp::Warp;
    use super::*;

    /// xorshift64 [Marsaglia 2003].
    struct Random(u64);

    impl Random {
        fn below(&mut self, limit: u64) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 >> 11) % limit
        }
    }

    #[test]
    fn readers_together_leave_what_readers_one_by_one_leave() {
        let seed = 0x5eed_0f5a_d035;
        let mut random = Random(seed);
        let mut together = Shadow::new(64, 4, true, Checks::ALL);
        let mut one_by_one = Shadow::new(64, 4, true, Checks::ALL);
        let (mut order, mut warps) = (Order::default(), [Warp::new(0, 0), Warp::new(1, 0)]);
        let mut clock = together.next_block(1);
        assert_eq!(one_by_one.next_block(1), clock);
        order.join_all(clock);
        warps.iter_mut().for_each(|warp| warp.start(u32::MAX, clock));
        let (mut quick, mut conflicts) = (0, 0);
        for step in 0..40_000 {
            let bytes = 4 << random.below(3);
            let address = random.below(64 / u64::from(bytes)) as u32 * bytes;
            let (which, lane) = (random.below(2) as usize, random.below(32) as usize);
            let position = step % 1000;
            match random.below(16) {
                0 | 1 => {
                    clock += 1;
                    order.join_all(clock);
                }
                2 => {
                    clock += 1;
                    order.join(1 + random.below(3) as u32, &[0; 32], clock);
                }
                3 => {
                    clock += 1;
                    warps[which].order.join(random.below(1 << 32) as u32, &[0; 32], clock);
                }
                4 => {
                    together.begin_copy(address.into(), bytes);
                    one_by_one.begin_copy(address.into(), bytes);
                }
                5..8 => {
                    let by = Accessor::new(&warps[which], lane, &order, clock, position);
                    let [a, b] = [&mut together, &mut one_by_one].map(|shadow| {
                        shadow.end_copy(address.into(), bytes, by);
                        let access = if step % 2 == 0 { Access::Write } else { Access::Atomic };
                        shadow.access(access, address.into(), bytes, by)
                    });
                    assert_eq!(a, b);
                }
                _ => {
                    let lanes = (random.below(1 << 32) & random.below(1 << 32)) as u32 | 1 << lane;
                    let by = |lane: usize| Accessor::new(&warps[which], lane, &order, clock, position);
                    let read = |shadow: &mut Shadow| -> Vec<Option<Conflict>> {
                        lanes_in(lanes)
                            .map(|lane| shadow.access(Access::Read, address.into(), bytes, by(lane)))
                            .collect()
                    };
                    let expected = read(&mut one_by_one);
                    let last = by(31 - lanes.leading_zeros() as usize);
                    if together.read_together(address, bytes, !lanes.is_power_of_two(), &last) {
                        assert!(expected.iter().all(Option::is_none), "seed {seed:#x}, step {step}: {expected:?}");
                        quick += 1;
                    } else {
                        assert_eq!(read(&mut together), expected, "seed {seed:#x}, step {step}");
                        conflicts += usize::from(expected.iter().any(Option::is_some));
                    }
                }
            }
            assert_eq!(together.cells, one_by_one.cells, "seed {seed:#x}, step {step}");
        }
        assert!(quick > 1000 && conflicts > 1000, "{quick} quick, {conflicts} with conflicts");
    }
}
