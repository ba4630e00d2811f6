//! Instructions of a whole warp: exchanges; matrices are in `matrices`.

use super::super::{MatchOp, NO_SLOT, Slot};
use super::{Decoder, Words};
use crate::error::Error;
use crate::machine;
use crate::ptx::ast::{Operand, Type};

impl Decoder<'_> {
    /// Decodes an instruction of this kind; says whether it is one.
    pub(super) fn warp(&mut self, name: &str, words: &mut Words<'_>) -> Result<bool, Error> {
        match name {
            "shfl" => self.shuffle(words)?,
            "vote" => self.vote(words)?,
            "activemask" => {
                words.ty()?;
                let target = self.target(self.operand(0)?, Type::B32)?;
                self.emit(machine::active_mask, target, &[], 0);
            }
            "match" => self.matching(words)?,
            "redux" => self.redux(words)?,
            "bar" | "barrier" if words.take("warp") => {
                words.take("sync");
                let members = self.members(0)?;
                self.emit(machine::sync_warp, NO_SLOT, &[members], 0);
            }
            "ldmatrix" => self.load_matrix(words)?,
            "stmatrix" => self.store_matrix(words)?,
            "mma" => self.multiply(words)?,
            "wmma" => self.wmma(words)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The one or two destinations of an instruction; the second is a predicate.
    fn targets(&mut self) -> Result<(Slot, Slot), Error> {
        match self.operand(0)? {
            Operand::Pair(first, second) => {
                let first = self.target(first, Type::B32)?;
                let second = if **second == Operand::Sink { NO_SLOT } else { self.target(second, Type::Pred)? };
                Ok((first, second))
            }
            one => Ok((self.target(one, Type::B32)?, NO_SLOT)),
        }
    }

    fn shuffle(&mut self, words: &mut Words<'_>) -> Result<(), Error> {
        if !words.take("sync") {
            return Err(words.unsupported());
        }
        let mode = match words.take_any(&["up", "down", "bfly", "idx"]) {
            Some("up") => 0,
            Some("down") => 1,
            Some("bfly") => 2,
            Some(_) => 3,
            None => return Err(words.unsupported()),
        };
        words.ty()?;
        let (target, inside) = self.targets()?;
        let mut sources = [NO_SLOT; 4];
        for (index, slot) in sources.iter_mut().enumerate().take(3) {
            *slot = self.source(self.operand(1 + index)?, Type::B32)?;
        }
        sources[3] = self.members(4)?;
        self.emit(machine::shuffle, target, &sources, mode | u64::from(inside) << 16);
        Ok(())
    }

    fn vote(&mut self, words: &mut Words<'_>) -> Result<(), Error> {
        if !words.take("sync") {
            return Err(words.unsupported());
        }
        let (mode, ty) = match words.take_any(&["all", "any", "uni", "ballot"]) {
            Some("all") => (0, Type::Pred),
            Some("any") => (1, Type::Pred),
            Some("uni") => (2, Type::Pred),
            Some(_) => (3, Type::B32),
            None => return Err(words.unsupported()),
        };
        words.ty()?;
        let target = self.target(self.operand(0)?, ty)?;
        let (source, negated) = match self.operand(1)? {
            Operand::NotRegister(register) => (self.register(*register), 1),
            other => (self.source(other, Type::Pred)?, 0),
        };
        let members = self.members(2)?;
        self.emit(machine::vote, target, &[source, members], mode | negated << 8);
        Ok(())
    }

    fn matching(&mut self, words: &mut Words<'_>) -> Result<(), Error> {
        let all = words.take_any(&["any", "all"]) == Some("all");
        words.take("sync");
        let ty = words.ty()?;
        let (target, same) = self.targets()?;
        let same = if same == NO_SLOT { self.temporary(7, false) } else { same };
        let source = self.source(self.operand(1)?, ty)?;
        let members = self.members(2)?;
        let mode = MatchOp { all, wide: ty.bytes() == 8 };
        self.emit(machine::match_lanes, target, &[source, members, same], mode.index());
        Ok(())
    }

    fn redux(&mut self, words: &mut Words<'_>) -> Result<(), Error> {
        words.take("sync");
        let operation = words.take_any(&["add", "min", "max", "and", "or", "xor"]);
        let ty = words.ty()?;
        let index = match (operation, ty) {
            (Some("add"), Type::U32 | Type::S32) => 0,
            (Some("min"), Type::U32) => 1,
            (Some("max"), Type::U32) => 2,
            (Some("min"), Type::S32) => 3,
            (Some("max"), Type::S32) => 4,
            (Some("and"), Type::B32) => 5,
            (Some("or"), Type::B32) => 6,
            (Some("xor"), Type::B32) => 7,
            _ => return Err(words.unsupported()),
        };
        let target = self.target(self.operand(0)?, ty)?;
        let source = self.source(self.operand(1)?, ty)?;
        let members = self.members(2)?;
        self.emit(machine::reduce, target, &[source, members], index);
        Ok(())
    }
}
