//! A kernel without calls: the bodies of device functions stand where they are called.
//!
//! Lanes that part inside a function then need no stack: an instruction's place says all. Recursion has no such form and
//! is refused by a limit on the depth.

use crate::error::Error;
use crate::limits;
use crate::ptx::ast::{
    Base, Function, Guard, Instruction, Module, Operand, Place, RegisterId, Space, Type, Variable, VariableRef,
};

/// A kernel in one piece. Registers, labels and function variables are numbered anew.
#[derive(Debug, Default)]
pub(super) struct Flat {
    pub(super) instructions: Vec<Instruction>,
    /// Operands of all instructions, those in lists included.
    operands: usize,
    /// For each label, the instruction that it stands before.
    pub(super) labels: Vec<u32>,
    pub(super) registers: Vec<Type>,
    pub(super) variables: Vec<Variable>,
    /// Indices into `variables` of the kernel's parameters, in order.
    pub(super) params: Vec<u32>,
}

/// Puts a kernel and everything that it calls into one piece.
pub(super) fn flatten(module: &Module, kernel: &Function) -> Result<Flat, Error> {
    let mut flat = Flat::default();
    let scope = flat.enter(kernel, &Given::default())?;
    flat.params = kernel
        .params
        .iter()
        .filter_map(|place| match place {
            Place::Variable(index) => Some(scope.variables[*index as usize]),
            Place::Register(_) => None,
        })
        .collect();
    flat.body(module, kernel, &scope, 0, None)?;
    Ok(flat)
}

/// The new numbers of a function's names.
#[derive(Debug)]
struct Scope {
    first_register: u32,
    first_label: u32,
    variables: Vec<u32>,
}

/// For each variable of a function that is called, the caller's that stands for it.
#[derive(Debug, Default)]
struct Given(Vec<Option<u32>>);

impl Given {
    fn get(&self, variable: u32) -> Option<u32> {
        self.0.get(variable as usize).copied().flatten()
    }
}

/// An error that names a limit which the value is beyond.
pub(crate) fn at_most(what: &'static str, value: usize, max: usize) -> Result<(), Error> {
    if value > max { Err(Error::Limit { what, value: value as u64, max: max as u64 }) } else { Ok(()) }
}

/// Operands that an operand is made of.
fn weight(operand: &Operand) -> usize {
    match operand {
        Operand::Vector(items) | Operand::List(items) => 1 + items.len(),
        _ => 1,
    }
}

impl Flat {
    /// Numbers a function's registers and variables. `given`: those of its variables that are the caller's.
    fn enter(&mut self, function: &Function, given: &Given) -> Result<Scope, Error> {
        let first_register = self.registers.len() as u32;
        let registers = self.registers.len() + function.registers.len();
        at_most("registers of a kernel and the functions it calls", registers, limits::FUNCTION_REGISTERS)?;
        let variables = self.variables.len() + function.variables.len();
        at_most("variables of a kernel and the functions it calls", variables, limits::FUNCTION_VARIABLES)?;
        self.registers.extend(function.registers.iter().map(|register| register.ty));
        let first_label = self.labels.len() as u32;
        if let Some(body) = &function.body {
            self.labels.resize(self.labels.len() + body.labels.len(), 0);
        }
        let mut variables = Vec::with_capacity(function.variables.len());
        for (index, variable) in function.variables.iter().enumerate() {
            match given.get(index as u32) {
                Some(theirs) => variables.push(theirs),
                None => {
                    variables.push(self.variables.len() as u32);
                    self.variables.push(variable.clone());
                }
            }
        }
        Ok(Scope { first_register, first_label, variables })
    }

    /// Adds a body. `end`: the label that a device function's `ret` goes to.
    fn body(
        &mut self,
        module: &Module,
        function: &Function,
        scope: &Scope,
        depth: usize,
        end: Option<u32>,
    ) -> Result<(), Error> {
        at_most("depth of calls", depth, limits::CALL_DEPTH)?;
        let Some(body) = &function.body else {
            return Err(Error::Unsupported {
                line: function.line,
                what: format!("call of {}, which has no body", function.name),
            });
        };
        // Labels in the order of the instructions that they stand before.
        let mut order: Vec<usize> = (0..body.labels.len()).collect();
        order.sort_by_key(|&label| body.labels[label]);
        let mut next = order.into_iter().peekable();
        for (index, instruction) in body.instructions.iter().enumerate() {
            while let Some(label) = next.next_if(|&label| body.labels[label] as usize <= index) {
                self.labels[scope.first_label as usize + label] = self.instructions.len() as u32;
            }
            match instruction.opcode[0].as_str() {
                "call" => self.call(module, instruction, scope, depth)?,
                "ret" if end.is_some() => self.push(Instruction {
                    opcode: vec!["bra".to_owned()],
                    operands: end.map(Operand::Label).into_iter().collect(),
                    guard: scope.guard(instruction.guard),
                    ..*instruction
                })?,
                _ => self.push(scope.instruction(instruction))?,
            }
        }
        for label in next {
            self.labels[scope.first_label as usize + label] = self.instructions.len() as u32;
        }
        Ok(())
    }

