//! Attention and the row-wise pieces on a GPU: the kernels of `gpukern-kernels` through `gpu-device`.
//!
//! The plain version is `standard.rs`. What changes here, and why:
//! 1. Inputs move to the GPU's memory, of a cache that is not full only the rows in use, and outputs move back. What is there already can
//!    stay: [`Cuda::forward_on_device`] and its like take buffers.
//! 2. The matrix of scores is never written: `flash_forward.cu`, `flash_backward.cu`. A few queries over many keys are a kernel of their
//!    own, `flash_decode.cu`, which reads each key once and spreads a head over the whole GPU.
//! 3. Outputs arrive in memory of their own first. Whatever fails, those of the caller are as they were.

mod attention;
mod attention_on_host;
mod rowwise;
mod rowwise_on_host;
mod sizes;

use gpu_device::Device;

pub use attention::SavedOnDevice;

use crate::Error;

/// Which kernel makes the forward pass. The backward pass has one way, the flash kernels in `f32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum CudaKernel {
    /// [`FlashDecode`](Self::FlashDecode) up to [`DECODE_QUERIES_MAX`] queries, [`Flash`](Self::Flash) above. A `head_dim` that those
    /// do not take goes to [`Naive`](Self::Naive).
    #[default]
    Auto,
    /// The textbook's three steps, with the matrix of scores in the GPU's memory: queries × keys for each head.
    Naive,
    /// Tiles and a running softmax, in `f32`. `head_dim` up to 256.
    Flash,
    /// The same on tensor cores: q, k, v and the weights are rounded to bf16, sums are `f32`. `head_dim` up to 256.
    FlashTensorCores,
    /// Keys in splits, a block each, whose results are added up in a fixed order, in `f32`. `head_dim` up to 256.
    FlashDecode,
}

/// The most queries that [`CudaKernel::Auto`] gives to the kernel for decoding.
pub const DECODE_QUERIES_MAX: usize = 8;

/// A GPU, opened: [`AttentionBackend`](crate::AttentionBackend) and [`RowwiseBackend`](crate::RowwiseBackend) by CUDA kernels.
/// Feature `cuda`.
///
/// The same bits in every run, and on every GPU that rounds alike: no sum depends on which thread comes first, nor on how many there
/// are. Errors are within what [`suite`](crate::suite) allows; with [`CudaKernel::FlashTensorCores`] `out` is off by up to
/// 2⁻⁸·max|v| for the rounding of the weights, beside what rounding q, k and v to bf16 (2⁻⁸ of each number) does to scores and values.
///
/// Refused, beside what the checks refuse: what the kernels cannot count, and a `head_dim` that they do not take
/// ([`Error::KernelLimit`]); what the device cannot do is [`Error::Gpu`].
///
/// ```
/// use gpukern::{Attention, AttentionBackend, Cuda, Error};
///
/// let problem = Attention {
///     batch: 1, heads: 1, kv_heads: 1, queries: 1, keys: 2, head_dim: 1, causal: false, scale: None, key_capacity: Some(9),
/// };
/// let mut cache = [f32::NAN; 9]; // of which two rows are filled
/// cache[..2].copy_from_slice(&[4.0, 8.0]);
/// let (mut out, mut log_sum_exp) = ([0.0], [0.0]);
/// match Cuda::open(0) {
///     Ok(gpu) => {
///         gpu.forward(&problem, &[0.0], &cache, &cache, &mut out, &mut log_sum_exp)?;
///         assert_eq!(out, [6.0]);
///     }
///     Err(error) => assert!(matches!(error, Error::Gpu(_)), "{error}"), // no GPU here, and it says so
/// }
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Cuda {
    /// Which kernel makes the forward pass of attention.
    pub kernel: CudaKernel,
    device: Device,
}

impl Cuda {
    /// Opens a GPU, counted from 0.
    ///
    /// # Errors
    ///
    /// [`Error::Gpu`] with what is missing: a driver, a device of that number.
    pub fn open(ordinal: u32) -> Result<Self, Error> {
        Ok(Self::new(Device::open(ordinal)?))
    }

    /// On a device that is open already.
    #[must_use]
    pub fn new(device: Device) -> Self {
        Self { kernel: CudaKernel::default(), device }
    }

    /// The same device with another kernel.
    #[must_use]
    pub fn with_kernel(self, kernel: CudaKernel) -> Self {
        Self { kernel, ..self }
    }

    /// The device, to upload to and to wait for.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.device
    }
}
