//! The tensor engine computes what the scalar engine computes: for equal weights and batches, the loss and every
//! gradient. So does the engine for a GPU: on the software GPU with all checks on (`--features simgpu`), or on a GPU
//! (`--features cuda`).

#[cfg(feature = "cuda")]
mod cuda;
#[cfg(feature = "cuda")]
#[path = "../support/mod.rs"]
mod support;

use microgpt::scalar::Scalar;
use microgpt::tensor::{Isa, Path, Precision, Tensor, Threads};
use microgpt::{Adam, Config, Documents, Engine, Learner, Model, Moments, Names, PythonRandom, Tokenizer, Update};

/// Losses and gradients of one batch, and the weights after a step of Adam.
struct Computed {
    loss: f64,
    gradients: Vec<f64>,
    weights: Vec<f64>,
}

fn compute(engine: &dyn Engine, model: &Model, batch: &[&[usize]]) -> Computed {
    let mut learner: Box<dyn Learner> = engine.learner(model).expect("a learner");
    let loss = learner.loss_and_gradients(batch).expect("a loss");
    assert_eq!(learner.loss(batch).expect("a loss"), loss, "{}: with gradients or without", engine.name());
    let mut after = model.clone();
    let update = Update { adam: Default::default(), learning_rate: 0.01, step: 1, clip_norm: Some(0.1) };
    assert!(learner.update(&update).expect("an update"));
    learner.store(after.parameters_mut()).expect("weights");
    let gradients = after.parameters().iter().map(|parameter| parameter.grad).collect();
    Computed { loss, gradients, weights: after.parameters().data() }
}

/// An untrained model whose weights are `f32`s, so that all engines start from the same, and documents of all lengths.
fn case(config: Config, seed: u64) -> (Model, Documents) {
    let mut random = PythonRandom::new(seed);
    let mut names = Names::embedded();
    names.shuffle(&mut random);
    let text: Vec<&str> =
        names.as_slice()[..40].iter().map(|name| &name[..name.len().min(config.block_size)]).collect();
    let names = Names::from_text(&text.join("\n")).expect("names");
    let mut model = Model::new(config, &names, &mut random).expect("a model");
    // Larger weights than at first, so that softmaxes are not flat.
    for parameter in model.parameters_mut().iter_mut() {
        parameter.data = f64::from((4.0 * parameter.data) as f32);
    }
    let documents = Documents::from_names(&model, &names).expect("documents");
    (model, documents)
}

const SIZES: [(usize, usize, usize, usize); 11] = [
    (16, 4, 1, 16),
    (16, 4, 3, 15),
    (16, 4, 0, 16),
    (16, 4, 2, 4),
    (16, 2, 1, 16),
    (24, 3, 2, 16),
    (5, 1, 1, 8),
    (40, 8, 2, 10),
    (15, 3, 2, 12),
    (16, 4, 2, 1),
    (6, 2, 2, 1),
];

/// The bound is for models without a kink in reach: where the input of a ReLU is within rounding of 0, one engine may
/// let through what another stops, and all gradients differ by that. With these seeds no input is so near.
const FIRST_SEED: u64 = 20;

fn each_case(mut check: impl FnMut(&str, Config, &Model, &[&[usize]])) {
    for (seed, (n_embd, n_head, n_layer, block_size)) in (FIRST_SEED..).zip(SIZES) {
        let config = Config { n_embd, n_head, n_layer, block_size };
        let (model, documents) = case(config, seed);
        let all: Vec<&[usize]> = documents.iter().collect();
        // More than one chunk of the fused path.
        let many: Vec<&[usize]> = (0..300).map(|i| all[i % all.len()]).collect();
        for batch in [&all[..1], &all[1..9], &all[..], &many[..]] {
            check(&format!("{config:?}, {} documents, seed {seed}", batch.len()), config, &model, batch);
        }
    }
}

