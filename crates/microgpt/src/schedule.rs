//! How fast to learn, step by step.

use crate::error::{Error, range};

/// How the learning rate goes from its peak to its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Decay {
    /// In a line.
    #[default]
    Linear,
    /// Along half a wave of the cosine: slowly, fast, slowly (Loshchilov & Hutter 2017).
    Cosine,
    /// Not at all.
    Constant,
}

/// The learning rate over a run, as a part of its peak. The default is the Python program's: from the peak in a line to
/// 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Schedule {
    /// Steps that it takes to rise to the peak, in a line.
    pub warmup_steps: usize,
    /// How it falls from there.
    pub decay: Decay,
    /// What part of the peak it falls to after the last step, between 0 and 1.
    pub floor: f64,
}

impl Schedule {
    /// Whether the settings are in range.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfRange`] if the floor is not between 0 and 1.
    pub fn check(&self) -> Result<(), Error> {
        range("floor", self.floor, (0.0..=1.0).contains(&self.floor), "between 0 and 1")
    }

    /// The part of the peak that step `step` (counted from 0) of `steps` learns at.
    ///
    /// ```
    /// use microgpt::{Decay, Schedule};
    ///
    /// let schedule = Schedule { warmup_steps: 2, decay: Decay::Cosine, floor: 0.0 };
    /// let parts: Vec<f64> = (0..6).map(|step| schedule.factor(step, 6)).collect();
    /// assert_eq!(parts[..3], [0.5, 1.0, 1.0]); // up, then down from the peak
    /// assert!((parts[4] - 0.5).abs() < 1e-15); // half way down
    /// assert_eq!(Schedule::default().factor(5, 20), 0.75);
    /// ```
    pub fn factor(&self, step: usize, steps: usize) -> f64 {
        if step < self.warmup_steps {
            return (step + 1) as f64 / self.warmup_steps as f64;
        }
        let (past, falling) = (step - self.warmup_steps, steps.saturating_sub(self.warmup_steps).max(1));
        let done = past as f64 / falling as f64;
        let left = match self.decay {
            Decay::Linear => 1.0 - done,
            Decay::Cosine => 0.5 * (1.0 + (std::f64::consts::PI * done).cos()),
            Decay::Constant => 1.0,
        };
        self.floor + (1.0 - self.floor) * left
    }
}
