//! Loads and stores of global memory.

use super::access::{addresses, lanes_in, put, stored};
use super::block::Block;
use super::past::Accessor;
use super::races::{Act, Held};
use super::warp::Warp;
use crate::counters::Traffic;
use crate::finding::FindingKind;
use crate::lanes::LANES;
use crate::memory::{Allocation, Reachable};
use crate::program::{MemoryOp, Op};

use super::banks::sectors;

/// Where the lanes of an access go: one allocation for all, or whatever each lane finds.
pub(super) enum Targets<'a> {
    /// All lanes, active or not, are inside this allocation.
    One(&'a Reachable),
    /// Lane by lane; `None` where the access is refused.
    Each(Box<[Option<&'a Reachable>; LANES]>),
}

impl<'a> Targets<'a> {
    #[inline(always)]
    pub(super) fn of(&self, lane: usize) -> Option<&'a Reachable> {
        match self {
            Targets::One(allocation) => Some(allocation),
            Targets::Each(each) => each[lane],
        }
    }
}

impl<'a> Block<'a> {
    /// Finds the allocations that the lanes mean, and notes what is refused.
    #[inline(always)]
    pub(super) fn targets(
        &mut self,
        warp: &Warp,
        at: usize,
        position: u32,
        addresses: &[u64; LANES],
        bytes: u64,
        align: u64,
    ) -> Targets<'a> {
        if let Some(found) = self.found[at]
            && all_inside(found, addresses, bytes, align)
        {
            return Targets::One(found);
        }
        self.search(warp, at, position, addresses, bytes, align)
    }

    #[cold]
    fn search(
        &mut self,
        warp: &Warp,
        at: usize,
        position: u32,
        addresses: &[u64; LANES],
        bytes: u64,
        align: u64,
    ) -> Targets<'a> {
        let context = self.context;
        let leader = addresses[warp.mask.trailing_zeros() as usize % LANES];
        if let Some((found, _)) = context.memory.find(leader)
            && !found.is_freed()
            && all_inside(found, addresses, bytes, align)
        {
            self.found[at] = Some(found);
            return Targets::One(found);
        }
        let mut each = Box::new([None; LANES]);
        for lane in lanes_in(warp.mask) {
            let address = addresses[lane];
            let found = context.memory.find(address);
            let refused = match found {
                _ if !address.is_multiple_of(align) => Some((
                    FindingKind::Misaligned,
                    format!("{bytes} bytes at an address that is not a multiple of {align}"),
                )),
                None => Some((FindingKind::OutOfBounds, format!("{bytes} bytes in no allocation"))),
                Some((found, offset)) if found.is_freed() => Some((
                    FindingKind::UseAfterFree,
                    format!("byte {offset} of {} bytes at {:#x} that were freed", found.bytes(), found.start()),
                )),
                Some((found, offset)) if offset + bytes > found.bytes() => Some((
                    FindingKind::OutOfBounds,
                    format!(
                        "bytes {offset} to {} of an allocation of {} bytes at {:#x}",
                        offset + bytes,
                        found.bytes(),
                        found.start()
                    ),
                )),
                Some(_) => None,
            };
            match refused {
                Some((kind, detail)) => self.note(kind, warp, 1 << lane, position, Some(address), || detail),
                None => each[lane] = found.map(|(allocation, _)| allocation),
            }
        }
        Targets::Each(each)
    }
}

#[inline(always)]
fn all_inside(allocation: &Allocation, addresses: &[u64; LANES], bytes: u64, align: u64) -> bool {
    let Some(last) = allocation.bytes().checked_sub(bytes) else { return false };
    let start = allocation.start();
    let mut outside = false;
    let mut low_bits = 0;
    for &address in addresses {
        outside |= address.wrapping_sub(start) > last;
        low_bits |= address;
    }
    !outside && low_bits & (align - 1) == 0
}

/// Counts a request.
#[inline(always)]
pub(super) fn count(traffic: &mut Traffic, addresses: &[u64; LANES], mask: u32, bytes: u64) {
    traffic.requests += 1;
    traffic.bytes += u64::from(mask.count_ones()) * bytes;
    traffic.sectors += sectors(addresses);
}

fn read(allocation: &Allocation, offset: u64, bytes: u8) -> u64 {
    match bytes {
        1 => u64::from(allocation.load8(offset)),
        2 => u64::from(allocation.load16(offset)),
        4 => u64::from(allocation.load32(offset)),
        _ => allocation.load64(offset),
    }
}

fn write(allocation: &Allocation, offset: u64, bytes: u8, value: u64) {
    match bytes {
        1 => allocation.store8(offset, value as u8),
        2 => allocation.store16(offset, value as u16),
        4 => allocation.store32(offset, value as u32),
        _ => allocation.store64(offset, value),
    }
}

#[inline(always)]
pub(crate) fn global_load(warp: &mut Warp, block: &mut Block<'_>, ops: &[Op]) {
    let at = ops[0].immediate as usize;
    let program = block.context.program;
    let op = &program.memory[at];
    let addresses = addresses(warp, op.address, op.address_wide, op.offset);
    let bytes = op.total_bytes();
    let targets = block.targets(warp, at, op.position, &addresses, bytes, bytes);
    count(&mut block.counters.global_loads, &addresses, warp.mask, bytes);
    if block.context.checks.uninitialized_global {
        check_written(warp, block, op, &addresses, &targets);
    }
    if block.context.races.is_some() {
        check_read(warp, block, op, &addresses, &targets);
    }
    match &targets {
        Targets::One(found) if op.bytes == 4 && !op.wide => load_words(warp, op, found, &addresses),
        _ => {
            for element in 0..usize::from(op.count) {
                let mut values = [0; LANES];
                let skip = element as u64 * u64::from(op.bytes);
                for lane in lanes_in(warp.mask) {
                    if let Some(found) = targets.of(lane) {
                        values[lane] = read(found, addresses[lane] - found.start() + skip, op.bytes);
                    }
                }
                put(warp, op, op.data[element], &values);
            }
        }
    }
}

