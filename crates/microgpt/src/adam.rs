//! Adam: a learning rate for every weight, from the history of its own gradient (Kingma & Ba 2015).

use linalg::Scalar;

use crate::error::{Error, range};

/// Adam's settings (Kingma & Ba, "Adam: a method for stochastic optimization", 2015). The default is the Python program's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// How much of the mean gradient is kept from step to step: at least 0 and less than 1.
    pub beta1: f64,
    /// How much of the mean squared gradient is kept from step to step: at least 0 and less than 1.
    pub beta2: f64,
    /// Keeps the division from overflowing where gradients are tiny; more than 0.
    pub epsilon: f64,
    /// What part of itself a weight loses in a step of learning rate 1, whatever its gradient: AdamW (Loshchilov &
    /// Hutter 2019). 0 is Adam.
    pub weight_decay: f64,
}

impl Default for Adam {
    fn default() -> Self {
        Adam { beta1: 0.85, beta2: 0.99, epsilon: 1e-8, weight_decay: 0.0 }
    }
}

impl Adam {
    /// Whether the settings are in range.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfRange`] names the first that is not.
    pub fn check(&self) -> Result<(), Error> {
        let &Adam { beta1, beta2, epsilon, weight_decay } = self;
        range("beta1", beta1, (0.0..1.0).contains(&beta1), "at least 0 and less than 1")?;
        range("beta2", beta2, (0.0..1.0).contains(&beta2), "at least 0 and less than 1")?;
        range("epsilon", epsilon, epsilon > 0.0 && epsilon.is_finite(), "a finite positive number")?;
        let allowed = weight_decay >= 0.0 && weight_decay.is_finite();
        range("weight_decay", weight_decay, allowed, "a finite number that is not negative")
    }
}

/// One move of all weights, whoever makes it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Update {
    /// The optimiser.
    pub adam: Adam,
    /// By how much weights may move.
    pub learning_rate: f64,
    /// Which move this is, counted from 1.
    pub step: usize,
    /// The Euclidean norm that the gradient of all weights together is scaled down to if it is longer.
    pub clip_norm: Option<f64>,
}

impl Update {
    /// What is left of the two means' weight that is not on the 0 that they started from.
    fn corrections(&self) -> (f64, f64) {
        let steps = self.step as f64;
        (1.0 - self.adam.beta1.powf(steps), 1.0 - self.adam.beta2.powf(steps))
    }

    /// What gradients are multiplied by, whose squares add up to `square_norm`.
    fn clip_factor(&self, square_norm: impl FnOnce() -> f64) -> f64 {
        self.clip_norm.map_or(1.0, |clip_norm| {
            let norm = square_norm().sqrt();
            if norm > clip_norm { clip_norm / norm } else { 1.0 }
        })
    }
}

/// What a move of all weights multiplies by, each rounded once from `f64` to the numbers that an engine computes in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Factors<T> {
    /// Of the gradient: 1, or what clips it.
    pub(crate) clip: T,
    pub(crate) beta1: T,
    /// 1 − β₁
    pub(crate) new1: T,
    pub(crate) beta2: T,
    /// 1 − β₂
    pub(crate) new2: T,
    /// Of the mean: the learning rate over what is left of its weight on 0.
    pub(crate) rate: T,
    /// Of the mean square: 1 over the same.
    pub(crate) correction: T,
    pub(crate) epsilon: T,
    /// Of a weight: what decay leaves of it.
    pub(crate) kept: T,
}

impl<T: Scalar> Factors<T> {
    /// For gradients whose squares add up to `square_norm`, which is asked for only if they may be clipped.
    pub(crate) fn new(update: &Update, square_norm: impl FnOnce() -> f64) -> Self {
        let Adam { beta1, beta2, epsilon, weight_decay } = update.adam;
        let (first_weight, second_weight) = update.corrections();
        Factors {
            clip: T::from_f64(update.clip_factor(square_norm)),
            beta1: T::from_f64(beta1),
            new1: T::from_f64(1.0 - beta1),
            beta2: T::from_f64(beta2),
            new2: T::from_f64(1.0 - beta2),
            rate: T::from_f64(update.learning_rate / first_weight),
            correction: T::from_f64(1.0 / second_weight),
            epsilon: T::from_f64(epsilon),
            kept: T::from_f64(1.0 - update.learning_rate * weight_decay),
        }
    }
}

/// Adam's memory: two numbers a parameter, in the order of [`Parameters::iter`](crate::Parameters::iter).
#[derive(Clone, Debug, PartialEq)]
pub struct Moments {
    /// The mean gradient, weighted towards the recent.
    pub first: Vec<f64>,
    /// The mean squared gradient, weighted towards the recent.
    pub second: Vec<f64>,
}

impl Moments {
    /// No memory yet, of that many parameters.
    pub fn new(parameters: usize) -> Self {
        Moments { first: vec![0.0; parameters], second: vec![0.0; parameters] }
    }

    /// Moves every weight against its gradient: the plain version of what each engine does.
    ///
    /// The squared gradient is a product where the Python program has a power of 2, which can differ in the last bit.
    ///
    /// # Panics
    ///
    /// If there are not as many weights and gradients as [`new`](Moments::new) was told.
    pub fn update(&mut self, weights: &mut [f64], gradients: &[f64], update: &Update) {
        let remembered = self.first.len();
        assert!(remembered == weights.len(), "moments of {remembered} parameters for {}", weights.len());
        assert!(remembered == gradients.len(), "moments of {remembered} parameters for {} gradients", gradients.len());
        let Adam { beta1, beta2, epsilon, weight_decay } = update.adam;
        let (first_weight, second_weight) = update.corrections();
        let clip = update.clip_factor(|| gradients.iter().map(|gradient| gradient * gradient).sum());
        let kept = 1.0 - update.learning_rate * weight_decay;
        let moments = self.first.iter_mut().zip(&mut self.second);
        for ((weight, gradient), (m, v)) in weights.iter_mut().zip(gradients).zip(moments) {
            let gradient = clip * gradient;
            *m = beta1 * *m + (1.0 - beta1) * gradient;
            *v = beta2 * *v + (1.0 - beta2) * (gradient * gradient);
            let (mean, mean_square) = (*m / first_weight, *v / second_weight);
            *weight = kept * *weight - update.learning_rate * mean / (mean_square.sqrt() + epsilon);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first moment after one step is 1 − β₁ of the gradient that Adam saw.
    #[test]
    fn a_gradient_that_is_too_long_is_scaled_down() {
        let seen = |clip_norm| {
            let mut moments = Moments::new(2);
            let update =
                Update { adam: Adam { beta1: 0.5, ..Adam::default() }, learning_rate: 0.0, step: 1, clip_norm };
            moments.update(&mut [1.0, 1.0], &[3.0, -4.0], &update);
            moments.first.iter().map(|m| 2.0 * m).collect::<Vec<f64>>()
        };
        assert_eq!(seen(None), [3.0, -4.0]);
        assert_eq!(seen(Some(5.0)), [3.0, -4.0]);
        assert_eq!(seen(Some(2.5)), [1.5, -2.0]);
    }
}
