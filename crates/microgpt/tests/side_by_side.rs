//! Texts that are made side by side are those that are made one after another.

use microgpt::scalar::Scalar;
use microgpt::tensor::{Isa, Path, Precision, Tensor};
use microgpt::{
    Config, Documents, Engine, Error, Model, Names, PythonRandom, Read, Sample, Sampling, Training, samples,
    samples_side_by_side, train,
};

fn trained(config: Config) -> Model {
    let mut random = PythonRandom::new(3);
    let mut names = Names::embedded();
    names.shuffle(&mut random);
    let mut model = Model::new(config, &names, &mut random).expect("a model");
    let documents = Documents::from_names(&model, &names).expect("documents");
    let training = Training { steps: 100, ..Training::default() };
    train(&Tensor::default(), &mut model, &documents, training, |_| {}).expect("losses");
    model
}

fn randoms(count: u64) -> Vec<PythonRandom> {
    (0..count).map(PythonRandom::new).collect()
}

fn one_by_one(engine: &dyn Engine, model: &Model, sampling: &Sampling, count: u64) -> Vec<Sample> {
    let one = Sampling { samples: 1, ..sampling.clone() };
    let texts = randoms(count).into_iter().map(|mut random| samples(engine, model, &one, &mut random).expect("a text"));
    texts.flatten().collect()
}

fn ways() -> [Sampling; 3] {
    let plain = Sampling { temperature: 1.0, ..Sampling::default() };
    let prompt = Sampling { prompt: "mar".to_owned(), temperature: 0.7, ..plain.clone() };
    let few = Sampling { top_k: Some(3), top_p: 0.9, ..plain.clone() };
    [plain, prompt, few]
}

#[test]
fn on_the_fused_path_bit_for_bit() {
    let model = trained(Config { n_layer: 2, ..Config::default() });
    for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
        let engine = Tensor { isa: Some(isa), path: Some(Path::Fused), ..Tensor::default() };
        for sampling in ways() {
            let expected = one_by_one(&engine, &model, &sampling, 21);
            // Groups, single texts, and both; texts that take another's place, and room for more than there are.
            for streams in [1, 3, 4, 7, 21, 50] {
                let mut randoms = randoms(21);
                let got = samples_side_by_side(&engine, &model, &sampling, streams, &mut randoms).expect("texts");
                assert_eq!(got, expected, "{isa}, {streams} streams");
            }
        }
    }
}

/// Probabilities differ by rounding, so a text could; with these seeds no random number is so near to a border.
#[test]
fn with_products_of_matrices_but_for_rounding() {
    let model = trained(Config { n_embd: 24, n_head: 3, n_layer: 2, block_size: 16 });
    for (precision, allowed) in [(Precision::F32, 1e-4), (Precision::F64, 1e-12)] {
        let engine = Tensor { precision, ..Tensor::default() };
        for sampling in ways() {
            let expected = one_by_one(&engine, &model, &sampling, 13);
            let got = samples_side_by_side(&engine, &model, &sampling, 5, &mut randoms(13)).expect("texts");
            assert_eq!(got.len(), expected.len());
            for (got, expected) in got.iter().zip(&expected) {
                assert_eq!((&got.text, got.ended), (&expected.text, expected.ended));
                let both = got.probabilities.iter().zip(&expected.probabilities);
                assert!(both.into_iter().all(|(got, expected)| (got - expected).abs() <= allowed), "{got:?}");
            }
        }
    }
}

#[test]
fn an_engine_without_streams_makes_one_after_another() {
    let model = trained(Config::default());
    let sampling = Sampling::default();
    assert!(Scalar.streams(&model, 3).expect("an answer").is_none());
    let got = samples_side_by_side(&Scalar, &model, &sampling, 3, &mut randoms(4)).expect("texts");
    assert_eq!(got, one_by_one(&Scalar, &model, &sampling, 4));
}

#[test]
fn no_texts_no_streams_and_what_cannot_be_sampled() {
    let model = trained(Config::default());
    let (engine, sampling) = (Tensor::default(), Sampling::default());
    assert_eq!(samples_side_by_side(&engine, &model, &sampling, 3, &mut []).expect("nothing"), []);
    let error = samples_side_by_side(&engine, &model, &sampling, 0, &mut randoms(1)).expect_err("no streams");
    assert_eq!(error.to_string(), "streams is 0, it must be at least 1");
    let cold = Sampling { temperature: 0.0, ..sampling };
    let error = samples_side_by_side(&engine, &model, &cold, 1, &mut randoms(1)).expect_err("too cold");
    assert_eq!(error.to_string(), "temperature is 0, it must be a positive number, finite as its reciprocal is");
}

#[test]
fn there_is_room_for_keys_and_values() {
    let model = trained(Config::default());
    for engine in [Tensor::default(), Tensor { path: Some(Path::Layers), ..Tensor::default() }] {
        for count in [1 << 23, usize::MAX] {
            let Err(error) = engine.streams(&model, count) else { panic!("{count} streams") };
            assert!(matches!(error, Error::CacheTooLarge { texts, .. } if texts == count), "{error}");
        }
    }
    let long = Config { n_embd: 1, n_head: 1, n_layer: 1024, block_size: 1 << 21 };
    let model = Model::with_tokenizer(long, model.tokenizer().clone(), &mut PythonRandom::new(1)).expect("a model");
    let error = samples(&Tensor::default(), &model, &Sampling::default(), &mut PythonRandom::new(1)).expect_err("room");
    assert_eq!(
        error.to_string(),
        "keys and values of 1 texts would need 17179869184 bytes, at most 8589934592 are allowed: use a smaller \
         block size, or fewer texts at a time"
    );
}

#[test]
#[should_panic(expected = "streams must rise, and be there")]
fn streams_must_rise() {
    let model = trained(Config::default());
    let mut streams = Tensor::default().streams(&model, 2).expect("streams").expect("streams");
    let read = |stream| Read { stream, position: 0, token: 0 };
    let _ = streams.probabilities(&[read(1), read(0)], 1.0);
}
