//! `cvt`.

use super::super::MatrixFormat;
use super::arithmetic::{is_half, is_real};
use super::{Decoder, Words, Work, is_wide};
use crate::error::Error;
use crate::lanes::convert::Mode;
use crate::lanes::rounding::Rounding;
use crate::lanes::{convert, eight};
use crate::ptx::ast::{Operand, Type};

impl Decoder<'_> {
    /// `cvt[.rounding][.ftz][.sat][.relu].dtype.atype d, a[, b]`.
    pub(super) fn convert(&mut self, words: &mut Words<'_>) -> Result<(), Error> {
        if words.take("rna") && words.take("tf32") {
            words.take("satfinite");
            words.take("f32");
            return self.simple(Some(convert::tf32()), Type::F32, Work::default());
        }
        if let Some(word) = words.take_any(&["e4m3x2", "e5m2x2"]) {
            let format = if word == "e4m3x2" { MatrixFormat::E4m3 } else { MatrixFormat::E5m2 };
            return self.convert_eight(format, words);
        }
        let mode = match (words.integer_rounding(), words.rounding()) {
            (Some(rounding), _) => Mode::Integer(rounding),
            (None, Some(rounding)) => Mode::Float(rounding),
            (None, None) => Mode::Exact,
        };
        let (ftz, relu, sat) = (words.take("ftz"), words.take("relu"), words.take("sat"));
        let (to, from) = (words.ty()?, words.ty()?);
        if matches!(to, Type::F16x2 | Type::Bf16x2) {
            if ftz || sat || from != Type::F32 {
                return Err(words.unsupported());
            }
            let target = self.target(self.operand(0)?, to)?;
            let sources = self.sources(1, &[from, from])?;
            return self.lanes(convert::convert_pair(to, mode, relu), target, &sources);
        }
        // Integral rounding may be left out where a float becomes an integer of the same meaning: it truncates.
        let mode = if mode == Mode::Exact && is_real(from) && !is_real(to) && !is_half(to) {
            Mode::Integer(Rounding::Zero)
        } else {
            mode
        };
        let source = self.wider_source(self.operand(1)?, from)?;
        let variants = convert::convert(to, from, mode, ftz, sat, relu);
        let has = match self.operand(0)? {
            Operand::Register(register) => self.register_type(*register),
            _ => to,
        };
        if is_wide(has) && !is_wide(to) {
            // A wider register takes the value extended by its sign, or by zeros.
            let narrow = self.temporary(0, false);
            self.lanes(variants, narrow, &[source])?;
            let target = self.target(self.operand(0)?, has)?;
            let extend = if matches!(to, Type::S8 | Type::S16 | Type::S32) { Type::S64 } else { Type::U64 };
            return self.lanes(convert::convert(extend, to, Mode::Exact, false, false, false), target, &[narrow]);
        }
        let target = self.target(self.operand(0)?, if has.bytes() > to.bytes() { has } else { to })?;
        self.lanes(variants, target, &[source])
    }

    /// `cvt.rn.satfinite[.relu].f8x2.f32 d, a, b`, `cvt.rn.satfinite[.relu].f8x2.f16x2 d, a`, `cvt.rn[.relu].f16x2.f8x2 d, a`.
    fn convert_eight(&mut self, format: MatrixFormat, words: &mut Words<'_>) -> Result<(), Error> {
        let to_eight =
            self.at.opcode.iter().rev().nth(1).is_some_and(|word| word.ends_with("m3x2") || word.ends_with("m2x2"));
        let plain = words.take("rn") & (words.take("satfinite") == to_eight);
        let relu = words.take("relu");
        let ty = words.ty()?;
        if !plain || !matches!(ty, Type::F16x2 | Type::F32) || ty == Type::F32 && !to_eight {
            return Err(words.unsupported());
        }
        let (to, from) = if to_eight { (Type::B16, ty) } else { (ty, Type::B16) };
        let target = self.target(self.operand(0)?, to)?;
        let sources = self.sources(1, if ty == Type::F32 { &[Type::F32; 2] } else { std::slice::from_ref(&from) })?;
        let variants = match (to_eight, ty) {
            (false, _) => eight::to_halves(format, relu),
            (true, Type::F32) => eight::from_singles(format, relu),
            (true, _) => eight::from_halves(format, relu),
        };
        self.lanes(variants, target, &sources)
    }
}
