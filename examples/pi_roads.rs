//! Darts are the slowest good road to π. How much faster are the others?
//!
//! Each line measures the standard deviation that one sample is worth, and says how many samples four digits take: a 95 % interval of
//! ± 0.00005. A control variate is worth a hundred times the darts; points that avoid each other have no fixed worth a sample
//! at all: their error falls faster than 1/√n, so that the last two lines are what this many samples gave, and would do better with more.
//!
//! ```text
//! cargo run --release --example pi_roads
//! cargo run --release --example pi_roads -- --samples 10000000 --seed 3
//! ```
//!
//! Sample output:
//!
//! ```text
//! 1048576 samples each, seed 42
//!
//! road                           π    ± (95 %)   σ of a sample  samples for four digits
//! Buffon's needle      3.136819433      4.5e-3          2.3649  8594054884
//! darts                3.141929626      3.1e-3          1.6419  4142637679
//! 4·√(1 − x²)          3.141958768      1.7e-3          0.8929  1225124350
//! … at x and 1 − x     3.141602640      9.0e-4          0.4684  337148432
//! … control x²         3.141491264      3.1e-4          0.1612  39925959
//! … controls x, x²     3.141549730      2.2e-4          0.1174  21191719
//! … Sobol              3.141592589      6.9e-8          0.0000  fewer than 1048576
//! … stratified         3.141592655      1.2e-8          0.0000  fewer than 1048576
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
struct Arguments {
    /// Samples that each may spend
    #[arg(long, value_name = "N", default_value_t = 1_048_576, value_parser = clap::value_parser!(u64).range(1000..=10_000_000_000))]
    samples: u64,
    /// Seed of everything random
    #[arg(long, value_name = "N", default_value_t = 42)]
    seed: u64,
}

fn main() -> ExitCode {
    support::exit(run(&Arguments::parse(), &mut io::stdout().lock()))
}

fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    writeln!(out, "{} samples each, seed {}\n", arguments.samples, arguments.seed)?;
    writeln!(out, "{:<18}  {:>12}  {:>10}  {:>14}  samples for four digits", "road", "π", "± (95 %)", "σ of a sample")?;
    let mut deviations = Vec::new();
    for road in Road::ALL {
        let estimate = road.estimate(arguments.samples, arguments.seed)?;
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
    let (fixed, falling) = deviations.split_at(6);
    let in_order = fixed.is_sorted_by(|a, b| a > b) && falling.iter().all(|deviation| *deviation < fixed[5]);
    assert!(in_order || arguments.samples < 100_000, "{deviations:?}");
    Ok(())
}
