//! `cp.async`.

use super::super::{AtomicKind, CopyOp, MemoryOp, NO_SLOT};
use super::{Decoder, Words};
use crate::error::Error;
use crate::lanes::compiled;
use crate::machine;
use crate::ptx::ast::{Operand, Type};

impl Decoder<'_> {
    /// `cp.async`: the copy, `commit_group`, `wait_group`, `wait_all`.
    pub(super) fn copy(&mut self, words: &mut Words<'_>) -> Result<(), Error> {
        if !words.take("async") {
            return Err(words.unsupported());
        }
        if words.take("commit_group") {
            self.emit(machine::commit_group, NO_SLOT, &[], 0);
            return Ok(());
        }
        if words.take("wait_all") {
            self.emit(machine::wait_group, NO_SLOT, &[], u64::MAX);
            return Ok(());
        }
        if words.take("wait_group") {
            let Operand::Integer(keep) = self.operand(0)? else { return Err(words.unsupported()) };
            self.emit(machine::wait_group, NO_SLOT, &[], (*keep).min(u64::MAX - 1));
            return Ok(());
        }
        self.take_hints(words);
        words.take_any(&["shared", "shared::cta"]);
        words.take("global");
        self.take_hints(words);
        let (to, to_wide, to_offset) = self.address(self.operand(0)?)?;
        let (from, from_wide, from_offset) = self.address(self.operand(1)?)?;
        let bytes = match self.operand(2)? {
            Operand::Integer(bytes @ (4 | 8 | 16)) => *bytes as u32,
            other => return Err(self.error(format!("cp.async copies 4, 8 or 16 bytes, not {other:?}"))),
        };
        self.looked_at.set(self.at.operands.len().min(4));
        let read_bytes = match self.at.operands.get(3) {
            Some(Operand::Register(register)) if self.register_type(*register) == Type::Pred => {
                return Err(words.unsupported());
            }
            Some(operand) => Some(self.source(operand, Type::U32)?),
            None => None,
        };
        let position = (self.program.positions.len() - 1) as u32;
        let memory = self.program.memory.len() as u32;
        self.program.memory.push(MemoryOp {
            address: from,
            address_wide: from_wide,
            offset: from_offset,
            bytes: bytes.min(8) as u8,
            count: 1,
            signed: false,
            wide: false,
            data: [NO_SLOT; 4],
            atomic: AtomicKind::None,
            strong: false,
            position,
        });
        let index = self.program.copies.len() as u64;
        self.program.copies.push(CopyOp {
            to,
            to_wide,
            to_offset,
            from,
            from_wide,
            from_offset,
            bytes,
            read_bytes,
            memory,
            position,
        });
        self.emit(compiled!(machine::copy_async).pick(self.lanes), NO_SLOT, &[], index);
        Ok(())
    }
}
