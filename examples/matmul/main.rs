//! How fast can two matrices be multiplied, rung by rung?
//!
//! The interview question is "what is the complexity of matrix multiplication, and how can you optimise it?". Each
//! line below is one answer to its second half, on the same matrices: the triple loop, the triple loop in a better
//! order, tiles and vector registers, threads, Strassen's seven products, and BLAS, which is what numpy calls. The
//! columns say how long it took, how many billion operations (2·n³ in all) a second that is, how many times faster
//! than the line above, how many first-level cache misses a model of the cache counts per multiplication (on slices
//! of 16 rows or columns of the same product), and the largest error of any element against the triple loop.
//!
//! ```text
//! cargo run --release --example matmul
//! cargo run --release --example matmul -- 1500 --svg rungs.svg --json rungs.json
//! cargo run --release --example matmul -- --walk walk.svg     # the picture of the memory walk: counted, not timed
//! ```
//!
//! Sample output (two Zen 4 cores):
//!
//! ```text
//! 500x500 times 500x500, f64, 2.50e8 operations
//! 500x500 times 500x500: blocked AVX-512: AVX-512 kernels, large or badly strided: panels are packed so that every level of cache is used, on 2 threads
//!
//! rung                                      time   GFLOP/s  × before   misses/mul      error
//! naive ijk                            100.47 ms      2.49         -        0.899      0.0e0
//! naive jki                            293.23 ms      0.85      0.34        1.565      0.0e0
//! naive ikj                             22.68 ms     11.02     12.93        0.126      0.0e0
//! blocked AVX-512, 1 thread              4.50 ms     55.56      5.04        0.011    5.7e-14
//! blocked AVX-512, all threads           2.71 ms     92.20      1.66            -    5.7e-14
//! Strassen over blocked AVX-512          2.70 ms     92.74      1.01            -    5.7e-14
//! BLAS (matrixmultiply)                  2.68 ms     93.46      1.01            -    5.7e-14
//! BLAS (OpenBLAS)                        2.43 ms    102.86      1.10            -    5.7e-14
//!
//! The triple loop takes 100 ms for 500x500; BLAS (OpenBLAS) takes 2.43 ms, 41 times less.
//! ```

use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use linalg::cache::{Caches, Walk};
use linalg::suite::Random;
use linalg::{Backend, Blas, Blocked, LoopOrder, Matrix, Naive, Strassen, Threads, backend};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use serde_json::json;

#[path = "../support/mod.rs"]
mod support;
mod walk;

/// Multiplies two N×N matrices of f64 on every rung of the ladder, and compares.
#[derive(Parser)]
struct Arguments {
    /// Rows and columns of each matrix
    #[arg(default_value_t = 500, value_parser = clap::value_parser!(u32).range(2..=4096))]
    n: u32,
    /// Draw the rungs as a bar chart
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Draw the order in which B is read, and the cache misses that this makes
    #[arg(long, value_name = "FILE")]
    walk: Option<PathBuf>,
    /// Write the table as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Seed of everything random
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

/// One way to multiply, and how its memory accesses look to a cache.
struct Rung {
    backend: Box<dyn Backend<f64>>,
    threads: &'static str,
    walk: Option<Walk>,
}

/// What was measured of one rung.
struct Line {
    name: String,
    seconds: f64,
    rate: f64,
    times_before: Option<f64>,
    misses: Option<f64>,
    error: f64,
}

fn main() -> ExitCode {
    support::exit(run(&Arguments::parse(), &mut io::stdout().lock()))
}

fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let n = arguments.n as usize;
    let mut random = Random::new(arguments.seed);
    let (a, b) = (random.matrix::<f64>(n, n), random.matrix::<f64>(n, n));

