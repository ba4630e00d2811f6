//! *Given a function that generates a random number between 0 and 1, calculate π.*

mod domain;
mod error;
mod estimate;
mod halton;
mod integrator;
mod latin_hypercube;
mod philox;
pub mod pi;
mod plain;
mod plan;
mod replicates;
mod simd;
mod sobol;
mod stratified;
mod student;
mod threads;
mod vegas;

pub use domain::Domain;
pub use error::Error;
pub use estimate::{Estimate, Interval, Moments, Stop};
pub use halton::Halton;
pub use integrator::{Batch, Integrator};
pub use latin_hypercube::LatinHypercube;
pub use philox::philox;
pub use plain::{Antithetic, Plain};
pub use plan::{Plan, Progress, Team};
pub use simd::Isa;
pub use sobol::Sobol;
pub use stratified::Stratified;
pub use threads::Threads;
pub use vegas::Vegas;
