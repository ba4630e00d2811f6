//! The names inside a function: registers, variables, labels, with scopes inside scopes (PTX manual, section 5.3).

use std::collections::HashMap;

use super::Result;
use super::ast::{Register, RegisterId, Type};
use super::tokens::{ALLOCATION, Tokens, limit, quote};
use crate::error::Error;
use crate::limits;

/// What a name inside a function stands for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Local {
    Register(RegisterId),
    /// `.reg .v4 .f32 %v`: so many registers one after the other.
    Vector(RegisterId, u32),
    /// An index into the function's variables.
    Variable(u32),
    /// An index into the body's labels.
    Label(u32),
}

/// `.reg .f32 %f<12>`: registers `%f0` to `%f11`. They become registers of the function when they are first used, so that
/// a count costs nothing.
#[derive(Debug, Clone, Copy)]
struct Family {
    count: u32,
    ty: Type,
}

#[derive(Debug, Default)]
struct Scope<'a> {
    /// With the line of the declaration.
    names: HashMap<&'a str, (Local, u32)>,
    families: HashMap<&'a str, Family>,
    /// For the names that end in digits, as for the families: what stands before the digits, and the least number.
    numbered: HashMap<&'a str, u32>,
}

/// The scopes that are open, the registers of all.
#[derive(Debug, Default)]
pub(super) struct Scopes<'a> {
    scopes: Vec<Scope<'a>>,
    registers: Vec<Register>,
    declared: u64,
}

impl<'a> Scopes<'a> {
    pub(super) fn open(&mut self) -> Result<()> {
        self.scopes.push(Scope::default());
        limit("nesting of `{ }`", self.scopes.len() as u64, limits::NESTING as u64)
    }

    pub(super) fn close(&mut self) {
        self.scopes.pop();
    }

    pub(super) fn type_of(&self, register: RegisterId) -> Type {
        self.registers[register as usize].ty
    }

    pub(super) fn into_registers(self) -> Vec<Register> {
        self.registers
    }

    /// What a name stands for in the innermost scope, where it is a label there.
    pub(super) fn label_here(&self, name: &str) -> Option<u32> {
        match self.scopes.last()?.names.get(name) {
            Some(&(Local::Label(label), _)) => Some(label),
            _ => None,
        }
    }

    /// Declares a register, or `lanes` of them as a vector, in the innermost scope.
    pub(super) fn declare_register(
        &mut self,
        tokens: &mut Tokens<'a>,
        name: &'a str,
        ty: Type,
        lanes: u32,
    ) -> Result<RegisterId> {
        self.count_registers(u64::from(lanes))?;
        if lanes == 1 {
            let id = self.add_register(tokens, name.to_owned(), ty)?;
            self.declare(tokens, name, Local::Register(id), tokens.line())?;
            return Ok(id);
        }
        let first = self.registers.len() as RegisterId;
        for component in ["x", "y", "z", "w"].iter().take(lanes as usize) {
            self.add_register(tokens, format!("{name}.{component}"), ty)?;
        }
        self.declare(tokens, name, Local::Vector(first, lanes), tokens.line())?;
        Ok(first)
    }

    /// Declares `prefix<count>` in the innermost scope.
    pub(super) fn declare_family(
        &mut self,
        tokens: &mut Tokens<'a>,
        prefix: &'a str,
        count: u32,
        ty: Type,
    ) -> Result<()> {
        self.count_registers(u64::from(count))?;
        tokens.charge(size_of::<(&str, Family)>() + size_of::<(&str, u32)>())?;
        let Some(scope) = self.scopes.last_mut() else { return Ok(()) };
        let taken = scope.numbered.get(prefix).is_some_and(|&least| least < count);
        if count > 0 && (taken || scope.family_of(prefix, true).is_some()) || scope.families.contains_key(prefix) {
            return Err(tokens
                .error(format!("some of the registers {} are declared twice", quote(&format!("{prefix}<{count}>")))));
        }
        if count > 0 {
            for (prefix, number) in splits(prefix, true) {
                scope.note_number(prefix, number);
            }
        }
        scope.families.insert(prefix, Family { count, ty });
        Ok(())
    }

    /// What a name stands for, from the innermost scope outwards.
    pub(super) fn find(&mut self, tokens: &mut Tokens<'a>, name: &'a str) -> Result<Option<Local>> {
        for level in (0..self.scopes.len()).rev() {
            if let Some(&(local, _)) = self.scopes[level].names.get(name) {
                return Ok(Some(local));
            }
            if let Some(ty) = self.scopes[level].family_of(name, false) {
                let id = self.add_register(tokens, name.to_owned(), ty)?;
                self.scopes[level].names.insert(name, (Local::Register(id), tokens.line()));
                return Ok(Some(Local::Register(id)));
            }
        }
        Ok(None)
    }

    /// Declares a name in the innermost scope.
    pub(super) fn declare(&mut self, tokens: &mut Tokens<'a>, name: &'a str, local: Local, line: u32) -> Result<()> {
        tokens.charge(2 * size_of::<(&str, Local, u32)>())?;
        let Some(scope) = self.scopes.last_mut() else { return Ok(()) };
        let first = scope.names.insert(name, (local, line)).map(|(_, line)| format!(", first in line {line}"));
        if first.is_some() || scope.family_of(name, false).is_some() {
            let (name, first) = (quote(name), first.unwrap_or_default());
            let message = format!("{name} is declared twice in the same scope{first}");
            return Err(Error::Syntax { line, message });
        }
        for (prefix, number) in splits(name, false) {
            scope.note_number(prefix, number);
        }
        Ok(())
    }

    fn add_register(&mut self, tokens: &mut Tokens<'a>, name: String, ty: Type) -> Result<RegisterId> {
        tokens.charge(size_of::<Register>() + ALLOCATION + name.len())?;
        self.registers.push(Register { name, ty });
        Ok((self.registers.len() - 1) as RegisterId)
    }

    fn count_registers(&mut self, more: u64) -> Result<()> {
        self.declared += more;
        limit("registers of a function", self.declared, limits::FUNCTION_REGISTERS as u64)
    }
}

impl<'a> Scope<'a> {
    /// The type of the family that a name belongs to; the name ends in one more `0` than given where `zero`.
    fn family_of(&self, name: &str, zero: bool) -> Option<Type> {
        if self.families.is_empty() {
            return None;
        }
        splits(name, zero).find_map(|(prefix, number)| {
            self.families.get(prefix).filter(|family| number < family.count).map(|family| family.ty)
        })
    }

    fn note_number(&mut self, prefix: &'a str, number: u32) {
        self.numbered.entry(prefix).and_modify(|least| *least = number.min(*least)).or_insert(number);
    }
}

/// The ways to read a name as one of a family: `%r12` is number 2 of `%r1` and number 12 of `%r`. Where `zero`, the name
/// ends in one more `0` than given.
fn splits(name: &str, zero: bool) -> impl Iterator<Item = (&str, u32)> {
    let digits = name.bytes().rev().take_while(u8::is_ascii_digit).take(10).count();
    let shortest = usize::from(!zero);
    (shortest..=digits).filter_map(move |length| {
        let (prefix, digits) = name.split_at(name.len() - length);
        let canonical = !digits.starts_with('0') || (digits.len() == 1 && !zero);
        let number: u64 = if digits.is_empty() { 0 } else { digits.parse().ok()? };
        let number = if zero { 10 * number } else { number };
        u32::try_from(number).ok().filter(|_| canonical).map(|number| (prefix, number))
    })
}
