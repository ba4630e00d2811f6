//! Lane instructions a second, on one thread: our kernels without checks and with all of them.
//!
//! ```sh
//! cargo bench -p simgpu --bench speed [-- NAME]
//! ```
#![allow(clippy::print_stdout)]

use std::time::{Duration, Instant};

use gpukern_kernels::{attention, matmul};
use simgpu::{Checks, Gpu, LaunchReport, Settings};

#[path = "../tests/support/mod.rs"]
mod support;
use support::{Params, launch, random, room, upload};

fn main() {
    let rounds = 7;
    println!(
        "{:<22} {:>14} {:>14} {:>8}   10⁹ lane instructions a second, best of {rounds}",
        "kernel", "no checks", "all checks", "ratio"
    );
    let kernels: [(&str, Kernel); 4] = [
        ("matmul_naive", naive),
        ("matmul_tiled_f32", tiled),
        ("matmul_register", register),
        ("flash_forward_d64", flash),
    ];
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|part| name.contains(part.as_str()));
    for (name, kernel) in kernels.into_iter().filter(|(name, _)| is_wanted(name)) {
        let [fast, checked] = [Checks::NONE, Checks::ALL].map(|checks| {
            let gpu = Gpu::new(Settings { checks, threads: Some(1), ..Settings::default() });
            let run = kernel(&gpu);
            let mut best = Duration::MAX;
            let mut instructions = 0;
            for _ in 0..rounds {
                let start = Instant::now();
                instructions = run(&gpu).counters.lane_instructions;
                best = best.min(start.elapsed());
            }
            instructions as f64 / best.as_secs_f64() / 1e9
        });
        println!("{name:<22} {fast:>14.2} {checked:>14.2} {:>8.2}", checked / fast);
    }
}

type Run = Box<dyn Fn(&Gpu) -> LaunchReport>;
type Kernel = fn(&Gpu) -> Run;

fn naive(gpu: &Gpu) -> Run {
    let n = 256;
    let module = gpu.load(matmul::naive::PTX).expect("PTX");
    let (a, b) = (upload(gpu, &random(1, n * n)), upload(gpu, &random(2, n * n)));
    let c = room::<f32>(gpu, n * n);
    let n = n as u32;
    Box::new(move |gpu| {
        let params = Params::new().u32(n).u32(n).u32(n).u64(a).u64(b).u64(c);
        launch(gpu, &module, &matmul::naive::MATMUL_NAIVE, matmul::naive::grid(n, n), matmul::naive::BLOCK, params)
    })
}

fn tiled(gpu: &Gpu) -> Run {
    let n = 256;
    let module = gpu.load(matmul::tiled::PTX).expect("PTX");
    let (a, b) = (upload(gpu, &random(1, n * n)), upload(gpu, &random(2, n * n)));
    let c = room::<f32>(gpu, n * n);
    let n = n as u32;
    Box::new(move |gpu| {
        let params = Params::new().u32(n).u32(n).u32(n).f32(1.0).u64(a).u32(n).u32(0).u64(b).u32(n).u32(0);
        let params = params.f32(0.0).u64(c).u32(n);
        let grid = [matmul::tiled::grid(n, n) as u32, 1, 1];
        launch(gpu, &module, &matmul::tiled::MATMUL_TILED_F32, grid, matmul::tiled::BLOCK, params)
    })
}

fn register(gpu: &Gpu) -> Run {
    let n = 512;
    let module = gpu.load(matmul::register::PTX).expect("PTX");
    let (a, b) = (upload(gpu, &random(1, n * n)), upload(gpu, &random(2, n * n)));
    let c = room::<f32>(gpu, n * n);
    let n = n as u32;
    Box::new(move |gpu| {
        let params = Params::new().u32(n).u32(n).u32(n).f32(1.0).u64(a).u32(n).u64(b).u32(n).f32(0.0).u64(c).u32(n);
        let grid = [matmul::register::grid(n, n) as u32, 1, 1];
        launch(gpu, &module, &matmul::register::MATMUL_REGISTER, grid, matmul::register::BLOCK, params)
    })
}

fn flash(gpu: &Gpu) -> Run {
    let (heads, length, dim) = (1usize, 256usize, 64usize);
    let module = gpu.load(attention::flash_forward::PTX).expect("PTX");
    let count = heads * length * dim;
    let [q, k, v] = [1, 2, 3].map(|seed| upload(gpu, &random(seed, count)));
    let (out, log_sum_exp) = (room::<f32>(gpu, count), room::<f32>(gpu, heads * length));
    let variant = attention::variant(dim as u32);
    let (heads, length, dim) = (heads as u32, length as u32, dim as u32);
    Box::new(move |gpu| {
        let params = Params::new().u32(1).u32(heads).u32(heads).u32(length).u32(length).u32(length).u32(dim);
        let params = params.f32(0.125).u32(0).u64(q).u64(k).u64(v).u64(out).u64(log_sum_exp);
        let grid = [attention::flash_forward::grid(heads, length, variant) as u32, 1, 1];
        launch(gpu, &module, &attention::flash_forward::ENTRIES[variant], grid, attention::flash_forward::BLOCK, params)
    })
}
