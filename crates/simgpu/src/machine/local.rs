//! Local memory: what a thread keeps for itself. Parameters that a kernel takes the address of are read here too.

use super::access::{addresses, lanes_in, put, stored};
use super::block::Block;
use super::warp::Warp;
use super::{LOCAL_WINDOW, PARAM_WINDOW};
use crate::finding::FindingKind;
use crate::lanes::LANES;
use crate::program::{MemoryOp, Op};

/// Where a lane's access goes: an index into all local memory, or into the parameters.
enum Place {
    Local(usize),
    Param(usize),
}

fn place(warp: &Warp, block: &mut Block<'_>, op: &MemoryOp, address: u64, lane: usize) -> Option<Place> {
    let bytes = op.total_bytes();
    let size = u64::from(block.context.program.local_bytes);
    let thread = (warp.index as usize * LANES + lane) * size as usize;
    let (offset, limit) = match address {
        a if a >= PARAM_WINDOW => (a - PARAM_WINDOW, block.context.params.len() as u64),
        a if a >= LOCAL_WINDOW => (a - LOCAL_WINDOW, size),
        a => (a, size),
    };
    let kind = if !offset.is_multiple_of(bytes) {
        FindingKind::Misaligned
    } else if offset.checked_add(bytes).is_none_or(|end| end > limit) {
        FindingKind::OutOfBounds
    } else if address >= PARAM_WINDOW {
        return Some(Place::Param(offset as usize));
    } else {
        return Some(Place::Local(thread + offset as usize));
    };
    block.note(kind, warp, 1 << lane, op.position, Some(offset), || {
        format!("{bytes} bytes of local memory of {limit} bytes")
    });
    None
}

pub(crate) fn local_load(warp: &mut Warp, block: &mut Block<'_>, ops: &[Op]) {
    let program = block.context.program;
    let op = &program.memory[ops[0].immediate as usize];
    let addresses = addresses(warp, op.address, op.address_wide, op.offset);
    let traffic = &mut block.counters.local_loads;
    traffic.requests += 1;
    traffic.bytes += u64::from(warp.mask.count_ones()) * op.total_bytes();
    // The hardware interleaves local memory so that equal offsets of all lanes are next to each other.
    traffic.sectors += (u64::from(warp.mask.count_ones()) * op.total_bytes()).div_ceil(32);
    let mut values = [[0; LANES]; 4];
    for lane in lanes_in(warp.mask) {
        let Some(place) = place(warp, block, op, addresses[lane], lane) else { continue };
        let size = usize::from(op.bytes);
        for element in 0..usize::from(op.count) {
            let bytes = match place {
                Place::Local(at) => &block.local[at + element * size..][..size],
                Place::Param(at) => &block.context.params[at + element * size..][..size],
            };
            values[element][lane] = bytes.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte));
        }
    }
    for element in 0..usize::from(op.count) {
        put(warp, op, op.data[element], &values[element]);
    }
}

pub(crate) fn local_store(warp: &mut Warp, block: &mut Block<'_>, ops: &[Op]) {
    let program = block.context.program;
    let op = &program.memory[ops[0].immediate as usize];
    let addresses = addresses(warp, op.address, op.address_wide, op.offset);
    let traffic = &mut block.counters.local_stores;
    traffic.requests += 1;
    traffic.bytes += u64::from(warp.mask.count_ones()) * op.total_bytes();
    traffic.sectors += (u64::from(warp.mask.count_ones()) * op.total_bytes()).div_ceil(32);
    for lane in lanes_in(warp.mask) {
        let Some(Place::Local(at)) = place(warp, block, op, addresses[lane], lane) else { continue };
        let size = usize::from(op.bytes);
        for element in 0..usize::from(op.count) {
            let value = stored(warp, op, op.data[element], lane).to_le_bytes();
            block.local[at + element * size..][..size].copy_from_slice(&value[..size]);
            block.local_written = true;
        }
    }
}
