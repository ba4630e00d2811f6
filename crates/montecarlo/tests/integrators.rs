//! Every integrator: the right answer, the same bits on any number of threads and ranks, and every wrong input said.

use std::ops::ControlFlow;
use std::sync::{Arc, Barrier, Mutex};
use std::time::{Duration, Instant};

use montecarlo::{
    Antithetic, Control, ControlVariates, Domain, Error, Estimate, Halton, Integrator, LatinHypercube, Plain, Plan,
    Scramble, Sobol, Stop, Stratified, Team, Threads, Vegas, VegasPoints,
};
use proptest::prelude::*;

const CONTROLS: &[Control<'_>] = &[Control { f: &|x: &[f64]| x[0], integral: 0.5 }];

/// All of them, with these options.
fn all(seed: u64, samples: u64) -> Vec<(&'static str, Box<dyn Integrator>)> {
    vec![
        ("plain", Box::new(Plain { seed, samples })),
        ("antithetic", Box::new(Antithetic { seed, samples })),
        ("control variates", Box::new(ControlVariates { seed, samples, controls: CONTROLS })),
        ("stratified", Box::new(Stratified { seed, samples })),
        ("Latin hypercube", Box::new(LatinHypercube { seed, samples, ..Default::default() })),
        ("Halton", Box::new(Halton { seed, samples, ..Default::default() })),
        ("Sobol", Box::new(Sobol { seed, samples, ..Default::default() })),
        ("Sobol, linear", Box::new(Sobol { seed, samples, scramble: Scramble::Linear, ..Default::default() })),
        ("Vegas", Box::new(Vegas { seed, samples, ..Default::default() })),
        ("Vegas, strata", Box::new(Vegas { seed, samples, points: VegasPoints::Strata, ..Default::default() })),
    ]
}

/// 4·√(1 − x²) in the first coordinate, times something of mean 1 in the others.
fn quarter(points: &[f64], dims: usize, values: &mut [f64]) {
    for (point, value) in points.chunks_exact(dims).zip(values) {
        let others: f64 = point[1..].iter().map(|x| 0.5 + x).product();
        *value = 4.0 * (1.0 - point[0] * point[0]).sqrt() * others;
    }
}

fn run(method: &dyn Integrator, dims: usize, plan: &mut Plan<'_>) -> Result<Estimate, Error> {
    method.integrate_batch(&Domain::unit(dims), plan, &|points, values| quarter(points, dims, values))
}

#[test]
fn all_find_pi() {
    for dims in [1, 2, 5, 30] {
        for (name, method) in all(5, 40_000) {
            let estimate = run(&*method, dims, &mut Plan::default()).expect("an estimate");
            let interval = estimate.confidence(0.9999).expect("an interval");
            assert!(interval.contains(std::f64::consts::PI), "{name}, {dims} dimensions: {estimate:?}");
            assert!(estimate.std_error > 0.0 && estimate.std_error < 0.1, "{name}, {dims} dimensions: {estimate:?}");
            assert!(estimate.samples <= 40_000 && estimate.samples > 30_000, "{name}: {estimate:?}");
            assert_eq!(estimate.stop, Stop::Samples);
        }
    }
}

#[test]
fn threads_do_not_matter() {
    for (name, method) in all(1, 50_000) {
        let with = |threads| run(&*method, 3, &mut Plan { threads, ..Plan::default() }).expect("an estimate");
        let one = with(Threads::Count(1));
        for threads in [Threads::All, Threads::Count(2), Threads::Count(7)] {
            assert_eq!(with(threads), one, "{name}, {threads:?}");
        }
    }
}

/// Ranks that are threads.
struct Ranks {
    rank: usize,
    barrier: Arc<Barrier>,
    boards: Arc<Vec<Mutex<Vec<f64>>>>,
}

impl Team for Ranks {
    fn rank(&self) -> usize {
        self.rank
    }
    fn size(&self) -> usize {
        self.boards.len()
    }
    fn gather(&self, mine: &[f64], lengths: &[usize]) -> Vec<f64> {
        assert_eq!(mine.len(), lengths[self.rank]);
        *self.boards[self.rank].lock().expect("a board") = mine.to_vec();
        self.barrier.wait();
        let all = self.boards.iter().flat_map(|board| board.lock().expect("a board").clone()).collect();
        self.barrier.wait();
        all
    }
}

fn on_ranks<T: Send>(size: usize, work: impl Fn(&Ranks) -> T + Sync) -> Vec<T> {
    let (barrier, boards) = (Arc::new(Barrier::new(size)), Arc::new((0..size).map(|_| Mutex::default()).collect()));
    std::thread::scope(|scope| {
        let of = |rank| Ranks { rank, barrier: Arc::clone(&barrier), boards: Arc::clone(&boards) };
        let ranks: Vec<_> = (0..size)
            .map(of)
            .map(|team| {
                scope.spawn(|| {
                    let team = team;
                    work(&team)
                })
            })
            .collect();
        ranks.into_iter().map(|rank| rank.join().expect("a rank")).collect()
    })
}

#[test]
fn ranks_do_not_matter() {
    for index in 0..all(0, 0).len() {
        let alone = run(&*all(2, 30_000)[index].1, 2, &mut Plan::default()).expect("an estimate");
        let together = on_ranks(3, |team| {
            let mut plan = Plan { team: Some(team), threads: Threads::Count(1), ..Plan::default() };
            run(&*all(2, 30_000)[index].1, 2, &mut plan).expect("an estimate")
        });
        assert_eq!(together, [alone; 3], "{}", all(0, 0)[index].0);
    }
}

#[test]
fn a_rank_that_fails_takes_the_others_with_it() {
    let results = on_ranks(2, |team| {
        let mut plan = Plan { team: Some(team), threads: Threads::Count(1), ..Plan::default() };
        let broken = team.rank() == 1;
        Plain { seed: 0, samples: 10_000 }
            .integrate_with(&Domain::unit(1), &mut plan, |x| if broken { f64::NAN } else { x[0] })
    });
    assert_eq!(results[0], Err(Error::OtherRank { rank: 1 }));
    assert!(matches!(results[1], Err(Error::NotFinite { .. })));
}

#[test]
fn a_value_that_is_not_finite_is_an_error_that_says_where() {
    let domain = Domain::new(&[(2.0, 3.0), (-1.0, 1.0)]).expect("a domain");
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        for (name, method) in all(3, 20_000) {
            let f = |points: &[f64], values: &mut [f64]| {
                for (point, value) in points.chunks_exact(2).zip(values) {
                    *value = if point[1] > 0.99 { bad } else { 1.0 };
                }
            };
            let error = method.integrate_batch(&domain, &mut Plan::default(), &f).expect_err(name);
            let Error::NotFinite { value, point } = error else { panic!("{name}: {error}") };
            assert!(value.is_nan() == bad.is_nan() && value.is_finite() == bad.is_finite());
            assert!((2.0..=3.0).contains(&point[0]) && point[1] > 0.99, "{name}: {point:?}");
        }
    }
    for (name, method) in all(3, 20_000) {
        let huge = method.integrate_batch(&domain, &mut Plan::default(), &|points, values| {
            values
                .iter_mut()
                .zip(points.chunks_exact(2))
                .for_each(|(value, point)| *value = 1e300 * point[0] * point[1] * point[1]);
        });
        assert!(matches!(huge, Err(Error::Overflow { .. })), "{name}: {huge:?}");
        let unwritten = method.integrate_batch(&domain, &mut Plan::default(), &|_, _| ());
        assert!(matches!(unwritten, Err(Error::NotFinite { .. })), "{name}: a value that f did not write");
    }
}

