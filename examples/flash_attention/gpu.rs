//! Both ways by CUDA kernels: on a GPU, or on the software GPU, which counts the bytes.

use std::error::Error;

use gpukern::{Attention, AttentionBackend, Cuda, CudaKernel, Reference};
use gpukern_kernels::attention::traffic::{Problem, flash_forward, naive};
use linalg::suite::Random;

use super::{HEAD_DIM, Measure, Measured};

/// The first GPU's name, and how to measure on it.
pub(crate) fn open() -> Result<(String, Box<Measure>), Box<dyn Error>> {
    let gpu = Cuda::open(0)?;
    Ok((gpu.device().properties().name.clone(), Box::new(move |n| Ok(both_ways(&gpu, n)?))))
}

/// Through the matrix of scores (three kernels), and in tiles (one).
fn both_ways(gpu: &Cuda, n: usize) -> Result<[Measured; 2], gpukern::Error> {
    let one = Attention {
        batch: 1,
        heads: 1,
        kv_heads: 1,
        queries: n,
        keys: n,
        head_dim: HEAD_DIM,
        causal: false,
        scale: None,
        key_capacity: None,
    };
    let mut random = Random::new(1);
    let mut draw = || random.matrix::<f32>(n, HEAD_DIM).as_slice().to_vec();
    let (q, k, v) = (draw(), draw(), draw());
    let (mut exact, mut log_sum_exp) = (vec![0.0; q.len()], vec![0.0; n]);
    Reference.forward(&one, &q, &k, &v, &mut exact, &mut log_sum_exp)?;

    let device = gpu.device();
    let (q, k, v) = (device.upload(&q)?, device.upload(&k)?, device.upload(&v)?);
    let (mut out, mut sums) = (device.uninitialised(exact.len())?, device.uninitialised(n)?);
    let mut way = |kernel, materialised, stated: u64| {
        let gpu = gpu.clone().with_kernel(kernel);
        counted::forget();
        gpu.forward_on_device(&one, &q, &k, &v, &mut out, &mut sums)?;
        let given = out.to_vec()?; // waits
        let (moved, milliseconds) = if let Some(counted) = counted::take() {
            // Lengths that fill no tile move part of a sector.
            let close = (counted as f64 / stated as f64 - 1.0).abs() <= 0.05;
            assert!(close || !n.is_multiple_of(64), "{n}: {counted} bytes were counted, {stated} are stated");
            (counted, None)
        } else {
            let (done, time) = device.time(|| gpu.forward_on_device(&one, &q, &k, &v, &mut out, &mut sums))?;
            done?;
            (stated, Some(f64::from(time)))
        };
        let off = |(&given, &exact): (&f32, &f32)| (f64::from(given) - f64::from(exact)).abs();
        let larger = |most: f64, error: f64| if error > most || error.is_nan() { error } else { most };
        let error = given.iter().zip(&exact).map(off).fold(0.0, larger);
        Ok::<_, gpukern::Error>(Measured { n, milliseconds, materialised, moved, error })
    };
    let length = n as u64;
    let shape =
        Problem { heads: 1, kv_heads: 1, queries: length, keys: length, head_dim: HEAD_DIM as u64, causal: false };
    let through_the_matrix = naive(&shape).iter().sum();
    Ok([
        way(CudaKernel::Naive, 4 * length * length, through_the_matrix)?,
        way(CudaKernel::Flash, 0, flash_forward(&shape))?,
    ])
}

/// What the software GPU counted.
#[cfg(feature = "simgpu")]
mod counted {
    use simgpu::report::Derived;

    /// Forgets what was, and leaves out checks: the tests make them.
    pub(super) fn forget() {
        simgpu::configure(simgpu::Settings { checks: simgpu::Checks::NONE, ..simgpu::Settings::default() });
        simgpu::take_reports();
    }

    /// Bytes of all sectors that all launches moved.
    pub(super) fn take() -> Option<u64> {
        let reports = simgpu::take_reports();
        let bytes = reports.iter().map(|report| Derived::new(&report.counters).memory_bytes);
        (!reports.is_empty()).then(|| bytes.sum())
    }
}

/// A GPU counts nothing that a program could ask it for.
#[cfg(not(feature = "simgpu"))]
mod counted {
    pub(super) fn forget() {}

    pub(super) fn take() -> Option<u64> {
        None
    }
}
