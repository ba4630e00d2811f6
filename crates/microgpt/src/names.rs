//! The documents that a model learns from: one name a line.

use std::path::Path;

use crate::error::Error;
use crate::files::{DATA_BYTES_MAX, in_file, read_file, utf8};
use crate::random::PythonRandom;

/// The names of 2018, US Social Security Administration: `data/README.md` has their provenance.
const EMBEDDED: &str = include_str!("../data/names.txt");

/// A list of names, none of them empty.
#[derive(Clone, Debug, PartialEq)]
pub struct Names {
    names: Vec<String>,
}

impl Names {
    /// 32,257 first names, US Social Security Administration, birth year 2018.
    pub fn embedded() -> Self {
        Names { names: EMBEDDED.lines().map(str::to_owned).collect() }
    }

    /// The names in a text: its lines without the white space around them, empty ones left out, as Python's
    /// `text.split('\n')` and `line.strip()` tell them. A byte order mark is a character like any other.
    ///
    /// # Errors
    ///
    /// [`Error::NoNames`] if there are none.
    pub fn from_text(text: &str) -> Result<Self, Error> {
        let lines = text.split(['\n', '\r']).map(|line| line.trim_matches(is_python_space));
        let names: Vec<String> = lines.filter(|line| !line.is_empty()).map(str::to_owned).collect();
        if names.is_empty() { Err(Error::NoNames) } else { Ok(Names { names }) }
    }

    /// The names in the bytes of a text file.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidUtf8`] with the place, and those of [`Names::from_text`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        Self::from_text(utf8(bytes)?)
    }

    /// The names in a file.
    ///
    /// # Errors
    ///
    /// [`Error::Read`] if it cannot be read, [`Error::InFile`] with an error of [`Names::from_bytes`], or if it has
    /// more than [`DATA_BYTES_MAX`].
    pub fn from_file(path: &Path) -> Result<Self, Error> {
        in_file(path, Self::from_bytes(&read_file(path, DATA_BYTES_MAX)?))
    }

    /// Puts the names into the order that Python's `random.shuffle` would put them into.
    pub fn shuffle(&mut self, random: &mut PythonRandom) {
        random.shuffle(&mut self.names);
    }

    /// The names in their present order; never empty.
    pub fn as_slice(&self) -> &[String] {
        &self.names
    }

    /// The longest name and its number of characters; the first of them if several are as long.
    pub fn longest(&self) -> (&str, usize) {
        let mut longest = ("", 0);
        for name in &self.names {
            let length = name.chars().count();
            if length > longest.1 {
                longest = (name, length);
            }
        }
        longest
    }
}

/// White space to Python: what Unicode says, and the four ASCII separators.
fn is_python_space(character: char) -> bool {
    character.is_whitespace() || ('\x1c'..='\x1f').contains(&character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_names_are_all_there() {
        let names = Names::embedded();
        assert_eq!(names.as_slice().len(), 32_257);
        assert_eq!(names.as_slice()[0], "emma");
        assert_eq!(names.longest().1, 15);
        assert_eq!(Names::from_text(EMBEDDED).unwrap(), names);
    }

    #[test]
    fn lines_end_and_are_stripped_as_in_python() {
        let names = Names::from_text("\u{feff}a\r\nb\rc\n\n  \x1cd\u{a0}\t\n é é \u{2028}").unwrap();
        assert_eq!(names.as_slice(), ["\u{feff}a", "b", "c", "d", "é é"]);
    }

    #[test]
    fn bad_bytes_are_placed() {
        let error = Names::from_bytes(b"emma\nol\xffivia\n").unwrap_err();
        assert!(matches!(error, Error::InvalidUtf8 { line: 2, column: 3 }), "{error}");
        assert!(matches!(Names::from_bytes(b"a\r\nb\rc\xff"), Err(Error::InvalidUtf8 { line: 3, column: 2 })));
        assert!(matches!(Names::from_bytes(b"\xff"), Err(Error::InvalidUtf8 { line: 1, column: 1 })));
    }

    #[test]
    fn no_names_is_an_error() {
        for text in ["", "\n", " \r\n\t\n"] {
            assert!(matches!(Names::from_text(text), Err(Error::NoNames)), "{text:?}");
        }
        let missing = Names::from_file(Path::new("no/such/file"));
        assert!(matches!(missing, Err(Error::Read { .. })));
    }
}
