//! What a device is.

/// What the driver tells of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Properties {
    /// The product's name.
    pub name: String,
    /// Major and minor number of the compute capability: `(8, 0)` is `sm_80`.
    pub compute_capability: (u32, u32),
    /// The driver's CUDA version, major and minor.
    pub driver_version: (u32, u32),
    /// Streaming multiprocessors.
    pub multiprocessors: u32,
    /// Bytes of global memory.
    pub memory_bytes: usize,
    /// Bytes of the L2 cache.
    pub l2_cache_bytes: u32,
    /// Bits that global memory moves at once.
    pub memory_bus_bits: u32,
    /// Kilohertz of the memory.
    pub memory_clock_khz: u32,
    /// Kilohertz of the multiprocessors, at most.
    pub clock_khz: u32,
    /// Threads that run in step.
    pub warp_size: u32,
    /// Threads of a block, at most.
    pub threads_per_block_max: u32,
    /// Threads of a multiprocessor, at most.
    pub threads_per_multiprocessor_max: u32,
    /// Threads of a block along x, y and z, at most.
    pub block_max: [u32; 3],
    /// Blocks of a grid along x, y and z, at most.
    pub grid_max: [u32; 3],
    /// 32-bit registers of a block, at most.
    pub registers_per_block: u32,
    /// Bytes of shared memory of a block, unless it asks for more.
    pub shared_bytes_per_block: u32,
    /// Bytes of shared memory of a block that asks for more, at most. Launches here ask by themselves.
    pub shared_bytes_per_block_optin: u32,
}
