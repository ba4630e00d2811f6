//! The kernels' times on the GPU of this machine, by its own events, with everything in its memory already.
//!
//! ```text
//! cargo bench -p gpukern --features cuda,linalg/cuda --bench gpu
//! python3 crates/gpukern/benches/gpu_peers.py              # PyTorch's of the same shapes: run both on the same machine
//! ```
//!
//! Each figure is the median of [`RUNS`] timings of as many launches as make a millisecond or so. Bytes are those of inputs and
//! outputs, each once; operations are two for each multiply-add of the two products (five backward), half of them under a causal mask.
#![allow(clippy::print_stdout, reason = "a report is what this is for")]

use std::error::Error;

use gpu_device::{Argument, Buffer, Device, kernels};
use gpukern::{Attention, Cuda, CudaKernel, Rows, SavedOnDevice};
use gpukern_kernels::matmul::mma;
use linalg::suite::Random;

const RUNS: usize = 15;

fn main() -> Result<(), Box<dyn Error>> {
    let device = Device::open(0)?;
    println!("{}", device.properties().name);
    products(&device)?;
    for head_dim in [64, 128] {
        for causal in [false, true] {
            for length in [512, 2048, 8192] {
                // 16,384 queries, 2,048 numbers each.
                let problem = Attention {
                    batch: 16_384 / length,
                    heads: 2048 / head_dim,
                    kv_heads: 2048 / head_dim,
                    queries: length,
                    keys: length,
                    head_dim,
                    causal,
                    scale: None,
                    key_capacity: None,
                };
                attention(&device, &problem)?;
            }
        }
    }
    for (batch, keys) in [(1, 8192), (16, 8192)] {
        decoding(&device, batch, keys)?;
    }
    rowwise(&device)
}

/// The median of a launch's milliseconds.
fn milliseconds(device: &Device, mut work: impl FnMut()) -> Result<f64, gpu_device::Error> {
    work();
    let (_, once) = device.time(&mut work)?;
    let launches = (1.0 / once.max(0.001)).ceil() as u32;
    let mut times = Vec::new();
    for _ in 0..RUNS {
        let (_, time) = device.time(|| (0..launches).for_each(|_| work()))?;
        times.push(f64::from(time) / f64::from(launches));
    }
    times.sort_by(f64::total_cmp);
    Ok(times[RUNS / 2])
}

fn random(device: &Device, len: usize) -> Result<Buffer<f32>, gpu_device::Error> {
    let mut random = Random::new(len as u64);
    device.upload(&(0..len).map(|_| random.unit::<f32>()).collect::<Vec<_>>())
}

fn products(device: &Device) -> Result<(), Box<dyn Error>> {
    use linalg::{CudaKernel, DeviceMatrix, HalfFormat};
    for n in [1024, 4096] {
        let (a, b) = (random(device, n * n)?, random(device, n * n)?);
        let mut c = device.uninitialised(n * n)?;
        let (a, b) = (DeviceMatrix::new(&a, n, n)?, DeviceMatrix::new(&b, n, n)?);
        let operations = 2.0 * (n * n * n) as f64;
        let kernels = [
            ("naive", CudaKernel::Naive),
            ("tiled", CudaKernel::Tiled),
            ("register", CudaKernel::Register),
            ("bf16", CudaKernel::TensorCores(HalfFormat::Bf16)),
        ];
        for (name, kernel) in kernels {
            let gpu = linalg::Cuda::new(device.clone()).with_kernel(kernel);
            let time = milliseconds(device, || gpu.gemm_on_device(1.0, a, b, 0.0, &mut c).expect("a product"))?;
            report(&format!("matmul {n} {name}"), time, operations, 12.0 * (n * n) as f64);
        }
        let time = tensor_cores_alone(device, n, &mut c)?;
        report(&format!("matmul {n} bf16, of bf16 operands"), time, operations, 8.0 * (n * n) as f64);
    }
    Ok(())
}

/// The kernel by itself: [`linalg::Cuda`] makes bf16 of its operands first.
fn tensor_cores_alone(device: &Device, n: usize, c: &mut Buffer<f32>) -> Result<f64, gpu_device::Error> {
    let mut random = Random::new(1);
    let [a, b] = [(); 2].map(|()| {
        let upper_half = |x: f32| (x.to_bits() >> 16) as u16;
        device.upload(&(0..n * n).map(|_| upper_half(random.unit())).collect::<Vec<u16>>())
    });
    let (a, b, size) = (a?, b?, n as u32);
    let kernel = device.vetted(&kernels::matmul::MMA_BF16)?;
    let launch = kernels::launch(mma::grid(size, size), mma::BLOCK)?;
    milliseconds(device, || {
        let [m, stride, alpha, beta] = [size.into(), size.into(), 1.0_f32.into(), 0.0_f32.into()];
        let product =
            [m, m, m, alpha, Argument::from(&a), stride, (&b).into(), stride, beta, Argument::from(&mut *c), stride];
        kernel.launch(&launch, &product).expect("a launch");
    })
}

