//! Declarations of variables in memory (PTX manual, section 5.4).

use std::collections::HashMap;

use super::Result;
use super::ast::{Space, Type, Variable};
use super::expressions;
use super::initialisers;
use super::lexer::Token;
use super::tokens::{ALLOCATION, Tokens, limit, quote, unsupported};
use crate::error::Error;
use crate::limits;

/// What a name of module scope stands for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Global {
    /// An index into the module's variables.
    Variable(u32),
    /// An index into the module's functions.
    Function(u32),
}

/// The names of module scope.
pub(super) type Globals<'a> = HashMap<&'a str, Global>;

/// What stands between the state space and the name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Specifier {
    pub(super) align: Option<u32>,
    /// 2 of `.v2`.
    pub(super) lanes: u32,
    pub(super) ty: Type,
}

impl Specifier {
    /// Takes `.align 8 .v2 .f32 .ptr .global .align 4`, in any order.
    pub(super) fn parse(tokens: &mut Tokens<'_>) -> Result<Specifier> {
        let (mut align, mut lanes, mut ty, mut is_pointer) = (None, 1, None, false);
        while let Token::Word(word) = tokens.token() {
            let line = tokens.line();
            if let Some(found) = type_of(word).filter(|_| ty.is_none()) {
                ty = Some(found);
            } else {
                match word {
                    "align" => {
                        let value = alignment(tokens)?;
                        // Behind `.ptr` it is the alignment of what the parameter points to.
                        align = if is_pointer { align } else { Some(value) };
                        continue;
                    }
                    "attribute" => {
                        attribute(tokens)?;
                        continue;
                    }
                    "v2" => lanes = 2,
                    "v4" => lanes = 4,
                    "ptr" => is_pointer = true,
                    "const" | "global" | "local" | "shared" if is_pointer => {}
                    _ => return Err(unsupported(line, format!(".{word}"))),
                }
            }
            tokens.advance()?;
        }
        let ty = ty.ok_or_else(|| tokens.expected("a type such as `.f32`"))?;
        Ok(Specifier { align, lanes, ty })
    }
}

/// Skips `.attribute(…)`.
pub(super) fn attribute(tokens: &mut Tokens<'_>) -> Result<()> {
    tokens.advance()?;
    if !tokens.at("(") {
        return Err(tokens.expected("`(`"));
    }
    tokens.skip_brackets("(", ")")
}

fn alignment(tokens: &mut Tokens<'_>) -> Result<u32> {
    tokens.advance()?;
    let here = tokens.here();
    let align = tokens.u32("an alignment")?;
    if align.is_power_of_two() { Ok(align) } else { Err(here.expected("an alignment (a power of two)")) }
}

/// The state space that a directive names.
pub(super) fn space_of(word: &str) -> Option<Space> {
    match word {
        "global" => Some(Space::Global),
        "const" => Some(Space::Const),
        "shared" => Some(Space::Shared),
        "local" => Some(Space::Local),
        "param" => Some(Space::Param),
        _ => None,
    }
}

fn type_of(word: &str) -> Option<Type> {
    Some(match word {
        "b8" => Type::B8,
        "b16" => Type::B16,
        "b32" => Type::B32,
        "b64" => Type::B64,
        "u8" => Type::U8,
        "u16" => Type::U16,
        "u32" => Type::U32,
        "u64" => Type::U64,
        "s8" => Type::S8,
        "s16" => Type::S16,
        "s32" => Type::S32,
        "s64" => Type::S64,
        "f16" => Type::F16,
        "f16x2" => Type::F16x2,
        "bf16" => Type::Bf16,
        "bf16x2" => Type::Bf16x2,
        "f32" => Type::F32,
        "f64" => Type::F64,
        "pred" => Type::Pred,
        _ => return None,
    })
}

