//! The device, and what is launched there: products, rows and attention by their crates, the rest here.

use gpu_device::{Argument, Buffer, Device, Vetted, kernels};
use gpukern::{Attention, Rows, SavedOnDevice};
use gpukern_kernels::{adam, elementwise, embedding, heads};
use linalg::DeviceMatrix;

use super::batch::Batch;
use crate::adam::Factors;
use crate::error::Error;
use crate::scalar::{EPSILON, LOG_EPSILON};

/// Blocks of a launch whose threads walk in strides, at most.
const BLOCKS_MAX: usize = 4096;

/// Sums of squares that a matrix leaves, at most.
const SUMS_MAX: usize = 64;

/// The device, and the crates that know kernels for it.
#[derive(Clone, Debug)]
pub(super) struct Gpu {
    pub(super) device: Device,
    products: linalg::Cuda,
    rows: gpukern::Cuda,
}

/// Which part of a token's row goes to which slots of each head.
#[derive(Clone, Copy)]
pub(super) struct Part {
    pub(super) parts: usize,
    pub(super) part: usize,
    pub(super) first: usize,
}

impl Gpu {
    pub(super) fn new(device: Device) -> Self {
        Gpu { products: linalg::Cuda::new(device.clone()), rows: gpukern::Cuda::new(device.clone()), device }
    }