    fn push(&mut self, instruction: Instruction) -> Result<(), Error> {
        let count = self.instructions.len() + 1;
        at_most("instructions of a kernel and the functions it calls", count, limits::FUNCTION_INSTRUCTIONS)?;
        self.operands += instruction.operands.iter().map(weight).sum::<usize>();
        at_most("operands of a kernel and the functions it calls", self.operands, limits::FUNCTION_OPERANDS)?;
        self.instructions.push(instruction);
        Ok(())
    }

    /// Puts the callee's body in the place of a call, with a jump around it where the call is guarded.
    fn call(&mut self, module: &Module, call: &Instruction, caller: &Scope, depth: usize) -> Result<(), Error> {
        let unsupported = |what: &str| Error::Unsupported { line: call.line, what: format!("call {what}") };
        let (mut lists, mut target) = (Vec::new(), None);
        for operand in &call.operands {
            match operand {
                Operand::Function(index) => target = Some((*index, lists.len())),
                Operand::List(items) => lists.push(items.as_slice()),
                _ => return Err(unsupported("through a register")),
            }
        }
        let (index, before) = target.ok_or_else(|| unsupported("without a function"))?;
        let callee = module.functions.get(index as usize).ok_or_else(|| unsupported("of an unknown function"))?;
        let results = if before == 1 { lists[0] } else { &[] };
        let arguments = lists.get(before).copied().unwrap_or(&[]);
        // An assertion that failed ends the kernel.
        if callee.name == "__assertfail" {
            let guard = caller.guard(call.guard);
            return self.push(Instruction { opcode: vec!["trap".to_owned()], operands: Vec::new(), guard, ..*call });
        }
        if results.len() != callee.returns.len() || arguments.len() != callee.params.len() {
            let line = call.line;
            let message = format!(
                "{} takes {} arguments and returns {}; this call has {} and {}",
                callee.name,
                callee.params.len(),
                callee.returns.len(),
                arguments.len(),
                results.len()
            );
            return Err(Error::Syntax { line, message });
        }
        // Calls of empty functions add no instructions, only labels: they are limited alike.
        let labels = self.labels.len() + 2 + callee.body.as_ref().map_or(0, |body| body.labels.len());
        at_most("labels of a kernel and the functions it calls", labels, limits::FUNCTION_INSTRUCTIONS)?;
        let end = self.labels.len() as u32;
        self.labels.push(0);
        if let Some(guard) = caller.guard(call.guard) {
            let around = Guard { negated: !guard.negated, ..guard };
            self.synthetic(call, Some(around), &["bra"], vec![Operand::Label(end)])?;
        }
        let mut given = Given(vec![None; callee.variables.len()]);
        for pair in callee.params.iter().zip(arguments).chain(callee.returns.iter().zip(results)) {
            if let (Place::Variable(mine), Operand::Variable(VariableRef::Function(theirs), 0)) = pair {
                given.0[*mine as usize] = Some(caller.variables[*theirs as usize]);
            }
        }
        let scope = self.enter(callee, &given)?;
        for (place, argument) in callee.params.iter().zip(arguments) {
            self.pass(call, callee, &scope, *place, caller.operand(argument), &given)?;
        }
        let inner_end = self.labels.len() as u32;
        self.labels.push(0);
        self.body(module, callee, &scope, depth + 1, Some(inner_end))?;
        self.labels[inner_end as usize] = self.instructions.len() as u32;
        for (place, result) in callee.returns.iter().zip(results) {
            self.give_back(call, callee, &scope, *place, caller.operand(result), &given)?;
        }
        self.labels[end as usize] = self.instructions.len() as u32;
        Ok(())
    }

