//! Error bars are honest: of 95 % intervals, 95 in 100 cover the truth. Fixed seeds; `benches/coverage.rs` is the larger run.

use montecarlo::genz::{Family, Genz};
use montecarlo::{
    Antithetic, Control, ControlVariates, Domain, Expectation, Halton, Integrator, LatinHypercube, Plain, Plan, Sobol,
    Stratified, Vegas, VegasPoints,
};

const RUNS: u64 = 400;
const SAMPLES: u64 = 1 << 11;

/// Five standard deviations of a count with p = 0.95 are 22 of 400.
fn assert_honest(name: &str, covers: impl Fn(u64) -> bool) {
    let covered = (0..RUNS).filter(|&seed| covers(seed)).count();
    assert!((380 - 22..=400).contains(&covered), "{name}: {covered} of {RUNS} intervals cover the integral");
}

fn honest_on_a_gaussian<I: Integrator>(name: &str, method: impl Fn(u64) -> I) {
    let genz = Genz::standard(Family::Gaussian, 3);
    assert_honest(name, |seed| {
        let estimate = method(seed).integrate(&Domain::unit(3), |x| genz.value(x)).expect("an estimate");
        estimate.confidence(0.95).expect("an interval").contains(genz.integral())
    });
}

#[test]
fn ninety_five_in_a_hundred_intervals_cover_the_integral() {
    let samples = SAMPLES;
    honest_on_a_gaussian("plain", |seed| Plain { seed, samples });
    honest_on_a_gaussian("antithetic", |seed| Antithetic { seed, samples });
    honest_on_a_gaussian("stratified", |seed| Stratified { seed, samples });
    honest_on_a_gaussian("Latin hypercube", |seed| LatinHypercube { seed, samples, ..Default::default() });
    honest_on_a_gaussian("Halton", |seed| Halton { seed, samples, ..Default::default() });
    honest_on_a_gaussian("Sobol", |seed| Sobol { seed, samples, ..Default::default() });
    honest_on_a_gaussian("Vegas", |seed| Vegas { seed, samples, ..Default::default() });
    let points = VegasPoints::Strata;
    honest_on_a_gaussian("Vegas, strata", |seed| Vegas { seed, samples, points, ..Default::default() });
    const CONTROLS: &[Control<'_>] = &[Control { f: &|x: &[f64]| (x[0] - 0.5) * (x[0] - 0.5), integral: 1.0 / 12.0 }];
    honest_on_a_gaussian("control variates", |seed| ControlVariates { seed, samples, controls: CONTROLS });
}

#[test]
fn so_do_those_of_darts_and_of_expectations() {
    let darts = |seed| montecarlo::pi::darts(1000, seed).estimate().expect("an estimate");
    assert_honest("darts", |seed| darts(seed).confidence(0.95).expect("an interval").contains(std::f64::consts::PI));
    let variance = |seed| {
        let normal = rand_distr::Normal::new(1.0, 2.0).expect("a distribution");
        Expectation { seed, samples: 2000 }.of(&normal, &mut Plan::default(), |x: &f64| (x - 1.0) * (x - 1.0))
    };
    assert_honest("an expectation", |seed| {
        variance(seed).expect("an estimate").confidence(0.95).expect("an interval").contains(4.0)
    });
}
