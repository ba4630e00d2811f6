//! Every limit has a name here. They keep hostile PTX and programs without an end from taking the machine.

/// Bytes of PTX text in a module.
pub const MODULE_BYTES: usize = 64 << 20;
/// Bytes that a module takes once it is parsed: little text can say much.
pub const PARSED_BYTES: u64 = 1 << 30;
/// Instructions in a function, device functions inlined.
pub const FUNCTION_INSTRUCTIONS: usize = 1 << 20;
/// Virtual registers in a function, device functions inlined.
pub const FUNCTION_REGISTERS: usize = 1 << 20;
/// Variables of a function, device functions inlined.
pub const FUNCTION_VARIABLES: usize = 1 << 20;
/// Operands in a function, those in lists included, device functions inlined.
pub const FUNCTION_OPERANDS: usize = 8 << 20;
/// Kernels of a module.
pub const MODULE_KERNELS: usize = 1 << 16;
/// Instructions of a module's kernels, device functions inlined into each.
pub const MODULE_INSTRUCTIONS: usize = 4 << 20;
/// Nested `{ }` scopes, nested expressions.
pub const NESTING: usize = 64;
/// Bytes that the variables of a module take together.
pub const VARIABLE_BYTES: u64 = 256 << 20;
/// Bytes of local memory a thread.
pub const LOCAL_BYTES: u64 = 512 << 10;
/// Bytes of parameters of an entry.
pub const PARAM_BYTES: u64 = 4352;
/// Depth of calls from a kernel to device functions.
pub const CALL_DEPTH: usize = 64;
/// Distinct findings kept for a launch; more are counted only.
pub const FINDINGS: usize = 256;
/// Pieces of global memory, times instructions, whose races within a block are kept until the launch has ended; more are counted
/// only, and which of them depends on the order in which blocks ran.
pub const CLASHES: usize = 1 << 20;
/// Bytes of device memory that can be allocated at a time. They are the host's.
pub const DEVICE_BYTES: u64 = 16 << 30;
/// Bytes that a launch keeps beside an allocation to find races on it; of a larger one nothing is kept.
pub const BESIDE_BYTES: u64 = 4 << 30;
/// Bytes of freed memory that are kept to recognise a use after the free.
pub const FREED_BYTES: u64 = 64 << 20;
/// Freed allocations that are kept to recognise a use after the free.
pub const FREED_ALLOCATIONS: usize = 1024;
/// Basic blocks times registers that live across them, for liveness that is exact; beyond it every such register counts as live in the whole
/// kernel.
pub const LIVENESS_BITS: u64 = 1 << 28;
/// Register slots (of 32 lanes by 32 bits) of a warp.
pub const REGISTER_SLOTS: usize = 60_000;
/// Bytes of shared memory a block, static and dynamic: more than any GPU has.
pub const SHARED_BYTES: u64 = 256 << 10;
/// Host threads of a launch.
pub const HOST_THREADS: usize = 1024;
/// Threads a block: [`profile::BLOCK_THREADS`](crate::profile::BLOCK_THREADS).
pub const BLOCK_THREADS: u64 = crate::profile::BLOCK_THREADS as u64;
