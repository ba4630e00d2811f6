//! Constant expressions (PTX manual, section 4.5): evaluated while they are read.
//!
//! Integers are of 64 bits, signed unless a suffix or their size says otherwise; arithmetic wraps. Decimal floating-point
//! literals are doubles and mix with no integers; `0f…` keeps its exact single and takes part in no arithmetic.

use super::Result;
use super::lexer::Token;
use super::tokens::{Tokens, limit};
use crate::limits;

/// What a constant expression comes to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value {
    Signed(i64),
    Unsigned(u64),
    /// Bits of a single.
    Single(u32),
    Double(f64),
}

/// Takes a constant expression.
pub(super) fn parse(tokens: &mut Tokens<'_>) -> Result<Value> {
    ternary(tokens, 0)
}

/// Takes a constant expression that must be an integer; `what` names it in the error.
pub(super) fn integer(tokens: &mut Tokens<'_>, what: &str) -> Result<i64> {
    let here = tokens.here();
    match parse(tokens)? {
        Value::Signed(value) => Ok(value),
        Value::Unsigned(value) => Ok(value as i64),
        Value::Single(_) | Value::Double(_) => Err(here.expected(&format!("{what} (an integer)"))),
    }
}

/// Binary operators, those that bind least first.
const LEVELS: [&[&str]; 10] = [
    &["||"],
    &["&&"],
    &["|"],
    &["^"],
    &["&"],
    &["==", "!="],
    &["<=", ">=", "<", ">"],
    &["<<", ">>"],
    &["+", "-"],
    &["*", "/", "%"],
];

fn ternary(tokens: &mut Tokens<'_>, depth: usize) -> Result<Value> {
    limit("nesting of a constant expression", depth as u64, limits::NESTING as u64)?;
    let condition = binary(tokens, 0, depth)?;
    if !tokens.accept("?")? {
        return Ok(condition);
    }
    let chosen = is_true(tokens, condition)?;
    let yes = ternary(tokens, depth + 1)?;
    tokens.expect(":")?;
    let no = ternary(tokens, depth + 1)?;
    Ok(if chosen { yes } else { no })
}

/// Operators of `LEVELS[level]` and those that bind more.
fn binary(tokens: &mut Tokens<'_>, level: usize, depth: usize) -> Result<Value> {
    let Some(operators) = LEVELS.get(level) else { return unary(tokens, depth) };
    let mut left = binary(tokens, level + 1, depth)?;
    while let Token::Symbol(operator) = tokens.token() {
        // In `%p|_` the bar parts two operands, but then no number stands before it.
        if !operators.contains(&operator) {
            break;
        }
        tokens.advance()?;
        let right = binary(tokens, level + 1, depth)?;
        left = apply(tokens, operator, left, right)?;
    }
    Ok(left)
}

fn unary(tokens: &mut Tokens<'_>, depth: usize) -> Result<Value> {
    let Token::Symbol(operator @ ("+" | "-" | "!" | "~")) = tokens.token() else { return primary(tokens, depth) };
    limit("nesting of a constant expression", depth as u64, limits::NESTING as u64)?;
    tokens.advance()?;
    let value = unary(tokens, depth + 1)?;
    match (operator, value) {
        ("+", Value::Signed(_) | Value::Unsigned(_) | Value::Double(_)) => Ok(value),
        ("-", Value::Signed(value)) => Ok(Value::Signed(value.wrapping_neg())),
        ("-", Value::Unsigned(value)) => Ok(Value::Unsigned(value.wrapping_neg())),
        ("-", Value::Double(value)) => Ok(Value::Double(-value)),
        ("~", Value::Signed(value)) => Ok(Value::Signed(!value)),
        ("~", Value::Unsigned(value)) => Ok(Value::Unsigned(!value)),
        ("!", Value::Signed(_) | Value::Unsigned(_)) => Ok(truth(!is_true(tokens, value)?)),
        _ => Err(tokens.error(format!("`{operator}` does not apply to {}", kind(value)))),
    }
}

fn primary(tokens: &mut Tokens<'_>, depth: usize) -> Result<Value> {
    let value = match tokens.token() {
        Token::Integer { value, unsigned: true } => Value::Unsigned(value),
        Token::Integer { value, unsigned: false } => Value::Signed(value as i64),
        Token::Single(bits) => Value::Single(bits),
        Token::Double(value) => Value::Double(value),
        Token::Identifier("WARP_SZ") => Value::Signed(32),
        Token::Symbol("(") => return bracketed(tokens, depth),
        _ => return Err(tokens.expected("a constant")),
    };
    tokens.advance()?;
    Ok(value)
}

