//! Characters to numbers and back.

use std::collections::BTreeSet;

use crate::error::Error;
use crate::names::Names;

/// Texts to tokens: one a character (in the order of their code points) or one a byte, and one more that begins and
/// ends every document.
///
/// ```
/// use microgpt::{Names, Tokenizer};
///
/// let tokenizer = Tokenizer::new(&Names::from_text("ab\nbc")?)?;
/// assert_eq!(tokenizer.encode("cab"), Some(vec![3, 2, 0, 1, 3])); // a, b, c are 0, 1, 2
/// assert_eq!(Tokenizer::bytes().encode("é"), Some(vec![256, 0xc3, 0xa9, 256]));
/// # Ok::<(), microgpt::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokenizer {
    alphabet: Alphabet,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Alphabet {
    Characters(Vec<char>),
    Bytes,
}

impl Tokenizer {
    /// The tokens of all characters in the names.
    ///
    /// # Errors
    ///
    /// [`Error::OneCharacter`] if there is only one.
    pub fn new(names: &Names) -> Result<Self, Error> {
        Self::of_characters(names.as_slice().iter().flat_map(|name| name.chars()))
    }

    /// The tokens of all these characters, in whatever order they come and however often.
    ///
    /// # Errors
    ///
    /// [`Error::OneCharacter`] if there is only one, [`Error::NoCharacters`] if there is none.
    pub fn of_characters(characters: impl IntoIterator<Item = char>) -> Result<Self, Error> {
        let distinct: BTreeSet<char> = characters.into_iter().collect();
        let characters: Vec<char> = distinct.into_iter().collect();
        match characters[..] {
            [] => Err(Error::NoCharacters),
            [character] => Err(Error::OneCharacter { character }),
            _ => Ok(Tokenizer { alphabet: Alphabet::Characters(characters) }),
        }
    }

    /// One token for each of the 256 bytes: no text is unknown to it.
    pub fn bytes() -> Self {
        Tokenizer { alphabet: Alphabet::Bytes }
    }

    /// The characters that have a token, in order; `None` if bytes have.
    pub fn characters(&self) -> Option<&[char]> {
        match &self.alphabet {
            Alphabet::Characters(characters) => Some(characters),
            Alphabet::Bytes => None,
        }
    }

    /// The number of tokens: characters or bytes, and the one that begins and ends a document.
    pub fn vocab_size(&self) -> usize {
        self.bos() + 1
    }

    /// The token that begins and ends a document.
    pub fn bos(&self) -> usize {
        self.characters().map_or(256, <[char]>::len)
    }

    /// The token of a character, if it has one of its own.
    pub fn token(&self, character: char) -> Option<usize> {
        match &self.alphabet {
            Alphabet::Characters(characters) => characters.binary_search(&character).ok(),
            Alphabet::Bytes => character.is_ascii().then_some(character as usize),
        }
    }

    /// The character of a token; `None` for [`bos`](Tokenizer::bos) and beyond, and for a byte that is none.
    pub fn character(&self, token: usize) -> Option<char> {
        match &self.alphabet {
            Alphabet::Characters(characters) => characters.get(token).copied(),
            Alphabet::Bytes => u8::try_from(token).ok().filter(u8::is_ascii).map(char::from),
        }
    }

    /// The text of tokens, [`bos`](Tokenizer::bos) left out. Bytes that are not UTF-8 become U+FFFD.
    pub fn decode(&self, tokens: &[usize]) -> String {
        match &self.alphabet {
            Alphabet::Characters(_) => tokens.iter().filter_map(|&token| self.character(token)).collect(),
            Alphabet::Bytes => {
                let bytes: Vec<u8> = tokens.iter().filter_map(|&token| u8::try_from(token).ok()).collect();
                String::from_utf8_lossy(&bytes).into_owned()
            }
        }
    }

    /// The text between two [`bos`](Tokenizer::bos) tokens; `None` if it has an unknown character.
    pub fn encode(&self, text: &str) -> Option<Vec<usize>> {
        let mut tokens = self.encode_prompt(text).ok()?;
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
        if self.characters().is_none() {
            tokens.extend(prompt.bytes().map(usize::from));
            return Ok(tokens);
        }
        for character in prompt.chars() {
            let unknown = || Error::UnknownCharacter { text: prompt.to_owned(), character };
            tokens.push(self.token(character).ok_or_else(unknown)?);
        }
        Ok(tokens)
    }

    /// How many tokens a text has.
    pub(crate) fn count(&self, text: &str) -> usize {
        if self.characters().is_some() { text.chars().count() } else { text.len() }
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

    #[test]
    fn bytes_know_every_text() {
        let tokenizer = Tokenizer::bytes();
        let tokens = tokenizer.encode("zoë 🙂").unwrap();
        assert_eq!((tokens.len(), tokens[0], tokenizer.vocab_size()), (11, 256, 257));
        assert_eq!(tokenizer.decode(&tokens), "zoë 🙂");
        assert_eq!(tokenizer.decode(&[0xff]), "\u{fffd}");
    }
}
