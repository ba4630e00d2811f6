//! What the software GPU is told: which checks, how many threads, which GPU it answers for.

/// The checks. All are on by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checks {
    /// Reads of global memory that nobody wrote.
    pub uninitialized_global: bool,
    /// Reads of shared memory that nobody wrote.
    pub uninitialized_shared: bool,
    /// Races between threads of a block on shared memory, and `cp.async` that was not waited for.
    pub races: bool,
    /// Races on global memory, between threads of a block and between blocks. While a launch runs it takes 24 bytes of the
    /// host's for each piece of memory that the kernel touches: for every four bytes where it reads and writes words.
    pub global_races: bool,
    /// Barriers in divergent code.
    pub divergent_barriers: bool,
}

impl Checks {
    /// Every check.
    pub const ALL: Checks = Checks {
        uninitialized_global: true,
        uninitialized_shared: true,
        races: true,
        global_races: true,
        divergent_barriers: true,
    };
    /// None but those that a GPU makes itself: bounds, alignment, freed memory, deadlock.
    pub const NONE: Checks = Checks {
        uninitialized_global: false,
        uninitialized_shared: false,
        races: false,
        global_races: false,
        divergent_barriers: false,
    };
}

impl Default for Checks {
    fn default() -> Checks {
        Checks::ALL
    }
}

/// Settings of a [`Gpu`](crate::Gpu).
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The checks.
    pub checks: Checks,
    /// Host threads that run blocks, at most [`HOST_THREADS`](crate::limits::HOST_THREADS); `None` is rayon's current pool.
    pub threads: Option<usize>,
    /// Warp instructions that a block may run before it counts as one without an end; 2³³ unless it is set.
    pub block_instructions_max: u64,
    /// Instruction set of the lanes; `None`, and one that the CPU lacks, is the best that it has.
    pub lanes: Option<Lanes>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { checks: Checks::default(), threads: None, block_instructions_max: 1 << 33, lanes: None }
    }
}

/// How the 32 lanes of a warp are computed. All give the same results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lanes {
    /// Whatever the compiler's baseline has.
    Portable,
    /// AVX2 and FMA.
    Avx2,
    /// AVX-512 F, BW, DQ, VL.
    Avx512,
}
