//! Operands of instructions (PTX manual, chapter 6).

use super::Result;
use super::ast::{Base, Operand, VariableRef};
use super::body::BodyParser;
use super::expressions::{self, Value};
use super::lexer::Token;
use super::scopes::Local;
use super::tokens::{quote, unsupported};
use super::variables::Global;

impl<'a> BodyParser<'_, 'a> {
    /// Takes one operand.
    pub(super) fn operand(&mut self) -> Result<Operand> {
        let first = match self.tokens.token() {
            Token::Symbol("{") => return self.vector(),
            Token::Symbol("[") => return self.address(),
            Token::Symbol("!") => return self.negated(),
            _ => self.simple()?,
        };
        match first {
            Operand::Register(_) | Operand::Sink if self.tokens.accept("|")? => {
                self.tokens.charge(2 * size_of::<Operand>())?;
                Ok(Operand::Pair(Box::new(first), Box::new(self.simple()?)))
            }
            _ => Ok(first),
        }
    }

    /// `(result), function, (a, b)`: the operands of a call.
    pub(super) fn call(&mut self) -> Result<Vec<Operand>> {
        let mut operands = Vec::with_capacity(3);
        if self.tokens.at("(") {
            operands.push(self.list()?);
            self.tokens.expect(",")?;
        }
        let here = self.tokens.here();
        match self.simple()? {
            target @ Operand::Function(_) => operands.push(target),
            Operand::Register(_) => return Err(unsupported(here.line, "a call through a register")),
            _ => return Err(here.expected("the name of a function")),
        }
        if self.tokens.accept(",")? {
            operands.push(self.list()?);
        }
        self.tokens.charge(operands.len() * size_of::<Operand>())?;
        Ok(operands)
    }

    fn list(&mut self) -> Result<Operand> {
        self.tokens.expect("(")?;
        let operands = self.operands_until(")")?;
        Ok(Operand::List(operands))
    }

    /// `{a, b, c, d}`
    fn vector(&mut self) -> Result<Operand> {
        self.tokens.expect("{")?;
        let operands = self.operands_until("}")?;
        Ok(Operand::Vector(operands))
    }

    fn operands_until(&mut self, close: &str) -> Result<Vec<Operand>> {
        let mut operands = Vec::new();
        while !self.tokens.at(close) {
            self.tokens.charge(size_of::<Operand>())?;
            operands.push(self.simple()?);
            if !self.tokens.accept(",")? {
                break;
            }
        }
        self.tokens.expect(close)?;
        Ok(operands)
    }

    /// `!%p1`
    fn negated(&mut self) -> Result<Operand> {
        self.tokens.advance()?;
        let here = self.tokens.here();
        match self.simple()? {
            Operand::Register(register) => Ok(Operand::NotRegister(register)),
            _ => Err(here.expected("a predicate")),
        }
    }

    /// A name or a constant.
    fn simple(&mut self) -> Result<Operand> {
        match self.tokens.token() {
            Token::Identifier("_") => {
                self.tokens.advance()?;
                Ok(Operand::Sink)
            }
            Token::Identifier(name) if name != "WARP_SZ" => self.named(name),
            _ => Ok(match expressions::parse(self.tokens)? {
                Value::Signed(value) => Operand::Integer(value as u64),
                Value::Unsigned(value) => Operand::Integer(value),
                Value::Single(bits) => Operand::Single(bits),
                Value::Double(value) => Operand::Double(value.to_bits()),
            }),
        }
    }

    /// What a name stands for: something of this function, of the module, or a special register.
    fn named(&mut self, name: &'a str) -> Result<Operand> {
        let here = self.tokens.here();
        self.tokens.advance()?;
        match self.scopes.find(self.tokens, name)? {
            Some(Local::Register(id)) => return Ok(Operand::Register(id)),
            Some(Local::Vector(first, lanes)) => return self.component(first, lanes),
            Some(Local::Variable(index)) => return self.variable(VariableRef::Function(index)),
            Some(Local::Label(_)) => return Err(here.error(format!("{} is a label, not a value", quote(name)))),
            None => {}
        }
        match self.globals.get(name) {
            Some(&Global::Variable(index)) => return self.variable(VariableRef::Module(index)),
            Some(&Global::Function(index)) => return Ok(Operand::Function(index)),
            None => {}
        }
        let special = name.strip_prefix('%').filter(|special| is_special(special));
        match special {
            Some(special) => self.special(special),
            None => Err(here.error(format!("{} is not declared", quote(name)))),
        }
    }

    /// `%tid.x`, whose name is read.
    fn special(&mut self, name: &str) -> Result<Operand> {
        let mut name = name.to_owned();
        if let Token::Word(component) = self.tokens.token() {
            let (true, "x" | "y" | "z" | "w") = (has_components(&name), component) else {
                return Err(self.tokens.expected(&format!("a component that {} has", quote(&format!("%{name}")))));
            };
            name = format!("{name}.{component}");
            self.tokens.advance()?;
        }
        self.tokens.charge(name.len())?;
        Ok(Operand::Special(name))
    }

    /// `%v`, which is read, or `%v.x`.
    fn component(&mut self, first: u32, lanes: u32) -> Result<Operand> {
        let Token::Word(word) = self.tokens.token() else {
            self.tokens.charge(lanes as usize * size_of::<Operand>())?;
            return Ok(Operand::Vector((first..first + lanes).map(Operand::Register).collect()));
        };
        let index = match word {
            "x" | "r" => 0,
            "y" | "g" => 1,
            "z" | "b" => 2,
            "w" | "a" => 3,
            _ => lanes,
        };
        if index >= lanes {
            return Err(self.tokens.expected(&format!("one of the {lanes} components of a vector")));
        }
        self.tokens.advance()?;
        Ok(Operand::Register(first + index))
    }

    /// `name`, which is read, or `name+4`.
    fn variable(&mut self, variable: VariableRef) -> Result<Operand> {
        if self.tokens.at("[") {
            return Err(unsupported(self.tokens.line(), "a subscript of an array as operand"));
        }
        Ok(Operand::Variable(variable, self.offset()?))
    }

    /// `+4`, `+-4`, or nothing.
    fn offset(&mut self) -> Result<i64> {
        if self.tokens.at("+") { expressions::integer(self.tokens, "an offset") } else { Ok(0) }
    }

    /// `[register+4]`, `[variable+4]` or `[4]`.
    fn address(&mut self) -> Result<Operand> {
        self.tokens.expect("[")?;
        let here = self.tokens.here();
        let operand = match self.simple()? {
            Operand::Register(id) => Operand::Address(Base::Register(id), self.offset()?),
            Operand::Variable(variable, offset) => Operand::Address(Base::Variable(variable), offset),
            Operand::Integer(address) => Operand::Address(Base::None, address as i64),
            _ => return Err(here.expected("a register, a variable or a constant as address")),
        };
        if self.tokens.at(",") {
            return Err(unsupported(self.tokens.line(), "an address with coordinates"));
        }
        self.tokens.expect("]")?;
        Ok(operand)
    }
}

