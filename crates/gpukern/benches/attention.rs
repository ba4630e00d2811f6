//! `Cpu`'s speed, by itself or in turns with another program.
//!
//! ```text
//! cargo bench -p gpukern --bench attention                            # a table: N = 512, 2048, 4096
//! cargo bench -p gpukern --bench attention -- --threads 1 --isa avx2  # on one thread, on another instruction set
//! ```
//!
//! `peers.py` starts it with `--serve` and takes turns: a line `forward HEADS QUERIES KEYS HEAD_DIM CAUSAL RUNS` (or `both …`, with the
//! backward pass) on standard input is answered with the seconds of one run on standard output.
#![allow(unsafe_code, clippy::print_stdout, reason = "the peak needs intrinsics; a report is what this is for")]

use std::io::{BufRead, Write};
use std::time::Instant;

use gpukern::{Attention, AttentionBackend, Cpu, Isa, Saved};

fn main() {
    let (mut threads, mut serve, mut cpu) = (0, false, Cpu::default());
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--threads" => threads = args.next().and_then(|n| n.parse().ok()).expect("--threads N"),
            "--isa" => cpu.isa = args.next().map(|name| isa(&name)),
            "--serve" => serve = true,
            _ => {}
        }
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
    pool.install(|| if serve { answer(cpu) } else { table(cpu) });
}

fn isa(name: &str) -> Isa {
    match name {
        "portable" => Isa::Portable,
        "avx2" => Isa::Avx2Fma,
        _ => Isa::Avx512,
    }
}

fn one_head_dim_64(length: usize, causal: bool) -> Attention {
    Attention {
        batch: 1,
        heads: 8,
        kv_heads: 8,
        queries: length,
        keys: length,
        head_dim: 64,
        causal,
        scale: None,
        key_capacity: None,
    }
}

fn table(cpu: Cpu) {
    let threads = rayon::current_num_threads();
    println!("{:?}, {threads} threads; one core's multiply-adds reach {:.1} GFLOP/s", cpu, peak() / 1e9);
    println!("| N | causal | forward GFLOP/s | % of peak | forward + backward GFLOP/s |");
    for length in [512, 2048, 4096] {
        for causal in [false, true] {
            let mut work = Work::new(cpu, one_head_dim_64(length, causal));
            let runs = (1 << 23) / (length * length) + 1;
            let peak = peak() * threads as f64;
            let best = |both: bool, work: &mut Work| (0..5).map(|_| work.seconds(both, runs)).fold(f64::MAX, f64::min);
            let forward = work.operations(false) / best(false, &mut work);
            let both = work.operations(true) / best(true, &mut work);
            let share = 100.0 * forward / peak;
            println!("| {length} | {causal} | {:.1} | {share:.1} | {:.1} |", forward / 1e9, both / 1e9);
        }
    }
}

/// Answers requests until the input ends. The last problem's arrays are kept.
fn answer(cpu: Cpu) {
    let mut kept: Option<Work> = None;
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("a line");
        let words: Vec<&str> = line.split_whitespace().collect();
        if words == ["peak"] {
            println!("{}", peak());
        } else {
            let number = |index: usize| words[index].parse::<usize>().expect("a number");
            let problem = Attention {
                heads: number(1),
                kv_heads: number(1),
                queries: number(2),
                keys: number(3),
                head_dim: number(4),
                ..one_head_dim_64(0, number(5) == 1)
            };
            if kept.as_ref().is_none_or(|work| work.problem != problem) {
                kept = Some(Work::new(cpu, problem));
            }
            let work = kept.as_mut().expect("set above");
            println!("{:e}", work.seconds(words[0] == "both", number(6)));
        }
        std::io::stdout().flush().expect("standard output");
    }
}

/// One problem with its arrays.
struct Work {
    cpu: Cpu,
    problem: Attention,
    inputs: [Vec<f32>; 4],
    out: Vec<f32>,
    log_sum_exp: Vec<f32>,
    gradients: [Vec<f32>; 3],
}

impl Work {
    fn new(cpu: Cpu, problem: Attention) -> Self {
        let (queries, keys) = (problem.query_elements().expect("small"), problem.key_elements().expect("small"));
        let mut state = 1_u32;
        let mut noise = |len: usize| {
            let mut next = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / (1 << 23) as f32 - 1.0
            };
            // The sum of six is about normal, with a variance of 2.
            (0..len).map(|_| (0..6).map(|_| next()).sum::<f32>() / 2.0_f32.sqrt()).collect::<Vec<f32>>()
        };
        let inputs = [noise(queries), noise(keys), noise(keys), noise(queries)];
        let zeros = |len: usize| vec![0.0; len];
        let log_sum_exp = zeros(problem.rows().expect("small"));
        Self { cpu, problem, inputs, out: zeros(queries), log_sum_exp, gradients: [queries, keys, keys].map(zeros) }
    }

    /// Floating-point operations of the products, of what is not masked: two forward, five backward.
    fn operations(&self, both: bool) -> f64 {
        let Attention { batch, heads, queries, head_dim, .. } = self.problem;
        let pairs: usize = (0..queries).map(|query| self.problem.keys_seen(query)).sum();
        let products = if both { 7.0 } else { 2.0 };
        products * 2.0 * (batch * heads * pairs * head_dim) as f64
    }

    /// Seconds a run.
    fn seconds(&mut self, both: bool, runs: usize) -> f64 {
        let start = Instant::now();
        for _ in 0..runs {
            let [q, k, v, d_out] = &self.inputs;
            self.cpu.forward(&self.problem, q, k, v, &mut self.out, &mut self.log_sum_exp).expect("a problem");
            if both {
                let saved = Saved { q, k, v, out: &self.out, log_sum_exp: &self.log_sum_exp };
                let [d_q, d_k, d_v] = &mut self.gradients;
                self.cpu.backward(&self.problem, saved, d_out, d_q, d_k, d_v).expect("a problem");
            }
        }
        start.elapsed().as_secs_f64() / runs as f64
    }
}

/// Operations a second of one core's fused multiply-adds, on its widest registers: the best of several goes.
fn peak() -> f64 {
    (0..20).map(|_| one_go()).fold(f64::NAN, f64::max)
}

fn one_go() -> f64 {
    const STEPS: usize = 200_000;
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx512f") {
        let start = Instant::now();
        // SAFETY: detected on the line above.
        std::hint::black_box(unsafe { multiply_add(std::hint::black_box(STEPS)) });
        return (STEPS * 12 * 16 * 2) as f64 / start.elapsed().as_secs_f64();
    }
    f64::NAN
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn multiply_add(steps: usize) -> f32 {
    use std::arch::x86_64::*;
    let factor = _mm512_set1_ps(0.999);
    let mut sums = [_mm512_set1_ps(1.0); 12];
    for _ in 0..steps {
        for sum in &mut sums {
            *sum = _mm512_fmadd_ps(*sum, factor, factor);
        }
    }
    sums.into_iter().map(|sum| _mm512_reduce_add_ps(sum)).sum()
}
