//! Each kernel of ours at a size that has edges and more than two tiles of everything.

mod attention;
mod rowwise;
mod training;

use std::sync::Arc;

use gpukern_kernels::{Entry, darts, matmul};
use simgpu::{Gpu, LaunchReport, Module};

use super::{Params, launch_any, random, room, upload};

/// A kernel, its text, and how to launch it.
pub struct Case {
    pub entry: Entry,
    pub ptx: &'static str,
    run: fn(&Gpu, &Module, &Entry) -> LaunchReport,
}

impl Case {
    /// Runs the kernel from a module that has it.
    pub fn run(&self, gpu: &Gpu, module: &Arc<Module>) -> LaunchReport {
        (self.run)(gpu, module, &self.entry)
    }
}

/// Every entry.
pub fn all() -> Vec<Case> {
    let mut cases = vec![
        Case { entry: matmul::naive::MATMUL_NAIVE, ptx: matmul::naive::PTX, run: naive },
        Case { entry: matmul::tiled::MATMUL_TILED_F32, ptx: matmul::tiled::PTX, run: tiled_f32 },
        Case { entry: matmul::tiled::MATMUL_TILED_F64, ptx: matmul::tiled::PTX, run: tiled_f64 },
        Case { entry: matmul::register::MATMUL_REGISTER, ptx: matmul::register::PTX, run: register },
        Case { entry: matmul::mma::MATMUL_MMA_BF16, ptx: matmul::mma::PTX, run: mma },
        Case { entry: matmul::mma::MATMUL_MMA_F16, ptx: matmul::mma::PTX, run: mma },
        Case { entry: matmul::convert::CONVERT_F32_TO_BF16, ptx: matmul::convert::PTX, run: convert },
        Case { entry: matmul::convert::CONVERT_F32_TO_F16, ptx: matmul::convert::PTX, run: convert },
        Case { entry: darts::DARTS, ptx: darts::PTX, run: throw },
    ];
    cases.extend(rowwise::all());
    cases.extend(attention::all());
    cases.extend(training::all());
    cases
}

fn naive(gpu: &Gpu, module: &Module, entry: &Entry) -> LaunchReport {
    let (m, n, k) = (33, 35, 37);
    let (a, b) = (upload(gpu, &random(1, m * k)), upload(gpu, &random(2, k * n)));
    let c = room::<f32>(gpu, m * n);
    let (m, n, k) = (m as u32, n as u32, k as u32);
    let params = Params::new().u32(m).u32(n).u32(k).u64(a).u64(b).u64(c);
    launch_any(gpu, module, entry.name, matmul::naive::grid(m, n), matmul::naive::BLOCK, params)
}

fn tiled_f32(gpu: &Gpu, module: &Module, entry: &Entry) -> LaunchReport {
    let (m, n, k) = (33, 35, 101);
    let (a, b) = (upload(gpu, &random(1, m * k)), upload(gpu, &random(2, k * n)));
    let c = room::<f32>(gpu, m * n);
    let (m, n, k) = (m as u32, n as u32, k as u32);
    let params = Params::new().u32(m).u32(n).u32(k).f32(1.5).u64(a).u32(k).u32(0).u64(b).u32(n).u32(0);
    let params = params.f32(0.0).u64(c).u32(n);
    launch_any(gpu, module, entry.name, [matmul::tiled::grid(m, n) as u32, 1, 1], matmul::tiled::BLOCK, params)
}

fn tiled_f64(gpu: &Gpu, module: &Module, entry: &Entry) -> LaunchReport {
    let (m, n, k) = (33, 35, 101);
    let wide = |seed, count| random(seed, count).into_iter().map(f64::from).collect::<Vec<f64>>();
    let (a, b) = (upload(gpu, &wide(1, m * k)), upload(gpu, &wide(2, k * n)));
    let c = room::<f64>(gpu, m * n);
    let (m, n, k) = (m as u32, n as u32, k as u32);
    let params = Params::new().u32(m).u32(n).u32(k).f64(1.5).u64(a).u32(k).u32(0).u64(b).u32(n).u32(0);
    let params = params.f64(0.0).u64(c).u32(n);
    launch_any(gpu, module, entry.name, [matmul::tiled::grid(m, n) as u32, 1, 1], matmul::tiled::BLOCK, params)
}

/// Both of these take the same arguments; the elements of A and B differ.
fn blocked(gpu: &Gpu, module: &Module, entry: &Entry, a: u64, b: u64, [m, n, k]: [u32; 3]) -> LaunchReport {
    let c = room::<f32>(gpu, (m * n) as usize);
    let params = Params::new().u32(m).u32(n).u32(k).f32(1.5).u64(a).u32(k).u64(b).u32(n).f32(0.0).u64(c).u32(n);
    launch_any(gpu, module, entry.name, [matmul::register::grid(m, n) as u32, 1, 1], matmul::register::BLOCK, params)
}

fn register(gpu: &Gpu, module: &Module, entry: &Entry) -> LaunchReport {
    let (m, n, k) = (130, 132, 100);
    let (a, b) = (upload(gpu, &random(1, m * k)), upload(gpu, &random(2, k * n)));
    blocked(gpu, module, entry, a, b, [m as u32, n as u32, k as u32])
}

/// Sixteen-bit patterns that are small numbers in both formats.
fn narrow(seed: u64, count: usize) -> Vec<u16> {
    random(seed, count).into_iter().map(|x| (x.to_bits() >> 16) as u16).collect()
}

fn mma(gpu: &Gpu, module: &Module, entry: &Entry) -> LaunchReport {
    let (m, n, k) = (130, 136, 200);
    let (a, b) = (upload(gpu, &narrow(1, m * k)), upload(gpu, &narrow(2, k * n)));
    blocked(gpu, module, entry, a, b, [m as u32, n as u32, k as u32])
}

fn convert(gpu: &Gpu, module: &Module, entry: &Entry) -> LaunchReport {
    let count = 1001;
    let (input, output) = (upload(gpu, &random(1, count)), room::<u16>(gpu, count));
    let params = Params::new().u64(count as u64).u64(input).u64(output);
    launch_any(gpu, module, entry.name, [3, 1, 1], matmul::convert::BLOCK, params)
}

fn throw(gpu: &Gpu, module: &Module, entry: &Entry) -> LaunchReport {
    let inside = upload(gpu, &[0u64]);
    let params = Params::new().u64(5).u64(10_001).u64(42).u64(inside);
    launch_any(gpu, module, entry.name, [4, 1, 1], darts::BLOCK, params)
}