/// The common case: 32-bit words from one allocation.
#[inline(always)]
fn load_words(warp: &mut Warp, op: &MemoryOp, found: &Allocation, addresses: &[u64; LANES]) {
    let full = warp.mask == u32::MAX;
    for element in 0..usize::from(op.count) {
        let skip = 4 * element as u64;
        let values: [u32; LANES] = std::array::from_fn(|lane| found.load32(addresses[lane] - found.start() + skip));
        if op.data[element] == crate::program::NO_SLOT {
            continue;
        }
        let mask = warp.mask_lanes.0;
        let register = warp.registers.get_mut(op.data[element]);
        if full {
            *register = values;
        } else {
            for lane in 0..LANES {
                register[lane] = values[lane] & mask[lane] | register[lane] & !mask[lane];
            }
        }
    }
}

#[inline(always)]
pub(super) fn check_written(
    warp: &Warp,
    block: &mut Block<'_>,
    op: &MemoryOp,
    addresses: &[u64; LANES],
    targets: &Targets<'_>,
) {
    let bytes = op.total_bytes();
    for lane in lanes_in(warp.mask) {
        let Some(found) = targets.of(lane) else { continue };
        let offset = addresses[lane] - found.start();
        if !found.is_written(offset, bytes) {
            block.note(FindingKind::UninitializedGlobal, warp, 1 << lane, op.position, Some(addresses[lane]), || {
                format!(
                    "bytes {offset} to {} of an allocation of {} bytes were never written",
                    offset + bytes,
                    found.bytes()
                )
            });
        }
    }
}

#[inline(always)]
pub(crate) fn global_store(warp: &mut Warp, block: &mut Block<'_>, ops: &[Op]) {
    let at = ops[0].immediate as usize;
    let program = block.context.program;
    let op = &program.memory[at];
    let addresses = addresses(warp, op.address, op.address_wide, op.offset);
    let bytes = op.total_bytes();
    let targets = block.targets(warp, at, op.position, &addresses, bytes, bytes);
    count(&mut block.counters.global_stores, &addresses, warp.mask, bytes);
    if block.context.races.is_some() {
        return store_checked(warp, block, op, &addresses, &targets);
    }
    for lane in lanes_in(warp.mask) {
        if let Some(found) = targets.of(lane) {
            store_lane(warp, op, found, addresses[lane] - found.start(), lane);
        }
    }
}

#[inline(always)]
fn store_lane(warp: &Warp, op: &MemoryOp, found: &Allocation, offset: u64, lane: usize) {
    for element in 0..usize::from(op.count) {
        let value = stored(warp, op, op.data[element], lane);
        write(found, offset + element as u64 * u64::from(op.bytes), op.bytes, value);
    }
}

/// Tells what is kept of races of a load by each lane.
#[inline(never)]
fn check_read(warp: &Warp, block: &mut Block<'_>, op: &MemoryOp, addresses: &[u64; LANES], targets: &Targets<'_>) {
    let context = block.context;
    let Some(races) = &context.races else { return };
    let mut held = races.held();
    for lane in lanes_in(warp.mask) {
        if let Some(found) = targets.of(lane) {
            block.note_read(warp, op, lane, found, addresses[lane], op.total_bytes(), &mut held);
        }
    }
}

/// Lane by lane, with the lock of the page: two writes of the same bytes are no race, and who is the second is decided.
#[inline(never)]
fn store_checked(warp: &Warp, block: &mut Block<'_>, op: &MemoryOp, addresses: &[u64; LANES], targets: &Targets<'_>) {
    let context = block.context;
    let Some(races) = &context.races else { return };
    let mut held = races.held();
    for lane in lanes_in(warp.mask) {
        let Some(found) = targets.of(lane) else { continue };
        held.hold(addresses[lane]);
        let offset = addresses[lane] - found.start();
        let size = u64::from(op.bytes);
        let changed = (0..usize::from(op.count)).fold(0, |changed, element| {
            let ones = u64::MAX >> (64 - 8 * u32::from(op.bytes));
            let new = stored(warp, op, op.data[element], lane) & ones;
            let skip = element as u64 * size;
            changed | bytes_that_differ(read(found, offset + skip, op.bytes), new) << skip
        });
        store_lane(warp, op, found, offset, lane);
        let by = Accessor::new(warp, lane, &block.order, block.clock, op.position);
        races.write(found, offset, op.total_bytes(), changed, &block.step(by, Act::Write, op.strong));
    }
}

/// A bit for each byte that is not the same in both.
fn bytes_that_differ(old: u64, new: u64) -> u64 {
    let bits = old ^ new;
    (0..8).filter(|byte| bits >> (8 * byte) & 0xff != 0).fold(0, |bytes, byte| bytes | 1 << byte)
}

impl Block<'_> {
    /// Tells what is kept of races of a read by a lane.
    #[inline(always)]
    #[expect(clippy::too_many_arguments, reason = "who, what and where of one access")]
    pub(super) fn note_read(
        &self,
        warp: &Warp,
        op: &MemoryOp,
        lane: usize,
        found: &Reachable,
        address: u64,
        bytes: u64,
        held: &mut Held<'_>,
    ) {
        let context = self.context;
        let Some(races) = &context.races else { return };
        let by = Accessor::new(warp, lane, &self.order, self.clock, op.position);
        races.read(found, address - found.start(), bytes, &self.step(by, Act::Read, op.strong), held);
    }
}
