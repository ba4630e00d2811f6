//! Steps and losses, with every engine.

use microgpt::scalar::Scalar;
use microgpt::tensor::Tensor;
use microgpt::{
    Config, Documents, Engine, Error, Model, Moments, Names, Progress, PythonRandom, Sampling, Tokenizer, Trainer,
    Training, generate, train,
};

use crate::{TRAINING, engines, untrained};

/// A file can say that any number of steps was made.
#[test]
fn steps_without_number_are_steps() {
    let (mut model, documents) = untrained(Config::default());
    let moments = Moments::new(model.parameters().len());
    let progress = Progress { steps: usize::MAX - 1, moments };
    let training = Training { steps: usize::MAX, ..TRAINING };
    let mut trainer =
        Trainer::resume(&Tensor::default(), &mut model, &documents, training, &progress).expect("a trainer");
    assert_eq!(trainer.next().expect("a step").expect("a loss").number, usize::MAX);
    assert!(trainer.next().is_none());
}

/// Weights that are not numbers can be neither trained nor sampled.
#[test]
fn weights_that_are_not_numbers() {
    let (mut model, documents) = untrained(Config::default());
    model.parameters_mut().iter_mut().for_each(|parameter| parameter.data = f64::NAN);
    for engine in [&Scalar as &dyn Engine, &Tensor::default()] {
        let error = generate(engine, &model, &Sampling::default(), &mut PythonRandom::new(1)).expect_err("no names");
        assert_eq!(error.to_string(), "the model cannot be sampled: its probabilities add up to NaN");
        let error = train(engine, &mut model, &documents, TRAINING, |_| {}).expect_err("no loss");
        assert_eq!(
            error.to_string(),
            "training diverged in step 1, whose loss is NaN: a smaller learning rate may help"
        );
    }
}

#[test]
fn the_loss_of_what_was_kept_out_is_the_mean_over_its_documents() {
    let (model, documents) = untrained(Config::default());
    // Not a whole number of batches.
    let (training, validation) = documents.split(0.22).expect("parts");
    assert_eq!((training.len(), validation.len()), (46, 14));
    let all: Vec<&[usize]> = validation.iter().collect();
    let expected = Scalar.learner(&model).expect("a learner").loss(&all).expect("a loss");
    for (engine, config) in engines() {
        if config == Config::default() {
            let mut model = model.clone();
            let mut trainer = Trainer::new(engine.as_ref(), &mut model, &training, TRAINING).expect("a trainer");
            let got = trainer.validate(&validation).expect("a loss");
            assert!((got - expected).abs() < 1e-5, "{}: {got}, {expected}", engine.name());
        }
    }
}

#[test]
fn any_text_in_bytes() {
    let text = "the quick brown fox jumps over the lazy dog; größer 🙂. ".repeat(20);
    let tokenizer = Tokenizer::bytes();
    let config = Config { n_embd: 16, n_head: 4, n_layer: 1, block_size: 32 };
    let documents = Documents::from_text(&tokenizer, &text, config.block_size).expect("documents");
    assert_eq!(documents.iter().map(|document| document.len() - 1).sum::<usize>(), text.len() - 1);
    let mut model = Model::with_tokenizer(config, tokenizer, &mut PythonRandom::new(1)).expect("a model");
    let training = Training { steps: 150, learning_rate: 0.03, ..Default::default() };
    let losses = train(&Tensor::default(), &mut model, &documents, training, |_| {}).expect("losses");
    assert!(losses[149] < 0.5 * losses[0], "{} {}", losses[0], losses[149]);
    let sampling = Sampling { samples: 1, prompt: "the quick".to_owned(), top_k: Some(1), ..Default::default() };
    let text = generate(&Tensor::default(), &model, &sampling, &mut PythonRandom::new(1)).expect("a text");
    assert!(text[0].starts_with("the quick"), "{text:?}");
    assert!(matches!(Documents::from_text(&Tokenizer::bytes(), "a", 8), Err(Error::TextTooShort { tokens: 1 })));

    let bytes = Documents::from_bytes(b"zo\xeb\0\xff", 3).expect("documents");
    assert_eq!(bytes.iter().collect::<Vec<_>>(), [&[122, 111, 0xeb, 0][..], &[0, 0xff]]);
    let text = "größer 🙂".repeat(3);
    let documents = Documents::from_text(&Tokenizer::bytes(), &text, 8).expect("documents");
    assert_eq!(Documents::from_bytes(text.as_bytes(), 8).expect("documents"), documents);
    assert!(matches!(Documents::from_bytes(b"a", 8), Err(Error::TextTooShort { tokens: 1 })));
}

/// Mean of the last 50 of 1,000 losses, over five seeds: within two standard errors of the scalar engine's.
#[test]
fn five_seeds_learn_as_well_as_with_the_scalar_engine() {
    let last = |engine: &dyn Engine, seed| {
        let mut random = PythonRandom::new(seed);
        let mut names = Names::embedded();
        names.shuffle(&mut random);
        let mut model = Model::new(Config::default(), &names, &mut random).expect("a model");
        let documents = Documents::from_names(&model, &names).expect("documents");
        let training = Training { steps: 1000, ..Default::default() };
        let losses = train(engine, &mut model, &documents, training, |_| {}).expect("losses");
        losses[950..].iter().sum::<f64>() / 50.0
    };
    let of = |engine: &dyn Engine| [1, 2, 3, 4, 5].map(|seed| last(engine, seed));
    let (scalar, tensor) = (of(&Scalar), of(&Tensor::default()));
    let mean = |losses: &[f64; 5]| losses.iter().sum::<f64>() / 5.0;
    let variance = scalar.iter().map(|loss| (loss - mean(&scalar)).powi(2)).sum::<f64>() / 4.0;
    let error = (variance / 5.0).sqrt();
    assert!((mean(&scalar) - mean(&tensor)).abs() <= 2.0 * error, "{scalar:?} {tensor:?}");
    assert!(mean(&tensor) < 2.3, "{tensor:?}");
}
