//! Other roads to π: the same number, and very different numbers of samples for it.

use crate::{
    Antithetic, Control, ControlVariates, Domain, Error, Estimate, Expectation, Integrator, Plan, Sobol, Stratified,
};
use rand::RngExt;
use rand::distr::Distribution;

/// A way to estimate π at random.
///
/// ```
/// use montecarlo::pi::Road;
///
/// for road in Road::ALL {
///     let pi = road.estimate(20_000, 1)?;
///     assert!(pi.confidence(0.9999)?.contains(std::f64::consts::PI), "{}", road.name());
/// }
/// # Ok::<(), montecarlo::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Road {
    /// Buffon's needle, as long as the lines are apart, crosses one with probability 2/π (1777).
    Buffon,
    /// Darts: 4 where x² + y² ≤ 1, else 0.
    Darts,
    /// The mean height of the circle, 4·√(1 − x²): the dart's y is not left to chance.
    Height,
    /// The same at x and 1 − x.
    Antithetic,
    /// The same, less a multiple of x² − 1/3.
    Control,
    /// The same, less multiples of x − 1/2 and x² − 1/3.
    Controls,
    /// Sixteen scrambled replicates of Sobol's sequence.
    Sobol,
    /// Two points in each of n/2 strips.
    Stratified,
}

impl Road {
    /// All of them, by and large the longest first.
    pub const ALL: [Self; 8] = [
        Self::Buffon,
        Self::Darts,
        Self::Height,
        Self::Antithetic,
        Self::Control,
        Self::Controls,
        Self::Sobol,
        Self::Stratified,
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Buffon => "Buffon's needle",
            Self::Darts => "darts",
            Self::Height => "4·√(1 − x²)",
            Self::Antithetic => "… at x and 1 − x",
            Self::Control => "… control x²",
            Self::Controls => "… controls x, x²",
            Self::Stratified => "… stratified",
            Self::Sobol => "… Sobol",
        }
    }

    /// π from this many samples.
    ///
    /// # Errors
    /// [`Error::TooFewSamples`]; [`Error::TooManySamples`] for [`Sobol`](Self::Sobol) from 2³⁷ on, and for
    /// [`Stratified`](Self::Stratified) beyond 2³⁵.
    pub fn estimate(self, samples: u64, seed: u64) -> Result<Estimate, Error> {
        let unit = Domain::unit(1);
        let height = |x: &[f64]| 4.0 * (1.0 - x[0] * x[0]).sqrt();
        let line = Control { f: &|x| x[0], integral: 0.5 };
        let parabola = Control { f: &|x| x[0] * x[0], integral: 1.0 / 3.0 };
        match self {
            Self::Buffon => buffon(samples, seed),
            Self::Darts => super::darts(samples, seed).estimate(),
            Self::Height => crate::Plain { seed, samples }.integrate(&unit, height),
            Self::Antithetic => Antithetic { seed, samples }.integrate(&unit, height),
            Self::Control => ControlVariates { seed, samples, controls: &[parabola] }.integrate(&unit, height),
            Self::Controls => ControlVariates { seed, samples, controls: &[line, parabola] }.integrate(&unit, height),
            Self::Stratified => Stratified { seed, samples }.integrate(&unit, height),
            Self::Sobol => Sobol { seed, samples, replicates: 16, ..Sobol::default() }.integrate(&unit, height),
        }
    }
}

/// Whether a needle crosses a line: its centre is at most half a line's distance from one, its direction anything.
struct Needle;

impl Distribution<bool> for Needle {
    fn sample<R: rand::Rng + ?Sized>(&self, random: &mut R) -> bool {
        let from_line = 0.5 * random.random::<f64>();
        // A direction without π: a point in the disc, by rejection.
        loop {
            let (x, y) = (random.random::<f64>(), random.random::<f64>());
            let squared = x * x + y * y;
            if squared > 0.0 && squared <= 1.0 {
                return from_line <= 0.5 * y / squared.sqrt();
            }
        }
    }
}

/// π = 2/p for the probability p of a crossing; the error of a quotient to first order: 2/p²·σ.
fn buffon(samples: u64, seed: u64) -> Result<Estimate, Error> {
    let crossing = |crosses: &bool| f64::from(u8::from(*crosses));
    let p = Expectation { seed, samples }.of(&Needle, &mut Plan::default(), crossing)?;
    if p.mean == 0.0 {
        return Err(Error::TooFewSamples { method: "Buffon's needle", samples, needed: 20 });
    }
    // Where every needle crosses, they show no spread: Laplace's proportion does, as for darts.
    let n = samples as f64;
    let smoothed = if p.mean == 1.0 { (n + 1.0) / (n + 2.0) } else { p.mean };
    let slope = 2.0 / (p.mean * p.mean);
    let variance = slope * slope * smoothed * (1.0 - smoothed) / (n - 1.0);
    Ok(Estimate::of_weighted(2.0 / p.mean, variance, p.degrees_of_freedom, samples))
}
