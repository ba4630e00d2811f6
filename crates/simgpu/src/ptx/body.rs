//! What stands inside a function: declarations, labels, instructions, scopes (PTX manual, sections 4.3 and 5.3).

use std::collections::HashMap;

use super::Result;
use super::ast::{Body, Function, Guard, Instruction, Operand, Type};
use super::lexer::Token;
use super::module;
use super::scopes::{Local, Scopes};
use super::tokens::{ALLOCATION, Tokens, limit, quote, unsupported};
use super::variables::{self, Globals, Specifier};
use crate::error::Error;
use crate::limits;

/// Reads one body.
pub(super) struct BodyParser<'p, 'a> {
    pub(super) tokens: &'p mut Tokens<'a>,
    pub(super) globals: &'p Globals<'a>,
    pub(super) scopes: Scopes<'a>,
    function: Function,
    body: Body,
    source: Option<(u32, u32)>,
    branches: Vec<BranchScope<'a>>,
    uses: Vec<LabelUse<'a>>,
}

/// The branches of one scope. Labels may be used before they stand, so uses are resolved when the scope closes.
#[derive(Debug, Default)]
struct BranchScope<'a> {
    /// `.branchtargets` lists: each name and its line.
    targets: HashMap<&'a str, Vec<(&'a str, u32)>>,
    /// How many uses there were before the scope opened.
    first_use: usize,
}

/// Where a label is an operand.
#[derive(Debug, Clone, Copy)]
struct LabelUse<'a> {
    name: &'a str,
    line: u32,
    /// How many scopes around it are open: an outer scope's `.branchtargets` list does not see labels further in.
    depth: usize,
    instruction: usize,
    operand: usize,
    /// The place in the list, for `brx.idx`.
    element: usize,
}

impl<'p, 'a> BodyParser<'p, 'a> {
    pub(super) fn new(
        tokens: &'p mut Tokens<'a>,
        globals: &'p Globals<'a>,
        function: Function,
        scopes: Scopes<'a>,
    ) -> Self {
        let (branches, uses) = (vec![BranchScope::default()], Vec::new());
        BodyParser { tokens, globals, scopes, function, body: Body::default(), source: None, branches, uses }
    }

    /// Takes the body, braces included.
    pub(super) fn parse(mut self) -> Result<Function> {
        self.tokens.expect("{")?;
        loop {
            match self.tokens.token() {
                Token::Word(word) => self.directive(word)?,
                Token::Identifier(name) => self.label_or_instruction(name)?,
                Token::Symbol("@") => self.guarded()?,
                Token::Symbol("{") => self.open()?,
                Token::Symbol("}") => {
                    self.close()?;
                    if self.branches.is_empty() {
                        break;
                    }
                }
                _ => return Err(self.tokens.expected("an instruction, a directive or `}`")),
            }
        }
        self.function.body = Some(self.body);
        self.function.registers = self.scopes.into_registers();
        Ok(self.function)
    }

    fn open(&mut self) -> Result<()> {
        self.tokens.advance()?;
        self.scopes.open()?;
        self.branches.push(BranchScope { first_use: self.uses.len(), ..BranchScope::default() });
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        self.tokens.advance()?;
        let depth = self.branches.len();
        let Some(scope) = self.branches.pop() else { return Ok(()) };
        let mut unresolved = self.uses.split_off(scope.first_use);
        unresolved.retain(|label_use| match self.scopes.label_here(label_use.name) {
            Some(label) if label_use.depth >= depth => {
                self.resolve(label_use, label);
                false
            }
            _ => true,
        });
        self.scopes.close();
        match unresolved.first() {
            Some(missing) if self.branches.is_empty() => {
                let message = format!("there is no label {} in this scope or around it", quote(missing.name));
                Err(Error::Syntax { line: missing.line, message })
            }
            _ => {
                self.uses.append(&mut unresolved);
                Ok(())
            }
        }
    }

    fn resolve(&mut self, label_use: &LabelUse<'a>, id: u32) {
        let operands = self.body.instructions.get_mut(label_use.instruction).map(|found| &mut found.operands);
        match operands.and_then(|operands| operands.get_mut(label_use.operand)) {
            Some(Operand::Vector(list)) => list[label_use.element] = Operand::Label(id),
            Some(operand) => *operand = Operand::Label(id),
            None => {}
        }
    }

    fn directive(&mut self, word: &'a str) -> Result<()> {
        let line = self.tokens.line();
        match word {
            "loc" => self.source = Some(module::position(self.tokens)?),
            "pragma" => module::skip_pragma(self.tokens)?,
            "reg" => self.registers()?,
            _ => {
                self.tokens.advance()?;
                let space = variables::space_of(word).ok_or_else(|| unsupported(line, format!(".{word}")))?;
                for (name, variable) in variables::declarations(self.tokens, self.globals, space, false)? {
                    let local = Local::Variable(self.function.variables.len() as u32);
                    self.scopes.declare(self.tokens, name, local, variable.line)?;
                    self.function.variables.push(variable);
                }
            }
        }
        Ok(())
    }

    /// `.reg .f32 %f<12>;` and `.reg .v2 .b32 a, b;`
    fn registers(&mut self) -> Result<()> {
        self.tokens.advance()?;
        let Specifier { lanes, ty, .. } = Specifier::parse(self.tokens)?;
        loop {
            let line = self.tokens.line();
            let name = self.tokens.identifier("the name of a register")?;
            if self.tokens.accept("<")? {
                let count = self.tokens.u32("a number of registers")?;
                self.tokens.expect(">")?;
                if lanes > 1 {
                    return Err(unsupported(line, "a number of vectors of registers"));
                }
                self.scopes.declare_family(self.tokens, name, count, ty)?;
            } else {
                self.scopes.declare_register(self.tokens, name, ty, lanes)?;
            }
            if !self.tokens.accept(",")? {
                return self.tokens.expect(";");
            }
        }
    }