/// Each matrix's elements and what to call it.
fn by_matrix<'a>(model: &Model, numbers: &'a [f64]) -> Vec<(String, &'a [f64])> {
    let mut rest = numbers;
    let matrices = model.parameters().matrices().iter().map(|matrix| {
        let (part, after) = rest.split_at(matrix.as_slice().len());
        rest = after;
        (matrix.name().to_owned(), part)
    });
    matrices.collect()
}

/// Every element differs by at most `tolerance` times the largest of its matrix; of all, where what its matrix gets cancels
/// out, as it does for queries and keys where there is one key.
fn assert_close(what: &str, model: &Model, got: &[f64], expected: &[f64], tolerance: f64) {
    let largest = |numbers: &[f64]| numbers.iter().fold(0.0, |largest: f64, x| largest.max(x.abs()));
    let largest_of_all = largest(expected);
    for ((name, got), (_, expected)) in by_matrix(model, got).into_iter().zip(by_matrix(model, expected)) {
        let largest = if largest(expected) == 0.0 { largest_of_all } else { largest(expected) };
        for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
            let error = (got - expected).abs();
            assert!(error <= tolerance * largest, "{what}, {name} {i}: {got}, {expected} expected");
        }
    }
}

#[test]
fn in_f64_losses_and_gradients_are_the_scalar_engines() {
    each_case(|what, _, model, batch| {
        let expected = compute(&Scalar, model, batch);
        for path in [None, Some(Path::Layers)] {
            let got = compute(&Tensor { precision: Precision::F64, path, ..Default::default() }, model, batch);
            assert!((got.loss - expected.loss).abs() <= 1e-10 * expected.loss, "{what}: {}", got.loss);
            assert_close(what, model, &got.gradients, &expected.gradients, 1e-10);
            // Adam divides by √v + 1e-8: the error of a gradient near 0 grows by up to 1e8 · 0.01.
            assert_close(what, model, &got.weights, &expected.weights, 1e-6);
        }
    });
}

/// A first-order bound of a gradient's error relative to the largest of its matrix, for any of these models in `f32`.
///
/// A sum of k products is off by at most (k + 3)·ε of the sum of their magnitudes. Forward and back, a gradient passes
/// 14 products a block and 4 at the ends, of at most `4 n_embd` terms, and one sum over the tokens. Normalisation keeps
/// what passes between them at the same size, and each softmax, norm and loss adds a few ε, which a factor of 2 covers.
fn bound(config: Config, tokens: usize) -> f64 {
    let products = (14 * config.n_layer + 4) as f64;
    let terms = (4 * config.n_embd + 3) as f64;
    2.0 * (products * terms + tokens as f64) * f64::from(f32::EPSILON)
}

#[test]
fn in_f32_every_path_and_instruction_set_stays_within_the_bound() {
    each_case(|what, config, model, batch| {
        let expected = compute(&Scalar, model, batch);
        let tokens: usize = batch.iter().map(|document| document.len() - 1).sum();
        let tolerance = bound(config, tokens);
        for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
            for path in [None, Some(Path::Layers)] {
                let engine = Tensor { isa: Some(isa), path, ..Default::default() };
                let what = format!("{what}, {} {path:?}", engine.name());
                let got = compute(&engine, model, batch);
                assert!((got.loss - expected.loss).abs() <= tolerance * expected.loss, "{what}: {}", got.loss);
                assert_close(&what, model, &got.gradients, &expected.gradients, tolerance);
                let moved = got.weights.iter().zip(&expected.weights);
                assert!(moved.into_iter().all(|(got, expected)| (got - expected).abs() < 0.02), "{what}");
            }
        }
    });
}

