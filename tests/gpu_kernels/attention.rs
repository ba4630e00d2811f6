//! Attention in f32, through the N×N matrix and without it: backends of `gpukern`, which its public suite checks.

use gpu_device::{Argument, Buffer, kernels};
use gpukern::suite::{Suite, check};
use gpukern::{Attention, AttentionBackend, Error, Saved};
use gpukern_kernels::attention::{flash_backward, flash_forward, naive, variant};

use crate::Gpu;

/// Problems with more scores would take a software GPU too long.
const SCORES_MAX: usize = 120_000;

/// A problem in the 32-bit numbers that kernels take.
pub(crate) struct Sizes {
    pub(crate) problem: Attention,
    pub(crate) variant: usize,
    /// batch · heads.
    pub(crate) heads: u32,
    pub(crate) queries: u32,
    pub(crate) keys: u32,
    pub(crate) head_dim: u32,
    kv_heads: u32,
    key_capacity: u32,
}

impl Sizes {
    pub(crate) fn new(problem: &Attention) -> Self {
        let small = |size: usize| u32::try_from(size).expect("a test's size");
        Self {
            problem: *problem,
            variant: variant(small(problem.head_dim)),
            heads: small(problem.batch * problem.heads),
            kv_heads: small(problem.batch * problem.kv_heads),
            queries: small(problem.queries),
            keys: small(problem.keys),
            key_capacity: small(problem.key_rows()),
            head_dim: small(problem.head_dim),
        }
    }

    /// batch, heads, kv_heads, queries, keys, key_capacity, head_dim: what nearly every kernel begins with.
    fn shape(&self) -> Vec<Argument<'static>> {
        let Attention { batch, heads, kv_heads, .. } = self.problem;
        let outer = [batch, heads, kv_heads].map(|size| size as u32);
        let inner = [self.queries, self.keys, self.key_capacity, self.head_dim];
        outer.into_iter().chain(inner).map(Argument::from).collect()
    }

    /// The same with scale and causal.
    pub(crate) fn scored(&self) -> Vec<Argument<'static>> {
        let mut arguments = self.shape();
        arguments.extend([Argument::from(self.problem.scale_or_default()), u32::from(self.problem.causal).into()]);
        arguments
    }

    fn is_empty(&self) -> bool {
        self.heads == 0 || self.queries == 0
    }
}

fn upload(gpu: &Gpu, numbers: &[f32]) -> Buffer<f32> {
    gpu.device.upload(numbers).expect("memory")
}

fn output(gpu: &Gpu, like: &[f32]) -> Buffer<f32> {
    gpu.device.uninitialised(like.len()).expect("memory")
}

fn download(buffer: &Buffer<f32>, to: &mut [f32]) {
    buffer.copy_to_slice(to).expect("numbers");
}

/// `flash_forward.cu` and `flash_backward.cu`.
struct Flash<'a>(&'a Gpu);

impl AttentionBackend for Flash<'_> {
    fn forward(
        &self,
        problem: &Attention,
        q: &[f32],
        k: &[f32],
        v: &[f32],
        out: &mut [f32],
        log_sum_exp: &mut [f32],
    ) -> Result<(), Error> {
        problem.check_forward(q, k, v, out, log_sum_exp)?;
        let (gpu, sizes) = (self.0, Sizes::new(problem));
        if sizes.is_empty() {
            return Ok(());
        }
        let [on_q, on_k, on_v] = [q, k, v].map(|numbers| upload(gpu, numbers));
        let [mut on_out, mut on_lse] = [&*out, log_sum_exp].map(|numbers| output(gpu, numbers));
        let mut arguments = sizes.scored();
        arguments.extend([Argument::from(&on_q), (&on_k).into(), (&on_v).into()]);
        arguments.extend([Argument::from(&mut on_out), (&mut on_lse).into()]);
        let grid = flash_forward::grid(sizes.heads, sizes.queries, sizes.variant);
        gpu.launch(&kernels::attention::FLASH_FORWARD[sizes.variant], grid, flash_forward::BLOCK, &arguments);
        download(&on_out, out);
        download(&on_lse, log_sum_exp);
        Ok(())
    }

    fn backward(
        &self,
        problem: &Attention,
        saved: Saved<'_>,
        d_out: &[f32],
        d_q: &mut [f32],
        d_k: &mut [f32],
        d_v: &mut [f32],
    ) -> Result<(), Error> {
        problem.check_backward(&saved, d_out, d_q, d_k, d_v)?;
        let (gpu, sizes) = (self.0, Sizes::new(problem));
        if sizes.is_empty() {
            [d_k, d_v].into_iter().for_each(|gradient| gradient.fill(0.0));
            return Ok(());
        }
        let Saved { q, k, v, out, log_sum_exp } = saved;
        let [on_q, on_k, on_v, on_out] = [q, k, v, out].map(|numbers| upload(gpu, numbers));
        let [on_d_out, on_lse] = [d_out, log_sum_exp].map(|numbers| upload(gpu, numbers));
        let [mut delta, mut on_d_q, mut on_d_k, mut on_d_v] =
            [log_sum_exp, d_q, d_k, d_v].map(|numbers| output(gpu, numbers));

        let rows = sizes.heads * sizes.queries;
        let arguments = [rows.into(), sizes.head_dim.into(), (&on_out).into(), (&on_d_out).into(), (&mut delta).into()];
        let blocks = rows.div_ceil(8).into();
        gpu.launch(&kernels::attention::FLASH_BACKWARD_DELTA, blocks, flash_backward::DELTA_BLOCK, &arguments);

        let inputs = || {
            let mut arguments = sizes.scored();
            arguments.extend([&on_q, &on_k, &on_v, &on_d_out, &on_lse, &delta].map(Argument::from));
            arguments
        };
        let mut arguments = inputs();
        arguments.push((&mut on_d_q).into());
        let grid = flash_backward::dq_grid(sizes.heads, sizes.queries, sizes.variant);
        gpu.launch(&kernels::attention::FLASH_BACKWARD_DQ[sizes.variant], grid, flash_backward::BLOCK, &arguments);
        let mut arguments = inputs();
        arguments.extend([Argument::from(&mut on_d_k), (&mut on_d_v).into()]);
        let grid = flash_backward::dkv_grid(sizes.kv_heads, sizes.key_capacity, sizes.variant);
        gpu.launch(&kernels::attention::FLASH_BACKWARD_DKV[sizes.variant], grid, flash_backward::BLOCK, &arguments);
        download(&on_d_q, d_q);
        download(&on_d_k, d_k);
        download(&on_d_v, d_v);
        Ok(())
    }
}

