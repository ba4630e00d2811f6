//! C ← alpha·A·B + beta·C on a GPU: four kernels, each with what the one before it lacks.
//!
//! The plain version is in `naive.rs`. What changes here, and why:
//! 1. The matrices move to the GPU's memory and the result moves back (`transfer.rs`). That costs (m·k + k·n + m·n) elements over
//!    the bus for m·n·k multiply-adds: worth it for large products, and for those whose operands are there already
//!    ([`Cuda::gemm_on_device`]).
//! 2. Every element of C is a thread, or every thread has 64 of them; `gpukern-kernels` says how each kernel reads memory.
//! 3. The result comes back into memory of its own before a number of C is overwritten: whatever fails, C is as it was.

mod matrix;
mod product;
mod transfer;

use gpu_device::{Device, Number};

pub use matrix::DeviceMatrix;

use crate::backend::{check_inner, check_output};
use crate::{Backend, Error, MatrixView, MatrixViewMut, Scalar};

/// Which kernel multiplies `f32`. `f64` has one kernel, the twin of [`Tiled`](Self::Tiled), whichever is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum CudaKernel {
    /// A thread an element, as on the whiteboard.
    Naive,
    /// Tiles of 32×32 in shared memory.
    Tiled,
    /// 8×8 elements a thread, in registers.
    #[default]
    Register,
    /// Tensor cores: A and B are rounded to 16 bits, sums are kept in `f32`.
    TensorCores(HalfFormat),
}

/// What A and B are rounded to for tensor cores, to nearest even.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum HalfFormat {
    /// bfloat16: the range of `f32`, 8 bits of precision.
    #[default]
    Bf16,
    /// IEEE half precision: 11 bits, up to 65,504; what is larger becomes infinite, what is below 2⁻¹⁴ loses bits.
    F16,
}

impl CudaKernel {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Naive,
        Self::Tiled,
        Self::Register,
        Self::TensorCores(HalfFormat::Bf16),
        Self::TensorCores(HalfFormat::F16),
    ];
}

impl HalfFormat {
    /// How far rounding moves a normal number, relative to it: half an epsilon of the format.
    #[must_use]
    pub fn unit_roundoff(self) -> f64 {
        match self {
            Self::Bf16 => 1.0 / 256.0,
            Self::F16 => 1.0 / 2048.0,
        }
    }

    /// How far rounding moves a number below the normal ones: half the smallest positive number of the format.
    #[must_use]
    pub fn least_roundoff(self) -> f64 {
        match self {
            Self::Bf16 => 2.0_f64.powi(-134),
            Self::F16 => 2.0_f64.powi(-25),
        }
    }
}

/// A GPU, opened: the kernels of `gpukern-kernels` through `gpu-device`. Feature `cuda`.
///
/// Views of any strides are taken. One that is in line, row by row or column by column, is uploaded as it lies where the kernel
/// takes it so; others are packed first.
///
/// Error of each element, u = half an epsilon: (k + 3)·u·(|alpha|·Σ|a||b| + |beta||c|), as of any classical product. With tensor cores, on
/// top, (2h + h²)·|alpha|·Σ|a||b| for the rounding of A and B to 16 bits, h = [`HalfFormat::unit_roundoff`], and twice the first
/// term, since tensor cores may cut off where others round; [`Bound::Rounded`](crate::suite::Bound::Rounded) is that bound.
///
/// ```
/// use linalg::{Backend, Cuda, Error, Matrix};
///
/// let a = Matrix::from_vec(vec![1.0_f32, 2.0, 3.0, 4.0], 2, 2)?;
/// match Cuda::open(0) {
///     Ok(gpu) => {
///         let mut c = Matrix::zeros(2, 2);
///         gpu.gemm(1.0, a.view(), a.view().transpose(), 0.0, c.view_mut())?;
///         assert_eq!(c.as_slice(), [5.0, 11.0, 11.0, 25.0]);
///     }
///     Err(error) => assert!(matches!(error, Error::Gpu(_)), "{error}"), // no GPU here, and it says so
/// }
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Cuda {
    /// Which kernel multiplies.
    pub kernel: CudaKernel,
    device: Device,
}

impl Cuda {
    /// Opens a GPU, counted from 0.
    ///
    /// # Errors
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

    /// The device, to upload matrices to and to wait for.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.device
    }
}

impl<T: Scalar + Number> Backend<T> for Cuda {
    fn name(&self) -> String {
        let kernel = match self.kernel {
            _ if T::BLAS_LETTER == 'd' => "tiled",
            CudaKernel::Naive => "naive",
            CudaKernel::Tiled => "tiled",
            CudaKernel::Register => "register",
            CudaKernel::TensorCores(HalfFormat::Bf16) => "tensor cores, bf16",
            CudaKernel::TensorCores(HalfFormat::F16) => "tensor cores, f16",
        };
        format!("CUDA {kernel}")
    }

    fn compute(
        &self,
        alpha: T,
        a: MatrixView<'_, T>,
        b: MatrixView<'_, T>,
        beta: T,
        mut c: MatrixViewMut<'_, T>,
    ) -> Result<(), Error> {
        check_inner((a.rows(), a.cols()), (b.rows(), b.cols()))?;
        check_output((a.rows(), b.cols()), (c.rows(), c.cols()))?;
        let turns = product::takes_transposes::<T>(self.kernel);
        let (a, b) = (transfer::upload(&self.device, a, turns)?, transfer::upload(&self.device, b, turns)?);
        if product::is_plain::<T>(self.kernel) {
            // This kernel knows neither alpha nor beta: they are applied on the way back.
            let mut product = self.device.uninitialised(c.rows() * c.cols())?;
            self.gemm_on_device(T::ONE, a.matrix(), b.matrix(), T::ZERO, &mut product)?;
            transfer::download(
                &product,
                &mut c,
                |sum, old| {
                    if beta == T::ZERO { alpha * sum } else { alpha * sum + beta * old }
                },
            )
        } else {
            let mut result = if beta == T::ZERO {
                self.device.uninitialised(c.rows() * c.cols())?
            } else {
                transfer::upload(&self.device, c.as_view(), false)?.into_buffer()
            };
            self.gemm_on_device(alpha, a.matrix(), b.matrix(), beta, &mut result)?;
            transfer::download(&result, &mut c, |new, _| new)
        }
    }
}
