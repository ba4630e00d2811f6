//! From the text's instructions to operations on slots. Whatever is not known is an error here, with its line.

mod arithmetic;
mod control;
mod data;
mod warp;
mod words;

use std::cell::Cell;
use std::collections::HashMap;

use super::blocks::{self, Blocks};
use super::inline::{self, Flat};
use super::slots::{self, is_wide};
use super::{BasicBlock, NO_SLOT, Op, ParamLoad, Position, Program, Slot, SpecialValue, Terminator, Work, liveness};
use crate::error::Error;
use crate::lanes::{Detected, Variants};
use crate::limits;
use crate::machine::{LOCAL_WINDOW, Run};
use crate::ptx::ast::{self, Function, Instruction, Operand, RegisterId, Space, Type, VariableRef};

use words::Words;

/// Addresses of a module's variables: offsets for shared memory, device addresses for the rest.
pub(crate) struct Addresses<'a> {
    pub(crate) of_module: &'a [u64],
}

/// Decodes a kernel.
pub(crate) fn decode(
    module: &ast::Module,
    kernel: &Function,
    addresses: &Addresses<'_>,
    lanes: Detected,
) -> Result<Program, Error> {
    let flat = inline::flatten(module, kernel)?;
    let blocks = blocks::split(&flat);
    let liveness = liveness::analyse(&flat, &blocks);
    let allocated = slots::allocate(&flat, &liveness)?;
    let places = Places::lay_out(module, &flat, addresses)?;
    let mut decoder = Decoder {
        flat: &flat,
        lanes,
        slot_of: allocated.of,
        next_slot: allocated.count,
        program: Program { registers: allocated.count as u32, ..Program::default() },
        constants: HashMap::new(),
        wide_constants: HashMap::new(),
        specials: HashMap::new(),
        params: HashMap::new(),
        temporaries: HashMap::new(),
        places: &places,
        at: &flat.instructions.first().cloned().unwrap_or_else(nothing),
        looked_at: Cell::new(0),
        granule: 4,
    };
    let end = nothing();
    for block in 0..blocks.count() {
        decoder.block(&blocks, block, &end)?;
    }
    for &register in &liveness.undefined {
        let slot = decoder.slot_of[register as usize];
        let wide = is_wide(flat.registers[register as usize]);
        (0..1 + u16::from(wide)).for_each(|half| decoder.program.zeroed.push(slot + half));
    }
    let mut program = decoder.finish()?;
    program.shared_bytes = places.shared_bytes;
    program.local_bytes = places.local_bytes;
    join_equal(&mut program);
    Ok(program)
}

fn nothing() -> Instruction {
    Instruction { guard: None, opcode: vec!["exit".to_owned()], operands: Vec::new(), line: 0, source: None }
}

/// Says how many operations in a row one call can do: equal ones that are not guarded and only touch registers.
fn join_equal(program: &mut Program) {
    for block in &program.blocks {
        for at in (block.first as usize..block.end as usize).rev() {
            let same = at + 1 < block.end as usize
                && program.ops[at].span == 0
                && program.ops[at + 1].guard == NO_SLOT
                && program.ops[at].guard == NO_SLOT
                && std::ptr::fn_addr_eq(program.ops[at].run, program.ops[at + 1].run);
            // 0 marks what may be joined; see `Decoder::lanes`.
            program.ops[at].span = if same { program.ops[at + 1].span.saturating_add(1) } else { 1 };
        }
    }
}

/// Where variables are.
pub(super) struct Places<'a> {
    /// Addresses in their own space.
    of_function: Vec<u64>,
    of_module: &'a [u64],
    module: &'a ast::Module,
    shared_bytes: u32,
    local_bytes: u32,
}

