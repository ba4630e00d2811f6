//! Instructions of a whole warp: exchanges and matrices.

use super::super::{AtomicKind, MatchOp, MatrixFormat, MatrixOp, MatrixShape, MemoryOp, NO_SLOT, Slot, Work};
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
                let members = self.source(self.operand(0)?, Type::B32)?;
                self.emit(machine::sync_warp, NO_SLOT, &[members], 0);
            }
            "ldmatrix" => self.load_matrix(words)?,
            "mma" => self.multiply(words)?,
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
        for (index, slot) in sources.iter_mut().enumerate() {
            *slot = self.source(self.operand(1 + index)?, Type::B32)?;
        }
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
        let members = self.source(self.operand(2)?, Type::B32)?;
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
        let members = self.source(self.operand(2)?, Type::B32)?;
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
        let members = self.source(self.operand(2)?, Type::B32)?;
        self.emit(machine::reduce, target, &[source, members], index);
        Ok(())
    }

    /// The registers of a fragment.
    fn fragment<const N: usize>(&mut self, index: usize, count: usize, ty: Type) -> Result<[Slot; N], Error> {
        let single;
        let items = match self.operand(index)? {
            Operand::Vector(items) => items.as_slice(),
            one => {
                single = [one.clone()];
                &single
            }
        };
        if items.len() != count {
            return Err(self.error(format!("operand {index} has {} registers, not {count}", items.len())));
        }
        let mut slots = [NO_SLOT; N];
        for (slot, item) in slots.iter_mut().zip(items) {
            *slot = match item {
                Operand::Register(register) => {
                    self.fits(*register, ty, false)?;
                    self.register(*register)
                }
                // C may be constants; a destination may not.
                Operand::Single(_) | Operand::Integer(_) | Operand::Double(_) if index != 0 => self.source(item, ty)?,
                other => return Err(self.error(format!("a register was expected, not {other:?}"))),
            };
        }
        Ok(slots)
    }

    fn load_matrix(&mut self, words: &mut Words<'_>) -> Result<(), Error> {
        let plain = words.take("sync") & words.take("aligned") & words.take("m8n8");
        let count = match words.take_any(&["x1", "x2", "x4"]) {
            Some("x1") => 1,
            Some("x2") => 2,
            Some(_) => 4,
            None => return Err(words.unsupported()),
        };
        let transposed = words.take("trans");
        let shared = words.take_any(&["shared", "shared::cta"]).is_some();
        if !plain || !shared || words.ty()? != Type::B16 || self.at.guard.is_some() {
            return Err(words.unsupported());
        }
        let data = self.fragment::<4>(0, count, Type::B32)?;
        let (address, address_wide, offset) = self.address_of(1)?;
        let index = self.program.memory.len() as u64;
        self.program.memory.push(MemoryOp {
            address,
            address_wide,
            offset,
            bytes: 16,
            count: count as u8,
            signed: transposed,
            wide: false,
            data,
            atomic: AtomicKind::None,
            position: (self.program.positions.len() - 1) as u32,
        });
        self.emit(machine::load_matrix, NO_SLOT, &[], index);
        Ok(())
    }

    /// `mma.sync.aligned.shape.row.col.dtype.atype.btype.ctype d, a, b, c`.
    fn multiply(&mut self, words: &mut Words<'_>) -> Result<(), Error> {
        let plain = words.take("sync") & words.take("aligned");
        let shape = words.take_any(&["m16n8k16", "m16n8k8", "m16n8k4", "m8n8k4"]);
        let order = words.take("row") & words.take("col");
        let types: Vec<&str> = std::iter::from_fn(|| words.next()).collect();
        if !plain || !order || self.at.guard.is_some() {
            return Err(words.unsupported());
        }
        let (shape, format, narrow_sums, a, b) = match (shape, types.as_slice()) {
            (Some("m16n8k16"), ["f32", "bf16", "bf16", "f32"]) => {
                (MatrixShape::M16N8K16, MatrixFormat::Brain, false, 4, 2)
            }
            (Some("m16n8k16"), ["f32", "f16", "f16", "f32"]) => {
                (MatrixShape::M16N8K16, MatrixFormat::Half, false, 4, 2)
            }
            (Some("m16n8k16"), ["f16", "f16", "f16", "f16"]) => (MatrixShape::M16N8K16, MatrixFormat::Half, true, 4, 2),
            (Some("m16n8k8"), ["f32", "bf16", "bf16", "f32"]) => {
                (MatrixShape::M16N8K8, MatrixFormat::Brain, false, 2, 1)
            }
            (Some("m16n8k8"), ["f32", "f16", "f16", "f32"]) => (MatrixShape::M16N8K8, MatrixFormat::Half, false, 2, 1),
            (Some("m16n8k8"), ["f16", "f16", "f16", "f16"]) => (MatrixShape::M16N8K8, MatrixFormat::Half, true, 2, 1),
            (Some("m16n8k8"), ["f32", "tf32", "tf32", "f32"]) => {
                (MatrixShape::M16N8K8, MatrixFormat::Tf32, false, 4, 2)
            }
            (Some("m16n8k4"), ["f32", "tf32", "tf32", "f32"]) => {
                (MatrixShape::M16N8K4, MatrixFormat::Tf32, false, 2, 1)
            }
            (Some("m8n8k4"), ["f64", "f64", "f64", "f64"]) => (MatrixShape::M8N8K4, MatrixFormat::Tf32, false, 1, 1),
            _ => return Err(Words::new(self.at).unsupported()),
        };
        let (sums, element, flops) = match shape {
            MatrixShape::M16N8K16 => (if narrow_sums { 2 } else { 4 }, Type::B32, 2 * 16 * 8 * 16),
            MatrixShape::M16N8K8 => (if narrow_sums { 2 } else { 4 }, Type::B32, 2 * 16 * 8 * 8),
            MatrixShape::M16N8K4 => (4, Type::B32, 2 * 16 * 8 * 4),
            MatrixShape::M8N8K4 => (2, Type::F64, 2 * 8 * 8 * 4),
        };
        let op = MatrixOp {
            shape,
            format,
            narrow_sums,
            d: self.fragment(0, sums, element)?,
            a: self.fragment(1, a, element)?,
            b: self.fragment(2, b, element)?,
            c: self.fragment(3, sums, if element == Type::B32 && !narrow_sums { Type::F32 } else { element })?,
        };
        let index = self.program.matrices.len() as u64;
        self.program.matrices.push(op);
        let run = crate::lanes::compiled!(machine::multiply).pick(self.lanes);
        self.push(run, NO_SLOT, &[], index, Work { tensor: flops, ..Work::default() }, 1);
        Ok(())
    }

    fn address_of(&mut self, index: usize) -> Result<(Slot, bool, i64), Error> {
        let operand = self.operand(index)?;
        self.address(operand)
    }
}
