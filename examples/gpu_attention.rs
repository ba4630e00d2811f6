//! Why is flash attention faster, although it calculates the same? Count the bytes.
//!
//! Attention two ways, by CUDA kernels: through the matrix of scores, queries × keys, as in the textbook (three kernels); and in tiles
//! that are scored, weighted and summed where they are (flash attention, one kernel). Run on the software GPU, each line has the
//! bytes of the matrix, the bytes that the kernels say they move from and to memory (the formula that stands in their source), and
//! those that were counted. Neither depends on a clock. The last column is the largest error against f64.
//!
//! The matrix is written once, read three times and written by the softmax, and read once more for the sums: N² numbers each time, and N²
//! grows faster than anything else here. Flash attention keeps it in registers, and reads keys and values once for 64 queries.
//! A processor that calculates faster than it can load is as fast as the bytes allow.
//!
//! ```text
//! cargo run --release --example gpu_attention --features simgpu
//! cargo run --release --example gpu_attention --features simgpu -- 256 512 1024 2048 --json traffic.json
//! cargo run --release --example gpu_attention --features cuda -- 1024 4096       # on a GPU: times by events, no counters
//! ```
//!
//! Sample output (`256 512 1024 2048`):
//!
//! ```text
//! Attention of N queries over N keys, one head of 64 columns, f32, on simgpu (models NVIDIA A100-SXM4-80GB)
//!
//!      N  kernels                matrix MB   MB stated  MB counted  max error
//!    256  through the matrix          0.26        3.47        3.48     1.0e-7
//!    256  flash                       0.00        0.66        0.66     7.5e-8
//!         5.30 times the bytes through the matrix
//!    512  through the matrix          1.05       13.76       13.78     8.2e-8
//!    512  flash                       0.00        2.36        2.36     9.7e-8
//!         5.83 times the bytes through the matrix
//!   1024  through the matrix          4.19       54.79       54.82     1.1e-7
//!   1024  flash                       0.00        8.92        8.92     1.2e-7
//!         6.15 times the bytes through the matrix
//!   2048  through the matrix         16.78      218.64      218.69     1.1e-7
//!   2048  flash                       0.00       34.61       34.62     1.0e-7
//!         6.32 times the bytes through the matrix
//! ```

use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use serde_json::json;

mod support;

/// Attention through the matrix and without it, by CUDA kernels: bytes moved, and errors.
#[derive(Parser)]
#[command(name = "gpu_attention")]
struct Options {
    /// Queries and keys, one problem each
    #[arg(default_values_t = [256, 512], value_parser = clap::value_parser!(u32).range(1..=16384))]
    lengths: Vec<u32>,
    /// Which GPU, counted from 0
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    device: u32,
    /// Write the table as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// What is known of one way at one length.
struct Line {
    n: u32,
    name: &'static str,
    /// Bytes of the matrix of scores in memory.
    matrix_bytes: u64,
    /// Bytes from and to memory by the kernels' formula.
    stated_bytes: u64,
    /// The same as counted, by whole sectors of 32 bytes; a GPU does not count.
    counted_bytes: Option<u64>,
    /// By the device's own events.
    milliseconds: Option<f32>,
    max_error: f64,
}

fn main() -> ExitCode {
    support::exit(run(&Options::parse(), &mut io::stdout().lock()))
}

#[cfg(not(feature = "cuda"))]
fn measure(_: &Options) -> Result<(String, Vec<Line>), Box<dyn Error>> {
    Err("this example launches CUDA kernels: add `--features simgpu` for the software GPU, which runs on any machine, or \
         `--features cuda` for a GPU"
        .into())
}

fn run(options: &Options, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let (device, lines) = measure(options)?;
    writeln!(out, "Attention of N queries over N keys, one head of 64 columns, f32, on {device}\n")?;
    print(&lines, out)?;
    if let Some(path) = &options.json {
        let line = |line: &Line| {
            json!({
                "n": line.n, "name": line.name, "matrix_bytes": line.matrix_bytes, "stated_bytes": line.stated_bytes,
                "counted_bytes": line.counted_bytes, "milliseconds": line.milliseconds, "max_error": line.max_error,
            })
        };
        let report = json!({ "device": device, "lines": lines.iter().map(line).collect::<Vec<_>>() });
        let text = serde_json::to_string_pretty(&report)?;
        fs::write(path, text).map_err(|error| format!("cannot write {path:?}: {error}"))?;
    }
    for line in &lines {
        // Outputs are means of values below 1, by weights that a dot product of 64 terms and an exponential have rounded.
        assert!(line.max_error <= 64.0 * f64::from(f32::EPSILON), "{} at {}: {}", line.name, line.n, line.max_error);
        let within = |counted: u64| (counted as f64 / line.stated_bytes as f64 - 1.0).abs() <= 0.05;
        // Lengths that fill no tile move part of a sector.
        let whole = line.n.is_multiple_of(64);
        assert!(!whole || line.counted_bytes.is_none_or(within), "{} at {} moves other bytes", line.name, line.n);
    }
    Ok(())
}

fn print(lines: &[Line], out: &mut impl Write) -> io::Result<()> {
    let last = if lines.iter().any(|line| line.counted_bytes.is_some()) { "MB counted" } else { "ms" };
    writeln!(
        out,
        "{:>6}  {:<20} {:>11} {:>11} {last:>11} {:>10}",
        "N", "kernels", "matrix MB", "MB stated", "max error"
    )?;
    for pair in lines.chunks(2) {
        for line in pair {
            let megabytes = |bytes: u64| format!("{:.2}", bytes as f64 / 1e6);
            let time = line.milliseconds.map(|time| format!("{time:.3}")).unwrap_or_default();
            let measured = line.counted_bytes.map_or(time, megabytes);
            write!(out, "{:>6}  {:<20} {:>11} ", line.n, line.name, megabytes(line.matrix_bytes))?;
            writeln!(out, "{:>11} {measured:>11} {:>10.1e}", megabytes(line.stated_bytes), line.max_error)?;
        }
        if let [Line { counted_bytes: Some(naive), .. }, Line { counted_bytes: Some(flash), .. }] = pair {
            writeln!(out, "{:>6}  {:.2} times the bytes through the matrix", "", *naive as f64 / *flash as f64)?;
        }
    }
    Ok(())
}

#[cfg(feature = "cuda")]
use gpu::measure;

#[cfg(feature = "cuda")]
mod gpu {
    use std::error::Error;

