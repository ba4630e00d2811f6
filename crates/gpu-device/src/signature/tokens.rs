//! The words and marks of a PTX text, without its comments.

/// A run of letters, digits, `.`, `_`, `$`, `%`; or one other character that is not white space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    Word(&'a str),
    Mark(char),
}

/// Walks a text once, from its start to its end.
#[derive(Clone, Copy)]
pub(super) struct Tokens<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text, line: 1 }
    }

    /// The line that the walk has come to, counted from 1.
    pub(super) fn line(&self) -> usize {
        self.line
    }

    pub(super) fn peek(&self) -> Option<Token<'a>> {
        let mut ahead = *self;
        ahead.next()
    }

    pub(super) fn next(&mut self) -> Option<Token<'a>> {
        self.skip_blanks();
        let first = self.rest.chars().next()?;
        if !in_word(first) {
            // A string may hold anything, also `.entry`.
            let end = if first == '"' {
                self.rest[1..].find('"').map_or(self.rest.len(), |quote| quote + 2)
            } else {
                first.len_utf8()
            };
            self.advance(end);
            return Some(Token::Mark(first));
        }
        let end = self.rest.find(|character| !in_word(character)).unwrap_or(self.rest.len());
        let word = &self.rest[..end];
        self.advance(end);
        Some(Token::Word(word))
    }

    /// White space and comments.
    fn skip_blanks(&mut self) {
        loop {
            let blanks = self.rest.len() - self.rest.trim_start().len();
            self.advance(blanks);
            let comment = if self.rest.starts_with("//") {
                self.rest.find('\n')
            } else if self.rest.starts_with("/*") {
                self.rest[2..].find("*/").map(|end| end + 4)
            } else {
                return;
            };
            self.advance(comment.unwrap_or(self.rest.len()));
        }
    }

    fn advance(&mut self, bytes: usize) {
        let (walked, rest) = self.rest.split_at(bytes);
        self.line += walked.matches('\n').count();
        self.rest = rest;
    }
}

fn in_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | '$' | '%')
}
