//! Tensor cores.

use super::super::{AtomicKind, MatrixFormat, MatrixOp, MemoryOp, NO_SLOT, Slot, Work};
use super::{Decoder, Words};
use crate::error::Error;
use crate::machine::{self, Run};
use crate::ptx::ast::{Operand, Type};

impl Decoder<'_> {
    /// The registers of a fragment.
    pub(super) fn fragment<const N: usize>(
        &mut self,
        index: usize,
        count: usize,
        ty: Type,
    ) -> Result<[Slot; N], Error> {
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

    /// `ldmatrix.sync.aligned.m8n8.num[.trans].shared.b16 d, [a]`.
    pub(super) fn load_matrix(&mut self, words: &mut Words<'_>) -> Result<(), Error> {
        let op = self.matrix_memory(words, 0, 1)?;
        self.matrix_op(machine::load_matrix, op)
    }

    /// `stmatrix.sync.aligned.m8n8.num[.trans].shared.b16 [a], b`.
    pub(super) fn store_matrix(&mut self, words: &mut Words<'_>) -> Result<(), Error> {
        let op = self.matrix_memory(words, 1, 0)?;
        self.matrix_op(machine::store_matrix, op)
    }

    fn matrix_op(&mut self, run: Run, op: MemoryOp) -> Result<(), Error> {
        self.waits_for.lanes = u32::MAX;
        let index = self.program.memory.len() as u64;
        self.program.memory.push(op);
        self.emit(run, NO_SLOT, &[], index);
        Ok(())
    }

    /// The operands with these indices: registers and address.
    fn matrix_memory(&mut self, words: &mut Words<'_>, data: usize, address: usize) -> Result<MemoryOp, Error> {
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
        let data = self.fragment::<4>(data, count, Type::B32)?;
        let operand = self.operand(address)?;
        let (address, address_wide, offset) = self.address(operand)?;
        Ok(MemoryOp {
            address,
            address_wide,
            offset,
            bytes: 16,
            count: count as u8,
            signed: transposed,
            wide: false,
            data,
            atomic: AtomicKind::None,
            strong: false,
            position: (self.program.positions.len() - 1) as u32,
        })
    }

    /// `mma.sync.aligned.shape.row.col[.satfinite].dtype.atype.btype.ctype d, a, b, c`.
    pub(super) fn multiply(&mut self, words: &mut Words<'_>) -> Result<(), Error> {
        let plain = words.take("sync") & words.take("aligned");
        let shape = words.take_if(|word| dimensions(word).is_some()).and_then(dimensions);
        let order = words.take("row") & words.take("col");
        let saturates = words.take("satfinite");
        let types: Vec<&str> = std::iter::from_fn(|| words.next()).collect();
        let unsupported = || Err(Words::new(self.at).unsupported());
        let (Some([m, n, k]), &[d, a, b, c]) = (shape, types.as_slice()) else { return unsupported() };
        let (Some(a), Some(b)) = (format(a), format(b)) else { return unsupported() };
        if !plain || !order || d != c || n != 8 || self.at.guard.is_some() || !fits(d, a, b, saturates) {
            return unsupported();
        }
        // A register a lane for each 8 rows and each 4 columns of registers.
        let steps = k / (4 * a.elements());
        let known = match (m, a) {
            (16, _) if a != MatrixFormat::Double => matches!(steps, 1 | 2) && k == 4 * a.elements() * steps,
            (8, MatrixFormat::Double) => k == 4,
            (8, MatrixFormat::Signed8 | MatrixFormat::Unsigned8) => k == 16,
            _ => false,
        };
        // The manual has eight-bit floats in this depth only.
        if !known || matches!(a, MatrixFormat::E4m3 | MatrixFormat::E5m2) && k != 32 {
            return unsupported();
        }
        let halves = m / 8;
        let narrow_sums = d == "f16";
        let sums = if narrow_sums { halves } else { 2 * halves };
        let (element, of_sums) = match d {
            "f64" => (Type::F64, Type::F64),
            "f32" => (Type::B32, Type::F32),
            _ => (Type::B32, Type::B32),
        };
        let op = MatrixOp {
            rows: m,
            steps,
            a_format: a,
            b_format: b,
            narrow_sums,
            saturates,
            d: self.fragment(0, sums, of_sums)?,
            a: self.fragment(1, halves * steps, element)?,
            b: self.fragment(2, steps, element)?,
            c: self.fragment(3, sums, of_sums)?,
        };
        self.waits_for.lanes = u32::MAX;
        let index = self.program.matrices.len() as u64;
        self.program.matrices.push(op);
        let run = crate::lanes::compiled!(machine::multiply).pick(self.lanes);
        // Integer operations are counted too: tensor cores are what they keep busy.
        let work = Work { tensor: (2 * m * n * k) as u16, ..Work::default() };
        self.push(run, NO_SLOT, &[], index, work, 1);
        Ok(())
    }
}

/// `m16n8k16` as numbers.
pub(super) fn dimensions(word: &str) -> Option<[usize; 3]> {
    let (m, rest) = word.strip_prefix('m')?.split_once('n')?;
    let (n, k) = rest.split_once('k')?;
    let number = |text: &str| text.parse().ok().filter(|&number| number <= 64);
    Some([number(m)?, number(n)?, number(k)?])
}

pub(super) fn format(word: &str) -> Option<MatrixFormat> {
    Some(match word {
        "f16" => MatrixFormat::Half,
        "bf16" => MatrixFormat::Brain,
        "tf32" => MatrixFormat::Tf32,
        "f64" => MatrixFormat::Double,
        "s8" => MatrixFormat::Signed8,
        "u8" => MatrixFormat::Unsigned8,
        "e4m3" => MatrixFormat::E4m3,
        "e5m2" => MatrixFormat::E5m2,
        _ => return None,
    })
}

/// Whether matrices of these formats can be multiplied and summed in `sums`.
pub(super) fn fits(sums: &str, a: MatrixFormat, b: MatrixFormat, saturates: bool) -> bool {
    use MatrixFormat::{Brain, Double, E4m3, E5m2, Half, Signed8, Tf32, Unsigned8};
    match (a, b) {
        (Signed8 | Unsigned8, Signed8 | Unsigned8) => sums == "s32",
        _ if saturates => false,
        (Half, Half) | (E4m3 | E5m2, E4m3 | E5m2) => sums == "f32" || sums == "f16",
        (Brain, Brain) | (Tf32, Tf32) => sums == "f32",
        (Double, Double) => sums == "f64",
        _ => false,
    }
}
