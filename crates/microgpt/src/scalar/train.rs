//! Training: loss, backward, step, again.

use scalar_autograd::{Mark, Parameters as Leaves, Tape};

use super::gpt::Gpt;
use super::loss::batch_loss;
use super::size::{MAX_GRAPH, graph_size};
use crate::adam::{Adam, Moments};
use crate::error::Error;
use crate::model::Model;
use crate::names::Names;

/// How to train. The default is the Python program's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Training {
    /// How many times the weights are moved.
    pub steps: usize,
    /// Names a step; it takes the next ones, and begins again after the last.
    pub batch: usize,
    /// The first step's learning rate; it falls in a line to 0 after the last.
    pub learning_rate: f64,
    /// The optimiser.
    pub adam: Adam,
}

impl Default for Training {
    fn default() -> Self {
        Training { steps: 20, batch: 8, learning_rate: 0.01, adam: Adam::default() }
    }
}

impl Training {
    /// Whether a model can be trained so.
    ///
    /// # Errors
    ///
    /// An empty batch, or a setting of the optimiser that is out of range.
    pub fn check(&self) -> Result<(), Error> {
        if self.batch == 0 {
            return Err(Error::Zero { name: "batch" });
        }
        let range = |name, value: f64, allowed: bool, expected| {
            if allowed { Ok(()) } else { Err(Error::OutOfRange { name, value, expected }) }
        };
        let Adam { beta1, beta2, epsilon } = self.adam;
        let rate = self.learning_rate;
        range("learning_rate", rate, rate >= 0.0 && rate.is_finite(), "a finite number that is not negative")?;
        range("beta1", beta1, (0.0..1.0).contains(&beta1), "at least 0 and less than 1")?;
        range("beta2", beta2, (0.0..1.0).contains(&beta2), "at least 0 and less than 1")?;
        range("epsilon", epsilon, epsilon > 0.0 && epsilon.is_finite(), "a finite positive number")
    }
}

/// What a training step did.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Step {
    /// Which one, counted from 1.
    pub number: usize,
    /// Of how many.
    pub steps: usize,
    /// The mean loss of its names, in nats a token, before the weights moved.
    pub loss: f64,
    /// By how much they could move.
    pub learning_rate: f64,
    /// Nodes recorded, the parameters not counted.
    pub nodes: usize,
}

/// Trains a model step by step: an iterator over its steps.
///
/// After each, the model's parameters have their new values, and the gradients that moved them. After an error they have
/// those of the step before it, and there are no more steps.
pub struct Trainer<'a> {
    model: &'a mut Model,
    names: &'a Names,
    training: Training,
    tape: Tape<f64>,
    leaves: Leaves,
    mark: Mark,
    moments: Moments,
    done: usize,
    over: bool,
}

impl<'a> Trainer<'a> {
    /// Prepares the training of a model on names in their present order.
    ///
    /// # Errors
    ///
    /// Settings out of range, a name with a character that the model does not know or longer than its context, a batch
    /// whose graph would be too large.
    pub fn new(model: &'a mut Model, names: &'a Names, training: Training) -> Result<Self, Error> {
        training.check()?;
        model.check(names)?;
        let positions = model.config().block_size.min(names.longest().1 + 1);
        let name = graph_size(model.config(), model.tokenizer().vocab_size(), positions);
        let nodes = name.saturating_mul(training.batch as u128).saturating_add(model.parameters().len() as u128);
        if nodes > MAX_GRAPH as u128 {
            return Err(Error::GraphTooLarge { nodes, limit: MAX_GRAPH });
        }
        let tape = Tape::new();
        let leaves = tape.parameters(&model.parameters().data());
        let (mark, moments) = (tape.mark(), Moments::new(training.adam, leaves.len()));
        Ok(Trainer { model, names, training, tape, leaves, mark, moments, done: 0, over: false })
    }

    /// The model as it is after the last step.
    pub fn model(&self) -> &Model {
        self.model
    }

    fn step(&mut self) -> Result<Step, Error> {
        let (loss, gradients, nodes) = self.loss_and_gradients();
        let diverged = Error::Diverged { step: self.done + 1, loss };
        if !loss.is_finite() || gradients.iter().any(|gradient| !gradient.is_finite()) {
            return Err(diverged);
        }
        let before = self.model.parameters().clone();
        for (parameter, gradient) in self.model.parameters_mut().iter_mut().zip(gradients) {
            parameter.grad = gradient;
        }
        let Training { steps, learning_rate, .. } = self.training;
        let learning_rate = learning_rate * (1.0 - self.done as f64 / steps as f64);
        self.moments.update(self.model.parameters_mut(), learning_rate);
        let leaves = self.tape.data_mut(self.leaves);
        for (leaf, parameter) in leaves.iter_mut().zip(self.model.parameters().iter()) {
            *leaf = parameter.data;
        }
        if leaves.iter().any(|leaf| !leaf.is_finite()) {
            *self.model.parameters_mut() = before;
            return Err(diverged);
        }
        self.done += 1;
        Ok(Step { number: self.done, steps, loss, learning_rate, nodes })
    }

    /// Builds the graph of the next batch, walks it backwards and forgets it. The last number is that of its nodes.
    fn loss_and_gradients(&mut self) -> (f64, Vec<f64>, usize) {
        let batch = self.next_batch();
        let leaves = self.tape.bind(self.leaves);
        let loss = batch_loss(&Gpt::new(self.model, leaves), &batch).loss;
        let result = (loss.data(), loss.backward().of(leaves), self.tape.len() - leaves.len());
        self.tape.truncate(self.mark);
        result
    }

    fn next_batch(&self) -> Vec<Vec<usize>> {
        let names = self.names.as_slice();
        let first = self.done * self.training.batch;
        let encode = |name: &String| self.model.tokenizer().encode(name).expect("Trainer::new checked every name");
        (first..first + self.training.batch).map(|i| encode(&names[i % names.len()])).collect()
    }
}

impl Iterator for Trainer<'_> {
    type Item = Result<Step, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over || self.done == self.training.steps {
            return None;
        }
        let step = self.step();
        self.over = step.is_err();
        Some(step)
    }
}

/// Trains a model to the end, telling `progress` of every step, and returns the losses.
///
/// # Errors
///
/// Those of [`Trainer::new`]; [`Error::Diverged`] when a loss, a gradient or a weight is no longer finite. The model then
/// keeps the weights and gradients of the step before.
pub fn train(
    model: &mut Model,
    names: &Names,
    training: Training,
    mut progress: impl FnMut(&Step),
) -> Result<Vec<f64>, Error> {
    Trainer::new(model, names, training)?.map(|step| step.inspect(&mut progress).map(|step| step.loss)).collect()
}
