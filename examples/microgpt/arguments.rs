//! What can be asked for, in the library's words.

use std::error::Error;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use microgpt::scalar::Scalar;
use microgpt::tensor::{Tensor, Threads};
use microgpt::{Adam, Config, Decay, Engine, Sampling, Schedule, Training};

/// Train a GPT on names, and let it invent new ones.
#[derive(Parser)]
pub(crate) struct Arguments {
    /// A text file with one name a line [default: 32,257 first names of 2018]
    #[arg(long, value_name = "FILE")]
    pub(crate) data: Option<PathBuf>,
    /// Read it as one running text instead; with `--bytes` it can be any file
    #[arg(long, requires = "data")]
    pub(crate) text: bool,
    /// One token a byte instead of one a character
    #[arg(long)]
    pub(crate) bytes: bool,
    /// What computes
    #[arg(long, value_enum, default_value = "scalar")]
    pub(crate) engine: Kind,
    /// Threads of the tensor engine [default: all]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Training steps
    #[arg(long, value_name = "N", default_value_t = Training::default().steps)]
    pub(crate) steps: usize,
    /// Names a training step
    #[arg(long, value_name = "N", default_value_t = Training::default().batch)]
    pub(crate) batch: usize,
    /// Numbers in an embedding
    #[arg(long, value_name = "N", default_value_t = Config::default().n_embd)]
    pub(crate) n_embd: usize,
    /// Attention heads; they divide the embedding
    #[arg(long, value_name = "N", default_value_t = Config::default().n_head)]
    pub(crate) n_head: usize,
    /// Transformer blocks
    #[arg(long, value_name = "N", default_value_t = Config::default().n_layer)]
    pub(crate) n_layer: usize,
    /// The longest context, in tokens
    #[arg(long, value_name = "N", default_value_t = Config::default().block_size)]
    pub(crate) block_size: usize,
    /// The highest learning rate
    #[arg(long, value_name = "X", default_value_t = Training::default().learning_rate)]
    pub(crate) learning_rate: f64,
    /// Steps that the learning rate rises for
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) warmup: usize,
    /// How it falls from there to 0
    #[arg(long, value_enum, default_value = "linear")]
    pub(crate) decay: Falling,
    /// What part of itself a weight loses in a step of learning rate 1
    #[arg(long, value_name = "X", default_value_t = 0.0)]
    pub(crate) weight_decay: f64,
    /// The longest gradient; a longer one is scaled down
    #[arg(long, value_name = "X")]
    pub(crate) clip: Option<f64>,
    /// What part of the data is kept out of training, to measure the loss on at the end
    #[arg(long, value_name = "X")]
    pub(crate) validation: Option<f64>,
    /// Measure it every so many steps, too
    #[arg(long, value_name = "N", requires = "validation")]
    pub(crate) validate_every: Option<NonZeroUsize>,
    /// Seed of everything random
    #[arg(long, value_name = "N", default_value_t = 42)]
    pub(crate) seed: u64,
    /// Below 1 the likely becomes likelier, above 1 the unlikely does
    #[arg(long, value_name = "X", default_value_t = Sampling::default().temperature)]
    pub(crate) temperature: f64,
    /// Choose among so many of the likeliest tokens only
    #[arg(long, value_name = "N")]
    pub(crate) top_k: Option<usize>,
    /// Choose among the likeliest tokens only that together are so probable
    #[arg(long, value_name = "X", default_value_t = 1.0)]
    pub(crate) top_p: f64,
    /// Names to invent [default: 10 with the scalar engine, 20 with the others]
    #[arg(long, value_name = "N")]
    pub(crate) samples: Option<usize>,
    /// What each of them begins with
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) prompt: String,
    /// Keep the model there (safetensors), on the way and at the end
    #[arg(long, value_name = "FILE")]
    pub(crate) save: Option<PathBuf>,
    /// Keep it every so many steps
    #[arg(long, value_name = "N", default_value = "1000", requires = "save")]
    pub(crate) save_every: NonZeroUsize,
    /// Go on from a model that was kept, whose sizes and alphabet these are; with the same other options as before,
    /// its steps are those of a run that was not interrupted
    #[arg(long, value_name = "FILE")]
    pub(crate) load: Option<PathBuf>,
    /// Draw the losses, and what each attention head looks at in the first name
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
    /// Write losses, names and speed as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub(crate) enum Kind {
    /// Every number is a node of a graph that can be looked at
    Scalar,
    /// Whole batches as matrices, gradients by hand, 32 bits
    Tensor,
    /// The same on a GPU (`--features cuda`), or on the software GPU (`--features simgpu`)
    Cuda,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Falling {
    Linear,
    Cosine,
    Constant,
}

impl Arguments {
    /// The one place that chooses an engine.
    pub(crate) fn engine(&self) -> Result<Box<dyn Engine>, Box<dyn Error>> {
        let threads = self.threads.map_or(Threads::All, |threads| Threads::Count(threads.get()));
        match self.engine {
            Kind::Scalar => Ok(Box::new(Scalar)),
            Kind::Tensor => Ok(Box::new(Tensor { threads, ..Default::default() })),
            #[cfg(feature = "cuda")]
            Kind::Cuda => Ok(Box::new(microgpt::cuda::Cuda::open(0)?)),
            #[cfg(not(feature = "cuda"))]
            Kind::Cuda => {
                Err("this example launches CUDA kernels with `--engine cuda`: add `--features simgpu` for the \
                               software GPU, which runs on any machine, or `--features cuda` for a GPU"
                    .into())
            }
        }
    }

    pub(crate) fn training(&self) -> Training {
        let &Arguments { steps, batch, learning_rate, weight_decay, clip, warmup, .. } = self;
        let decay = match self.decay {
            Falling::Linear => Decay::Linear,
            Falling::Cosine => Decay::Cosine,
            Falling::Constant => Decay::Constant,
        };
        let schedule = Schedule { warmup_steps: warmup, decay, ..Default::default() };
        let adam = Adam { weight_decay, ..Default::default() };
        Training { steps, batch, learning_rate, schedule, adam, clip_norm: clip }
    }

    pub(crate) fn sampling(&self) -> Sampling {
        let &Arguments { temperature, top_k, top_p, engine, .. } = self;
        let default = if engine == Kind::Scalar { Sampling::default().samples } else { 20 };
        let samples = self.samples.unwrap_or(default);
        Sampling { samples, temperature, top_k, top_p, prompt: self.prompt.clone() }
    }

    /// The sizes of a new model.
    pub(crate) fn config(&self) -> Config {
        let &Arguments { n_embd, n_head, n_layer, block_size, .. } = self;
        Config { n_embd, n_head, n_layer, block_size }
    }
}
