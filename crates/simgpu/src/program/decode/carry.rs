//! Sums and differences of more than one word: `add.cc`, `addc`, `sub.cc`, `subc`, `mad.cc`, `madc`.

use super::{Decoder, Slot, Words, is_wide};
use crate::error::Error;
use crate::lanes::{bits, integer};
use crate::ptx::ast::Type;

impl Decoder<'_> {
    /// The carry flag as a predicate.
    pub(super) fn flag(&mut self) -> Slot {
        self.temporary(4, false)
    }

    pub(super) fn carry(&mut self, name: &str, words: &mut Words<'_>) -> Result<(), Error> {
        let how = words.take_any(&["lo", "hi"]);
        let sets = words.take("cc");
        let ty = words.ty()?;
        if sets {
            return self.with_carry(name, how, ty, true);
        }
        let (target, flag) = (self.target(self.operand(0)?, ty)?, self.flag());
        let (a, b) = self.summands(name, how, ty)?;
        let wide = is_wide(ty);
        let subtract = name == "subc";
        let variants = if subtract { integer::sub_borrow(wide) } else { integer::add_carry(wide) };
        let carry = self.carry_in(flag, subtract)?;
        self.lanes(Some(variants), target, &[a, b, carry])
    }

    /// An instruction that sets the carry flag, and uses it where `uses` says.
    pub(super) fn with_carry(&mut self, name: &str, how: Option<&str>, ty: Type, uses: bool) -> Result<(), Error> {
        let (target, flag) = (self.target(self.operand(0)?, ty)?, self.flag());
        let (a, b) = self.summands(name, how, ty)?;
        let wide = is_wide(ty);
        let subtract = name.starts_with("sub");
        let carry = if uses { self.carry_in(flag, subtract)? } else { self.constant(0) };
        let (value, out) = if subtract {
            (integer::sub_borrow(wide), integer::sub_borrow_out(wide))
        } else {
            (integer::add_carry(wide), integer::add_carry_out(wide))
        };
        // The flag first, into a place of its own: the target may be one of the summands.
        let new_flag = self.temporary(3, false);
        self.lanes(Some(out), new_flag, &[a, b, carry])?;
        self.lanes(Some(value), target, &[a, b, carry])?;
        let keep = if subtract { bits::not(Type::Pred) } else { Some(integer::mov(false)) };
        self.lanes(keep, flag, &[new_flag])
    }

    /// What a sum adds or a difference takes off. A subtraction is a + !b + 1 on a GPU: its carry says that nothing was
    /// borrowed. The manual has borrow and carry apart; compilers' 128-bit division reads one with the other.
    pub(super) fn carry_in(&mut self, flag: Slot, subtract: bool) -> Result<Slot, Error> {
        if !subtract {
            return Ok(flag);
        }
        let borrow = self.temporary(1, false);
        self.lanes(bits::not(Type::Pred), borrow, &[flag])?;
        Ok(borrow)
    }

    /// What is added: a and b, or for `mad` the product of a and b, and c.
    pub(super) fn summands(&mut self, name: &str, how: Option<&str>, ty: Type) -> Result<(Slot, Slot), Error> {
        if !matches!(ty, Type::U32 | Type::S32 | Type::B32 | Type::U64 | Type::S64 | Type::B64) {
            return Err(Words::new(self.at).unsupported());
        }
        if !name.starts_with("mad") {
            let sources = self.sources(1, &[ty, ty])?;
            return Ok((sources[0], sources[1]));
        }
        let sources = self.sources(1, &[ty, ty, ty])?;
        let product = self.temporary(2, is_wide(ty));
        let variants = if how == Some("hi") { integer::mul_hi(ty) } else { integer::mul_lo(ty) };
        self.lanes(variants, product, &sources[..2])?;
        Ok((product, sources[2]))
    }
}
