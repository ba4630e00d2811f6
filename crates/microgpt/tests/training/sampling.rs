//! What a model says, and what is seen inside it.

use microgpt::scalar::Scalar;
use microgpt::tensor::Tensor;
use microgpt::{Config, Engine, Inspection, Model, Names, PythonRandom, Sampling, Training, generate, samples, train};

use crate::{TRAINING, untrained};

#[test]
fn top_k_and_top_p_keep_the_likeliest() {
    let (mut model, documents) = untrained(Config::default());
    train(&Tensor::default(), &mut model, &documents, Training { steps: 100, ..TRAINING }, |_| {}).expect("losses");
    for engine in [&Scalar as &dyn Engine, &Tensor::default()] {
        let one = |sampling| generate(engine, &model, &sampling, &mut PythonRandom::new(5)).expect("names");
        let sampling = Sampling { samples: 5, temperature: 2.0, ..Default::default() };
        let greedy = one(Sampling { top_k: Some(1), ..sampling.clone() });
        assert!(greedy.iter().all(|name| *name == greedy[0]));
        assert_eq!(one(Sampling { top_p: 1e-9, ..sampling.clone() }), greedy);
        assert_ne!(one(sampling.clone()), greedy);
        assert_eq!(one(Sampling { top_k: Some(1000), ..sampling.clone() }), one(sampling.clone()));
        let error = |sampling: Sampling| sampling.check(&model).expect_err("out of range").to_string();
        assert_eq!(error(Sampling { top_k: Some(0), ..sampling.clone() }), "top_k is 0, it must be at least 1");
        assert!(error(Sampling { top_p: 0.0, ..sampling.clone() }).starts_with("top_p is 0, "));
    }
}

#[test]
fn engines_agree_on_what_comes_next() {
    for config in [Config::default(), Config { n_embd: 12, n_head: 3, n_layer: 2, block_size: 9 }] {
        let mut random = PythonRandom::new(3);
        let names = Names::from_text("ada\nbob\ncharlotte\ndan").expect("names");
        let model = Model::new(config, &names, &mut random).expect("a model");
        let sampling = Sampling { samples: 30, temperature: 0.8, prompt: "a".to_owned(), ..Default::default() };
        let run = |engine: &dyn Engine| samples(engine, &model, &sampling, &mut PythonRandom::new(9)).expect("names");
        let (expected, got) = (run(&Scalar), run(&Tensor::default()));
        for (expected, got) in expected.iter().zip(&got) {
            assert_eq!((&expected.text, expected.ended), (&got.text, got.ended));
            for (expected, got) in expected.probabilities.iter().zip(&got.probabilities) {
                assert!((expected - got).abs() < 1e-5, "{expected} {got}");
            }
        }
    }
}

#[test]
fn a_look_inside_ends_with_what_the_model_says() {
    let (model, documents) = untrained(Config { n_embd: 12, n_head: 3, n_layer: 2, block_size: 16 });
    let tokens = documents.get(0);
    let inspection = Inspection::new(&model, &tokens[..tokens.len() - 1]);
    assert_eq!((inspection.attention.len(), inspection.lens.len()), (2, 3));
    for row in inspection.attention.iter().flatten().flatten().chain(inspection.lens.iter().flatten()) {
        assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }
    let mut decoder = Scalar.decoder(&model).expect("a decoder");
    let compare = |context: &mut dyn microgpt::Context| {
        for (&token, expected) in inspection.tokens.iter().zip(inspection.probabilities()) {
            for (got, expected) in context.probabilities(token, 1.0).iter().zip(expected) {
                assert!((got - expected).abs() < 1e-12);
            }
        }
        Ok(())
    };
    decoder.decode(&mut { compare }).expect("no error");
}
