//! Moves between registers, and between the addresses of memories.

use super::data::{Where, take_space};
use super::{Decoder, Slot, Words, is_wide};
use crate::error::Error;
use crate::lanes::{compare, integer, parts};
use crate::ptx::ast::{Operand, Space, Type};

impl Decoder<'_> {
    pub(super) fn mov(&mut self, words: &mut Words<'_>) -> Result<(), Error> {
        let ty = words.ty()?;
        match (self.operand(0)?, self.operand(1)?) {
            (Operand::Vector(targets), source) => {
                let source = self.source(source, ty)?;
                self.unpack(targets, source, ty)
            }
            (target, Operand::Vector(sources)) => {
                let target = self.target(target, ty)?;
                self.pack(target, sources, ty)
            }
            (target, source) => {
                let target = self.target(target, ty)?;
                let source = self.source(source, ty)?;
                self.lanes(Some(integer::mov(is_wide(ty))), target, &[source])
            }
        }
    }

    /// The types of the parts of a word.
    pub(super) fn parts(&self, count: usize, ty: Type) -> Result<Type, Error> {
        match (count, ty.bytes()) {
            (2, 8) => Ok(Type::B32),
            (4, 8) | (2, 4) => Ok(Type::B16),
            (4, 4) | (2, 2) => Ok(Type::B8),
            _ => Err(self.error(format!("{ty:?} has no {count} parts"))),
        }
    }

    pub(super) fn unpack(&mut self, targets: &[Operand], source: Slot, ty: Type) -> Result<(), Error> {
        let part = self.parts(targets.len(), ty)?;
        // The source may be one of the targets: keep it.
        let kept = self.temporary(0, is_wide(ty));
        self.lanes(Some(integer::mov(is_wide(ty))), kept, &[source])?;
        for (index, target) in targets.iter().enumerate() {
            if *target != Operand::Sink {
                let target = self.target(target, part)?;
                let shift = self.constant(8 * part.bytes() * index as u32);
                self.lanes(parts::part(is_wide(ty), part), target, &[kept, shift])?;
            }
        }
        Ok(())
    }

    pub(super) fn pack(&mut self, target: Slot, sources: &[Operand], ty: Type) -> Result<(), Error> {
        let part = self.parts(sources.len(), ty)?;
        // The target may be one of the sources: build the word elsewhere.
        let word = self.temporary(0, is_wide(ty));
        let mut first = true;
        for (index, source) in sources.iter().enumerate() {
            let source = self.source(source, part)?;
            let shift = self.constant(8 * part.bytes() * index as u32);
            self.lanes(parts::join(is_wide(ty), part, first), word, &[source, shift, word])?;
            first = false;
        }
        self.lanes(Some(integer::mov(is_wide(ty))), target, &[word])
    }

    /// Between the addresses of a space and generic ones. Global and constant memory have the same in both.
    pub(super) fn cvta(&mut self, words: &mut Words<'_>) -> Result<(), Error> {
        let to = words.take("to");
        let Some(Where::Space(space)) = take_space(words) else { return Err(words.unsupported()) };
        let ty = words.ty()?;
        let target = self.target(self.operand(0)?, ty)?;
        let source = self.source(self.operand(1)?, ty)?;
        if space == Space::Param {
            // Its addresses name their window already.
            return self.lanes(Some(integer::mov(is_wide(ty))), target, &[source]);
        }
        let window = self.number(Self::window(space), ty);
        let variants = if to { integer::sub(ty) } else { integer::add(ty) };
        self.lanes(variants, target, &[source, window])
    }

    pub(super) fn isspacep(&mut self, words: &mut Words<'_>) -> Result<(), Error> {
        let Some(Where::Space(space)) = take_space(words) else { return Err(words.unsupported()) };
        let target = self.target(self.operand(0)?, Type::Pred)?;
        let source = self.source(self.operand(1)?, Type::U64)?;
        let window = self.wide_constant(Self::window(space));
        self.lanes(Some(compare::in_window()), target, &[source, window])
    }
}
