//! The token that the parser looks at, the errors that name it, and the account of what parsing takes.

use super::Result;
use super::lexer::{Lexer, Token};
use crate::error::Error;
use crate::limits;

/// The most characters of the PTX that an error message repeats.
const QUOTED_CHARS: usize = 60;

/// About what the allocator takes for a small piece beyond its size.
pub(super) const ALLOCATION: usize = 16;

/// A token to name in an error later.
#[derive(Debug, Clone, Copy)]
pub(super) struct Here<'a> {
    pub(super) line: u32,
    /// Empty at the end of the text.
    text: &'a str,
}

impl Here<'_> {
    /// The error that something else should stand here.
    pub(super) fn expected(self, what: &str) -> Error {
        let found = if self.text.is_empty() { "the end of the text".to_owned() } else { quote(self.text) };
        self.error(format!("expected {what}, found {found}"))
    }

    /// An error in this line.
    pub(super) fn error(self, message: impl Into<String>) -> Error {
        Error::Syntax { line: self.line, message: message.into() }
    }
}

/// A stream of tokens with one in view.
#[derive(Debug)]
pub(super) struct Tokens<'a> {
    lexer: Lexer<'a>,
    token: Token<'a>,
    line: u32,
    parsed_bytes: u64,
    variable_bytes: u64,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(text: &'a str) -> Result<Tokens<'a>> {
        let mut lexer = Lexer::new(text);
        let (token, line) = lexer.next()?;
        Ok(Tokens { lexer, token, line, parsed_bytes: 0, variable_bytes: 0 })
    }

    /// The token in view.
    pub(super) fn token(&self) -> Token<'a> {
        self.token
    }

    /// The line of the token in view.
    pub(super) fn line(&self) -> u32 {
        self.line
    }

    /// The token in view as written.
    pub(super) fn text(&self) -> &'a str {
        self.lexer.token_text()
    }

    /// Moves on to the next token.
    pub(super) fn advance(&mut self) -> Result<()> {
        (self.token, self.line) = self.lexer.next()?;
        Ok(())
    }

    /// The token in view, for errors that come to light when it is gone.
    pub(super) fn here(&self) -> Here<'a> {
        Here { line: self.line, text: self.text() }
    }

    /// Whether the token in view is that symbol.
    pub(super) fn at(&self, symbol: &str) -> bool {
        matches!(self.token, Token::Symbol(found) if found == symbol)
    }

    /// Moves past that symbol where it is in view.
    pub(super) fn accept(&mut self, symbol: &str) -> Result<bool> {
        let found = self.at(symbol);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    /// Moves past that symbol, which must be in view.
    pub(super) fn expect(&mut self, symbol: &str) -> Result<()> {
        if self.accept(symbol)? { Ok(()) } else { Err(self.expected(&format!("`{symbol}`"))) }
    }

    /// Takes an identifier; `what` says of which thing, for the error.
    pub(super) fn identifier(&mut self, what: &str) -> Result<&'a str> {
        let Token::Identifier(name) = self.token else { return Err(self.expected(what)) };
        self.advance()?;
        Ok(name)
    }

    /// Takes a literal that fits `u32`.
    pub(super) fn u32(&mut self, what: &str) -> Result<u32> {
        let number = match self.token {
            Token::Integer { value, .. } => u32::try_from(value).ok(),
            _ => None,
        };
        let number = number.ok_or_else(|| self.expected(&format!("{what} (an integer of 32 bits)")))?;
        self.advance()?;
        Ok(number)
    }

    /// Skips from an opening bracket, which is in view, to the one that closes it.
    pub(super) fn skip_brackets(&mut self, open: &str, close: &str) -> Result<()> {
        let line = self.line;
        let mut depth = 0u32;
        loop {
            if self.at(open) {
                depth += 1;
            } else if self.at(close) {
                depth -= 1;
            } else if self.token == Token::End {
                return Err(self.expected(&format!("the `{close}` of the `{open}` in line {line}")));
            }
            self.advance()?;
            if depth == 0 {
                return Ok(());
            }
        }
    }

    /// The error that something else should stand where the token in view does.
    pub(super) fn expected(&self, what: &str) -> Error {
        self.here().expected(what)
    }

    /// An error in the line of the token in view.
    pub(super) fn error(&self, message: impl Into<String>) -> Error {
        self.here().error(message)
    }

    /// Puts bytes of the parsed module to account, so that little text cannot fill the memory.
    pub(super) fn charge(&mut self, bytes: usize) -> Result<()> {
        self.parsed_bytes += bytes as u64;
        limit("bytes of a module once parsed", self.parsed_bytes, limits::PARSED_BYTES)
    }

    /// Puts bytes of a variable to account.
    pub(super) fn charge_variable(&mut self, bytes: u64) -> Result<()> {
        self.variable_bytes = self.variable_bytes.saturating_add(bytes);
        limit("bytes of a module's variables", self.variable_bytes, limits::VARIABLE_BYTES)
    }
}

/// An error where a value passes its limit.
pub(super) fn limit(what: &'static str, value: u64, max: u64) -> Result<()> {
    if value > max { Err(Error::Limit { what, value, max }) } else { Ok(()) }
}

/// The error that something is PTX but nothing that this GPU knows.
pub(super) fn unsupported(line: u32, what: impl AsRef<str>) -> Error {
    Error::Unsupported { line, what: shorten(what.as_ref()) }
}

/// Text of the PTX for an error message: in backquotes, without control characters, shortened.
pub(super) fn quote(text: &str) -> String {
    format!("`{}`", shorten(text))
}

fn shorten(text: &str) -> String {
    let mut short: String = text.chars().take(QUOTED_CHARS).flat_map(char::escape_debug).collect();
    if text.chars().nth(QUOTED_CHARS).is_some() {
        short.push('…');
    }
    short
}
