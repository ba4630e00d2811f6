//! *Given a function that generates a random number between 0 and 1, calculate π.*

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
pub use estimate::{Estimate, Interval, Moments, Stop};
pub use halton::Halton;
pub use importance::{Expectation, Importance};
pub use integrator::{Batch, Integrator};
pub use latin_hypercube::LatinHypercube;
pub use philox::philox;
pub use plain::{Antithetic, Plain};
pub use plan::{Plan, Progress, Team, Tell};
pub use random::Random;
pub use simd::Isa;
pub use sobol::{Scramble, Sobol};
pub use stratified::Stratified;
pub use threads::Threads;
pub use vegas::{Vegas, VegasPoints};
