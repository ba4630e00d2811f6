//! Attention with everything in the GPU's memory already.

use gpu_device::{Argument, Buffer, Device, Vetted, kernels};
use gpukern_kernels::attention::{HEAD_DIM_MAX, flash_backward, flash_decode, flash_forward, flash_forward_mma, naive};
use gpukern_kernels::matmul::convert;

use super::sizes::Sizes;
use super::{Cuda, CudaKernel, DECODE_QUERIES_MAX};
use crate::attention::check_len;
use crate::{Attention, Error};

/// [`Saved`](crate::Saved) in the GPU's memory.
#[derive(Debug, Clone, Copy)]
pub struct SavedOnDevice<'a> {
    /// Queries.
    pub q: &'a Buffer<f32>,
    /// Keys.
    pub k: &'a Buffer<f32>,
    /// Values.
    pub v: &'a Buffer<f32>,
    /// The output of the forward pass.
    pub out: &'a Buffer<f32>,
    /// For each query, the natural logarithm of the sum of the exponentials of its scaled scores.
    pub log_sum_exp: &'a Buffer<f32>,
}

impl Cuda {
    /// As [`AttentionBackend::forward`](crate::AttentionBackend::forward), with everything in the GPU's memory already: nothing
    /// crosses the bus, and the call returns when the work is in the device's queue, before it is done.
    ///
    /// A cache of keys and values grows in place: [`Buffer::write`] the new rows, and count them in `keys`.
    ///
    /// # Errors
    ///
    /// [`Attention::check`]'s; [`Error::Length`] for a buffer that is not of its shape; [`Error::KernelLimit`] for what the kernels cannot
    /// count; [`Error::Gpu`]. Outputs are then unchanged, unless the device itself failed.
    pub fn forward_on_device(
        &self,
        problem: &Attention,
        q: &Buffer<f32>,
        k: &Buffer<f32>,
        v: &Buffer<f32>,
        out: &mut Buffer<f32>,
        log_sum_exp: &mut Buffer<f32>,
    ) -> Result<(), Error> {
        problem.check()?;
        check_queries(problem, &[("q", q), ("out", out)])?;
        check_keys(problem, &[("k", k), ("v", v)])?;
        check_rows(problem, &[("log_sum_exp", log_sum_exp)])?;
        let sizes = Sizes::new(problem)?;
        if sizes.is_empty() {
            return Ok(());
        }
        let pass = Forward { device: &self.device, sizes: &sizes, q, k, v };
        match self.kernel_for(problem) {
            CudaKernel::Naive => pass.naive(out, log_sum_exp),
            CudaKernel::FlashTensorCores => pass.flash_tensor_cores(out, log_sum_exp),
            CudaKernel::FlashDecode => pass.flash_decode(out, log_sum_exp),
            CudaKernel::Flash | CudaKernel::Auto => pass.flash(out, log_sum_exp),
        }
    }

    /// What [`CudaKernel::Auto`] stands for.
    fn kernel_for(&self, problem: &Attention) -> CudaKernel {
        match self.kernel {
            CudaKernel::Auto if problem.head_dim > HEAD_DIM_MAX as usize => CudaKernel::Naive,
            CudaKernel::Auto if problem.queries <= DECODE_QUERIES_MAX => CudaKernel::FlashDecode,
            CudaKernel::Auto => CudaKernel::Flash,
            kernel => kernel,
        }
    }

