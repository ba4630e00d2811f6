//! What the scalar engine promises beyond agreeing with CPython.

use microgpt::scalar::{Gpt, Scalar, batch_loss, graph_size};
use microgpt::{Config, Documents, Error, Model, Names, PythonRandom, Sampling, Step, Trainer, Training, generate};
use scalar_autograd::Tape;

const SEED: u64 = 42;

fn names(text: &str) -> Names {
    Names::from_text(text).expect("names")
}

fn model(config: Config, names: &Names) -> Model {
    Model::new(config, names, &mut PythonRandom::new(SEED)).expect("a model")
}

fn train(model: &mut Model, names: &Names, training: Training, progress: impl FnMut(&Step)) -> Result<Vec<f64>, Error> {
    let documents = Documents::from_names(model, names)?;
    microgpt::train(&Scalar, model, &documents, training, progress)
}

/// The loss of the whole list as one batch.
fn loss(model: &Model, names: &Names) -> f64 {
    let tape = Tape::new();
    let data = model.parameters().data();
    let gpt = Gpt::new(model, tape.values(&data));
    let batch: Vec<_> = names.as_slice().iter().map(|name| model.tokenizer().encode(name).expect("known")).collect();
    batch_loss(&gpt, &batch).loss.data()
}

#[test]
fn gradients_are_the_slopes_of_the_loss() {
    let names = names("ada\nbob\ncy");
    let config = Config { n_embd: 6, n_head: 3, n_layer: 2, block_size: 4 };
    let mut trained = model(config, &names);
    let training = Training { steps: 1, batch: 3, learning_rate: 0.0, ..Default::default() };
    train(&mut trained, &names, training, |_| {}).expect("a step");
    // The error of a central difference is h² times a third derivative, plus rounding over h: about 1e-10 for h = 1e-5
    // and losses near 2.
    let (step, tolerance) = (1e-5, 1e-8);
    for i in (0..trained.parameters().len()).step_by(7) {
        let slope = |delta: f64| {
            let mut moved = trained.clone();
            moved.parameters_mut().iter_mut().nth(i).expect("a parameter").data += delta;
            loss(&moved, &names)
        };
        let numeric = (slope(step) - slope(-step)) / (2.0 * step);
        let exact = trained.parameters().iter().nth(i).expect("a parameter").grad;
        assert!((numeric - exact).abs() <= tolerance, "parameter {i}: {exact}, central difference {numeric}");
    }
}

#[test]
fn an_untrained_model_knows_nothing_and_a_trained_one_repeats_what_it_saw() {
    let names = names("anna\nanna");
    let mut model = model(Config { n_embd: 8, n_head: 2, n_layer: 1, block_size: 5 }, &names);
    let untrained = loss(&model, &names);
    assert!((untrained - 3f64.ln()).abs() < 0.2, "three tokens, equally likely: {untrained}");
    let training = Training { steps: 150, batch: 2, learning_rate: 0.05, ..Default::default() };
    let mut steps = 0;
    let losses = train(&mut model, &names, training, |step| {
        steps += 1;
        assert_eq!((step.number, step.steps), (steps, 150));
    });
    assert!(losses.expect("losses")[149] < 0.01);
    let sampling = Sampling { samples: 20, ..Default::default() };
    let invented = generate(&Scalar, &model, &sampling, &mut PythonRandom::new(SEED)).expect("names");
    assert_eq!(invented, vec!["anna"; 20]);
    let sampling = Sampling { prompt: "ann".to_owned(), ..sampling };
    assert_eq!(generate(&Scalar, &model, &sampling, &mut PythonRandom::new(SEED)).expect("names"), vec!["anna"; 20]);
}

#[test]
fn a_context_can_be_full() {
    let names = names("abcd\nbcda");
    let model = model(Config { block_size: 4, ..Config::default() }, &names);
    let sampling = Sampling { samples: 50, temperature: 5.0, prompt: "abc".to_owned(), ..Default::default() };
    let invented = generate(&Scalar, &model, &sampling, &mut PythonRandom::new(SEED)).expect("names");
    assert!(invented.iter().all(|name| name.starts_with("abc") && name.len() <= 4), "{invented:?}");
    let sampling = Sampling { prompt: "abcd".to_owned(), ..sampling };
    let error = generate(&Scalar, &model, &sampling, &mut PythonRandom::new(SEED)).expect_err("no room");
    assert!(matches!(error, Error::PromptTooLong { length: 4, block_size: 4, .. }), "{error}");
}

#[test]
fn no_layers_is_a_model_too() {
    let names = names("ab\nba");
    let mut model = model(Config { n_layer: 0, ..Config::default() }, &names);
    let losses = train(&mut model, &names, Training::default(), |_| {}).expect("losses");
    assert!(losses[19] < losses[0]);
}

