//! Sampling: the model makes texts up, one token after another.

use crate::engine::{Context, Engine};
use crate::error::{Error, range};
use crate::model::Model;
use crate::random::PythonRandom;
use crate::scalar::reciprocal;

/// How to sample. The default is the Python program's.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampling {
    /// How many texts.
    pub samples: usize,
    /// What logits are divided by, more than 0: below 1 the likely becomes likelier, above 1 the unlikely does.
    pub temperature: f64,
    /// Only so many of the likeliest tokens, at least 1, are chosen among; `None`: all.
    pub top_k: Option<usize>,
    /// Only the likeliest tokens are chosen among that together are at least so probable: nucleus sampling (Holtzman et
    /// al. 2020). More than 0, and 1 for all.
    pub top_p: f64,
    /// What each text begins with: fewer characters (or bytes, if they are the tokens) than the block size.
    pub prompt: String,
}

impl Default for Sampling {
    fn default() -> Self {
        Sampling { samples: 10, temperature: 0.5, top_k: None, top_p: 1.0, prompt: String::new() }
    }
}

/// A text that a model made up.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The text, its prompt included.
    pub text: String,
    /// How probable each token was that the model added, at the temperature, before top-k and top-p; the one that ended
    /// the text is the last, if it was ended.
    pub probabilities: Vec<f64>,
    /// Whether the model ended it; otherwise the context was full.
    pub ended: bool,
}

impl Sampling {
    /// Whether a model can be sampled so; returns the prompt's tokens.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfRange`] for a temperature that is not positive, or that or whose reciprocal is not finite, and for
    /// top-p out of (0, 1]; [`Error::Zero`] for top-k of 0; [`Error::UnknownCharacter`] in the prompt, and
    /// [`Error::PromptTooLong`] if it leaves no room in the context.
    pub fn check(&self, model: &Model) -> Result<Vec<usize>, Error> {
        let temperature = self.temperature;
        let allowed = temperature > 0.0 && temperature.is_finite() && reciprocal(temperature).is_finite();
        range("temperature", temperature, allowed, "a positive number, finite as its reciprocal is")?;
        if self.top_k == Some(0) {
            return Err(Error::Zero { name: "top_k" });
        }
        range("top_p", self.top_p, self.top_p > 0.0 && self.top_p <= 1.0, "more than 0 and at most 1")?;
        let tokens = model.tokenizer().encode_prompt(&self.prompt)?;
        let (length, block_size) = (tokens.len() - 1, model.config().block_size);
        if length >= block_size {
            return Err(Error::PromptTooLong { prompt: self.prompt.clone(), length, block_size });
        }
        Ok(tokens)
    }
}

/// Texts that the model makes up. One ends when the model ends it or the context is full.
///
/// # Errors
///
/// Those of [`samples`].
pub fn generate(
    engine: &dyn Engine,
    model: &Model,
    sampling: &Sampling,
    random: &mut PythonRandom,
) -> Result<Vec<String>, Error> {
    Ok(samples(engine, model, sampling, random)?.into_iter().map(|sample| sample.text).collect())
}

/// As [`generate`], with what the model thought of each token.
///
/// # Errors
///
/// Those of [`Sampling::check`]; [`Error::NotProbabilities`] if the logits over the temperature are not finite; the
/// engine's.
///
/// # Panics
///
/// If the engine's [`Decoder`](crate::Decoder) is somebody else's, and returns without calling what it is given.
pub fn samples(
    engine: &dyn Engine,
    model: &Model,
    sampling: &Sampling,
    random: &mut PythonRandom,
) -> Result<Vec<Sample>, Error> {
    let prompt = sampling.check(model)?;
    let mut decoder = engine.decoder(model)?;
    let mut chooser = Chooser::new(sampling);
    (0..sampling.samples)
        .map(|_| {
            let mut sample = None;
            decoder.decode(&mut |context| {
                sample = Some(one(model, context, &prompt, sampling.temperature, &mut chooser, random)?);
                Ok(())
            })?;
            Ok(sample.expect("a decoder calls what it is given"))
        })
        .collect()
}

fn one(
    model: &Model,
    context: &mut dyn Context,
    prompt: &[usize],
    temperature: f64,
    chooser: &mut Chooser,
    random: &mut PythonRandom,
) -> Result<Sample, Error> {
    let tokenizer = model.tokenizer();
    let mut tokens = prompt.to_vec();
    let mut likelihoods = Vec::new();
    tokens[..prompt.len() - 1].iter().for_each(|&token| context.read(token));
    let mut ended = false;
    while tokens.len() <= model.config().block_size {
        let probabilities = context.probabilities(tokens[tokens.len() - 1], temperature);
        let token = chooser.choose(probabilities, random)?;
        likelihoods.push(probabilities[token]);
        ended = token == tokenizer.bos();
        if ended {
            break;
        }
        tokens.push(token);
    }
    Ok(Sample { text: tokenizer.decode(&tokens[1..]), probabilities: likelihoods, ended })
}

/// Chooses a token by its probability, among the likeliest if so asked.
pub(crate) struct Chooser {
    top_k: Option<usize>,
    top_p: f64,
    order: Vec<usize>,
    weights: Vec<f64>,
}

impl Chooser {
    pub(crate) fn new(sampling: &Sampling) -> Self {
        Chooser { top_k: sampling.top_k, top_p: sampling.top_p, order: Vec::new(), weights: Vec::new() }
    }

    pub(crate) fn choose(&mut self, probabilities: &[f64], random: &mut PythonRandom) -> Result<usize, Error> {
        let weights = if self.top_k.is_none() && self.top_p >= 1.0 {
            probabilities
        } else {
            self.keep_likeliest(probabilities);
            &self.weights
        };
        let total = || Error::NotProbabilities { total: probabilities.iter().sum() };
        random.weighted_choice(weights).ok_or_else(total)
    }

    /// The likeliest tokens' probabilities, and 0 for the rest. Of equally likely ones the first is kept.
    fn keep_likeliest(&mut self, probabilities: &[f64]) {
        self.order.clear();
        self.order.extend(0..probabilities.len());
        self.order.sort_by(|&left, &right| probabilities[right].total_cmp(&probabilities[left]));
        self.weights.clear();
        self.weights.resize(probabilities.len(), 0.0);
        let mut sum = 0.0;
        for &token in self.order.iter().take(self.top_k.unwrap_or(usize::MAX)) {
            self.weights[token] = probabilities[token];
            sum += probabilities[token];
            if sum >= self.top_p {
                break;
            }
        }
    }
}
