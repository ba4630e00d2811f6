//! Inputs at the edges of what numbers hold, and runs that end early: a right answer or an error, never a quiet wrong one.

use std::ops::ControlFlow;

use montecarlo::pi::{Road, Throw};
use montecarlo::{
    Antithetic, ControlVariates, Domain, Error, Estimate, Halton, Integrator, LatinHypercube, Plain, Plan, Progress,
    Scramble, Sobol, Stop, Stratified, Team, Vegas, VegasPoints,
};

fn all(seed: u64, samples: u64) -> Vec<(&'static str, Box<dyn Integrator>)> {
    vec![
        ("plain", Box::new(Plain { seed, samples })),
        ("antithetic", Box::new(Antithetic { seed, samples })),
        ("control variates", Box::new(ControlVariates { seed, samples, controls: &[] })),
        ("stratified", Box::new(Stratified { seed, samples })),
        ("Latin hypercube", Box::new(LatinHypercube { seed, samples, ..Default::default() })),
        ("Halton", Box::new(Halton { seed, samples, ..Default::default() })),
        ("Sobol", Box::new(Sobol { seed, samples, ..Default::default() })),
        ("Vegas", Box::new(Vegas { seed, samples, ..Default::default() })),
        ("Vegas, strata", Box::new(Vegas { seed, samples, points: VegasPoints::Strata, ..Default::default() })),
    ]
}

/// ∫ factor·x² over the box, in the first coordinate.
fn of(method: &dyn Integrator, domain: &Domain, plan: &mut Plan<'_>, factor: f64) -> Result<Estimate, Error> {
    let dims = domain.dims();
    method.integrate_batch(domain, plan, &|points, values| {
        for (point, value) in points.chunks_exact(dims).zip(values) {
            *value = factor * point[0] * point[0];
        }
    })
}

/// A tolerance is one of the integral over the box, not over the unit cube; so is what the callback hears.
#[test]
fn tolerances_and_progress_are_of_the_box() {
    let domain = Domain::new(&[(0.0, 1.0), (0.0, 1000.0)]).expect("a domain");
    for (name, method) in all(3, 1 << 18) {
        let mut told: Vec<Progress> = Vec::new();
        let mut tell = |progress: &Progress| {
            told.push(*progress);
            ControlFlow::Continue(())
        };
        let mut plan = Plan { absolute_tolerance: 1.5, progress: Some(&mut tell), ..Plan::default() };
        let estimate = of(&*method, &domain, &mut plan, 1.0).expect("an estimate");
        assert_eq!(estimate.stop, Stop::Tolerance, "{name}: {estimate:?}");
        assert!(estimate.confidence(0.95).expect("an interval").half_width() <= 1.5, "{name}: {estimate:?}");
        let last = told.last().expect("a round");
        assert_eq!((last.estimate.mean, last.estimate.samples), (estimate.mean, estimate.samples), "{name}");
        assert!(told.iter().all(|told| told.samples_max > (1 << 17)), "{name}: {last:?}");
    }
}

#[test]
fn what_numbers_do_not_hold_is_an_error() {
    let (unit, long) = (Domain::unit(1), Domain::new(&[(0.0, 1e200)]).expect("a domain"));
    for (name, method) in all(1, 20_000) {
        // Squares of 1e-170 are 0: an error bar of no length.
        let small = of(&*method, &unit, &mut Plan::default(), 1e-170);
        assert!(matches!(small, Err(Error::Underflow { .. })), "{name}: {small:?}");
        // 1e120 · 1e200 is infinite, the mean over the unit cube is not.
        let large = method.integrate_batch(&long, &mut Plan::default(), &|points, values| {
            values.iter_mut().zip(points).for_each(|(value, x)| *value = 1e120 * (x / 1e200));
        });
        assert!(matches!(large, Err(Error::Overflow { .. })), "{name}: {large:?}");
        let nothing = of(&*method, &unit, &mut Plan::default(), 0.0).expect("nothing");
        assert_eq!((nothing.mean, nothing.std_error), (0.0, 0.0), "{name}");
    }
}

#[test]
fn small_estimates_merge_with_their_degrees_of_freedom() {
    let of = |seed| Sobol { seed, ..Default::default() }.integrate(&Domain::unit(1), |x| x[0] * x[0]).expect("one");
    // Of unlike sizes, so that Welch's formula is used.
    let other = Plain::default().integrate(&Domain::unit(1), |x| x[0] * x[0]).expect("another");
    let at_one = of(1).merge(other).degrees_of_freedom;
    for factor in [1e-85, 1e85] {
        let scaled = of(1).scaled(factor).merge(other.scaled(factor)).degrees_of_freedom;
        assert!((scaled / at_one - 1.0).abs() < 1e-9, "{factor:e}: {scaled}, not {at_one}");
    }
}

#[test]
fn an_alpha_of_zero_leaves_the_map_alone() {
    let half = |x: &[f64]| if x[0] < 0.5 { 0.0 } else { x[0] };
    for points in [VegasPoints::Nets, VegasPoints::Strata] {
        let of = |increments| {
            let vegas = Vegas { alpha: 0.0, beta: 0.0, increments, points, ..Default::default() };
            vegas.integrate(&Domain::unit(2), half).expect("an estimate")
        };
        let (one, many) = (of(1), of(256));
        assert!((one.mean / many.mean - 1.0).abs() < 1e-12, "{points:?}: {one:?} {many:?}");
    }
}

