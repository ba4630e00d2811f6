//! Products of matrices that are on the GPU already: which kernel, how many blocks, which arguments.

use gpu_device::{Argument, Buffer, Device, Element, Launch, Number, Vetted, kernels};
use gpukern_kernels::DIMENSION_MAX;
use gpukern_kernels::matmul::{convert, mma, naive, register, tiled};

use super::matrix::check_len;
use super::{Cuda, CudaKernel, DeviceMatrix, HalfFormat};
use crate::backend::check_inner;
use crate::{Error, Scalar};

/// `f64` has one kernel.
fn of_type<T: Scalar>(kernel: CudaKernel) -> CudaKernel {
    if T::BLAS_LETTER == 'd' { CudaKernel::Tiled } else { kernel }
}

/// Whether a kernel reads operands that lie column by column.
pub(super) fn takes_transposes<T: Scalar>(kernel: CudaKernel) -> bool {
    of_type::<T>(kernel) == CudaKernel::Tiled
}

/// Whether a kernel knows neither alpha nor beta.
pub(super) fn is_plain<T: Scalar>(kernel: CudaKernel) -> bool {
    of_type::<T>(kernel) == CudaKernel::Naive
}

impl Cuda {
    /// C ← alpha·A·B + beta·C with everything in the GPU's memory already: nothing crosses the bus, and the call returns when the
    /// product is in the device's queue, before it is calculated. A is m × k, B is k × n; `c` holds the rows of C, m × n, one after
    /// another.
    ///
    /// `beta == 0` never reads C, `alpha == 0` never reads A or B. What a kernel does not take goes to the tiled one:
    /// a transposed operand, and alpha and beta other than 1 and 0 with [`CudaKernel::Naive`]. So a backward
    /// pass, dA = dC·Bᵀ and dB = Aᵀ·dC, needs no copies:
    ///
    /// ```
    /// use linalg::{Cuda, DeviceMatrix, Error};
    ///
    /// fn d_weights(gpu: &Cuda, x: &[f32], d_y: &[f32], rows: usize) -> Result<Vec<f32>, Error> {
    ///     let (inputs, outputs) = (x.len() / rows, d_y.len() / rows);
    ///     let (x, d_y) = (gpu.device().upload(x)?, gpu.device().upload(d_y)?);
    ///     let mut d_w = gpu.device().zeros(inputs * outputs)?;
    ///     let (x, d_y) = (DeviceMatrix::new(&x, rows, inputs)?, DeviceMatrix::new(&d_y, rows, outputs)?);
    ///     gpu.gemm_on_device(1.0, x.transpose(), d_y, 1.0, &mut d_w)?; // added to
    ///     Ok(d_w.to_vec()?)
    /// }
    ///
    /// if let Ok(gpu) = Cuda::open(0) {
    ///     assert_eq!(d_weights(&gpu, &[1.0, 2.0, 3.0, 4.0], &[5.0, 6.0], 2)?, [23.0, 34.0]);
    /// }
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`]; [`Error::DataLength`] if `c` is not m·n elements; [`Error::ProviderLimit`] for a dimension
    /// beyond 2³¹ − 1; [`Error::Gpu`] with what the device has to say. C is then unchanged, unless the device itself failed.
    pub fn gemm_on_device<T: Scalar + Number>(
        &self,
        alpha: T,
        a: DeviceMatrix<'_, T>,
        b: DeviceMatrix<'_, T>,
        beta: T,
        c: &mut Buffer<T>,
    ) -> Result<(), Error> {
        let (m, k, n) = (a.rows, a.cols, b.cols);
        check_inner((m, k), (b.rows, n))?;
        check_len(c.len(), m, n)?;
        if m == 0 || n == 0 {
            return Ok(());
        }
        let sizes = Sizes { m: dimension(m)?, n: dimension(n)?, k: dimension(k)? };
        let mut kernel = of_type::<T>(self.kernel);
        let scaled = alpha != T::ONE || beta != T::ZERO;
        if a.transposed || b.transposed || (kernel == CudaKernel::Naive && scaled) {
            kernel = CudaKernel::Tiled;
        }
        match kernel {
            CudaKernel::Naive => self.naive(sizes, a.data, b.data, c),
            CudaKernel::Tiled => self.tiled(sizes, alpha, a, b, beta, c),
            CudaKernel::Register => {
                self.plain(&kernels::matmul::REGISTER, sizes, alpha, a.data.into(), b.data.into(), beta, c)
            }
            CudaKernel::TensorCores(format) => {
                let (convert, multiply) = match format {
                    HalfFormat::Bf16 => (&kernels::matmul::CONVERT_F32_TO_BF16, &kernels::matmul::MMA_BF16),
                    HalfFormat::F16 => (&kernels::matmul::CONVERT_F32_TO_F16, &kernels::matmul::MMA_F16),
                };
                let (a, b) = (narrow(&self.device, convert, a.data)?, narrow(&self.device, convert, b.data)?);
                self.plain(multiply, sizes, alpha, (&a).into(), (&b).into(), beta, c)
            }
        }
    }

    fn naive<T: Element>(&self, sizes: Sizes, a: &Buffer<T>, b: &Buffer<T>, c: &mut Buffer<T>) -> Result<(), Error> {
        let launch = Launch { grid: naive::grid(sizes.m, sizes.n), block: naive::BLOCK, shared_bytes: 0 };
        let arguments = [sizes.m.into(), sizes.n.into(), sizes.k.into(), a.into(), b.into(), c.into()];
        Ok(self.device.vetted(&kernels::matmul::NAIVE)?.launch(&launch, &arguments)?)
    }

    fn tiled<T: Scalar + Number>(
        &self,
        sizes: Sizes,
        alpha: T,
        a: DeviceMatrix<'_, T>,
        b: DeviceMatrix<'_, T>,
        beta: T,
        c: &mut Buffer<T>,
    ) -> Result<(), Error> {
        let kernel = if T::BLAS_LETTER == 'd' { &kernels::matmul::TILED_F64 } else { &kernels::matmul::TILED_F32 };
        let launch = kernels::launch(tiled::grid(sizes.m, sizes.n), tiled::BLOCK)?;
        let mut arguments: Vec<Argument<'_>> = vec![sizes.m.into(), sizes.n.into(), sizes.k.into(), alpha.argument()];
        for operand in [a, b] {
            let (leading, transposed) = (dimension(operand.leading())?, u32::from(operand.transposed));
            arguments.extend([operand.data.into(), leading.into(), Argument::from(transposed)]);
        }
        arguments.extend([beta.argument(), c.into(), sizes.n.into()]);
        Ok(self.device.vetted(kernel)?.launch(&launch, &arguments)?)
    }

    /// The register kernel and those of the tensor cores, which take the same arguments.
    #[allow(clippy::too_many_arguments, reason = "a product's operands and factors, as in BLAS")]
    fn plain<T: Scalar + Number>(
        &self,
        kernel: &Vetted,
        sizes: Sizes,
        alpha: T,
        a: Argument<'_>,
        b: Argument<'_>,
        beta: T,
        c: &mut Buffer<T>,
    ) -> Result<(), Error> {
        const { assert!(register::TILE == mma::TILE && register::BLOCK[0] == mma::BLOCK[0]) };
        let launch = kernels::launch(register::grid(sizes.m, sizes.n), register::BLOCK)?;
        let Sizes { m, n, k } = sizes;
        let (alpha, beta) = (alpha.argument(), beta.argument());
        let arguments = [m.into(), n.into(), k.into(), alpha, a, k.into(), b, n.into(), beta, c.into(), n.into()];
        Ok(self.device.vetted(kernel)?.launch(&launch, &arguments)?)
    }
}

/// C is m × n, the sums have k terms.
#[derive(Clone, Copy)]
struct Sizes {
    m: u32,
    n: u32,
    k: u32,
}

/// A size as kernels take it.
fn dimension(size: usize) -> Result<u32, Error> {
    let fits = u32::try_from(size).ok().filter(|&size| size <= DIMENSION_MAX);
    fits.ok_or(Error::ProviderLimit { provider: "the CUDA kernel", value: size, max: DIMENSION_MAX as usize })
}

/// Rounded to 16 bits, on the device.
fn narrow<T: Element>(device: &Device, convert: &Vetted, from: &Buffer<T>) -> Result<Buffer<u16>, Error> {
    const BLOCKS_MAX: usize = 4096; // each thread takes several numbers, if there are more
    let mut to = device.uninitialised::<u16>(from.len())?;
    let blocks = from.len().div_ceil(convert::BLOCK[0] as usize).clamp(1, BLOCKS_MAX);
    let launch = kernels::launch(blocks as u64, convert::BLOCK)?;
    let arguments = [(from.len() as u64).into(), from.into(), Argument::from(&mut to)];
    device.vetted(convert)?.launch(&launch, &arguments)?;
    Ok(to)
}
