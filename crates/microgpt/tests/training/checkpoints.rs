//! What is kept in a file, and read back: models, and runs that are to go on.

use std::fs;
use std::path::Path;

use microgpt::{Checkpoint, Config, Error, Moments, Progress, Tokenizer, Trainer, import, train};

use crate::{TRAINING, engines, untrained};

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