#[test]
fn the_graph_size_is_an_upper_bound_and_not_a_wild_one() {
    for (n_embd, n_head, n_layer, block_size) in [(16, 4, 1, 16), (2, 1, 3, 9), (12, 12, 2, 5), (1, 1, 1, 40)] {
        let config = Config { n_embd, n_head, n_layer, block_size };
        let names = names(&"ab".repeat(block_size / 2));
        let mut model = model(config, &names);
        let training = Training { steps: 1, batch: 1, ..Default::default() };
        let documents = Documents::from_names(&model, &names).expect("known names");
        let step = Trainer::new(&Scalar, &mut model, &documents, training)
            .expect("a trainer")
            .next()
            .expect("a step")
            .expect("a loss");
        let (bound, nodes) = (graph_size(&config, 3, block_size), step.nodes as u128);
        assert!(nodes <= bound && bound <= 4 * nodes, "{config:?}: {} nodes, bound {bound}", step.nodes);
    }
}

#[test]
fn bad_settings_are_named_before_anything_is_done() {
    let names = names("ab\nba");
    let mut model = model(Config::default(), &names);
    let untouched = model.clone();
    let (nothing, training) = (Documents::default(), Training::default());
    let none = Trainer::new(&Scalar, &mut model, &nothing, training).map(drop).expect_err("bad").to_string();
    assert_eq!(none, "there are no documents, there must be at least one");
    let mut error = |training| train(&mut model, &names, training, |_| {}).expect_err("bad").to_string();
    let good = Training::default();
    assert_eq!(error(Training { batch: 0, ..good }), "batch is 0, it must be at least 1");
    for learning_rate in [-1.0, f64::NAN, f64::INFINITY] {
        assert!(error(Training { learning_rate, ..good }).starts_with("learning_rate is "), "{learning_rate}");
    }
    assert!(error(Training { batch: 1 << 40, ..good }).contains("use a smaller batch"));
    assert!(error(Training { batch: usize::MAX, ..good }).contains("use a smaller batch"));
    for temperature in [0.0, -1.0, f64::NAN, f64::INFINITY, 5e-324] {
        let sampling = Sampling { temperature, ..Default::default() };
        let error = generate(&Scalar, &model, &sampling, &mut PythonRandom::new(SEED)).expect_err("bad");
        assert!(matches!(error, Error::OutOfRange { name: "temperature", .. }), "{error}");
    }
    assert_eq!(model, untouched);
}

#[test]
fn names_that_a_model_cannot_learn_are_named() {
    let mut random = PythonRandom::new(SEED);
    let long = Model::new(Config { block_size: 3, ..Config::default() }, &names("ab\nabcd"), &mut random);
    let error = long.expect_err("too long").to_string();
    assert_eq!(error, "the name \"abcd\" has 4 characters, more than the block size of 3");
    let mut model = model(Config::default(), &names("ab\nba"));
    let error = train(&mut model, &names("abc"), Training::default(), |_| {}).expect_err("unknown").to_string();
    assert_eq!(error, "\"abc\" has the character 'c', which the model does not know");
}

#[test]
fn divergence_is_an_error_that_keeps_the_last_good_weights_and_ends_training() {
    let names = names("ab\nba");
    // From a loss that is no number to weights that are none: the larger the rate, the earlier it shows.
    for learning_rate in [1e150, 1e155, 1e200, 1e300, 1e308] {
        let mut diverging = model(Config::default(), &names);
        let mut good = diverging.clone();
        let training = Training { learning_rate, ..Default::default() };
        let documents = Documents::from_names(&good, &names).expect("known names");
        let mut trainer = Trainer::new(&Scalar, &mut diverging, &documents, training).expect("a trainer");
        let mut steps = 0;
        let error = loop {
            match trainer.next().expect("divergence comes before the end") {
                Ok(step) => (steps, good) = (step.number, trainer.model().expect("a model").clone()),
                Err(error) => break error,
            }
        };
        let Error::Diverged { step, .. } = error else { panic!("{error}") };
        assert_eq!(step, steps + 1);
        assert!(trainer.next().is_none());
        drop(trainer);
        assert_eq!(diverging, good, "learning rate {learning_rate}");
        assert!(good.parameters().iter().all(|parameter| parameter.data.is_finite() && parameter.grad.is_finite()));

        // Who asks for the model only then gets the same weights, and the gradients that it had: none.
        let mut model = model(Config::default(), &names);
        train(&mut model, &names, training, |_| {}).expect_err("divergence");
        assert_eq!(model.parameters().data(), good.parameters().data(), "learning rate {learning_rate}");
        assert!(model.parameters().iter().all(|parameter| parameter.grad == 0.0), "learning rate {learning_rate}");
    }
}

#[test]
fn equal_seeds_give_equal_bits() {
    let names = names("ada\nbob\neve");
    let run = |seed| {
        let mut random = PythonRandom::new(seed);
        let mut model = Model::new(Config::default(), &names, &mut random).expect("a model");
        let losses = train(&mut model, &names, Training::default(), |_| {}).expect("losses");
        (losses, generate(&Scalar, &model, &Sampling::default(), &mut random).expect("names"))
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}
