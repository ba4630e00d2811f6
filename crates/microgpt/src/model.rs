//! A model: its sizes, its alphabet and its weights.

use crate::config::Config;
use crate::error::Error;
use crate::names::Names;
use crate::parameters::Parameters;
use crate::random::PythonRandom;
use crate::tokenizer::Tokenizer;

/// What training changes and sampling reads, whichever engine does it.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    config: Config,
    tokenizer: Tokenizer,
    parameters: Parameters,
}

impl Model {
    /// An untrained model for the characters in `names`.
    ///
    /// # Errors
    ///
    /// Those of [`Config::parameters`] for sizes that make no model; [`Error::OneCharacter`] if the names have only one,
    /// [`Error::NameTooLong`] if one is longer than the context.
    pub fn new(config: Config, names: &Names, random: &mut PythonRandom) -> Result<Self, Error> {
        let model = Self::with_tokenizer(config, Tokenizer::new(names)?, random)?;
        model.check(names)?;
        Ok(model)
    }

    /// An untrained model of that alphabet.
    ///
    /// # Errors
    ///
    /// Those of [`Config::parameters`] for sizes that make no model.
    pub fn with_tokenizer(config: Config, tokenizer: Tokenizer, random: &mut PythonRandom) -> Result<Self, Error> {
        let parameters = Parameters::new(&config, tokenizer.vocab_size(), random)?;
        Ok(Model { config, tokenizer, parameters })
    }

    /// A model of parts that fit together.
    pub(crate) fn assemble(config: Config, tokenizer: Tokenizer, parameters: Parameters) -> Self {
        Model { config, tokenizer, parameters }
    }

    /// Its sizes.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Its alphabet.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// Its weights.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Its weights, to be changed.
    pub fn parameters_mut(&mut self) -> &mut Parameters {
        &mut self.parameters
    }

    /// Whether the model can learn from these names.
    ///
    /// # Errors
    ///
    /// [`Error::NameTooLong`] names the longest if it does not fit into the context, [`Error::UnknownCharacter`] the
    /// first with a character that the model does not know.
    pub fn check(&self, names: &Names) -> Result<(), Error> {
        let count = |name: &String| self.tokenizer.count(name);
        let longest = names.as_slice().iter().map(count).max().unwrap_or(0);
        let block_size = self.config.block_size;
        if let Some(name) = names.as_slice().iter().find(|name| count(name) == longest && longest > block_size) {
            return Err(Error::NameTooLong { name: name.clone(), length: longest, block_size });
        }
        names.as_slice().iter().try_for_each(|name| self.tokenizer.encode_prompt(name).map(drop))
    }
}
