//! The engine for a GPU: right answers, and on the software GPU no launch has a finding.

use microgpt::cuda::Cuda;
use microgpt::scalar::Scalar;
use microgpt::tensor::{Isa, Path, Precision, Tensor};
use microgpt::{Config, Engine, Error, Model, PythonRandom, Sampling, Training, samples, train};

use crate::support::{Gpu, launched};
use crate::{assert_adam, assert_close, bound, case, compute, long_documents};

/// The engine, and what holds it alone.
fn open() -> (Gpu, Cuda) {
    let gpu = Gpu::open();
    let engine = Cuda::new(gpu.device.clone());
    (gpu, engine)
}

const SIZES: [(usize, usize, usize, usize); 5] =
    [(16, 4, 1, 16), (24, 3, 2, 9), (5, 1, 1, 8), (16, 2, 0, 6), (6, 2, 1, 1)];

#[test]
fn losses_and_gradients_are_the_scalar_engines() {
    let (_gpu, engine) = open();
    for (seed, (n_embd, n_head, n_layer, block_size)) in (40..).zip(SIZES) {
        let config = Config { n_embd, n_head, n_layer, block_size };
        let (model, documents) = case(config, seed);
        let all: Vec<&[usize]> = documents.iter().collect();
        for batch in [&all[..1], &all[1..6]] {
            let what = format!("{config:?}, {} documents, seed {seed}", batch.len());
            let expected = compute(&Scalar, &model, batch);
            let got = compute(&engine, &model, batch);
            launched();
            let tolerance = bound(config, batch.iter().map(|document| document.len() - 1).sum());
            assert!((got.loss - expected.loss).abs() <= tolerance * expected.loss, "{what}: {}", got.loss);
            assert_close(&what, &model, &got.gradients, &expected.gradients, tolerance);
        }
    }
}

#[test]
fn long_documents_and_large_heads_too() {
    let (_gpu, engine) = open();
    let (config, model, documents) = long_documents();
    let all: Vec<&[usize]> = documents.iter().collect();
    let batch = &all[all.len() - 2..];
    let (expected, got) = (compute(&Scalar, &model, batch), compute(&engine, &model, batch));
    let tolerance = bound(config, batch.iter().map(|document| document.len() - 1).sum());
    assert!((got.loss - expected.loss).abs() <= tolerance * expected.loss, "{}", got.loss);
    assert_close("long documents", &model, &got.gradients, &expected.gradients, tolerance);
    assert!(launched().is_none_or(|kernels| kernels.iter().any(|kernel| kernel.starts_with("flash_backward_dkv"))));
}

#[test]
fn steps_of_adam_are_the_plain_ones() {
    let (_gpu, engine) = open();
    let (model, documents) = case(Config { block_size: 8, ..Config::default() }, 50);
    let all: Vec<&[usize]> = documents.iter().collect();
    assert_adam(&engine, &model, &all[..3], f64::from(f32::EPSILON));
    assert!(launched().is_none_or(|kernels| kernels.iter().any(|kernel| kernel == "adam")));
}

/// Rounding moves a run off its course, and the farther the longer it is: as far as the tensor engine's own `f32` is
/// from its `f64`, this engine may be off, too. The factor is for the luck of the draw, over 12 steps of two runs.
#[test]
fn a_run_follows_the_tensor_engines() {
    let (_gpu, engine) = open();
    let config = Config { n_embd: 16, n_head: 4, n_layer: 1, block_size: 8 };
    let training = Training { steps: 12, batch: 4, ..Training::default() };
    let run = |engine: &dyn Engine| {
        let (mut model, documents) = case(config, 60);
        (train(engine, &mut model, &documents, training, |_| {}).expect("losses"), model)
    };
    let portable = Tensor { isa: Some(Isa::ALL[0]), path: Some(Path::Layers), ..Tensor::default() };
    let (exact, _) = run(&Tensor { precision: Precision::F64, ..portable });
    let (plain, _) = run(&portable);
    let (got, model) = run(&engine);
    let most = |losses: &[f64]| losses.iter().zip(&exact).fold(0.0, |most: f64, (x, y)| most.max((x - y).abs()));
    let allowed = 4.0 * most(&plain) + bound(config, 4 * 8) * exact[0];
    assert!(most(&got) <= allowed, "{} of {allowed}", most(&got));
    assert!(got[11] < got[0] - 0.3, "it learns: {got:?}");
    assert_eq!((got, model), run(&engine), "the same bits in every run");
    launched();
}

#[test]
fn the_same_texts_are_made_up_with_a_cache_on_the_device() {
    let (_gpu, engine) = open();
    let (model, _) = case(Config { n_embd: 12, n_head: 3, n_layer: 2, block_size: 9 }, 70);
    let prompt = model.tokenizer().decode(&[1, 2]);
    let sampling = Sampling { samples: 2, prompt, temperature: 0.8, ..Sampling::default() };
    let make = |engine: &dyn Engine| samples(engine, &model, &sampling, &mut PythonRandom::new(1)).expect("samples");
    let (expected, got) = (make(&Scalar), make(&engine));
    for (got, expected) in got.iter().zip(&expected) {
        assert_eq!(got.text, expected.text);
        for (got, expected) in got.probabilities.iter().zip(&expected.probabilities) {
            assert!((got - expected).abs() <= bound(*model.config(), 9), "{got}, {expected} expected");
        }
    }
    assert!(launched().is_none_or(|kernels| kernels.iter().any(|kernel| kernel.starts_with("flash_decode"))));
}

#[test]
fn what_cannot_be_done_is_said() {
    let (_gpu, engine) = open();
    let (mut model, documents) = case(Config { block_size: 8, ..Config::default() }, 80);
    let mut said = |training| train(&engine, &mut model, &documents, training, |_| {}).expect_err("an error");
    let error = said(Training { batch: 1 << 40, ..Training::default() });
    assert!(matches!(error, Error::BatchTooLarge { .. }), "{error}");
    let error = said(Training { learning_rate: 1e30, ..Training::default() });
    assert!(matches!(error, Error::Diverged { .. }), "{error}");
    assert!(model.parameters().iter().all(|parameter| parameter.data.is_finite()), "the weights of the step before");
    assert!(Cuda::open(9).expect_err("no such device").to_string().starts_with("device 9 was asked for"));

    let mut random = PythonRandom::new(1);
    let config = Config { n_embd: 257, n_head: 1, n_layer: 1, block_size: 2 };
    let model = Model::with_tokenizer(config, model.tokenizer().clone(), &mut random).expect("a model");
    let Err(error) = engine.learner(&model) else { panic!("a head of 257") };
    assert_eq!(error.to_string(), "`head_dim` is 257, the GPU's kernels take at most 256");
    launched();
}
