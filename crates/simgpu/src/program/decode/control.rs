//! What ends a basic block: branches, exits, barriers of the block.

use super::super::blocks::Blocks;
use super::super::{Barrier, BarrierKind, BarrierReduction, Slot, Terminator};
use super::{Decoder, Words};
use crate::error::Error;
use crate::ptx::ast::{Operand, Type};

impl Decoder<'_> {
    pub(super) fn terminator(&mut self, blocks: &Blocks) -> Result<Terminator, Error> {
        let mut words = Words::new(self.at);
        let guard = self.at.guard.map(|guard| (self.register(guard.register), guard.negated));
        let terminator = match self.at.opcode[0].as_str() {
            "bra" => {
                words.take("uni");
                let target = self.label(blocks, 0)?;
                match guard {
                    Some((predicate, negated)) => Terminator::Branch { predicate, negated, target },
                    None => Terminator::Jump { target },
                }
            }
            "brx" => self.switch(blocks, guard, &mut words)?,
            "ret" => {
                words.take("uni");
                Terminator::Exit { guard }
            }
            "exit" => Terminator::Exit { guard },
            "trap" => Terminator::Trap { guard },
            _ => self.barrier(guard, &mut words)?,
        };
        words.finish()?;
        Ok(terminator)
    }

    fn label(&self, blocks: &Blocks, index: usize) -> Result<u32, Error> {
        match self.operand(index)? {
            Operand::Label(label) => Ok(blocks.of_label[*label as usize]),
            other => Err(self.error(format!("a label was expected, not {other:?}"))),
        }
    }

    fn switch(
        &mut self,
        blocks: &Blocks,
        guard: Option<(Slot, bool)>,
        words: &mut Words<'_>,
    ) -> Result<Terminator, Error> {
        words.take("idx");
        words.take("uni");
        if guard.is_some() {
            return Err(words.unsupported());
        }
        let index = self.source(self.operand(0)?, Type::U32)?;
        let Operand::Vector(labels) = self.operand(1)? else { return Err(words.unsupported()) };
        let target = |label: &Operand| match label {
            Operand::Label(label) => Some(blocks.of_label[*label as usize]),
            _ => None,
        };
        let targets = labels.iter().map(target).collect::<Option<Vec<u32>>>().ok_or_else(|| words.unsupported())?;
        Ok(Terminator::Switch { index, targets })
    }

    /// `bar`, `barrier`: PTX manual, "Parallel Synchronization and Communication Instructions: bar, barrier". `bar` is `barrier` with `.aligned`.
    fn barrier(&mut self, guard: Option<(Slot, bool)>, words: &mut Words<'_>) -> Result<Terminator, Error> {
        words.take("cta");
        let aligned = words.take("aligned") || self.at.opcode[0] == "bar";
        let kind = words.take_any(&["sync", "arrive", "red"]).ok_or_else(|| words.unsupported())?;
        let count = self.at.operands.len();
        let (first, kind) = match kind {
            "red" => {
                let operation = words.take_any(&["popc", "and", "or"]).ok_or_else(|| words.unsupported())?;
                let ty = words.ty()?;
                let operation = match operation {
                    "popc" => BarrierReduction::Count,
                    "and" => BarrierReduction::And,
                    _ => BarrierReduction::Or,
                };
                let target = self.target(self.operand(0)?, ty)?;
                let (source, negated) = match self.operand(count - 1)? {
                    Operand::Register(register) => (self.register(*register), false),
                    Operand::NotRegister(register) => (self.register(*register), true),
                    other => return Err(self.error(format!("a predicate was expected, not {other:?}"))),
                };
                (1, BarrierKind::Reduce { operation, source, negated, target })
            }
            "arrive" => (0, BarrierKind::Arrive),
            _ => (0, BarrierKind::Sync),
        };
        let last = if first == 1 { count - 1 } else { count };
        let number = self.source(self.operand(first)?, Type::U32)?;
        let threads = if first + 1 < last { Some(self.source(self.operand(first + 1)?, Type::U32)?) } else { None };
        if matches!(kind, BarrierKind::Arrive) && threads.is_none() {
            return Err(self.error("bar.arrive needs the number of threads"));
        }
        if aligned {
            self.waits_for.lanes = u32::MAX;
        }
        let site = self.program.barriers.len() as u32;
        let position = (self.program.positions.len() - 1) as u32;
        self.program.barriers.push(Barrier { number, threads, kind, aligned, position });
        Ok(Terminator::Barrier { guard, site })
    }
}