/// The read-only registers of chapter 10 of the manual, without the percent sign.
fn is_special(name: &str) -> bool {
    let numbered = |prefix: &str| {
        let digits = name.strip_prefix(prefix).map(|rest| rest.strip_suffix("_64").unwrap_or(rest));
        digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
    };
    has_components(name)
        || matches!(name, "laneid" | "warpid" | "nwarpid" | "smid" | "nsmid" | "gridid" | "is_explicit_cluster")
        || matches!(name, "cluster_ctarank" | "cluster_nctarank" | "current_graph_exec")
        || matches!(name, "lanemask_eq" | "lanemask_le" | "lanemask_lt" | "lanemask_ge" | "lanemask_gt")
        || matches!(name, "clock" | "clock_hi" | "clock64" | "globaltimer" | "globaltimer_lo" | "globaltimer_hi")
        || matches!(name, "total_smem_size" | "aggr_smem_size" | "dynamic_smem_size")
        || matches!(name, "reserved_smem_offset_begin" | "reserved_smem_offset_end" | "reserved_smem_offset_cap")
        || ["pm", "envreg", "reserved_smem_offset_"].into_iter().any(numbered)
}

/// Those that are vectors.
fn has_components(name: &str) -> bool {
    matches!(name, "tid" | "ntid" | "ctaid" | "nctaid")
        || matches!(name, "clusterid" | "nclusterid" | "cluster_ctaid" | "cluster_nctaid")
}
