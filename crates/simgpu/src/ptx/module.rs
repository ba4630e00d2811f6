//! Directives of module scope (PTX manual, sections 11.1, 11.5 and 11.6).

use std::collections::hash_map::Entry;

use super::Result;
use super::ast::{Function, Module, Space, Variable};
use super::function;
use super::lexer::Token;
use super::tokens::{Tokens, quote, unsupported};
use super::variables::{self, Global, Globals};

/// Parses a whole text.
pub(super) fn parse(text: &str) -> Result<Module> {
    let mut parser = ModuleParser {
        tokens: Tokens::new(text)?,
        module: Module { version: (0, 0), target: 0, files: Vec::new(), variables: Vec::new(), functions: Vec::new() },
        globals: Globals::new(),
    };
    parser.header()?;
    while parser.tokens.token() != Token::End {
        parser.directive()?;
    }
    Ok(parser.module)
}

struct ModuleParser<'a> {
    tokens: Tokens<'a>,
    module: Module,
    globals: Globals<'a>,
}

impl<'a> ModuleParser<'a> {
    /// `.version` and `.target`, which open a module.
    fn header(&mut self) -> Result<()> {
        if self.tokens.token() != Token::Word("version") {
            return Err(self.tokens.expected("`.version`, which opens a PTX file"));
        }
        self.module.version = self.version()?;
        if self.tokens.token() != Token::Word("target") {
            return Err(self.tokens.expected("`.target`, which follows `.version`"));
        }
        self.module.target = self.target()?;
        Ok(())
    }

    fn directive(&mut self) -> Result<()> {
        let Token::Word(word) = self.tokens.token() else {
            return Err(self.tokens.expected("a directive such as `.entry`"));
        };
        match word {
            "version" | "target" => Err(self.tokens.error(format!("`.{word}` stands a second time"))),
            "address_size" => self.address_size(),
            "file" => self.file(),
            "section" => skip_section(&mut self.tokens),
            "pragma" => skip_pragma(&mut self.tokens),
            _ => self.declaration(word),
        }
    }

    /// `.version 8.0`
    fn version(&mut self) -> Result<(u32, u32)> {
        self.tokens.advance()?;
        let parts = self.tokens.text().split_once('.');
        let version = parts.and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
        let version = version.ok_or_else(|| self.tokens.expected("a version such as `8.0`"))?;
        self.tokens.advance()?;
        Ok(version)
    }

    /// `.target sm_90a, debug`
    fn target(&mut self) -> Result<u32> {
        self.tokens.advance()?;
        let number = self.tokens.text().strip_prefix("sm_").unwrap_or_default();
        let number = number.strip_suffix(['a', 'f']).unwrap_or(number);
        let number = number.parse().map_err(|_| self.tokens.expected("a target such as `sm_80`"))?;
        self.tokens.advance()?;
        while self.tokens.accept(",")? {
            let line = self.tokens.line();
            match self.tokens.identifier("an option of `.target`")? {
                "debug" | "texmode_unified" | "texmode_independent" => {}
                other => return Err(unsupported(line, format!(".target option {other}"))),
            }
        }
        Ok(number)
    }

    fn address_size(&mut self) -> Result<()> {
        self.tokens.advance()?;
        let line = self.tokens.line();
        match self.tokens.u32("an address size")? {
            64 => Ok(()),
            other => Err(unsupported(line, format!(".address_size {other}"))),
        }
    }

    /// `.file 1 "kernel.cu"`, perhaps with a time and a size.
    fn file(&mut self) -> Result<()> {
        self.tokens.advance()?;
        let index = self.tokens.u32("the index of a file")?;
        let Token::String(path) = self.tokens.token() else { return Err(self.tokens.expected("the path of a file")) };
        self.tokens.charge(size_of::<(u32, String)>() + path.len())?;
        self.module.files.push((index, path.to_owned()));
        self.tokens.advance()?;
        while self.tokens.accept(",")? {
            let Token::Integer { .. } = self.tokens.token() else { return Err(self.tokens.expected("an integer")) };
            self.tokens.advance()?;
        }
        Ok(())
    }

    /// A variable or a function, with its linkage, whose first word is in view.
    fn declaration(&mut self, first: &'a str) -> Result<()> {
        let line = self.tokens.line();
        let mut word = first;
        if matches!(first, "extern" | "visible" | "weak" | "common") {
            self.tokens.advance()?;
            let Token::Word(second) = self.tokens.token() else {
                return Err(self.tokens.expected("a variable, `.entry` or `.func`"));
            };
            word = second;
        }
        self.tokens.advance()?;
        match (word, variables::space_of(word)) {
            ("entry" | "func", _) => self.function(word == "entry", line),
            (_, Some(Space::Param)) => Err(unsupported(line, ".param outside functions")),
            (_, Some(space)) => self.variables(space, first == "extern"),
            _ => Err(unsupported(line, format!(".{word}"))),
        }
    }

