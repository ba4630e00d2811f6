//! Reverse-mode automatic differentiation in which every number is a node that can be looked at.

mod arena;
mod backward;
mod dual;
mod operation;
mod operators;
mod scalar;
mod tape;
mod value;
mod values;

pub use arena::MAX_NODES;
pub use backward::Grads;
pub use operation::Operation;
pub use scalar::Scalar;
pub use tape::{Mark, Parameters, Tape};
pub use value::Value;
pub use values::Values;
