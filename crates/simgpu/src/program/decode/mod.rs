//! From the text's instructions to operations on slots. Whatever is not known is an error here, with its line.

mod arithmetic;
mod atomics;
mod basic;
mod carry;
mod comparisons;
mod control;
mod conversions;
mod copies;
mod data;
mod functions;
mod integers;
mod matrices;
mod memory;
mod moves;
mod operands;
mod places;
mod warp;
mod wmma;
mod words;

use std::cell::Cell;
use std::collections::HashMap;

use super::blocks::{self, Blocks};
use super::inline::{self, Flat};
use super::slots::{self, is_wide};
use super::{
    BasicBlock, NO_SLOT, Op, ParamLoad, Position, Program, Slot, SpecialValue, Terminator, WaitsFor, Work, liveness,
};
use crate::error::Error;
use crate::lanes::{Detected, Variants};
use crate::limits;
use crate::machine::Run;
use crate::ptx::ast::{self, Function, Instruction, Operand};

use places::Places;
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
        global_granule: 4,
        waits_for: WaitsFor::NOBODY,
        still_to_come: 0,
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
    program.dynamic_align = places.dynamic_align;
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
    /// The narrowest access to shared memory so far, and to global memory.
    granule: u32,
    global_granule: u32,
    /// Lanes that the basic block waits for so far.
    waits_for: WaitsFor,
    /// Instructions of the basic block after this one.
    still_to_come: u32,
}

impl<'a> Decoder<'a> {
    fn block(&mut self, blocks: &Blocks, block: usize, end: &'a Instruction) -> Result<(), Error> {
        let range = blocks.range(block);
        let first = self.program.ops.len() as u32;
        let mut terminator = Terminator::Fall;
        let position = self.program.positions.len() as u32;
        let instructions = range.len() as u32;
        self.waits_for = WaitsFor::NOBODY;
        for index in range.clone() {
            self.still_to_come = (range.end - 1 - index) as u32;
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
            waits_for: self.waits_for,
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
            let (value, max) = (self.next_slot as u64, limits::REGISTER_SLOTS as u64);
            return Err(Error::Limit { what: "registers and constants of a kernel", value, max });
        }
        let program = &mut self.program;
        program.slots = self.next_slot;
        program.shared_granule = self.granule;
        program.global_granule = self.global_granule;
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
}
