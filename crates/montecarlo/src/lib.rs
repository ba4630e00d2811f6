//! *Given a function that generates a random number between 0 and 1, calculate π.*
//!
//! **The answer.** Draw a unit square, and in it a quarter of the circle of radius 1 about one corner. Its area is π/4. Throw darts: each lands
//! at a random (x, y), and is inside if x² + y² ≤ 1. The share of darts inside tends to π/4, so
//!
//! > π ≈ 4 · inside / total.
//!
//! How good is that? A dart is worth 4 or 0, with standard deviation √(π(4 − π)) = 1.642, so n darts are off by about 1.642/√n: one
//! more digit for a hundred times the darts. Say so, with every answer: an [`Estimate`] has its error bar.
//!
//! ```
//! let darts = montecarlo::pi::darts(100_000_000, 42); // a tenth of a second
//! let pi = darts.estimate()?;
//! assert!(pi.confidence(0.99)?.contains(std::f64::consts::PI));
//! assert!((pi.std_error - 1.642e-4).abs() < 1e-7);
//! # Ok::<(), montecarlo::Error>(())
//! ```
//!
#![doc = concat!(
    "<div class=\"picture\"><style>.picture svg{max-width:100%;height:auto}</style>",
    include_str!("../docs/pi.svg"),
    "</div>\n"
)]
//!
//! *The first 500 darts, and what the first n say of π, with the band of two standard errors. Drawn by the repository's example `pi`.*
//!
//! Then the same mean gets better, rung by rung, and is not only π's:
//!
//! | rung | what changes | what it buys |
//! |---|---|---|
//! | [`pi::is_inside`] | nothing: one dart | the definition, and the oracle of all darts |
//! | [`pi::darts`] | counter-based random numbers, integers, vectors, threads | billions a second, the same count everywhere |
//! | [`pi::Road`] | less left to chance: y, then pairs, then what is known | the same digits from 1/200 of the samples |
//! | [`Plain`] | any integrand, any box | σ/√n in any number of dimensions; the oracle of the next |
//! | [`Antithetic`], [`ControlVariates`], [`Importance`] | what one knows of the integrand | a smaller σ |
//! | [`Stratified`], [`LatinHypercube`] | points spread over boxes, over every axis | a larger exponent, or additive parts for nothing |
//! | [`Halton`], [`Sobol`] | points that avoid each other | nearly n^(−3/2) where the integrand is smooth |
//! | [`Vegas`] | learns where the integrand is large | peaks |
//! | [`Expectation`] | any distribution of `rand_distr` | no box at all |
//!
//! All integrators are structs with `Default` behind [`Integrator`]; a [`Plan`] says when to stop and who is told.
//!
//! ```
//! use montecarlo::{Domain, Integrator, Sobol};
//!
//! let cube = Domain::new(&[(0.0, 1.0), (0.0, 2.0), (-1.0, 1.0)])?;
//! let estimate = Sobol { seed: 1, ..Default::default() }.integrate(&cube, |x| (x[0] * x[1]).exp() * (1.0 + x[2]))?;
//! println!("{} ± {}", estimate.mean, estimate.confidence(0.95)?.half_width());
//! # Ok::<(), montecarlo::Error>(())
//! ```
//!
//! **Reading order:** [`pi`] (one dart, then billions), [`philox.rs`](../src/montecarlo/philox.rs.html) (random numbers without a state),
//! [`estimate.rs`](../src/montecarlo/estimate.rs.html) and [`moments.rs`](../src/montecarlo/moments.rs.html) (the error bar),
//! [`plain.rs`](../src/montecarlo/plain.rs.html) (any integral), [`integrator.rs`](../src/montecarlo/integrator.rs.html) and
//! [`plan.rs`](../src/montecarlo/plan.rs.html) (what all methods share); then the better points:
//! [`stratified.rs`](../src/montecarlo/stratified.rs.html), [`latin_hypercube.rs`](../src/montecarlo/latin_hypercube.rs.html),
//! [`halton.rs`](../src/montecarlo/halton.rs.html), [`sobol.rs`](../src/montecarlo/sobol.rs.html),
//! [`vegas`](../src/montecarlo/vegas/mod.rs.html); and what one knows of the integrand: [`control.rs`](../src/montecarlo/control.rs.html),
//! [`importance.rs`](../src/montecarlo/importance.rs.html). [`genz`] has the integrands that methods are compared on.
//!
//! **From what you know:**
//!
//! | elsewhere | here |
//! |---|---|
//! | `random.random()` in a loop | [`pi::darts`]; [`Random`] for `rand`'s traits |
//! | `scipy.integrate.qmc_quad` | [`Sobol`], [`Halton`], [`LatinHypercube`]; replicates and Student's t are built in |
//! | `vegas.Integrator` | [`Vegas`] |
//! | `np.mean(f(x)) ± np.std(f(x)) / np.sqrt(n)` | [`Expectation`], [`Estimate`] |
//! | `mpirun` | [`Plan::team`], feature `mpi` |
//!
//! **What holds.** Results are functions of the options, bit for bit: random numbers are keyed by seed and chunk ([`philox()`]), and chunks
//! are added up in their order, whatever the number of threads or ranks. Integrand values that are not finite, empty and
//! reversed domains, too few samples, too many dimensions are an [`Error`]; a tolerance that was not reached is [`Stop::Samples`].
//! Nothing here prints. `unsafe` is confined to the vector kernels.
//!
//! **Features**, none on by default: `cuda` (darts on a CUDA device, `gpu::darts`), `mpi` (many processes, `mpi::World`).

/// The README's program, tested.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod control;
mod domain;
mod error;
mod estimate;
pub mod genz;
#[cfg(feature = "cuda")]
pub mod gpu;
mod halton;
mod importance;
mod integrator;
mod latin_hypercube;
mod moments;
#[cfg(feature = "mpi")]
pub mod mpi;
mod philox;
pub mod pi;
mod plain;
mod plan;
mod random;
mod replicates;
mod simd;
mod sobol;
mod stratified;
mod student;
mod threads;
mod vegas;

pub use control::{Control, ControlVariates};
pub use domain::Domain;
pub use error::Error;
pub use estimate::{Estimate, Interval, Stop};
pub use halton::Halton;
pub use importance::{Expectation, Importance};
pub use integrator::{Batch, Integrator};
pub use latin_hypercube::LatinHypercube;
pub use moments::Moments;
pub use philox::philox;
pub use plain::{Antithetic, Plain};
pub use plan::{Plan, Progress, Team, Tell};
pub use random::Random;
pub use simd::Isa;
pub use sobol::{Scramble, Sobol};
pub use stratified::Stratified;
pub use threads::Threads;
pub use vegas::{Vegas, VegasPoints};
