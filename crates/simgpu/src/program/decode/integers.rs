//! Division, bits, fields, bytes.

use super::arithmetic::{flops, is_real};
use super::{Decoder, Words, Work};
use crate::error::Error;
use crate::lanes::float::Modifiers;
use crate::lanes::{Variants, bits, float, integer};
use crate::ptx::ast::Type;

impl Decoder<'_> {
    pub(super) fn integers(&mut self, name: &str, words: &mut Words<'_>) -> Result<(), Error> {
        match name {
            "div" => return self.divide(words),
            "shf" => {
                let left = words.take_any(&["l", "r"]) == Some("l");
                let wrap = words.take_any(&["wrap", "clamp"]) == Some("wrap");
                if words.ty()? != Type::B32 {
                    return Err(words.unsupported());
                }
                return self.simple(Some(bits::shf(left, wrap)), Type::B32, Work::default());
            }
            "shl" | "shr" => {
                let ty = words.ty()?;
                let target = self.target(self.operand(0)?, ty)?;
                let sources = self.sources(1, &[ty, Type::U32])?;
                let variants = if name == "shl" { bits::shl(ty) } else { bits::shr(ty) };
                return self.lanes(variants, target, &sources);
            }
            "prmt" => {
                words.ty()?;
                let variants = bits::prmt(words.take_if(|_| true));
                return self.simple(variants, Type::B32, Work::default());
            }
            "bfind" => {
                let shift = words.take("shiftamt");
                let ty = words.ty()?;
                return self.count(bits::bfind(ty, shift), ty);
            }
            "popc" | "clz" => {
                let ty = words.ty()?;
                return self.count(if name == "popc" { bits::popc(ty) } else { bits::clz(ty) }, ty);
            }
            "bfe" => {
                let ty = words.ty()?;
                let target = self.target(self.operand(0)?, ty)?;
                let sources = self.sources(1, &[ty, Type::U32, Type::U32])?;
                return self.lanes(bits::bfe(ty), target, &sources);
            }
            "bfi" => {
                let ty = words.ty()?;
                let target = self.target(self.operand(0)?, ty)?;
                let sources = self.sources(1, &[ty, ty, Type::U32, Type::U32])?;
                return self.lanes(bits::bfi(ty), target, &sources);
            }
            "szext" => {
                let wrap = words.take_any(&["clamp", "wrap"]).ok_or_else(|| words.unsupported())? == "wrap";
                let ty = words.ty()?;
                let target = self.target(self.operand(0)?, ty)?;
                let sources = self.sources(1, &[ty, Type::U32])?;
                return self.lanes(bits::szext(ty, wrap), target, &sources);
            }
            "dp4a" | "dp2a" => {
                let half = if name == "dp2a" { words.take_any(&["lo", "hi"]) } else { None };
                let (a, b) = (words.ty()?, words.ty()?);
                let known = [a, b].iter().all(|ty| matches!(ty, Type::U32 | Type::S32));
                if !known || (name == "dp2a") != half.is_some() {
                    return Err(words.unsupported());
                }
                let variants = match half {
                    Some(half) => integer::dp2a(a == Type::S32, b == Type::S32, half == "hi"),
                    None => integer::dp4a(a == Type::S32, b == Type::S32),
                };
                return self.simple(Some(variants), Type::B32, Work::default());
            }
            "lop3" => {
                words.ty()?;
                return self.simple(Some(bits::lop3()), Type::B32, Work::default());
            }
            _ => {}
        }
        let how = words.take_any(&["lo", "hi"]);
        let clamp = words.take_any(&["clamp", "wrap"]);
        let ty = words.ty()?;
        let variants = match name {
            "rem" => integer::rem(ty),
            "sad" => integer::sad(ty),
            "mul24" if how == Some("lo") => integer::mul24_lo(ty),
            "mul24" if how == Some("hi") => integer::mul24_hi(ty),
            "mad24" if how == Some("lo") => integer::mad24_lo(ty),
            "mad24" if how == Some("hi") => integer::mad24_hi(ty),
            "brev" => bits::brev(ty),
            "and" => bits::and(ty),
            "or" => bits::or(ty),
            "xor" => bits::xor(ty),
            "not" => bits::not(ty),
            "cnot" => bits::cnot(ty),
            "bmsk" if ty == Type::B32 => clamp.map(|clamp| bits::bmsk(clamp == "wrap")),
            _ => None,
        };
        self.simple(variants, ty, Work::default())
    }

    /// A 32-bit count of something of a type.
    pub(super) fn count(&mut self, variants: Option<Variants>, ty: Type) -> Result<(), Error> {
        let target = self.target(self.operand(0)?, Type::U32)?;
        let source = self.source(self.operand(1)?, ty)?;
        self.lanes(variants, target, &[source])
    }

    pub(super) fn divide(&mut self, words: &mut Words<'_>) -> Result<(), Error> {
        let approximate = words.take_any(&["approx", "full"]).is_some();
        let rounding = words.rounding().unwrap_or_default();
        let ftz = words.take("ftz");
        let ty = words.ty()?;
        if (approximate || ftz) && ty != Type::F32 {
            return Err(words.unsupported());
        }
        if is_real(ty) {
            self.simple(float::div(ty, Modifiers { rounding, ftz, sat: false }), ty, flops(ty, 1))
        } else {
            self.simple(integer::div(ty), ty, Work::default())
        }
    }
}
