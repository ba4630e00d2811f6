//! How often 95 % intervals cover the truth, for each integrator, in 2,000 runs: `cargo bench -p montecarlo --bench coverage -- [RUNS]`.
//!
//! A recorded run is in BENCHMARKS.md; `tests/coverage.rs` is a smaller one.
#![allow(clippy::print_stdout)]

use montecarlo::genz::{Family, Genz};
use montecarlo::{
    Antithetic, Control, ControlVariates, Domain, Halton, Integrator, LatinHypercube, Plain, Scramble, Sobol,
    Stratified, Vegas, VegasPoints,
};

const SAMPLES: u64 = 1 << 13;

fn main() {
    let runs = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(2000);
    let (samples, mean) = (SAMPLES, 0.5);
    let first = |x: &[f64]| x[0];
    println!("{:<28}{}", "covered, %", Family::ALL.map(|family| format!("{:>15}", family.name())).concat());
    let line = |name: &str, covers: &dyn Fn(u64, &Genz) -> bool| {
        let row = Family::ALL.map(|family| {
            let genz = Genz::standard(family, 5);
            let covered = (0..runs).filter(|&seed| covers(seed, &genz)).count();
            format!("{:>15.1}", 100.0 * covered as f64 / runs as f64)
        });
        println!("{name:<28}{}", row.concat());
    };
    line("plain", &|seed, genz| covers(&Plain { seed, samples }, genz));
    line("antithetic", &|seed, genz| covers(&Antithetic { seed, samples }, genz));
    let controls = [Control { f: &first, integral: mean }];
    line("control variate", &|seed, genz| covers(&ControlVariates { seed, samples, controls: &controls }, genz));
    line("stratified", &|seed, genz| covers(&Stratified { seed, samples }, genz));
    line("Latin hypercube", &|seed, genz| covers(&LatinHypercube { seed, samples, ..Default::default() }, genz));
    line("Halton", &|seed, genz| covers(&Halton { seed, samples, ..Default::default() }, genz));
    line("Sobol", &|seed, genz| covers(&Sobol { seed, samples, ..Default::default() }, genz));
    let scramble = Scramble::Linear;
    line("Sobol, linear scramble", &|seed, genz| {
        covers(&Sobol { seed, samples, scramble, ..Default::default() }, genz)
    });
    line("Vegas", &|seed, genz| covers(&Vegas { seed, samples, ..Default::default() }, genz));
    let points = VegasPoints::Strata;
    line("Vegas, strata", &|seed, genz| covers(&Vegas { seed, samples, points, ..Default::default() }, genz));
}

fn covers(method: &impl Integrator, genz: &Genz) -> bool {
    let estimate = method.integrate(&Domain::unit(5), |x| genz.value(x)).expect("an estimate");
    estimate.confidence(0.95).expect("an interval").contains(genz.integral())
}
