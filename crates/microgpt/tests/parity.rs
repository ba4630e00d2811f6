//! The scalar engine against CPython: the same names, losses, gradients and weights.
//! `reference/README.md` says where the numbers come from.

use microgpt::scalar::Scalar;
use microgpt::{Config, Documents, Model, Names, Parameter, PythonRandom, Sampling, Trainer, Training, generate};
use serde_json::Value;

/// Only every so many-th weight and gradient is in the reference.
const STRIDE: usize = 5;

/// Rounding differs where sums are taken in another order: gradients (at most 1 here) by a few units in the last place.
const GRADIENT_TOLERANCE: f64 = 1e-14;

/// Adam divides a gradient's error by √v + 1e-8, so a vanishing gradient's error grows by up to 1e8 a step.
const WEIGHT_TOLERANCE: f64 = 1e-8;

const LOSS_TOLERANCE: f64 = 1e-12;

fn reference(text: &str) -> Value {
    serde_json::from_str(text).expect("the reference is JSON")
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("an array").iter().map(|x| x.as_f64().expect("a number")).collect()
}

fn size(value: &Value) -> usize {
    usize::try_from(value.as_u64().expect("a size")).expect("a small size")
}

fn assert_close(what: &str, got: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(got.len(), expected.len(), "{what}");
    for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
        assert!((got - expected).abs() <= tolerance, "{what} {i}: {got}, CPython has {expected}");
    }
}

fn every_fifth(model: &Model, of: impl Fn(&Parameter) -> f64) -> Vec<f64> {
    model.parameters().iter().step_by(STRIDE).map(of).collect()
}

fn check(reference: &Value, mut names: Names) {
    let options = &reference["config"];
    let mut random = PythonRandom::new(options["seed"].as_u64().expect("a seed"));
    let config = Config {
        n_embd: size(&options["n_embd"]),
        n_head: size(&options["n_head"]),
        n_layer: size(&options["n_layer"]),
        block_size: size(&options["block_size"]),
    };
    let training = Training {
        steps: size(&options["steps"]),
        batch: size(&options["batch"]),
        learning_rate: options["learning_rate"].as_f64().expect("a rate"),
        ..Default::default()
    };
    names.shuffle(&mut random);
    let mut model = Model::new(config, &names, &mut random).expect("a model");
    assert_eq!(model.tokenizer().vocab_size(), size(&reference["vocab_size"]));
    assert_close("weight at first", &every_fifth(&model, |p| p.data), &numbers(&reference["initial"]), 1e-15);

    let documents = Documents::from_names(&model, &names).expect("known names");
    let mut trainer = Trainer::new(&Scalar, &mut model, &documents, training).expect("a trainer");
    let mut losses = Vec::new();
    for step in 0..training.steps {
        losses.push(trainer.next().expect("a step").expect("a loss").loss);
        let gradients = every_fifth(trainer.model().expect("a model"), |p| p.grad);
        if step == 0 {
            assert_close("gradient", &gradients, &numbers(&reference["first_gradients"]), GRADIENT_TOLERANCE);
        }
    }
    assert!(trainer.next().is_none());
    drop(trainer);
    assert_close("loss", &losses, &numbers(&reference["losses"]), LOSS_TOLERANCE);
    assert_close("weight at last", &every_fifth(&model, |p| p.data), &numbers(&reference["final"]), WEIGHT_TOLERANCE);

    let sampling = Sampling {
        samples: size(&options["samples"]),
        temperature: options["temperature"].as_f64().expect("a temperature"),
        ..Default::default()
    };
    let invented = generate(&Scalar, &model, &sampling, &mut random).expect("names");
    let expected: Vec<_> =
        reference["names"].as_array().expect("names").iter().map(|n| n.as_str().expect("a name")).collect();
    assert_eq!(invented, expected);
}

#[test]
fn two_layers_and_odd_batches() {
    let reference = reference(include_str!("reference/two-layers.json"));
    let count = size(&reference["embedded_names"]);
    let text = Names::embedded().as_slice()[..count].join("\n");
    check(&reference, Names::from_text(&text).expect("names"));
}

#[test]
fn any_alphabet_a_wide_seed_and_a_batch_longer_than_the_list() {
    let reference = reference(include_str!("reference/wrapping.json"));
    let text = reference["names_file"].as_str().expect("a text");
    check(&reference, Names::from_text(text).expect("names"));
}

#[test]
fn the_program_on_the_embedded_names() {
    let reference = reference(include_str!("reference/embedded.json"));
    let mut random = PythonRandom::new(42);
    let mut names = Names::embedded();
    names.shuffle(&mut random);
    for (i, expected) in reference["first_docs"].as_array().expect("names").iter().enumerate() {
        assert_eq!(names.as_slice()[i], expected.as_str().expect("a name"));
    }
    let mut model = Model::new(Config::default(), &names, &mut random).expect("a model");
    assert_ends(&model, &reference["init"], 1e-15);

    let documents = Documents::from_names(&model, &names).expect("known names");
    let mut trainer = Trainer::new(&Scalar, &mut model, &documents, Training::default()).expect("a trainer");
    let losses = numbers(&reference["losses"]);
    for (step, expected) in losses.iter().zip(reference["grads"].as_array().expect("steps")) {
        let loss = trainer.next().expect("a step").expect("a loss").loss;
        assert!((loss - step).abs() <= LOSS_TOLERANCE, "{loss}, CPython has {step}");
        assert_gradients(trainer.model().expect("a model"), expected);
    }
    drop(trainer);
    assert_ends(&model, &reference["final"], WEIGHT_TOLERANCE);

    let printed = reference["printed"].as_str().expect("a text");
    let expected: Vec<&str> = printed.lines().skip_while(|line| *line != "Generated names:").skip(1).collect();
    assert_eq!(generate(&Scalar, &model, &Sampling::default(), &mut random).expect("names"), expected);
}

/// The first and the last weight of each matrix.
fn assert_ends(model: &Model, expected: &Value, tolerance: f64) {
    for (name, ends) in expected.as_object().expect("matrices") {
        let matrix = model.parameters()[name.as_str()].as_slice();
        let got = [matrix[0].data, matrix[matrix.len() - 1].data];
        assert_close(name, &got, &numbers(ends), tolerance);
    }
}

fn assert_gradients(model: &Model, expected: &Value) {
    let parameters = model.parameters();
    let got = [
        ("wte[10][5]", parameters["wte"][10][5].grad),
        ("wte[0][0]", parameters["wte"][0][0].grad),
        ("lm_head[3][7]", parameters["lm_head"][3][7].grad),
        ("blocks.0.attn.wq[2][9]", parameters["blocks.0.attn.wq"][2][9].grad),
        ("blocks.0.mlp_fc2[15][63]", parameters["blocks.0.mlp_fc2"][15][63].grad),
    ];
    for (name, got) in got {
        let expected = expected[name].as_f64().expect("a gradient");
        assert!((got - expected).abs() <= GRADIENT_TOLERANCE, "{name}: {got}, CPython has {expected}");
    }
    let sum: f64 = parameters.iter().map(|parameter| parameter.grad.abs()).sum();
    let expected = expected["sum_abs"].as_f64().expect("a sum");
    let tolerance = parameters.len() as f64 * GRADIENT_TOLERANCE;
    assert!((sum - expected).abs() <= tolerance, "sum of |gradient|: {sum}, CPython has {expected}");
}
