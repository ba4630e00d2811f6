//! Instructions that treat every lane alike.

use super::super::{Slot, Work};
use super::{Decoder, Words};
use crate::error::Error;
use crate::lanes::Variants;
use crate::ptx::ast::Type;

pub(super) fn is_half(ty: Type) -> bool {
    matches!(ty, Type::F16 | Type::F16x2 | Type::Bf16 | Type::Bf16x2)
}

pub(super) fn is_real(ty: Type) -> bool {
    matches!(ty, Type::F32 | Type::F64)
}

/// What `flops` operations of a type count as.
pub(super) fn flops(ty: Type, flops: u8) -> Work {
    match ty {
        Type::F32 => Work { flops_f32: flops, ..Work::default() },
        Type::F64 => Work { flops_f64: flops, ..Work::default() },
        Type::F16x2 | Type::Bf16x2 => Work { flops_f16: 2 * flops, ..Work::default() },
        Type::F16 | Type::Bf16 => Work { flops_f16: flops, ..Work::default() },
        _ => Work::default(),
    }
}

impl Decoder<'_> {
    /// Decodes an instruction of this kind; says whether it is one.
    pub(super) fn arithmetic(&mut self, name: &str, words: &mut Words<'_>) -> Result<bool, Error> {
        match name {
            "add" | "sub" | "mul" | "fma" | "mad" | "min" | "max" | "neg" | "abs" => self.basic(name, words)?,
            "addc" | "subc" | "madc" => self.carry(name, words)?,
            "div" | "rem" | "sad" | "mul24" | "mad24" | "dp4a" | "popc" | "clz" | "brev" | "bfind" | "bfe" | "bfi"
            | "prmt" | "lop3" | "shf" | "shl" | "shr" | "and" | "or" | "xor" | "not" | "cnot" | "bmsk" | "dp2a"
            | "szext" => self.integers(name, words)?,
            "rcp" | "sqrt" | "rsqrt" | "ex2" | "lg2" | "sin" | "cos" | "tanh" | "copysign" | "testp" => {
                self.functions(name, words)?
            }
            "setp" => self.set_predicate(words)?,
            "set" => self.set(words)?,
            "selp" => self.select(words)?,
            "slct" => self.select_by_sign(words)?,
            "cvt" => self.convert(words)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// d ← f(operands 1…), all of one type.
    pub(super) fn simple(&mut self, variants: Option<Variants>, ty: Type, work: Work) -> Result<(), Error> {
        let target = self.target(self.operand(0)?, ty)?;
        let sources = self.sources(1, &vec![ty; self.at.operands.len().saturating_sub(1).min(4)])?;
        self.work(variants, target, &sources, work)
    }

    /// Sources from an index on. Two that need a temporary of their own (a negated predicate, a register that is cut) would
    /// share it, and are refused.
    pub(super) fn sources(&mut self, first: usize, types: &[Type]) -> Result<Vec<Slot>, Error> {
        let mut slots = Vec::with_capacity(types.len());
        let mut made = 0;
        for (index, &ty) in types.iter().enumerate() {
            let before = self.program.ops.len();
            slots.push(self.source(self.operand(first + index)?, ty)?);
            made += usize::from(self.program.ops.len() != before);
        }
        if made > 1 { Err(Words::new(self.at).unsupported()) } else { Ok(slots) }
    }
}
