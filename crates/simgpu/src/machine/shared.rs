//! Loads and stores of shared memory.

use super::SHARED_WINDOW;
use super::access::{lanes_in, put, repeat_leader, stored};
use super::banks::wavefronts;
use super::block::Block;
use super::past::Accessor;
use super::shadow::{Access, Conflict};
use super::warp::Warp;
use crate::counters::SharedTraffic;
use crate::finding::FindingKind;
use crate::lanes::gather::Checked;
use crate::lanes::{LANES, lanes_that_are};
use crate::program::{MemoryOp, NO_SLOT, Op, Slot};

/// Offsets into shared memory, from addresses of it or generic ones. What is far outside becomes the last offset.
#[inline(always)]
pub(super) fn offsets(warp: &Warp, slot: Slot, wide: bool, offset: i64) -> [u32; LANES] {
    let mut out = [0; LANES];
    if wide {
        let register = warp.registers.get_wide(slot);
        for lane in 0..LANES {
            let address = register[lane].wrapping_add(offset as u64);
            let inside = if address >= SHARED_WINDOW { address - SHARED_WINDOW } else { address };
            out[lane] = inside.min(u64::from(u32::MAX)) as u32;
        }
    } else {
        let register = warp.registers.get(slot);
        for lane in 0..LANES {
            out[lane] = register[lane].wrapping_add(offset as u32);
        }
    }
    repeat_leader(warp, &mut out);
    out
}

#[inline(always)]
pub(super) fn count(traffic: &mut SharedTraffic, offsets: &[u32; LANES], mask: u32, bytes: u32) {
    traffic.requests += 1;
    traffic.bytes += u64::from(mask.count_ones() * bytes);
    let (passes, ideal) = wavefronts(offsets, mask, bytes);
    traffic.wavefronts += passes;
    traffic.ideal_wavefronts += ideal;
}

