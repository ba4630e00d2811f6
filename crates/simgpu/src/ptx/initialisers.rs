//! Initial values of variables (PTX manual, section 5.4.4): numbers, addresses, lists of them.

use super::Result;
use super::ast::{Space, Type, Variable};
use super::expressions::{self, Value};
use super::lexer::Token;
use super::tokens::{Tokens, limit, quote, unsupported};
use super::variables::{Global, Globals, Shape};
use crate::limits;

/// Takes the value behind `=`, and gives the variable its size.
pub(super) fn parse<'a>(
    tokens: &mut Tokens<'a>,
    globals: &Globals<'a>,
    variable: &mut Variable,
    shape: &Shape,
) -> Result<()> {
    if !matches!(variable.space, Space::Global | Space::Const) {
        return Err(tokens.error("only `.global` and `.const` variables can have an initial value"));
    }
    if variable.is_extern {
        return Err(tokens.error("an `.extern` variable cannot have an initial value"));
    }
    let mut writer = Writer { globals, variable, shape };
    let elements = if shape.dimensions.is_empty() {
        writer.scalar(tokens, 0)?;
        1
    } else {
        writer.list(tokens, 0, 0)?
    };
    let bytes = u64::from(variable.ty.bytes());
    variable.bytes = elements.saturating_mul(bytes);
    Ok(())
}

/// Writes elements into a variable's initial bytes.
struct Writer<'w, 'a> {
    globals: &'w Globals<'a>,
    variable: &'w mut Variable,
    shape: &'w Shape,
}

impl<'a> Writer<'_, 'a> {
    /// Takes `{…}` of dimension `level`, whose first element has index `start`; the index after its last. Values at the
    /// end may be left out: they are zero.
    fn list(&mut self, tokens: &mut Tokens<'a>, level: usize, start: u64) -> Result<u64> {
        tokens.expect("{")?;
        let stride = self.shape.stride(level).unwrap_or(u64::MAX);
        let size = self.shape.dimensions.get(level).copied().flatten();
        let is_innermost = level + 1 == self.shape.dimensions.len();
        let (mut next, mut count) = (start, 0);
        while count > 0 || !tokens.at("}") {
            if size == Some(count) {
                let name = quote(&self.variable.name);
                return Err(tokens.error(format!("{name} has more initial values than elements ({count})")));
            }
            if is_innermost {
                self.scalar(tokens, next)?;
            } else {
                self.list(tokens, level + 1, next)?;
            }
            next = next.saturating_add(stride);
            count += 1;
            if !tokens.accept(",")? {
                break;
            }
        }
        tokens.expect("}")?;
        Ok(start.saturating_add(size.unwrap_or(count).saturating_mul(stride)))
    }

    /// Takes one value and writes it at that index.
    fn scalar(&mut self, tokens: &mut Tokens<'a>, index: u64) -> Result<()> {
        match tokens.token() {
            Token::Identifier("WARP_SZ") => {}
            Token::Identifier("generic") => {
                tokens.advance()?;
                tokens.expect("(")?;
                let name = tokens.identifier("the name of a variable")?;
                tokens.expect(")")?;
                return self.address(tokens, index, name);
            }
            Token::Identifier(name) => {
                tokens.advance()?;
                return self.address(tokens, index, name);
            }
            _ => {}
        }
        let line = tokens.line();
        let value = expressions::parse(tokens)?;
        if tokens.at("(") {
            return Err(unsupported(line, "a mask of an address in an initial value"));
        }
        let bits = bits(tokens, self.variable.ty, value)?;
        self.write(tokens, index, bits)
    }

    /// Notes an address, whose name is read, at that index.
    fn address(&mut self, tokens: &mut Tokens<'a>, index: u64, name: &'a str) -> Result<()> {
        let found = match self.globals.get(name) {
            Some(&Global::Variable(found)) => found,
            Some(Global::Function(_)) => {
                return Err(unsupported(tokens.line(), format!("the address of the function {name} as initial value")));
            }
            None => return Err(tokens.error(format!("{} is not declared", quote(name)))),
        };
        let ty = self.variable.ty;
        if !matches!(ty, Type::U64 | Type::S64 | Type::B64) {
            return Err(tokens.error(format!("an address is an integer of 64 bits, the elements are of type {ty:?}")));
        }
        let addend = if tokens.at("+") { expressions::integer(tokens, "an offset")? } else { 0 };
        tokens.charge(size_of::<(u64, u32, i64)>())?;
        self.variable.relocations.push((8 * index, found, addend));
        self.write(tokens, index, 0)
    }

    fn write(&mut self, tokens: &mut Tokens<'a>, index: u64, bits: u64) -> Result<()> {
        let size = u64::from(self.variable.ty.bytes());
        let end = index.saturating_add(1).saturating_mul(size);
        limit("bytes of a module's variables", end, limits::VARIABLE_BYTES)?;
        let (start, end) = ((index * size) as usize, end as usize);
        let initial = &mut self.variable.initial;
        if initial.len() < end {
            tokens.charge(end - initial.len())?;
            initial.resize(end, 0);
        }
        initial[start..end].copy_from_slice(&bits.to_le_bytes()[..size as usize]);
        Ok(())
    }
}

/// A number as an element of that type, in the low bits.
fn bits(tokens: &Tokens<'_>, ty: Type, value: Value) -> Result<u64> {
    let wrong = |what: &str| tokens.error(format!("{what} cannot be the initial value of an element of {ty:?}"));
    match (ty, value) {
        (Type::F16 | Type::F16x2 | Type::Bf16 | Type::Bf16x2 | Type::Pred, _) => Err(wrong("a constant")),
        (Type::F32, Value::Single(bits)) => Ok(u64::from(bits)),
        (Type::F32, Value::Double(value)) => Ok(u64::from((value as f32).to_bits())),
        (Type::F64, Value::Double(value)) => Ok(value.to_bits()),
        (Type::F64, Value::Single(bits)) => Ok(f64::from(f32::from_bits(bits)).to_bits()),
        (Type::F32 | Type::F64, _) => Err(wrong("an integer")),
        (_, Value::Single(_) | Value::Double(_)) => Err(wrong("a floating-point number")),
        // The low bits are what is stored, as ptxas does: 255 and -1 are the same byte.
        (_, Value::Signed(value)) => Ok(value as u64),
        (_, Value::Unsigned(value)) => Ok(value),
    }
}
