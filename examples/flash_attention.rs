//! Why is flash attention faster, although it calculates the same?
//!
//! One head of attention, 64 columns wide, twice, on the same processor with the same vector registers and threads. **Plain** is the
//! definition done well, step by step: the scores as a matrix product (`linalg`), softmax of their rows, a second product;
//! scores and weights are matrices of N × N. **Flash** goes through the keys tile by tile and never has more of them than a tile. The
//! columns say how long it took, how many bytes it allocated beside inputs and output (measured by the allocator), how many bytes
//! went between memory and cache (counted by a model of one core's second-level cache: 1 MiB, pieces of 64 × 64 numbers, the
//! least recently used goes first), and the largest error of 64 rows against the definition in f64.
//!
//! ```text
//! cargo run --release --example flash_attention
//! cargo run --release --example flash_attention -- --n 8192 --svg flash.svg
//! ```
//!
//! Sample output (two Zen 4 cores):
//!
//! ```text
//! attention of 2048 queries to 2048 keys, 64 columns, on the CPU
//!
//!      N               time   allocated       moved     error
//!    256 plain      0.28 ms   515.4 KiB   768.0 KiB    5.1e-7
//!    256 flash      0.22 ms   116.4 KiB   256.0 KiB    4.5e-7
//!    512 plain      1.91 ms     2.0 MiB     4.5 MiB    4.8e-7
//!    512 flash      0.44 ms   117.6 KiB   512.0 KiB    4.5e-7
//!   1024 plain      8.65 ms     8.0 MiB    17.0 MiB    3.3e-7
//!   1024 flash      1.97 ms   120.0 KiB     1.0 MiB    1.6e-7
//!   2048 plain     32.67 ms    32.0 MiB    97.0 MiB    1.8e-7
//!   2048 flash      7.38 ms   124.9 KiB    33.0 MiB    1.3e-7
//!
//! Both do the same multiplications. Plain attention writes 2048 x 2048 scores and reads them back, then 2048 x 2048 weights, and each pass waits for memory as soon as the matrix outgrows the cache. Flash attention keeps a running maximum and a running sum for each query; when a tile of keys raises the maximum, what was summed up so far is scaled down. So a tile of weights can be used and forgotten while it is still in the cache: it moved 33.0 MiB instead of 97.0 MiB, held 124.9 KiB instead of 32.0 MiB, and took 4.4 times less time. At N = 16384 the two matrices take 2048.0 MiB.
//! ```

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, ValueEnum};
use gpukern::{Attention, AttentionBackend, Cpu, Reference, Rows, RowwiseBackend};
use linalg::suite::Random;
use linalg::{Backend, Blocked, MatrixView, MatrixViewMut};
use peak_alloc::PeakAlloc;

mod support;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Columns of q, k and v.
const HEAD_DIM: usize = 64;
/// Rows of queries that are compared with the definition in f64.
const CHECKED: usize = 64;

