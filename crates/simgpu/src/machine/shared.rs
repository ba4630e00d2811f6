//! Loads and stores of shared memory.

use super::SHARED_WINDOW;
use super::access::{addresses, lanes_in, put, stored};
use super::banks::wavefronts;
use super::block::Block;
use super::shadow::{Access, Accessor, Conflict};
use super::warp::Warp;
use crate::counters::SharedTraffic;
use crate::finding::FindingKind;
use crate::lanes::LANES;
use crate::program::{MemoryOp, NO_SLOT, Op};

/// Offsets into shared memory, from addresses of it or generic ones.
#[inline(always)]
pub(super) fn offsets(addresses: [u64; LANES]) -> [u64; LANES] {
    addresses.map(|address| if address >= SHARED_WINDOW { address - SHARED_WINDOW } else { address })
}

#[inline(always)]
pub(super) fn count(traffic: &mut SharedTraffic, offsets: &[u64; LANES], mask: u32, bytes: u64) {
    traffic.requests += 1;
    traffic.bytes += u64::from(mask.count_ones()) * bytes;
    let (passes, ideal) = wavefronts(offsets, mask, bytes as u32);
    traffic.wavefronts += passes;
    traffic.ideal_wavefronts += ideal;
}

impl Block<'_> {
    /// The active lanes whose access is inside shared memory and aligned; the others are noted.
    #[inline(always)]
    pub(super) fn inside_shared(&mut self, warp: &Warp, position: u32, offsets: &[u64; LANES], bytes: u64) -> u32 {
        let last = (self.shared.len() as u64).checked_sub(bytes);
        let (mut most, mut low_bits) = (0, 0);
        for &offset in offsets {
            most = most.max(offset);
            low_bits |= offset;
        }
        if last.is_some_and(|last| most <= last) && low_bits & (bytes - 1) == 0 {
            return warp.mask;
        }
        self.refuse_shared(warp, position, offsets, bytes)
    }

    #[cold]
    fn refuse_shared(&mut self, warp: &Warp, position: u32, offsets: &[u64; LANES], bytes: u64) -> u32 {
        let size = self.shared.len() as u64;
        let mut good = 0;
        for lane in lanes_in(warp.mask) {
            let offset = offsets[lane];
            let kind = if !offset.is_multiple_of(bytes) {
                FindingKind::Misaligned
            } else if offset.checked_add(bytes).is_none_or(|end| end > size) {
                FindingKind::OutOfBounds
            } else {
                good |= 1 << lane;
                continue;
            };
            self.note(kind, warp, 1 << lane, position, Some(offset), || {
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
        offsets: &[u64; LANES],
        bytes: u64,
    ) {
        if !self.shadow.is_on() {
            return;
        }
        for lane in lanes_in(lanes) {
            let by = Accessor::new(warp, lane, self.clock, position);
            if let Some(conflict) = self.shadow.access(access, offsets[lane], bytes as u32, by) {
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
        let other = conflict.other.map(|thread| self.thread_of(u32::from(thread) / 32, u32::from(thread) % 32));
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

pub(crate) fn shared_load(warp: &mut Warp, block: &mut Block<'_>, ops: &[Op]) {
    let program = block.context.program;
    let op = &program.memory[ops[0].immediate as usize];
    let offsets = offsets(addresses(warp, op.address, op.address_wide, op.offset));
    let bytes = op.total_bytes();
    let good = block.inside_shared(warp, op.position, &offsets, bytes);
    count(&mut block.counters.shared_loads, &offsets, warp.mask, bytes);
    block.check_shared(warp, op.position, good, Access::Read, &offsets, bytes);
    match (op.bytes, op.count) {
        (4, 1) if good == warp.mask && !op.wide => load_words::<1>(warp, &block.shared, op, &offsets),
        (4, 2) if good == warp.mask && !op.wide => load_words::<2>(warp, &block.shared, op, &offsets),
        (4, 4) if good == warp.mask && !op.wide => load_words::<4>(warp, &block.shared, op, &offsets),
        _ => load_any(warp, &block.shared, op, &offsets, good),
    }
}

/// The common cases: one, two or four words a lane. Inactive lanes repeat an active one, so all can be read.
#[inline(always)]
fn load_words<const N: usize>(warp: &mut Warp, shared: &[u8], op: &MemoryOp, offsets: &[u64; LANES]) {
    let mut rows = [[0u32; N]; LANES];
    for lane in 0..LANES {
        let bytes = &shared[offsets[lane] as usize..][..4 * N];
        for element in 0..N {
            rows[lane][element] = u32::from_le_bytes([
                bytes[4 * element],
                bytes[4 * element + 1],
                bytes[4 * element + 2],
                bytes[4 * element + 3],
            ]);
        }
    }
    let full = warp.mask == u32::MAX;
    let mask = warp.mask_lanes.0;
    for element in 0..N {
        if op.data[element] == NO_SLOT {
            continue;
        }
        let register = warp.registers.get_mut(op.data[element]);
        if full {
            for lane in 0..LANES {
                register[lane] = rows[lane][element];
            }
        } else {
            for lane in 0..LANES {
                register[lane] = rows[lane][element] & mask[lane] | register[lane] & !mask[lane];
            }
        }
    }
}

fn load_any(warp: &mut Warp, shared: &[u8], op: &MemoryOp, offsets: &[u64; LANES], good: u32) {
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

pub(crate) fn shared_store(warp: &mut Warp, block: &mut Block<'_>, ops: &[Op]) {
    let program = block.context.program;
    let op = &program.memory[ops[0].immediate as usize];
    let offsets = offsets(addresses(warp, op.address, op.address_wide, op.offset));
    let bytes = op.total_bytes();
    let good = block.inside_shared(warp, op.position, &offsets, bytes);
    count(&mut block.counters.shared_stores, &offsets, warp.mask, bytes);
    block.check_shared(warp, op.position, good, Access::Write, &offsets, bytes);
    let size = usize::from(op.bytes);
    for lane in lanes_in(good) {
        for element in 0..usize::from(op.count) {
            let value = stored(warp, op, op.data[element], lane).to_le_bytes();
            block.shared[offsets[lane] as usize + element * size..][..size].copy_from_slice(&value[..size]);
        }
    }
}