    writeln!(out, "{n}x{n} times {n}x{n}, f64, {:.2e} operations", operations(n))?;
    writeln!(out, "{}\n", backend::explain::<f64>(n, n, n))?;
    let headings = ["rung", "time", "GFLOP/s", "× before", "misses/mul", "error"];
    let [rung, time_heading, rate, before, misses_heading, error] = headings;
    writeln!(out, "{rung:<34} {time_heading:>11} {rate:>9} {before:>9} {misses_heading:>12} {error:>10}")?;
    let mut lines: Vec<Line> = Vec::new();
    let mut oracle: Option<Matrix<f64>> = None;
    for rung in rungs() {
        let (seconds, c) = time(&*rung.backend, &a, &b)?;
        let oracle = oracle.get_or_insert_with(|| c.clone());
        let error = c.as_slice().iter().zip(oracle.as_slice()).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max);
        let line = Line {
            name: format!("{}{}", rung.backend.name(), rung.threads),
            seconds,
            rate: operations(n) / seconds / 1e9,
            times_before: lines.last().map(|before| before.seconds / seconds),
            misses: rung.walk.map(|walk| misses(walk, n)),
            error,
        };
        print(&line, out)?;
        lines.push(line);
    }
    finish(n, &lines, out)?;

    if let Some(path) = &arguments.svg {
        write(path, &chart(n, &lines)?)?;
    }
    if let Some(path) = &arguments.walk {
        write(path, &walk::draw(misses)?)?;
    }
    if let Some(path) = &arguments.json {
        write(path, &serde_json::to_string_pretty(&as_json(n, &lines))?)?;
    }
    // The classical error bound, with every |a| and |b| below 1; Strassen's is larger, see its documentation.
    let levels = Strassen::<Blocked>::default().levels(n, n, n) as i32;
    let bound = 12f64.powi(levels) * (n * (n + 3)) as f64 * f64::EPSILON;
    for line in &lines {
        assert!(line.error <= bound, "{} is off by {}, allowed {bound}", line.name, line.error);
    }
    Ok(())
}

fn rungs() -> Vec<Rung> {
    let order = |order| Rung { backend: Box::new(Naive { order }), threads: "", walk: Some(Walk::Order(order)) };
    let plain = |backend: Box<dyn Backend<f64>>, threads| Rung { backend, threads, walk: None };
    let one_thread = Blocked { threads: Threads::Count(1), ..Blocked::default() };
    let mut rungs = vec![order(LoopOrder::Ijk), order(LoopOrder::Jki), order(LoopOrder::Ikj)];
    rungs.push(Rung { walk: Some(Walk::Tiled(32)), ..plain(Box::new(one_thread), ", 1 thread") });
    rungs.push(plain(Box::<Blocked>::default(), ", all threads"));
    rungs.push(plain(Box::<Strassen<Blocked>>::default(), ""));
    rungs.push(plain(Box::<Blas>::default(), ""));
    #[cfg(feature = "openblas")]
    rungs.push(plain(Box::new(Blas { provider: linalg::Provider::System }), ""));
    rungs
}

fn operations(n: usize) -> f64 {
    2.0 * (n as f64).powi(3)
}

/// The best of a few runs, and the product. Slow rungs run once.
fn time(backend: &dyn Backend<f64>, a: &Matrix<f64>, b: &Matrix<f64>) -> Result<(f64, Matrix<f64>), linalg::Error> {
    /// Runs go on until they took this long together.
    const SECONDS: f64 = 0.2;
    let mut c = Matrix::zeros(a.rows(), b.cols());
    let (mut best, mut all) = (f64::INFINITY, 0.0);
    while all < SECONDS {
        let start = Instant::now();
        backend.gemm(1.0, a.view(), b.view(), 0.0, c.view_mut())?;
        let seconds = start.elapsed().as_secs_f64();
        best = best.min(seconds);
        all += seconds;
    }
    Ok((best, c))
}