    fn variables(&mut self, space: Space, is_extern: bool) -> Result<()> {
        for (name, variable) in variables::declarations(&mut self.tokens, &self.globals, space, is_extern)? {
            self.tokens.charge(2 * size_of::<(&str, Global)>())?;
            match self.globals.entry(name) {
                Entry::Vacant(entry) => {
                    entry.insert(Global::Variable(self.module.variables.len() as u32));
                    self.module.variables.push(variable);
                }
                Entry::Occupied(entry) => {
                    let first = match *entry.get() {
                        Global::Variable(index) => self.module.variables.get_mut(index as usize),
                        Global::Function(_) => None,
                    };
                    merge(&self.tokens, first, variable)?;
                }
            }
        }
        Ok(())
    }

    fn function(&mut self, is_entry: bool, line: u32) -> Result<()> {
        let (name, header) = function::header(&mut self.tokens, is_entry, line)?;
        self.tokens.charge(2 * size_of::<(&str, Global)>())?;
        let index = match self.globals.get(name) {
            None => self.module.functions.len(),
            Some(Global::Variable(_)) => {
                return Err(self.tokens.error(format!("{} is declared as a variable before", quote(name))));
            }
            Some(&Global::Function(index)) => index as usize,
        };
        self.globals.insert(name, Global::Function(index as u32));
        let function = header.finish(&mut self.tokens, &self.globals)?;
        match self.module.functions.get_mut(index) {
            None => self.module.functions.push(function),
            Some(declared) => agree(&self.tokens, declared, function)?,
        }
        Ok(())
    }
}

/// A variable that is declared again: only `.extern` declarations may be repeated or defined.
fn merge(tokens: &Tokens<'_>, first: Option<&mut Variable>, again: Variable) -> Result<()> {
    match first {
        Some(first) if first.space == again.space && (first.is_extern || again.is_extern) => {
            if first.is_extern && !again.is_extern {
                *first = again;
            }
            Ok(())
        }
        Some(first) => {
            Err(tokens.error(format!("{} is declared twice, first in line {}", quote(&again.name), first.line)))
        }
        None => Err(tokens.error(format!("{} is declared as a function before", quote(&again.name)))),
    }
}

/// A function that is declared again: a body may follow declarations without one.
fn agree(tokens: &Tokens<'_>, first: &mut Function, again: Function) -> Result<()> {
    let name = quote(&again.name);
    let shape = |function: &Function| (function.is_entry, function.returns.len(), function.params.len());
    if shape(first) != shape(&again) {
        let text = |function: &Function| {
            let kind = if function.is_entry { ".entry" } else { ".func" };
            format!("{kind} with {} results and {} parameters", function.returns.len(), function.params.len())
        };
        let (before, here) = (text(first), text(&again));
        return Err(tokens.error(format!("{name} is a {before} in line {}, a {here} here", first.line)));
    }
    match (&first.body, &again.body) {
        (Some(_), Some(_)) => Err(tokens.error(format!("{name} is defined twice, first in line {}", first.line))),
        (None, Some(_)) => {
            *first = again;
            Ok(())
        }
        (_, None) => Ok(()),
    }
}

/// Skips `.section .debug_info { … }`.
fn skip_section(tokens: &mut Tokens<'_>) -> Result<()> {
    tokens.advance()?;
    let (Token::Word(_) | Token::Identifier(_)) = tokens.token() else {
        return Err(tokens.expected("the name of a section"));
    };
    tokens.advance()?;
    if !tokens.at("{") {
        return Err(tokens.expected("`{`"));
    }
    tokens.skip_brackets("{", "}")
}

/// Skips `.pragma "nounroll";`.
pub(super) fn skip_pragma(tokens: &mut Tokens<'_>) -> Result<()> {
    tokens.advance()?;
    loop {
        let Token::String(_) = tokens.token() else { return Err(tokens.expected("a string")) };
        tokens.advance()?;
        if !tokens.accept(",")? {
            return tokens.expect(";");
        }
    }
}

/// Takes `.loc 1 12 5, function_name $L__info_string3, inlined_at 1 22 10`; the index of the file and the line.
pub(super) fn position(tokens: &mut Tokens<'_>) -> Result<(u32, u32)> {
    tokens.advance()?;
    let file = tokens.u32("the index of a file")?;
    let line = tokens.u32("a line")?;
    tokens.u32("a column")?;
    while tokens.accept(",")? {
        match tokens.identifier("`function_name` or `inlined_at`")? {
            "function_name" => {
                tokens.identifier("a label")?;
                if tokens.accept("+")? {
                    tokens.u32("an offset")?;
                }
            }
            "inlined_at" => {
                for what in ["the index of a file", "a line", "a column"] {
                    tokens.u32(what)?;
                }
            }
            other => return Err(tokens.error(format!("{} is no attribute of `.loc`", quote(other)))),
        }
    }
    Ok((file, line))
}
