//! Darts are the slowest good road to π. How much faster are the others?
//!
//! Each line measures the standard deviation that one sample is worth, and says how many samples four digits take: a 95 % interval of
//! ± 0.00005. A control variate is worth a hundred times the darts; points that avoid each other have no fixed worth a sample
//! at all: their error falls faster than 1/√n, so that the last two lines are what this many samples gave, and would do better with more.
//!
//! ```text
//! cargo run --release --example pi_roads
//! cargo run --release --example pi_roads -- 10000000 --seed 3
//! ```
//!
//! Sample output:
//!
//! ```text
//! SAMPLE
//! ```

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use montecarlo::pi::Road;

mod support;

/// Half the length of a 95 % interval for four digits.
const FOUR_DIGITS: f64 = 5e-5;

/// Eight ways to estimate π, and the samples that each needs for four digits.
#[derive(Parser)]
struct Options {
    /// Samples that each may spend
    #[arg(default_value_t = 1_048_576, value_parser = clap::value_parser!(u64).range(1000..=10_000_000_000))]
    samples: u64,
    /// Chooses the random numbers
    #[arg(long, default_value_t = 42)]
    seed: u64,
}

fn main() -> ExitCode {
    support::exit(run(&Options::parse(), &mut io::stdout().lock()))
}

fn run(options: &Options, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    writeln!(out, "{} samples each, seed {}\n", options.samples, options.seed)?;
    writeln!(out, "{:<18}  {:>12}  {:>10}  {:>14}  samples for four digits", "road", "π", "± (95 %)", "σ of a sample")?;
    let mut deviations = Vec::new();
    for road in Road::ALL {
        let estimate = road.estimate(options.samples, options.seed)?;
        let half = estimate.confidence(0.95)?.half_width();
        let deviation = estimate.std_error * (estimate.samples as f64).sqrt();
        let needed = estimate.samples as f64 * (half / FOUR_DIGITS).powi(2);
        let needed = match road {
            Road::Stratified | Road::Sobol if needed < estimate.samples as f64 => {
                format!("fewer than {}", estimate.samples)
            }
            _ => format!("{needed:.0}"),
        };
        writeln!(out, "{:<18}  {:>12.9}  {half:>10.1e}  {deviation:>14.4}  {needed}", road.name(), estimate.mean)?;
        assert!((estimate.mean - std::f64::consts::PI).abs() < 10.0 * half, "{road:?}: {estimate:?}");
        deviations.push(deviation);
    }
    // The order of the roads is no accident: each takes something away from chance.
    assert!(deviations.is_sorted_by(|a, b| a > b) || options.samples < 100_000, "{deviations:?}");
    Ok(())
}
