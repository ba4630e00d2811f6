//! Schedules, checkpoints, sampling: what every engine shares.

use microgpt::scalar::Scalar;
use microgpt::tensor::{Precision, Tensor};
use microgpt::{Adam, Config, Decay, Documents, Engine, Model, Names, PythonRandom, Schedule, Training};

mod checkpoints;
mod learning;
mod sampling;

const TRAINING: Training = Training {
    steps: 24,
    batch: 4,
    learning_rate: 0.02,
    schedule: Schedule { warmup_steps: 5, decay: Decay::Cosine, floor: 0.1 },
    adam: Adam { beta1: 0.85, beta2: 0.99, epsilon: 1e-8, weight_decay: 0.01 },
    clip_norm: Some(0.5),
};

fn untrained(config: Config) -> (Model, Documents) {
    let mut random = PythonRandom::new(3);
    let names = Names::from_text(&Names::embedded().as_slice()[..60].join("\n")).expect("names");
    let model = Model::new(config, &names, &mut random).expect("a model");
    let documents = Documents::from_names(&model, &names).expect("documents");
    (model, documents)
}

fn engines() -> [(Box<dyn Engine>, Config); 4] {
    let wide = Config { n_embd: 12, n_head: 3, n_layer: 2, block_size: 16 };
    let double = Tensor { precision: Precision::F64, ..Default::default() };
    [
        (Box::new(Scalar), Config::default()),
        (Box::new(Tensor::default()), Config::default()),
        (Box::new(Tensor::default()), wide),
        (Box::new(double), wide),
    ]
}
