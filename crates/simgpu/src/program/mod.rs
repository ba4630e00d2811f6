//! A kernel as the lanes run it: basic blocks of decoded operations over allocated register slots.

mod blocks;
mod decode;
mod inline;
mod liveness;
mod operands;
mod slots;

pub(crate) use decode::{Addresses, decode};
pub(crate) use inline::at_most;
pub(crate) use operands::{
    AtomicKind, ClockOp, CopyOp, MatchOp, MatrixFormat, MatrixOp, MemoryOp, ParamLoad, ReduceOp, ShuffleMode,
    SpecialValue, VoteMode, WmmaOp, Work,
};

use crate::lanes::LANES;
use crate::machine::Run;

/// An index of a register slot: 32 lanes of 32 bits. A 64-bit register takes two in a row.
pub(crate) type Slot = u16;

/// No register.
pub(crate) const NO_SLOT: Slot = Slot::MAX;

/// A decoded kernel.
#[derive(Debug, Default)]
pub(crate) struct Program {
    pub(crate) ops: Vec<Op>,
    /// In the order of the text; control falls from each to the next.
    pub(crate) blocks: Vec<BasicBlock>,
    pub(crate) memory: Vec<MemoryOp>,
    pub(crate) copies: Vec<CopyOp>,
    pub(crate) matrices: Vec<MatrixOp>,
    pub(crate) fragments: Vec<WmmaOp>,
    pub(crate) barriers: Vec<Barrier>,
    pub(crate) positions: Vec<Position>,
    /// What each operation counts as, in the order of `ops`.
    pub(crate) work: Vec<Work>,
    /// Slots of a warp.
    pub(crate) slots: usize,
    /// Slots of 32-bit registers that share no place, as an ideal allocation: 64-bit ones count twice.
    pub(crate) registers: u32,
    /// Slots that hold the same number in every lane of every block.
    pub(crate) constants: Vec<(Slot, u32)>,
    pub(crate) wide_constants: Vec<(Slot, u64)>,
    pub(crate) params: Vec<ParamLoad>,
    pub(crate) specials: Vec<(Slot, SpecialValue)>,
    pub(crate) wide_specials: Vec<(Slot, SpecialValue)>,
    /// Slots that may be read before they are written: 0 at the beginning of a block.
    pub(crate) zeroed: Vec<Slot>,
    /// Bytes of static shared memory; dynamic memory follows.
    pub(crate) shared_bytes: u32,
    /// Dynamic shared memory begins at a multiple of this.
    pub(crate) dynamic_align: u32,
    /// The narrowest access to shared memory, in bytes.
    pub(crate) shared_granule: u32,
    /// The narrowest access to global memory, in bytes.
    pub(crate) global_granule: u32,
    /// Whether it orders memory by fences, or by accesses that acquire or release: a flag may then take a barrier's place.
    pub(crate) has_fences: bool,
    /// Bytes of local memory a thread.
    pub(crate) local_bytes: u32,
}

/// One decoded instruction.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Op {
    /// What does it.
    pub(crate) run: Run,
    /// The meaning is `run`'s own: an immediate, an index into one of the program's tables.
    pub(crate) immediate: u64,
    /// Index into `Program::positions`.
    pub(crate) position: u32,
    /// Destination first, then sources.
    pub(crate) slots: [Slot; 5],
    /// Predicate register or `NO_SLOT`.
    pub(crate) guard: Slot,
    /// How many operations from here on are done by one call of `run`.
    pub(crate) span: u16,
    pub(crate) guard_negated: bool,
}

/// Where an instruction comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) ptx_line: u32,
    /// Index of a file of the module, and the line.
    pub(crate) source: Option<(u32, u32)>,
}

/// Instructions that are run together: control enters at the first and leaves after the last.
#[derive(Debug)]
pub(crate) struct BasicBlock {
    /// Range in `Program::ops`.
    pub(crate) first: u32,
    pub(crate) end: u32,
    /// Instructions, the terminator's included.
    pub(crate) instructions: u32,
    pub(crate) terminator: Terminator,
    /// Who must be there before it begins.
    pub(crate) waits_for: WaitsFor,
    /// Position of the first instruction, and of the terminator.
    pub(crate) position: u32,
    pub(crate) last_position: u32,
}

/// Lanes that the instructions of a basic block synchronise, if they are alive.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WaitsFor {
    pub(crate) lanes: u32,
    /// A register that names more of them, or `NO_SLOT`.
    pub(crate) register: Slot,
}

impl WaitsFor {
    pub(crate) const NOBODY: WaitsFor = WaitsFor { lanes: 0, register: NO_SLOT };
}

/// How control leaves a basic block. Targets are indices of basic blocks.
#[derive(Debug)]
pub(crate) enum Terminator {
    Fall,
    Jump { target: u32 },
    Branch { predicate: Slot, negated: bool, target: u32 },
    Switch { index: Slot, targets: Vec<u32> },
    Exit { guard: Option<(Slot, bool)> },
    Trap { guard: Option<(Slot, bool)> },
    Barrier { guard: Option<(Slot, bool)>, site: u32 },
}

/// A barrier instruction of the block.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Barrier {
    /// Registers: the barrier's number, and the number of threads that take part.
    pub(crate) number: Slot,
    pub(crate) threads: Option<Slot>,
    pub(crate) kind: BarrierKind,
    /// All lanes of a warp must come together.
    pub(crate) aligned: bool,
    pub(crate) position: u32,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum BarrierKind {
    Sync,
    Arrive,
    Reduce { operation: BarrierReduction, source: Slot, negated: bool, target: Slot },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BarrierReduction {
    Count,
    And,
    Or,
}

impl BarrierReduction {
    /// From the number of threads whose predicate is true, and of all.
    pub(crate) fn result(self, count: u32, total: u32) -> u32 {
        let truth = |value: bool| if value { u32::MAX } else { 0 };
        match self {
            BarrierReduction::Count => count,
            BarrierReduction::And => truth(count == total),
            BarrierReduction::Or => truth(count != 0),
        }
    }
}

const _: () = assert!(LANES == 32);