/// Plain attention beside flash attention: time, memory, traffic, error.
#[derive(Parser)]
#[command(name = "flash_attention")]
struct Options {
    /// Queries and keys
    #[arg(long, value_name = "N", default_value_t = 2048, value_parser = clap::value_parser!(u32).range(64..=32768))]
    n: u32,
    /// Where to run
    #[arg(long, value_enum, default_value = "cpu")]
    device: Device,
    /// Draw memory and traffic over N
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Device {
    Cpu,
}

/// What one way of computing attention took.
#[derive(Clone, Copy)]
struct Measured {
    n: usize,
    seconds: f64,
    allocated: usize,
    moved: u64,
    error: f64,
}

fn main() -> ExitCode {
    support::exit(run(&Options::parse(), &mut io::stdout().lock()))
}

fn run(options: &Options, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let n = options.n as usize;
    let Device::Cpu = options.device;
    writeln!(out, "attention of {n} queries to {n} keys, {HEAD_DIM} columns, on the CPU\n")?;
    let headings = ["N", "", "time", "allocated", "moved", "error"];
    let [length, name, time, allocated, moved, error] = headings;
    writeln!(out, "{length:>6} {name:<6} {time:>11} {allocated:>11} {moved:>11} {error:>9}")?;
    let (mut plains, mut flashes) = (Vec::new(), Vec::new());
    let mut lengths: Vec<usize> = (0..4).rev().map(|halvings| n >> halvings).filter(|&n| n >= CHECKED).collect();
    lengths.dedup();
    for n in lengths {
        let head = Head::new(n);
        let plain = head.measure(plain, count_plain(n))?;
        let flash = head.measure(flash, count_flash(n))?;
        for (name, measured) in [("plain", plain), ("flash", flash)] {
            let Measured { seconds, allocated, moved, error, .. } = measured;
            let (milliseconds, allocated, moved) = (seconds * 1e3, size(allocated as u64), size(moved));
            writeln!(out, "{n:>6} {name:<6} {milliseconds:>8.2} ms {allocated:>11} {moved:>11} {error:>9.1e}")?;
        }
        plains.push(plain);
        flashes.push(flash);
    }
    let (plain, flash) = (plains[plains.len() - 1], flashes[flashes.len() - 1]);
    explain(plain, flash, out)?;
    if let Some(path) = &options.svg {
        chart(path, &plains, &flashes).map_err(|error| format!("cannot write {path:?}: {error}"))?;
    }
    for measured in plains.iter().chain(&flashes) {
        assert!(measured.error < 1e-5, "{} is off by {}", measured.n, measured.error);
    }
    // A tile, and a few matrices of 64 rows, a thread: it does not matter how long the sequence is.
    assert!(flash.allocated <= 16 << 20 && plain.allocated >= 8 * n * n);
    Ok(())
}

fn explain(plain: Measured, flash: Measured, out: &mut impl Write) -> io::Result<()> {
    let times = plain.seconds / flash.seconds;
    writeln!(
        out,
        "\nBoth do the same multiplications. Plain attention writes {n} x {n} scores and reads them back, then {n} x {n} weights, \
         and each pass waits for memory as soon as the matrix outgrows the cache. Flash attention keeps a running maximum and a running sum \
         for each query; when a tile of keys raises the maximum, what was summed up so far is scaled down. So a tile of weights \
         can be used and forgotten while it is still in the cache: it moved {moved} instead of {plain_moved}, held {allocated} \
         instead of {plain_allocated}, and took {times:.1} times less time. At N = 16384 the two matrices take {at_16384}.",
        n = plain.n,
        moved = size(flash.moved),
        plain_moved = size(plain.moved),
        allocated = size(flash.allocated as u64),
        plain_allocated = size(plain.allocated as u64),
        at_16384 = size(8 << 28),
    )
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..0x10_0000 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

/// The inputs of one head.
struct Head {
    problem: Attention,
    q: Vec<f32>,
    k: Vec<f32>,
    v: Vec<f32>,
}

type Compute = fn(&Head, &mut [f32]) -> Result<(), Box<dyn Error>>;

/// The definition, a step at a time.
fn plain(head: &Head, out: &mut [f32]) -> Result<(), Box<dyn Error>> {
    let n = head.problem.queries;
    let blocked = Blocked::default();
    let matrix = |rows: &'_ [f32]| -> Result<Vec<f32>, Box<dyn Error>> { Ok(vec![0.0; rows.len() / HEAD_DIM * n]) };
    let mut scores = matrix(&head.q)?;
    let (q, k) = (view(&head.q, n, HEAD_DIM)?, view(&head.k, n, HEAD_DIM)?);
    let to = MatrixViewMut::from_slice(&mut scores, n, n, n, 1)?;
    blocked.gemm(head.problem.scale_or_default(), q, k.transpose(), 0.0, to)?;
    let mut weights = matrix(&head.q)?;
    Cpu::default().softmax(Rows { rows: n, columns: n }, &scores, &mut weights)?;
    let to = MatrixViewMut::from_slice(out, n, HEAD_DIM, HEAD_DIM, 1)?;
    blocked.gemm(1.0, view(&weights, n, n)?, view(&head.v, n, HEAD_DIM)?, 0.0, to)?;
    Ok(())
}

fn view(of: &[f32], rows: usize, columns: usize) -> Result<MatrixView<'_, f32>, linalg::Error> {
    MatrixView::from_slice(of, rows, columns, columns, 1)
}

fn flash(head: &Head, out: &mut [f32]) -> Result<(), Box<dyn Error>> {
    let mut log_sum_exp = vec![0.0; head.problem.queries];
    Ok(Cpu::default().forward(&head.problem, &head.q, &head.k, &head.v, out, &mut log_sum_exp)?)
}

impl Head {
    fn new(n: usize) -> Self {
        let mut random = Random::new(1);
        let mut draw = || (0..n * HEAD_DIM).map(|_| 2.0 * random.unit::<f32>()).collect();
        let (q, k, v) = (draw(), draw(), draw());
        let problem = Attention {
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
        Self { problem, q, k, v }
    }

    fn measure(&self, compute: Compute, moved: u64) -> Result<Measured, Box<dyn Error>> {
        let n = self.problem.queries;
        let mut out = vec![0.0; n * HEAD_DIM];
        let (mut seconds, mut all) = (f64::INFINITY, 0.0);
        let mut allocated = 0;
        // The best of as many runs as fit into a moment; the last one's memory, when every thread is there.
        while all < 0.1 {
            let before = ALLOCATOR.current_usage();
            ALLOCATOR.reset_peak_usage();
            let start = Instant::now();
            compute(self, &mut out)?;
            let took = start.elapsed().as_secs_f64();
            allocated = ALLOCATOR.peak_usage().saturating_sub(before);
            seconds = seconds.min(took);
            all += took;
        }
        Ok(Measured { n, seconds, allocated, moved, error: self.error(&out)? })
    }

    /// The largest error of some rows.
    fn error(&self, out: &[f32]) -> Result<f64, gpukern::Error> {
        let n = self.problem.queries;
        let rows: Vec<usize> = (0..CHECKED).map(|row| row * n / CHECKED).collect();
        let pick = |of: &[f32]| -> Vec<f32> {
            rows.iter().flat_map(|row| of[row * HEAD_DIM..][..HEAD_DIM].iter().copied()).collect()
        };
        let (mut exact, mut log_sum_exp) = (vec![0.0; CHECKED * HEAD_DIM], vec![0.0; CHECKED]);
        let problem = Attention { queries: CHECKED, ..self.problem };
        Reference.forward(&problem, &pick(&self.q), &self.k, &self.v, &mut exact, &mut log_sum_exp)?;
        let errors = pick(out).into_iter().zip(exact).map(|(out, exact)| f64::from((out - exact).abs()));
        Ok(errors.fold(0.0, f64::max))
    }
}

/// A piece of a matrix: 64 rows by 64 columns, 16 KiB.
type Piece = (char, usize, usize);
const PIECE_BYTES: u64 = 64 * 64 * 4;
/// Pieces in a cache of 1 MiB.
const PIECES: usize = 64;

/// A cache that counts what goes in and out of it.
#[derive(Default)]
struct Cache {
    now: u64,
    used: BTreeMap<u64, Piece>,
    /// When each was used last, and whether memory does not have it yet.
    held: HashMap<Piece, (u64, bool)>,
    moved: u64,
}

impl Cache {
    fn read(&mut self, piece: Piece) {
        if !self.held.contains_key(&piece) {
            self.moved += PIECE_BYTES;
        }
        self.touch(piece, false);
    }

