//! `%clock`, `%clock64`, `%globaltimer`: how many instructions the block has issued, its warps taken together. It rises from each
//! reading to the next, as a multiprocessor's cycles do, and is the same in every run; it is no measure of a GPU's time.

use super::block::Block;
use super::warp::Warp;
use crate::lanes::LANES;
use crate::program::{ClockOp, Op};

/// Slots: d. Immediate: see [`ClockOp`].
pub(crate) fn read_clock(warp: &mut Warp, block: &mut Block<'_>, ops: &[Op]) {
    let op = ClockOp::from_index(ops[0].immediate);
    // The whole basic block is counted as it begins.
    let now = block.instructions - u64::from(op.still_to_come);
    let value = if op.upper { now >> 32 } else { now };
    for lane in (0..LANES).filter(|lane| warp.mask >> lane & 1 == 1) {
        if op.wide {
            warp.registers.get_wide_mut(ops[0].slots[0])[lane] = value;
        } else {
            warp.registers.get_mut(ops[0].slots[0])[lane] = value as u32;
        }
    }
}
