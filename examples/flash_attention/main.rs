//! Why is flash attention faster, although it calculates the same?
//!
//! One head of attention, 64 columns wide, twice. **Plain** is the definition done well, step by step: the scores as a matrix
//! product, softmax of their rows, a second product; the matrices in between are N × N. **Flash** goes through the keys tile by tile
//! and never has more of the scores than a tile. The columns say how long it took, how many bytes it held beside inputs and
//! output, how many bytes went to and from memory, and the largest error against the definition in f64.
//!
//! On the CPU, both use the same vector registers and threads; memory is measured by the allocator, traffic counted by a model of one
//! core's second-level cache (`cache.rs`), errors are those of 64 rows. On the software GPU (`--device gpu`), traffic is counted by it,
//! and held is what the kernels keep in memory between them; it has no time that would say anything about a GPU. On a GPU, times are
//! those of its own events, and traffic is what the kernels' sources say that they move.
//!
//! ```text
//! cargo run --release --example flash_attention
//! cargo run --release --example flash_attention -- 8192 --svg flash.svg
//! cargo run --release --example flash_attention --features simgpu -- --device gpu     # on any machine
//! cargo run --release --example flash_attention --features cuda -- --device gpu       # on a GPU
//! ```
//!
//! Sample output (two Zen 4 cores):
//!
//! ```text
//! attention of 2048 queries to 2048 keys, 64 columns, on the CPU
//!
//!      N               time materialised       moved     error
//!    256 plain      0.28 ms    515.4 KiB   768.0 KiB    5.1e-7
//!    256 flash      0.22 ms    116.4 KiB   256.0 KiB    4.5e-7
//!    512 plain      1.91 ms      2.0 MiB     4.5 MiB    4.8e-7
//!    512 flash      0.44 ms    117.6 KiB   512.0 KiB    4.5e-7
//!   1024 plain      8.65 ms      8.0 MiB    17.0 MiB    3.3e-7
//!   1024 flash      1.97 ms    120.0 KiB     1.0 MiB    1.6e-7
//!   2048 plain     32.67 ms     32.0 MiB    97.0 MiB    1.8e-7
//!   2048 flash      7.38 ms    124.9 KiB    33.0 MiB    1.3e-7
//!
//! Both do the same multiplications. Plain attention writes 2048 x 2048 scores and reads them back, then 2048 x 2048 weights, ...
//!
//! attention of 2048 queries to 2048 keys, 64 columns, on simgpu (models NVIDIA A100-SXM4-80GB)
//!
//!      N               time materialised       moved     error
//!   ...
//!   2048 plain    not timed     16.0 MiB   208.6 MiB    1.0e-7
//!   2048 flash    not timed          0 B    33.0 MiB    1.0e-7
//! ```

use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use peak_alloc::PeakAlloc;
use serde_json::json;

mod cache;
mod chart;
mod cpu;
#[cfg(feature = "cuda")]
mod gpu;
#[path = "../support/mod.rs"]
mod support;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Columns of q, k and v.
const HEAD_DIM: usize = 64;
/// Rows of queries that are compared with the definition in f64, on the CPU.
const CHECKED: usize = 64;

