//! Atomic operations. PTX manual, "Parallel Synchronization and Communication Instructions: atom" and "… red".

use std::sync::atomic::Ordering::Relaxed;

use super::access::{addresses, lanes_in, put, stored};
use super::block::Block;
use super::global::{check_written, count};
use super::past::Accessor;
use super::races::{Act, Races};
use super::shadow::Access;
use super::shared;
use super::warp::Warp;
use crate::lanes::LANES;
use crate::lanes::half::pair2;
use crate::lanes::sixteen::{Brain, Half};
use crate::memory::Allocation;
use crate::program::{AtomicKind, MemoryOp, Op};

/// The new value, from the old one and the operands.
fn apply(kind: AtomicKind, bytes: u8, old: u64, b: u64, c: u64) -> u64 {
    let (old32, b32) = (old as u32, b as u32);
    let signed = |value: u64| if bytes == 4 { i64::from(value as i32) } else { value as i64 };
    match kind {
        AtomicKind::Add => old.wrapping_add(b),
        AtomicKind::AddF32 => u64::from((f32::from_bits(old32) + f32::from_bits(b32)).to_bits()),
        AtomicKind::AddF64 => (f64::from_bits(old) + f64::from_bits(b)).to_bits(),
        AtomicKind::AddF16 => u64::from(pair2::<Half>(old32, b32, |x, y| x + y)),
        AtomicKind::AddBf16 => u64::from(pair2::<Brain>(old32, b32, |x, y| x + y)),
        AtomicKind::MinUnsigned => old.min(b),
        AtomicKind::MaxUnsigned => old.max(b),
        AtomicKind::MinSigned => signed(old).min(signed(b)) as u64,
        AtomicKind::MaxSigned => signed(old).max(signed(b)) as u64,
        AtomicKind::Increment => u64::from(if old32 >= b32 { 0 } else { old32 + 1 }),
        AtomicKind::Decrement => u64::from(if old32 == 0 || old32 > b32 { b32 } else { old32 - 1 }),
        AtomicKind::And => old & b,
        AtomicKind::Or => old | b,
        AtomicKind::Xor => old ^ b,
        AtomicKind::Exchange | AtomicKind::None => b,
        AtomicKind::CompareAndSwap => {
            if old == b {
                c
            } else {
                old
            }
        }
    }
}

/// An operand as wide as the memory it meets.
fn operand(warp: &Warp, op: &MemoryOp, index: usize, lane: usize) -> u64 {
    let value = stored(warp, op, op.data[index], lane);
    value & (u64::MAX >> (64 - 8 * u32::from(op.bytes)))
}

pub(crate) fn global_atomic(warp: &mut Warp, block: &mut Block<'_>, ops: &[Op]) {
    let at = ops[0].immediate as usize;
    let program = block.context.program;
    let op = &program.memory[at];
    let addresses = addresses(warp, op.address, op.address_wide, op.offset);
    let bytes = op.total_bytes();
    let targets = block.targets(warp, at, op.position, &addresses, bytes, bytes);
    count(&mut block.counters.global_atomics, &addresses, warp.mask, bytes);
    if block.context.checks.uninitialized_global {
        check_written(warp, block, op, &addresses, &targets);
    }
    let context = block.context;
    let mut held = context.races.as_ref().map(Races::held);
    let mut old = [0; LANES];
    for lane in lanes_in(warp.mask) {
        let Some(found) = targets.of(lane) else { continue };
        let (b, c) = (operand(warp, op, 1, lane), if op.count == 3 { operand(warp, op, 2, lane) } else { 0 });
        let offset = addresses[lane] - found.start();
        let (Some(races), Some(held)) = (&context.races, &mut held) else {
            old[lane] = update(found, offset, op, b, c);
            continue;
        };
        held.hold(addresses[lane]);
        old[lane] = update(found, offset, op, b, c);
        let by = Accessor::new(warp, lane, &block.order, block.clock, op.position);
        races.write(found, offset, bytes, u64::MAX, &block.step(by, Act::Atomic, true));
    }
    put(warp, op, op.data[0], &old);
}

fn update(found: &Allocation, offset: u64, op: &MemoryOp, b: u64, c: u64) -> u64 {
    // Global memory's adders for singles know no subnormals; those of shared memory do.
    let flushes = op.atomic == AtomicKind::AddF32;
    let flush = |bits: u64| if flushes && bits & 0x7f80_0000 == 0 { bits & 0x8000_0000 } else { bits };
    let new = |old: u64| flush(apply(op.atomic, op.bytes, flush(old), flush(b), c));
    match op.bytes {
        2 => {
            let cell = found.atomic16(offset);
            let old = cell.fetch_update(Relaxed, Relaxed, |old| Some(new(u64::from(old)) as u16));
            u64::from(old.unwrap_or_else(|old| old))
        }
        4 => {
            let cell = found.atomic32(offset);
            let old = cell.fetch_update(Relaxed, Relaxed, |old| Some(new(u64::from(old)) as u32));
            u64::from(old.unwrap_or_else(|old| old))
        }
        _ => found.atomic64(offset).fetch_update(Relaxed, Relaxed, |old| Some(new(old))).unwrap_or_else(|old| old),
    }
}

pub(crate) fn shared_atomic(warp: &mut Warp, block: &mut Block<'_>, ops: &[Op]) {
    let program = block.context.program;
    let op = &program.memory[ops[0].immediate as usize];
    let offsets = shared::offsets(warp, op.address, op.address_wide, op.offset);
    let bytes = op.total_bytes() as u32;
    let good = block.inside_shared(warp, op.position, &offsets, bytes);
    shared::count(&mut block.counters.shared_atomics, &offsets, warp.mask, bytes);
    block.check_shared(warp, op.position, good, Access::Atomic, &offsets, bytes);
    let mut old = [0; LANES];
    let size = usize::from(op.bytes);
    for lane in lanes_in(good) {
        let (b, c) = (operand(warp, op, 1, lane), if op.count == 3 { operand(warp, op, 2, lane) } else { 0 });
        let place = &mut block.shared[offsets[lane] as usize..][..size];
        old[lane] = place.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte));
        let new = apply(op.atomic, op.bytes, old[lane], b, c).to_le_bytes();
        place.copy_from_slice(&new[..size]);
    }
    put(warp, op, op.data[0], &old);
}
