//! The signature of a kernel, read from its PTX.
//!
//! PTX writes `.visible .entry NAME (.param .u64 NAME_param_0, …) .reqntid 256, 1, 1 { … }` ("PTX ISA", section
//! *Kernel and Function Directives: .entry*). Nothing else of the text is looked at: the driver's compiler does the rest.

mod tokens;

use std::fmt;

use tokens::{Token, Tokens};

use crate::Error;

/// What kind of number a parameter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Class {
    /// `.u8` … `.u64` and `.s8` … `.s64`; pointers are `.u64`.
    Integer,
    /// `.f16`, `.f32`, `.f64`.
    Float,
    /// `.b8` … `.b128`: any number of that size, or a structure as an array of `.b8`.
    Bits,
}

/// One parameter of a kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Parameter {
    /// The kind of number.
    pub class: Class,
    /// Its size in bytes, a whole array's if it is one.
    pub bytes: usize,
    /// Whether the PTX says that it is a pointer (`.ptr`). Many compilers do not say.
    pub pointer: bool,
    /// Its type as the PTX writes it.
    pub ptx_type: String,
}

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pointer = if self.pointer { ", a pointer" } else { "" };
        write!(f, "{} ({} bytes{pointer})", self.ptx_type, self.bytes)
    }
}

/// The signature of a kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Signature {
    /// The kernel's name.
    pub name: String,
    /// Its parameters, in order.
    pub parameters: Vec<Parameter>,
    /// `.reqntid`: the only block that it may be launched with.
    pub required_block: Option<[u32; 3]>,
    /// `.maxntid`: the most threads of a block (the product of its sides).
    pub threads_per_block_max: Option<u64>,
}

/// The signatures of all kernels (`.entry`) in a PTX text, in its order. `module` is named in errors.
///
/// ```
/// let ptx = ".visible .entry scale(.param .u64 scale_param_0, .param .f32 scale_param_1) .reqntid 256 { ret; }";
/// let signatures = gpu_device::signatures("example", ptx)?;
/// assert_eq!(signatures[0].parameters[1].to_string(), ".f32 (4 bytes)");
/// assert_eq!(signatures[0].required_block, Some([256, 1, 1]));
/// # Ok::<(), gpu_device::Error>(())
/// ```
///
/// # Errors
///
/// [`Error::Ptx`] with the line where an `.entry` is not understood.
pub fn signatures(module: &str, ptx: &str) -> Result<Vec<Signature>, Error> {
    let mut tokens = Tokens::new(ptx);
    let mut signatures = Vec::new();
    while let Some(token) = tokens.next() {
        if token == Token::Word(".entry") {
            let parsed = entry(&mut tokens);
            signatures.push(parsed.map_err(|reason| {
                let (module, line) = (module.to_owned(), tokens.line());
                Error::Ptx { module, line, reason }
            })?);
        }
    }
    Ok(signatures)
}

/// From behind `.entry` to the opening brace, or to the semicolon of a mere declaration.
fn entry(tokens: &mut Tokens<'_>) -> Result<Signature, String> {
    let name = word(tokens, "the kernel's name")?.to_owned();
    let mut signature = Signature { name, parameters: Vec::new(), required_block: None, threads_per_block_max: None };
    loop {
        match tokens.next() {
            Some(Token::Mark('(')) => signature.parameters = parameters(tokens)?,
            Some(Token::Mark('{' | ';')) => return Ok(signature),
            Some(Token::Word(".reqntid")) => signature.required_block = Some(sides(tokens)?),
            Some(Token::Word(".maxntid")) => {
                let threads = sides(tokens)?.iter().fold(1_u64, |product, &side| product.saturating_mul(side.into()));
                signature.threads_per_block_max = Some(threads);
            }
            Some(_) => {} // other directives, as .minnctapersm 2
            None => return Err(format!("the text ends inside kernel `{}`", signature.name)),
        }
    }
}

