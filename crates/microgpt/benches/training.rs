//! Time of a training step and of inventing names, with the default model and the embedded names.
//!
//! `cargo bench -p microgpt --bench training` reports names a second: 10 Kelem/s are 100 µs a name. One thread; every
//! number is a node of the graph, which is built, walked backwards and forgotten in each step.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use microgpt::scalar::Scalar;
use microgpt::{Config, Documents, Model, Names, PythonRandom, Sampling, Trainer, Training, generate};

const SEED: u64 = 42;

fn untrained() -> (Model, Names) {
    let mut random = PythonRandom::new(SEED);
    let mut names = Names::embedded();
    names.shuffle(&mut random);
    let model = Model::new(Config::default(), &names, &mut random).expect("a model");
    (model, names)
}

fn training(c: &mut Criterion) {
    let (mut model, names) = untrained();
    let training = Training { steps: usize::MAX, ..Default::default() };
    let documents = Documents::from_names(&model, &names).expect("known names");
    let mut trainer = Trainer::new(&Scalar, &mut model, &documents, training).expect("a trainer");
    let mut group = c.benchmark_group("scalar engine");
    group.throughput(Throughput::Elements(training.batch as u64));
    group.bench_function("training", |b| b.iter(|| trainer.next().expect("a step").expect("a loss").loss));
    group.finish();
}

fn sampling(c: &mut Criterion) {
    let (model, _) = untrained();
    let sampling = Sampling { samples: 100, ..Default::default() };
    let mut random = PythonRandom::new(SEED);
    let mut group = c.benchmark_group("scalar engine");
    group.throughput(Throughput::Elements(sampling.samples as u64));
    group.bench_function("sampling", |b| {
        b.iter(|| black_box(generate(&Scalar, &model, &sampling, &mut random).expect("names")))
    });
    group.finish();
}

criterion_group!(benches, training, sampling);
criterion_main!(benches);
