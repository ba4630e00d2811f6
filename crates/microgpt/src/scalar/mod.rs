//! The scalar engine: every number a node of a graph, every gradient in sight.
//!
//! Reading order: [`gpt.rs`](../../src/microgpt/scalar/gpt.rs.html) builds the graph of one token ([`Gpt`]),
//! [`loss.rs`](../../src/microgpt/scalar/loss.rs.html) that of a training step ([`batch_loss`]),
//! [`learner.rs`](../../src/microgpt/scalar/learner.rs.html) walks it backwards, [`decoder.rs`](../../src/microgpt/scalar/decoder.rs.html) lets the
//! model speak.

mod decoder;
mod gpt;
mod learner;
mod loss;
mod size;

pub use gpt::{Cache, Gpt, linear, rms_norm, softmax};
pub(crate) use gpt::{EPSILON, reciprocal};
pub(crate) use loss::LOG_EPSILON;
pub use loss::{BatchLoss, DocumentLoss, batch_loss};
pub use size::{GRAPH_NODES_MAX, graph_size};

use crate::engine::{Decoder, Engine, Learner};
use crate::error::Error;
use crate::model::Model;

/// The engine whose every number can be looked at: one thread, `f64`, in the Python program's order of operations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scalar;

impl Engine for Scalar {
    fn name(&self) -> String {
        "scalar".to_owned()
    }

    fn learner(&self, model: &Model) -> Result<Box<dyn Learner>, Error> {
        Ok(Box::new(learner::ScalarLearner::new(model)))
    }

    fn decoder(&self, model: &Model) -> Result<Box<dyn Decoder>, Error> {
        Ok(Box::new(decoder::ScalarDecoder::new(model)))
    }
}
