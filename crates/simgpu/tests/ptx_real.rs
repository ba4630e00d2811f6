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
    assert_eq!(tile.threads_max, Some([32, 1, 1]));
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

fn load(name: &str) -> Module {
    let path = format!("{}/tests/ptx/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Instructions and labels of all functions, as counted in the text by other means: `;` behind opcodes, `:` behind names.
#[test]
fn nothing_is_lost() {
    let files = [
        ("language.ptx", 9, 9),
        ("language-unoptimised.ptx", 9, 28),
        ("parts.ptx", 9, 4),
        ("parts-unoptimised.ptx", 9, 20),
        ("saxpy.ptx", 8, 1),
        ("tensor.ptx", 9, 2),
        ("tensor-debug.ptx", 9, 13),
    ];
    for (name, version, functions) in files {
        let module = load(name);
        assert_eq!((module.version, module.target), ((version, 0), 80), "{name}");
        assert_eq!(module.functions.len(), functions, "{name}");
        let text = std::fs::read_to_string(format!("{}/tests/ptx/{name}", env!("CARGO_MANIFEST_DIR"))).expect("a file");
        let bodies: Vec<_> = module.functions.iter().filter_map(|function| function.body.as_ref()).collect();
        let instructions: usize = bodies.iter().map(|body| body.instructions.len()).sum();
        let labels: usize = bodies.iter().map(|body| body.labels.len()).sum();
        assert_eq!((instructions, labels), counted(&text), "{name}");
    }
}

/// Counts in a compiler's own layout: without comments, debug sections, `.loc` and `.file` lines, what stands last before
/// a `;` is an instruction unless it starts with a dot.
fn counted(text: &str) -> (usize, usize) {
    let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default().trim());
    let lines: Vec<&str> = lines
        .take_while(|line| !line.starts_with(".section"))
        .filter(|line| !line.starts_with(".loc") && !line.starts_with(".file"))
        .collect();
    let labels = lines.iter().filter(|line| line.ends_with(':')).count();
    let code = lines.join("\n");
    let instructions = code.split(';').filter(|statement| {
        let last = statement.rsplit(":\n").next().and_then(|rest| rest.rsplit("{\n").next()).unwrap_or_default();
        let last = last.trim_start_matches(|found: char| "{} \n\t".contains(found));
        last.starts_with('@') || last.starts_with(|found: char| found.is_ascii_lowercase())
    });
    (instructions.count(), labels)
}

fn variable<'m>(module: &'m Module, name: &str) -> &'m simgpu::ptx::ast::Variable {
    module.variables.iter().find(|found| found.name == name).expect("the variable")
}

#[test]
fn tables_and_addresses_have_their_initial_values() {
    let module = load("language.ptx");
    let weights = variable(&module, "weights");
    assert_eq!((weights.space, weights.align, weights.bytes), (Space::Const, 4, 24));
    let expected: Vec<u8> = [1f32, 2.0, 3.0, 4.0, 5.0].iter().flat_map(|value| value.to_le_bytes()).collect();
    assert_eq!(weights.initial, expected, "the last one is left out: zero");
    let counter = variable(&module, "counter");
    assert_eq!((counter.ty, &counter.initial[..]), (Type::U32, &[7, 0, 0, 0][..]));
    let table = module.variables.iter().position(|found| found.name == "table").expect("the table") as u32;
    assert_eq!(variable(&module, "cursor").relocations, [(0, table, 8)]);
    assert_eq!(variable(&module, "corners").relocations, [(0, table, 0), (8, table, 12)]);
    let greeting = variable(&module, "greeting").relocations[0];
    let text = &module.variables[greeting.1 as usize];
    assert_eq!((text.bytes, &text.initial[..]), (13, &b"hello \"PTX\"\n"[..]));
    assert_eq!((variable(&module, "ticks").bytes, variable(&module, "ticks").initial.len()), (8, 0));
}

