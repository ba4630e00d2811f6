//! The same darts on many machines: every process throws its part of the range, and all together count what one counts.
//!
//! A dart is a function of the seed and its number, so there is nothing to agree on but who throws which. The integral below is shared
//! the same way, by chunks, and has the same bits on any number of processes.
//!
//! ```text
//! apt-get install libopenmpi-dev openmpi-bin libclang-14-dev
//! cargo build --release --example pi_mpi --features mpi
//! mpirun -n 2 target/release/examples/pi_mpi
//! mpirun -n 64 --hostfile hosts target/release/examples/pi_mpi 1000000000000
//! ```
//!
//! Sample output:
//!
//! ```text
//! 2 processes, 100000000 darts of seed 42: 78540649 inside, π = 3.1416260 ± 0.0003219
//! The volume of the unit ball in 8 dimensions by Sobol: 4.0473632812 ± 0.0556, on every process, and on one alone
//! ```

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

mod support;

/// π from random darts, thrown by many processes.
#[derive(Parser)]
struct Arguments {
    /// Darts in all
    #[arg(default_value_t = 100_000_000, value_parser = clap::value_parser!(u64).range(2..))]
    darts: u64,
    /// Seed of everything random
    #[arg(long, value_name = "N", default_value_t = 42)]
    seed: u64,
}

fn main() -> ExitCode {
    support::exit(run(&Arguments::parse(), &mut io::stdout().lock()))
}

#[cfg(not(feature = "mpi"))]
fn run(_: &Arguments, _: &mut impl Write) -> Result<(), Box<dyn Error>> {
    Err("this example needs MPI: add `--features mpi`, and start it with `mpirun -n 2`".into())
}

#[cfg(feature = "mpi")]
fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    use montecarlo::mpi::World;
    use montecarlo::pi::{Throw, darts};
    use montecarlo::{Domain, Integrator, Plan, Sobol, Team};

    const DIMS: usize = 8;
    /// As many darts are thrown again, by every process alone.
    const CHECKED_MAX: u64 = 1_000_000_000;
    let world = World::open().ok_or("MPI has been started before")?;
    let &Arguments { darts: samples, seed } = arguments;
    let counted = Throw { seed, ..Throw::default() }.darts_on(&world, samples)?;
    let pi = counted.estimate()?;

    let ball = |x: &[f64]| if x.iter().map(|x| x * x).sum::<f64>() <= 1.0 { 2_f64.powi(DIMS as i32) } else { 0.0 };
    let sobol = Sobol { seed, samples: 1 << 20, ..Sobol::default() };
    let mut plan = Plan { team: Some(&world), ..Plan::default() };
    let volume = sobol.integrate_with(&Domain::unit(DIMS), &mut plan, ball)?;

    if world.rank() == 0 {
        let half = pi.confidence(0.95)?.half_width();
        let processes = world.size();
        let inside = counted.inside;
        writeln!(
            out,
            "{processes} processes, {samples} darts of seed {seed}: {inside} inside, π = {:.7} ± {half:.7}",
            pi.mean
        )?;
        let half = volume.confidence(0.95)?.half_width();
        let mean = volume.mean;
        writeln!(
            out,
            "The volume of the unit ball in {DIMS} dimensions by Sobol: {mean:.10} ± {half:.4}, on every process, and on one alone"
        )?;
    }
    // What one process gets, to the last bit: on every rank, unless that is why there are many.
    assert!(samples > CHECKED_MAX || counted == darts(samples, seed), "{counted:?}");
    assert_eq!(volume, sobol.integrate(&Domain::unit(DIMS), ball)?);
    Ok(())
}
