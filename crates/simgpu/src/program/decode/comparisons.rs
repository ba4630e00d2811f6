//! Comparisons and selections.

use super::{Decoder, Slot, Words, is_wide};
use crate::error::Error;
use crate::lanes::{bits, compare, integer};
use crate::ptx::ast::{Operand, Type};

impl Decoder<'_> {
    /// `setp.op[.bool][.ftz].type p[|q], a, b[, c]`.
    pub(super) fn set_predicate(&mut self, words: &mut Words<'_>) -> Result<(), Error> {
        let (comparison, combine) = self.comparison(words);
        let ftz = words.take("ftz");
        let ty = words.ty()?;
        let sources = self.sources(1, &[ty, ty])?;
        let variants = compare::compare(&comparison, ty, ftz);
        let (first, second) = match self.operand(0)? {
            Operand::Pair(first, second) => (&**first, Some(&**second)),
            one => (one, None),
        };
        let target = self.target(first, Type::Pred)?;
        if combine.is_none() && second.is_none() {
            return self.lanes(variants, target, &sources);
        }
        let (result, negated) = (self.temporary(0, false), self.temporary(1, false));
        self.lanes(variants, result, &sources)?;
        let with = match &combine {
            Some(_) => Some(self.source(self.operand(3)?, Type::Pred)?),
            None => None,
        };
        // The third operand may be one of the targets: keep it.
        let kept = self.temporary(2, false);
        if let Some(with) = with {
            self.lanes(Some(integer::mov(false)), kept, &[with])?;
        }
        self.lanes(bits::not(Type::Pred), negated, &[result])?;
        let mut writes = vec![(target, result)];
        if let Some(second) = second.filter(|second| **second != Operand::Sink) {
            writes.push((self.target(second, Type::Pred)?, negated));
        }
        // The guard decides about each write: where it is a target itself, it is written last.
        let guard = self.at.guard.map(|guard| self.register(guard.register));
        writes.sort_by_key(|(target, _)| Some(*target) == guard);
        writes.into_iter().try_for_each(|(target, value)| self.combine(combine.as_deref(), target, value, kept))
    }

    pub(super) fn comparison(&self, words: &mut Words<'_>) -> (String, Option<String>) {
        let comparison = words.next().unwrap_or_default().to_owned();
        (comparison, words.take_any(&["and", "or", "xor"]).map(str::to_owned))
    }

    pub(super) fn combine(&mut self, with: Option<&str>, target: Slot, value: Slot, other: Slot) -> Result<(), Error> {
        let variants = match with {
            None => return self.lanes(Some(integer::mov(false)), target, &[value]),
            Some("and") => bits::and(Type::Pred),
            Some("or") => bits::or(Type::Pred),
            Some(_) => bits::xor(Type::Pred),
        };
        self.lanes(variants, target, &[value, other])
    }

    /// `set.op[.bool][.ftz].dtype.stype d, a, b[, c]`.
    pub(super) fn set(&mut self, words: &mut Words<'_>) -> Result<(), Error> {
        let (comparison, combine) = self.comparison(words);
        let ftz = words.take("ftz");
        let (to, from) = (words.ty()?, words.ty()?);
        if matches!(from, Type::F16x2 | Type::Bf16x2) {
            return match combine {
                Some(_) => Err(words.unsupported()),
                None => self.simple_set(&comparison, ftz, to, from),
            };
        }
        let target = self.target(self.operand(0)?, to)?;
        let sources = self.sources(1, &[from, from])?;
        let result = self.temporary(0, false);
        self.lanes(compare::compare(&comparison, from, ftz), result, &sources)?;
        if combine.is_some() {
            let with = self.source(self.operand(3)?, Type::Pred)?;
            self.combine(combine.as_deref(), result, result, with)?;
        }
        self.lanes(compare::widen(to), target, &[result])
    }

    /// Both halves of a pair: all ones or 1.0 in each half of the target.
    pub(super) fn simple_set(&mut self, comparison: &str, ftz: bool, to: Type, from: Type) -> Result<(), Error> {
        let target = self.target(self.operand(0)?, Type::B32)?;
        let sources = self.sources(1, &[from, from])?;
        self.lanes(compare::compare_pair(comparison, to, from, ftz), target, &sources)
    }

    pub(super) fn select(&mut self, words: &mut Words<'_>) -> Result<(), Error> {
        let ty = words.ty()?;
        let target = self.target(self.operand(0)?, ty)?;
        let sources = self.sources(1, &[ty, ty, Type::Pred])?;
        self.lanes(Some(compare::select(is_wide(ty))), target, &sources)
    }

    pub(super) fn select_by_sign(&mut self, words: &mut Words<'_>) -> Result<(), Error> {
        let ftz = words.take("ftz");
        let (ty, by) = (words.ty()?, words.ty()?);
        if !matches!(by, Type::S32 | Type::F32) || ftz && by != Type::F32 {
            return Err(words.unsupported());
        }
        let target = self.target(self.operand(0)?, ty)?;
        let sources = self.sources(1, &[ty, ty, by])?;
        self.lanes(Some(compare::select_by_sign(is_wide(ty), by == Type::F32, ftz)), target, &sources)
    }
}
