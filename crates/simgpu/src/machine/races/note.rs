//! What the findings say, once all blocks have run.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::PoisonError;

use super::kept::{Act, Reads, Step, Writes, is_own};
use super::{Races, WORDS};
use crate::finding::FindingKind;
use crate::limits;
use crate::machine::block::Context;
use crate::machine::notes::{Notes, Occurrence};

/// Races within blocks that were seen while the launch ran. Whether they stand is known at its end: of a piece that other
/// blocks have been at, what a block saw of its own accesses depends on who came when.
#[derive(Debug, Default)]
pub(super) struct Clashes {
    /// By the allocation's index, the piece and the instruction's position.
    seen: HashMap<(usize, u64, u32), Seen>,
    dropped: u64,
}

/// Another access of the same block that the new one races with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Other {
    pub(super) thread: u32,
    pub(super) position: u32,
    pub(super) wrote: bool,
}

#[derive(Debug)]
struct Seen {
    block: u32,
    time: u32,
    thread: u32,
    act: Act,
    other: Other,
    count: u64,
}

impl Clashes {
    pub(super) fn add(&mut self, allocation: usize, piece: u64, step: &Step<'_>, other: Other) {
        let is_full = self.seen.len() >= limits::CLASHES;
        match self.seen.entry((allocation, piece, step.by.position)) {
            Entry::Occupied(mut seen) => seen.get_mut().count += 1,
            Entry::Vacant(_) if is_full => self.dropped += 1,
            Entry::Vacant(place) => {
                let (block, time, thread) = (step.block, step.time, step.by.thread);
                place.insert(Seen { block, time, thread, act: step.act, other, count: 1 });
            }
        }
    }
}

impl Races {
    /// Adds what was found to the notes. The launch has ended, and all blocks have run.
    pub(crate) fn note(&self, context: &Context<'_>, notes: &mut Notes) {
        self.note_clashes(context, notes);
        self.note_fights(context, notes);
    }

    /// An address, and what is kept of the piece there.
    fn kept(&self, context: &Context<'_>, allocation: usize, piece: u64) -> Option<(u64, Writes, Reads)> {
        let memory = context.memory.reachable(allocation)?;
        let words = self.beside(memory)?;
        let load = |word| words.load(WORDS * piece + word);
        Some((memory.start() + (piece << self.shift), Writes(load(0)), Reads(load(1))))
    }

    /// The races within blocks, in the order in which the threads of the lowest block came.
    fn note_clashes(&self, context: &Context<'_>, notes: &mut Notes) {
        let clashes = std::mem::take(&mut *self.clashes.lock().unwrap_or_else(PoisonError::into_inner));
        notes.add_dropped(clashes.dropped);
        let mut found: Vec<(u64, u32, Seen)> = (clashes.seen.into_iter())
            .filter_map(|((allocation, piece, position), seen)| {
                let (address, writes, reads) = self.kept(context, allocation, piece)?;
                is_own(seen.block, writes, reads).then_some((address, position, seen))
            })
            .collect();
        found.sort_unstable_by_key(|(address, position, seen)| {
            (seen.block, seen.time, seen.thread, *address, *position)
        });
        for (address, position, seen) in found {
            let what = match seen.act {
                Act::Read => "read",
                Act::Write => "write",
                Act::Atomic => "atomic operation",
            };
            let did = if seen.other.wrote { "wrote" } else { "read" };
            let positions = &context.program.positions;
            let line = positions.get(seen.other.position as usize).map_or(0, |position| position.ptx_line);
            let [x, y, z] = context.thread_at(seen.other.thread);
            let first = occurrence(context, seen.block, seen.thread, address);
            notes.add(FindingKind::Race, position, first, seen.count, || {
                format!("this {what} of global memory and thread ({x}, {y}, {z}) of the block, which {did} in line {line}, have no barrier between them")
            });
        }
    }

    /// The races between blocks.
    fn note_fights(&self, context: &Context<'_>, notes: &mut Notes) {
        let fights = std::mem::take(&mut *self.fights.lock().unwrap_or_else(PoisonError::into_inner));
        let mut found: Vec<(u64, Writes, Reads)> =
            fights.into_iter().filter_map(|(allocation, piece)| self.kept(context, allocation, piece)).collect();
        found.sort_unstable_by_key(|(address, writes, _)| (writes.block(), *address));
        for (address, writes, reads) in found {
            let other = match reads.exists() == 1 && reads.block() != writes.block() {
                true => format!("a read of block {:?}", context.block_at(u64::from(reads.block()))),
                false if reads.other_blocks() == 1 => "reads of other blocks".to_owned(),
                false => "what another block writes there".to_owned(),
            };
            let first = occurrence(context, writes.block(), writes.thread(), address);
            notes.add(FindingKind::Race, writes.position(), first, 1, || {
                format!("this write and {other} are in one launch, in which nothing orders blocks")
            });
        }
    }
}

fn occurrence(context: &Context<'_>, block: u32, thread: u32, address: u64) -> Occurrence {
    let number = u64::from(block);
    let (block, thread) = (context.block_at(number), context.thread_at(thread));
    Occurrence { number, block, thread, address: Some(address) }
}
