//! Instructions that treat every lane alike.

use super::super::{Slot, Work};
use super::{Decoder, Words, is_wide};
use crate::error::Error;
use crate::lanes::convert::Mode;
use crate::lanes::float::Modifiers;
use crate::lanes::half::Clamp;
use crate::lanes::rounding::Rounding;
use crate::lanes::{Variants, bits, compare, convert, float, half, integer};
use crate::ptx::ast::{Operand, Type};

fn is_half(ty: Type) -> bool {
    matches!(ty, Type::F16 | Type::F16x2 | Type::Bf16 | Type::Bf16x2)
}

fn is_real(ty: Type) -> bool {
    matches!(ty, Type::F32 | Type::F64)
}

/// What `flops` operations of a type count as.
fn flops(ty: Type, flops: u8) -> Work {
    match ty {
        Type::F32 => Work { flops_f32: flops, ..Work::default() },
        Type::F64 => Work { flops_f64: flops, ..Work::default() },
        Type::F16x2 | Type::Bf16x2 => Work { flops_f16: 2 * flops, ..Work::default() },
        Type::F16 | Type::Bf16 => Work { flops_f16: flops, ..Work::default() },
        _ => Work::default(),
    }
}

impl Decoder<'_> {
    /// Decodes an instruction of this kind; says whether it is one.
    pub(super) fn arithmetic(&mut self, name: &str, words: &mut Words<'_>) -> Result<bool, Error> {
        match name {
            "add" | "sub" | "mul" | "fma" | "mad" | "min" | "max" | "neg" | "abs" => self.basic(name, words)?,
            "addc" | "subc" | "madc" => self.carry(name, words)?,
            "div" | "rem" | "sad" | "mul24" | "mad24" | "dp4a" | "popc" | "clz" | "brev" | "bfind" | "bfe" | "bfi"
            | "prmt" | "lop3" | "shf" | "shl" | "shr" | "and" | "or" | "xor" | "not" | "cnot" | "bmsk" | "dp2a"
            | "szext" => self.integers(name, words)?,
            "rcp" | "sqrt" | "rsqrt" | "ex2" | "lg2" | "sin" | "cos" | "tanh" | "copysign" | "testp" => {
                self.functions(name, words)?
            }
            "setp" => self.set_predicate(words)?,
            "set" => self.set(words)?,
            "selp" => self.select(words)?,
            "slct" => self.select_by_sign(words)?,
            "cvt" => self.convert(words)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// d ← f(operands 1…), all of one type.
    fn simple(&mut self, variants: Option<Variants>, ty: Type, work: Work) -> Result<(), Error> {
        let target = self.target(self.operand(0)?, ty)?;
        let sources = self.sources(1, &vec![ty; self.at.operands.len().saturating_sub(1).min(4)])?;
        self.work(variants, target, &sources, work)
    }

    /// Sources from an index on. Two that need a temporary of their own (a negated predicate, a register that is cut) would
    /// share it, and are refused.
    fn sources(&mut self, first: usize, types: &[Type]) -> Result<Vec<Slot>, Error> {
        let mut slots = Vec::with_capacity(types.len());
        let mut made = 0;
        for (index, &ty) in types.iter().enumerate() {
            let before = self.program.ops.len();
            slots.push(self.source(self.operand(first + index)?, ty)?);
            made += usize::from(self.program.ops.len() != before);
        }
        if made > 1 { Err(Words::new(self.at).unsupported()) } else { Ok(slots) }
    }

    fn basic(&mut self, name: &str, words: &mut Words<'_>) -> Result<(), Error> {
        let how = words.take_any(&["lo", "hi", "wide"]);
        let rounding = words.rounding();
        let (ftz, sat) = (words.take("ftz"), words.take("sat"));
        let keep_nan = words.take("NaN");
        let relu = words.take("relu");
        let carry = words.take("cc");
        let ty = words.ty()?;
        if carry {
            return self.with_carry(name, how, ty, false);
        }
        let sums = matches!(name, "add" | "sub" | "mul" | "fma" | "mad");
        let applies = (how.is_none() || !is_real(ty) && !is_half(ty))
            && (sums || rounding.is_none() && !sat)
            && (!keep_nan || matches!(name, "min" | "max"))
            && (!relu || name == "fma" && is_half(ty))
            && (rounding.unwrap_or_default() == Rounding::Nearest || !is_half(ty));
        if !applies {
            return Err(words.unsupported());
        }
        let modifiers = Modifiers { rounding: rounding.unwrap_or_default(), ftz, sat };
        let operations = if matches!(name, "fma" | "mad") { 2 } else { 1 };
        let variants = if is_real(ty) {
            match name {
                "add" => float::add(ty, modifiers),
                "sub" => float::sub(ty, modifiers),
                "mul" => float::mul(ty, modifiers),
                "fma" | "mad" => float::fma(ty, modifiers),
                "min" => float::min(ty, ftz, keep_nan),
                "max" => float::max(ty, ftz, keep_nan),
                "neg" => float::neg(ty, ftz),
                _ => float::abs(ty, ftz),
            }
        } else if is_half(ty) {
            let clamp = match (sat, relu) {
                (true, true) => return Err(words.unsupported()),
                (true, false) => Clamp::Unit,
                (false, true) => Clamp::Positive,
                (false, false) => Clamp::None,
            };
            match name {
                "add" => half::add(ty, ftz, clamp),
                "sub" => half::sub(ty, ftz, clamp),
                "mul" => half::mul(ty, ftz, clamp),
                "fma" => half::fma(ty, ftz, clamp),
                "min" => half::min(ty, ftz, keep_nan),
                "max" => half::max(ty, ftz, keep_nan),
                "neg" if !ftz => half::neg(ty),
                "abs" if !ftz => half::abs(ty),
                _ => None,
            }
        } else if rounding.is_some() || ftz {
            None
        } else {
            return self.basic_integer(name, how, ty, sat);
        };
        let counted = !matches!(name, "neg" | "abs");
        self.simple(variants, ty, if counted { flops(ty, operations) } else { Work::default() })
    }

    fn basic_integer(&mut self, name: &str, how: Option<&str>, ty: Type, sat: bool) -> Result<(), Error> {
        let wide = match ty {
            Type::U16 => Type::U32,
            Type::S16 => Type::S32,
            Type::U32 => Type::U64,
            _ => Type::S64,
        };
        let variants = match (name, how, sat) {
            ("add", None, false) => integer::add(ty),
            ("add", None, true) => integer::add_saturating(ty),
            ("sub", None, false) => integer::sub(ty),
            ("sub", None, true) => integer::sub_saturating(ty),
            ("mul", Some("lo"), false) => integer::mul_lo(ty),
            ("mul", Some("hi"), false) => integer::mul_hi(ty),
            ("mad", Some("lo"), false) => integer::mad_lo(ty),
            ("mad", Some("hi"), false) => integer::mad_hi(ty),
            ("mul", Some("wide"), false) => {
                let target = self.target(self.operand(0)?, wide)?;
                let sources = self.sources(1, &[ty, ty])?;
                return self.lanes(integer::mul_wide(ty), target, &sources);
            }
            ("mad", Some("wide"), false) => {
                let target = self.target(self.operand(0)?, wide)?;
                let sources = self.sources(1, &[ty, ty, wide])?;
                return self.lanes(integer::mad_wide(ty), target, &sources);
            }
            ("min", None, false) => integer::min(ty),
            ("max", None, false) => integer::max(ty),
            ("neg", None, false) => integer::neg(ty),
            ("abs", None, false) => integer::abs(ty),
            _ => None,
        };
        self.simple(variants, ty, Work::default())
    }

    /// The carry flag as a predicate.
    fn flag(&mut self) -> Slot {
        self.temporary(4, false)
    }

    fn carry(&mut self, name: &str, words: &mut Words<'_>) -> Result<(), Error> {
        let how = words.take_any(&["lo", "hi"]);
        let sets = words.take("cc");
        let ty = words.ty()?;
        if sets {
            return self.with_carry(name, how, ty, true);
        }
        let (target, flag) = (self.target(self.operand(0)?, ty)?, self.flag());
        let (a, b) = self.summands(name, how, ty)?;
        let wide = is_wide(ty);
        let variants = if name == "subc" { integer::sub_borrow(wide) } else { integer::add_carry(wide) };
        self.lanes(Some(variants), target, &[a, b, flag])
    }

    /// An instruction that sets the carry flag, and uses it where `uses` says.
    fn with_carry(&mut self, name: &str, how: Option<&str>, ty: Type, uses: bool) -> Result<(), Error> {
        let (target, flag) = (self.target(self.operand(0)?, ty)?, self.flag());
        let (a, b) = self.summands(name, how, ty)?;
        let wide = is_wide(ty);
        let carry = if uses { flag } else { self.constant(0) };
        let subtract = name.starts_with("sub");
        let (value, out) = if subtract {
            (integer::sub_borrow(wide), integer::sub_borrow_out(wide))
        } else {
            (integer::add_carry(wide), integer::add_carry_out(wide))
        };
        // The flag first, into a place of its own: the target may be one of the summands.
        let new_flag = self.temporary(3, false);
        self.lanes(Some(out), new_flag, &[a, b, carry])?;
        self.lanes(Some(value), target, &[a, b, carry])?;
        self.lanes(Some(integer::mov(false)), flag, &[new_flag])
    }

    /// What is added: a and b, or for `mad` the product of a and b, and c.
    fn summands(&mut self, name: &str, how: Option<&str>, ty: Type) -> Result<(Slot, Slot), Error> {
        if !matches!(ty, Type::U32 | Type::S32 | Type::B32 | Type::U64 | Type::S64 | Type::B64) {
            return Err(Words::new(self.at).unsupported());
        }
        if !name.starts_with("mad") {
            let sources = self.sources(1, &[ty, ty])?;
            return Ok((sources[0], sources[1]));
        }
        let sources = self.sources(1, &[ty, ty, ty])?;
        let product = self.temporary(2, is_wide(ty));
        let variants = if how == Some("hi") { integer::mul_hi(ty) } else { integer::mul_lo(ty) };
        self.lanes(variants, product, &sources[..2])?;
        Ok((product, sources[2]))
    }

    fn integers(&mut self, name: &str, words: &mut Words<'_>) -> Result<(), Error> {
        match name {
            "div" => return self.divide(words),
            "shf" => {
                let left = words.take_any(&["l", "r"]) == Some("l");
                let wrap = words.take_any(&["wrap", "clamp"]) == Some("wrap");
                if words.ty()? != Type::B32 {
                    return Err(words.unsupported());
                }
                return self.simple(Some(bits::shf(left, wrap)), Type::B32, Work::default());
            }
            "shl" | "shr" => {
                let ty = words.ty()?;
                let target = self.target(self.operand(0)?, ty)?;
                let sources = self.sources(1, &[ty, Type::U32])?;
                let variants = if name == "shl" { bits::shl(ty) } else { bits::shr(ty) };
                return self.lanes(variants, target, &sources);
            }
            "prmt" => {
                words.ty()?;
                let variants = bits::prmt(words.take_if(|_| true));
                return self.simple(variants, Type::B32, Work::default());
            }
            "bfind" => {
                let shift = words.take("shiftamt");
                let ty = words.ty()?;
                return self.count(bits::bfind(ty, shift), ty);
            }
            "popc" | "clz" => {
                let ty = words.ty()?;
                return self.count(if name == "popc" { bits::popc(ty) } else { bits::clz(ty) }, ty);
            }
            "bfe" => {
                let ty = words.ty()?;
                let target = self.target(self.operand(0)?, ty)?;
                let sources = self.sources(1, &[ty, Type::U32, Type::U32])?;
                return self.lanes(bits::bfe(ty), target, &sources);
            }
            "bfi" => {
                let ty = words.ty()?;
                let target = self.target(self.operand(0)?, ty)?;
                let sources = self.sources(1, &[ty, ty, Type::U32, Type::U32])?;
                return self.lanes(bits::bfi(ty), target, &sources);
            }
            "szext" => {
                let wrap = words.take_any(&["clamp", "wrap"]).ok_or_else(|| words.unsupported())? == "wrap";
                let ty = words.ty()?;
                let target = self.target(self.operand(0)?, ty)?;
                let sources = self.sources(1, &[ty, Type::U32])?;
                return self.lanes(bits::szext(ty, wrap), target, &sources);
            }
            "dp4a" | "dp2a" => {
                let half = if name == "dp2a" { words.take_any(&["lo", "hi"]) } else { None };
                let (a, b) = (words.ty()?, words.ty()?);
                let known = [a, b].iter().all(|ty| matches!(ty, Type::U32 | Type::S32));
                if !known || (name == "dp2a") != half.is_some() {
                    return Err(words.unsupported());
                }
                let variants = match half {
                    Some(half) => integer::dp2a(a == Type::S32, b == Type::S32, half == "hi"),
                    None => integer::dp4a(a == Type::S32, b == Type::S32),
                };
                return self.simple(Some(variants), Type::B32, Work::default());
            }
            "lop3" => {
                words.ty()?;
                return self.simple(Some(bits::lop3()), Type::B32, Work::default());
            }
            _ => {}
        }
        let how = words.take_any(&["lo", "hi"]);
        let clamp = words.take_any(&["clamp", "wrap"]);
        let ty = words.ty()?;
        let variants = match name {
            "rem" => integer::rem(ty),
            "sad" => integer::sad(ty),
            "mul24" if how == Some("lo") => integer::mul24_lo(ty),
            "mul24" if how == Some("hi") => integer::mul24_hi(ty),
            "mad24" if how == Some("lo") => integer::mad24_lo(ty),
            "mad24" if how == Some("hi") => integer::mad24_hi(ty),
            "brev" => bits::brev(ty),
            "and" => bits::and(ty),
            "or" => bits::or(ty),
            "xor" => bits::xor(ty),
            "not" => bits::not(ty),
            "cnot" => bits::cnot(ty),
            "bmsk" if ty == Type::B32 => clamp.map(|clamp| bits::bmsk(clamp == "wrap")),
            _ => None,
        };
        self.simple(variants, ty, Work::default())
    }

    /// A 32-bit count of something of a type.
    fn count(&mut self, variants: Option<Variants>, ty: Type) -> Result<(), Error> {
        let target = self.target(self.operand(0)?, Type::U32)?;
        let source = self.source(self.operand(1)?, ty)?;
        self.lanes(variants, target, &[source])
    }

    fn divide(&mut self, words: &mut Words<'_>) -> Result<(), Error> {
        let approximate = words.take_any(&["approx", "full"]).is_some();
        let rounding = words.rounding().unwrap_or_default();
        let ftz = words.take("ftz");
        let ty = words.ty()?;
        if (approximate || ftz) && ty != Type::F32 {
            return Err(words.unsupported());
        }
        if is_real(ty) {
            self.simple(float::div(ty, Modifiers { rounding, ftz, sat: false }), ty, flops(ty, 1))
        } else {
            self.simple(integer::div(ty), ty, Work::default())
        }
    }

    fn functions(&mut self, name: &str, words: &mut Words<'_>) -> Result<(), Error> {
        let approximate = words.take("approx");
        let rounding = words.rounding();
        let ftz = words.take("ftz");
        if approximate && rounding.is_some() {
            return Err(words.unsupported());
        }
        if name == "testp" {
            let property = words.next().unwrap_or_default();
            let ty = words.ty()?;
            let target = self.target(self.operand(0)?, Type::Pred)?;
            let source = self.source(self.operand(1)?, ty)?;
            return self.lanes(float::testp(ty, property), target, &[source]);
        }
        let ty = words.ty()?;
        let modifiers = Modifiers { rounding: rounding.unwrap_or_default(), ftz, sat: false };
        let special = Work { special: 1, ..Work::default() };
        match name {
            "copysign" => self.simple(float::copysign(ty), ty, Work::default()),
            "rcp" if approximate && ty == Type::F64 => {
                let variants = ftz.then(float::rcp_approximate_f64);
                self.simple(variants, ty, special)
            }
            "rcp" => self.simple(float::rcp(ty, modifiers), ty, if approximate { special } else { flops(ty, 1) }),
            "sqrt" => self.simple(float::sqrt(ty, modifiers), ty, if approximate { special } else { flops(ty, 1) }),
            _ if is_half(ty) => self.simple(half::special(name, ty, ftz), ty, special),
            _ => self.simple(float::special(name, ty, ftz), ty, special),
        }
    }

    /// `setp.op[.bool][.ftz].type p[|q], a, b[, c]`.
    fn set_predicate(&mut self, words: &mut Words<'_>) -> Result<(), Error> {
        let (comparison, combine) = self.comparison(words);
        let ftz = words.take("ftz");
        let ty = words.ty()?;
        let sources = self.sources(1, &[ty, ty])?;
        let variants = compare::compare(&comparison, ty, ftz);
        let (first, second) = match self.operand(0)? {
            Operand::Pair(first, second) => (&**first, Some(&**second)),
            one => (one, None),
        };
        let target = self.target(first, Type::Pred)?;
        if combine.is_none() && second.is_none() {
            return self.lanes(variants, target, &sources);
        }
        let (result, negated) = (self.temporary(0, false), self.temporary(1, false));
        self.lanes(variants, result, &sources)?;
        let with = match &combine {
            Some(_) => Some(self.source(self.operand(3)?, Type::Pred)?),
            None => None,
        };
        // The third operand may be one of the targets: keep it.
        let kept = self.temporary(2, false);
        if let Some(with) = with {
            self.lanes(Some(integer::mov(false)), kept, &[with])?;
        }
        self.lanes(bits::not(Type::Pred), negated, &[result])?;
        let mut writes = vec![(target, result)];
        if let Some(second) = second.filter(|second| **second != Operand::Sink) {
            writes.push((self.target(second, Type::Pred)?, negated));
        }
        // The guard decides about each write: where it is a target itself, it is written last.
        let guard = self.at.guard.map(|guard| self.register(guard.register));
        writes.sort_by_key(|(target, _)| Some(*target) == guard);
        writes.into_iter().try_for_each(|(target, value)| self.combine(combine.as_deref(), target, value, kept))
    }

    fn comparison(&self, words: &mut Words<'_>) -> (String, Option<String>) {
        let comparison = words.next().unwrap_or_default().to_owned();
        (comparison, words.take_any(&["and", "or", "xor"]).map(str::to_owned))
    }

    fn combine(&mut self, with: Option<&str>, target: Slot, value: Slot, other: Slot) -> Result<(), Error> {
        let variants = match with {
            None => return self.lanes(Some(integer::mov(false)), target, &[value]),
            Some("and") => bits::and(Type::Pred),
            Some("or") => bits::or(Type::Pred),
            Some(_) => bits::xor(Type::Pred),
        };
        self.lanes(variants, target, &[value, other])
    }

    /// `set.op[.bool][.ftz].dtype.stype d, a, b[, c]`.
    fn set(&mut self, words: &mut Words<'_>) -> Result<(), Error> {
        let (comparison, combine) = self.comparison(words);
        let ftz = words.take("ftz");
        let (to, from) = (words.ty()?, words.ty()?);
        if matches!(from, Type::F16x2 | Type::Bf16x2) {
            return match combine {
                Some(_) => Err(words.unsupported()),
                None => self.simple_set(&comparison, ftz, to, from),
            };
        }
        let target = self.target(self.operand(0)?, to)?;
        let sources = self.sources(1, &[from, from])?;
        let result = self.temporary(0, false);
        self.lanes(compare::compare(&comparison, from, ftz), result, &sources)?;
        if combine.is_some() {
            let with = self.source(self.operand(3)?, Type::Pred)?;
            self.combine(combine.as_deref(), result, result, with)?;
        }
        self.lanes(compare::widen(to), target, &[result])
    }

    /// Both halves of a pair: all ones or 1.0 in each half of the target.
    fn simple_set(&mut self, comparison: &str, ftz: bool, to: Type, from: Type) -> Result<(), Error> {
        let target = self.target(self.operand(0)?, Type::B32)?;
        let sources = self.sources(1, &[from, from])?;
        self.lanes(compare::compare_pair(comparison, to, from, ftz), target, &sources)
    }

    fn select(&mut self, words: &mut Words<'_>) -> Result<(), Error> {
        let ty = words.ty()?;
        let target = self.target(self.operand(0)?, ty)?;
        let sources = self.sources(1, &[ty, ty, Type::Pred])?;
        self.lanes(Some(compare::select(is_wide(ty))), target, &sources)
    }

    fn select_by_sign(&mut self, words: &mut Words<'_>) -> Result<(), Error> {
        let ftz = words.take("ftz");
        let (ty, by) = (words.ty()?, words.ty()?);
        if !matches!(by, Type::S32 | Type::F32) || ftz && by != Type::F32 {
            return Err(words.unsupported());
        }
        let target = self.target(self.operand(0)?, ty)?;
        let sources = self.sources(1, &[ty, ty, by])?;
        self.lanes(Some(compare::select_by_sign(is_wide(ty), by == Type::F32, ftz)), target, &sources)
    }

    /// `cvt[.rounding][.ftz][.sat][.relu].dtype.atype d, a[, b]`.
    fn convert(&mut self, words: &mut Words<'_>) -> Result<(), Error> {
        if words.take("rna") && words.take("tf32") {
            words.take("satfinite");
            words.take("f32");
            return self.simple(Some(convert::tf32()), Type::F32, Work::default());
        }
        let mode = match (words.integer_rounding(), words.rounding()) {
            (Some(rounding), _) => Mode::Integer(rounding),
            (None, Some(rounding)) => Mode::Float(rounding),
            (None, None) => Mode::Exact,
        };
        let (ftz, relu, sat) = (words.take("ftz"), words.take("relu"), words.take("sat"));
        let (to, from) = (words.ty()?, words.ty()?);
        if matches!(to, Type::F16x2 | Type::Bf16x2) {
            if ftz || sat || from != Type::F32 {
                return Err(words.unsupported());
            }
            let target = self.target(self.operand(0)?, to)?;
            let sources = self.sources(1, &[from, from])?;
            return self.lanes(convert::convert_pair(to, mode, relu), target, &sources);
        }
        // Integral rounding may be left out where a float becomes an integer of the same meaning: it truncates.
        let mode = if mode == Mode::Exact && is_real(from) && !is_real(to) && !is_half(to) {
            Mode::Integer(Rounding::Zero)
        } else {
            mode
        };
        let source = self.wider_source(self.operand(1)?, from)?;
        let variants = convert::convert(to, from, mode, ftz, sat, relu);
        let has = match self.operand(0)? {
            Operand::Register(register) => self.register_type(*register),
            _ => to,
        };
        if is_wide(has) && !is_wide(to) {
            // A wider register takes the value extended by its sign, or by zeros.
            let narrow = self.temporary(0, false);
            self.lanes(variants, narrow, &[source])?;
            let target = self.target(self.operand(0)?, has)?;
            let extend = if matches!(to, Type::S8 | Type::S16 | Type::S32) { Type::S64 } else { Type::U64 };
            return self.lanes(convert::convert(extend, to, Mode::Exact, false, false, false), target, &[narrow]);
        }
        let target = self.target(self.operand(0)?, if has.bytes() > to.bytes() { has } else { to })?;
        self.lanes(variants, target, &[source])
    }
}