    fn synthetic(
        &mut self,
        call: &Instruction,
        guard: Option<Guard>,
        opcode: &[&str],
        operands: Vec<Operand>,
    ) -> Result<(), Error> {
        let opcode = opcode.iter().map(|&word| word.to_owned()).collect();
        self.push(Instruction { guard, opcode, operands, line: call.line, source: call.source })
    }

    /// Moves an argument to where the callee expects it.
    fn pass(
        &mut self,
        call: &Instruction,
        callee: &Function,
        scope: &Scope,
        place: Place,
        value: Operand,
        given: &Given,
    ) -> Result<(), Error> {
        match place {
            Place::Register(register) => {
                let ty = bits_word(callee.registers[register as usize].ty);
                self.synthetic(call, None, &["mov", ty], vec![scope.operand(&Operand::Register(register)), value])
            }
            Place::Variable(mine) if given.get(mine).is_some() => Ok(()),
            Place::Variable(mine) => {
                let ty = bits_word(callee.variables[mine as usize].ty);
                let to = Operand::Address(Base::Variable(VariableRef::Function(scope.variables[mine as usize])), 0);
                self.synthetic(call, None, &["st", "param", ty], vec![to, value])
            }
        }
    }

    /// Moves a returned value to where the caller expects it.
    fn give_back(
        &mut self,
        call: &Instruction,
        callee: &Function,
        scope: &Scope,
        place: Place,
        target: Operand,
        given: &Given,
    ) -> Result<(), Error> {
        match place {
            Place::Register(register) => {
                let ty = bits_word(callee.registers[register as usize].ty);
                self.synthetic(call, None, &["mov", ty], vec![target, scope.operand(&Operand::Register(register))])
            }
            Place::Variable(mine) if given.get(mine).is_some() => Ok(()),
            Place::Variable(mine) => {
                let ty = bits_word(callee.variables[mine as usize].ty);
                let from = Operand::Address(Base::Variable(VariableRef::Function(scope.variables[mine as usize])), 0);
                self.synthetic(call, None, &["ld", "param", ty], vec![target, from])
            }
        }
    }
}

fn bits_word(ty: Type) -> &'static str {
    match ty {
        Type::Pred => "pred",
        _ => match ty.bytes() {
            1 => "b8",
            2 => "b16",
            4 => "b32",
            _ => "b64",
        },
    }
}

impl Scope {
    fn register(&self, register: RegisterId) -> RegisterId {
        self.first_register + register
    }

    fn guard(&self, guard: Option<Guard>) -> Option<Guard> {
        guard.map(|guard| Guard { register: self.register(guard.register), ..guard })
    }

    fn variable(&self, variable: VariableRef) -> VariableRef {
        match variable {
            VariableRef::Function(index) => VariableRef::Function(self.variables[index as usize]),
            VariableRef::Module(_) => variable,
        }
    }

    fn instruction(&self, instruction: &Instruction) -> Instruction {
        Instruction {
            guard: self.guard(instruction.guard),
            opcode: instruction.opcode.clone(),
            operands: instruction.operands.iter().map(|operand| self.operand(operand)).collect(),
            line: instruction.line,
            source: instruction.source,
        }
    }

    fn operand(&self, operand: &Operand) -> Operand {
        match operand {
            Operand::Register(register) => Operand::Register(self.register(*register)),
            Operand::NotRegister(register) => Operand::NotRegister(self.register(*register)),
            Operand::Variable(variable, offset) => Operand::Variable(self.variable(*variable), *offset),
            Operand::Label(label) => Operand::Label(self.first_label + label),
            Operand::Address(Base::Register(register), offset) => {
                Operand::Address(Base::Register(self.register(*register)), *offset)
            }
            Operand::Address(Base::Variable(variable), offset) => {
                Operand::Address(Base::Variable(self.variable(*variable)), *offset)
            }
            Operand::Vector(items) => Operand::Vector(items.iter().map(|item| self.operand(item)).collect()),
            Operand::List(items) => Operand::List(items.iter().map(|item| self.operand(item)).collect()),
            Operand::Pair(first, second) => {
                Operand::Pair(Box::new(self.operand(first)), Box::new(self.operand(second)))
            }
            other => other.clone(),
        }
    }
}

/// Whether a variable is the function's own memory of a thread: `.local`, or `.param` space that is not the kernel's.
pub(super) fn is_of_thread(flat: &Flat, index: u32) -> bool {
    match flat.variables[index as usize].space {
        Space::Local => true,
        Space::Param => !flat.params.contains(&index),
        _ => false,
    }
}
