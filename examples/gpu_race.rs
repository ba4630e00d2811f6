//! What happens when one `__syncthreads()` is missing?
//!
//! On a GPU: perhaps nothing, perhaps a wrong number, today or on the next GPU. The tiled matrix product copies a tile to shared
//! memory, waits, and multiplies (`kernels/cuda/matmul_tiled.cu`):
//!
//! ```cuda
//! a.copy(a_tile, row, slab * TILE);
//! b.copy(b_tile, slab * TILE, column);
//! __syncthreads();                          // <- this one is taken out here
//! for (u32 p = 0; p < TILE; ++p) {
//!     sum += a_tile[threadIdx.y][p] * b_tile[p][threadIdx.x];
//! }
//! __syncthreads();
//! ```
//!
//! The faulty kernel is the committed PTX with its first `bar.sync` deleted, which is what the compiler would have made of the
//! faulty source: only this line differs. The software GPU runs both and says what it saw: who read or wrote what without a barrier
//! between, and where in the source.
//!
//! ```text
//! cargo run --release --example gpu_race --features simgpu
//! ```
//!
//! Sample output:
//!
//! ```text
//! Without the first barrier:
//!
//!   Race, 7936 times; the first:
//!     matmul_tiled_f32, block [0, 0, 0], thread [0, 1, 0], shared address 0x1104:
//!     this write and thread (0, 0, 0), which read in line 231, have no barrier between them
//!     kernels/cuda/matmul_tiled.cu:38    tile[r][c] = at(row + r, column + c);
//!   Race, 380928 times; the first:
//!     matmul_tiled_f32, block [0, 0, 0], thread [0, 1, 0], shared address 0x1080:
//!     this read and thread (0, 0, 0), which wrote in line 220, have no barrier between them
//!     kernels/cuda/matmul_tiled.cu:58    sum += a_tile[threadIdx.y][p] * b_tile[p][threadIdx.x];
//!   UninitializedShared, 63488 times; the first:
//!     matmul_tiled_f32, block [0, 0, 0], thread [0, 0, 0], shared address 0x1104:
//!     a read of shared memory that this block has not written
//!     kernels/cuda/matmul_tiled.cu:58    sum += a_tile[threadIdx.y][p] * b_tile[p][threadIdx.x];
//!
//! 3968 of the product's 4096 elements are wrong. If none were, that would prove nothing.
//!
//! With it:
//!
//!   matmul_tiled_f32: nothing found in 4 blocks
//!
//! 0 of the product's 4096 elements are wrong.
//! ```

use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

mod support;

/// Runs a CUDA kernel without and with its barrier, and prints what the software GPU found.
#[derive(Parser)]
struct Arguments {
    /// Rows and columns of each matrix
    #[arg(default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1024))]
    n: u32,
    /// Write both reports as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn main() -> ExitCode {
    support::exit(run(&Arguments::parse(), &mut io::stdout().lock()))
}

#[cfg(not(feature = "simgpu"))]
fn run(arguments: &Arguments, _out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let Arguments { n: _, json: _ } = arguments;
    Err("this example shows what the software GPU finds: add `--features simgpu`".into())
}

#[cfg(feature = "simgpu")]
fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    use gpukern_kernels::matmul::tiled;

    let barrier = tiled::PTX.find("bar.sync").ok_or("the PTX has no barrier")?;
    let (before, after) = tiled::PTX.split_at(barrier);
    // A comment in its place: every line keeps its number.
    let faulty = format!("{before}//{after}");
    let elements = u64::from(arguments.n).pow(2);

    writeln!(out, "Without the first barrier:\n")?;
    let without = race::multiply(&faulty, arguments.n)?;
    race::describe(&without.report, out)?;
    writeln!(
        out,
        "\n{} of the product's {elements} elements are wrong. If none were, that would prove nothing.",
        without.wrong
    )?;

    writeln!(out, "\nWith it:\n")?;
    let with = race::multiply(tiled::PTX, arguments.n)?;
    race::describe(&with.report, out)?;
    writeln!(out, "\n{} of the product's {elements} elements are wrong.", with.wrong)?;

    if let Some(path) = &arguments.json {
        let reports = [&without, &with].map(|ran| simgpu::report::launch_json(&ran.report));
        let text = serde_json::to_string_pretty(&serde_json::json!({ "without": reports[0], "with": reports[1] }))?;
        std::fs::write(path, text).map_err(|error| format!("cannot write {path:?}: {error}"))?;
    }
    assert!(without.report.findings.iter().any(|finding| finding.kind == simgpu::FindingKind::Race));
    assert!(with.report.findings.is_empty() && with.wrong == 0);
    Ok(())
}

/// The launch, through simgpu's own API: memory, a module, parameters as bytes.
#[cfg(feature = "simgpu")]
mod race {
    use std::io::{self, Write};