#[test]
fn numbers_out_of_range_are_errors() {
    for (name, method) in all(0, 0) {
        assert!(
            matches!(run(&*method, 2, &mut Plan::default()), Err(Error::TooFewSamples { samples: 0, .. })),
            "{name}"
        );
    }
    for (name, method) in all(0, 10_000) {
        assert_eq!(run(&*method, 0, &mut Plan::default()).map(|_| ()), Err(Error::NoDimensions), "{name}");
        let many = method.integrate_batch(&Domain::unit(1 << 21), &mut Plan::default(), &|_, _| ());
        assert!(matches!(many, Err(Error::TooManyDimensions { dims: 0x20_0000, .. })), "{name}");
        for value in [-1.0, f64::NAN, f64::INFINITY] {
            let mut plan = Plan { relative_tolerance: value, ..Plan::default() };
            let name_of = |error| matches!(error, Error::BadTolerance { name: "relative_tolerance", .. });
            assert!(run(&*method, 2, &mut plan).is_err_and(name_of), "{name}");
        }
    }
    let too_many = Sobol { samples: u64::MAX, ..Default::default() }.integrate(&Domain::unit(1), |x| x[0]);
    assert!(matches!(too_many, Err(Error::TooManySamples { .. })));
}

#[test]
fn a_tolerance_is_reached_or_said_to_be_out_of_reach() {
    for (name, method) in all(4, 1 << 20) {
        let mut plan = Plan { relative_tolerance: 2e-3, ..Plan::default() };
        let estimate = run(&*method, 2, &mut plan).expect("an estimate");
        assert_eq!(estimate.stop, Stop::Tolerance, "{name}");
        assert!(estimate.confidence(0.95).expect("an interval").half_width() <= 2e-3 * estimate.mean, "{name}");
        assert!(estimate.samples < 1 << 20, "{name}: {}", estimate.samples);
        assert!((estimate.mean / std::f64::consts::PI - 1.0).abs() < 6e-3, "{name}: {}", estimate.mean);
    }
    for (name, method) in all(4, 10_000) {
        let mut plan = Plan { absolute_tolerance: 1e-12, ..Plan::default() };
        assert_eq!(run(&*method, 2, &mut plan).expect("an estimate").stop, Stop::Samples, "{name}");
    }
}

