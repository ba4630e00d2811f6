//! What the operations have that an [`Op`](super::Op) has no room for.

use super::Slot;

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
