//! Findings as they are collected: one for each kind and instruction, the first block's, and how often.

use std::collections::BTreeMap;

use crate::finding::{Finding, FindingKind};
use crate::limits;
use crate::program::Program;

/// What was noted of some blocks.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    notes: BTreeMap<(u32, FindingKind), Note>,
    dropped: u64,
}

#[derive(Debug)]
struct Note {
    first: Occurrence,
    detail: String,
    count: u64,
}

/// Where and by whom something was done.
#[derive(Debug, Clone, Copy)]
pub(super) struct Occurrence {
    /// The block's number in the grid.
    pub(super) number: u64,
    pub(super) block: [u32; 3],
    pub(super) thread: [u32; 3],
    pub(super) address: Option<u64>,
}

impl Notes {
    pub(crate) fn is_empty(&self) -> bool {
        self.notes.is_empty() && self.dropped == 0
    }

    /// Adds what happened `count` times, of which `first` was the first.
    pub(super) fn add(
        &mut self,
        kind: FindingKind,
        position: u32,
        first: Occurrence,
        count: u64,
        detail: impl FnOnce() -> String,
    ) {
        if let Some(note) = self.notes.get_mut(&(position, kind)) {
            note.count += count;
        } else if self.notes.len() < limits::FINDINGS {
            self.notes.insert((position, kind), Note { first, detail: detail(), count });
        } else {
            self.dropped += count;
        }
    }

    /// Counts what could not be kept.
    pub(super) fn add_dropped(&mut self, count: u64) {
        self.dropped += count;
    }

    /// Joins what was noted of other blocks; the lowest block is the first.
    pub(crate) fn merge(&mut self, other: Notes) {
        self.dropped += other.dropped;
        for (key, note) in other.notes {
            match self.notes.remove(&key) {
                Some(mine) => {
                    let count = mine.count + note.count;
                    let earlier = if mine.first.number <= note.first.number { mine } else { note };
                    self.notes.insert(key, Note { count, ..earlier });
                }
                None if self.notes.len() < limits::FINDINGS => {
                    self.notes.insert(key, note);
                }
                None => self.dropped += note.count,
            }
        }
    }

    /// As findings, in the order of the text, and how many were dropped.
    pub(crate) fn into_findings(self, kernel: &str, program: &Program, files: &[(u32, String)]) -> (Vec<Finding>, u64) {
        let finding = |((position, kind), note): ((u32, FindingKind), Note)| {
            let place = program.positions[position as usize];
            let file = |index| files.iter().find(|(id, _)| *id == index).map_or("?", |(_, path)| path);
            Finding {
                kind,
                kernel: kernel.to_owned(),
                ptx_line: place.ptx_line,
                source: place.source.map(|(index, line)| (file(index).to_owned(), line)),
                block: note.first.block,
                thread: note.first.thread,
                address: note.first.address,
                detail: note.detail,
                count: note.count,
            }
        };
        (self.notes.into_iter().map(finding).collect(), self.dropped)
    }
}
