//! The GPU engine: every layer of every step on a CUDA device; the tensor engine's numbers. Feature `cuda`.
//!
//! The plain version is `tensor/gpt.rs`, layer by layer the same. What changes here, and why:
//!
//! 1. Weights, gradients, moments and everything between stay in the device's memory. A step sends tokens there and
//!    takes back a loss a token, one flag and, with clipping, a few dozen sums; everything else is launches, which the
//!    device works off in order.
//! 2. A launch costs microseconds whatever it does, so documents are not packed end to end but laid side by side, each
//!    with room for the whole block: one shape for a whole run, no memory is asked for twice, and attention is one
//!    launch for all documents and heads. Rows beyond a document's end have no token, no position and no target; a
//!    causal mask keeps them out of sight, and what comes back from them is 0.
//! 3. Products are [`linalg::Cuda`]'s, attention and rows [`gpukern::Cuda`]'s; the rest is in `kernels.rs`.
//! 4. No sum depends on which thread comes first: the same bits in every run.
//!
//! Reading order: [`gpt.rs`](../../src/microgpt/cuda/gpt.rs.html), [`batch.rs`](../../src/microgpt/cuda/batch.rs.html),
//! [`learner.rs`](../../src/microgpt/cuda/learner.rs.html), [`decoder.rs`](../../src/microgpt/cuda/decoder.rs.html).

mod batch;
mod decoder;
mod gpt;
mod kernels;
mod learner;
mod tensors;

pub use gpu_device::Device;

use crate::engine::{Decoder, Engine, Learner};
use crate::error::Error;
use crate::model::Model;
use gpt::Gpt;
use kernels::Gpu;

/// The engine that computes on a GPU, in `f32`.
///
/// ```
/// use microgpt::cuda::Cuda;
/// use microgpt::{Config, Documents, Error, Model, Names, PythonRandom, Training, train};
///
/// let mut random = PythonRandom::new(42);
/// let names = Names::from_text("ada\ngrace\nedsger")?;
/// let mut model = Model::new(Config::default(), &names, &mut random)?;
/// let documents = Documents::from_names(&model, &names)?;
/// match Cuda::open(0) {
///     Ok(gpu) => {
///         let losses = train(&gpu, &mut model, &documents, Training::default(), |_| {})?;
///         assert!(losses[19] < losses[0]);
///     }
///     Err(error) => assert!(matches!(error, Error::Gpu(_)), "{error}"), // no GPU here, and it says so
/// }
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Cuda {
    gpu: Gpu,
}

impl Cuda {
    /// Opens a GPU, counted from 0.
    ///
    /// # Errors
    ///
    /// [`Error::Gpu`] with what is missing: a driver, a device of that number.
    pub fn open(ordinal: u32) -> Result<Self, Error> {
        Ok(Self::new(Device::open(ordinal)?))
    }

    /// On a device that is open already.
    #[must_use]
    pub fn new(device: Device) -> Self {
        Cuda { gpu: Gpu::new(device) }
    }

    /// The device.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.gpu.device
    }
}

impl Engine for Cuda {
    fn name(&self) -> String {
        format!("cuda f32 {}", self.device().properties().name)
    }

    fn learner(&self, model: &Model) -> Result<Box<dyn Learner>, Error> {
        Ok(Box::new(learner::CudaLearner::new(self.gpu.clone(), model)?))
    }

    fn decoder(&self, model: &Model) -> Result<Box<dyn Decoder>, Error> {
        Ok(Box::new(decoder::CudaDecoder::new(self.gpu.clone(), model)?))
    }
}
