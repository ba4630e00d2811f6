//! Training over `linalg`: models of any sizes.

use linalg::{Blocked, Tiling};
use rayon::ThreadPool;

use super::gpt::{Gpt, Work};
use super::packed::Packed;
use super::rows::{Real, real};
use super::share::{inside, pool, share};
use super::{BATCH_BYTES_MAX, Tensor};
use crate::adam::{Factors, Moments, Update};
use crate::engine::Learner;
use crate::error::Error;
use crate::model::Model;
use crate::parameters::Parameters;

/// Weights that a thread moves at a time. What is summed part by part depends on it alone, so results do not depend on
/// the threads.
const PART: usize = 1 << 14;

pub(super) fn gpt(options: &Tensor, model: &Model) -> Gpt {
    let products = Blocked { tiling: Tiling { isa: options.isa, ..Tiling::default() }, threads: options.threads };
    Gpt { config: *model.config(), vocab: model.tokenizer().vocab_size(), products }
}

pub(super) fn numbers<T: Real>(numbers: impl Iterator<Item = f64>) -> Vec<T> {
    numbers.map(real).collect()
}

pub(super) struct LayersLearner<T> {
    gpt: Gpt,
    /// For flash attention, if it is not to use all of rayon's threads.
    pool: Option<ThreadPool>,
    weights: Vec<T>,
    next: Vec<T>,
    gradient: Vec<T>,
    first: Vec<T>,
    second: Vec<T>,
    batch: Packed,
    work: Work<T>,
}

impl<T: Real> LayersLearner<T> {
    pub(super) fn new(options: &Tensor, model: &Model) -> Result<Self, Error> {
        let weights: Vec<T> = numbers(model.parameters().iter().map(|parameter| parameter.data));
        let zeros = vec![T::ZERO; weights.len()];
        let gpt = gpt(options, model);
        let uses_flash = gpt.flash().can_pay(gpt.config.block_size);
        Ok(LayersLearner {
            pool: if uses_flash { pool(options.threads)? } else { None },
            gpt,
            next: weights.clone(),
            gradient: numbers(model.parameters().iter().map(|parameter| parameter.grad)),
            first: zeros.clone(),
            second: zeros,
            weights,
            batch: Packed::default(),
            work: Work::default(),
        })
    }
}

impl<T: Real + Default> Learner for LayersLearner<T> {
    fn check(&self, documents: usize, questions: usize) -> Result<(), Error> {
        let tokens = (documents as u128).saturating_mul(questions as u128);
        let bytes = tokens.saturating_mul(self.gpt.elements_a_token() * size_of::<T>() as u128);
        if bytes > BATCH_BYTES_MAX as u128 {
            return Err(Error::BatchTooLarge { bytes, max: BATCH_BYTES_MAX });
        }
        Ok(())
    }

    fn loss_and_gradients(&mut self, batch: &[&[usize]]) -> Result<f64, Error> {
        let loss = self.loss(batch)?;
        let LayersLearner { gpt, pool, weights, batch, work, gradient, .. } = self;
        inside(pool.as_ref(), || gpt.backward(weights, batch, work, gradient))?;
        Ok(loss)
    }

    fn loss(&mut self, batch: &[&[usize]]) -> Result<f64, Error> {
        let LayersLearner { gpt, pool, weights, batch: packed, work, .. } = self;
        packed.fill(batch, batch.len(), gpt.config.block_size);
        inside(pool.as_ref(), || gpt.forward(weights, packed, work))
    }

    fn update(&mut self, update: &Update) -> Result<bool, Error> {
        let factors = Factors::new(update, || self.square_norm());
        let LayersLearner { gpt, weights, next, gradient, first, second, .. } = self;
        let mut finite = vec![true; weights.len().div_ceil(PART)];
        let moments = first.chunks_mut(PART).zip(second.chunks_mut(PART));
        let parts = weights.chunks(PART).zip(next.chunks_mut(PART)).zip(gradient.chunks(PART)).zip(moments);
        share(parts.zip(&mut finite), gpt.products.threads, |((((before, after), gradient), moments), finite)| {
            *finite = factors.step(before, after, gradient, moments);
        });
        let finite = finite.into_iter().all(|finite| finite);
        if finite {
            std::mem::swap(&mut self.weights, &mut self.next);
        }
        Ok(finite)
    }

    fn store(&self, parameters: &mut Parameters) -> Result<(), Error> {
        for ((parameter, data), grad) in parameters.iter_mut().zip(&self.weights).zip(&self.gradient) {
            (parameter.data, parameter.grad) = (data.to_f64(), grad.to_f64());
        }
        Ok(())
    }

    fn moments(&self) -> Result<Moments, Error> {
        let numbers = |list: &[T]| list.iter().map(|x| x.to_f64()).collect();
        Ok(Moments { first: numbers(&self.first), second: numbers(&self.second) })
    }

    fn set_moments(&mut self, moments: &Moments) -> Result<(), Error> {
        self.first = numbers(moments.first.iter().copied());
        self.second = numbers(moments.second.iter().copied());
        Ok(())
    }
}

impl<T: Real> LayersLearner<T> {
    /// The sum of the squares of all gradients, part by part in their order.
    fn square_norm(&self) -> f64 {
        let squares = |part: &[T]| part.iter().map(|&g| g.to_f64() * g.to_f64()).sum();
        let mut sums = vec![0.0; self.gradient.len().div_ceil(PART)];
        share(self.gradient.chunks(PART).zip(&mut sums), self.gpt.products.threads, |(part, sum)| *sum = squares(part));
        sums.iter().sum()
    }
}

impl<T: Real> Factors<T> {
    /// Moves some weights; whether they and their gradients are finite.
    fn step(&self, before: &[T], after: &mut [T], gradient: &[T], (first, second): (&mut [T], &mut [T])) -> bool {
        let &Factors { clip, beta1, new1, beta2, new2, rate, correction, epsilon, kept } = self;
        let step = |before: T, after: &mut T, gradient: T, m: &mut T, v: &mut T| {
            let clipped = clip * gradient;
            *m = beta1 * *m + new1 * clipped;
            *v = beta2 * *v + new2 * (clipped * clipped);
            *after = kept * before - (rate * *m).div((*v * correction).sqrt() + epsilon);
            // 0 as long as both are finite: 0·x is NaN where x is not.
            gradient * T::ZERO + *after * T::ZERO
        };
        let (before, before_rest) = before.as_chunks::<8>();
        let (after, after_rest) = after.as_chunks_mut::<8>();
        let (gradient, gradient_rest) = gradient.as_chunks::<8>();
        let (first, first_rest) = first.as_chunks_mut::<8>();
        let (second, second_rest) = second.as_chunks_mut::<8>();
        let mut not_finite = [T::ZERO; 8];
        let moments = first.iter_mut().zip(second);
        for (((before, after), gradient), (m, v)) in before.iter().zip(after).zip(gradient).zip(moments) {
            for i in 0..8 {
                not_finite[i] += step(before[i], &mut after[i], gradient[i], &mut m[i], &mut v[i]);
            }
        }
        let moments = first_rest.iter_mut().zip(second_rest);
        for (((&before, after), &gradient), (m, v)) in
            before_rest.iter().zip(after_rest).zip(gradient_rest).zip(moments)
        {
            not_finite[0] += step(before, after, gradient, m, v);
        }
        not_finite.iter().all(|&sum| sum == T::ZERO)
    }
}
