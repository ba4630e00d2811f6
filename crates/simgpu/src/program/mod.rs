//! A kernel as the lanes run it: basic blocks of decoded operations over allocated register slots.

mod blocks;
mod decode;
mod inline;
mod liveness;
mod slots;

pub(crate) use decode::{Addresses, decode};
pub(crate) use inline::at_most;

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

/// A load, a store, an atomic, an `ldmatrix` or a `stmatrix`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MemoryOp {
    pub(crate) address: Slot,
    pub(crate) address_wide: bool,
    pub(crate) offset: i64,
    /// Bytes an element: 1, 2, 4 or 8 (16 for a row of `ldmatrix`).
    pub(crate) bytes: u8,
    /// Elements; for an atomic, operands; for `ldmatrix`, matrices.
    pub(crate) count: u8,
    /// Loaded values are sign-extended; for `ldmatrix`: transposed.
    pub(crate) signed: bool,
    /// The registers have 64 bits.
    pub(crate) wide: bool,
    /// Registers, by element; for an atomic: destination, b, c.
    pub(crate) data: [Slot; 4],
    pub(crate) atomic: AtomicKind,
    /// `.relaxed`, `.acquire`, `.release`, `.mmio`, `.volatile`: it may meet others like it (the manual, 8.4).
    pub(crate) strong: bool,
    pub(crate) position: u32,
}

impl MemoryOp {
    /// Bytes a lane.
    #[inline(always)]
    pub(crate) fn total_bytes(&self) -> u64 {
        if self.atomic == AtomicKind::None {
            u64::from(self.bytes) * u64::from(self.count)
        } else {
            u64::from(self.bytes)
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AtomicKind {
    None,
    Add,
    AddF32,
    AddF64,
    /// One number, or a pair.
    AddF16,
    AddBf16,
    MinUnsigned,
    MaxUnsigned,
    MinSigned,
    MaxSigned,
    Increment,
    Decrement,
    And,
    Or,
    Xor,
    Exchange,
    CompareAndSwap,
}

/// `cp.async`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CopyOp {
    pub(crate) to: Slot,
    pub(crate) to_wide: bool,
    pub(crate) to_offset: i64,
    pub(crate) from: Slot,
    pub(crate) from_wide: bool,
    pub(crate) from_offset: i64,
    pub(crate) bytes: u32,
    /// Bytes that are read; zeros follow.
    pub(crate) read_bytes: Option<Slot>,
    /// Index into `Program::memory`, for the allocation found last.
    pub(crate) memory: u32,
    pub(crate) position: u32,
}

/// `mma`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MatrixOp {
    /// Rows of A: 16 or 8.
    pub(crate) rows: usize,
    /// Registers of B: the depth is 4 columns of lanes, times the elements of a register, times this.
    pub(crate) steps: usize,
    pub(crate) a_format: MatrixFormat,
    pub(crate) b_format: MatrixFormat,
    /// C and D are pairs of halves.
    pub(crate) narrow_sums: bool,
    /// Integer sums stop at the ends of the range (`.satfinite`).
    pub(crate) saturates: bool,
    pub(crate) d: [Slot; 4],
    pub(crate) a: [Slot; 4],
    pub(crate) b: [Slot; 2],
    pub(crate) c: [Slot; 4],
}

/// `wmma.mma`. Element `e` of a tile, row by row, is element `e / 32` of lane `e % 32`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WmmaOp {
    /// m, n, k.
    pub(crate) shape: [usize; 3],
    pub(crate) format: MatrixFormat,
    /// D, C are pairs of halves.
    pub(crate) narrow_d: bool,
    pub(crate) narrow_c: bool,
    pub(crate) saturates: bool,
    pub(crate) d: [Slot; 8],
    pub(crate) a: [Slot; 8],
    pub(crate) b: [Slot; 8],
    pub(crate) c: [Slot; 8],
}

/// What a matrix is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MatrixFormat {
    Half,
    Brain,
    Tf32,
    Double,
    Signed8,
    Unsigned8,
    /// Four bits of exponent, three of fraction.
    E4m3,
    /// Five bits of exponent, two of fraction.
    E5m2,
}

impl MatrixFormat {
    /// Elements that a register holds.
    pub(crate) fn elements(self) -> usize {
        match self {
            MatrixFormat::Tf32 | MatrixFormat::Double => 1,
            MatrixFormat::Half | MatrixFormat::Brain => 2,
            _ => 4,
        }
    }
}

/// A parameter that a register holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ParamLoad {
    pub(crate) slot: Slot,
    pub(crate) offset: u32,
    pub(crate) bytes: u8,
    pub(crate) signed: bool,
    pub(crate) wide: bool,
}

/// Special registers that are the same for as long as a warp runs a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum SpecialValue {
    Thread(usize),
    BlockSize(usize),
    Block(usize),
    Grid(usize),
    Lane,
    Warp,
    Warps,
    LanesBelow,
    LanesUpTo,
    LaneBit,
    LanesFrom,
    LanesAbove,
    DynamicShared,
    TotalShared,
    Zero,
}

/// What an instruction counts as, for each lane.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Work {
    pub(crate) flops_f32: u8,
    pub(crate) flops_f64: u8,
    pub(crate) flops_f16: u8,
    pub(crate) special: u8,
    /// For the whole warp.
    pub(crate) tensor: u16,
}

macro_rules! indexed {
    ($(#[$doc:meta])* $name:ident { $($variant:ident),+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum $name {
            $($variant),+
        }

        impl $name {
            const ALL: &[$name] = &[$($name::$variant),+];

            pub(crate) fn from_index(index: u64) -> $name {
                $name::ALL[index as usize % $name::ALL.len()]
            }
        }
    };
}

indexed!(
    /// `shfl`.
    ShuffleMode { Up, Down, Butterfly, Index }
);
indexed!(
    /// `vote`.
    VoteMode { All, Any, Uniform, Ballot }
);
indexed!(
    /// `redux`.
    ReduceOp { Add, MinUnsigned, MaxUnsigned, MinSigned, MaxSigned, And, Or, Xor }
);

/// A reading of a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClockOp {
    /// Instructions of the basic block after this one.
    pub(crate) still_to_come: u32,
    /// The upper 32 bits.
    pub(crate) upper: bool,
    /// Into a register of 64 bits.
    pub(crate) wide: bool,
}

impl ClockOp {
    pub(crate) fn from_index(index: u64) -> ClockOp {
        ClockOp { still_to_come: index as u32, upper: index >> 32 & 1 == 1, wide: index >> 33 & 1 == 1 }
    }

    pub(crate) fn index(self) -> u64 {
        u64::from(self.still_to_come) | u64::from(self.upper) << 32 | u64::from(self.wide) << 33
    }
}

/// `match`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MatchOp {
    pub(crate) all: bool,
    pub(crate) wide: bool,
}

impl MatchOp {
    pub(crate) fn from_index(index: u64) -> MatchOp {
        MatchOp { all: index & 1 == 1, wide: index & 2 == 2 }
    }

    pub(crate) fn index(self) -> u64 {
        u64::from(self.all) | u64::from(self.wide) << 1
    }
}

const _: () = assert!(LANES == 32);
