//! Sums, products, minima: integers, singles, doubles, halves.

use super::arithmetic::{flops, is_half, is_real};
use super::{Decoder, Words, Work};
use crate::error::Error;
use crate::lanes::float::Modifiers;
use crate::lanes::half::Clamp;
use crate::lanes::rounding::Rounding;
use crate::lanes::{float, half, integer};
use crate::ptx::ast::Type;

impl Decoder<'_> {
    pub(super) fn basic(&mut self, name: &str, words: &mut Words<'_>) -> Result<(), Error> {
        let how = words.take_any(&["lo", "hi", "wide"]);
        let rounding = words.rounding();
        let (ftz, sat) = (words.take("ftz"), words.take("sat"));
        let keep_nan = words.take("NaN");
        let relu = words.take("relu");
        let carry = words.take("cc");
        let ty = words.ty()?;
        if carry {
            return self.with_carry(name, how, ty, false);
        }
        let sums = matches!(name, "add" | "sub" | "mul" | "fma" | "mad");
        let applies = (how.is_none() || !is_real(ty) && !is_half(ty))
            && (sums || rounding.is_none() && !sat)
            && (!keep_nan || matches!(name, "min" | "max"))
            && (!relu || name == "fma" && is_half(ty))
            && (rounding.unwrap_or_default() == Rounding::Nearest || !is_half(ty));
        if !applies {
            return Err(words.unsupported());
        }
        let modifiers = Modifiers { rounding: rounding.unwrap_or_default(), ftz, sat };
        let operations = if matches!(name, "fma" | "mad") { 2 } else { 1 };
        let variants = if is_real(ty) {
            match name {
                "add" => float::add(ty, modifiers),
                "sub" => float::sub(ty, modifiers),
                "mul" => float::mul(ty, modifiers),
                "fma" | "mad" => float::fma(ty, modifiers),
                "min" => float::min(ty, ftz, keep_nan),
                "max" => float::max(ty, ftz, keep_nan),
                "neg" => float::neg(ty, ftz),
                _ => float::abs(ty, ftz),
            }
        } else if is_half(ty) {
            let clamp = match (sat, relu) {
                (true, true) => return Err(words.unsupported()),
                (true, false) => Clamp::Unit,
                (false, true) => Clamp::Positive,
                (false, false) => Clamp::None,
            };
            match name {
                "add" => half::add(ty, ftz, clamp),
                "sub" => half::sub(ty, ftz, clamp),
                "mul" => half::mul(ty, ftz, clamp),
                "fma" => half::fma(ty, ftz, clamp),
                "min" => half::min(ty, ftz, keep_nan),
                "max" => half::max(ty, ftz, keep_nan),
                "neg" if !ftz => half::neg(ty),
                "abs" if !ftz => half::abs(ty),
                _ => None,
            }
        } else if rounding.is_some() || ftz {
            None
        } else {
            return self.basic_integer(name, how, ty, sat);
        };
        let counted = !matches!(name, "neg" | "abs");
        self.simple(variants, ty, if counted { flops(ty, operations) } else { Work::default() })
    }

    pub(super) fn basic_integer(&mut self, name: &str, how: Option<&str>, ty: Type, sat: bool) -> Result<(), Error> {
        let wide = match ty {
            Type::U16 => Type::U32,
            Type::S16 => Type::S32,
            Type::U32 => Type::U64,
            _ => Type::S64,
        };
        let variants = match (name, how, sat) {
            ("add", None, false) => integer::add(ty),
            ("add", None, true) => integer::add_saturating(ty),
            ("sub", None, false) => integer::sub(ty),
            ("sub", None, true) => integer::sub_saturating(ty),
            ("mul", Some("lo"), false) => integer::mul_lo(ty),
            ("mul", Some("hi"), false) => integer::mul_hi(ty),
            ("mad", Some("lo"), false) => integer::mad_lo(ty),
            ("mad", Some("hi"), false) => integer::mad_hi(ty),
            ("mul", Some("wide"), false) => {
                let target = self.target(self.operand(0)?, wide)?;
                let sources = self.sources(1, &[ty, ty])?;
                return self.lanes(integer::mul_wide(ty), target, &sources);
            }
            ("mad", Some("wide"), false) => {
                let target = self.target(self.operand(0)?, wide)?;
                let sources = self.sources(1, &[ty, ty, wide])?;
                return self.lanes(integer::mad_wide(ty), target, &sources);
            }
            ("min", None, false) => integer::min(ty),
            ("max", None, false) => integer::max(ty),
            ("neg", None, false) => integer::neg(ty),
            ("abs", None, false) => integer::abs(ty),
            _ => None,
        };
        self.simple(variants, ty, Work::default())
    }
}
