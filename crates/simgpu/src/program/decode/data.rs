//! Instructions that move data: which is which.

use super::{Decoder, Words};
use crate::error::Error;
use crate::ptx::ast::Space;

/// A memory, or a generic address that says which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Where {
    Space(Space),
    Generic,
}

impl Decoder<'_> {
    /// Decodes an instruction of this kind; says whether it is one.
    pub(super) fn data(&mut self, name: &str, words: &mut Words<'_>) -> Result<bool, Error> {
        match name {
            "mov" => self.mov(words)?,
            "cvta" => self.cvta(words)?,
            "isspacep" => self.isspacep(words)?,
            "ld" | "ldu" => self.load(words)?,
            "st" => self.store(words)?,
            "atom" | "red" => self.atomic(name, words)?,
            "cp" => self.copy(words)?,
            // Hints, and orders between memories: there is one memory here, and it is in order.
            "membar" | "fence" | "prefetch" | "prefetchu" | "nanosleep" | "pmevent" | "discard" | "applypriority" => {
                self.program.has_fences |= matches!(name, "membar" | "fence");
                while words.next().is_some() {}
                self.looked_at.set(self.at.operands.len());
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

pub(super) fn take_space(words: &mut Words<'_>) -> Option<Where> {
    let names = ["global", "const", "shared", "shared::cta", "local", "param", "param::entry", "param::func"];
    Some(Where::Space(match words.take_any(&names)? {
        "global" => Space::Global,
        "const" => Space::Const,
        "local" => Space::Local,
        "shared" | "shared::cta" => Space::Shared,
        _ => Space::Param,
    }))
}
