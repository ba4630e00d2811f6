//! A training step on the tape: build the graph, walk it backwards, forget it, move the weights.

use scalar_autograd::{Mark, Parameters as Leaves, Tape};

use super::gpt::Gpt;
use super::loss::batch_loss;
use super::size::{GRAPH_NODES_MAX, graph_size};
use crate::adam::{Moments, Update};
use crate::config::Config;
use crate::engine::Learner;
use crate::error::Error;
use crate::model::Model;
use crate::parameters::Parameters;

pub(super) struct ScalarLearner {
    config: Config,
    vocab_size: usize,
    tape: Tape<f64>,
    leaves: Leaves,
    mark: Mark,
    gradients: Vec<f64>,
    moments: Moments,
    nodes: usize,
}

impl ScalarLearner {
    pub(super) fn new(model: &Model) -> Self {
        let tape = Tape::new();
        let leaves = tape.parameters(&model.parameters().data());
        let (mark, moments) = (tape.mark(), Moments::new(leaves.len()));
        let gradients = model.parameters().iter().map(|parameter| parameter.grad).collect();
        let vocab_size = model.tokenizer().vocab_size();
        ScalarLearner { config: *model.config(), vocab_size, tape, leaves, mark, gradients, moments, nodes: 0 }
    }
}

impl Learner for ScalarLearner {
    fn check(&self, documents: usize, questions: usize) -> Result<(), Error> {
        let document = graph_size(&self.config, self.vocab_size, questions);
        let nodes = document.saturating_mul(documents as u128).saturating_add(self.leaves.len() as u128);
        if nodes > GRAPH_NODES_MAX as u128 { Err(Error::GraphTooLarge { nodes, max: GRAPH_NODES_MAX }) } else { Ok(()) }
    }

    fn loss_and_gradients(&mut self, batch: &[&[usize]]) -> Result<f64, Error> {
        let leaves = self.tape.bind(self.leaves);
        let loss = batch_loss(&Gpt::of(self.config, self.vocab_size, leaves), batch).loss;
        self.gradients = loss.backward().of(leaves);
        let loss = loss.data();
        self.nodes = self.tape.len() - leaves.len();
        self.tape.truncate(self.mark);
        Ok(loss)
    }

    fn loss(&mut self, batch: &[&[usize]]) -> Result<f64, Error> {
        let leaves = self.tape.bind(self.leaves);
        let gpt = Gpt::of(self.config, self.vocab_size, leaves);
        let loss = self.tape.no_grad(|| batch_loss(&gpt, batch).loss.data());
        self.tape.truncate(self.mark);
        Ok(loss)
    }

    fn update(&mut self, update: &Update) -> Result<bool, Error> {
        if self.gradients.iter().any(|gradient| !gradient.is_finite()) {
            return Ok(false);
        }
        let weights = self.tape.data_mut(self.leaves);
        let before = weights.to_vec();
        self.moments.update(weights, &self.gradients, update);
        let finite = weights.iter().all(|weight| weight.is_finite());
        if !finite {
            weights.copy_from_slice(&before);
        }
        Ok(finite)
    }

    fn store(&self, parameters: &mut Parameters) -> Result<(), Error> {
        let weights = self.tape.bind(self.leaves).data();
        for ((parameter, data), &grad) in parameters.iter_mut().zip(weights).zip(&self.gradients) {
            (parameter.data, parameter.grad) = (data, grad);
        }
        Ok(())
    }

    fn moments(&self) -> Result<Moments, Error> {
        Ok(self.moments.clone())
    }

    fn set_moments(&mut self, moments: &Moments) -> Result<(), Error> {
        self.moments = moments.clone();
        Ok(())
    }

    fn nodes(&self) -> usize {
        self.nodes
    }
}
