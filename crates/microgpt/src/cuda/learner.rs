//! Training on the device.

use gpu_device::Buffer;
use gpukern_kernels::attention::HEAD_DIM_MAX;

use super::Gpt;
use super::gpt::Work;
use super::kernels::Gpu;
use super::tensors::Tensors;
use crate::adam::{Factors, Moments, Update};
use crate::engine::Learner;
use crate::error::Error;
use crate::model::Model;
use crate::parameters::Parameters;

pub(super) struct CudaLearner {
    gpu: Gpu,
    gpt: Gpt,
    weights: Tensors,
    next: Tensors,
    gradient: Tensors,
    first: Tensors,
    second: Tensors,
    not_finite: Buffer<u32>,
    /// For batches of as many documents as the last one had.
    work: Option<Work>,
}

impl CudaLearner {
    pub(super) fn new(gpu: Gpu, model: &Model) -> Result<Self, Error> {
        let (gpt, device) = (Gpt::new(model), &gpu.device);
        let (name, value, max) = ("head_dim", gpt.config.head_dim(), HEAD_DIM_MAX as usize);
        if value > max {
            return Err(gpukern::Error::KernelLimit { name, value, max }.into());
        }
        let numbers = model.parameters().iter();
        let weights = Tensors::upload(device, &gpt.config, gpt.vocab, numbers.map(|parameter| parameter.data))?;
        let numbers = model.parameters().iter();
        let gradient = Tensors::upload(device, &gpt.config, gpt.vocab, numbers.map(|parameter| parameter.grad))?;
        Ok(CudaLearner {
            next: Tensors::zeros_like(device, &weights)?,
            first: Tensors::zeros_like(device, &weights)?,
            second: Tensors::zeros_like(device, &weights)?,
            not_finite: device.zeros(1)?,
            work: None,
            weights,
            gradient,
            gpt,
            gpu,
        })
    }
}

impl Learner for CudaLearner {
    fn check(&self, documents: usize, _: usize) -> Result<(), Error> {
        let rows = (documents as u128).saturating_mul(self.gpt.config.block_size as u128);
        let (bytes, max) = (rows.saturating_mul(self.gpt.bytes_a_row()), self.gpu.device.properties().memory_bytes);
        if bytes > max as u128 {
            return Err(Error::BatchTooLarge { bytes, max });
        }
        Ok(())
    }

    fn loss_and_gradients(&mut self, batch: &[&[usize]]) -> Result<f64, Error> {
        let loss = self.loss(batch)?;
        if let Some(work) = &mut self.work {
            self.gpt.backward(&self.gpu, &self.weights, work, &mut self.gradient)?;
        }
        Ok(loss)
    }

    fn loss(&mut self, batch: &[&[usize]]) -> Result<f64, Error> {
        // Memory of another size goes back before more is asked for.
        self.work = self.work.take().filter(|work| work.batch.documents == batch.len());
        let work = match &mut self.work {
            Some(work) => work,
            none => none.insert(Work::new(&self.gpu.device, &self.gpt, batch.len())?),
        };
        work.batch.fill(batch)?;
        self.gpt.forward(&self.gpu, &self.weights, work)
    }

    fn update(&mut self, update: &Update) -> Result<bool, Error> {
        let squares = update.clip_norm.map_or(Ok(0.0), |_| self.gpu.sum_of_squares(&self.gradient.0))?;
        let factors = Factors::new(update, || squares);
        self.not_finite.clear()?;
        let moments = self.first.0.iter_mut().zip(&mut self.second.0);
        let weights = self.weights.0.iter().zip(&mut self.next.0);
        for (((before, after), gradient), (first, second)) in weights.zip(&self.gradient.0).zip(moments) {
            self.gpu.adam(&factors, [gradient, before], [first, second, after], &mut self.not_finite)?;
        }
        let finite = self.not_finite.to_vec()? == [0];
        if finite {
            std::mem::swap(&mut self.weights, &mut self.next);
        }
        Ok(finite)
    }

    fn store(&self, parameters: &mut Parameters) -> Result<(), Error> {
        let (weights, gradient) = (self.weights.to_vec()?, self.gradient.to_vec()?);
        for ((parameter, data), grad) in parameters.iter_mut().zip(weights).zip(gradient) {
            (parameter.data, parameter.grad) = (data, grad);
        }
        Ok(())
    }

    fn moments(&self) -> Result<Moments, Error> {
        Ok(Moments { first: self.first.to_vec()?, second: self.second.to_vec()? })
    }

    fn set_moments(&mut self, moments: &Moments) -> Result<(), Error> {
        let upload = |numbers: &[f64]| {
            Tensors::upload(&self.gpu.device, &self.gpt.config, self.gpt.vocab, numbers.iter().copied())
        };
        (self.first, self.second) = (upload(&moments.first)?, upload(&moments.second)?);
        Ok(())
    }
}
