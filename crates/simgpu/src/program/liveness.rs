//! From where to where each register is needed.
//!
//! Backward data flow over the basic blocks, for the registers that live across blocks; then for each register the range of
//! instructions from the first to the last at which it is needed. A range is an over-estimate: it has no holes.

use super::blocks::{Blocks, successors, touch};
use super::inline::Flat;
use crate::limits;

/// A range of instructions, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Interval {
    pub(super) first: u32,
    pub(super) last: u32,
}

/// What is known of the registers of a kernel.
#[derive(Debug)]
pub(super) struct Liveness {
    /// `None` for a register that nobody touches.
    pub(super) intervals: Vec<Option<Interval>>,
    /// Registers that may be read before they are written.
    pub(super) undefined: Vec<u32>,
}

/// Sets of registers, one for each block.
struct Sets {
    words: usize,
    bits: Vec<u64>,
}

impl Sets {
    fn new(blocks: usize, registers: usize) -> Sets {
        let words = registers.div_ceil(64);
        Sets { words, bits: vec![0; words * blocks] }
    }

    fn of(&self, block: usize) -> &[u64] {
        &self.bits[block * self.words..][..self.words]
    }

    fn set(&mut self, block: usize, register: usize) {
        self.bits[block * self.words + register / 64] |= 1 << (register % 64);
    }

    fn has(&self, block: usize, register: usize) -> bool {
        self.bits[block * self.words + register / 64] >> (register % 64) & 1 == 1
    }
}

/// The registers of a set.
fn members(set: &[u64]) -> impl Iterator<Item = usize> {
    let bits = |word: u64| {
        let mut rest = word;
        std::iter::from_fn(move || {
            let bit = (rest != 0).then(|| rest.trailing_zeros() as usize)?;
            rest &= rest - 1;
            Some(bit)
        })
    };
    set.iter().enumerate().flat_map(move |(index, &word)| bits(word).map(move |bit| 64 * index + bit))
}

pub(super) fn analyse(flat: &Flat, blocks: &Blocks) -> Liveness {
    let registers = flat.registers.len();
    let mut intervals: Vec<Option<Interval>> = vec![None; registers];
    let mut extend = |register: usize, at: u32| {
        let interval = intervals[register].get_or_insert(Interval { first: at, last: at });
        (interval.first, interval.last) = (interval.first.min(at), interval.last.max(at));
    };
    for (at, instruction) in flat.instructions.iter().enumerate() {
        let mut touched = Vec::new();
        touch(instruction, |register| touched.push(register), |_| {});
        touch(instruction, |_| {}, |register| touched.push(register));
        touched.into_iter().for_each(|register| extend(register as usize, at as u32));
    }
    let global = across_blocks(flat, blocks);
    let last = flat.instructions.len().saturating_sub(1) as u32;
    if global.len() as u64 * blocks.count() as u64 > limits::LIVENESS_BITS {
        // Too many to look at closely: they live everywhere.
        for &register in &global {
            extend(register as usize, 0);
            extend(register as usize, last);
        }
        return Liveness { intervals, undefined: global };
    }
    let live_in = data_flow(flat, blocks, &global);
    for block in 0..blocks.count() {
        let range = blocks.range(block);
        let entry = range.start.min(last as usize) as u32;
        let exit = range.end.saturating_sub(1) as u32;
        members(live_in.of(block)).for_each(|index| extend(global[index] as usize, entry));
        for next in successors(flat, blocks, block) {
            members(live_in.of(next)).for_each(|index| extend(global[index] as usize, exit));
        }
    }
    let undefined =
        global.iter().enumerate().filter(|(index, _)| live_in.has(0, *index)).map(|(_, &register)| register).collect();
    Liveness { intervals, undefined }
}

/// Registers that some block reads without having written them.
fn across_blocks(flat: &Flat, blocks: &Blocks) -> Vec<u32> {
    let mut is_global = vec![false; flat.registers.len()];
    let mut written_in = vec![usize::MAX; flat.registers.len()];
    for block in 0..blocks.count() {
        for index in blocks.range(block) {
            let instruction = &flat.instructions[index];
            touch(
                instruction,
                |register| is_global[register as usize] |= written_in[register as usize] != block,
                |_| {},
            );
            touch(instruction, |_| {}, |register| written_in[register as usize] = block);
        }
    }
    (0..flat.registers.len() as u32).filter(|&register| is_global[register as usize]).collect()
}

/// Which of the registers are live at the beginning of each block.
fn data_flow(flat: &Flat, blocks: &Blocks, global: &[u32]) -> Sets {
    let mut index_of = vec![usize::MAX; flat.registers.len()];
    global.iter().enumerate().for_each(|(index, &register)| index_of[register as usize] = index);
    let count = blocks.count();
    let (mut reads, mut writes) = (Sets::new(count, global.len()), Sets::new(count, global.len()));
    let mut before: Vec<Vec<usize>> = vec![Vec::new(); count];
    for block in 0..count {
        successors(flat, blocks, block).into_iter().for_each(|next| before[next].push(block));
        for index in blocks.range(block) {
            let instruction = &flat.instructions[index];
            touch(
                instruction,
                |register| {
                    let index = index_of[register as usize];
                    if index != usize::MAX && !writes.has(block, index) {
                        reads.set(block, index);
                    }
                },
                |_| {},
            );
            touch(
                instruction,
                |_| {},
                |register| {
                    let index = index_of[register as usize];
                    if index != usize::MAX {
                        writes.set(block, index);
                    }
                },
            );
        }
    }
    let mut live_in = reads;
    let mut work: Vec<usize> = (0..count).collect();
    let mut waiting = vec![true; count];
    while let Some(block) = work.pop() {
        waiting[block] = false;
        let arriving = live_in.of(block).to_vec();
        for &previous in &before[block] {
            let mut changed = false;
            for (word, &live) in arriving.iter().enumerate() {
                let at = previous * live_in.words + word;
                let new = live_in.bits[at] | live & !writes.bits[at];
                changed |= new != live_in.bits[at];
                live_in.bits[at] = new;
            }
            if changed && !waiting[previous] {
                waiting[previous] = true;
                work.push(previous);
            }
        }
    }
    live_in
}
