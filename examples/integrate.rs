//! Which integrator for which integrand? Genz's six families, by all of them.
//!
//! Each cell is the error of an estimate, in units of the integral, with the same number of calls of the integrand. What to see: points
//! that avoid each other (Sobol, Halton) win wherever the integrand is smooth; stratifying axes one by one (Latin hypercube)
//! takes away what is additive; strata alone fade with the dimensions; the map of Vegas wins where peaks and cliffs lie along
//! the axes, and loses where the integrand changes sign.
//!
//! ```text
//! cargo run --release --example integrate
//! cargo run --release --example integrate -- 10 --samples 1000000 --seed 3
//! ```
//!
//! Sample output:
//!
//! ```text
//! 5 dimensions, 65536 calls of the integrand, error of the integral:
//!
//!                     oscillatory   product peak    corner peak       Gaussian     continuous  discontinuous
//! plain                    5.4e-3         6.4e-4         5.1e-4         7.9e-4         1.5e-3         9.7e-3
//! antithetic               5.7e-3         1.4e-3         5.5e-3         1.7e-3         9.5e-4         1.3e-2
//! stratified               2.0e-3         2.0e-4         7.1e-4         1.8e-4         1.5e-4         6.5e-3
//! Latin hypercube          3.6e-4         1.2e-5         9.3e-4         5.3e-5         7.6e-3         5.9e-4
//! Halton                   1.1e-3         5.8e-5         8.6e-5         8.7e-5         3.7e-4         5.8e-4
//! Sobol                    3.7e-4         2.9e-6         8.7e-5         6.8e-6         2.1e-4         3.6e-4
//! Vegas, strata            2.6e-4         2.4e-4         1.6e-5         6.7e-4         1.4e-4         4.1e-4
//! Vegas, nets              1.1e-3         1.5e-5         1.8e-4         1.2e-5         6.9e-5         8.5e-5
//!
//! 48 of the 48 intervals at 99.9 % contain the integral.
//! ```

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use montecarlo::genz::{Family, Genz};
use montecarlo::{
    Antithetic, Domain, Estimate, Halton, Integrator, LatinHypercube, Plain, Sobol, Stratified, Vegas, VegasPoints,
};

mod support;

/// Genz's six families of integrands, by every integrator.
#[derive(Parser)]
struct Arguments {
    /// Dimensions
    #[arg(default_value_t = 5, value_parser = clap::value_parser!(u16).range(2..=12))]
    dims: u16,
    /// Calls of the integrand that each may spend
    #[arg(long, value_name = "N", default_value_t = 65_536, value_parser = clap::value_parser!(u64).range(2048..=10_000_000_000))]
    samples: u64,
    /// Seed of everything random
    #[arg(long, value_name = "N", default_value_t = 42)]
    seed: u64,
}

type Method = Box<dyn Fn(&Genz) -> Result<Estimate, montecarlo::Error>>;

fn main() -> ExitCode {
    support::exit(run(&Arguments::parse(), &mut io::stdout().lock()))
}

fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let &Arguments { dims, samples, seed } = arguments;
    writeln!(out, "{dims} dimensions, {samples} calls of the integrand, error of the integral:\n")?;
    writeln!(out, "{:<16}{}", "", Family::ALL.map(|family| format!("{:>15}", family.name())).concat())?;
    let mut covered = 0;
    let methods = methods(samples, seed);
    for (name, method) in &methods {
        let mut row = String::new();
        for family in Family::ALL {
            let genz = Genz::standard(family, usize::from(dims));
            let (estimate, exact) = (method(&genz)?, genz.integral());
            row += &format!("{:>15.1e}", (estimate.mean / exact - 1.0).abs());
            covered += usize::from(estimate.confidence(0.999)?.contains(exact));
        }
        writeln!(out, "{name:<16}{row}")?;
    }
    let cells = methods.len() * Family::ALL.len();
    writeln!(out, "\n{covered} of the {cells} intervals at 99.9 % contain the integral.")?;
    assert!(covered + 4 >= cells, "error bars are honest");
    Ok(())
}

fn methods(samples: u64, seed: u64) -> Vec<(&'static str, Method)> {
    fn method<I: Integrator + 'static>(name: &'static str, integrator: I) -> (&'static str, Method) {
        (name, Box::new(move |genz| integrator.integrate(&Domain::unit(genz.a.len()), |x| genz.value(x))))
    }
    vec![
        method("plain", Plain { seed, samples }),
        method("antithetic", Antithetic { seed, samples }),
        method("stratified", Stratified { seed, samples }),
        method("Latin hypercube", LatinHypercube { seed, samples, ..Default::default() }),
        method("Halton", Halton { seed, samples, ..Default::default() }),
        method("Sobol", Sobol { seed, samples, ..Default::default() }),
        method("Vegas, strata", Vegas { seed, samples, points: VegasPoints::Strata, ..Default::default() }),
        method("Vegas, nets", Vegas { seed, samples, ..Default::default() }),
    ]
}