#[test]
fn vegas_maps_of_any_kind_are_right() {
    let peak = |x: &[f64]| if (x[1] - 0.37).abs() < 0.01 { 50.0 * x[0] } else { 0.0 };
    for points in [VegasPoints::Nets, VegasPoints::Strata] {
        for increments in [1, 2, 1000] {
            for alpha in [0.0, 0.5, 10.0] {
                let vegas = Vegas { seed: 9, increments, alpha, points, ..Default::default() };
                let found = vegas.integrate(&Domain::unit(3), peak).expect("an estimate");
                let off = (found.mean - 0.5).abs() / found.std_error;
                assert!(off < 12.0, "{points:?}, {increments}, {alpha}: {found:?}");
            }
        }
    }
}

#[test]
fn needles_that_all_cross_have_an_error_bar() {
    let lucky = (0..50).filter_map(|seed| Road::Buffon.estimate(2, seed).ok()).filter(|pi| pi.mean == 2.0);
    let with_error: Vec<bool> = lucky.map(|pi| pi.std_error > 0.3).collect();
    assert!(with_error.len() > 5 && with_error.iter().all(|&has| has), "{with_error:?}");
}

/// Two ranks, of which the other has failed.
struct OtherFails;

impl Team for OtherFails {
    fn rank(&self) -> usize {
        0
    }
    fn size(&self) -> usize {
        2
    }
    fn gather(&self, mine: &[f64], lengths: &[usize]) -> Vec<f64> {
        assert_eq!(lengths, [1, 1], "nobody asks a rank that failed for its count");
        vec![mine[0], 0.0]
    }
}

#[test]
fn darts_of_a_rank_that_cannot_throw_are_not_waited_for() {
    assert_eq!(Throw::default().darts_on(&OtherFails, 1000), Err(Error::OtherRank { rank: 1 }));
}

/// What would be kept of so many samples fits no memory: an error at once, and not an allocation that fails.
#[test]
fn more_samples_than_memory_are_refused() {
    let (unit, samples) = (Domain::unit(3), u64::MAX);
    let too_many = |error| matches!(error, Err(Error::TooManySamples { samples: u64::MAX, max, .. }) if max > 1 << 30);
    assert!(too_many(Stratified { seed: 1, samples }.integrate(&unit, |_| 1.0).map(|_| ())));
    assert!(too_many(LatinHypercube { samples, ..LatinHypercube::default() }.integrate(&unit, |_| 1.0).map(|_| ())));
    let strata = Vegas { samples, points: VegasPoints::Strata, ..Vegas::default() };
    for vegas in [strata, Vegas { samples, ..Vegas::default() }] {
        let error = vegas.integrate(&unit, |_| 1.0);
        assert!(matches!(error, Err(Error::TooManySamples { samples: u64::MAX, .. })), "{error:?}");
    }
    let replicates = 1 << 60;
    let refused = |error| matches!(error, Err(Error::BadOption { name: "replicates", .. }));
    assert!(refused(
        LatinHypercube { samples, replicates, ..Default::default() }.integrate(&unit, |_| 1.0).map(|_| ())
    ));
    assert!(refused(Sobol { samples, replicates, ..Default::default() }.integrate(&unit, |_| 1.0).map(|_| ())));
    assert!(refused(Halton { samples, replicates, ..Default::default() }.integrate(&unit, |_| 1.0).map(|_| ())));
    assert!(refused(Vegas { samples, replicates, ..Default::default() }.integrate(&unit, |_| 1.0).map(|_| ())));
}

/// As is what tables of so many dimensions and replicates fit none.
#[test]
fn more_tables_than_memory_are_refused() {
    let (samples, replicates) = (1 << 20, 1 << 16);
    let most = |dims: usize, method: &dyn Integrator| {
        let run = method.integrate_batch(&Domain::unit(dims), &mut Plan::default(), &|_, values| values.fill(1.0));
        match run {
            Err(Error::TooManyDimensions { dims: given, max, .. }) if given == dims => max,
            other => panic!("{dims} dimensions: {other:?}"),
        }
    };
    // 65,536 replicates in bases 2, 3, 5, … of 4, 3, 2, … digits: 2²⁸ numbers are 4,096 a replicate.
    assert_eq!(most(1024, &Halton { samples, replicates, ..Default::default() }), 45);
    let linear = Sobol { samples, replicates, scramble: Scramble::Linear, ..Default::default() };
    assert_eq!(most(Sobol::DIMS_MAX, &linear), 124);
}

/// What was given, a comma, what is wanted.
#[test]
fn errors_read_alike() {
    let unit = Domain::unit(1);
    let said = |result: Result<Estimate, Error>| result.expect_err("refused").to_string();
    let replicates = Halton { replicates: 1, ..Halton::default() };
    assert_eq!(said(replicates.integrate(&unit, |_| 1.0)), "replicates is 1, it must be between 2 and 65536");
    let alpha = Vegas { alpha: 11.0, ..Vegas::default() };
    assert_eq!(said(alpha.integrate(&unit, |_| 1.0)), "alpha is 11, it must be between 0 and 10");
    let few = Plain { samples: 1, ..Plain::default() };
    assert_eq!(said(few.integrate(&unit, |_| 1.0)), "samples is 1, plain Monte Carlo needs at least 2 here");
}
