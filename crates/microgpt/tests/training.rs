//! Schedules, checkpoints, sampling: what every engine shares.

use std::fs;
use std::path::Path;

use microgpt::scalar::Scalar;
use microgpt::tensor::{Precision, Tensor};
use microgpt::{
    Adam, Checkpoint, Config, Decay, Documents, Engine, Error, Inspection, Model, Moments, Names, Progress,
    PythonRandom, Sampling, Schedule, Tokenizer, Trainer, Training, generate, import, samples, train,
};

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

#[test]
fn a_resumed_run_gives_the_bits_of_one_that_was_not_interrupted() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.safetensors");
    for (engine, config) in engines() {
        let (model, documents) = untrained(config);
        let mut whole = model.clone();
        let losses = train(engine.as_ref(), &mut whole, &documents, TRAINING, |_| {}).expect("losses");

        let mut first = model.clone();
        let mut trainer = Trainer::new(engine.as_ref(), &mut first, &documents, TRAINING).expect("a trainer");
        let mut got: Vec<f64> = trainer.by_ref().take(11).map(|step| step.expect("a step").loss).collect();
        let progress = Some(trainer.progress().expect("progress"));
        let model = trainer.model().expect("a model").clone();
        Checkpoint { model, progress }.write(&path).expect("a checkpoint");

        let Checkpoint { mut model, progress } = Checkpoint::read(&path).expect("a checkpoint");
        let progress = progress.expect("progress");
        let trainer = Trainer::resume(engine.as_ref(), &mut model, &documents, TRAINING, &progress).expect("a trainer");
        got.extend(trainer.map(|step| step.expect("a step").loss));
        assert_eq!(got, losses, "{}", engine.name());
        assert_eq!(model, whole, "{}", engine.name());
    }
}

#[test]
fn a_checkpoint_is_a_safetensors_file_with_the_programs_names() {
    let (model, _) = untrained(Config::default());
    let mut short = model.clone();
    short.parameters_mut().iter_mut().for_each(|parameter| parameter.data = f64::from(parameter.data as f32));
    for (model, bytes_a_number) in [(model, 8), (short, 4)] {
        let checkpoint = Checkpoint { model, progress: None };
        let bytes = checkpoint.to_bytes().expect("bytes");
        let header_len = u64::from_le_bytes(bytes[..8].try_into().expect("8 bytes")) as usize;
        let header: serde_json::Value = serde_json::from_slice(&bytes[8..8 + header_len]).expect("JSON");
        assert_eq!(header["blocks.0.mlp_fc1"]["shape"], serde_json::json!([64, 16]));
        let numbers = checkpoint.model.parameters().len();
        assert_eq!(bytes.len(), 8 + header_len + bytes_a_number * numbers);
        assert_eq!(Checkpoint::from_bytes(&bytes).expect("a checkpoint"), checkpoint);
    }
}

#[test]
fn bytes_that_are_no_checkpoint_are_refused_with_a_reason() {
    let (model, _) = untrained(Config::default());
    let bytes = Checkpoint { model, progress: None }.to_bytes().expect("bytes");
    let why = |bytes: &[u8]| Checkpoint::from_bytes(bytes).expect_err("no checkpoint").to_string();
    for end in (0..bytes.len()).step_by(501) {
        assert!(why(&bytes[..end]).starts_with("not a checkpoint of a model: "), "cut off at {end}");
    }
    assert!(why(b"not a model at all, but long enough").starts_with("not a checkpoint of a model: "));
    let replaced = |from: &str, to: &str| {
        let text = bytes.windows(from.len()).position(|window| window == from.as_bytes()).expect("it is there");
        let mut bytes = bytes.clone();
        bytes[text..text + from.len()].copy_from_slice(to.as_bytes());
        why(&bytes)
    };
    assert_eq!(
        replaced("\\\"block_size\\\":16", "\\\"block_size\\\":12"),
        "wpe has the shape [16, 16], the model needs [12, 16]"
    );
    assert_eq!(
        replaced("\\\"n_head\\\":4", "\\\"n_head\\\":5"),
        "n_embd is 16, it must be a multiple of n_head, which is 5"
    );
    assert!(replaced("lm_head\"", "ml_head\"").contains("it has no tensor \"lm_head\""));
    assert!(replaced("\"config\"", "\"konfig\"").contains("has no config"));
    assert!(replaced("\"F64\"", "\"I64\"").contains("are I64"));
    for characters in ["bacdef", "aacdef"] {
        assert_eq!(
            replaced("abcdef", characters),
            "not a checkpoint of a model: the characters of its config are not in the order of their tokens, \
             each of them once"
        );
    }
}

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

