//! The words of an opcode, taken one by one: what is left at the end is not supported.

use crate::error::Error;
use crate::lanes::rounding::Rounding;
use crate::ptx::ast::{Instruction, Type};

/// Words after the first. Each can be taken once.
pub(super) struct Words<'a> {
    instruction: &'a Instruction,
    taken: u64,
}

pub(super) fn type_of(word: &str) -> Option<Type> {
    use Type::*;
    Some(match word {
        "b8" => B8,
        "b16" => B16,
        "b32" => B32,
        "b64" => B64,
        "u8" => U8,
        "u16" => U16,
        "u32" => U32,
        "u64" => U64,
        "s8" => S8,
        "s16" => S16,
        "s32" => S32,
        "s64" => S64,
        "f16" => F16,
        "f16x2" => F16x2,
        "bf16" => Bf16,
        "bf16x2" => Bf16x2,
        "f32" => F32,
        "f64" => F64,
        "pred" => Pred,
        _ => return None,
    })
}

impl<'a> Words<'a> {
    pub(super) fn new(instruction: &'a Instruction) -> Words<'a> {
        Words { instruction, taken: 1 }
    }

    fn rest(&self) -> impl Iterator<Item = (usize, &'a str)> {
        let taken = self.taken;
        let words = self.instruction.opcode.iter().take(64).enumerate();
        words.filter(move |(index, _)| taken >> index & 1 == 0).map(|(index, word)| (index, word.as_str()))
    }

    /// Takes a word if it is there.
    pub(super) fn take(&mut self, wanted: &str) -> bool {
        self.take_if(|word| word == wanted).is_some()
    }

    /// Takes the first of the words that is there.
    pub(super) fn take_any(&mut self, wanted: &[&str]) -> Option<&'a str> {
        self.take_if(|word| wanted.contains(&word))
    }

    pub(super) fn take_if(&mut self, wanted: impl Fn(&str) -> bool) -> Option<&'a str> {
        let (index, word) = self.rest().find(|(_, word)| wanted(word))?;
        self.taken |= 1 << index;
        Some(word)
    }

    /// Takes the next word, whatever it is.
    pub(super) fn next(&mut self) -> Option<&'a str> {
        self.take_if(|_| true)
    }

    /// Takes the first type that is left.
    pub(super) fn ty(&mut self) -> Result<Type, Error> {
        let word = self.take_if(|word| type_of(word).is_some());
        word.and_then(type_of).ok_or_else(|| self.unsupported())
    }

    /// Takes a rounding modifier of floating-point arithmetic.
    pub(super) fn rounding(&mut self) -> Option<Rounding> {
        self.take_any(&["rn", "rz", "rm", "rp"]).map(|word| match word {
            "rz" => Rounding::Zero,
            "rm" => Rounding::Down,
            "rp" => Rounding::Up,
            _ => Rounding::Nearest,
        })
    }

    /// Takes a rounding modifier of a conversion to integers.
    pub(super) fn integer_rounding(&mut self) -> Option<Rounding> {
        self.take_any(&["rni", "rzi", "rmi", "rpi"]).map(|word| match word {
            "rzi" => Rounding::Zero,
            "rmi" => Rounding::Down,
            "rpi" => Rounding::Up,
            _ => Rounding::Nearest,
        })
    }

    /// All words must have been taken.
    pub(super) fn finish(&self) -> Result<(), Error> {
        if self.instruction.opcode.len() <= 64 && self.rest().next().is_none() {
            Ok(())
        } else {
            Err(self.unsupported())
        }
    }

    pub(super) fn unsupported(&self) -> Error {
        let mut what = self.instruction.opcode.join(".");
        what.truncate(what.char_indices().nth(80).map_or(what.len(), |(at, _)| at));
        Error::Unsupported { line: self.instruction.line, what }
    }
}
