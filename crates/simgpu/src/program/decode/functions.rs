//! Reciprocals, roots, exponentials, and what kind a number is.

use super::arithmetic::{flops, is_half};
use super::{Decoder, Words, Work};
use crate::error::Error;
use crate::lanes::float::Modifiers;
use crate::lanes::{float, half};
use crate::ptx::ast::Type;

impl Decoder<'_> {
    pub(super) fn functions(&mut self, name: &str, words: &mut Words<'_>) -> Result<(), Error> {
        let approximate = words.take("approx");
        let rounding = words.rounding();
        let ftz = words.take("ftz");
        if approximate && rounding.is_some() {
            return Err(words.unsupported());
        }
        if name == "testp" {
            let property = words.next().unwrap_or_default();
            let ty = words.ty()?;
            let target = self.target(self.operand(0)?, Type::Pred)?;
            let source = self.source(self.operand(1)?, ty)?;
            return self.lanes(float::testp(ty, property), target, &[source]);
        }
        let ty = words.ty()?;
        let modifiers = Modifiers { rounding: rounding.unwrap_or_default(), ftz, sat: false };
        let special = Work { special: 1, ..Work::default() };
        match name {
            "copysign" => self.simple(float::copysign(ty), ty, Work::default()),
            "rcp" if approximate && ty == Type::F64 => {
                let variants = ftz.then(float::rcp_approximate_f64);
                self.simple(variants, ty, special)
            }
            "rcp" => self.simple(float::rcp(ty, modifiers), ty, if approximate { special } else { flops(ty, 1) }),
            "sqrt" => self.simple(float::sqrt(ty, modifiers), ty, if approximate { special } else { flops(ty, 1) }),
            _ if is_half(ty) => self.simple(half::special(name, ty, ftz), ty, special),
            _ => self.simple(float::special(name, ty, ftz), ty, special),
        }
    }
}
