//! Atomic operations.

use super::super::{AtomicKind, MemoryOp, NO_SLOT};
use super::data::{Where, take_space};
use super::{Decoder, Words, is_wide};
use crate::error::Error;
use crate::machine::{self, Run};
use crate::ptx::ast::{Operand, Space, Type};

impl Decoder<'_> {
    /// `atom.op.type d, [a], b[, c]` and `red.op.type [a], b`.
    pub(super) fn atomic(&mut self, name: &str, words: &mut Words<'_>) -> Result<(), Error> {
        self.take_hints(words);
        let place = take_space(words).unwrap_or(Where::Generic);
        self.take_hints(words);
        let operations = ["add", "min", "max", "inc", "dec", "and", "or", "xor", "exch", "cas"];
        let operation = words.take_any(&operations).ok_or_else(|| words.unsupported())?;
        words.take("noftz");
        self.take_hints(words);
        let ty = words.ty()?;
        let first = usize::from(name == "atom");
        let (address, address_wide, offset) = self.address(self.operand(first)?)?;
        let mut data = [NO_SLOT; 4];
        if name == "atom" && *self.operand(0)? != Operand::Sink {
            data[0] = self.target(self.operand(0)?, ty)?;
        }
        data[1] = self.source(self.operand(first + 1)?, ty)?;
        let compares = operation == "cas";
        if compares {
            data[2] = self.source(self.operand(first + 2)?, ty)?;
        }
        let atomic = atomic_kind(operation, ty).ok_or_else(|| words.unsupported())?;
        self.note_granule(place, ty.bytes());
        let op = MemoryOp {
            address,
            address_wide,
            offset,
            bytes: ty.bytes() as u8,
            count: if compares { 3 } else { 2 },
            signed: false,
            wide: is_wide(ty),
            data,
            atomic,
            strong: true,
            position: (self.program.positions.len() - 1) as u32,
        };
        let run: Run = match place {
            Where::Space(Space::Global) => machine::global_atomic,
            Where::Space(Space::Shared) => machine::shared_atomic,
            Where::Generic => machine::generic_atomic,
            Where::Space(_) => return Err(words.unsupported()),
        };
        self.memory_op(run, op);
        Ok(())
    }
}

fn atomic_kind(operation: &str, ty: Type) -> Option<AtomicKind> {
    use Type::{B16, B32, B64, Bf16, Bf16x2, F16, F16x2, F32, F64, S32, S64, U32, U64};
    Some(match (operation, ty) {
        ("add", U32 | S32 | U64 | S64) => AtomicKind::Add,
        ("add", F32) => AtomicKind::AddF32,
        ("add", F64) => AtomicKind::AddF64,
        ("add", F16 | F16x2) => AtomicKind::AddF16,
        ("add", Bf16 | Bf16x2) => AtomicKind::AddBf16,
        ("min", U32 | U64) => AtomicKind::MinUnsigned,
        ("max", U32 | U64) => AtomicKind::MaxUnsigned,
        ("min", S32 | S64) => AtomicKind::MinSigned,
        ("max", S32 | S64) => AtomicKind::MaxSigned,
        ("inc", U32) => AtomicKind::Increment,
        ("dec", U32) => AtomicKind::Decrement,
        ("and", B32 | B64) => AtomicKind::And,
        ("or", B32 | B64) => AtomicKind::Or,
        ("xor", B32 | B64) => AtomicKind::Xor,
        ("exch", B32 | B64 | U32 | S32 | U64 | S64 | F32) => AtomicKind::Exchange,
        ("cas", B16 | B32 | B64 | U32 | S32 | U64 | S64) => AtomicKind::CompareAndSwap,
        _ => return None,
    })
}
