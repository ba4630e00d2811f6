//! Characters to numbers and back.

use std::collections::BTreeSet;

use crate::error::Error;
use crate::names::Names;

/// One token a character, in the order of their code points, and one more that begins and ends every name.
///
/// ```
/// use microgpt::{Names, Tokenizer};
///
/// let tokenizer = Tokenizer::new(&Names::from_text("ab\nbc")?)?;
/// assert_eq!(tokenizer.encode("cab"), Some(vec![3, 2, 0, 1, 3])); // a, b, c are 0, 1, 2
/// # Ok::<(), microgpt::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Tokenizer {
    characters: Vec<char>,
}

impl Tokenizer {
    /// The tokens of all characters in the names.
    ///
    /// # Errors
    ///
    /// [`Error::OneCharacter`] if there is only one.
    pub fn new(names: &Names) -> Result<Self, Error> {
        let distinct: BTreeSet<char> = names.as_slice().iter().flat_map(|name| name.chars()).collect();
        let characters: Vec<char> = distinct.into_iter().collect();
        match characters[..] {
            [character] => Err(Error::OneCharacter { character }),
            _ => Ok(Tokenizer { characters }),
        }
    }

    /// The number of tokens: characters and the one that begins and ends a name.
    pub fn vocab_size(&self) -> usize {
        self.characters.len() + 1
    }

    /// The token that begins and ends a name.
    pub fn bos(&self) -> usize {
        self.characters.len()
    }

    /// The token of a character, if it has one.
    pub fn token(&self, character: char) -> Option<usize> {
        self.characters.binary_search(&character).ok()
    }

    /// The character of a token; `None` for [`bos`](Tokenizer::bos) and beyond.
    pub fn character(&self, token: usize) -> Option<char> {
        self.characters.get(token).copied()
    }

    /// The name between two [`bos`](Tokenizer::bos) tokens; `None` if it has an unknown character.
    pub fn encode(&self, name: &str) -> Option<Vec<usize>> {
        let mut tokens = vec![self.bos()];
        for character in name.chars() {
            tokens.push(self.token(character)?);
        }
        tokens.push(self.bos());
        Some(tokens)
    }

    /// The prompt after a [`bos`](Tokenizer::bos) token, to be continued.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownCharacter`] names the first character without a token.
    pub fn encode_prompt(&self, prompt: &str) -> Result<Vec<usize>, Error> {
        let mut tokens = vec![self.bos()];
        for character in prompt.chars() {
            let unknown = || Error::UnknownCharacter { text: prompt.to_owned(), character };
            tokens.push(self.token(character).ok_or_else(unknown)?);
        }
        Ok(tokens)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_sorted_by_code_point() {
        let tokenizer = Tokenizer::new(&Names::from_text("zoë\nAda").unwrap()).unwrap();
        let characters: Vec<_> = (0..7).map(|token| tokenizer.character(token)).collect();
        assert_eq!(characters, ['A', 'a', 'd', 'o', 'z', 'ë'].map(Some).into_iter().chain([None]).collect::<Vec<_>>());
        assert_eq!(tokenizer.vocab_size(), 7);
        assert_eq!(tokenizer.encode("x"), None);
    }

    #[test]
    fn what_cannot_be_learnt_or_prompted_is_named() {
        let one = Tokenizer::new(&Names::from_text("aa\na").unwrap());
        assert!(matches!(one, Err(Error::OneCharacter { character: 'a' })));
        let tokenizer = Tokenizer::new(&Names::from_text("ab").unwrap()).unwrap();
        assert!(matches!(tokenizer.encode_prompt("abx"), Err(Error::UnknownCharacter { character: 'x', .. })));
        assert_eq!(tokenizer.encode_prompt("").unwrap(), [2]);
    }
}