    /// A launch of `threads` threads, or fewer that take several numbers each.
    fn strided(
        &self,
        kernel: &Vetted,
        threads: usize,
        block: [u32; 3],
        arguments: &[Argument<'_>],
    ) -> Result<(), Error> {
        let blocks = threads.div_ceil(block[0] as usize).clamp(1, BLOCKS_MAX);
        self.launch(kernel, blocks as u64, block, arguments)
    }

    fn launch(&self, kernel: &Vetted, blocks: u64, block: [u32; 3], arguments: &[Argument<'_>]) -> Result<(), Error> {
        Ok(self.device.vetted(kernel)?.launch(&kernels::launch(blocks, block)?, arguments)?)
    }

    /// `out[row] = wte[its token] + wpe[its place]`
    pub(super) fn embed(
        &self,
        batch: &Batch,
        [wte, wpe]: [&Buffer<f32>; 2],
        n: usize,
        out: &mut Buffer<f32>,
    ) -> Result<(), Error> {
        let sizes = [batch.rows(), n, wte.len() / n, wpe.len() / n].map(size);
        let mut arguments: Vec<Argument<'_>> = sizes.into_iter().map(Argument::from).collect();
        arguments.extend([&batch.tokens, &batch.positions].map(Argument::from));
        arguments.extend([wte.into(), wpe.into(), Argument::from(out)]);
        self.strided(&kernels::training::EMBEDDING, batch.rows() * n, embedding::BLOCK, &arguments)
    }

    /// `d_table[entry] = Σ d_out[row]` over the rows that point there.
    pub(super) fn embed_backward(
        &self,
        index: &Buffer<u32>,
        d_out: &Buffer<f32>,
        n: usize,
        d_table: &mut Buffer<f32>,
    ) -> Result<(), Error> {
        let [rows, cols, entries] = [index.len(), n, d_table.len() / n].map(size);
        let arguments = [rows.into(), cols.into(), entries.into(), index.into(), d_out.into(), Argument::from(d_table)];
        let blocks = embedding::backward_grid(entries, cols);
        self.launch(&kernels::training::EMBEDDING_BACKWARD, blocks, embedding::BLOCK, &arguments)
    }

    /// `out = x / rms(x)`, row by row.
    pub(super) fn norm(
        &self,
        n: usize,
        x: &Buffer<f32>,
        out: &mut Buffer<f32>,
        inverse: &mut Buffer<f32>,
    ) -> Result<(), Error> {
        Ok(self.rows.rms_norm_on_device(rows_of(x, n), EPSILON as f32, x, None, out, inverse)?)
    }

    /// `d_x` from `d_out`, overwritten.
    pub(super) fn norm_backward(
        &self,
        n: usize,
        (x, inverse): (&Buffer<f32>, &Buffer<f32>),
        d_out: &Buffer<f32>,
        d_x: &mut Buffer<f32>,
    ) -> Result<(), Error> {
        Ok(self.rows.rms_norm_backward_on_device(rows_of(x, n), x, None, inverse, d_out, d_x, None)?)
    }

    /// `y = x·Wᵀ·alpha + beta·y`
    pub(super) fn linear(
        &self,
        (x, inputs): (&Buffer<f32>, usize),
        w: &Buffer<f32>,
        (alpha, beta): (f32, f32),
        y: &mut Buffer<f32>,
    ) -> Result<(), Error> {
        Ok(self.products.gemm_on_device(alpha, matrix(x, inputs)?, matrix(w, inputs)?.transpose(), beta, y)?)
    }

    /// `d_x = d_y·W`
    pub(super) fn inputs_gradient(
        &self,
        d_y: &Buffer<f32>,
        (w, inputs): (&Buffer<f32>, usize),
        d_x: &mut Buffer<f32>,
    ) -> Result<(), Error> {
        let w = matrix(w, inputs)?;
        Ok(self.products.gemm_on_device(1.0, matrix(d_y, w.rows())?, w, 0.0, d_x)?)
    }

    /// `dW = d_yᵀ·x`
    pub(super) fn weights_gradient(
        &self,
        d_y: &Buffer<f32>,
        (x, inputs): (&Buffer<f32>, usize),
        d_w: &mut Buffer<f32>,
    ) -> Result<(), Error> {
        let d_y = matrix(d_y, d_w.len() / inputs)?;
        Ok(self.products.gemm_on_device(1.0, d_y.transpose(), matrix(x, inputs)?, 0.0, d_w)?)
    }

    pub(super) fn attend(
        &self,
        problem: &Attention,
        [q, k, v]: [&Buffer<f32>; 3],
        out: &mut Buffer<f32>,
        log_sum_exp: &mut Buffer<f32>,
    ) -> Result<(), Error> {
        Ok(self.rows.forward_on_device(problem, q, k, v, out, log_sum_exp)?)
    }

    pub(super) fn attend_backward(
        &self,
        problem: &Attention,
        saved: SavedOnDevice<'_>,
        d_out: &Buffer<f32>,
        [d_q, d_k, d_v]: &mut [Buffer<f32>; 3],
    ) -> Result<(), Error> {
        Ok(self.rows.backward_on_device(problem, saved, d_out, d_q, d_k, d_v)?)
    }

    /// A part of the rows of tokens becomes rows of heads, for a problem of attention.
    pub(super) fn split_heads(
        &self,
        problem: &Attention,
        part: Part,
        rows: &Buffer<f32>,
        by_head: &mut Buffer<f32>,
    ) -> Result<(), Error> {
        let mut arguments = head_sizes(problem, part, by_head.len());
        arguments.extend([rows.into(), Argument::from(by_head)]);
        self.strided(&kernels::training::SPLIT_HEADS, rows.len() / part.parts, heads::BLOCK, &arguments)
    }

    /// The way back.
    pub(super) fn join_heads(
        &self,
        problem: &Attention,
        part: Part,
        by_head: &Buffer<f32>,
        rows: &mut Buffer<f32>,
    ) -> Result<(), Error> {
        let threads = rows.len() / part.parts;
        let mut arguments = head_sizes(problem, part, by_head.len());
        arguments.extend([by_head.into(), Argument::from(rows)]);
        self.strided(&kernels::training::JOIN_HEADS, threads, heads::BLOCK, &arguments)
    }

    /// `y += x`
    pub(super) fn add(&self, x: &Buffer<f32>, y: &mut Buffer<f32>) -> Result<(), Error> {
        let arguments = [(x.len() as u64).into(), x.into(), Argument::from(y)];
        self.strided(&kernels::training::ADD, x.len(), elementwise::BLOCK, &arguments)
    }

    /// `x = max(x, 0)`
    pub(super) fn relu(&self, x: &mut Buffer<f32>) -> Result<(), Error> {
        let count = x.len();
        let arguments = [(count as u64).into(), Argument::from(x)];
        self.strided(&kernels::training::RELU, count, elementwise::BLOCK, &arguments)
    }

    /// `d_x = 0` where [`relu`](Gpu::relu) made a 0.
    pub(super) fn relu_backward(&self, y: &Buffer<f32>, d_x: &mut Buffer<f32>) -> Result<(), Error> {
        let arguments = [(y.len() as u64).into(), y.into(), Argument::from(d_x)];
        self.strided(&kernels::training::RELU_BACKWARD, y.len(), elementwise::BLOCK, &arguments)
    }

    /// `x = softmax(x)` of rows of `cols` numbers, into `out`.
    pub(super) fn softmax(&self, cols: usize, x: &Buffer<f32>, out: &mut Buffer<f32>) -> Result<(), Error> {
        Ok(self.rows.softmax_on_device(rows_of(x, cols), x, out)?)
    }

    /// Each token's part of the loss, −weight·ln(p + 1e-10), and its slope with respect to −ln p.
    pub(super) fn loss(
        &self,
        batch: &Batch,
        (logits, vocab): (&Buffer<f32>, usize),
        loss: &mut Buffer<f32>,
        [log_sum_exp, d_loss]: [&mut Buffer<f32>; 2],
    ) -> Result<(), Error> {
        self.rows.cross_entropy_on_device(rows_of(logits, vocab), logits, &batch.targets, loss, log_sum_exp)?;
        let (rows, floor) = (batch.rows(), LOG_EPSILON as f32);
        let arguments =
            [(rows as u64).into(), floor.into(), (&batch.weights).into(), Argument::from(loss), d_loss.into()];
        self.strided(&kernels::training::FLOORED_LOSS, rows, elementwise::BLOCK, &arguments)
    }

    /// The loss's gradient with respect to the logits.
    pub(super) fn loss_backward(
        &self,
        batch: &Batch,
        (logits, vocab): (&Buffer<f32>, usize),
        [log_sum_exp, d_loss]: [&Buffer<f32>; 2],
        d_logits: &mut Buffer<f32>,
    ) -> Result<(), Error> {
        let (shape, targets) = (rows_of(logits, vocab), &batch.targets);
        Ok(self.rows.cross_entropy_backward_on_device(shape, logits, targets, log_sum_exp, d_loss, d_logits)?)
    }

    /// One matrix's step of Adam; `not_finite` is added to if it left the numbers.
    pub(super) fn adam(
        &self,
        factors: &Factors<f32>,
        [gradient, before]: [&Buffer<f32>; 2],
        [first, second, after]: [&mut Buffer<f32>; 3],
        not_finite: &mut Buffer<u32>,
    ) -> Result<(), Error> {
        let Factors { clip, beta1, new1, beta2, new2, rate, correction, epsilon, kept } = *factors;
        let factors = [clip, beta1, new1, beta2, new2, rate, correction, epsilon, kept];
        let mut arguments = vec![Argument::from(gradient.len() as u64)];
        arguments.extend(factors.map(Argument::from));
        arguments.extend([gradient, before].map(Argument::from));
        arguments.extend([first, second, after].map(Argument::from));
        arguments.push(not_finite.into());
        self.strided(&kernels::training::ADAM, gradient.len(), adam::BLOCK, &arguments)
    }

    /// The sum of the squares of all numbers of some matrices.
    pub(super) fn sum_of_squares(&self, matrices: &[Buffer<f32>]) -> Result<f64, Error> {
        let mut sum = 0.0;
        for matrix in matrices {
            let blocks = matrix.len().div_ceil(adam::BLOCK[0] as usize).clamp(1, SUMS_MAX);
            let mut partial = self.device.uninitialised::<f64>(blocks)?;
            let arguments = [(matrix.len() as u64).into(), matrix.into(), Argument::from(&mut partial)];
            self.launch(&kernels::training::SUM_OF_SQUARES, blocks as u64, adam::BLOCK, &arguments)?;
            sum += partial.to_vec()?.iter().sum::<f64>();
        }
        Ok(sum)
    }
}

/// batch, tokens, heads, head_dim, parts, part, capacity, first.
fn head_sizes(problem: &Attention, part: Part, by_head: usize) -> Vec<Argument<'static>> {
    let &Attention { batch, heads, queries, head_dim, .. } = problem;
    let capacity = by_head / (batch * heads * head_dim);
    let sizes = [batch, queries, heads, head_dim, part.parts, part.part, capacity, part.first];
    sizes.map(|count| Argument::from(size(count))).into()
}

fn rows_of(x: &Buffer<f32>, cols: usize) -> Rows {
    Rows { rows: x.len() / cols, cols }
}

fn matrix(x: &Buffer<f32>, cols: usize) -> Result<DeviceMatrix<'_, f32>, Error> {
    Ok(DeviceMatrix::new(x, x.len() / cols, cols)?)
}

/// A size as kernels take it. Models have at most 2²⁴ parameters; rows of a batch that are more than kernels count are
/// refused there: what does not fit becomes the largest number, which is out of every kernel's range.
fn size(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