impl<'a> Places<'a> {
    fn lay_out(module: &'a ast::Module, flat: &Flat, addresses: &Addresses<'a>) -> Result<Places<'a>, Error> {
        // Shared variables of the module come first: `of_module` has their offsets.
        let shared_end = |variable: (&ast::Variable, &u64)| {
            if variable.0.is_extern { *variable.1 } else { variable.1 + variable.0.bytes }
        };
        let shared =
            module.variables.iter().zip(addresses.of_module).filter(|(variable, _)| variable.space == Space::Shared);
        let mut shared_bytes = shared.map(shared_end).max().unwrap_or(0);
        let (mut local_bytes, mut param_bytes) = (0u64, 0u64);
        let mut of_function = Vec::with_capacity(flat.variables.len());
        for (index, variable) in flat.variables.iter().enumerate() {
            let total = match variable.space {
                Space::Shared => &mut shared_bytes,
                _ if inline::is_of_thread(flat, index as u32) => &mut local_bytes,
                Space::Param => &mut param_bytes,
                _ => {
                    let what = format!("variable {} inside a function", variable.name);
                    return Err(Error::Unsupported { line: variable.line, what });
                }
            };
            let start = total.next_multiple_of(u64::from(variable.align.max(1)));
            *total = start.saturating_add(variable.bytes);
            of_function.push(start);
        }
        let check = |what, value, limit| {
            if value > limit { Err(Error::Limit { what, value, limit }) } else { Ok(value as u32) }
        };
        // Dynamic shared memory follows at a place that suits any type.
        let shared_bytes = check("bytes of static shared memory", shared_bytes, limits::SHARED_BYTES)?;
        let local_bytes =
            check("bytes of local memory a thread", local_bytes.next_multiple_of(16), limits::LOCAL_BYTES)?;
        check("bytes of parameters", param_bytes, limits::PARAM_BYTES)?;
        Ok(Places { of_function, of_module: addresses.of_module, module, shared_bytes, local_bytes })
    }

    /// A variable's space and its address there.
    fn of(&self, flat: &Flat, variable: VariableRef) -> (Space, u64) {
        match variable {
            VariableRef::Module(index) => {
                let variable = &self.module.variables[index as usize];
                let dynamic = variable.space == Space::Shared && variable.is_extern;
                let address = if dynamic { self.dynamic_shared() } else { self.of_module[index as usize] };
                (variable.space, address)
            }
            VariableRef::Function(index) => {
                let variable = &flat.variables[index as usize];
                let dynamic = variable.space == Space::Shared && variable.is_extern;
                let space = if inline::is_of_thread(flat, index) { Space::Local } else { variable.space };
                (space, if dynamic { self.dynamic_shared() } else { self.of_function[index as usize] })
            }
        }
    }

    fn dynamic_shared(&self) -> u64 {
        u64::from(self.shared_bytes).next_multiple_of(16)
    }
}

/// What is being decoded, and what has come of it.
struct Decoder<'a> {
    flat: &'a Flat,
    lanes: Detected,
    slot_of: Vec<Slot>,
    next_slot: usize,
    program: Program,
    constants: HashMap<u32, Slot>,
    wide_constants: HashMap<u64, Slot>,
    specials: HashMap<(SpecialValue, bool), Slot>,
    params: HashMap<(u32, u8, bool, bool), Slot>,
    /// Slots for values between the operations of one instruction, by number and width, and the carry flag.
    temporaries: HashMap<(u8, bool), Slot>,
    places: &'a Places<'a>,
    /// The instruction.
    at: &'a Instruction,
    /// How many of its operands were looked at: the rest are too many.
    looked_at: Cell<usize>,
    /// The narrowest access to shared memory so far.
    granule: u32,
}

impl<'a> Decoder<'a> {
    fn block(&mut self, blocks: &Blocks, block: usize, end: &'a Instruction) -> Result<(), Error> {
        let range = blocks.range(block);
        let first = self.program.ops.len() as u32;
        let mut terminator = Terminator::Fall;
        let position = self.program.positions.len() as u32;
        let instructions = range.len() as u32;
        for index in range {
            self.at = &self.flat.instructions[index];
            self.looked_at.set(0);
            self.program.positions.push(Position { ptx_line: self.at.line, source: self.at.source });
            if blocks::ends_block(self.at) {
                terminator = self.terminator(blocks)?;
            } else {
                self.instruction()?;
            }
            self.no_more_operands()?;
        }
        if block + 1 == blocks.count() {
            // A kernel that runs off its end returns.
            self.at = end;
            self.program.positions.push(Position { ptx_line: 0, source: None });
            if matches!(terminator, Terminator::Fall) {
                terminator = Terminator::Exit { guard: None };
            }
        }
        let last_position = (self.program.positions.len() as u32).saturating_sub(1);
        let end = self.program.ops.len() as u32;
        self.program.blocks.push(BasicBlock {
            first,
            end,
            instructions,
            terminator,
            position: position.min(last_position),
            last_position,
        });
        Ok(())
    }