    /// As [`AttentionBackend::backward`](crate::AttentionBackend::backward), with everything in the GPU's memory already.
    ///
    /// # Errors
    ///
    /// As [`Cuda::forward_on_device`]; [`Error::KernelLimit`] for a `head_dim` above 256, too.
    pub fn backward_on_device(
        &self,
        problem: &Attention,
        forward: SavedOnDevice<'_>,
        d_out: &Buffer<f32>,
        d_q: &mut Buffer<f32>,
        d_k: &mut Buffer<f32>,
        d_v: &mut Buffer<f32>,
    ) -> Result<(), Error> {
        problem.check()?;
        let SavedOnDevice { q, k, v, out, log_sum_exp } = forward;
        check_queries(problem, &[("q", q), ("out", out), ("d_out", d_out), ("d_q", d_q)])?;
        check_keys(problem, &[("k", k), ("v", v), ("d_k", d_k), ("d_v", d_v)])?;
        check_rows(problem, &[("log_sum_exp", log_sum_exp)])?;
        let sizes = Sizes::new(problem)?;
        let variant = sizes.variant()?;
        if sizes.is_empty() {
            d_k.clear()?;
            return Ok(d_v.clear()?);
        }
        let device = &self.device;
        let mut delta = device.uninitialised(log_sum_exp.len())?;
        let arguments =
            [sizes.rows().into(), sizes.head_dim.into(), out.into(), d_out.into(), Argument::from(&mut delta)];
        let blocks = sizes.rows().div_ceil(8).into();
        launch(device, &kernels::attention::FLASH_BACKWARD_DELTA, blocks, flash_backward::DELTA_BLOCK, &arguments)?;

        let mut inputs = sizes.scored();
        inputs.extend([q, k, v, d_out, log_sum_exp, &delta].map(Argument::from));
        let mut arguments = inputs.clone();
        arguments.push(d_q.into());
        let blocks = flash_backward::dq_grid(sizes.all_heads(), sizes.queries, variant);
        launch(device, &kernels::attention::FLASH_BACKWARD_DQ[variant], blocks, flash_backward::BLOCK, &arguments)?;
        let mut arguments = inputs;
        arguments.extend([Argument::from(d_k), d_v.into()]);
        let blocks = flash_backward::dkv_grid(sizes.all_kv_heads(), sizes.key_capacity, variant);
        launch(device, &kernels::attention::FLASH_BACKWARD_DKV[variant], blocks, flash_backward::BLOCK, &arguments)
    }
}

/// One forward pass: what all kernels read.
struct Forward<'a> {
    device: &'a Device,
    sizes: &'a Sizes,
    q: &'a Buffer<f32>,
    k: &'a Buffer<f32>,
    v: &'a Buffer<f32>,
}

impl Forward<'_> {
    fn flash(&self, out: &mut Buffer<f32>, log_sum_exp: &mut Buffer<f32>) -> Result<(), Error> {
        let variant = self.sizes.variant()?;
        let mut arguments = self.sizes.scored();
        arguments.extend([self.q, self.k, self.v].map(Argument::from));
        arguments.extend([Argument::from(out), log_sum_exp.into()]);
        let blocks = flash_forward::grid(self.sizes.all_heads(), self.sizes.queries, variant);
        launch(self.device, &kernels::attention::FLASH_FORWARD[variant], blocks, flash_forward::BLOCK, &arguments)
    }

    fn flash_tensor_cores(&self, out: &mut Buffer<f32>, log_sum_exp: &mut Buffer<f32>) -> Result<(), Error> {
        let variant = self.sizes.variant()?;
        let [q, k, v] = [self.q, self.k, self.v].map(|numbers| to_bf16(self.device, numbers));
        let (q, k, v) = (q?, k?, v?);
        let mut arguments = self.sizes.scored();
        arguments.extend([&q, &k, &v].map(Argument::from));
        arguments.extend([Argument::from(out), log_sum_exp.into()]);
        let blocks = flash_forward_mma::grid(self.sizes.all_heads(), self.sizes.queries);
        let kernel = &kernels::attention::FLASH_FORWARD_MMA[variant];
        launch(self.device, kernel, blocks, flash_forward_mma::BLOCK, &arguments)
    }

    fn flash_decode(&self, out: &mut Buffer<f32>, log_sum_exp: &mut Buffer<f32>) -> Result<(), Error> {
        let Sizes { keys, head_dim, .. } = *self.sizes;
        let split_keys = flash_decode::split_keys(keys);
        let splits = flash_decode::splits(keys, split_keys);
        if splits == 1 {
            return self.splits(split_keys, out, log_sum_exp);
        }
        let mut split_out = self.device.uninitialised(out.len() * splits as usize)?;
        let mut split_log_sum_exp = self.device.uninitialised(log_sum_exp.len() * splits as usize)?;
        self.splits(split_keys, &mut split_out, &mut split_log_sum_exp)?;
        let rows = self.sizes.rows();
        let mut arguments = vec![rows.into(), splits.into(), Argument::from(head_dim)];
        arguments.extend([&split_out, &split_log_sum_exp].map(Argument::from));
        arguments.extend([Argument::from(out), log_sum_exp.into()]);
        let kernel = &kernels::attention::FLASH_DECODE_COMBINE;
        launch(self.device, kernel, rows.into(), flash_decode::BLOCK, &arguments)
    }

    fn splits(&self, split_keys: u32, out: &mut Buffer<f32>, log_sum_exp: &mut Buffer<f32>) -> Result<(), Error> {
        let (sizes, variant) = (self.sizes, self.sizes.variant()?);
        let mut arguments = sizes.scored();
        arguments.extend([self.q, self.k, self.v].map(Argument::from));
        arguments.extend([split_keys.into(), Argument::from(out), log_sum_exp.into()]);
        let blocks = flash_decode::grid(sizes.all_kv_heads(), sizes.rows_sharing(), sizes.keys, split_keys);
        launch(self.device, &kernels::attention::FLASH_DECODE[variant], blocks, flash_decode::BLOCK, &arguments)
    }

    fn naive(&self, out: &mut Buffer<f32>, log_sum_exp: &mut Buffer<f32>) -> Result<(), Error> {
        let (device, sizes) = (self.device, self.sizes);
        let (heads, rows) = (sizes.all_heads(), sizes.rows());
        let len = (rows as usize).checked_mul(sizes.keys as usize);
        let too_large = || Error::TooLarge { name: "scores", shape: format!("{:?}", [rows, sizes.keys]) };
        let mut scores = device.uninitialised::<f32>(len.ok_or_else(too_large)?)?;

        let mut arguments = sizes.scored();
        arguments.extend([self.q.into(), self.k.into(), Argument::from(&mut scores)]);
        let blocks = naive::grid(heads, sizes.queries, sizes.keys);
        launch(device, &kernels::attention::NAIVE_SCORES, blocks, naive::TILE_BLOCK, &arguments)?;
        let arguments = [rows.into(), sizes.keys.into(), Argument::from(&mut scores), log_sum_exp.into()];
        launch(device, &kernels::attention::NAIVE_SOFTMAX, rows.into(), naive::SOFTMAX_BLOCK, &arguments)?;
        let mut arguments = sizes.shape();
        arguments.extend([(&scores).into(), self.v.into(), Argument::from(out)]);
        let blocks = naive::grid(heads, sizes.queries, sizes.head_dim);
        launch(device, &kernels::attention::NAIVE_VALUES, blocks, naive::TILE_BLOCK, &arguments)
    }
}

