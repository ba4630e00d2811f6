//! What a model trains on, as tokens.

use crate::error::{Error, range};
use crate::model::Model;
use crate::names::Names;
use crate::random::PythonRandom;
use crate::tokenizer::Tokenizer;

/// Sequences of tokens. Each but the last of a sequence is a question, and the one after it the answer.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Documents {
    tokens: Vec<usize>,
    /// Where each document is in `tokens`.
    places: Vec<(usize, usize)>,
}

impl Documents {
    /// One document a name, between two tokens that say where it begins and ends.
    ///
    /// # Errors
    ///
    /// Those of [`Model::check`].
    pub fn from_names(model: &Model, names: &Names) -> Result<Self, Error> {
        model.check(names)?;
        let mut documents = Documents::default();
        for name in names.as_slice() {
            let start = documents.tokens.len();
            documents.tokens.extend(model.tokenizer().encode_prompt(name)?);
            documents.tokens.push(model.tokenizer().bos());
            documents.places.push((start, documents.tokens.len()));
        }
        Ok(documents)
    }

    /// A running text, cut into windows of `block_size` questions. The answer to the last question of a window is the
    /// first question of the next. What is left at the end is a shorter window.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownCharacter`]; [`Error::TextTooShort`] if there is no question and answer in it.
    pub fn from_text(tokenizer: &Tokenizer, text: &str, block_size: usize) -> Result<Self, Error> {
        Self::windows(tokenizer.encode_prompt(text)?.split_off(1), block_size)
    }

    /// Running bytes of any kind, cut in the same way: the tokens are those of [`Tokenizer::bytes`].
    ///
    /// # Errors
    ///
    /// [`Error::TextTooShort`] if there is no question and answer in them.
    pub fn from_bytes(bytes: &[u8], block_size: usize) -> Result<Self, Error> {
        Self::windows(bytes.iter().copied().map(usize::from).collect(), block_size)
    }

    fn windows(tokens: Vec<usize>, block_size: usize) -> Result<Self, Error> {
        if tokens.len() < 2 {
            return Err(Error::TextTooShort { tokens: tokens.len() });
        }
        let last = tokens.len() - 1;
        let block_size = block_size.max(1);
        let places = (0..last).step_by(block_size).map(|start| (start, last.min(start + block_size) + 1)).collect();
        Ok(Documents { tokens, places })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The tokens of one, at least two.
    ///
    /// # Panics
    ///
    /// If there are not so many.
    pub fn get(&self, document: usize) -> &[usize] {
        let (start, end) = self.places[document];
        &self.tokens[start..end]
    }

    /// All of them in their present order.
    pub fn iter(&self) -> impl Iterator<Item = &[usize]> {
        self.places.iter().map(|&(start, end)| &self.tokens[start..end])
    }

    /// The most questions in one of them.
    pub fn longest(&self) -> usize {
        self.places.iter().map(|(start, end)| end - start - 1).max().unwrap_or(0)
    }

    /// Puts them into another order, as [`Names::shuffle`] does names.
    pub fn shuffle(&mut self, random: &mut PythonRandom) {
        random.shuffle(&mut self.places);
    }

    /// Keeps the last part of them, rounded up, out of training: (training, validation).
    ///
    /// # Errors
    ///
    /// [`Error::OutOfRange`] if `part` is not between 0 and 1 or leaves nothing to train on.
    pub fn split(mut self, part: f64) -> Result<(Self, Self), Error> {
        let kept = if (0.0..1.0).contains(&part) { self.len() - (self.len() as f64 * part).ceil() as usize } else { 0 };
        range("validation", part, kept > 0, "a part between 0 and 1 that leaves something to train on")?;
        let places = self.places.split_off(kept);
        let validation = Documents { tokens: self.tokens.clone(), places };
        Ok((self, validation))
    }
}