impl Block<'_> {
    /// The active lanes whose access is inside shared memory and aligned; the others are noted.
    #[inline(always)]
    pub(super) fn inside_shared(&mut self, warp: &Warp, position: u32, offsets: &[u32; LANES], bytes: u32) -> u32 {
        let last = (self.shared.len() as u64).checked_sub(u64::from(bytes));
        let (mut most, mut low_bits) = (0, 0);
        for &offset in offsets {
            most = most.max(offset);
            low_bits |= offset;
        }
        if last.is_some_and(|last| u64::from(most) <= last) && low_bits & (bytes - 1) == 0 {
            return warp.mask;
        }
        self.refuse_shared(warp, position, offsets, bytes)
    }

    #[cold]
    fn refuse_shared(&mut self, warp: &Warp, position: u32, offsets: &[u32; LANES], bytes: u32) -> u32 {
        let size = self.shared.len();
        let mut good = 0;
        for lane in lanes_in(warp.mask) {
            let offset = offsets[lane];
            let kind = if !offset.is_multiple_of(bytes) {
                FindingKind::Misaligned
            } else if offset as usize + bytes as usize > size {
                FindingKind::OutOfBounds
            } else {
                good |= 1 << lane;
                continue;
            };
            self.note(kind, warp, 1 << lane, position, Some(u64::from(offset)), || {
                format!("{bytes} bytes at {offset} of {size} bytes of shared memory")
            });
        }
        good
    }

    /// Tells the shadow of an access by each lane, and notes what is wrong with it.
    #[inline(always)]
    pub(super) fn check_shared(
        &mut self,
        warp: &Warp,
        position: u32,
        lanes: u32,
        access: Access,
        offsets: &[u32; LANES],
        bytes: u32,
    ) {
        if !self.shadow.is_on() {
            return;
        }
        if access != Access::Read {
            return self.check_lanes(warp, position, lanes, access, offsets, bytes);
        }
        let (mut rest, mut any_alone) = (lanes, false);
        while rest != 0 {
            let first = rest.trailing_zeros() as usize % LANES;
            // Where one lane reads alone, most do: equal ones are not looked for any more.
            let same = if any_alone { 1 << first } else { lanes_that_are(offsets, offsets[first]) & rest };
            any_alone |= same.is_power_of_two();
            rest &= !same;
            let by = Accessor::new(warp, 31 - same.leading_zeros() as usize, &self.order, self.clock, position);
            if !self.shadow.read_together(offsets[first], bytes, !same.is_power_of_two(), &by) {
                self.check_lanes(warp, position, same, access, offsets, bytes);
            }
        }
    }

    /// The same, one lane after the other.
    #[inline(never)]
    fn check_lanes(
        &mut self,
        warp: &Warp,
        position: u32,
        lanes: u32,
        access: Access,
        offsets: &[u32; LANES],
        bytes: u32,
    ) {
        for lane in lanes_in(lanes) {
            let by = Accessor::new(warp, lane, &self.order, self.clock, position);
            if let Some(conflict) = self.shadow.access(access, u64::from(offsets[lane]), bytes, by) {
                self.note_conflict(warp, position, lane, access, conflict);
            }
        }
    }

    #[cold]
    pub(super) fn note_conflict(
        &mut self,
        warp: &Warp,
        position: u32,
        lane: usize,
        access: Access,
        conflict: Conflict,
    ) {
        let program = self.context.program;
        let line = conflict.other_position.map(|other| program.positions[other as usize].ptx_line);
        let other = conflict.other.map(|thread| self.thread_of(thread / 32, thread % 32));
        self.note(conflict.kind, warp, 1 << lane, position, Some(conflict.address), || {
            let what = if access == Access::Read { "read" } else { "write" };
            let did = if conflict.other_wrote { "wrote" } else { "read" };
            match (conflict.kind, other, line) {
                (FindingKind::Race, Some([x, y, z]), Some(line)) => {
                    format!("this {what} and thread ({x}, {y}, {z}), which {did} in line {line}, have no barrier between them")
                }
                (FindingKind::Race, _, Some(line)) => {
                    format!("this {what} and several threads, which {did} in line {line}, have no barrier between them")
                }
                (FindingKind::AsyncCopyNotWaitedFor, ..) => format!("a {what} where a cp.async is still on its way"),
                _ => "a read of shared memory that this block has not written".to_owned(),
            }
        });
    }
}

#[inline(always)]
pub(crate) fn shared_load(warp: &mut Warp, block: &mut Block<'_>, ops: &[Op]) {
    let program = block.context.program;
    let op = &program.memory[ops[0].immediate as usize];
    let offsets = offsets(warp, op.address, op.address_wide, op.offset);
    let bytes = op.total_bytes() as u32;
    let good = block.inside_shared(warp, op.position, &offsets, bytes);
    count(&mut block.counters.shared_loads, &offsets, warp.mask, bytes);
    block.check_shared(warp, op.position, good, Access::Read, &offsets, bytes);
    let words = op.bytes == 4 && !op.wide && good == warp.mask;
    let done = match op.count {
        1 if words => load_words::<1>(warp, &mut block.shared, op, &offsets),
        2 if words => load_words::<2>(warp, &mut block.shared, op, &offsets),
        4 if words => load_words::<4>(warp, &mut block.shared, op, &offsets),
        _ => false,
    };
    if !done {
        load_any(warp, &block.shared, op, &offsets, good);
    }
}

/// The common cases: one, two or four words a lane. Inactive lanes repeat an active one, so all can be read.
#[inline(always)]
fn load_words<const N: usize>(warp: &mut Warp, shared: &mut [u8], op: &MemoryOp, offsets: &[u32; LANES]) -> bool {
    let Some(checked) = Checked::<N>::new(shared, offsets) else { return false };
    let words = checked.read();
    let full = warp.mask == u32::MAX;
    for element in 0..N {
        if op.data[element] == NO_SLOT {
            continue;
        }
        let register = warp.registers.get_mut(op.data[element]);
        if full {
            *register = words[element];
        } else {
            for lane in 0..LANES {
                let mask = warp.mask_lanes.0[lane];
                register[lane] = words[element][lane] & mask | register[lane] & !mask;
            }
        }
    }
    true
}