/// Plain attention beside flash attention: time, memory, traffic, error.
#[derive(Parser)]
struct Arguments {
    /// Queries and keys
    #[arg(default_value_t = 2048, value_parser = clap::value_parser!(u32).range(64..=32768))]
    n: u32,
    /// Where to run
    #[arg(long, value_enum, default_value = "cpu")]
    device: Device,
    /// Draw the scores in tiles, and memory and traffic over N
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Write the table as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Device {
    /// This machine's processor
    Cpu,
    /// CUDA kernels: on the software GPU with `--features simgpu`, on a GPU with `--features cuda`
    Gpu,
}

/// What one way of computing attention took.
#[derive(Clone, Copy)]
struct Measured {
    n: usize,
    /// None on the software GPU, whose time is nobody's.
    milliseconds: Option<f64>,
    /// Bytes beside inputs and output.
    materialised: u64,
    /// Bytes between memory and the processor.
    moved: u64,
    error: f64,
}

/// Measures both ways, plain and flash, for so many queries and keys.
type Measure = dyn Fn(usize) -> Result<[Measured; 2], Box<dyn Error>>;

fn main() -> ExitCode {
    support::exit(run(&Arguments::parse(), &mut io::stdout().lock()))
}

fn open(device: Device) -> Result<(String, Box<Measure>), Box<dyn Error>> {
    match device {
        Device::Cpu => Ok(("the CPU".to_owned(), Box::new(cpu::both_ways))),
        #[cfg(feature = "cuda")]
        Device::Gpu => gpu::open(),
        #[cfg(not(feature = "cuda"))]
        Device::Gpu => {
            Err("this example launches CUDA kernels with `--device gpu`: add `--features simgpu` for the software \
                            GPU, which runs on any machine, or `--features cuda` for a GPU"
                .into())
        }
    }
}

fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let (device, measure) = open(arguments.device)?;
    let n = arguments.n as usize;
    writeln!(out, "attention of {n} queries to {n} keys, {HEAD_DIM} columns, on {device}\n")?;
    let [length, name, time, materialised, moved, error] = ["N", "", "time", "materialised", "moved", "error"];
    writeln!(out, "{length:>6} {name:<6} {time:>11} {materialised:>12} {moved:>11} {error:>9}")?;
    let (mut plains, mut flashes) = (Vec::new(), Vec::new());
    let mut lengths: Vec<usize> = (0..4).rev().map(|halvings| n >> halvings).filter(|&n| n >= CHECKED).collect();
    lengths.dedup();
    for n in lengths {
        let [plain, flash] = measure(n)?;
        line("plain", plain, out)?;
        line("flash", flash, out)?;
        plains.push(plain);
        flashes.push(flash);
    }
    let (plain, flash) = (plains[plains.len() - 1], flashes[flashes.len() - 1]);
    explain(plain, flash, out)?;
    if let Some(path) = &arguments.svg {
        chart::chart(path, &plains, &flashes).map_err(|error| format!("cannot write {path:?}: {error}"))?;
    }
    if let Some(path) = &arguments.json {
        let text = serde_json::to_string_pretty(&report(&device, &plains, &flashes))?;
        fs::write(path, text).map_err(|error| format!("cannot write {path:?}: {error}"))?;
    }
    for measured in plains.iter().chain(&flashes) {
        assert!(measured.error < 1e-5, "{} is off by {}", measured.n, measured.error);
    }
    // A tile, and a few matrices of 64 rows, a thread: it does not matter how long the sequence is.
    assert!(flash.materialised <= 16 << 20 && plain.materialised >= 4 * (n * n) as u64);
    assert!(flash.moved < plain.moved);
    Ok(())
}

fn line(name: &str, measured: Measured, out: &mut impl Write) -> io::Result<()> {
    let Measured { n, milliseconds, materialised, moved, error } = measured;
    let time = milliseconds.map_or("not timed".to_owned(), |milliseconds| format!("{milliseconds:.2} ms"));
    let (materialised, moved) = (size(materialised), size(moved));
    writeln!(out, "{n:>6} {name:<6} {time:>11} {materialised:>12} {moved:>11} {error:>9.1e}")
}

fn explain(plain: Measured, flash: Measured, out: &mut impl Write) -> io::Result<()> {
    let times = plain.milliseconds.zip(flash.milliseconds).map(|(plain, flash)| plain / flash);
    let n = plain.n as u64;
    writeln!(
        out,
        "\nBoth do the same multiplications. Plain attention writes {n} x {n} scores and reads them back, then {n} x {n} weights, \
         and each pass waits for memory as soon as the matrix outgrows the cache. Flash attention keeps a running maximum and a running sum \
         for each query; when a tile of keys raises the maximum, what was summed up so far is scaled down. So a tile of weights \
         can be used and forgotten while it is still close to where it is calculated: it moved {moved} instead of {plain_moved}\
         {took} and held {held} instead of {plain_held}. At N = 16384 the matrices take {at_16384}.",
        moved = size(flash.moved),
        plain_moved = size(plain.moved),
        took = times.map_or(String::new(), |times| format!(", took {times:.1} times less time")),
        held = size(flash.materialised),
        plain_held = size(plain.materialised),
        at_16384 = size((plain.materialised / (n * n)) << 28),
    )
}

fn report(device: &str, plains: &[Measured], flashes: &[Measured]) -> serde_json::Value {
    let of = |name: &'static str, measured: &[Measured]| -> Vec<serde_json::Value> {
        let line = |Measured { n, milliseconds, materialised, moved, error }: &Measured| {
            json!({
                "n": n, "name": name, "milliseconds": milliseconds, "materialised_bytes": materialised,
                "moved_bytes": moved, "max_error": error,
            })
        };
        measured.iter().map(line).collect()
    };
    let lines = [of("plain", plains), of("flash", flashes)].concat();
    json!({ "device": device, "lines": lines })
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..0x10_0000 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}
