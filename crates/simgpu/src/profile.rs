//! The GPUs that the software GPU can answer for: what NVIDIA publishes of them.
//!
//! These numbers are read, not measured. They serve the device attributes that a program asks for, the limits that a
//! launch is held to, [`occupancy`](crate::occupancy) and the [`roofline`](crate::roofline) model.
//!
//! Sources:
//! - \[A100\]: NVIDIA A100 Tensor Core GPU datasheet; white paper *NVIDIA A100 Tensor Core GPU Architecture*.
//! - \[H100\]: NVIDIA H100 Tensor Core GPU datasheet; white paper *NVIDIA H100 Tensor Core GPU Architecture*.
//! - \[Guide\]: *CUDA C++ Programming Guide* 12, "Compute Capabilities", tables "Technical Specifications per Compute
//!   Capability" and "Throughput of Native Arithmetic Instructions".
//! - \[Occupancy\]: NVIDIA's occupancy calculator of Nsight Compute and the CUDA Toolkit, sheet "GPU Data".

/// A GPU as its maker describes it. Peaks are floating-point operations a second, without sparsity.
#[derive(Debug, Clone, PartialEq)]
pub struct GpuModel {
    /// The product's name.
    pub name: &'static str,
    /// Major and minor compute capability.
    pub compute_capability: (u32, u32),
    /// Streaming multiprocessors.
    pub sms: u32,
    /// Boost clock in hertz.
    pub clock_hz: f64,
    /// Peak of single precision.
    pub peak_f32: f64,
    /// Peak of double precision outside the tensor cores.
    pub peak_f64: f64,
    /// Peak of half precision outside the tensor cores.
    pub peak_f16: f64,
    /// Peak of bf16 and f16 on the tensor cores.
    pub peak_tensor: f64,
    /// Approximate functions (ex2, rcp, sin …) that an SM finishes in a clock.
    pub special_per_clock: u32,
    /// Warp instructions that an SM issues in a clock: its schedulers.
    pub issue_per_clock: u32,
    /// Bytes a second between the chip and its memory.
    pub memory_bandwidth: f64,
    /// Bytes of memory on the card.
    pub memory_bytes: u64,
    /// Memory clock in hertz; data moves on both edges.
    pub memory_clock_hz: f64,
    /// Bits that the memory bus moves at once.
    pub memory_bus_bits: u32,
    /// Bytes of L2 cache.
    pub l2_bytes: u64,
    /// Bytes of shared memory an SM.
    pub shared_bytes_sm: u64,
    /// Bytes of shared memory a block may ask for after opting in.
    pub shared_bytes_block_optin: u64,
    /// Bytes of shared memory a block may have without opting in.
    pub shared_bytes_block: u64,
    /// Bytes of shared memory of each block that the system takes.
    pub shared_bytes_reserved: u64,
    /// Shared memory is handed out in units of so many bytes.
    pub shared_unit: u64,
    /// 32-bit registers an SM, and a block at most.
    pub registers_sm: u32,
    /// Registers a thread at most.
    pub registers_thread: u32,
    /// Registers are handed to a warp in units of so many.
    pub register_unit: u32,
    /// Parts of an SM, each with its scheduler and its share of the registers; a warp lives in one.
    pub partitions: u32,
    /// Warps an SM.
    pub warps_sm: u32,
    /// Blocks an SM.
    pub blocks_sm: u32,
}

/// Lanes of a warp.
pub const WARP: u32 = 32;
/// Threads a block may have. \[Guide\]
pub const BLOCK_THREADS: u32 = 1024;
/// Threads a block may have in x, y and z. \[Guide\]
pub const BLOCK_DIMENSIONS: [u32; 3] = [1024, 1024, 64];
/// Blocks a grid may have in x, y and z. \[Guide\]
pub const GRID_DIMENSIONS: [u32; 3] = [0x7fff_ffff, 65_535, 65_535];
/// Bytes of constant memory. \[Guide\]
pub const CONSTANT_BYTES: u32 = 64 << 10;

