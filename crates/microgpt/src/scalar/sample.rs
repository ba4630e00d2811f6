//! Sampling: the model makes names up, one token after another.

use scalar_autograd::Tape;

use super::gpt::{Gpt, reciprocal, softmax};
use crate::error::Error;
use crate::model::Model;
use crate::random::PythonRandom;

/// How to sample. The default is the Python program's.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampling {
    /// How many names.
    pub samples: usize,
    /// Below 1 the likely becomes likelier, above 1 the unlikely does.
    pub temperature: f64,
    /// What each name begins with.
    pub prompt: String,
}

impl Default for Sampling {
    fn default() -> Self {
        Sampling { samples: 10, temperature: 0.5, prompt: String::new() }
    }
}

impl Sampling {
    /// Whether a model can be sampled so; returns the prompt's tokens.
    ///
    /// # Errors
    ///
    /// A temperature that is not positive, or that or whose reciprocal is not finite; a prompt with an unknown character, or one that leaves no
    /// room in the context.
    pub fn check(&self, model: &Model) -> Result<Vec<usize>, Error> {
        let temperature = self.temperature;
        if !(temperature > 0.0 && temperature.is_finite() && reciprocal(temperature).is_finite()) {
            let expected = "a positive number, finite as its reciprocal is";
            return Err(Error::OutOfRange { name: "temperature", value: temperature, expected });
        }
        let tokens = model.tokenizer().encode_prompt(&self.prompt)?;
        let (length, block_size) = (tokens.len() - 1, model.config().block_size);
        if length >= block_size {
            return Err(Error::PromptTooLong { prompt: self.prompt.clone(), length, block_size });
        }
        Ok(tokens)
    }
}

/// Names that the model makes up. A name ends when the model ends it or the context is full.
///
/// # Errors
///
/// Those of [`Sampling::check`]; [`Error::NotProbabilities`] if the logits over the temperature are not finite.
pub fn generate(model: &Model, sampling: &Sampling, random: &mut PythonRandom) -> Result<Vec<String>, Error> {
    let prompt = sampling.check(model)?;
    let mut tape = Tape::new();
    let leaves = tape.parameters(&model.parameters().data());
    let mark = tape.mark();
    (0..sampling.samples)
        .map(|_| {
            let gpt = Gpt::new(model, tape.bind(leaves));
            let name = tape.no_grad(|| generate_one(model, &gpt, &prompt, sampling.temperature, random));
            tape.truncate(mark);
            name
        })
        .collect()
}

fn generate_one(
    model: &Model,
    gpt: &Gpt<'_>,
    prompt: &[usize],
    temperature: f64,
    random: &mut PythonRandom,
) -> Result<String, Error> {
    let tokenizer = model.tokenizer();
    let mut cache = gpt.cache();
    let mut tokens = prompt.to_vec();
    for position in 0..model.config().block_size {
        let logits = gpt.logits(tokens[position], &mut cache);
        if position + 1 < tokens.len() {
            continue;
        }
        let probabilities = softmax(logits * reciprocal(temperature));
        // The program divides by the sum once more; it is 1 but for rounding.
        let weights = (probabilities * probabilities.sum().powf(-1.0)).data();
        let token =
            random.weighted_choice(&weights).ok_or_else(|| Error::NotProbabilities { total: weights.iter().sum() })?;
        if token == tokenizer.bos() {
            break;
        }
        tokens.push(token);
    }
    Ok(tokens.iter().filter_map(|&token| tokenizer.character(token)).collect())
}
