//! Reverse-mode automatic differentiation in which every number is a node that can be looked at.

mod arena;
mod backward;
pub mod drawing;
mod dual;
mod elementwise;
pub mod gradcheck;
pub mod graph;
mod operation;
mod operators;
mod products;
mod scalar;
mod second;
mod tape;
mod value;
mod values;

pub use arena::MAX_NODES;
pub use backward::Grads;
pub use drawing::{Drawing, DrawingError};
pub use gradcheck::gradcheck;
pub use operation::Operation;
pub use scalar::Scalar;
pub use tape::{Mark, Parameters, Tape};
pub use value::Value;
pub use values::Values;