/// Steps of Adam from the gradients and moments that the engine had: weights are within the roundings of a step, which are
/// 12 of numbers no larger than the weight and its move.
fn assert_adam(engine: &dyn Engine, model: &Model, batch: &[&[usize]], epsilon: f64) {
    let mut learner = engine.learner(model).expect("a learner");
    let mut after = model.clone();
    let adam = Adam { weight_decay: 0.1, ..Adam::default() };
    for (step, clip_norm) in [(1, None), (2, Some(0.1)), (3, Some(1e6))] {
        learner.loss_and_gradients(batch).expect("a loss");
        learner.store(after.parameters_mut()).expect("gradients");
        let gradients: Vec<f64> = after.parameters().iter().map(|parameter| parameter.grad).collect();
        let (mut weights, mut moments): (_, Moments) = (after.parameters().data(), learner.moments().expect("moments"));
        let update = Update { adam, learning_rate: 0.01, step, clip_norm };
        moments.update(&mut weights, &gradients, &update);
        assert!(learner.update(&update).expect("an update"));
        learner.store(after.parameters_mut()).expect("weights");
        for (got, expected) in after.parameters().data().iter().zip(&weights) {
            let allowed = 12.0 * epsilon * (expected.abs() + 0.03);
            assert!((got - expected).abs() <= allowed, "{}, step {step}: {got}, not {expected}", engine.name());
        }
    }
}

#[test]
fn steps_of_adam_are_the_plain_ones() {
    for config in [Config::default(), Config { n_embd: 15, n_head: 3, n_layer: 2, block_size: 16 }] {
        let (model, documents) = case(config, 50);
        let all: Vec<&[usize]> = documents.iter().collect();
        let double = Tensor { precision: Precision::F64, ..Default::default() };
        assert_adam(&double, &model, &all[..3], f64::EPSILON);
        for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
            for path in [None, Some(Path::Layers)] {
                let engine = Tensor { isa: Some(isa), path, ..Default::default() };
                assert_adam(&engine, &model, &all[..3], f64::from(f32::EPSILON));
            }
        }
    }
}

/// Long documents and large heads take flash attention.
fn long_documents() -> (Config, Model, Documents) {
    let config = Config { n_embd: 32, n_head: 2, n_layer: 2, block_size: 40 };
    let mut random = PythonRandom::new(5);
    let text = Names::embedded().as_slice()[..90].join(" ");
    let tokenizer = Tokenizer::of_characters(text.chars()).expect("an alphabet");
    let documents = Documents::from_text(&tokenizer, &text, config.block_size).expect("documents");
    let mut model = Model::with_tokenizer(config, tokenizer, &mut random).expect("a model");
    for parameter in model.parameters_mut().iter_mut() {
        parameter.data = f64::from((2.0 * parameter.data) as f32);
    }
    (config, model, documents)
}

#[test]
fn flash_attention_gives_the_same_gradients() {
    let (config, model, documents) = long_documents();
    let all: Vec<&[usize]> = documents.iter().collect();
    assert_ne!(all[0].len(), all[all.len() - 1].len(), "documents of two lengths");
    let batch = &all[all.len() - 5..];
    let expected = compute(&Scalar, &model, batch);
    let tolerance = bound(config, batch.iter().map(|document| document.len() - 1).sum());
    for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
        let engine = Tensor { isa: Some(isa), ..Default::default() };
        let got = compute(&engine, &model, batch);
        assert!((got.loss - expected.loss).abs() <= tolerance * expected.loss, "{}: {}", engine.name(), got.loss);
        assert_close(&engine.name(), &model, &got.gradients, &expected.gradients, tolerance);
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let (_, long_model, long) = long_documents();
    let sizes = [Config::default(), Config { n_embd: 24, n_head: 3, n_layer: 2, block_size: 16 }];
    for (model, documents) in sizes.map(|config| case(config, 7)).into_iter().chain([(long_model, long)]) {
        // More than one chunk of the fused path.
        let batch: Vec<&[usize]> = (0..300).map(|i| documents.get(i % documents.len())).collect();
        let run = |threads| {
            let Computed { loss, gradients, weights } =
                compute(&Tensor { threads, ..Default::default() }, &model, &batch);
            (loss, gradients, weights)
        };
        let one = run(Threads::Count(1));
        assert_eq!(one, run(Threads::Count(2)));
        assert_eq!(one, run(Threads::Count(5)));
        assert_eq!(one, run(Threads::All));
    }
}