/// Takes what follows the state space of a declaration, `;` included: names, perhaps with initial values.
pub(super) fn declarations<'a>(
    tokens: &mut Tokens<'a>,
    globals: &Globals<'a>,
    space: Space,
    is_extern: bool,
) -> Result<Vec<(&'a str, Variable)>> {
    let specifier = Specifier::parse(tokens)?;
    let mut declared = Vec::new();
    loop {
        let name = tokens.identifier("the name of a variable")?;
        let mut variable = declarator(tokens, specifier, space, name)?;
        variable.is_extern = is_extern;
        let shape = Shape::parse(tokens, specifier.lanes)?;
        if tokens.accept("=")? {
            initialisers::parse(tokens, globals, &mut variable, &shape)?;
        } else {
            variable.bytes = shape.bytes(specifier.ty, is_extern).ok_or_else(|| unsized_error(&variable))?;
        }
        tokens.charge_variable(variable.bytes)?;
        declared.push((name, variable));
        if !tokens.accept(",")? {
            break;
        }
    }
    tokens.expect(";")?;
    Ok(declared)
}

/// Takes a parameter's name and dimensions; `space` and specifier are read already.
pub(super) fn parameter<'a>(tokens: &mut Tokens<'a>, specifier: Specifier) -> Result<(&'a str, Variable)> {
    let name = tokens.identifier("the name of a parameter")?;
    let mut variable = declarator(tokens, specifier, Space::Param, name)?;
    let shape = Shape::parse(tokens, specifier.lanes)?;
    variable.bytes = shape.bytes(specifier.ty, true).ok_or_else(|| unsized_error(&variable))?;
    tokens.charge_variable(variable.bytes)?;
    Ok((name, variable))
}

fn declarator(tokens: &mut Tokens<'_>, specifier: Specifier, space: Space, name: &str) -> Result<Variable> {
    let Specifier { align, lanes, ty } = specifier;
    if ty == Type::Pred {
        return Err(tokens.error("a variable in memory cannot be of type `.pred`"));
    }
    tokens.charge(size_of::<Variable>() + ALLOCATION + name.len())?;
    Ok(Variable {
        name: name.to_owned(),
        space,
        ty,
        align: align.unwrap_or(ty.bytes() * lanes),
        bytes: 0,
        is_extern: false,
        initial: Vec::new(),
        relocations: Vec::new(),
        line: tokens.line(),
    })
}

fn unsized_error(variable: &Variable) -> Error {
    let name = quote(&variable.name);
    let message = format!("the array {name} has no size, and neither `.extern` nor an initial value gives it one");
    Error::Syntax { line: variable.line, message }
}

/// The dimensions of an array, outermost first; a vector type is one more, innermost.
#[derive(Debug)]
pub(super) struct Shape {
    /// The outermost is `None` in `x[]`.
    pub(super) dimensions: Vec<Option<u64>>,
}

impl Shape {
    fn parse(tokens: &mut Tokens<'_>, lanes: u32) -> Result<Shape> {
        let mut dimensions = Vec::new();
        while tokens.accept("[")? {
            limit("dimensions of an array", dimensions.len() as u64 + 1, limits::NESTING as u64)?;
            if dimensions.is_empty() && tokens.at("]") {
                dimensions.push(None);
            } else {
                let here = tokens.here();
                let size = expressions::integer(tokens, "the size of an array")?;
                let size = u64::try_from(size).map_err(|_| here.expected("the size of an array"))?;
                dimensions.push(Some(size));
            }
            tokens.expect("]")?;
        }
        if lanes > 1 {
            dimensions.push(Some(u64::from(lanes)));
        }
        Ok(Shape { dimensions })
    }

    /// Elements in all that one step of dimension `level` passes over; `None` beyond 64 bits or without a size.
    pub(super) fn stride(&self, level: usize) -> Option<u64> {
        let inner = self.dimensions.get(level + 1..).unwrap_or_default();
        inner.iter().try_fold(1u64, |product, size| product.checked_mul((*size)?))
    }

    /// Bytes in all; 0 for an array without a size where that is allowed.
    fn bytes(&self, ty: Type, may_be_unsized: bool) -> Option<u64> {
        match self.dimensions.first() {
            None => Some(u64::from(ty.bytes())),
            Some(None | Some(0)) => may_be_unsized.then_some(0),
            // A product beyond 64 bits is beyond every limit.
            Some(Some(outer)) => {
                let elements = self.stride(0).and_then(|stride| stride.checked_mul(*outer));
                Some(elements.and_then(|elements| elements.checked_mul(u64::from(ty.bytes()))).unwrap_or(u64::MAX))
            }
        }
    }
}
