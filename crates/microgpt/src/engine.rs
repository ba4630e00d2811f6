//! What computes: the wall between what all engines have in common and what each does in its own way.
//!
//! [`Trainer`](crate::Trainer) and [`generate`](crate::generate) know documents, schedules, temperatures and prompts;
//! an engine knows how to get from tokens to losses, gradients and probabilities.

use crate::adam::{Moments, Update};
use crate::error::Error;
use crate::model::Model;
use crate::parameters::Parameters;

/// A way to compute: [`Scalar`](crate::scalar::Scalar), [`Tensor`](crate::tensor::Tensor), and with the feature `cuda`
/// `cuda::Cuda`.
pub trait Engine {
    /// What to call it, for example `scalar`.
    fn name(&self) -> String;

    /// Something that can train from this model's weights on.
    ///
    /// # Errors
    ///
    /// What the engine asks of a model or a machine that these do not have.
    fn learner(&self, model: &Model) -> Result<Box<dyn Learner>, Error>;

    /// Something that can continue texts as this model would.
    ///
    /// # Errors
    ///
    /// As [`learner`](Engine::learner).
    fn decoder(&self, model: &Model) -> Result<Box<dyn Decoder>, Error>;

    /// Something that can continue so many texts side by side; `None` if this engine has no faster way than one after
    /// another.
    ///
    /// # Errors
    ///
    /// As [`learner`](Engine::learner).
    fn streams(&self, model: &Model, count: usize) -> Result<Option<Box<dyn Streams>>, Error> {
        let _ = (model, count);
        Ok(None)
    }
}

/// A model in training. It has weights, gradients and moments of its own.
pub trait Learner {
    /// Whether batches of so many documents of at most so many questions can be trained on.
    ///
    /// # Errors
    ///
    /// If they are too large for the engine.
    fn check(&self, documents: usize, questions: usize) -> Result<(), Error>;

    /// The mean over the documents of each document's mean loss, in nats a token; the gradients are kept.
    ///
    /// A document is at least two tokens of the vocabulary; of one longer than the block size, so many questions count.
    ///
    /// # Errors
    ///
    /// What stands in the way of computing, such as no memory.
    fn loss_and_gradients(&mut self, batch: &[&[usize]]) -> Result<f64, Error>;

    /// The loss alone; gradients stay as they were.
    ///
    /// # Errors
    ///
    /// As [`loss_and_gradients`](Learner::loss_and_gradients).
    fn loss(&mut self, batch: &[&[usize]]) -> Result<f64, Error>;

    /// Moves the weights against the last gradients. `false` if a gradient or a weight would not be finite: the weights
    /// are then as before.
    ///
    /// # Errors
    ///
    /// As [`loss_and_gradients`](Learner::loss_and_gradients).
    fn update(&mut self, update: &Update) -> Result<bool, Error>;

    /// Writes weights and gradients into a model's parameters.
    ///
    /// # Errors
    ///
    /// As [`loss_and_gradients`](Learner::loss_and_gradients).
    fn store(&self, parameters: &mut Parameters) -> Result<(), Error>;

    /// Adam's memory.
    ///
    /// # Errors
    ///
    /// As [`loss_and_gradients`](Learner::loss_and_gradients).
    fn moments(&self) -> Result<Moments, Error>;

    /// Takes up a memory of the same number of parameters.
    ///
    /// # Errors
    ///
    /// As [`loss_and_gradients`](Learner::loss_and_gradients).
    fn set_moments(&mut self, moments: &Moments) -> Result<(), Error>;

    /// Graph nodes that the last loss was made of; 0 if there is no graph.
    fn nodes(&self) -> usize {
        0
    }
}

/// A model that continues texts.
pub trait Decoder {
    /// Calls `text`, once, with a context that is empty.
    ///
    /// # Errors
    ///
    /// The engine's, and what `text` returns.
    fn decode(&mut self, text: &mut dyn FnMut(&mut dyn Context) -> Result<(), Error>) -> Result<(), Error>;
}

/// What has been read so far: at most as many tokens as the model's block size, which the caller counts.
pub trait Context {
    /// Reads one more token, and does not ask what comes next.
    ///
    /// # Panics
    ///
    /// If the token is not in the vocabulary or the context is full.
    fn read(&mut self, token: usize);

    /// Reads one more token: the probability of each token to come next, at that temperature. They add up to 1 but for
    /// rounding.
    ///
    /// # Panics
    ///
    /// As [`read`](Context::read).
    fn probabilities(&mut self, token: usize, temperature: f64) -> &[f64];
}

/// One more token of one of several texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    /// Which text, counted from 0.
    pub stream: usize,
    /// Where in the text, counted from 0: what was read from there on before is forgotten.
    pub position: usize,
    /// The token.
    pub token: usize,
}

/// A model that continues several texts side by side, each with a cache of its own.
pub trait Streams {
    /// Reads one more token of some of the texts, which rise: for each, a row of the probability of each token to come
    /// next, at that temperature; rows one after another, as many numbers each as the vocabulary has tokens.
    ///
    /// # Errors
    ///
    /// The engine's.
    ///
    /// # Panics
    ///
    /// If streams do not rise or there are not so many, a token is not in the vocabulary, or a position is not in the
    /// block.
    fn probabilities(&mut self, reads: &[Read], temperature: f64) -> Result<&[f64], Error>;
}