    /// All of it: what was there before need not be loaded.
    fn write(&mut self, piece: Piece) {
        self.touch(piece, true);
    }

    fn touch(&mut self, piece: Piece, write: bool) {
        let (last, changed) = self.held.remove(&piece).unwrap_or_default();
        self.used.remove(&last);
        if self.held.len() == PIECES
            && let Some((_, oldest)) = self.used.pop_first()
            && let Some((_, true)) = self.held.remove(&oldest)
        {
            self.moved += PIECE_BYTES;
        }
        self.now += 1;
        self.used.insert(self.now, piece);
        self.held.insert(piece, (self.now, changed || write));
    }

    /// In the end, what memory does not have yet is written.
    fn total(self) -> u64 {
        self.moved + self.held.values().filter(|(_, changed)| *changed).count() as u64 * PIECE_BYTES
    }
}

fn count_plain(n: usize) -> u64 {
    let (blocks, mut cache) = (n.div_ceil(64), Cache::default());
    let pairs = || (0..blocks).flat_map(|i| (0..blocks).map(move |j| (i, j)));
    for (i, j) in pairs() {
        cache.read(('q', i, 0));
        cache.read(('k', j, 0));
        cache.write(('s', i, j));
    }
    for (i, j) in pairs() {
        cache.read(('s', i, j));
        cache.write(('p', i, j));
    }
    for (i, j) in pairs() {
        cache.read(('p', i, j));
        cache.read(('v', j, 0));
        cache.write(('o', i, 0));
    }
    cache.total()
}

fn count_flash(n: usize) -> u64 {
    let (blocks, mut cache) = (n.div_ceil(64), Cache::default());
    for i in 0..blocks {
        cache.read(('q', i, 0));
        for j in 0..blocks {
            cache.read(('k', j, 0));
            cache.read(('v', j, 0));
        }
        cache.write(('o', i, 0));
    }
    cache.total()
}

/// How a logarithmic axis calls a power of ten.
fn power_of_ten(bytes: f64) -> String {
    match bytes {
        ..1e3 => format!("{bytes:.0} B"),
        ..1e6 => format!("{:.0} kB", bytes / 1e3),
        ..1e9 => format!("{:.0} MB", bytes / 1e6),
        _ => format!("{:.0} GB", bytes / 1e9),
    }
}

/// Memory and traffic over N, both on logarithmic axes.
fn chart(path: &Path, plains: &[Measured], flashes: &[Measured]) -> Result<(), Box<dyn Error>> {
    use plotters::prelude::*;
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (900, 380)).into_drawing_area();
        area.fill(&WHITE)?;
        let panels = area.split_evenly((1, 2));
        let allocated: fn(&Measured) -> f64 = |measured| measured.allocated as f64;
        let moved: fn(&Measured) -> f64 = |measured| measured.moved as f64;
        for (panel, title, of) in [
            (&panels[0], "bytes allocated beside inputs and output", allocated),
            (&panels[1], "bytes between memory and cache, counted", moved),
        ] {
            let all = || plains.iter().chain(flashes);
            let (low, high) = all().fold((f64::MAX, 1.0_f64), |(low, high), m| (low.min(of(m)), high.max(of(m))));
            let lengths = plains[0].n as f64..plains[plains.len() - 1].n as f64 * 1.01;
            let mut chart = ChartBuilder::on(panel)
                .caption(title, ("sans-serif", 16))
                .margin(12)
                .x_label_area_size(34)
                .y_label_area_size(76)
                .build_cartesian_2d(lengths.log_scale().base(2.0), (low / 2.0..high * 2.0).log_scale())?;
            chart
                .configure_mesh()
                .x_desc("queries and keys")
                .x_label_formatter(&|n| format!("{n:.0}"))
                .y_label_formatter(&|&bytes| power_of_ten(bytes))
                .draw()?;
            for (name, colour, series) in [("plain", RED, plains), ("flash", BLUE, flashes)] {
                let points = || series.iter().map(|measured| (measured.n as f64, of(measured)));
                chart
                    .draw_series(LineSeries::new(points(), colour.stroke_width(2)))?
                    .label(name)
                    .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
            }
            chart.configure_series_labels().position(SeriesLabelPosition::UpperLeft).border_style(BLACK).draw()?;
        }
        area.present()?;
    }
    std::fs::write(path, svg)?;
    Ok(())
}
