//! Entries and device functions: what stands before the body (PTX manual, sections 11.2 and 11.4).

use super::Result;
use super::ast::{Function, Place, Space};
use super::body::BodyParser;
use super::lexer::Token;
use super::scopes::{Local, Scopes};
use super::tokens::{ALLOCATION, Tokens, limit, unsupported};
use super::variables::{self, Globals, Specifier};
use crate::limits;

/// A function up to its parameters.
pub(super) struct Header<'a> {
    function: Function,
    scopes: Scopes<'a>,
}

/// Takes what follows `.entry` or `.func`, up to the parameters.
pub(super) fn header<'a>(tokens: &mut Tokens<'a>, is_entry: bool, line: u32) -> Result<(&'a str, Header<'a>)> {
    let function = Function {
        name: String::new(),
        is_entry,
        returns: Vec::new(),
        params: Vec::new(),
        variables: Vec::new(),
        registers: Vec::new(),
        threads_max: None,
        threads_required: false,
        body: None,
        line,
    };
    let mut header = Header { function, scopes: Scopes::default() };
    header.scopes.open()?;
    while tokens.token() == Token::Word("attribute") {
        variables::attribute(tokens)?;
    }
    if !is_entry && tokens.at("(") {
        header.function.returns = header.places(tokens)?;
    }
    let name = tokens.identifier("the name of a function")?;
    tokens.charge(size_of::<Function>() + ALLOCATION + name.len())?;
    header.function.name = name.to_owned();
    if tokens.at("(") {
        header.function.params = header.places(tokens)?;
    }
    if is_entry {
        header.check_parameters()?;
    }
    Ok((name, header))
}

impl<'a> Header<'a> {
    /// Takes performance directives, then the body or `;`.
    pub(super) fn finish(mut self, tokens: &mut Tokens<'a>, globals: &Globals<'a>) -> Result<Function> {
        while let Token::Word(word) = tokens.token() {
            self.directive(tokens, word)?;
        }
        if tokens.accept(";")? {
            self.function.registers = self.scopes.into_registers();
            return Ok(self.function);
        }
        if !tokens.at("{") {
            return Err(tokens.expected("the body of the function or `;`"));
        }
        BodyParser::new(tokens, globals, self.function, self.scopes).parse()
    }

    /// `(.param .u64 a, .reg .f32 b)`
    fn places(&mut self, tokens: &mut Tokens<'a>) -> Result<Vec<Place>> {
        let mut places = Vec::new();
        tokens.expect("(")?;
        while !tokens.at(")") {
            places.push(self.place(tokens)?);
            if !tokens.accept(",")? {
                break;
            }
        }
        tokens.expect(")")?;
        Ok(places)
    }

    fn place(&mut self, tokens: &mut Tokens<'a>) -> Result<Place> {
        tokens.charge(size_of::<Place>())?;
        let is_entry = self.function.is_entry;
        match tokens.token() {
            Token::Word("param") => {
                tokens.advance()?;
                let specifier = Specifier::parse(tokens)?;
                let (name, variable) = variables::parameter(tokens, specifier)?;
                let index = self.function.variables.len() as u32;
                self.function.variables.push(variable);
                // Declarations may leave parameters without a name.
                if name != "_" {
                    let line = self.function.variables[index as usize].line;
                    self.scopes.declare(tokens, name, Local::Variable(index), line)?;
                }
                Ok(Place::Variable(index))
            }
            Token::Word("reg") if !is_entry => {
                tokens.advance()?;
                let line = tokens.line();
                let specifier = Specifier::parse(tokens)?;
                if specifier.lanes > 1 {
                    return Err(unsupported(line, "a parameter that is a vector of registers"));
                }
                let name = tokens.identifier("the name of a parameter")?;
                self.scopes.declare_register(tokens, name, specifier.ty, 1).map(Place::Register)
            }
            _ if is_entry => Err(tokens.expected("`.param`")),
            _ => Err(tokens.expected("`.param` or `.reg`")),
        }
    }

    /// Each parameter lies at a multiple of its alignment.
    fn check_parameters(&self) -> Result<()> {
        let params = self.function.variables.iter().filter(|variable| variable.space == Space::Param);
        let end = params.fold(0u64, |end, param| {
            end.checked_next_multiple_of(u64::from(param.align)).unwrap_or(u64::MAX).saturating_add(param.bytes)
        });
        limit("bytes of an entry's parameters", end, limits::PARAM_BYTES)
    }

    fn directive(&mut self, tokens: &mut Tokens<'a>, word: &'a str) -> Result<()> {
        let line = tokens.line();
        match word {
            "attribute" => return variables::attribute(tokens),
            "pragma" => return super::module::skip_pragma(tokens),
            _ => tokens.advance()?,
        }
        match word {
            "maxntid" | "reqntid" => {
                let threads = dimensions(tokens, word)?;
                if word == "reqntid" || !self.function.threads_required {
                    self.function.threads_max = Some(threads);
                    self.function.threads_required = word == "reqntid";
                }
            }
            "minnctapersm"
            | "maxnctapersm"
            | "maxnreg"
            | "maxclusterrank"
            | "abi_preserve"
            | "abi_preserve_control" => {
                tokens.u32(&format!("the number of `.{word}`"))?;
            }
            "reqnctapercluster" => drop(dimensions(tokens, word)?),
            "noreturn" | "explicitcluster" | "blocksareclusters" => {}
            _ => return Err(unsupported(line, format!(".{word}"))),
        }
        Ok(())
    }
}

/// One to three sizes; those that are left out are 1.
fn dimensions(tokens: &mut Tokens<'_>, word: &str) -> Result<[u32; 3]> {
    let mut sizes = [1; 3];
    for (index, size) in sizes.iter_mut().enumerate() {
        if index > 0 && !tokens.accept(",")? {
            break;
        }
        let here = tokens.here();
        *size = tokens.u32("a size")?;
        if *size == 0 {
            return Err(here.expected(&format!("a size of `.{word}`, at least 1")));
        }
    }
    Ok(sizes)
}
