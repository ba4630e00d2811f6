//! Addresses of lanes, and generic ones: which memory they mean.

use super::atomic::{global_atomic, shared_atomic};
use super::block::Block;
use super::global::{global_load, global_store};
use super::local::{local_load, local_store};
use super::shared::{shared_load, shared_store};
use super::warp::Warp;
use super::{LOCAL_WINDOW, PARAM_WINDOW, SHARED_WINDOW};
use crate::lanes::LANES;
use crate::program::{MemoryOp, NO_SLOT, Op, Slot};

/// The address of each lane. Lanes that are not active repeat that of one that is, so that they need no thought.
#[inline(always)]
pub(super) fn addresses(warp: &Warp, slot: Slot, wide: bool, offset: i64) -> [u64; LANES] {
    let mut addresses = if wide {
        warp.registers.get_wide(slot).map(|address| address.wrapping_add(offset as u64))
    } else {
        warp.registers.get(slot).map(|address| u64::from(address.wrapping_add(offset as u32)))
    };
    if warp.mask != u32::MAX {
        let leader = addresses[warp.mask.trailing_zeros() as usize % LANES];
        for (lane, address) in addresses.iter_mut().enumerate() {
            if warp.mask >> lane & 1 == 0 {
                *address = leader;
            }
        }
    }
    addresses
}

/// The active lanes, lowest first.
#[inline(always)]
pub(super) fn lanes_in(mask: u32) -> impl Iterator<Item = usize> {
    let mut rest = mask;
    std::iter::from_fn(move || {
        let lane = (rest != 0).then_some(rest.trailing_zeros() as usize)?;
        rest &= rest - 1;
        Some(lane)
    })
}

/// Puts loaded values into a register, widened as the instruction says.
#[inline(always)]
pub(super) fn put(warp: &mut Warp, op: &MemoryOp, slot: Slot, values: &[u64; LANES]) {
    if slot == NO_SLOT {
        return;
    }
    let shift = 64 - 8 * u32::from(op.bytes);
    let extend = |value: u64| if op.signed { ((value << shift) as i64 >> shift) as u64 } else { value };
    let mask = warp.mask;
    if op.wide {
        let register = warp.registers.get_wide_mut(slot);
        for lane in 0..LANES {
            register[lane] = if mask >> lane & 1 == 1 { extend(values[lane]) } else { register[lane] };
        }
    } else {
        let register = warp.registers.get_mut(slot);
        for lane in 0..LANES {
            register[lane] = if mask >> lane & 1 == 1 { extend(values[lane]) as u32 } else { register[lane] };
        }
    }
}

/// The value that a lane stores.
#[inline(always)]
pub(super) fn stored(warp: &Warp, op: &MemoryOp, slot: Slot, lane: usize) -> u64 {
    if op.wide { warp.registers.get_wide(slot)[lane] } else { u64::from(warp.registers.get(slot)[lane]) }
}

/// Which memory a generic address means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Window {
    Global,
    Shared,
    Local,
    Param,
}

fn window(address: u64) -> Window {
    match address {
        a if a < SHARED_WINDOW => Window::Global,
        a if a < LOCAL_WINDOW => Window::Shared,
        a if a < PARAM_WINDOW => Window::Local,
        _ => Window::Param,
    }
}

/// Runs an access once for each memory that the lanes mean.
fn by_window(warp: &mut Warp, block: &mut Block<'_>, ops: &[Op], access: impl Fn(Window) -> Access) {
    let program = block.context.program;
    let op = &program.memory[ops[0].immediate as usize];
    let generic = addresses(warp, op.address, op.address_wide, op.offset);
    let all = warp.mask;
    let mut rest = all;
    while rest != 0 {
        let wanted = window(generic[rest.trailing_zeros() as usize]);
        let lanes =
            lanes_in(rest).filter(|&lane| window(generic[lane]) == wanted).fold(0, |bits, lane| bits | 1 << lane);
        rest &= !lanes;
        warp.set_mask(lanes);
        access(wanted)(warp, block, ops);
    }
    warp.set_mask(all);
}

type Access = for<'a, 'b, 'c, 'd> fn(&'a mut Warp, &'b mut Block<'c>, &'d [Op]);

pub(crate) fn generic_load(warp: &mut Warp, block: &mut Block<'_>, ops: &[Op]) {
    by_window(warp, block, ops, |window| match window {
        Window::Global => global_load,
        Window::Shared => shared_load,
        Window::Local | Window::Param => local_load,
    });
}

pub(crate) fn generic_store(warp: &mut Warp, block: &mut Block<'_>, ops: &[Op]) {
    by_window(warp, block, ops, |window| match window {
        Window::Global => global_store,
        Window::Shared => shared_store,
        Window::Local | Window::Param => local_store,
    });
}

/// Atomics on local memory have no meaning: they are refused as out of bounds by global memory.
pub(crate) fn generic_atomic(warp: &mut Warp, block: &mut Block<'_>, ops: &[Op]) {
    by_window(warp, block, ops, |window| if window == Window::Shared { shared_atomic } else { global_atomic });
}