    fn label_or_instruction(&mut self, name: &'a str) -> Result<()> {
        let line = self.tokens.line();
        self.tokens.advance()?;
        if !self.tokens.at(":") {
            return self.instruction(name, line, None);
        }
        self.tokens.advance()?;
        match self.tokens.token() {
            Token::Word("branchtargets") => self.branch_targets(name),
            Token::Word(word @ ("callprototype" | "calltargets")) => {
                Err(unsupported(self.tokens.line(), format!(".{word}")))
            }
            _ => self.label(name, line),
        }
    }

    fn label(&mut self, name: &'a str, line: u32) -> Result<()> {
        let label = Local::Label(self.body.labels.len() as u32);
        self.body.labels.push(self.body.instructions.len() as u32);
        self.scopes.declare(self.tokens, name, label, line)
    }

    /// `name: .branchtargets L1, L2;`
    fn branch_targets(&mut self, name: &'a str) -> Result<()> {
        self.tokens.advance()?;
        let mut targets = Vec::new();
        loop {
            self.tokens.charge(size_of::<(&str, u32)>())?;
            let line = self.tokens.line();
            targets.push((self.tokens.identifier("a label")?, line));
            if !self.tokens.accept(",")? {
                break;
            }
        }
        self.tokens.expect(";")?;
        let first = self.branches.last_mut().and_then(|scope| scope.targets.insert(name, targets));
        first.map_or(Ok(()), |_| Err(self.tokens.error(format!("the list {} stands twice in its scope", quote(name)))))
    }

    /// `@%p1` or `@!%p1` and the instruction behind it.
    fn guarded(&mut self) -> Result<()> {
        self.tokens.advance()?;
        let negated = self.tokens.accept("!")?;
        let here = self.tokens.here();
        let name = self.tokens.identifier("a predicate")?;
        let Some(Local::Register(register)) = self.scopes.find(self.tokens, name)? else {
            return Err(here.expected("a predicate register"));
        };
        let ty = self.scopes.type_of(register);
        if ty != Type::Pred {
            return Err(here.error(format!("a guard is of type .pred, {} is of type {ty:?}", quote(name))));
        }
        let line = self.tokens.line();
        let name = self.tokens.identifier("an instruction")?;
        self.instruction(name, line, Some(Guard { register, negated }))
    }

    /// Takes an instruction whose first word is read.
    fn instruction(&mut self, name: &'a str, line: u32, guard: Option<Guard>) -> Result<()> {
        let count = self.body.instructions.len() as u64 + 1;
        limit("instructions of a function", count, limits::FUNCTION_INSTRUCTIONS as u64)?;
        let mut opcode = Vec::with_capacity(4);
        opcode.push(name.to_owned());
        while let Token::Word(word) = self.tokens.token() {
            opcode.push(word.to_owned());
            self.tokens.advance()?;
        }
        let text: usize = opcode.iter().map(|word| ALLOCATION + word.len()).sum();
        let list = ALLOCATION + opcode.capacity() * size_of::<String>();
        self.tokens.charge(size_of::<Instruction>() + list + text)?;
        let operands = if name == "call" { self.call()? } else { self.operands(name)? };
        self.tokens.expect(";")?;
        self.body.instructions.push(Instruction { guard, opcode, operands, line, source: self.source });
        Ok(())
    }

    /// Takes what stands before `;`. Only branches name labels.
    fn operands(&mut self, opcode: &str) -> Result<Vec<Operand>> {
        let mut operands = Vec::new();
        while !self.tokens.at(";") {
            self.tokens.charge(size_of::<Operand>())?;
            let operand = match (opcode, operands.len()) {
                ("bra", index @ 0) => self.label_use(index)?,
                ("brx", index @ 1) => self.list_use(index)?,
                _ => self.operand()?,
            };
            operands.push(operand);
            if !self.tokens.accept(",")? {
                break;
            }
        }
        Ok(operands)
    }

    fn label_use(&mut self, operand: usize) -> Result<Operand> {
        let line = self.tokens.line();
        let name = self.tokens.identifier("a label")?;
        let (depth, instruction) = (self.branches.len(), self.body.instructions.len());
        self.note_use(LabelUse { name, line, depth, instruction, operand, element: 0 })?;
        Ok(Operand::Label(0))
    }

    /// The list that `brx.idx` names, as a vector of labels.
    fn list_use(&mut self, operand: usize) -> Result<Operand> {
        let here = self.tokens.here();
        let list = self.tokens.identifier("the name of a `.branchtargets` list")?;
        let level = self.branches.iter().rposition(|scope| scope.targets.contains_key(list));
        let level = level.ok_or_else(|| here.expected("the name of a `.branchtargets` list that stands before"))?;
        let targets = self.branches[level].targets[list].clone();
        let instruction = self.body.instructions.len();
        for (element, &(name, line)) in targets.iter().enumerate() {
            self.note_use(LabelUse { name, line, depth: level + 1, instruction, operand, element })?;
        }
        Ok(Operand::Vector(vec![Operand::Label(0); targets.len()]))
    }

    fn note_use(&mut self, label_use: LabelUse<'a>) -> Result<()> {
        self.tokens.charge(size_of::<LabelUse<'_>>() + size_of::<Operand>())?;
        self.uses.push(label_use);
        Ok(())
    }
}