#[test]
fn zeros_alone_do_not_end_a_run_early() {
    let rare = |x: &[f64]| if x[0] < 1e-4 { 1.0 } else { 0.0 };
    let mut plan = Plan { absolute_tolerance: 1e-3, ..Plan::default() };
    let estimate =
        Plain { seed: 1, samples: 100_000 }.integrate_with(&Domain::unit(1), &mut plan, rare).expect("an estimate");
    assert!(estimate.mean > 0.0, "{estimate:?}");
}

#[test]
fn a_deadline_and_a_callback_end_a_run() {
    let past = Instant::now().checked_sub(Duration::from_secs(1));
    for (name, method) in all(4, 1 << 20) {
        let mut plan = Plan { deadline: past, ..Plan::default() };
        let late = run(&*method, 2, &mut plan).expect("an estimate");
        assert_eq!(late.stop, Stop::Deadline, "{name}");
        let mut seen = Vec::new();
        let mut tell = |progress: &montecarlo::Progress| {
            seen.push(progress.estimate.samples);
            if seen.len() == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let mut plan = Plan { progress: Some(&mut tell), ..Plan::default() };
        let stopped = run(&*method, 2, &mut plan).expect("an estimate");
        assert_eq!(stopped.stop, Stop::Callback, "{name}");
        assert!(seen.len() == 2 && seen[0] < seen[1] && late.samples < 1 << 20, "{name}: {seen:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Any box, any number of samples: a constant is exact, and a linear function is where it should be.
    #[test]
    fn boxes_are_measured(
        sides in prop::collection::vec((-5.0..5.0_f64, 0.1..3.0_f64), 1..5),
        samples in 1000..6000_u64,
        seed: u64,
    ) {
        let intervals: Vec<(f64, f64)> = sides.iter().map(|(low, length)| (*low, low + length)).collect();
        let domain = Domain::new(&intervals).expect("a domain");
        let centre: f64 = intervals.iter().map(|(low, high)| (low + high) / 2.0).sum();
        for (name, method) in all(seed, samples).into_iter().filter(|(name, _)| *name != "control variates") {
            let constant = method.integrate_batch(&domain, &mut Plan::default(), &|_, values| values.fill(3.0)).expect("an estimate");
            let close = if name.starts_with("Vegas") { 0.05 } else { 1e-12 };
            prop_assert!((constant.mean / (3.0 * domain.volume()) - 1.0).abs() < close, "{}: {:?}", name, constant);
            let dims = domain.dims();
            let linear = method.integrate_batch(&domain, &mut Plan::default(), &|points, values| {
                for (point, value) in points.chunks_exact(dims).zip(values) {
                    *value = point.iter().sum::<f64>();
                }
            }).expect("an estimate");
            // Four replicates leave Student's t with three degrees of freedom: rare runs are ten standard errors off.
            let off = (linear.mean - centre * domain.volume()).abs();
            prop_assert!(off < 0.05 * domain.volume() * dims as f64, "{}: {:?}, not {}", name, linear, centre * domain.volume());
        }
    }
}
