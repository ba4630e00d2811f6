//! `cp.async`: copies from global to shared memory that are done when they are waited for, and no earlier.
//!
//! On a GPU the bytes arrive some time between the instruction and the wait. Here they arrive at the wait, the latest
//! moment, so that a kernel that does not wait for long enough reads what was there before, and the shadow says so.
//! PTX manual, "Data Movement and Conversion Instructions: Asynchronous copy".

use super::access::{addresses, lanes_in};
use super::block::Block;
use super::global::count;
use super::past::Accessor;
use super::races::Races;
use super::shadow::Access;
use super::shared;
use super::warp::Warp;
use crate::finding::FindingKind;
use crate::lanes::LANES;
use crate::program::{CopyOp, Op};

/// The copies of a warp's lanes that are on their way.
#[derive(Debug, Default)]
pub(crate) struct Copies {
    pending: Vec<Copy>,
    /// Groups that each lane has committed.
    committed: [u32; LANES],
}

/// One instruction's copies.
#[derive(Debug)]
struct Copy {
    /// Lanes whose copy is still to be done.
    lanes: u32,
    group: [u32; LANES],
    from: [u64; LANES],
    to: [u32; LANES],
    /// Bytes that are read; zeros follow.
    read: [u32; LANES],
    bytes: u32,
    /// Index into `Program::memory`.
    memory: u32,
}

impl Copies {
    pub(super) fn clear(&mut self) {
        self.pending.clear();
        self.committed = [0; LANES];
    }
}

pub(crate) fn copy_async(warp: &mut Warp, block: &mut Block<'_>, ops: &[Op]) {
    let program = block.context.program;
    let op: &CopyOp = &program.copies[ops[0].immediate as usize];
    let bytes = op.bytes;
    let to = shared::offsets(warp, op.to, op.to_wide, op.to_offset);
    let from = addresses(warp, op.from, op.from_wide, op.from_offset);
    let sizes = op.read_bytes.map_or([op.bytes; LANES], |slot| warp.registers.get(slot).map(|size| size.min(op.bytes)));
    let mut lanes = block.inside_shared(warp, op.position, &to, bytes);
    // Lanes that read nothing may have any source address.
    let reading = lanes_in(warp.mask).filter(|&lane| sizes[lane] > 0).fold(0, |bits, lane| bits | 1 << lane);
    if reading != 0 {
        let all = warp.mask;
        warp.set_mask(reading);
        let from = addresses(warp, op.from, op.from_wide, op.from_offset);
        let targets = block.targets(warp, op.memory as usize, op.position, &from, 1, u64::from(bytes));
        let context = block.context;
        let mut held = context.races.as_ref().map(Races::held);
        for lane in lanes_in(reading) {
            let size = u64::from(sizes[lane]);
            let Some(found) = targets.of(lane) else {
                lanes &= !(1 << lane);
                continue;
            };
            let offset = from[lane] - found.start();
            if offset + size > found.bytes() {
                lanes &= !(1 << lane);
                block.note(FindingKind::OutOfBounds, warp, 1 << lane, op.position, Some(from[lane]), || {
                    format!("cp.async reads {size} bytes at byte {offset} of an allocation of {} bytes", found.bytes())
                });
                continue;
            }
            if let Some(held) = &mut held {
                block.note_read(warp, &program.memory[op.memory as usize], lane, found, from[lane], size, held);
            }
            if block.context.checks.uninitialized_global
                && !(offset..offset + size).all(|byte| found.is_written(byte, 1))
            {
                block.note(FindingKind::UninitializedGlobal, warp, 1 << lane, op.position, Some(from[lane]), || {
                    format!("cp.async reads {size} bytes at byte {offset} of an allocation of {} bytes that were never written", found.bytes())
                });
            }
        }
        count(&mut block.counters.global_loads, &from, 0, 0);
        block.counters.global_loads.bytes += lanes_in(reading).map(|lane| u64::from(sizes[lane])).sum::<u64>();
        warp.set_mask(all);
    }
    shared::count(&mut block.counters.shared_stores, &to, warp.mask, bytes);
    block.check_shared(warp, op.position, lanes, Access::Write, &to, bytes);
    lanes_in(lanes).for_each(|lane| block.shadow.begin_copy(u64::from(to[lane]), op.bytes));
    let group = warp.copies.committed;
    warp.copies.pending.push(Copy { lanes, group, from, to, read: sizes, bytes: op.bytes, memory: op.memory });
}

pub(crate) fn commit_group(warp: &mut Warp, _: &mut Block<'_>, _: &[Op]) {
    lanes_in(warp.mask).for_each(|lane| warp.copies.committed[lane] += 1);
}

/// Waits until at most `immediate` of the groups committed last are on their way; `u64::MAX`: for all, committed or not.
pub(crate) fn wait_group(warp: &mut Warp, block: &mut Block<'_>, ops: &[Op]) {
    let keep = ops[0].immediate;
    let all = keep == u64::MAX;
    let mut pending = std::mem::take(&mut warp.copies.pending);
    for copy in &mut pending {
        for lane in lanes_in(copy.lanes & warp.mask) {
            let later = u64::from(warp.copies.committed[lane]).saturating_sub(u64::from(copy.group[lane]));
            if all || later > keep {
                copy.lanes &= !(1 << lane);
                finish(warp, block, copy, lane, ops[0].position);
            }
        }
    }
    pending.retain(|copy| copy.lanes != 0);
    warp.copies.pending = pending;
}

fn finish(warp: &Warp, block: &mut Block<'_>, copy: &Copy, lane: usize, position: u32) {
    let target = copy.to[lane] as usize;
    let (read, bytes) = (copy.read[lane] as usize, copy.bytes as usize);
    let context = block.context;
    let shared = &mut block.shared[target..][..bytes];
    shared.fill(0);
    let mut source = None;
    if read > 0
        && let Some((found, offset)) = context.memory.find(copy.from[lane])
    {
        if read.is_multiple_of(4) {
            for (word, bytes) in shared[..read].chunks_exact_mut(4).enumerate() {
                bytes.copy_from_slice(&found.load32(offset + 4 * word as u64).to_le_bytes());
            }
        } else {
            shared[..read].iter_mut().enumerate().for_each(|(at, byte)| *byte = found.load8(offset + at as u64));
        }
        source = Some(found);
    }
    // The bytes may have been read at any time from the instruction to here.
    if let (Some(found), Some(races)) = (source, &context.races) {
        let op = &context.program.memory[copy.memory as usize];
        block.note_read(warp, op, lane, found, copy.from[lane], read as u64, &mut races.held());
    }
    let by = Accessor::new(warp, lane, &block.order, block.clock, position);
    block.shadow.end_copy(u64::from(copy.to[lane]), copy.bytes, by);
}

impl Block<'_> {
    /// A thread that ends without a wait leaves its copies undone.
    pub(super) fn drop_copies(&mut self, warp: &mut Warp) {
        for copy in std::mem::take(&mut warp.copies.pending) {
            lanes_in(copy.lanes).for_each(|lane| self.shadow.drop_copy(u64::from(copy.to[lane]), copy.bytes));
        }
    }
}