/// First-level misses per multiplication of a product n wide whose outermost loop runs over 16 of its n values.
fn misses(walk: Walk, n: usize) -> f64 {
    let few = n.min(16);
    let (m, k, n) = match walk {
        Walk::Order(LoopOrder::Jik | LoopOrder::Jki) => (n, n, few),
        Walk::Order(LoopOrder::Kij | LoopOrder::Kji) => (n, few, n),
        Walk::Order(_) => (few, n, n),
        Walk::Tiled(side) => (n.min(side), n, n),
    };
    let misses = Caches::zen4().replay(walk, m, k, n, size_of::<f64>());
    misses.total(0) as f64 / (m * k * n) as f64
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("cannot write {path:?}: {error}"))
}

fn print(line: &Line, out: &mut impl Write) -> io::Result<()> {
    let or_dash = |value: Option<f64>, digits| value.map_or("-".into(), |x: f64| format!("{x:.digits$}"));
    writeln!(
        out,
        "{:<34} {:>8.2} ms {:>9.2} {:>9} {:>12} {:>10.1e}",
        line.name,
        line.seconds * 1e3,
        line.rate,
        or_dash(line.times_before, 2),
        or_dash(line.misses, 3),
        line.error
    )
}

fn finish(n: usize, lines: &[Line], out: &mut impl Write) -> io::Result<()> {
    let fastest = lines.iter().min_by(|x, y| x.seconds.total_cmp(&y.seconds));
    let (Some(slowest), Some(fastest)) = (lines.first(), fastest) else { return Ok(()) };
    writeln!(
        out,
        "\nThe triple loop takes {:.0} ms for {n}x{n}; {} takes {:.2} ms, {:.0} times less.",
        slowest.seconds * 1e3,
        fastest.name,
        fastest.seconds * 1e3,
        slowest.seconds / fastest.seconds
    )
}

fn as_json(n: usize, lines: &[Line]) -> serde_json::Value {
    let rungs: Vec<_> = lines
        .iter()
        .map(|line| {
            json!({
                "name": line.name,
                "seconds": line.seconds,
                "gflops": line.rate,
                "times_before": line.times_before,
                "l1_misses_per_multiplication": line.misses,
                "max_error": line.error,
            })
        })
        .collect();
    json!({ "n": n, "type": "f64", "rungs": rungs })
}

/// A bar for each rung, as long as its rate.
fn chart(n: usize, lines: &[Line]) -> Result<String, Box<dyn Error>> {
    // Pixels.
    const WIDTH: u32 = 860;
    const ROW: u32 = 38;
    const NAMES: u32 = 260;
    let count = lines.len();
    let top_rate = lines.iter().map(|line| line.rate).fold(1e-9, f64::max);
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (WIDTH, 110 + ROW * count as u32)).into_drawing_area();
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .caption(format!("{n} × {n} matrices of f64"), ("sans-serif", 18))
            .margin(16)
            .set_label_area_size(LabelAreaPosition::Left, NAMES)
            .set_label_area_size(LabelAreaPosition::Bottom, 40)
            .build_cartesian_2d(0.0..1.1 * top_rate, count as f64..0.0)?;
        chart.configure_mesh().disable_y_axis().disable_y_mesh().x_desc("GFLOP/s").draw()?;
        for (i, line) in lines.iter().enumerate() {
            let (y, font) = (i as f64 + 0.5, ("sans-serif", 14).into_font());
            let bar = [(0.0, y - 0.35), (line.rate, y + 0.35)];
            chart.draw_series([Rectangle::new(bar, RGBColor(59, 110, 165).filled())])?;
            let name = font.clone().color(&BLACK).pos(Pos::new(HPos::Right, VPos::Center));
            chart.draw_series([EmptyElement::at((0.0, y)) + Text::new(line.name.clone(), (-8, 0), name)])?;
            let rate = font.color(&BLACK).pos(Pos::new(HPos::Left, VPos::Center));
            chart.draw_series([
                EmptyElement::at((line.rate, y)) + Text::new(format!("{:.1}", line.rate), (8, 0), rate)
            ])?;
        }
        area.present()?;
    }
    Ok(svg)
}
