//! From text to tokens, one at a time (PTX manual, sections 4.1 to 4.5).

use super::Result;
use crate::error::Error;

/// A token. Text is borrowed from the PTX.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Token<'a> {
    /// `add`, `%r1`, `$L__BB0_2`, `_`.
    Identifier(&'a str),
    /// `.f32` or `.shared::cta`, without the first dot: a directive, a type, a modifier or a component.
    Word(&'a str),
    /// An integer, and whether it is of type `.u64` (suffix `U`, or too large for `.s64`).
    Integer { value: u64, unsigned: bool },
    /// The bits of `0f3F800000`.
    Single(u32),
    /// `0d3FF0000000000000` or a decimal literal.
    Double(f64),
    /// What stands between the quotation marks, escapes as written.
    String(&'a str),
    /// Punctuation and operators.
    Symbol(&'static str),
    /// The end of the text.
    End,
}

/// Longer ones first.
const SYMBOLS: [&str; 31] = [
    "<<", ">>", "<=", ">=", "==", "!=", "&&", "||", ",", ";", "[", "]", "{", "}", "(", ")", "+", "-", ":", "@", "|",
    "!", "<", ">", "=", "*", "/", "%", "&", "^", "~",
];

/// Where reading has come to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    position: usize,
    /// Where the last token starts.
    start: usize,
    line: u32,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Lexer<'a> {
        Lexer { text, position: 0, start: 0, line: 1 }
    }

    /// The next token and its line.
    pub(super) fn next(&mut self) -> Result<(Token<'a>, u32)> {
        self.skip_blanks()?;
        self.start = self.position;
        let token = match self.byte(0) {
            None => Token::End,
            Some(b'0'..=b'9') => self.number()?,
            Some(b'"') => self.string()?,
            Some(b'.') if self.byte(1).is_some_and(is_name_byte) => Token::Word(self.word()),
            Some(b'A'..=b'Z' | b'a'..=b'z' | b'_') => Token::Identifier(self.name()),
            Some(b'$' | b'%') if self.byte(1).is_some_and(is_name_byte) => Token::Identifier(self.name()),
            Some(_) => self.symbol()?,
        };
        Ok((token, self.line))
    }

    /// The last token as written.
    pub(super) fn token_text(&self) -> &'a str {
        self.text.get(self.start..self.position).unwrap_or_default()
    }

    fn byte(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.position + ahead).copied()
    }

    fn starts_with(&self, what: &str) -> bool {
        self.text.as_bytes()[self.position..].starts_with(what.as_bytes())
    }

    fn error(&self, message: impl Into<String>) -> Error {
        Error::Syntax { line: self.line, message: message.into() }
    }

    /// Skips blanks, comments, lines that a preprocessor left (`# 1 "kernel.cu"`) and old compilers' `@@DWARF` lines.
    fn skip_blanks(&mut self) -> Result<()> {
        loop {
            match self.byte(0) {
                Some(b'\n') => {
                    self.line += 1;
                    self.position += 1;
                }
                Some(b' ' | b'\t' | b'\r' | 0x0b | 0x0c) => self.position += 1,
                Some(b'/') if self.byte(1) == Some(b'/') => self.skip_line(),
                Some(b'/') if self.byte(1) == Some(b'*') => self.skip_comment()?,
                Some(b'#') => self.skip_line(),
                Some(b'@') if self.starts_with("@@DWARF") => self.skip_line(),
                _ => return Ok(()),
            }
        }
    }

    fn skip_line(&mut self) {
        let rest = &self.text.as_bytes()[self.position..];
        self.position += rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
    }

    fn skip_comment(&mut self) -> Result<()> {
        let rest = &self.text.as_bytes()[self.position + 2..];
        let Some(length) = rest.windows(2).position(|pair| pair == b"*/") else {
            return Err(self.error("the comment that starts here with `/*` has no `*/`"));
        };
        self.line += rest[..length].iter().filter(|&&byte| byte == b'\n').count() as u32;
        self.position += length + 4;
        Ok(())
    }

    /// Takes name bytes from `start` bytes ahead of here.
    fn take_name(&mut self, start: usize) -> &'a str {
        let from = self.position + start;
        let rest = &self.text.as_bytes()[from..];
        let length = rest.iter().position(|&byte| !is_name_byte(byte)).unwrap_or(rest.len());
        self.position = from + length;
        &self.text[from..self.position]
    }

    fn name(&mut self) -> &'a str {
        let from = self.position;
        self.take_name(1);
        &self.text[from..self.position]
    }

    /// `.word`, with `::` joining further parts: `shared::cta`.
    fn word(&mut self) -> &'a str {
        let from = self.position + 1;
        self.take_name(1);
        while self.starts_with("::") && self.byte(2).is_some_and(is_name_byte) {
            self.take_name(2);
        }
        &self.text[from..self.position]
    }

    fn symbol(&mut self) -> Result<Token<'a>> {
        if self.byte(0) == Some(b'?') {
            self.position += 1;
            return Ok(Token::Symbol("?"));
        }
        if let Some(symbol) = SYMBOLS.iter().find(|symbol| self.starts_with(symbol)) {
            self.position += symbol.len();
            return Ok(Token::Symbol(symbol));
        }
        let found = self.text.get(self.position..).and_then(|rest| rest.chars().next()).unwrap_or('\u{fffd}');
        Err(self.error(format!("the character `{}` has no meaning here", found.escape_debug())))
    }

    fn string(&mut self) -> Result<Token<'a>> {
        let rest = &self.text.as_bytes()[self.position + 1..];
        let mut length = 0;
        loop {
            match rest.get(length) {
                Some(b'"') => break,
                Some(b'\\') => length += 2,
                None | Some(b'\n') => return Err(self.error("the string that starts here has no closing `\"`")),
                Some(_) => length += 1,
            }
        }
        let from = self.position + 1;
        self.position = from + length + 1;
        Ok(Token::String(&self.text[from..from + length]))
    }

    fn number(&mut self) -> Result<Token<'a>> {
        let from = self.position;
        let token = match (self.byte(0), self.byte(1)) {
            (Some(b'0'), Some(b'f' | b'F')) => self.take_bits(8).map(|bits| Token::Single(bits as u32)),
            (Some(b'0'), Some(b'd' | b'D')) => self.take_bits(16).map(|bits| Token::Double(f64::from_bits(bits))),
            (Some(b'0'), Some(b'x' | b'X')) => self.take_integer(2, 16),
            (Some(b'0'), Some(b'b' | b'B')) => self.take_integer(2, 2),
            _ => self.take_decimal(),
        };
        token.ok_or_else(|| {
            self.take_name(0);
            let text = super::tokens::quote(&self.text[from..self.position]);
            self.error(format!("{text} is neither an integer of 64 bits nor a floating-point number"))
        })
    }

    /// `0f` or `0d` and that many hexadecimal digits.
    fn take_bits(&mut self, digits: usize) -> Option<u64> {
        let text = self.take_name(2);
        let exact = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if exact { u64::from_str_radix(text, 16).ok() } else { None }
    }

    /// Digits after a prefix, perhaps with the suffix `U`.
    fn take_integer(&mut self, prefix: usize, radix: u32) -> Option<Token<'a>> {
        let text = self.take_name(prefix);
        let digits = text.strip_suffix('U').unwrap_or(text);
        let value = u64::from_str_radix(digits, radix).ok()?;
        Some(Token::Integer { value, unsigned: digits.len() < text.len() || i64::try_from(value).is_err() })
    }

    /// Octal or decimal integers, and decimal floating-point numbers.
    fn take_decimal(&mut self) -> Option<Token<'a>> {
        let from = self.position;
        let mut ahead = self.digits(0);
        let mut is_float = false;
        let fraction = |byte: u8| byte.is_ascii_digit() || !is_name_byte(byte);
        if self.byte(ahead) == Some(b'.') && self.byte(ahead + 1).is_none_or(fraction) {
            is_float = true;
            ahead += 1 + self.digits(ahead + 1);
        }
        if matches!(self.byte(ahead), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(self.byte(ahead + 1), Some(b'+' | b'-')));
            let exponent = self.digits(ahead + 1 + sign);
            is_float = is_float || exponent > 0;
            ahead += if exponent > 0 { 1 + sign + exponent } else { 0 };
        }
        if !is_float {
            let octal = self.byte(0) == Some(b'0') && self.byte(1).is_some_and(|byte| byte.is_ascii_digit());
            return self.take_integer(0, if octal { 8 } else { 10 });
        }
        let trailing = self.take_name(ahead);
        let text = &self.text[from..from + ahead];
        if trailing.is_empty() { text.parse().ok().map(Token::Double) } else { None }
    }

    /// How many decimal digits stand `ahead` bytes from here.
    fn digits(&self, ahead: usize) -> usize {
        let rest = self.text.as_bytes().get(self.position + ahead..).unwrap_or_default();
        rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len())
    }
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$'
}
