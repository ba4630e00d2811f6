//! What the checks found.

use serde::Serialize;

/// Something a kernel did that it must not do. Equal findings of one instruction are kept once and counted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// What was done.
    pub kind: FindingKind,
    /// The kernel's name.
    pub kernel: String,
    /// The line of the PTX text, from 1.
    pub ptx_line: u32,
    /// File and line of the source, where the PTX has `.loc`.
    pub source: Option<(String, u32)>,
    /// The block of the first occurrence.
    pub block: [u32; 3],
    /// The thread of the first occurrence.
    pub thread: [u32; 3],
    /// The address of the first occurrence: an offset in shared or local memory, a device address in global memory.
    pub address: Option<u64>,
    /// A sentence: sizes, the other thread and its line, the buffer's bounds.
    pub detail: String,
    /// How often it happened. An access that races on several pieces of global memory counts for each.
    pub count: u64,
}

/// The kinds of finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// An access outside every allocation, the shared memory or the local memory.
    OutOfBounds,
    /// An address that is not a multiple of the access's size.
    Misaligned,
    /// An access to memory that was freed.
    UseAfterFree,
    /// A read of global memory that nobody wrote.
    UninitializedGlobal,
    /// A read of shared memory that nobody wrote.
    UninitializedShared,
    /// Two threads, one of which writes: of one block without a barrier between them, or of two blocks.
    Race,
    /// Shared memory that a `cp.async` fills was touched before the wait for it.
    AsyncCopyNotWaitedFor,
    /// A barrier reached by some lanes of a warp only.
    DivergentBarrier,
    /// All that is left waits for something that cannot come.
    Deadlock,
    /// A block ran more instructions than [`Settings::block_instructions_max`](crate::Settings::block_instructions_max).
    TooManyInstructions,
    /// `trap`, or an `assert` of the kernel.
    Trap,
}

impl FindingKind {
    /// Whether a real GPU would end the launch with an error.
    pub fn is_fatal(self) -> bool {
        use FindingKind::*;
        matches!(self, OutOfBounds | Misaligned | UseAfterFree | Deadlock | TooManyInstructions | Trap)
    }
}
