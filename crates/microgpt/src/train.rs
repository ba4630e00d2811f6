//! Training: loss, backward, step, again.

use crate::adam::{Adam, Moments, Update};
use crate::documents::Documents;
use crate::engine::{Engine, Learner};
use crate::error::{Error, range};
use crate::model::Model;
use crate::schedule::Schedule;

/// How to train. The default is the Python program's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Training {
    /// How many times the weights are moved.
    pub steps: usize,
    /// Documents a step, at least 1; it takes the next ones, and begins again after the last.
    pub batch: usize,
    /// The highest learning rate of the run, not negative.
    pub learning_rate: f64,
    /// What part of it each step learns at.
    pub schedule: Schedule,
    /// The optimiser.
    pub adam: Adam,
    /// The Euclidean norm, more than 0, that the gradient of all weights together is scaled down to if it is longer
    /// (Pascanu, Mikolov & Bengio 2013); `None`: never.
    pub clip_norm: Option<f64>,
}

impl Default for Training {
    fn default() -> Self {
        Training {
            steps: 20,
            batch: 8,
            learning_rate: 0.01,
            schedule: Schedule::default(),
            adam: Adam::default(),
            clip_norm: None,
        }
    }
}

impl Training {
    /// Whether a model can be trained so.
    ///
    /// # Errors
    ///
    /// [`Error::Zero`] for an empty batch, [`Error::OutOfRange`] for a setting that is out of range.
    pub fn check(&self) -> Result<(), Error> {
        if self.batch == 0 {
            return Err(Error::Zero { name: "batch" });
        }
        let rate = self.learning_rate;
        let allowed = rate >= 0.0 && rate.is_finite();
        range("learning_rate", rate, allowed, "a finite number that is not negative")?;
        if let Some(norm) = self.clip_norm {
            range("clip_norm", norm, norm > 0.0 && norm.is_finite(), "a finite positive number")?;
        }
        self.schedule.check()?;
        self.adam.check()
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
    /// The mean loss of its documents, in nats a token, before the weights moved.
    pub loss: f64,
    /// By how much they could move.
    pub learning_rate: f64,
    /// Nodes recorded, the parameters not counted; 0 if the engine records none.
    pub nodes: usize,
}

/// Where a run was interrupted: what there is to know beside the weights and the settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// Steps made.
    pub steps: usize,
    /// The optimiser's memory.
    pub moments: Moments,
}

/// Trains a model step by step: an iterator over its steps.
///
/// The engine has weights of its own. They are in the model, with the gradients that moved them, after
/// [`model`](Trainer::model), and when the trainer is dropped. After an error the weights are those of the step before
/// it, the gradients those that the model had, and there are no more steps.
pub struct Trainer<'a> {
    model: &'a mut Model,
    documents: &'a Documents,
    training: Training,
    learner: Box<dyn Learner>,
    done: usize,
    over: bool,
    /// Whether the model has what the learner has.
    stored: bool,
}

impl<'a> Trainer<'a> {
    /// Prepares the training of a model on documents in their present order.
    ///
    /// # Errors
    ///
    /// Those of [`Training::check`]; [`Error::NoDocuments`] if there are no documents; [`Error::GraphTooLarge`] or
    /// [`Error::BatchTooLarge`] for a batch that is too large for the engine, and whatever else the engine cannot do.
    pub fn new(
        engine: &dyn Engine,
        model: &'a mut Model,
        documents: &'a Documents,
        training: Training,
    ) -> Result<Self, Error> {
        training.check()?;
        if documents.is_empty() {
            return Err(Error::NoDocuments);
        }
        let learner = engine.learner(model)?;
        learner.check(training.batch, documents.longest().min(model.config().block_size))?;
        Ok(Trainer { model, documents, training, learner, done: 0, over: false, stored: true })
    }

