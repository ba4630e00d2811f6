//! Darts a second, beside what one would write with the crate `rand`. `benches/peers.py` adds numpy.
//!
//! `cargo bench -p montecarlo --bench darts` prints lines of: what, threads, darts a second; the best of five rounds that take turns.
//! With `--features cuda` the GPU of this machine takes its turns, too.
#![allow(clippy::print_stdout)]

use std::hint::black_box;
use std::time::Instant;

use montecarlo::pi::Throw;
use montecarlo::{Isa, Threads};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use rayon::prelude::*;

const ROUNDS: usize = 5;

type Dart = (String, usize, u64, Box<dyn Fn(u64) -> u64>);

fn main() {
    let all = rayon::current_num_threads();
    let mut darts: Vec<Dart> = Vec::new();
    for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
        let samples = if isa == Isa::Portable { 20_000_000 } else { 400_000_000 };
        let throw = Throw { seed: 1, isa: Some(isa), threads: Threads::Count(1) };
        let count = move |samples| throw.darts(0, samples).expect("darts").inside;
        darts.push((format!("pi::darts, {isa}"), 1, samples, Box::new(count)));
    }
    darts.push(("pi::darts".into(), all, 800_000_000, Box::new(|samples| montecarlo::pi::darts(samples, 1).inside)));
    #[cfg(feature = "cuda")]
    darts.push(on_a_gpu());
    darts.push(("rand::random, the obvious loop".into(), 1, 10_000_000, Box::new(obvious)));
    darts.push(("SmallRng".into(), 1, 50_000_000, Box::new(|samples| small(samples, 1))));
    darts.push(("SmallRng + rayon".into(), all, 100_000_000, Box::new(small_rayon)));

    let mut best = vec![f64::INFINITY; darts.len()];
    for _ in 0..ROUNDS {
        for ((_, _, samples, count), best) in darts.iter().zip(&mut best) {
            let started = Instant::now();
            black_box(count(black_box(*samples)));
            *best = best.min(started.elapsed().as_secs_f64());
        }
    }
    for ((name, threads, samples, _), best) in darts.iter().zip(best) {
        println!("{name};{threads};{:e}", *samples as f64 / best);
    }
}

/// What the question asks for, word for word.
fn obvious(samples: u64) -> u64 {
    let mut inside = 0;
    for _ in 0..samples {
        let (x, y): (f64, f64) = (rand::random(), rand::random());
        if x * x + y * y <= 1.0 {
            inside += 1;
        }
    }
    inside
}

fn small(samples: u64, seed: u64) -> u64 {
    let mut random = SmallRng::seed_from_u64(seed);
    let mut dart = || {
        let (x, y): (f64, f64) = (random.random(), random.random());
        u64::from(x * x + y * y <= 1.0)
    };
    (0..samples).map(|_| dart()).sum()
}

fn small_rayon(samples: u64) -> u64 {
    const PIECE: u64 = 1 << 18;
    (0..samples.div_ceil(PIECE)).into_par_iter().map(|piece| small(PIECE.min(samples - piece * PIECE), piece)).sum()
}

#[cfg(feature = "cuda")]
fn on_a_gpu() -> Dart {
    let device = gpu_device::Device::open(0).expect("a GPU");
    let name = format!("gpu::darts, {}", device.properties().name);
    let count = move |samples| montecarlo::gpu::darts(&device, 0, samples, 1).expect("darts").inside;
    (name, 1, 200_000_000_000, Box::new(count))
}