    use gpukern_kernels::matmul::tiled;
    use linalg::suite::Random;
    use simgpu::{Finding, Gpu, Launch, LaunchReport, Settings};

    const SOURCE: &str = include_str!("../kernels/cuda/matmul_tiled.cu");

    pub(super) struct Ran {
        pub(super) report: LaunchReport,
        /// Elements that are further from the product in f64 than rounding explains.
        pub(super) wrong: usize,
    }

    /// The product of two random n×n matrices, by the kernel of this text.
    pub(super) fn multiply(ptx: &str, n: u32) -> Result<Ran, simgpu::Error> {
        // One thread, so that the first finding is the same in every run.
        let gpu = Gpu::new(Settings { threads: Some(1), ..Settings::default() });
        let module = gpu.load(ptx)?;
        let (mut random, elements) = (Random::new(1), n as usize * n as usize);
        let mut numbers = || (0..elements).map(|_| random.unit()).collect::<Vec<f32>>();
        let (a, b) = (numbers(), numbers());
        let upload = |numbers: &[f32]| {
            let bytes: Vec<u8> = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
            let address = gpu.allocate(bytes.len() as u64)?;
            gpu.write(address, &bytes)?;
            Ok::<_, simgpu::Error>(address)
        };
        let (at_a, at_b, at_c) = (upload(&a)?, upload(&b)?, gpu.allocate(4 * elements as u64)?);
        let params = parameters(n, [at_a, at_b, at_c]);
        let grid = u32::try_from(tiled::grid(n, n)).unwrap_or(u32::MAX);
        let launch = Launch { grid: [grid, 1, 1], block: tiled::BLOCK, shared_bytes: 0, params: &params };
        let report = gpu.launch(&module, tiled::MATMUL_TILED_F32.name, &launch)?;

        let mut c = vec![0; 4 * elements];
        gpu.read(at_c, &mut c)?;
        let c = c.chunks_exact(4).map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
        let n = n as usize;
        let exact = |place: usize| {
            let (row, column) = (place / n, place % n);
            (0..n).map(|p| f64::from(a[row * n + p]) * f64::from(b[p * n + column])).sum::<f64>()
        };
        // The classical bound of an inner product of numbers below 1. NaN is within nothing.
        let bound = n as f64 * (n as f64 + 4.0) * f64::from(f32::EPSILON);
        let right = c.enumerate().filter(|&(place, given)| (f64::from(given) - exact(place)).abs() <= bound).count();
        Ok(Ran { report, wrong: elements - right })
    }

    /// m, n, k, alpha, a, lda, transpose_a, b, ldb, transpose_b, beta, c, ldc: each at a multiple of its size.
    fn parameters(n: u32, [a, b, c]: [u64; 3]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut put = |value: &[u8]| {
            bytes.resize(bytes.len().next_multiple_of(value.len()), 0);
            bytes.extend_from_slice(value);
        };
        let (size, as_it_lies) = (n.to_le_bytes(), 0_u32.to_le_bytes());
        [size, size, size, 1.0_f32.to_le_bytes()].iter().for_each(|value| put(value));
        for operand in [a, b] {
            put(&operand.to_le_bytes());
            put(&size);
            put(&as_it_lies);
        }
        put(&0.0_f32.to_le_bytes());
        put(&c.to_le_bytes());
        put(&size);
        bytes
    }

    /// The findings of each kind and source line: how many, and the first of them.
    pub(super) fn describe(report: &LaunchReport, out: &mut impl Write) -> io::Result<()> {
        if report.findings.is_empty() {
            writeln!(out, "  {}: nothing found in {} blocks", report.kernel, report.counters.blocks)?;
        }
        let mut groups: Vec<(&Finding, u64)> = Vec::new();
        for finding in &report.findings {
            let alike =
                |(first, _): &&mut (&Finding, u64)| first.kind == finding.kind && first.source == finding.source;
            match groups.iter_mut().find(alike) {
                Some((_, count)) => *count += finding.count,
                None => groups.push((finding, finding.count)),
            }
        }
        for (first, count) in groups {
            let (kind, address) = (format!("{:?}", first.kind), first.address.unwrap_or_default());
            writeln!(out, "  {kind}, {count} times; the first:")?;
            writeln!(
                out,
                "    {}, block {:?}, thread {:?}, shared address {address:#x}:",
                first.kernel, first.block, first.thread
            )?;
            writeln!(out, "    {}", first.detail)?;
            if let Some((file, line)) = &first.source {
                let source = if file.ends_with("matmul_tiled.cu") { SOURCE } else { "" };
                let text = source.lines().nth((*line as usize).saturating_sub(1)).unwrap_or_default();
                writeln!(out, "    {file}:{line}    {}", text.trim())?;
            }
        }
        Ok(())
    }
}
