//! Given a function that generates a random number between 0 and 1, calculate π.
//!
//! Darts at a unit square: the share that falls into the quarter circle is its area, π/4. What makes the answer one is the error bar:
//! each line says how far off it expects to be, and whether π is inside the interval that it is 95 % sure of. A hundred times the
//! darts are worth one more digit. The darts are those of the seed, whatever the number of threads and whatever the machine.
//!
//! ```text
//! cargo run --release --example pi
//! cargo run --release --example pi -- 10000000000 --seed 7
//! cargo run --release --example pi -- --svg pi.svg --json pi.json     # the picture, and the table for programs
//! ```
//!
//! Sample output:
//!
//! ```text
//!           darts    in the circle  π, 95 % interval             off by  inside 95 %
//!             100               77  3.0800000 ± 0.3356919       -6.2e-2  yes
//!            1000              808  3.2320000 ± 0.0978156       +9.0e-2  yes
//!           10000             7849  3.1396000 ± 0.0322188       -2.0e-3  yes
//!          100000            78611  3.1444400 ± 0.0101661       +2.8e-3  yes
//!         1000000           785475  3.1419000 ± 0.0032182       +3.1e-4  yes
//!      1000000000        785395952  3.1415838 ± 0.0001018       -8.8e-6  yes
//! ```

use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use montecarlo::pi;
use plotters::prelude::*;
use serde_json::json;

mod support;

/// The document's table.
const TABLE: [u64; 5] = [100, 1_000, 10_000, 100_000, 1_000_000];
/// Darts of the picture.
const DRAWN: u64 = 500;
const PI: f64 = std::f64::consts::PI;

/// π from random darts, with error bars.
#[derive(Parser)]
struct Arguments {
    /// Darts of the last line
    #[arg(default_value_t = 1_000_000_000, value_parser = clap::value_parser!(u64).range(2..=1_000_000_000_000))]
    darts: u64,
    /// Seed of everything random
    #[arg(long, value_name = "N", default_value_t = 42)]
    seed: u64,
    /// Draw the darts, and how the estimate converges
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Write the table as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn main() -> ExitCode {
    support::exit(run(&Arguments::parse(), &mut io::stdout().lock()))
}

fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    writeln!(
        out,
        "{:>15}  {:>15}  {:<24}  {:>9}  inside 95 %",
        "darts", "in the circle", "π, 95 % interval", "off by"
    )?;
    let mut lines = Vec::new();
    for samples in TABLE.into_iter().chain([arguments.darts]) {
        let darts = pi::darts(samples, arguments.seed);
        let estimate = darts.estimate()?;
        let interval = estimate.confidence(0.95)?;
        let (half, off) = (interval.half_width(), estimate.mean - PI);
        let verdict = if interval.contains(PI) { "yes" } else { "no" };
        let answer = format!("{:.7} ± {half:.7}", estimate.mean);
        writeln!(out, "{samples:>15}  {:>15}  {answer:<24}  {off:>+9.1e}  {verdict}", darts.inside)?;
        lines.push(json!({
            "darts": samples, "inside": darts.inside, "pi": estimate.mean, "std_error": estimate.std_error,
            "low": interval.low, "high": interval.high, "contains_pi": interval.contains(PI),
        }));
        // One in 10¹⁵: not a matter of luck.
        assert!(off.abs() < 8.0 * estimate.std_error.max(0.1 / (samples as f64).sqrt()), "{estimate:?}");
    }
    if let Some(path) = &arguments.json {
        let text = serde_json::to_string_pretty(&json!({ "seed": arguments.seed, "table": lines }))?;
        write(path, &text)?;
    }
    if let Some(path) = &arguments.svg {
        write(path, &draw(arguments.seed)?)?;
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("cannot write {path:?}: {error}"))
}

/// On the left the first darts, on the right what the first n of them say of π, with the band that two standard errors make.
fn draw(seed: u64) -> Result<String, Box<dyn Error>> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, (960, 480)).into_drawing_area();
        area.fill(&WHITE)?;
        let (left, right) = area.split_horizontally(470);
        draw_darts(seed, &left)?;
        draw_convergence(seed, &right)?;
        area.present()?;
    }
    Ok(text)
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

fn draw_darts(seed: u64, area: &Area<'_>) -> Result<(), Box<dyn Error>> {
    let inside = pi::darts(DRAWN, seed).inside;
    let title =
        format!("{inside} of {DRAWN} darts inside: 4·{inside}/{DRAWN} = {}", 4.0 * inside as f64 / DRAWN as f64);
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .caption(title, ("sans-serif", 18))
        .x_label_area_size(24)
        .y_label_area_size(32)
        .build_cartesian_2d(0.0..1.0, 0.0..1.0)?;
    chart.configure_mesh().disable_mesh().x_labels(5).y_labels(5).draw()?;
    let dots = (0..DRAWN).map(|dart| {
        let colour = if pi::is_inside(seed, dart) { RGBColor(20, 110, 180) } else { RGBColor(220, 110, 40) };
        Circle::new(pi::dart(seed, dart), 2, colour.filled())
    });
    chart.draw_series(dots)?;
    let arc = (0..=90).map(|degrees| f64::from(degrees).to_radians().sin_cos());
    chart.draw_series(LineSeries::new(arc, BLACK.stroke_width(2)))?;
    Ok(())
}

fn draw_convergence(seed: u64, area: &Area<'_>) -> Result<(), Box<dyn Error>> {
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .margin_right(30)
        .caption("4·inside/n, and π ± 2·1.64/√n", ("sans-serif", 18))
        .x_label_area_size(24)
        .y_label_area_size(40)
        .build_cartesian_2d((10.0..1e6_f64).log_scale(), 2.6..3.7)?;
    chart.configure_mesh().light_line_style(TRANSPARENT).x_labels(6).y_labels(6).draw()?;
    let counts: Vec<u64> = (0..=250).map(|step| 10_f64.powf(1.0 + f64::from(step) / 50.0).round() as u64).collect();
    let half = |n: u64| 2.0 * (PI * (4.0 - PI) / n as f64).sqrt();
    let upper = counts.iter().map(|&n| (n as f64, (PI + half(n)).min(3.7)));
    let lower = counts.iter().rev().map(|&n| (n as f64, (PI - half(n)).max(2.6)));
    let band = Polygon::new(upper.chain(lower).collect::<Vec<_>>(), RGBColor(200, 215, 230).filled());
    chart.draw_series([band])?;
    chart.draw_series(LineSeries::new([(10.0, PI), (1e6, PI)], BLACK.stroke_width(1)))?;
    let estimates = counts.iter().map(|&n| (n as f64, 4.0 * pi::darts(n, seed).inside as f64 / n as f64));
    chart.draw_series(LineSeries::new(estimates, RGBColor(20, 110, 180).stroke_width(2)))?;
    Ok(())
}