/// `attention_naive.cu`, which has a forward pass only.
struct Naive<'a>(&'a Gpu);

impl AttentionBackend for Naive<'_> {
    fn forward(
        &self,
        problem: &Attention,
        q: &[f32],
        k: &[f32],
        v: &[f32],
        out: &mut [f32],
        log_sum_exp: &mut [f32],
    ) -> Result<(), Error> {
        problem.check_forward(q, k, v, out, log_sum_exp)?;
        let (gpu, sizes) = (self.0, Sizes::new(problem));
        if sizes.is_empty() {
            return Ok(());
        }
        let [on_q, on_k, on_v] = [q, k, v].map(|numbers| upload(gpu, numbers));
        let [mut on_out, mut on_lse] = [&*out, log_sum_exp].map(|numbers| output(gpu, numbers));
        let rows = sizes.heads * sizes.queries;
        let mut scores = gpu.device.uninitialised::<f32>(rows as usize * problem.keys).expect("memory");

        let mut arguments = sizes.scored();
        arguments.extend([Argument::from(&on_q), (&on_k).into(), Argument::from(&mut scores)]);
        let grid = naive::grid(sizes.heads, sizes.queries, sizes.keys);
        gpu.launch(&kernels::attention::NAIVE_SCORES, grid, naive::TILE_BLOCK, &arguments);
        let arguments = [rows.into(), sizes.keys.into(), (&mut scores).into(), (&mut on_lse).into()];
        gpu.launch(&kernels::attention::NAIVE_SOFTMAX, rows.into(), naive::SOFTMAX_BLOCK, &arguments);
        let mut arguments = sizes.shape();
        arguments.extend([Argument::from(&scores), (&on_v).into(), Argument::from(&mut on_out)]);
        let grid = naive::grid(sizes.heads, sizes.queries, sizes.head_dim);
        gpu.launch(&kernels::attention::NAIVE_VALUES, grid, naive::TILE_BLOCK, &arguments);
        download(&on_out, out);
        download(&on_lse, log_sum_exp);
        Ok(())
    }

    fn backward(
        &self,
        problem: &Attention,
        saved: Saved<'_>,
        d_out: &[f32],
        d_q: &mut [f32],
        d_k: &mut [f32],
        d_v: &mut [f32],
    ) -> Result<(), Error> {
        Flash(self.0).backward(problem, saved, d_out, d_q, d_k, d_v)
    }
}

#[test]
fn flash_attention_passes_the_suite() {
    let gpu = Gpu::open();
    let suite = Suite { seed: 3, drawn: 6, scores_max: SCORES_MAX, gradients: true };
    let posed = check("flash", &Flash(&gpu), &suite).unwrap_or_else(|failure| panic!("{failure}"));
    assert!(posed > 80, "{posed} problems");
}

#[test]
fn attention_through_the_matrix_passes_the_suite() {
    let gpu = Gpu::open();
    let suite = Suite { seed: 4, drawn: 6, scores_max: SCORES_MAX, gradients: false };
    let posed = check("naive", &Naive(&gpu), &suite).unwrap_or_else(|failure| panic!("{failure}"));
    assert!(posed > 80, "{posed} problems");
}

/// The two largest lengths that the flash-attention project's tests have below 2048, forward.
#[test]
fn flash_attention_of_a_thousand() {
    let gpu = Gpu::open();
    for causal in [false, true] {
        let problem = Attention {
            batch: 1,
            heads: 1,
            kv_heads: 1,
            queries: 1023,
            keys: 1024,
            head_dim: 64,
            causal,
            scale: None,
            key_capacity: None,
        };
        crate::attention_mma::compare("flash", &problem, 2.0 * f64::from(f32::EPSILON), |q, k, v, out, lse| {
            Flash(&gpu).forward(&problem, q, k, v, out, lse).expect("a problem");
        });
    }
}