#[test]
fn calls_name_functions_arguments_and_results() {
    let module = load("language.ptx");
    let fibonacci = module.functions.iter().position(|found| found.name == "_Z9fibonaccii").expect("the function");
    let body = instructions(&module, "_Z9fibonaccii");
    let call = find(body, "call.uni")[0];
    let [Operand::List(results), Operand::Function(callee), Operand::List(arguments)] = &call.operands[..] else {
        panic!("{call:?}")
    };
    assert_eq!((results.len(), *callee as usize, arguments.len()), (1, fibonacci, 1));
    let Operand::Variable(VariableRef::Function(index), 0) = results[0] else { panic!("{results:?}") };
    let retval = &module.functions[fibonacci].variables[index as usize];
    assert_eq!((retval.name.as_str(), retval.space), ("retval0", Space::Param));
    let printf = module.functions.iter().find(|found| found.name == "vprintf").expect("the function");
    assert!(printf.body.is_none() && printf.params.len() == 2 && printf.returns.len() == 1);
    let mix = module.functions.iter().find(|found| found.name == "_Z3mix4PairS_d").expect("the function");
    let sizes: Vec<(u64, u32)> = mix
        .variables
        .iter()
        .filter(|found| found.name.contains("_param_"))
        .map(|found| (found.bytes, found.align))
        .collect();
    assert_eq!(sizes, [(16, 8), (16, 8), (8, 8)], "two structures and a double");
    assert_eq!(module.functions.iter().filter(|function| function.is_entry).count(), 3);
}

#[test]
fn parts_of_a_program_declare_what_is_elsewhere() {
    let module = load("parts.ptx");
    let elsewhere = variable(&module, "elsewhere");
    assert_eq!((elsewhere.is_extern, elsewhere.bytes, elsewhere.initial.len()), (true, 16, 0));
    assert!(variable(&module, "scale").is_extern && variable(&module, "scale").space == Space::Const);
    let index = |name: &str| module.variables.iter().position(|found| found.name == name).expect("it") as u32;
    assert_eq!(variable(&module, "both").relocations, [(0, index("here"), 0), (8, index("elsewhere"), 4)]);
    let transform = module.functions.iter().find(|found| found.name == "_Z9transformfi").expect("the function");
    assert!(transform.body.is_none() && !transform.is_entry);
}

#[test]
fn instructions_have_the_source_position_before_them() {
    let module = load("saxpy.ptx");
    assert_eq!(module.files, [(1, "/opt/ptx/saxpy.cu".to_owned())]);
    let body = instructions(&module, "saxpy");
    let fma = find(body, "fma.rn.f32")[0];
    assert_eq!(fma.source, Some((1, 11)), "the line of y[i] = …");
    let inlined = body.iter().filter(|found| found.source == Some((1, 6))).count();
    assert!(inlined > 0, "where clamp was inlined the position is clamp's own");
    let atomic = body.iter().find(|found| found.opcode[0] == "atom").expect("an atomic");
    assert_eq!(atomic.source, Some((1, 13)));
    assert_eq!(atomic.operands[2], Operand::Integer(2));
    assert_eq!(variable(&module, "calls").initial, 40u64.to_le_bytes());
}

#[test]
fn a_scope_of_inline_assembly_has_its_own_names() {
    let module = load("tensor.ptx");
    let softmax = module.functions.iter().find(|found| found.name == "softmax").expect("the kernel");
    let predicate = softmax.registers.iter().position(|found| found.name == "p").expect("p");
    assert_eq!(softmax.registers[predicate].ty, Type::Pred);
    let body = softmax.body.as_ref().expect("a body");
    let guarded = body
        .instructions
        .iter()
        .find(|found| found.guard.is_some_and(|guard| guard.register as usize == predicate))
        .expect("the guarded branch");
    assert!(guarded.guard.expect("a guard").negated);
    let Operand::Label(no) = guarded.operands[0] else { panic!("{guarded:?}") };
    let at_no = &body.instructions[body.labels[no as usize] as usize];
    assert_eq!((at_no.opcode.join("."), &at_no.operands[1]), ("mov.u32".to_owned(), &Operand::Integer(0)));
}