    fn instruction(&mut self) -> Result<(), Error> {
        let mut words = Words::new(self.at);
        let name = self.at.opcode[0].as_str();
        let known =
            self.data(name, &mut words)? || self.warp(name, &mut words)? || self.arithmetic(name, &mut words)?;
        if known { words.finish() } else { Err(words.unsupported()) }
    }

    fn finish(mut self) -> Result<Program, Error> {
        if self.next_slot > limits::REGISTER_SLOTS {
            let (value, limit) = (self.next_slot as u64, limits::REGISTER_SLOTS as u64);
            return Err(Error::Limit { what: "registers and constants of a kernel", value, limit });
        }
        let program = &mut self.program;
        program.slots = self.next_slot;
        program.shared_granule = self.granule;
        program.constants = self.constants.into_iter().map(|(value, slot)| (slot, value)).collect();
        program.wide_constants = self.wide_constants.into_iter().map(|(value, slot)| (slot, value)).collect();
        for ((value, wide), slot) in self.specials {
            if wide { &mut program.wide_specials } else { &mut program.specials }.push((slot, value));
        }
        program.params = (self.params.into_iter())
            .map(|((offset, bytes, signed, wide), slot)| ParamLoad { slot, offset, bytes, signed, wide })
            .collect();
        Ok(self.program)
    }

    fn error(&self, message: impl Into<String>) -> Error {
        Error::Syntax { line: self.at.line, message: message.into() }
    }

