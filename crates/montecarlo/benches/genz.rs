//! Genz's families: the median error and the time of an integral, for `benches/peers.py` to compare.
//!
//! `cargo bench -p montecarlo --bench genz -- [SEEDS]` prints a line a method, family and number of dimensions: method, family,
//! dimensions, median of |error / integral| over the seeds, seconds an integral; one thread, 2¹⁶ evaluations in all.
#![allow(clippy::print_stdout)]

use std::time::Instant;

use montecarlo::genz::{Family, Genz};
use montecarlo::{Domain, Error, Estimate, Integrator, Plan, Sobol, Threads, Vegas};

const SAMPLES: u64 = 1 << 16;

fn main() {
    let seeds = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(200);
    for dims in [5, 10] {
        for family in Family::ALL {
            let genz = Genz::standard(family, dims);
            report("sobol", &genz, seeds, |seed| {
                integrate(&Sobol { seed, samples: SAMPLES, ..Sobol::default() }, &genz)
            });
            report("vegas", &genz, seeds, |seed| {
                integrate(&Vegas { seed, samples: SAMPLES, ..Vegas::default() }, &genz)
            });
        }
    }
}

fn integrate(method: &impl Integrator, genz: &Genz) -> Result<Estimate, Error> {
    let mut plan = Plan { threads: Threads::Count(1), ..Plan::default() };
    let estimate = method.integrate_with(&Domain::unit(genz.a.len()), &mut plan, |x| genz.value(x))?;
    assert!(estimate.samples <= SAMPLES, "{} of {SAMPLES}", estimate.samples);
    Ok(estimate)
}

fn report(method: &str, genz: &Genz, seeds: u64, run: impl Fn(u64) -> Result<Estimate, Error>) {
    let (exact, started) = (genz.integral(), Instant::now());
    let mut errors: Vec<f64> =
        (0..seeds).map(|seed| (run(seed).expect("an estimate").mean / exact - 1.0).abs()).collect();
    let seconds = started.elapsed().as_secs_f64() / seeds as f64;
    errors.sort_by(f64::total_cmp);
    println!("{method},{},{},{:e},{seconds:e}", genz.family.name(), genz.a.len(), errors[errors.len() / 2]);
}
