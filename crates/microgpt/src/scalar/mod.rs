//! The scalar engine: every number a node of a graph, every gradient in sight.
//!
//! Reading order: [`gpt`](Gpt) builds the graph of one token, [`loss`](batch_loss) that of a training step,
//! [`train`](Trainer) walks it backwards and moves the weights, [`sample`](generate) lets the model speak.

mod gpt;
mod loss;
mod sample;
mod size;
mod train;

pub use gpt::{Cache, Gpt, linear, rms_norm, softmax};
pub use loss::{BatchLoss, DocumentLoss, batch_loss};
pub use sample::{Sampling, generate};
pub use size::{MAX_GRAPH, graph_size};
pub use train::{Step, Trainer, Training, train};