    /// The operand with that index, or an error that says how many there are.
    fn operand(&self, index: usize) -> Result<&'a Operand, Error> {
        self.looked_at.set(self.looked_at.get().max(index + 1));
        self.at.operands.get(index).ok_or_else(|| {
            self.error(format!("{} needs more than {} operands", self.at.opcode.join("."), self.at.operands.len()))
        })
    }

    /// Operands that nobody looked at are an error; a cache policy is the only one that does not matter.
    fn no_more_operands(&self) -> Result<(), Error> {
        let policy = usize::from(self.at.opcode.iter().any(|word| word == "L2::cache_hint"));
        let (known, given) = (self.looked_at.get() + policy, self.at.operands.len());
        if given <= known {
            return Ok(());
        }
        Err(self.error(format!("{} takes {known} operands, not {given}", self.at.opcode.join("."))))
    }

    fn new_slot(&mut self, wide: bool) -> Slot {
        let slot = self.next_slot.min(limits::REGISTER_SLOTS + 1) as Slot;
        self.next_slot += 1 + usize::from(wide);
        slot
    }

    fn register_type(&self, register: RegisterId) -> Type {
        self.flat.registers[register as usize]
    }

    fn register(&self, register: RegisterId) -> Slot {
        self.slot_of[register as usize]
    }

    /// A slot that holds a value between the operations of one instruction.
    fn temporary(&mut self, number: u8, wide: bool) -> Slot {
        match self.temporaries.get(&(number, wide)) {
            Some(&slot) => slot,
            None => {
                let slot = self.new_slot(wide);
                self.temporaries.insert((number, wide), slot);
                slot
            }
        }
    }

    fn constant(&mut self, value: u32) -> Slot {
        match self.constants.get(&value) {
            Some(&slot) => slot,
            None => {
                let slot = self.new_slot(false);
                self.constants.insert(value, slot);
                slot
            }
        }
    }

    fn wide_constant(&mut self, value: u64) -> Slot {
        match self.wide_constants.get(&value) {
            Some(&slot) => slot,
            None => {
                let slot = self.new_slot(true);
                self.wide_constants.insert(value, slot);
                slot
            }
        }
    }

    /// A number as a register of a type.
    fn number(&mut self, value: u64, ty: Type) -> Slot {
        if is_wide(ty) {
            return self.wide_constant(value);
        }
        let bits = match ty {
            Type::Pred => 0u32.wrapping_sub(u32::from(value != 0)),
            _ if ty.bytes() == 4 => value as u32,
            _ => value as u32 & (u32::MAX >> (32 - 8 * ty.bytes())),
        };
        self.constant(bits)
    }

    /// The slot of a destination register. The bit bucket has none.
    fn target(&mut self, operand: &Operand, ty: Type) -> Result<Slot, Error> {
        match operand {
            Operand::Register(register) => {
                self.fits(*register, ty, false)?;
                Ok(self.register(*register))
            }
            Operand::Sink => Ok(self.temporary(7, is_wide(ty))),
            other => Err(self.error(format!("a register was expected, not {other:?}"))),
        }
    }

    /// A register must be as wide as the type that an instruction gives it; where `wider` says so, it may be wider (the
    /// manual, 9.4.1: `cvt`, `ld`, `st`). Any kind of number will do.
    fn fits(&self, register: RegisterId, ty: Type, wider: bool) -> Result<(), Error> {
        let has = self.register_type(register);
        let same_kind = (has == Type::Pred) == (ty == Type::Pred);
        if same_kind && (has.bytes() == ty.bytes() || wider && has.bytes() > ty.bytes()) {
            return Ok(());
        }
        Err(self.error(format!("{}: a register of type {has:?} where {ty:?} was expected", self.at.opcode.join("."))))
    }

    /// The slot of a source operand of a type, which may stand in a wider register: its low bits.
    fn wider_source(&mut self, operand: &Operand, ty: Type) -> Result<Slot, Error> {
        let Operand::Register(register) = operand else { return self.source(operand, ty) };
        self.fits(*register, ty, true)?;
        let slot = self.register(*register);
        if !is_wide(self.register_type(*register)) || is_wide(ty) {
            return Ok(slot);
        }
        let cut = self.temporary(5, false);
        self.lanes(Some(crate::lanes::convert::cut()), cut, &[slot])?;
        Ok(cut)
    }

    /// The slot of a source operand of a type.
    fn source(&mut self, operand: &Operand, ty: Type) -> Result<Slot, Error> {
        match operand {
            Operand::Register(register) => {
                self.fits(*register, ty, false)?;
                Ok(self.register(*register))
            }
            Operand::NotRegister(register) if ty == Type::Pred => {
                let (slot, not) = (self.register(*register), self.temporary(6, false));
                self.lanes(crate::lanes::bits::not(Type::Pred), not, &[slot])?;
                Ok(not)
            }
            Operand::Integer(value) => Ok(match ty {
                Type::F32 => self.constant((*value as i64 as f32).to_bits()),
                Type::F64 => self.wide_constant((*value as i64 as f64).to_bits()),
                _ => self.number(*value, ty),
            }),
            Operand::Single(bits) => Ok(match ty {
                Type::F64 => self.wide_constant(f64::from(f32::from_bits(*bits)).to_bits()),
                _ => self.number(u64::from(*bits), ty),
            }),
            Operand::Double(bits) => Ok(match ty {
                Type::F32 => self.constant((f64::from_bits(*bits) as f32).to_bits()),
                _ => self.number(*bits, ty),
            }),
            Operand::Special(name) => self.special(name, ty),
            Operand::Variable(variable, offset) => {
                let (space, address) = self.places.of(self.flat, *variable);
                // A parameter's address names the window, so that it is not taken for one of local memory, where the
                // parameters of device functions are.
                let address = if space == Space::Param { Self::window(space) + address } else { address };
                Ok(self.number(address.wrapping_add(*offset as u64), ty))
            }
            other => Err(self.error(format!("a value of type {ty:?} was expected, not {other:?}"))),
        }
    }

    fn special(&mut self, name: &str, ty: Type) -> Result<Slot, Error> {
        let axis = |name: &str| match name.as_bytes().last() {
            Some(b'x') => 0,
            Some(b'y') => 1,
            _ => 2,
        };
        let value = match name {
            "tid.x" | "tid.y" | "tid.z" => SpecialValue::Thread(axis(name)),
            "ntid.x" | "ntid.y" | "ntid.z" => SpecialValue::BlockSize(axis(name)),
            "ctaid.x" | "ctaid.y" | "ctaid.z" => SpecialValue::Block(axis(name)),
            "nctaid.x" | "nctaid.y" | "nctaid.z" => SpecialValue::Grid(axis(name)),
            "laneid" => SpecialValue::Lane,
            "warpid" => SpecialValue::Warp,
            "nwarpid" => SpecialValue::Warps,
            "lanemask_lt" => SpecialValue::LanesBelow,
            "lanemask_le" => SpecialValue::LanesUpTo,
            "lanemask_eq" => SpecialValue::LaneBit,
            "lanemask_ge" => SpecialValue::LanesFrom,
            "lanemask_gt" => SpecialValue::LanesAbove,
            "dynamic_smem_size" => SpecialValue::DynamicShared,
            "total_smem_size" => SpecialValue::TotalShared,
            // Shared memory that the system keeps for itself: none, behind all the rest.
            _ if name.starts_with("reserved_smem_offset_") => SpecialValue::TotalShared,
            "smid" | "nsmid" | "gridid" | "clusterid.x" | "cluster_ctaid.x" | "clock" | "clock_hi" | "clock64"
            | "globaltimer" | "globaltimer_lo" | "globaltimer_hi" => SpecialValue::Zero,
            "WARP_SZ" => return Ok(self.number(32, ty)),
            _ => return Err(Error::Unsupported { line: self.at.line, what: format!("%{name}") }),
        };
        let wide = is_wide(ty);
        if let Some(&slot) = self.specials.get(&(value, wide)) {
            return Ok(slot);
        }
        let slot = self.new_slot(wide);
        self.specials.insert((value, wide), slot);
        Ok(slot)
    }

    /// Adds an operation.
    fn emit(&mut self, run: Run, target: Slot, sources: &[Slot], immediate: u64) {
        self.push(run, target, sources, immediate, Work::default(), 1);
    }

    fn push(&mut self, run: Run, target: Slot, sources: &[Slot], immediate: u64, work: Work, span: u16) {
        let mut slots = [NO_SLOT; 5];
        slots[0] = target;
        slots[1..=sources.len()].copy_from_slice(sources);
        let guard = self.at.guard;
        self.program.ops.push(Op {
            run,
            immediate,
            position: (self.program.positions.len() - 1) as u32,
            slots,
            guard: guard.map_or(NO_SLOT, |guard| self.slot_of[guard.register as usize]),
            span,
            guard_negated: guard.is_some_and(|guard| guard.negated),
        });
        self.program.work.push(work);
    }

    /// Adds an operation that treats every lane alike, if there is one. Only these may be joined to runs: span 0 says so.
    fn lanes(&mut self, variants: Option<Variants>, target: Slot, sources: &[Slot]) -> Result<(), Error> {
        self.work(variants, target, sources, Work::default())
    }

    fn work(&mut self, variants: Option<Variants>, target: Slot, sources: &[Slot], work: Work) -> Result<(), Error> {
        let variants = variants.ok_or_else(|| Words::new(self.at).unsupported())?;
        if variants.arity != sources.len() {
            let (name, arity) = (self.at.opcode.join("."), variants.arity);
            return Err(self.error(format!("{name} takes {arity} sources, not {}", sources.len())));
        }
        let run = variants.pick(self.lanes);
        self.push(run, target, sources, 0, work, 0);
        Ok(())
    }

    /// The base of a space in generic addresses.
    fn window(space: Space) -> u64 {
        match space {
            Space::Shared => crate::machine::SHARED_WINDOW,
            Space::Local => LOCAL_WINDOW,
            Space::Param => crate::machine::PARAM_WINDOW,
            Space::Global | Space::Const => 0,
        }
    }
}