    /// Goes on where another run stopped: the steps that follow are those that it would have made.
    ///
    /// # Errors
    ///
    /// Those of [`new`](Trainer::new); [`Error::Shape`] if the moments are those of another number of parameters.
    pub fn resume(
        engine: &dyn Engine,
        model: &'a mut Model,
        documents: &'a Documents,
        training: Training,
        progress: &Progress,
    ) -> Result<Self, Error> {
        let expected = model.parameters().len();
        for (name, moments) in [("first", &progress.moments.first), ("second", &progress.moments.second)] {
            if moments.len() != expected {
                let (name, expected) = (format!("the {name} moments"), vec![expected]);
                return Err(Error::Shape { name, expected, found: vec![moments.len()] });
            }
        }
        let mut trainer = Self::new(engine, model, documents, training)?;
        trainer.learner.set_moments(&progress.moments)?;
        trainer.done = progress.steps;
        Ok(trainer)
    }

    /// The model as it is after the last step.
    ///
    /// # Errors
    ///
    /// The engine's.
    pub fn model(&mut self) -> Result<&Model, Error> {
        if !self.stored {
            let parameters = self.model.parameters_mut();
            let before = self.over.then(|| parameters.clone());
            self.learner.store(parameters)?;
            self.stored = true;
            for (parameter, before) in parameters.iter_mut().zip(before.iter().flat_map(|before| before.iter())) {
                parameter.grad = before.grad;
            }
        }
        Ok(self.model)
    }

    /// What it takes to go on from here later, beside the [`model`](Trainer::model).
    ///
    /// # Errors
    ///
    /// The engine's.
    pub fn progress(&self) -> Result<Progress, Error> {
        Ok(Progress { steps: self.done, moments: self.learner.moments()? })
    }

    /// The mean loss of other documents: how well the model does on what it was not trained on.
    ///
    /// # Errors
    ///
    /// The engine's, to which as many of them as a step has may be too large; [`Error::NoDocuments`] if there are none.
    pub fn validate(&mut self, documents: &Documents) -> Result<f64, Error> {
        if documents.is_empty() {
            return Err(Error::NoDocuments);
        }
        let questions = documents.longest().min(self.model.config().block_size);
        self.learner.check(self.training.batch.min(documents.len()), questions)?;
        let all: Vec<&[usize]> = documents.iter().collect();
        let losses = all.chunks(self.training.batch).map(|batch| Ok(self.learner.loss(batch)? * batch.len() as f64));
        Ok(losses.sum::<Result<f64, Error>>()? / all.len() as f64)
    }

    fn step(&mut self) -> Result<Step, Error> {
        let Training { steps, batch, learning_rate, schedule, adam, clip_norm } = self.training;
        // Of a file that says so, the steps made can be any number.
        let first = (self.done as u128 * batch as u128 % self.documents.len() as u128) as usize;
        let batch: Vec<&[usize]> =
            (first..first + batch).map(|i| self.documents.get(i % self.documents.len())).collect();
        let loss = self.learner.loss_and_gradients(&batch)?;
        let learning_rate = learning_rate * schedule.factor(self.done, steps);
        let update = Update { adam, learning_rate, step: self.done + 1, clip_norm };
        if !loss.is_finite() || !self.learner.update(&update)? {
            return Err(Error::Diverged { step: self.done + 1, loss });
        }
        self.done += 1;
        self.stored = false;
        Ok(Step { number: self.done, steps, loss, learning_rate, nodes: self.learner.nodes() })
    }
}

impl Iterator for Trainer<'_> {
    type Item = Result<Step, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over || self.done >= self.training.steps {
            return None;
        }
        let step = self.step();
        self.over = step.is_err();
        Some(step)
    }
}

impl Drop for Trainer<'_> {
    fn drop(&mut self) {
        // A device that cannot be read leaves the model as it was stored last; who must know asks for `model`.
        let _ = self.model();
    }
}

/// Trains a model to the end, telling `progress` of every step, and returns the losses.
///
/// # Errors
///
/// Those of [`Trainer::new`]; [`Error::Diverged`] when a loss, a gradient or a weight is no longer finite. The model
/// then keeps the weights of the step before.
pub fn train(
    engine: &dyn Engine,
    model: &mut Model,
    documents: &Documents,
    training: Training,
    mut progress: impl FnMut(&Step),
) -> Result<Vec<f64>, Error> {
    let mut trainer = Trainer::new(engine, model, documents, training)?;
    let losses = trainer.by_ref().map(|step| step.inspect(&mut progress).map(|step| step.loss)).collect();
    trainer.model()?;
    losses
}