/// Neither what no training leaves is kept, nor a file that says so taken for a model.
#[test]
fn a_checkpoints_numbers_are_finite() {
    let (model, _) = untrained(Config { n_layer: 0, ..Config::default() });
    let count = model.parameters().len();
    let moments = Moments { first: vec![0.5; count], second: vec![0.25; count] };
    let good = Checkpoint { model, progress: Some(Progress { steps: 1, moments }) };
    let bytes = good.to_bytes().expect("bytes");
    let header_len = u64::from_le_bytes(bytes[..8].try_into().expect("8 bytes")) as usize;
    let header: serde_json::Value = serde_json::from_slice(&bytes[8..8 + header_len]).expect("JSON");
    let read = |tensor: &str, number: f64| {
        let offset = header[tensor]["data_offsets"][0].as_u64().expect("an offset") as usize;
        let mut bytes = bytes.clone();
        bytes[8 + header_len + offset..][..8].copy_from_slice(&number.to_le_bytes());
        Checkpoint::from_bytes(&bytes).map_err(|error| error.to_string())
    };
    for tensor in ["wte", "lm_head", "adam.first.wpe", "adam.second.wte"] {
        for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let why = format!("not a checkpoint of a model: there is a {number} in {tensor:?}");
            assert_eq!(read(tensor, number), Err(why));
        }
        // What a weight and a mean may be, no mean of squares is.
        assert_eq!(read(tensor, -1.0).is_ok(), !tensor.contains("second"), "{tensor}");
    }
    let mut bad = good.clone();
    bad.model.parameters_mut().iter_mut().for_each(|parameter| parameter.data = f64::INFINITY);
    let error = bad.to_bytes().expect_err("no bytes");
    assert_eq!(error.to_string(), "not a checkpoint of a model: there is a inf in \"wte\"");
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_not_replaced_by_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("socket");
    let _socket = std::os::unix::net::UnixListener::bind(&path).expect("a socket");
    let (model, _) = untrained(Config::default());
    let error = Checkpoint { model, progress: None }.write(&path).expect_err("a socket");
    let why = std::error::Error::source(&error).expect("a cause").to_string();
    assert_eq!(why, "what is there is not a regular file");
    assert!(!fs::metadata(&path).expect("a socket").is_file());
}

#[test]
fn what_cannot_be_written_leaves_what_was_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let (model, _) = untrained(Config::default());
    let checkpoint = Checkpoint { model, progress: None };
    let place = folder.path().join("taken");
    fs::create_dir(&place).expect("a folder");
    for path in [folder.path().join("no/such/folder"), place] {
        let error = checkpoint.write(&path).expect_err("nowhere to write");
        assert!(matches!(error, Error::Write { .. }), "{error}");
    }
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1, "nothing is left behind");
    let error = Checkpoint::read(Path::new("no/such/file")).expect_err("nothing there");
    assert!(matches!(error, Error::Read { .. }), "{error}");
}

#[cfg(unix)]
#[test]
fn a_checkpoint_may_be_read_by_whoever_may_read_a_new_file() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let (kept, other) = (folder.path().join("model.safetensors"), folder.path().join("other"));
    let (model, _) = untrained(Config::default());
    Checkpoint { model, progress: None }.write(&kept).expect("a checkpoint");
    fs::write(&other, "").expect("a file");
    let [kept, other] = [kept, other].map(|path| fs::metadata(path).expect("a file").permissions().mode());
    assert_eq!(format!("{kept:o}"), format!("{other:o}"));
}

#[test]
fn karpathys_names_are_understood() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.safetensors");
    let (model, _) = untrained(Config { n_layer: 2, ..Config::default() });
    let checkpoint = Checkpoint { model, progress: None };
    checkpoint.write(&path).expect("a checkpoint");
    let tokenizer = || checkpoint.model.tokenizer().clone();
    assert_eq!(import(&path, tokenizer(), 4).expect("a model"), checkpoint.model);

    // The same file with other names in its header, which is JSON of a length that stands before it.
    let bytes = fs::read(&path).expect("a file");
    let header_len = u64::from_le_bytes(bytes[..8].try_into().expect("8 bytes")) as usize;
    let mut header: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(&bytes[8..8 + header_len]).expect("JSON");
    header.remove("__metadata__");
    let renamed: serde_json::Map<_, _> = header
        .into_iter()
        .map(|(name, value)| (name.replace("blocks.", "layer").replace("attn.", "attn_"), value))
        .collect();
    let header = serde_json::to_vec(&renamed).expect("JSON");
    let foreign = [&(header.len() as u64).to_le_bytes()[..], &header, &bytes[8 + header_len..]].concat();
    fs::write(&path, foreign).expect("a file");
    assert_eq!(import(&path, tokenizer(), 4).expect("a model"), checkpoint.model);
    let error = import(&path, Tokenizer::bytes(), 4).expect_err("another alphabet");
    let why = std::error::Error::source(&error).expect("a cause").to_string();
    assert!(why.contains("the model needs [257, 16]"), "{why}");
}

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