/// A100-SXM4-80GB, compute capability 8.0.
///
/// 108 SMs at 1.41 GHz; 19.5, 9.7, 78 and 312 TFLOP/s in f32, f64, f16 and on the tensor cores; 2039 GB/s, 40 MB of L2
/// \[A100\]. 164 KB of shared memory an SM, 163 KB a block, 65536 registers, 64 warps and 32 blocks an SM, 16 special
/// functions a clock \[Guide\]. Allocation units \[Occupancy\].
pub const A100: GpuModel = GpuModel {
    name: "NVIDIA A100-SXM4-80GB",
    compute_capability: (8, 0),
    sms: 108,
    clock_hz: 1.41e9,
    peak_f32: 19.5e12,
    peak_f64: 9.7e12,
    peak_f16: 78e12,
    peak_tensor: 312e12,
    special_per_clock: 16,
    issue_per_clock: 4,
    memory_bandwidth: 2.039e12,
    memory_bytes: 80 << 30,
    memory_clock_hz: 1.593e9,
    memory_bus_bits: 5120,
    l2_bytes: 40 << 20,
    shared_bytes_sm: 164 << 10,
    shared_bytes_block_optin: 163 << 10,
    shared_bytes_block: 48 << 10,
    shared_bytes_reserved: 1 << 10,
    shared_unit: 128,
    registers_sm: 65_536,
    registers_thread: 255,
    register_unit: 256,
    partitions: 4,
    warps_sm: 64,
    blocks_sm: 32,
};

/// H100-SXM5-80GB, compute capability 9.0.
///
/// 132 SMs at 1.98 GHz (the tensor cores at 1.83 GHz); 66.9, 33.5, 133.8 and 989.4 TFLOP/s in f32, f64, f16 and on the
/// tensor cores; 3352 GB/s, 50 MB of L2 \[H100\]. 228 KB of shared memory an SM, 227 KB a block; registers, warps, blocks
/// and special functions as in the A100 \[Guide\]. Allocation units \[Occupancy\].
pub const H100: GpuModel = GpuModel {
    name: "NVIDIA H100-SXM5-80GB",
    compute_capability: (9, 0),
    sms: 132,
    clock_hz: 1.98e9,
    peak_f32: 66.9e12,
    peak_f64: 33.5e12,
    peak_f16: 133.8e12,
    peak_tensor: 989.4e12,
    memory_bandwidth: 3.352e12,
    memory_clock_hz: 2.619e9,
    l2_bytes: 50 << 20,
    shared_bytes_sm: 228 << 10,
    shared_bytes_block_optin: 227 << 10,
    ..A100
};

/// Every model, the default first.
pub const MODELS: [&GpuModel; 2] = [&A100, &H100];

impl GpuModel {
    /// The model of this short name, `a100` or `h100`, in any case.
    pub fn named(name: &str) -> Option<&'static GpuModel> {
        match name.to_ascii_lowercase().as_str() {
            "a100" => Some(&A100),
            "h100" => Some(&H100),
            _ => None,
        }
    }

    /// The name that the software GPU answers with. It says what it is: nothing pretends to be a GPU.
    pub fn device_name(&self) -> String {
        format!("simgpu (models {})", self.name)
    }

    /// Compute capability as PTX targets write it: 80 for `sm_80`.
    pub fn target(&self) -> u32 {
        self.compute_capability.0 * 10 + self.compute_capability.1
    }

    /// Passes over the banks of shared memory that all SMs make in a second: one an SM and clock.
    pub fn wavefronts_per_second(&self) -> f64 {
        f64::from(self.sms) * self.clock_hz
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published peaks follow from units, clocks and widths: a number mistyped above would not.
    #[test]
    fn the_numbers_of_a_model_agree_with_each_other() {
        let close = |a: f64, b: f64| (a / b - 1.0).abs() < 0.01;
        for (model, f32_lanes, tensor_clock_hz, tensor_flops_per_clock) in
            [(&A100, 64.0, 1.41e9, 2048.0), (&H100, 128.0, 1.83e9, 4096.0)]
        {
            let sms = f64::from(model.sms);
            assert!(close(model.peak_f32, sms * f32_lanes * 2.0 * model.clock_hz), "{}", model.name);
            assert!(close(model.peak_f64 * 2.0, model.peak_f32), "{}", model.name);
            assert!(close(model.peak_tensor, sms * tensor_flops_per_clock * tensor_clock_hz), "{}", model.name);
            let bytes_per_clock = 2.0 * f64::from(model.memory_bus_bits) / 8.0;
            assert!(close(model.memory_bandwidth, bytes_per_clock * model.memory_clock_hz), "{}", model.name);
            assert_eq!(model.shared_bytes_block_optin + model.shared_bytes_reserved, model.shared_bytes_sm);
        }
    }

    #[test]
    fn names_say_what_they_are() {
        assert_eq!(GpuModel::named("H100"), Some(&H100));
        assert_eq!(GpuModel::named("b200"), None);
        assert!(MODELS.iter().all(|model| model.device_name().starts_with("simgpu (models NVIDIA")));
    }
}
