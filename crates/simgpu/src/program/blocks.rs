//! Basic blocks of a flat kernel, and who reads and writes which register.

use super::inline::Flat;
use crate::ptx::ast::{Base, Instruction, Operand, RegisterId};

/// Ranges of instructions: control enters at the first and leaves after the last.
#[derive(Debug)]
pub(super) struct Blocks {
    /// The first instruction of each block, and one past the last of all.
    pub(super) starts: Vec<u32>,
    /// For each label, the block that it stands before.
    pub(super) of_label: Vec<u32>,
}

impl Blocks {
    pub(super) fn count(&self) -> usize {
        self.starts.len() - 1
    }

    pub(super) fn range(&self, block: usize) -> std::ops::Range<usize> {
        self.starts[block] as usize..self.starts[block + 1] as usize
    }
}

/// Whether a basic block ends with this instruction.
pub(super) fn ends_block(instruction: &Instruction) -> bool {
    match instruction.opcode[0].as_str() {
        "bra" | "brx" | "ret" | "exit" | "trap" => true,
        "bar" | "barrier" => instruction.opcode.get(1).is_none_or(|word| word != "warp" && word != "cluster"),
        _ => false,
    }
}

/// Splits a kernel. An empty block stands at the end, for labels there.
pub(super) fn split(flat: &Flat) -> Blocks {
    let count = flat.instructions.len() as u32;
    let mut starts: Vec<u32> = flat.labels.clone();
    starts.push(0);
    starts.push(count);
    let after = |(index, instruction)| ends_block(instruction).then_some(index as u32 + 1);
    starts.extend(flat.instructions.iter().enumerate().filter_map(after));
    starts.sort_unstable();
    starts.dedup();
    starts.extend(before_waiting(flat, &starts));
    starts.sort_unstable();
    let of_label = flat.labels.iter().map(|label| starts.partition_point(|start| start < label) as u32).collect();
    starts.push(count);
    Blocks { starts, of_label }
}

/// Where a block is to end before an instruction that waits for other lanes: those who wait must not hold back what they have to
/// do first, such as a store that the others wait for, or the computation of who is waited for.
fn before_waiting(flat: &Flat, starts: &[u32]) -> Vec<u32> {
    let mut out = Vec::new();
    let mut stored = false;
    for (index, instruction) in flat.instructions.iter().enumerate() {
        let is_start = starts.binary_search(&(index as u32)).is_ok();
        stored &= !is_start;
        let computed =
            matches!(instruction.operands.last(), Some(Operand::Register(_))) && waits_for_named(instruction);
        if !is_start && waits(instruction) && (stored || computed) {
            out.push(index as u32);
            stored = false;
        }
        stored |= matches!(instruction.opcode[0].as_str(), "st" | "red" | "atom" | "cp" | "stmatrix" | "wmma");
    }
    out
}

/// Whether the last operand names the lanes that the instruction waits for.
fn waits_for_named(instruction: &Instruction) -> bool {
    match instruction.opcode[0].as_str() {
        "shfl" | "vote" | "match" | "redux" => true,
        "bar" | "barrier" => instruction.opcode.get(1).is_some_and(|word| word == "warp"),
        _ => false,
    }
}

/// Whether an instruction waits for other lanes.
fn waits(instruction: &Instruction) -> bool {
    waits_for_named(instruction)
        || matches!(instruction.opcode[0].as_str(), "bar" | "barrier" | "mma" | "wmma" | "ldmatrix" | "stmatrix")
}

/// Blocks that control can go to from the end of a block.
pub(super) fn successors(flat: &Flat, blocks: &Blocks, block: usize) -> Vec<usize> {
    let next = block + 1;
    let fall = (next < blocks.count()).then_some(next);
    let Some(last) = blocks.range(block).last().map(|index| &flat.instructions[index]) else {
        return fall.into_iter().collect();
    };
    let mut out = Vec::new();
    for operand in &last.operands {
        let mut add = |operand: &Operand| {
            if let Operand::Label(label) = operand {
                out.push(blocks.of_label[*label as usize] as usize);
            }
        };
        match operand {
            Operand::Vector(items) => items.iter().for_each(&mut add),
            other => add(other),
        }
    }
    let leaves = matches!(last.opcode[0].as_str(), "bra" | "ret" | "exit" | "trap") && last.guard.is_none();
    if !leaves {
        out.extend(fall);
    }
    out
}

/// Opcodes whose first operand is not written.
fn writes_nothing(opcode: &[String]) -> bool {
    match opcode[0].as_str() {
        "st" | "red" | "bra" | "brx" | "ret" | "exit" | "trap" | "brkpt" | "membar" | "fence" | "cp" | "prefetch"
        | "prefetchu" | "discard" | "applypriority" | "nanosleep" | "pmevent" | "stmatrix" => true,
        "bar" | "barrier" => {
            opcode.get(1).is_none_or(|word| word != "red") && opcode.get(2).is_none_or(|word| word != "red")
        }
        "wmma" => opcode.get(1).is_some_and(|word| word == "store"),
        _ => false,
    }
}

/// Calls `read` and `write` for the registers of an instruction. What a guard may leave as it was counts as read.
pub(super) fn touch(instruction: &Instruction, mut read: impl FnMut(RegisterId), mut write: impl FnMut(RegisterId)) {
    let mut rest = instruction.operands.as_slice();
    if !writes_nothing(&instruction.opcode)
        && let Some((first, others)) = rest.split_first()
    {
        rest = others;
        visit(first, &mut |register, address| {
            if address || instruction.guard.is_some() {
                read(register);
            }
            if !address {
                write(register);
            }
        });
    }
    if let Some(guard) = instruction.guard {
        read(guard.register);
    }
    rest.iter().for_each(|operand| visit(operand, &mut |register, _| read(register)));
}

/// Calls `f` for each register of an operand, and says whether it is part of an address.
fn visit(operand: &Operand, f: &mut impl FnMut(RegisterId, bool)) {
    match operand {
        Operand::Register(register) | Operand::NotRegister(register) => f(*register, false),
        Operand::Address(Base::Register(register), _) => f(*register, true),
        Operand::Vector(items) | Operand::List(items) => items.iter().for_each(|item| visit(item, f)),
        Operand::Pair(first, second) => {
            visit(first, f);
            visit(second, f);
        }
        _ => {}
    }
}
