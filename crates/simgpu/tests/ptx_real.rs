//! Parses what NVIDIA's compilers wrote (`tests/ptx/README.md` has the commands) and looks at what is in it.

use simgpu::ptx::ast::{Base, Instruction, Module, Operand, Space, Type, VariableRef};
use simgpu::ptx::parse;

fn instructions<'m>(module: &'m Module, function: &str) -> &'m [Instruction] {
    let function = module.functions.iter().find(|found| found.name == function).expect("the function");
    &function.body.as_ref().expect("a body").instructions
}

fn find<'m>(instructions: &'m [Instruction], opcode: &str) -> Vec<&'m Instruction> {
    instructions.iter().filter(|found| found.opcode.join(".") == opcode).collect()
}

#[test]
fn tensor_core_instructions_keep_their_modifiers_and_vectors() {
    let module = parse(include_str!("ptx/tensor.ptx")).expect("PTX");
    assert_eq!((module.version, module.target), ((9, 0), 80));
    let tile = instructions(&module, "tile");
    let mma = find(tile, "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32");
    assert_eq!(mma.len(), 1);
    let lengths: Vec<usize> = mma[0].operands.iter().map(|operand| vector(operand).len()).collect();
    assert_eq!(lengths, [4, 4, 2, 4]);
    assert_eq!(vector(&find(tile, "ldmatrix.sync.aligned.m8n8.x4.shared.b16")[0].operands[0]).len(), 4);
    let wait = find(tile, "cp.async.wait_group");
    assert_eq!(wait[0].operands, [Operand::Integer(0)]);
    assert_eq!(find(tile, "bar.sync")[0].operands, [Operand::Integer(0)]);
}

fn vector(operand: &Operand) -> &[Operand] {
    let Operand::Vector(elements) = operand else { panic!("{operand:?} is no vector") };
    elements
}

#[test]
fn launch_bounds_parameters_and_shared_arrays_are_read() {
    let module = parse(include_str!("ptx/tensor.ptx")).expect("PTX");
    let tile = &module.functions[0];
    assert_eq!((tile.name.as_str(), tile.is_entry, tile.threads_required), ("tile", true, false));
    assert_eq!(tile.max_threads, Some([32, 1, 1]));
    assert_eq!(tile.params.len(), 3);
    assert!(tile.variables[..3].iter().all(|param| param.space == Space::Param && param.ty == Type::U64));
    let shared: Vec<u64> =
        tile.variables.iter().filter(|found| found.space == Space::Shared).map(|found| found.bytes).collect();
    assert_eq!(shared.iter().sum::<u64>(), 16 * 24 * 2 + 16 * 8 * 2);
    let scratch = &module.variables[0];
    assert_eq!((scratch.name.as_str(), scratch.is_extern, scratch.bytes, scratch.align), ("scratch", true, 0, 16));
    let first = &instructions(&module, "tile")[0];
    assert_eq!(first.opcode.join("."), "ld.param.u64");
    assert!(matches!(first.operands[1], Operand::Address(Base::Variable(VariableRef::Function(_)), 0)));
}
