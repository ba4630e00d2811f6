//! What the lanes of a warp tell each other. PTX manual, "Data Movement and Conversion
//! Instructions: shfl.sync", "Parallel Synchronization and Communication Instructions" (`vote`, `match`, `redux`, `bar.warp`).

use super::access::lanes_in;
use super::block::Block;
use super::warp::Warp;
use crate::finding::FindingKind;
use crate::lanes::LANES;
use crate::program::{MatchOp, NO_SLOT, Op, ReduceOp, ShuffleMode, Slot, VoteMode};

/// Writes the active lanes of a register.
fn set(warp: &mut Warp, slot: Slot, values: &[u32; LANES]) {
    if slot == NO_SLOT {
        return;
    }
    let mask = warp.mask;
    let register = warp.registers.get_mut(slot);
    lanes_in(mask).for_each(|lane| register[lane] = values[lane]);
}

fn truth(value: bool) -> u32 {
    if value { u32::MAX } else { 0 }
}

/// The lanes that the instruction says take part. Those of them that are alive and not here would be waited for.
fn members(warp: &Warp, block: &mut Block<'_>, op: &Op, slot: Slot) -> u32 {
    let first = warp.mask.trailing_zeros() as usize % LANES;
    let members = warp.registers.get(slot)[first];
    let missing = members & warp.live & !warp.mask;
    if missing != 0 && block.context.checks.divergent_barriers {
        block.note(FindingKind::DivergentBarrier, warp, warp.mask, op.position, None, || {
            format!("the mask {members:#010x} names lane {}, which is elsewhere", missing.trailing_zeros())
        });
    }
    members & warp.mask
}

/// Slots: d, a, b, c, members. Immediate: mode, and the slot of the second destination above it.
pub(crate) fn shuffle(warp: &mut Warp, block: &mut Block<'_>, ops: &[Op]) {
    let op = &ops[0];
    members(warp, block, op, op.slots[4]);
    let mode = ShuffleMode::from_index(op.immediate & 3);
    let (source, shift, clamp) =
        (*warp.registers.get(op.slots[1]), *warp.registers.get(op.slots[2]), *warp.registers.get(op.slots[3]));
    let (mut values, mut inside) = ([0; LANES], [0; LANES]);
    for lane in 0..LANES {
        let (b, c) = (shift[lane] & 31, clamp[lane]);
        let (segment, this) = (c >> 8 & 31, lane as u32);
        let most = (this & segment) | (c & 31 & !segment);
        let (from, valid) = match mode {
            ShuffleMode::Up => {
                let from = i64::from(this) - i64::from(b);
                (from as u32, from >= i64::from(most))
            }
            ShuffleMode::Down => (this + b, this + b <= most),
            ShuffleMode::Butterfly => (this ^ b, this ^ b <= most),
            ShuffleMode::Index => {
                let from = this & segment | b & !segment;
                (from, from <= most)
            }
        };
        let from = if valid { from & 31 } else { this };
        (values[lane], inside[lane]) = (source[from as usize], truth(valid));
    }
    set(warp, op.slots[0], &values);
    set(warp, (op.immediate >> 16) as Slot, &inside);
}

/// Slots: d, predicate, members. Immediate: mode, and whether the predicate is negated above it.
pub(crate) fn vote(warp: &mut Warp, block: &mut Block<'_>, ops: &[Op]) {
    let op = &ops[0];
    let members = members(warp, block, op, op.slots[2]);
    let ballot = warp.predicate(op.slots[1], op.immediate >> 8 & 1 == 1) & members;
    let value = match VoteMode::from_index(op.immediate & 3) {
        VoteMode::All => truth(ballot == members),
        VoteMode::Any => truth(ballot != 0),
        VoteMode::Uniform => truth(ballot == 0 || ballot == members),
        VoteMode::Ballot => ballot,
    };
    set(warp, op.slots[0], &[value; LANES]);
}

/// Slots: d.
pub(crate) fn active_mask(warp: &mut Warp, _: &mut Block<'_>, ops: &[Op]) {
    set(warp, ops[0].slots[0], &[warp.mask; LANES]);
}

/// Slots: d, a, members, second destination. Immediate: see [`MatchOp`].
pub(crate) fn match_lanes(warp: &mut Warp, block: &mut Block<'_>, ops: &[Op]) {
    let op = &ops[0];
    let members = members(warp, block, op, op.slots[2]);
    let MatchOp { all, wide } = MatchOp::from_index(op.immediate);
    let values: [u64; LANES] =
        if wide { *warp.registers.get_wide(op.slots[1]) } else { warp.registers.get(op.slots[1]).map(u64::from) };
    let equal =
        |lane: usize| lanes_in(members).filter(|&other| values[other] == values[lane]).fold(0, |m, o| m | 1 << o);
    let mut out: [u32; LANES] = std::array::from_fn(equal);
    if all {
        let same = out[members.trailing_zeros() as usize % LANES] == members;
        out = [if same { members } else { 0 }; LANES];
        set(warp, op.slots[3], &[truth(same); LANES]);
    }
    set(warp, op.slots[0], &out);
}

/// Slots: d, a, members.
pub(crate) fn reduce(warp: &mut Warp, block: &mut Block<'_>, ops: &[Op]) {
    let op = &ops[0];
    let members = members(warp, block, op, op.slots[2]);
    let source = *warp.registers.get(op.slots[1]);
    let values = || lanes_in(members).map(|lane| source[lane]);
    let signed = || values().map(|value| value as i32);
    let value = match ReduceOp::from_index(op.immediate) {
        ReduceOp::Add => values().fold(0, u32::wrapping_add),
        ReduceOp::MinUnsigned => values().min().unwrap_or(0),
        ReduceOp::MaxUnsigned => values().max().unwrap_or(0),
        ReduceOp::MinSigned => signed().min().unwrap_or(0) as u32,
        ReduceOp::MaxSigned => signed().max().unwrap_or(0) as u32,
        ReduceOp::And => values().fold(u32::MAX, |all, value| all & value),
        ReduceOp::Or => values().fold(0, |all, value| all | value),
        ReduceOp::Xor => values().fold(0, |all, value| all ^ value),
    };
    set(warp, op.slots[0], &[value; LANES]);
}

/// `bar.warp.sync`. Slots: members in `slots[1]`.
pub(crate) fn sync_warp(warp: &mut Warp, block: &mut Block<'_>, ops: &[Op]) {
    let members = members(warp, block, &ops[0], ops[0].slots[1]);
    block.clock = block.clock.saturating_add(1);
    if members == warp.live {
        warp.order.join_all(block.clock);
    } else {
        warp.order.join(members, &[0; LANES], block.clock);
    }
}