/// `(expression)`, or a cast: `(.s64)expression`, `(.u64)expression`.
fn bracketed(tokens: &mut Tokens<'_>, depth: usize) -> Result<Value> {
    tokens.expect("(")?;
    if let Token::Word(to @ ("s64" | "u64")) = tokens.token() {
        tokens.advance()?;
        tokens.expect(")")?;
        limit("nesting of a constant expression", depth as u64, limits::NESTING as u64)?;
        return match (to, unary(tokens, depth + 1)?) {
            ("s64", Value::Unsigned(value)) => Ok(Value::Signed(value as i64)),
            ("u64", Value::Signed(value)) => Ok(Value::Unsigned(value as u64)),
            (_, value @ (Value::Signed(_) | Value::Unsigned(_))) => Ok(value),
            (_, value) => Err(tokens.error(format!("a cast to `.{to}` does not apply to {}", kind(value)))),
        };
    }
    let value = ternary(tokens, depth + 1)?;
    tokens.expect(")")?;
    Ok(value)
}

fn apply(tokens: &Tokens<'_>, operator: &str, left: Value, right: Value) -> Result<Value> {
    let mismatch = || tokens.error(format!("`{operator}` does not apply to {} and {}", kind(left), kind(right)));
    if matches!(operator, "&&" | "||") {
        let (left, right) = (is_true(tokens, left)?, is_true(tokens, right)?);
        return Ok(truth(if operator == "&&" { left && right } else { left || right }));
    }
    match (left, right) {
        (Value::Double(left), Value::Double(right)) => doubles(operator, left, right).ok_or_else(mismatch),
        (Value::Single(_) | Value::Double(_), _) | (_, Value::Single(_) | Value::Double(_)) => Err(mismatch()),
        _ => integers(operator, left, right)
            .ok_or_else(|| tokens.error(format!("`{operator}` with zero as its right-hand side"))),
    }
}

fn doubles(operator: &str, left: f64, right: f64) -> Option<Value> {
    Some(match operator {
        "+" => Value::Double(left + right),
        "-" => Value::Double(left - right),
        "*" => Value::Double(left * right),
        "/" => Value::Double(left / right),
        "<" => truth(left < right),
        "<=" => truth(left <= right),
        ">" => truth(left > right),
        ">=" => truth(left >= right),
        "==" => truth(left == right),
        "!=" => truth(left != right),
        _ => return None,
    })
}

/// `None` where the divisor is zero.
fn integers(operator: &str, left: Value, right: Value) -> Option<Value> {
    let (a, b) = (as_bits(left), as_bits(right));
    let signed = matches!((left, right), (Value::Signed(_), Value::Signed(_)));
    let (signed_a, signed_b) = (a as i64, b as i64);
    // Bits that are the same in both types, in the type of the result.
    let of_both = |bits: u64| if signed { Value::Signed(bits as i64) } else { Value::Unsigned(bits) };
    let of_left =
        |bits: u64| if let Value::Signed(_) = left { Value::Signed(bits as i64) } else { Value::Unsigned(bits) };
    let less = if signed { signed_a < signed_b } else { a < b };
    // A shift by 64 or more leaves nothing, as `shl` and `shr` do.
    let amount = u32::try_from(b).unwrap_or(u32::MAX);
    Some(match operator {
        "+" => of_both(a.wrapping_add(b)),
        "-" => of_both(a.wrapping_sub(b)),
        "*" => of_both(a.wrapping_mul(b)),
        "/" | "%" if b == 0 => return None,
        "/" if signed => Value::Signed(signed_a.wrapping_div(signed_b)),
        "/" => Value::Unsigned(a / b),
        "%" if signed => Value::Signed(signed_a.wrapping_rem(signed_b)),
        "%" => Value::Unsigned(a % b),
        "&" => of_both(a & b),
        "|" => of_both(a | b),
        "^" => of_both(a ^ b),
        "<<" => of_left(a.checked_shl(amount).unwrap_or(0)),
        ">>" if matches!(left, Value::Signed(_)) => Value::Signed(signed_a >> amount.min(63)),
        ">>" => of_left(a.checked_shr(amount).unwrap_or(0)),
        "<" => truth(less),
        ">=" => truth(!less),
        ">" => truth(a != b && !less),
        "<=" => truth(a == b || less),
        "==" => truth(a == b),
        _ => truth(a != b),
    })
}

fn truth(value: bool) -> Value {
    Value::Signed(i64::from(value))
}

fn is_true(tokens: &Tokens<'_>, value: Value) -> Result<bool> {
    match value {
        Value::Signed(_) | Value::Unsigned(_) => Ok(as_bits(value) != 0),
        Value::Double(value) => Ok(value != 0.0),
        Value::Single(_) => Err(tokens.error("a `0f` constant takes part in no expression")),
    }
}

fn as_bits(value: Value) -> u64 {
    match value {
        Value::Signed(value) => value as u64,
        Value::Unsigned(value) => value,
        Value::Single(bits) => u64::from(bits),
        Value::Double(value) => value.to_bits(),
    }
}

fn kind(value: Value) -> &'static str {
    match value {
        Value::Signed(_) | Value::Unsigned(_) => "an integer",
        Value::Single(_) => "a `0f` constant",
        Value::Double(_) => "a floating-point number",
    }
}
