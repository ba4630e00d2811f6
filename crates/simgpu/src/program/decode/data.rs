//! Instructions that move data: registers, memories, addresses.

use super::super::{AtomicKind, CopyOp, MemoryOp, NO_SLOT, Slot};
use super::{Decoder, Words, is_wide};
use crate::error::Error;
use crate::lanes::{compiled, convert, integer};
use crate::machine::{self, Run};
use crate::ptx::ast::{Base, Operand, Space, Type};

/// A memory, or a generic address that says which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Where {
    Space(Space),
    Generic,
}

impl Decoder<'_> {
    /// Decodes an instruction of this kind; says whether it is one.
    pub(super) fn data(&mut self, name: &str, words: &mut Words<'_>) -> Result<bool, Error> {
        match name {
            "mov" => self.mov(words)?,
            "cvta" => self.cvta(words)?,
            "isspacep" => self.isspacep(words)?,
            "ld" | "ldu" => self.load(words)?,
            "st" => self.store(words)?,
            "atom" | "red" => self.atomic(name, words)?,
            "cp" => self.copy(words)?,
            // Hints, and orders between memories: there is one memory here, and it is in order.
            "membar" | "fence" | "prefetch" | "prefetchu" | "nanosleep" | "pmevent" | "discard" | "applypriority" => {
                while words.next().is_some() {}
                self.looked_at.set(self.at.operands.len());
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn mov(&mut self, words: &mut Words<'_>) -> Result<(), Error> {
        let ty = words.ty()?;
        match (self.operand(0)?, self.operand(1)?) {
            (Operand::Vector(targets), source) => {
                let source = self.source(source, ty)?;
                self.unpack(targets, source, ty)
            }
            (target, Operand::Vector(sources)) => {
                let target = self.target(target, ty)?;
                self.pack(target, sources, ty)
            }
            (target, source) => {
                let target = self.target(target, ty)?;
                let source = self.source(source, ty)?;
                self.lanes(Some(integer::mov(is_wide(ty))), target, &[source])
            }
        }
    }

    /// The types of the parts of a word.
    fn parts(&self, count: usize, ty: Type) -> Result<Type, Error> {
        match (count, ty.bytes()) {
            (2, 8) => Ok(Type::B32),
            (4, 8) | (2, 4) => Ok(Type::B16),
            (4, 4) | (2, 2) => Ok(Type::B8),
            _ => Err(self.error(format!("{ty:?} has no {count} parts"))),
        }
    }

    fn unpack(&mut self, targets: &[Operand], source: Slot, ty: Type) -> Result<(), Error> {
        let part = self.parts(targets.len(), ty)?;
        // The source may be one of the targets: keep it.
        let kept = self.temporary(0, is_wide(ty));
        self.lanes(Some(integer::mov(is_wide(ty))), kept, &[source])?;
        for (index, target) in targets.iter().enumerate() {
            if *target != Operand::Sink {
                let target = self.target(target, part)?;
                let shift = self.constant(8 * part.bytes() * index as u32);
                self.lanes(convert::part(is_wide(ty), part), target, &[kept, shift])?;
            }
        }
        Ok(())
    }

    fn pack(&mut self, target: Slot, sources: &[Operand], ty: Type) -> Result<(), Error> {
        let part = self.parts(sources.len(), ty)?;
        // The target may be one of the sources: build the word elsewhere.
        let word = self.temporary(0, is_wide(ty));
        let mut first = true;
        for (index, source) in sources.iter().enumerate() {
            let source = self.source(source, part)?;
            let shift = self.constant(8 * part.bytes() * index as u32);
            self.lanes(convert::join(is_wide(ty), part, first), word, &[source, shift, word])?;
            first = false;
        }
        self.lanes(Some(integer::mov(is_wide(ty))), target, &[word])
    }

    /// Between the addresses of a space and generic ones. Global and constant memory have the same in both.
    fn cvta(&mut self, words: &mut Words<'_>) -> Result<(), Error> {
        let to = words.take("to");
        let Some(Where::Space(space)) = take_space(words) else { return Err(words.unsupported()) };
        let ty = words.ty()?;
        let target = self.target(self.operand(0)?, ty)?;
        let source = self.source(self.operand(1)?, ty)?;
        if space == Space::Param {
            // Its addresses name their window already.
            return self.lanes(Some(integer::mov(is_wide(ty))), target, &[source]);
        }
        let window = self.number(Self::window(space), ty);
        let variants = if to { integer::sub(ty) } else { integer::add(ty) };
        self.lanes(variants, target, &[source, window])
    }

    fn isspacep(&mut self, words: &mut Words<'_>) -> Result<(), Error> {
        let Some(Where::Space(space)) = take_space(words) else { return Err(words.unsupported()) };
        let target = self.target(self.operand(0)?, Type::Pred)?;
        let source = self.source(self.operand(1)?, Type::U64)?;
        let window = self.wide_constant(Self::window(space));
        self.lanes(Some(convert::in_window()), target, &[source, window])
    }

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

    /// Takes the words that say how, which do not matter here: caches, ordering, scope.
    fn take_hints(words: &mut Words<'_>) {
        let hint = |word: &str| {
            let hints = [
                "ca", "cg", "cs", "lu", "cv", "wb", "wt", "nc", "volatile", "weak", "relaxed", "acquire", "release",
                "acq_rel", "mmio", "sys", "gpu", "cta", "cluster",
            ];
            hints.contains(&word) || word.starts_with("L1::") || word.starts_with("L2::")
        };
        while words.take_if(hint).is_some() {}
    }

    /// The registers of an access: elements, whether they are wide, and their number.
    fn elements(
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

    fn note_granule(&mut self, place: Where, bytes: u32) {
        if matches!(place, Where::Space(Space::Shared) | Where::Generic) {
            self.granule = self.granule.min(bytes);
        }
    }

    fn access(&mut self, words: &mut Words<'_>, store: bool) -> Result<(Where, MemoryOp), Error> {
        Self::take_hints(words);
        let place = take_space(words).unwrap_or(Where::Generic);
        Self::take_hints(words);
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
            position: (self.program.positions.len() - 1) as u32,
        };
        Ok((place, op))
    }

    /// `.param` variables that are not the kernel's are local memory.
    fn actual_space(&self, place: Where, operand: &Operand) -> Where {
        match operand {
            Operand::Address(Base::Variable(variable), _) if place != Where::Generic => {
                Where::Space(self.places.of(self.flat, *variable).0)
            }
            _ => place,
        }
    }

    fn memory_op(&mut self, run: Run, op: MemoryOp) {
        let index = self.program.memory.len() as u64;
        self.program.memory.push(op);
        self.emit(run, NO_SLOT, &[], index);
    }

    fn load(&mut self, words: &mut Words<'_>) -> Result<(), Error> {
        let (place, op) = self.access(words, false)?;
        match place {
            Where::Space(Space::Param) => self.load_param(op),
            Where::Space(Space::Global | Space::Const) => {
                self.memory_op(compiled!(machine::global_load).pick(self.lanes), op);
                Ok(())
            }
            Where::Space(Space::Shared) => {
                self.memory_op(compiled!(machine::shared_load).pick(self.lanes), op);
                Ok(())
            }
            Where::Space(Space::Local) => {
                self.memory_op(machine::local_load, op);
                Ok(())
            }
            Where::Generic => {
                self.memory_op(machine::generic_load, op);
                Ok(())
            }
        }
    }

    /// A parameter at a known place is a register that is filled when the kernel is launched.
    fn load_param(&mut self, op: MemoryOp) -> Result<(), Error> {
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

    fn store(&mut self, words: &mut Words<'_>) -> Result<(), Error> {
        let (place, op) = self.access(words, true)?;
        let run: Run = match place {
            Where::Space(Space::Global) => compiled!(machine::global_store).pick(self.lanes),
            Where::Space(Space::Shared) => compiled!(machine::shared_store).pick(self.lanes),
            Where::Space(Space::Local) => machine::local_store,
            Where::Generic => machine::generic_store,
            // A parameter of a device function, by its address; the kernel's own cannot be written.
            Where::Space(Space::Param) if !matches!(self.operand(0)?, Operand::Address(Base::Variable(_), _)) => {
                machine::local_store
            }
            Where::Space(Space::Const | Space::Param) => return Err(words.unsupported()),
        };
        self.memory_op(run, op);
        Ok(())
    }

    /// `atom.op.type d, [a], b[, c]` and `red.op.type [a], b`.
    fn atomic(&mut self, name: &str, words: &mut Words<'_>) -> Result<(), Error> {
        Self::take_hints(words);
        let place = take_space(words).unwrap_or(Where::Generic);
        Self::take_hints(words);
        let operations = ["add", "min", "max", "inc", "dec", "and", "or", "xor", "exch", "cas"];
        let operation = words.take_any(&operations).ok_or_else(|| words.unsupported())?;
        words.take("noftz");
        Self::take_hints(words);
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

    /// `cp.async`: the copy, `commit_group`, `wait_group`, `wait_all`.
    fn copy(&mut self, words: &mut Words<'_>) -> Result<(), Error> {
        if !words.take("async") {
            return Err(words.unsupported());
        }
        if words.take("commit_group") {
            self.emit(machine::commit_group, NO_SLOT, &[], 0);
            return Ok(());
        }
        if words.take("wait_all") {
            self.emit(compiled!(machine::wait_group).pick(self.lanes), NO_SLOT, &[], u64::MAX);
            return Ok(());
        }
        if words.take("wait_group") {
            let Operand::Integer(keep) = self.operand(0)? else { return Err(words.unsupported()) };
            self.emit(compiled!(machine::wait_group).pick(self.lanes), NO_SLOT, &[], (*keep).min(u64::MAX - 1));
            return Ok(());
        }
        Self::take_hints(words);
        words.take_any(&["shared", "shared::cta"]);
        words.take("global");
        Self::take_hints(words);
        let (to, to_wide, to_offset) = self.address(self.operand(0)?)?;
        let (from, from_wide, from_offset) = self.address(self.operand(1)?)?;
        let bytes = match self.operand(2)? {
            Operand::Integer(bytes @ (4 | 8 | 16)) => *bytes as u32,
            other => return Err(self.error(format!("cp.async copies 4, 8 or 16 bytes, not {other:?}"))),
        };
        self.looked_at.set(self.at.operands.len().min(4));
        let read_bytes = match self.at.operands.get(3) {
            Some(Operand::Register(register)) if self.register_type(*register) == Type::Pred => {
                return Err(words.unsupported());
            }
            Some(operand) => Some(self.source(operand, Type::U32)?),
            None => None,
        };
        let position = (self.program.positions.len() - 1) as u32;
        let memory = self.program.memory.len() as u32;
        self.program.memory.push(MemoryOp {
            address: from,
            address_wide: from_wide,
            offset: from_offset,
            bytes: bytes.min(8) as u8,
            count: 1,
            signed: false,
            wide: false,
            data: [NO_SLOT; 4],
            atomic: AtomicKind::None,
            position,
        });
        let index = self.program.copies.len() as u64;
        self.program.copies.push(CopyOp {
            to,
            to_wide,
            to_offset,
            from,
            from_wide,
            from_offset,
            bytes,
            read_bytes,
            memory,
            position,
        });
        self.emit(compiled!(machine::copy_async).pick(self.lanes), NO_SLOT, &[], index);
        Ok(())
    }
}

fn take_space(words: &mut Words<'_>) -> Option<Where> {
    let names = ["global", "const", "shared", "shared::cta", "local", "param", "param::entry", "param::func"];
    Some(Where::Space(match words.take_any(&names)? {
        "global" => Space::Global,
        "const" => Space::Const,
        "local" => Space::Local,
        "shared" | "shared::cta" => Space::Shared,
        _ => Space::Param,
    }))
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
