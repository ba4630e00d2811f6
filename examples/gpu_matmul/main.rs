//! Why is a GPU's matrix product written in four ways before it is fast?
//!
//! Four kernels multiply the same matrices: a thread an element; tiles in shared memory; eight by eight elements a thread in
//! registers; tensor cores. Run on the software GPU, each line counts what its kernel did: instructions (a warp of 32 threads
//! issues one at a time), bytes that threads asked of global memory, bytes of the 32-byte sectors that this moves, passes over
//! shared memory's banks beyond what conflict-free accesses take; then how many warps of a multiprocessor are resident (from an
//! ideal number of registers), and what the roofline model makes of it for two GPUs. The last column is the largest error of any
//! element against an f64 product on the CPU. Nothing below was run on a GPU, and no time below is one that a GPU took;
//! BENCHMARKS.md has what an H100 counted for the same matrices.
//!
//! ```text
//! cargo run --release --example gpu_matmul --features simgpu
//! cargo run --release --example gpu_matmul --features simgpu -- 512 --json rungs.json --svg binds.svg
//! cargo run --release --example gpu_matmul --features cuda -- 4096       # on a GPU: times by events, no counters
//! ```
//!
//! Sample output (`512`):
//!
//! ```text
//! 512x512 times 512x512, f32, on simgpu (models NVIDIA A100-SXM4-80GB)
//! A software GPU: what it counts is exact; what it takes says nothing of a GPU's time.
//!
//! kernel                         warp instr.    MB asked    MB moved  conflicts   warps  max error
//! naive: a thread an element        28737536     1074.79      672.14          0   48/64     3.5e-5
//! tiled: shared memory              18972672       34.60       34.60          0   32/64     3.5e-5
//! register: 8x8 a thread             5292032        9.44        9.44          0    8/64     3.5e-5
//! tensor cores: bf16, f32 sums        782080        5.24        5.24          0    8/64     7.9e-2
//!
//! Roofline model, not measured: without caches a launch would take at least (and what binds; a block has one
//! multiprocessor, so that few blocks leave most of them idle)
//! naive: a thread an element      329.64 µs A100 (memory),   200.52 µs H100 (memory)
//! tiled: shared memory             56.81 µs A100 (shared memory),    33.10 µs H100 (shared memory)
//! register: 8x8 a thread           93.01 µs A100 (arithmetic),    41.76 µs H100 (instruction issue)
//! tensor cores: bf16, f32 sums      8.67 µs A100 (instruction issue),     6.17 µs H100 (instruction issue)
//! ```

use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use gpu_device::{Argument, Buffer, Device, Launch, Vetted, kernels};
use gpukern_kernels::matmul::{convert, mma, naive, register, tiled};
use linalg::suite::Random;
use linalg::{Backend, LoopOrder, Matrix, Naive};

mod chart;
mod counted;
#[path = "../support/mod.rs"]
mod support;
mod table;

use table::{as_json, print};

/// Multiplies two N×N matrices with four CUDA kernels, and compares.
#[derive(Parser)]
struct Arguments {
    /// Rows and columns of each matrix
    #[arg(default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=8192))]
    n: u32,
    /// Which GPU, counted from 0
    #[arg(long, value_name = "N", default_value_t = 0)]
    ordinal: u32,
    /// Write the table as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Draw what binds each kernel in the roofline model
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Seed of everything random
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

/// A kernel, how it is launched for these sizes, and the operands that it takes.
struct Rung {
    name: &'static str,
    kernel: &'static Vetted,
    launch: Launch,
    style: Style,
}

/// The order of a kernel's parameters.
#[derive(Clone, Copy, PartialEq)]
enum Style {
    Naive,
    Tiled,
    Register,
    TensorCores,
}

/// What is known of one rung.
struct Line {
    name: &'static str,
    kernel: &'static str,
    /// By the device's own events.
    milliseconds: Option<f32>,
    counts: Option<Counts>,
    max_error: f64,
}

/// What the software GPU counted, and what follows from it.
struct Counts {
    warp_instructions: u64,
    requested_bytes: u64,
    sector_bytes: u64,
    bank_conflicts: u64,
    /// Warps of a multiprocessor of the first modelled GPU: resident, and at most.
    warps: (u32, u32),
    /// Of each modelled GPU: its name, the model's bound in microseconds, and what binds.
    bounds: Vec<(&'static str, f64, String)>,
    /// The model's microseconds of the first modelled GPU's global memory, shared memory, schedulers and arithmetic.
    units: [f64; 4],
}

fn main() -> ExitCode {
    support::exit(run(&Arguments::parse(), &mut io::stdout().lock()))
}

fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    if !cfg!(feature = "cuda") {
        return Err(
            "this example launches CUDA kernels: add `--features simgpu` for the software GPU, which runs on any \
                    machine, or `--features cuda` for a GPU"
                .into(),
        );
    }
    let device = Device::open(arguments.ordinal)?;
    let software = device.properties().name.starts_with("simgpu");
    let n = arguments.n as usize;
    let mut random = Random::new(arguments.seed);
    // What f32 has exactly, so that errors are those of the products.
    let mut matrix = || Matrix::from_fn(n, n, |_, _| f64::from(random.unit::<f32>()));
    let (a, b) = (matrix(), matrix());
    let mut exact = Matrix::zeros(n, n);
    Naive { order: LoopOrder::Ikj }.gemm(1.0, a.view(), b.view(), 0.0, exact.view_mut())?;

