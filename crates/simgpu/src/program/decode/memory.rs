//! Loads and stores.

use super::super::{AtomicKind, MemoryOp, NO_SLOT, Slot};
use super::data::{Where, take_space};
use super::{Decoder, Words, is_wide};
use crate::error::Error;
use crate::lanes::{compiled, integer};
use crate::machine::{self, Run};
use crate::ptx::ast::{Base, Operand, Space, Type};

impl Decoder<'_> {
    /// The slot of an address, whether it is wide, and the offset.
    pub(super) fn address(&mut self, operand: &Operand) -> Result<(Slot, bool, i64), Error> {
        match operand {
            Operand::Address(Base::Register(register), offset) => {
                let wide = is_wide(self.register_type(*register));
                self.fits(*register, if wide { Type::U64 } else { Type::U32 }, false)?;
                Ok((self.register(*register), wide, *offset))
            }
            Operand::Address(Base::Variable(variable), offset) => {
                let (_, address) = self.places.of(self.flat, *variable);
                Ok((self.wide_constant(address), true, *offset))
            }
            Operand::Address(Base::None, offset) => Ok((self.wide_constant(0), true, *offset)),
            other => Err(self.error(format!("an address was expected, not {other:?}"))),
        }
    }

    /// Takes the words that say how: caches, which do not matter here, and who may see it when.
    pub(super) fn take_hints(&mut self, words: &mut Words<'_>) -> bool {
        let hint = |word: &str| {
            let hints = [
                "ca", "cg", "cs", "lu", "cv", "wb", "wt", "nc", "volatile", "weak", "relaxed", "acquire", "release",
                "acq_rel", "mmio", "sys", "gpu", "cta", "cluster",
            ];
            hints.contains(&word) || word.starts_with("L1::") || word.starts_with("L2::")
        };
        let mut strong = false;
        while let Some(word) = words.take_if(hint) {
            let orders = matches!(word, "acquire" | "release" | "acq_rel");
            strong |= orders || matches!(word, "volatile" | "relaxed" | "mmio");
            self.program.has_fences |= orders;
        }
        strong
    }

    /// The registers of an access: elements, whether they are wide, and their number.
    pub(super) fn elements(
        &mut self,
        operand: &Operand,
        ty: Type,
        vector: Option<&str>,
        store: bool,
    ) -> Result<([Slot; 4], bool, u8), Error> {
        let single = [operand.clone()];
        let items = match operand {
            Operand::Vector(items) => items.as_slice(),
            _ => &single,
        };
        let count = match vector {
            Some("v2") => 2,
            Some("v4") => 4,
            _ => 1,
        };
        if items.len() != count || count as u32 * ty.bytes() > 16 || ty.bytes() == 0 {
            return Err(self.error(format!("{} elements of {ty:?} where {count} were expected", items.len())));
        }
        // Elements may be narrower than their registers; all registers are equally wide.
        let wide_register = |item: &Operand| match item {
            Operand::Register(register) => Some(is_wide(self.register_type(*register))),
            _ => None,
        };
        let wide = items.iter().find_map(wide_register).unwrap_or(is_wide(ty));
        if items.iter().filter_map(wide_register).any(|other| other != wide) || (is_wide(ty) && !wide) {
            return Err(self.error(format!("registers that do not fit {ty:?}")));
        }
        let mut slots = [NO_SLOT; 4];
        for (slot, item) in slots.iter_mut().zip(items) {
            *slot = match item {
                Operand::Register(register) => {
                    self.fits(*register, ty, true)?;
                    self.register(*register)
                }
                Operand::Sink if !store => NO_SLOT,
                _ if store && wide && !is_wide(ty) => self.source(item, Type::B64)?,
                _ if store => self.source(item, ty)?,
                other => return Err(self.error(format!("a register was expected, not {other:?}"))),
            };
        }
        Ok((slots, wide, count as u8))
    }

    pub(super) fn note_granule(&mut self, place: Where, bytes: u32) {
        if matches!(place, Where::Space(Space::Shared) | Where::Generic) {
            self.granule = self.granule.min(bytes);
        }
        if matches!(place, Where::Space(Space::Global | Space::Const) | Where::Generic) {
            self.global_granule = self.global_granule.min(bytes);
        }
    }

    pub(super) fn access(&mut self, words: &mut Words<'_>, store: bool) -> Result<(Where, MemoryOp), Error> {
        let before = self.take_hints(words);
        let place = take_space(words).unwrap_or(Where::Generic);
        let strong = self.take_hints(words) | before;
        let vector = words.take_any(&["v2", "v4"]);
        let ty = words.ty()?;
        let (data, address) = if store { (1, 0) } else { (0, 1) };
        let place = self.actual_space(place, self.operand(address)?);
        let (slots, wide, count) = self.elements(self.operand(data)?, ty, vector, store)?;
        let (address, address_wide, offset) = self.address(self.operand(address)?)?;
        self.note_granule(place, ty.bytes());
        let op = MemoryOp {
            address,
            address_wide,
            offset,
            bytes: ty.bytes() as u8,
            count,
            signed: matches!(ty, Type::S8 | Type::S16 | Type::S32),
            wide,
            data: slots,
            atomic: AtomicKind::None,
            strong,
            position: (self.program.positions.len() - 1) as u32,
        };
        Ok((place, op))
    }

    /// `.param` variables that are not the kernel's are local memory.
    pub(super) fn actual_space(&self, place: Where, operand: &Operand) -> Where {
        match operand {
            Operand::Address(Base::Variable(variable), _) if place != Where::Generic => {
                Where::Space(self.places.of(self.flat, *variable).0)
            }
            _ => place,
        }
    }

    pub(super) fn memory_op(&mut self, run: Run, op: MemoryOp) {
        let index = self.program.memory.len() as u64;
        self.program.memory.push(op);
        self.emit(run, NO_SLOT, &[], index);
    }

    pub(super) fn load(&mut self, words: &mut Words<'_>) -> Result<(), Error> {
        let (place, op) = self.access(words, false)?;
        match self.load_of(place) {
            Some(run) => {
                self.memory_op(run, op);
                Ok(())
            }
            None => self.load_param(op),
        }
    }

    /// What loads from a memory; parameters are no memory.
    pub(super) fn load_of(&self, place: Where) -> Option<Run> {
        Some(match place {
            Where::Space(Space::Global | Space::Const) => compiled!(machine::global_load).pick(self.lanes),
            Where::Space(Space::Shared) => compiled!(machine::shared_load).pick(self.lanes),
            Where::Space(Space::Local) => machine::local_load,
            Where::Space(Space::Param) => return None,
            Where::Generic => machine::generic_load,
        })
    }

    /// What stores to a memory; constants and parameters cannot be written.
    pub(super) fn store_of(&self, place: Where) -> Option<Run> {
        Some(match place {
            Where::Space(Space::Global) => compiled!(machine::global_store).pick(self.lanes),
            Where::Space(Space::Shared) => compiled!(machine::shared_store).pick(self.lanes),
            Where::Space(Space::Local) => machine::local_store,
            Where::Space(Space::Const | Space::Param) => return None,
            Where::Generic => machine::generic_store,
        })
    }

    /// A parameter at a known place is a register that is filled when the kernel is launched.
    pub(super) fn load_param(&mut self, op: MemoryOp) -> Result<(), Error> {
        let base = match self.operand(1)? {
            Operand::Address(Base::Variable(variable), offset) => {
                self.places.of(self.flat, *variable).1.wrapping_add(*offset as u64)
            }
            _ => {
                // An address in a register: a generic one of the parameters.
                self.memory_op(machine::local_load, op);
                return Ok(());
            }
        };
        let end = |&index: &u32| self.places.of_function[index as usize] + self.flat.variables[index as usize].bytes;
        let total = self.flat.params.iter().map(end).max().unwrap_or(0);
        if base.checked_add(op.total_bytes()).is_none_or(|end| end > total) {
            return Err(self.error(format!("{} bytes at {base} of {total} bytes of parameters", op.total_bytes())));
        }
        for element in 0..usize::from(op.count) {
            let target = op.data[element];
            if target == NO_SLOT {
                continue;
            }
            let key = ((base + element as u64 * u64::from(op.bytes)) as u32, op.bytes, op.signed, op.wide);
            let slot = match self.params.get(&key) {
                Some(&slot) => slot,
                None => {
                    let slot = self.new_slot(op.wide);
                    self.params.insert(key, slot);
                    slot
                }
            };
            self.lanes(Some(integer::mov(op.wide)), target, &[slot])?;
        }
        Ok(())
    }

    pub(super) fn store(&mut self, words: &mut Words<'_>) -> Result<(), Error> {
        let (place, op) = self.access(words, true)?;
        let by_name = matches!(self.operand(0)?, Operand::Address(Base::Variable(_), _));
        let run = match place {
            // A parameter of a device function, by its address; the kernel's own cannot be written.
            Where::Space(Space::Param) if !by_name => machine::local_store,
            _ => self.store_of(place).ok_or_else(|| words.unsupported())?,
        };
        self.memory_op(run, op);
        Ok(())
    }
}
