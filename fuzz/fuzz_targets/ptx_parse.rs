//! Whatever the text, parsing gives a module or an error: no panic, no hang, no memory without a limit. What it gives is
//! consistent: indices stand for something.
//!
//! The seeds are small texts in `fuzz/seeds` and the PTX files of the parser's tests: `fuzz/run.sh 600 ptx_parse`
#![no_main]

use libfuzzer_sys::fuzz_target;
use simgpu::ptx::ast::{Base, Function, Module, Operand, Place, VariableRef};

fuzz_target!(|text: &str| {
    if let Ok(module) = simgpu::ptx::parse(text) {
        module.functions.iter().for_each(|function| check(&module, function));
        let relocations = module.variables.iter().flat_map(|variable| &variable.relocations);
        relocations.for_each(|&(_, variable, _)| assert!((variable as usize) < module.variables.len()));
        module.variables.iter().for_each(|variable| assert!(variable.initial.len() as u64 <= variable.bytes));
    }
});

fn check(module: &Module, function: &Function) {
    for place in function.params.iter().chain(&function.returns) {
        match *place {
            Place::Register(register) => assert!((register as usize) < function.registers.len()),
            Place::Variable(variable) => assert!((variable as usize) < function.variables.len()),
        }
    }
    let Some(body) = &function.body else { return };
    assert!(body.labels.iter().all(|&label| label as usize <= body.instructions.len()));
    for instruction in &body.instructions {
        assert!(instruction.guard.is_none_or(|guard| (guard.register as usize) < function.registers.len()));
        instruction.operands.iter().for_each(|operand| check_operand(module, function, operand));
    }
}

fn check_operand(module: &Module, function: &Function, operand: &Operand) {
    let variable = |variable: &VariableRef| match *variable {
        VariableRef::Function(index) => assert!((index as usize) < function.variables.len()),
        VariableRef::Module(index) => assert!((index as usize) < module.variables.len()),
    };
    match operand {
        Operand::Register(register)
        | Operand::NotRegister(register)
        | Operand::Address(Base::Register(register), _) => {
            assert!((*register as usize) < function.registers.len());
        }
        Operand::Variable(found, _) | Operand::Address(Base::Variable(found), _) => variable(found),
        Operand::Function(index) => assert!((*index as usize) < module.functions.len()),
        Operand::Label(index) => {
            assert!((*index as usize) < function.body.as_ref().map_or(0, |body| body.labels.len()));
        }
        Operand::Vector(list) | Operand::List(list) => {
            list.iter().for_each(|found| check_operand(module, function, found))
        }
        Operand::Pair(first, second) => {
            [first, second].map(|found| check_operand(module, function, found)).into_iter().collect()
        }
        _ => {}
    }
}