#[inline(never)]
fn load_any(warp: &mut Warp, shared: &[u8], op: &MemoryOp, offsets: &[u32; LANES], good: u32) {
    let size = usize::from(op.bytes);
    for element in 0..usize::from(op.count) {
        let mut values = [0; LANES];
        for lane in lanes_in(good) {
            let bytes = &shared[offsets[lane] as usize + element * size..][..size];
            values[lane] = bytes.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte));
        }
        put(warp, op, op.data[element], &values);
    }
}

#[inline(always)]
pub(crate) fn shared_store(warp: &mut Warp, block: &mut Block<'_>, ops: &[Op]) {
    let program = block.context.program;
    let op = &program.memory[ops[0].immediate as usize];
    let offsets = offsets(warp, op.address, op.address_wide, op.offset);
    let bytes = op.total_bytes() as u32;
    let good = block.inside_shared(warp, op.position, &offsets, bytes);
    count(&mut block.counters.shared_stores, &offsets, warp.mask, bytes);
    if block.shadow.is_on() {
        return store_checked(warp, block, op, &offsets, good);
    }
    let words = op.bytes == 4 && !op.wide && good == warp.mask;
    let done = match op.count {
        1 if words => store_words::<1>(warp, &mut block.shared, op, &offsets),
        2 if words => store_words::<2>(warp, &mut block.shared, op, &offsets),
        4 if words => store_words::<4>(warp, &mut block.shared, op, &offsets),
        _ => false,
    };
    if !done {
        store_any(warp, &mut block.shared, op, &offsets, good);
    }
}

#[inline(always)]
fn store_words<const N: usize>(warp: &Warp, shared: &mut [u8], op: &MemoryOp, offsets: &[u32; LANES]) -> bool {
    let Some(checked) = Checked::<N>::new(shared, offsets) else { return false };
    checked.write(std::array::from_fn(|element| warp.registers.get(op.data[element])), warp.mask);
    true
}

#[inline(never)]
fn store_any(warp: &Warp, shared: &mut [u8], op: &MemoryOp, offsets: &[u32; LANES], good: u32) {
    let bytes = op.total_bytes() as usize;
    for lane in lanes_in(good) {
        shared[offsets[lane] as usize..][..bytes].copy_from_slice(&row(warp, op, lane)[..bytes]);
    }
}

/// What a lane stores.
fn row(warp: &Warp, op: &MemoryOp, lane: usize) -> [u8; 16] {
    let mut row = [0; 16];
    for (element, place) in row.chunks_exact_mut(usize::from(op.bytes)).take(usize::from(op.count)).enumerate() {
        place.copy_from_slice(&stored(warp, op, op.data[element], lane).to_le_bytes()[..usize::from(op.bytes)]);
    }
    row
}

/// Lane by lane: two writes of the same bytes, as of a flag that several lanes raise, are no race.
#[inline(never)]
fn store_checked(warp: &Warp, block: &mut Block<'_>, op: &MemoryOp, offsets: &[u32; LANES], good: u32) {
    let bytes = op.total_bytes() as usize;
    for lane in lanes_in(good) {
        let row = row(warp, op, lane);
        let by = Accessor::new(warp, lane, &block.order, block.clock, op.position);
        let conflict = block.shadow.access(Access::Write, u64::from(offsets[lane]), bytes as u32, by);
        let place = &mut block.shared[offsets[lane] as usize..][..bytes];
        let changes = *place != row[..bytes];
        place.copy_from_slice(&row[..bytes]);
        if let Some(conflict) = conflict
            && (changes || conflict.kind != FindingKind::Race)
        {
            block.note_conflict(warp, op.position, lane, Access::Write, conflict);
        }
    }
}