/// Launches a kernel, unless there is nothing for it to do.
pub(super) fn launch(
    device: &Device,
    kernel: &Vetted,
    blocks: u64,
    block: [u32; 3],
    arguments: &[Argument<'_>],
) -> Result<(), Error> {
    if blocks == 0 {
        return Ok(());
    }
    Ok(device.vetted(kernel)?.launch(&kernels::launch(blocks, block)?, arguments)?)
}

/// Rounded to nearest even, on the device.
fn to_bf16(device: &Device, from: &Buffer<f32>) -> Result<Buffer<u16>, Error> {
    const BLOCKS_MAX: usize = 4096; // each thread takes several numbers, if there are more
    let mut to = device.uninitialised(from.len())?;
    let blocks = from.len().div_ceil(convert::BLOCK[0] as usize).min(BLOCKS_MAX) as u64;
    let arguments = [(from.len() as u64).into(), from.into(), Argument::from(&mut to)];
    launch(device, &kernels::matmul::CONVERT_F32_TO_BF16, blocks, convert::BLOCK, &arguments)?;
    Ok(to)
}

/// Buffers by name.
type Named<'a> = (&'static str, &'a Buffer<f32>);

fn check_queries(problem: &Attention, buffers: &[Named<'_>]) -> Result<(), Error> {
    let shape = [problem.batch, problem.heads, problem.queries, problem.head_dim];
    buffers.iter().try_for_each(|(name, buffer)| check_len(name, &shape, buffer.len()))
}

fn check_keys(problem: &Attention, buffers: &[Named<'_>]) -> Result<(), Error> {
    let shape = [problem.batch, problem.kv_heads, problem.key_rows(), problem.head_dim];
    buffers.iter().try_for_each(|(name, buffer)| check_len(name, &shape, buffer.len()))
}

fn check_rows(problem: &Attention, buffers: &[Named<'_>]) -> Result<(), Error> {
    let shape = [problem.batch, problem.heads, problem.queries];
    buffers.iter().try_for_each(|(name, buffer)| check_len(name, &shape, buffer.len()))
}
