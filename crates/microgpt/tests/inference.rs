//! Sampling: a cache changes nothing, and tokens come as often as they should.

use microgpt::scalar::Scalar;
use microgpt::tensor::{Isa, Path, Precision, Tensor};
use microgpt::{Config, Context, Engine, Inspection, Model, PythonRandom, Sample, Sampling, Tokenizer, samples};

/// An untrained model with larger weights than at first, so that softmaxes are not flat. They are `f32`s, so that all
/// engines start from the same.
fn model(config: Config, seed: u64) -> Model {
    let tokenizer = Tokenizer::of_characters('a'..='k').expect("an alphabet");
    let mut model = Model::with_tokenizer(config, tokenizer, &mut PythonRandom::new(seed)).expect("a model");
    model.parameters_mut().iter_mut().for_each(|parameter| parameter.data = f64::from((4.0 * parameter.data) as f32));
    model
}

/// A first-order bound of the error of a probability in `f32`: a token passes six products a block and one at the end,
/// of at most `4 n_embd` terms, and one sum over the tokens before; normalisation keeps what passes at the same size, and
/// the factor of 2 covers a few ε of each softmax and norm.
fn bound(config: Config) -> f64 {
    let products = (6 * config.n_layer + 1) * (4 * config.n_embd + 3);
    2.0 * (products + config.block_size) as f64 * f64::from(f32::EPSILON)
}

fn engines() -> Vec<(Box<dyn Engine>, bool)> {
    let double = Tensor { precision: Precision::F64, ..Tensor::default() };
    let mut engines: Vec<(Box<dyn Engine>, bool)> = vec![(Box::new(Scalar), true), (Box::new(double), true)];
    for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
        for path in [None, Some(Path::Layers)] {
            engines.push((Box::new(Tensor { isa: Some(isa), path, ..Tensor::default() }), false));
        }
    }
    engines
}

const SIZES: [(usize, usize, usize, usize); 7] =
    [(16, 4, 1, 16), (16, 4, 3, 7), (16, 4, 1, 1), (24, 3, 2, 9), (5, 1, 1, 8), (6, 2, 1, 1), (32, 2, 2, 40)];

/// Every probability after every token of a text as long as the context, at some temperatures.
#[test]
fn with_a_cache_every_engine_says_what_a_pass_over_the_whole_text_says() {
    for (seed, (n_embd, n_head, n_layer, block_size)) in (1..).zip(SIZES) {
        let config = Config { n_embd, n_head, n_layer, block_size };
        let model = model(config, seed);
        let vocab = model.tokenizer().vocab_size();
        let tokens: Vec<usize> = (0..block_size).map(|i| (i * i + seed as usize) % vocab).collect();
        let whole = Inspection::new(&model, &tokens);
        for (engine, exact) in engines() {
            for temperature in [1.0, 0.5, 3.0] {
                let tolerance = if exact { 1e-12 } else { bound(config) / f64::min(temperature, 1.0) };
                let compare = |context: &mut dyn Context| {
                    for (&token, plain) in tokens.iter().zip(whole.probabilities()) {
                        let powers: Vec<f64> = plain.iter().map(|p| p.powf(1.0 / temperature)).collect();
                        let sum: f64 = powers.iter().sum();
                        for (got, power) in context.probabilities(token, temperature).iter().zip(&powers) {
                            let error = (got - power / sum).abs();
                            assert!(error <= tolerance, "{config:?}, {}, {temperature}: {error}", engine.name());
                        }
                    }
                    Ok(())
                };
                let mut decoder = engine.decoder(&model).expect("a decoder");
                // Twice: a text begins with an empty cache, whatever was there before.
                for _ in 0..2 {
                    decoder.decode(&mut { compare }).expect("no error");
                }
            }
        }
    }
}

/// What top-k and top-p leave of probabilities: the likeliest, until there are k of them or they are p together.
fn kept(probabilities: &[f64], sampling: &Sampling) -> Vec<f64> {
    let mut order: Vec<usize> = (0..probabilities.len()).collect();
    order.sort_by(|&left, &right| probabilities[right].total_cmp(&probabilities[left]));
    let mut left = vec![0.0; probabilities.len()];
    for (rank, &token) in order.iter().enumerate() {
        if rank < sampling.top_k.unwrap_or(usize::MAX) && left.iter().sum::<f64>() < sampling.top_p {
            left[token] = probabilities[token];
        }
    }
    let sum: f64 = left.iter().sum();
    left.iter().map(|p| p / sum).collect()
}

/// Pearson's χ² of the first token of many texts: its mean is the number of tokens less 1, its variance twice that. With
/// this seed it is within four standard deviations.
#[test]
fn tokens_come_as_often_as_they_are_probable() {
    const TEXTS: usize = 20_000;
    let model = model(Config { block_size: 2, ..Config::default() }, 3);
    let tokenizer = model.tokenizer();
    let plain = Inspection::new(&model, &[tokenizer.bos()]);
    let ways = [(None, 1.0), (Some(3), 1.0), (None, 0.7), (Some(5), 0.5), (Some(2), 0.99), (None, 0.05)];
    for (temperature, (top_k, top_p)) in [0.6, 1.0, 1.7].into_iter().flat_map(|t| ways.map(|way| (t, way))) {
        let sampling = Sampling { samples: TEXTS, temperature, top_k, top_p, ..Sampling::default() };
        let powers: Vec<f64> = plain.probabilities()[0].iter().map(|p| p.powf(1.0 / temperature)).collect();
        let sum: f64 = powers.iter().sum();
        let probabilities: Vec<f64> = powers.iter().map(|power| power / sum).collect();
        let expected = kept(&probabilities, &sampling);
        let mut counts = vec![0_usize; tokenizer.vocab_size()];
        for sample in samples(&Tensor::default(), &model, &sampling, &mut PythonRandom::new(7)).expect("texts") {
            let first = first(&sample, tokenizer);
            counts[first] += 1;
            // What is told is the probability at the temperature, before top-k and top-p.
            assert!((sample.probabilities[0] - probabilities[first]).abs() < 1e-5, "{sample:?}");
        }
        let mut chi_square = 0.0;
        for (&count, &p) in counts.iter().zip(&expected) {
            assert!(p > 0.0 || count == 0, "{sampling:?}: {counts:?}, {expected:?}");
            if p > 0.0 {
                chi_square += (count as f64 - TEXTS as f64 * p).powi(2) / (TEXTS as f64 * p);
            }
        }
        let freedom = (expected.iter().filter(|&&p| p > 0.0).count() - 1) as f64;
        assert!(chi_square <= freedom + 4.0 * (2.0 * freedom).sqrt(), "{sampling:?}: {chi_square} of {freedom}");
    }
}

fn first(sample: &Sample, tokenizer: &Tokenizer) -> usize {
    sample.text.chars().next().map_or(tokenizer.bos(), |letter| tokenizer.token(letter).expect("a token"))
}
