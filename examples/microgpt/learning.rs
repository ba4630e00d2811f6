//! The steps of a run: what is printed, kept and measured on the way.

use std::error::Error;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};
use microgpt::{Checkpoint, Documents, Step, Trainer, Training};

pub(crate) struct Learning<'a> {
    pub(crate) training: Training,
    pub(crate) save: Option<&'a Path>,
    pub(crate) save_every: usize,
    /// What is not trained on; nothing if it is empty.
    pub(crate) validation: Documents,
    pub(crate) validate_every: Option<usize>,
}

impl Learning<'_> {
    /// Trains to the end; returns the losses.
    pub(crate) fn run(&self, trainer: &mut Trainer<'_>, out: &mut impl Write) -> Result<Vec<f64>, Box<dyn Error>> {
        // It draws on standard error, and only if that is a terminal.
        let bar = ProgressBar::new(self.training.steps as u64)
            .with_style(ProgressStyle::with_template("{bar:30} {pos}/{len} steps, {per_sec}, {eta} left, {msg}")?);
        bar.set_position(trainer.progress()?.steps as u64);
        let live = io::stderr().is_terminal();
        // Of a long run, every so many-th line is enough.
        let every = (self.training.steps / 1000).max(1);
        let start = Instant::now();
        let mut losses = Vec::new();
        while let Some(step) = trainer.next() {
            let Step { number, steps, loss, .. } = step?;
            losses.push(loss);
            if number % every == 0 || number == steps {
                bar.suspend(|| writeln!(out, "Step {number}/{steps}, Loss: {loss:.4}"))?;
                if live {
                    let names = losses.len() * self.training.batch;
                    let rate = names as f64 / start.elapsed().as_secs_f64();
                    bar.set_message(format!("loss {loss:.4}, {rate:.0} names/s"));
                }
            }
            bar.inc(1);
            if self.validate_every.is_some_and(|every| number % every == 0) && number < steps {
                bar.suspend(|| self.validate(trainer, out))?;
            }
            if number % self.save_every == 0 && number < steps {
                self.save(trainer)?;
            }
        }
        bar.finish_and_clear();
        self.save(trainer)?;
        Ok(losses)
    }

    /// Prints the loss of what is not trained on.
    pub(crate) fn validate(&self, trainer: &mut Trainer<'_>, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
        if !self.validation.is_empty() {
            writeln!(out, "Validation loss: {:.4}", trainer.validate(&self.validation)?)?;
        }
        Ok(())
    }

    fn save(&self, trainer: &mut Trainer<'_>) -> Result<(), Box<dyn Error>> {
        let Some(path) = self.save else { return Ok(()) };
        let progress = Some(trainer.progress()?);
        Ok(Checkpoint { model: trainer.model()?.clone(), progress }.write(path)?)
    }
}