    let operands = Operands::new(&device, &a, &b)?;
    let mut lines = Vec::new();
    for rung in rungs(arguments.n)? {
        lines.push(operands.multiply(&device, &rung, arguments.n, &exact)?);
    }
    writeln!(out, "{n}x{n} times {n}x{n}, f32, on {}", device.properties().name)?;
    if software {
        writeln!(out, "A software GPU: what it counts is exact; what it takes says nothing of a GPU's time.")?;
    }
    print(&lines, software, out)?;
    if let Some(path) = &arguments.json {
        let text = serde_json::to_string_pretty(&as_json(n, &device.properties().name, software, &lines))?;
        fs::write(path, text).map_err(|error| format!("cannot write {path:?}: {error}"))?;
    }
    if let Some(path) = &arguments.svg {
        fs::write(path, chart::draw(n, &lines)?).map_err(|error| format!("cannot write {path:?}: {error}"))?;
    }
    // The classical bound of an inner product, every |a| and |b| below 1; bf16 rounds both operands by 2⁻⁹ before that.
    let (n, epsilon) = (n as f64, f64::from(f32::EPSILON));
    for line in &lines {
        let operands = if line.kernel.contains("bf16") { 2.0_f64.powi(-8) } else { 0.0 };
        let bound = n * (operands + (n + 4.0) * epsilon);
        assert!(line.max_error <= bound, "{} is off by {}, allowed {bound}", line.name, line.max_error);
    }
    Ok(())
}

fn rungs(n: u32) -> Result<[Rung; 4], gpu_device::Error> {
    let first = Launch { grid: naive::grid(n, n), block: naive::BLOCK, shared_bytes: 0 };
    let in_x = |blocks, block| kernels::launch(blocks, block);
    let rung = |name, kernel, launch, style| Rung { name, kernel, launch, style };
    Ok([
        rung("naive: a thread an element", &kernels::matmul::NAIVE, first, Style::Naive),
        rung("tiled: shared memory", &kernels::matmul::TILED_F32, in_x(tiled::grid(n, n), tiled::BLOCK)?, Style::Tiled),
        rung(
            "register: 8x8 a thread",
            &kernels::matmul::REGISTER,
            in_x(register::grid(n, n), register::BLOCK)?,
            Style::Register,
        ),
        rung(
            "tensor cores: bf16, f32 sums",
            &kernels::matmul::MMA_BF16,
            in_x(mma::grid(n, n), mma::BLOCK)?,
            Style::TensorCores,
        ),
    ])
}

/// A and B on the device, in f32 and in bf16.
struct Operands {
    a: Buffer<f32>,
    b: Buffer<f32>,
    a_bf16: Buffer<u16>,
    b_bf16: Buffer<u16>,
}

impl Operands {
    fn new(device: &Device, a: &Matrix<f64>, b: &Matrix<f64>) -> Result<Self, gpu_device::Error> {
        let upload = |matrix: &Matrix<f64>| {
            let numbers: Vec<f32> = matrix.as_slice().iter().map(|&x| x as f32).collect();
            device.upload(&numbers)
        };
        let (a, b) = (upload(a)?, upload(b)?);
        let narrow = |from: &Buffer<f32>| {
            let mut to = device.uninitialised::<u16>(from.len())?;
            let launch = Launch::linear(from.len(), convert::BLOCK[0])?;
            let arguments = [(from.len() as u64).into(), from.into(), Argument::from(&mut to)];
            device.vetted(&kernels::matmul::CONVERT_F32_TO_BF16)?.launch(&launch, &arguments)?;
            Ok::<_, gpu_device::Error>(to)
        };
        let (a_bf16, b_bf16) = (narrow(&a)?, narrow(&b)?);
        Ok(Self { a, b, a_bf16, b_bf16 })
    }

    /// Launches a rung, and looks at what it did and at what it gave.
    fn multiply(&self, device: &Device, rung: &Rung, n: u32, exact: &Matrix<f64>) -> Result<Line, gpu_device::Error> {
        let kernel = device.vetted(rung.kernel)?;
        let c = device.uninitialised::<f32>(exact.as_slice().len())?;
        let arguments = self.arguments(rung.style, n, &c);
        counted::forget();
        kernel.launch(&rung.launch, &arguments)?;
        let given = c.to_vec()?; // waits
        let counts = counted::take();
        // The first launch warmed everything up. The software GPU counts; timing it would only take time.
        let mut milliseconds = None;
        if counts.is_none() {
            const RUNS: usize = 5;
            for _ in 0..RUNS {
                let (launched, time) = device.time(|| kernel.launch(&rung.launch, &arguments))?;
                launched?;
                milliseconds = Some(milliseconds.unwrap_or(f32::INFINITY).min(time));
            }
        }
        let off = |(&given, &exact): (&f32, &f64)| (f64::from(given) - exact).abs();
        // NaN is the largest error of all.
        let larger = |most: f64, error: f64| if error > most || error.is_nan() { error } else { most };
        let max_error = given.iter().zip(exact.as_slice()).map(off).fold(0.0, larger);
        Ok(Line { name: rung.name, kernel: rung.kernel.kernel(), milliseconds, counts, max_error })
    }

    fn arguments<'a>(&'a self, style: Style, n: u32, c: &'a Buffer<f32>) -> Vec<Argument<'a>> {
        let (a, b) = match style {
            Style::TensorCores => (Argument::from(&self.a_bf16), Argument::from(&self.b_bf16)),
            _ => (Argument::from(&self.a), Argument::from(&self.b)),
        };
        let (size, as_it_lies) = (Argument::from(n), Argument::from(0_u32));
        let (alpha, beta, c) = (Argument::from(1.0_f32), Argument::from(0.0_f32), Argument::from(c));
        match style {
            Style::Naive => vec![size, size, size, a, b, c],
            Style::Tiled => {
                vec![size, size, size, alpha, a, size, as_it_lies, b, size, as_it_lies, beta, c, size]
            }
            Style::Register | Style::TensorCores => vec![size, size, size, alpha, a, size, b, size, beta, c, size],
        }
    }
}
