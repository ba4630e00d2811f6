//! Adam: a learning rate for every weight, from the history of its own gradient (Kingma & Ba 2015).

use crate::parameters::Parameters;

/// Adam's settings. The default is the Python program's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// How much of the mean gradient is kept from step to step.
    pub beta1: f64,
    /// How much of the mean squared gradient is kept from step to step.
    pub beta2: f64,
    /// Keeps the division from overflowing where gradients are tiny.
    pub epsilon: f64,
}

impl Default for Adam {
    fn default() -> Self {
        Adam { beta1: 0.85, beta2: 0.99, epsilon: 1e-8 }
    }
}

/// Adam's memory: two numbers a parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct Moments {
    adam: Adam,
    steps: usize,
    /// The mean gradient, weighted towards the recent.
    first: Vec<f64>,
    /// The mean squared gradient, weighted towards the recent.
    second: Vec<f64>,
}

impl Moments {
    /// No memory yet, of that many parameters.
    pub fn new(adam: Adam, parameters: usize) -> Self {
        Moments { adam, steps: 0, first: vec![0.0; parameters], second: vec![0.0; parameters] }
    }

    /// Moves every parameter against its gradient.
    ///
    /// The squared gradient is a product where the Python program has a power of 2, which can differ in the last bit.
    ///
    /// # Panics
    ///
    /// If there are not as many parameters as [`new`](Moments::new) was told.
    pub fn update(&mut self, parameters: &mut Parameters, learning_rate: f64) {
        let (remembered, present) = (self.first.len(), parameters.len());
        assert!(remembered == present, "moments of {remembered} parameters for {present}");
        let Adam { beta1, beta2, epsilon } = self.adam;
        self.steps += 1;
        // Both means start at 0; this is how much of their weight is not yet on that 0.
        let steps = self.steps as f64;
        let (first_weight, second_weight) = (1.0 - beta1.powf(steps), 1.0 - beta2.powf(steps));
        for ((parameter, m), v) in parameters.iter_mut().zip(&mut self.first).zip(&mut self.second) {
            let gradient = parameter.grad;
            *m = beta1 * *m + (1.0 - beta1) * gradient;
            *v = beta2 * *v + (1.0 - beta2) * (gradient * gradient);
            let (mean, mean_square) = (*m / first_weight, *v / second_weight);
            parameter.data -= learning_rate * mean / (mean_square.sqrt() + epsilon);
        }
    }
}