/// From behind the opening bracket to behind the closing one.
fn parameters(tokens: &mut Tokens<'_>) -> Result<Vec<Parameter>, String> {
    let mut parameters = Vec::new();
    if tokens.peek() == Some(Token::Mark(')')) {
        tokens.next();
        return Ok(parameters);
    }
    loop {
        parameters.push(parameter(tokens)?);
        match tokens.next() {
            Some(Token::Mark(',')) => {}
            Some(Token::Mark(')')) => return Ok(parameters),
            other => return Err(format!("expected `,` or `)` after a parameter, found {}", shown(other))),
        }
    }
}

/// `.param .align 4 .b8 NAME[12]`, `.param .u64 .ptr .global .align 16 NAME`, `.param .f32 NAME`.
fn parameter(tokens: &mut Tokens<'_>) -> Result<Parameter, String> {
    match tokens.next() {
        Some(Token::Word(".param")) => {}
        other => return Err(format!("expected `.param`, found {}", shown(other))),
    }
    let mut found: Option<(Class, usize, &str)> = None;
    let mut pointer = false;
    loop {
        match tokens.next() {
            Some(Token::Word(".align")) => {
                number(tokens)?;
            }
            Some(Token::Word(".ptr")) => pointer = true,
            Some(Token::Word(".global" | ".shared" | ".local" | ".const")) if pointer => {}
            Some(Token::Word(word)) if word.starts_with('.') => {
                let (class, bytes) = scalar(word).ok_or_else(|| format!("`{word}` is no type of a parameter"))?;
                found = Some((class, bytes, word));
            }
            Some(Token::Word(_)) => break, // its name
            other => return Err(format!("expected a parameter's type or name, found {}", shown(other))),
        }
    }
    let (class, element_bytes, word) = found.ok_or_else(|| "a parameter without a type".to_owned())?;
    let mut parameter = Parameter { class, bytes: element_bytes, pointer, ptx_type: word.to_owned() };
    if tokens.peek() == Some(Token::Mark('[')) {
        tokens.next();
        let len = number(tokens)?;
        parameter.bytes = (len as usize).checked_mul(element_bytes).ok_or("a parameter larger than memory")?;
        parameter.ptx_type = format!("{word}[{len}]");
        match tokens.next() {
            Some(Token::Mark(']')) => {}
            other => return Err(format!("expected `]`, found {}", shown(other))),
        }
    }
    Ok(parameter)
}

/// Class and bytes of a PTX type.
fn scalar(word: &str) -> Option<(Class, usize)> {
    let class = match word.get(..2)? {
        ".u" | ".s" => Class::Integer,
        ".f" => Class::Float,
        ".b" => Class::Bits,
        _ => return None,
    };
    let bytes = match word.get(2..)? {
        "8" if class != Class::Float => 1,
        "16" => 2,
        "32" => 4,
        "64" => 8,
        "128" if class == Class::Bits => 16,
        _ => return None,
    };
    Some((class, bytes))
}

/// One to three numbers with commas between; those left out are 1.
fn sides(tokens: &mut Tokens<'_>) -> Result<[u32; 3], String> {
    let mut sides = [number(tokens)?, 1, 1];
    for side in &mut sides[1..] {
        if tokens.peek() != Some(Token::Mark(',')) {
            break;
        }
        tokens.next();
        *side = number(tokens)?;
    }
    Ok(sides)
}

fn number(tokens: &mut Tokens<'_>) -> Result<u32, String> {
    let text = word(tokens, "a number")?;
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| format!("expected a number below 2^32, found `{text}`"))
}

fn word<'a>(tokens: &mut Tokens<'a>, what: &str) -> Result<&'a str, String> {
    match tokens.next() {
        Some(Token::Word(word)) => Ok(word),
        other => Err(format!("expected {what}, found {}", shown(other))),
    }
}

fn shown(token: Option<Token<'_>>) -> String {
    match token {
        Some(Token::Word(word)) => format!("`{word}`"),
        Some(Token::Mark(mark)) => format!("`{mark}`"),
        None => "the end".to_owned(),
    }
}

#[cfg(test)]
mod tests;