fn attention(device: &Device, problem: &Attention) -> Result<(), Box<dyn Error>> {
    let &Attention { batch, heads, queries, head_dim, causal, .. } = problem;
    let len = batch * heads * queries * head_dim;
    let [q, k, v, d_out] = [(); 4].map(|()| random(device, len));
    let (q, k, v, d_out) = (q?, k?, v?, d_out?);
    let (mut out, mut sums) = (device.uninitialised(len)?, device.uninitialised(batch * heads * queries)?);
    let mask = if causal { 0.5 } else { 1.0 };
    let product = mask * 2.0 * (len * queries) as f64;
    let what = format!("attention N={queries} d={head_dim}{}", if causal { " causal" } else { "" });
    let kernels =
        [("flash f32", CudaKernel::Flash), ("flash bf16", CudaKernel::FlashTensorCores), ("plain", CudaKernel::Naive)];
    for (name, kernel) in kernels.into_iter().rev() {
        let gpu = Cuda::new(device.clone()).with_kernel(kernel);
        let time = milliseconds(device, || {
            gpu.forward_on_device(problem, &q, &k, &v, &mut out, &mut sums).expect("a pass");
        })?;
        report(&format!("{what} forward {name}"), time, 2.0 * product, 16.0 * len as f64);
    }
    let [d_q, d_k, d_v] = [(); 3].map(|()| device.uninitialised(len));
    let (mut d_q, mut d_k, mut d_v) = (d_q?, d_k?, d_v?);
    let gpu = Cuda::new(device.clone());
    let saved = SavedOnDevice { q: &q, k: &k, v: &v, out: &out, log_sum_exp: &sums };
    let time = milliseconds(device, || {
        gpu.backward_on_device(problem, saved, &d_out, &mut d_q, &mut d_k, &mut d_v).expect("a pass");
    })?;
    report(&format!("{what} backward f32"), time, 5.0 * product, 32.0 * len as f64);
    Ok(())
}

/// One query over a long cache: 32 heads of 128, 8 of keys and values.
fn decoding(device: &Device, batch: usize, keys: usize) -> Result<(), Box<dyn Error>> {
    let (heads, kv_heads, head_dim) = (32, 8, 128);
    let problem =
        Attention { batch, heads, kv_heads, queries: 1, keys, head_dim, causal: true, scale: None, key_capacity: None };
    let cache = batch * kv_heads * keys * head_dim;
    let (q, k, v) = (random(device, batch * heads * head_dim)?, random(device, cache)?, random(device, cache)?);
    let (mut out, mut sums) = (device.uninitialised(q.len())?, device.uninitialised(batch * heads)?);
    let gpu = Cuda::new(device.clone());
    let time =
        milliseconds(device, || gpu.forward_on_device(&problem, &q, &k, &v, &mut out, &mut sums).expect("a pass"))?;
    let operations = 4.0 * (batch * heads * keys * head_dim) as f64;
    report(&format!("decode batch={batch} keys={keys} f32"), time, operations, 8.0 * cache as f64);
    Ok(())
}

fn rowwise(device: &Device) -> Result<(), Box<dyn Error>> {
    let shape = Rows { rows: 16_384, cols: 4096 };
    let len = shape.rows * shape.cols;
    let (x, mut out) = (random(device, len)?, device.uninitialised(len)?);
    let gpu = Cuda::new(device.clone());
    let bytes = 8.0 * len as f64;
    let time = milliseconds(device, || gpu.softmax_on_device(shape, &x, &mut out).expect("a pass"))?;
    report("softmax 16384x4096 f32", time, 0.0, bytes);
    let mut scales = device.uninitialised(shape.rows)?;
    let time =
        milliseconds(device, || gpu.rms_norm_on_device(shape, 1e-5, &x, None, &mut out, &mut scales).expect("a pass"))?;
    report("rms_norm 16384x4096 f32", time, 0.0, bytes);
    let time = milliseconds(device, || out.copy_from_buffer(&x).expect("a copy"))?;
    report("copy 16384x4096 f32", time, 0.0, bytes);
    Ok(())
}

fn report(what: &str, milliseconds: f64, operations: f64, bytes: f64) {
    let per_second = |count: f64| count / (1e-3 * milliseconds);
    println!(
        "{what:<46} {milliseconds:>9.4} ms {:>8.2} TFLOP/s {:>7.0} GB/s",
        per_second(operations) / 1e12,
        per_second(bytes) / 1e9
    );
}