    use gpukern::{Attention, AttentionBackend, Cuda, CudaKernel, Reference};
    use gpukern_kernels::attention::traffic::{Problem, flash_forward, naive};
    use linalg::suite::Random;

    use super::{Line, Options, counted};

    pub(super) fn measure(options: &Options) -> Result<(String, Vec<Line>), Box<dyn Error>> {
        let gpu = Cuda::open(options.device)?;
        let mut lines = Vec::new();
        for &n in &options.lengths {
            lines.extend(both_ways(&gpu, n)?);
        }
        Ok((gpu.device().properties().name.clone(), lines))
    }

    fn both_ways(gpu: &Cuda, n: u32) -> Result<[Line; 2], gpukern::Error> {
        let side = n as usize;
        let one = Attention {
            batch: 1,
            heads: 1,
            kv_heads: 1,
            queries: side,
            keys: side,
            head_dim: 64,
            causal: false,
            scale: None,
            key_capacity: None,
        };
        let mut random = Random::new(u64::from(n));
        let mut draw = || random.matrix::<f32>(side, 64).as_slice().to_vec();
        let (q, k, v) = (draw(), draw(), draw());
        let (mut exact, mut log_sum_exp) = (vec![0.0; q.len()], vec![0.0; side]);
        Reference.forward(&one, &q, &k, &v, &mut exact, &mut log_sum_exp)?;

        let device = gpu.device();
        let (q, k, v) = (device.upload(&q)?, device.upload(&k)?, device.upload(&v)?);
        let (mut out, mut sums) = (device.uninitialised(exact.len())?, device.uninitialised(side)?);
        let length = u64::from(n);
        let shape = Problem { heads: 1, kv_heads: 1, queries: length, keys: length, head_dim: 64, causal: false };
        let mut way = |name, kernel, matrix_bytes, stated_bytes| {
            let gpu = gpu.clone().with_kernel(kernel);
            counted::forget();
            gpu.forward_on_device(&one, &q, &k, &v, &mut out, &mut sums)?;
            let given = out.to_vec()?; // waits
            let counted_bytes = counted::take();
            let mut milliseconds = None;
            if counted_bytes.is_none() {
                let (done, time) = device.time(|| gpu.forward_on_device(&one, &q, &k, &v, &mut out, &mut sums))?;
                done?;
                milliseconds = Some(time);
            }
            let off = |(&given, &exact): (&f32, &f32)| (f64::from(given) - f64::from(exact)).abs();
            let larger = |most: f64, error: f64| if error > most || error.is_nan() { error } else { most };
            let max_error = given.iter().zip(&exact).map(off).fold(0.0, larger);
            Ok::<_, gpukern::Error>(Line {
                n,
                name,
                matrix_bytes,
                stated_bytes,
                counted_bytes,
                milliseconds,
                max_error,
            })
        };
        let through_the_matrix = naive(&shape).iter().sum();
        Ok([
            way("through the matrix", CudaKernel::Naive, 4 * length * length, through_the_matrix)?,
            way("flash", CudaKernel::Flash, 0, flash_forward(&shape))?,
        ])
    }
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
#[cfg(all(feature = "cuda", not(feature = "simgpu")))]
mod counted {
    pub(super) fn forget() {}

    pub(super) fn take() -> Option<u64> {
        None
    }
}
