//! Everything that can be wrong with a call, one variant each.

use crate::Isa;

/// Why there is no estimate. Nothing is ever estimated from fewer samples, other points or other values than asked.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Too few samples for a mean with an error bar.
    #[error("samples is {samples}, {method} needs at least {needed} here")]
    TooFewSamples {
        /// The method.
        method: &'static str,
        /// Samples given.
        samples: u64,
        /// Samples that it takes at least.
        needed: u64,
    },
    /// More samples than the method can tell apart.
    #[error("samples is {samples}, {method} takes at most {max} here")]
    TooManySamples {
        /// The method.
        method: &'static str,
        /// Samples given.
        samples: u64,
        /// Samples that it takes at most.
        max: u64,
    },
    /// A domain without dimensions.
    #[error("the domain has no dimension, it must have at least one")]
    NoDimensions,
    /// More dimensions than the method has sequences, or memory, for.
    #[error("the domain has {dims} dimensions, {method} takes at most {max} here")]
    TooManyDimensions {
        /// The method.
        method: &'static str,
        /// Dimensions of the domain.
        dims: usize,
        /// Dimensions that it takes at most.
        max: usize,
    },
    /// An interval of a domain that is empty, reversed, or has an end that is no number.
    #[error("dimension {dimension} runs from {low} to {high}, it must go up between two finite numbers")]
    BadInterval {
        /// Which dimension, counted from 0.
        dimension: usize,
        /// Its lower end.
        low: f64,
        /// Its upper end.
        high: f64,
    },
    /// The integrand is not finite somewhere.
    #[error("the integrand is {value} at {point:?}")]
    NotFinite {
        /// What it gave.
        value: f64,
        /// Where.
        point: Vec<f64>,
    },
    /// A sampled value is not finite.
    #[error("a sampled value is {value}")]
    NotFiniteSample {
        /// The value; for importance sampling, the integrand's over the density.
        value: f64,
    },
    /// Finite values whose sum, or sum of squares, is not.
    #[error("values up to {largest:e} are too large for their variance to be a 64-bit number")]
    Overflow {
        /// The largest absolute value.
        largest: f64,
    },
    /// Values so small that their squares, or their integral, are no numbers any more.
    #[error(
        "a mean of {mean:e} is too small for its error bar to be a 64-bit number: scale the integrand or the domain"
    )]
    Underflow {
        /// The mean over the domain.
        mean: f64,
    },
    /// A box whose volume is too large or too small.
    #[error("a volume of {volume:e} is no normal 64-bit number: scale the domain")]
    BadVolume {
        /// The product of the sides.
        volume: f64,
    },
    /// The density of an importance sampler is not positive at a point that it drew.
    #[error("the density is {density} at a point that its own sampler drew")]
    BadDensity {
        /// What it gave.
        density: f64,
    },
    /// A tolerance that nothing can reach, or that is no number.
    #[error("{name} is {value}, it must be finite and at least 0: 0 asks for none")]
    BadTolerance {
        /// Its name.
        name: &'static str,
        /// Its value.
        value: f64,
    },
    /// A confidence level outside (0, 1).
    #[error("the confidence level is {level}, it must be more than 0 and less than 1")]
    BadLevel {
        /// The level.
        level: f64,
    },
    /// An option outside its range.
    #[error("{name} is {value}, it must be {range}")]
    BadOption {
        /// Its name.
        name: &'static str,
        /// Its value.
        value: f64,
        /// What it may be.
        range: &'static str,
    },
    /// Darts beyond the last that there is.
    #[error("darts {first} to {first} + {samples} go past the 2⁶⁴ darts that a seed has")]
    PastTheLastDart {
        /// The first.
        first: u64,
        /// How many.
        samples: u64,
    },
    /// The run failed on another process of the team, which knows why.
    #[error("the run failed on rank {rank}")]
    OtherRank {
        /// The first that it failed on.
        rank: usize,
    },
    /// The processor lacks the instruction set that was asked for.
    #[error("{asked} was asked for, the best this processor runs is {best}")]
    IsaUnavailable {
        /// What was asked for.
        asked: Isa,
        /// What there is.
        best: Isa,
    },
}
