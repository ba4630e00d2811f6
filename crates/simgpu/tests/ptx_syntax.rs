//! Small texts, one form of the language each. What ptxas 13.0 accepts and refuses was looked up for most of them.

use simgpu::ptx::ast::{Base, Function, Instruction, Module, Operand, Place, Space, Type, Variable, VariableRef};
use simgpu::ptx::parse;

const HEADER: &str = ".version 8.0\n.target sm_90a, debug\n.address_size 64\n";

fn module(text: &str) -> Module {
    parse(&format!("{HEADER}{text}")).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// A kernel with some registers around a body, and module-scope text before it.
fn kernel(before: &str, body: &str) -> Function {
    let registers = ".reg .b32 %r<9>; .reg .b64 %rd<4>; .reg .pred %p<3>, q; .reg .f32 %f<4>; .reg .v2 .f32 %v;";
    let module = module(&format!("{before}\n.entry k(.param .u64 a) {{ {registers}\n{body} }}"));
    module.functions.into_iter().next_back().expect("a function")
}

fn instructions(function: &Function) -> &[Instruction] {
    &function.body.as_ref().expect("a body").instructions
}

/// The second operand of a `mov`.
fn constant(expression: &str) -> Operand {
    instructions(&kernel("", &format!("mov.u64 %rd1, {expression};")))[0].operands[1].clone()
}

fn integer(expression: &str) -> i64 {
    match constant(expression) {
        Operand::Integer(value) => value as i64,
        other => panic!("{expression} is {other:?}"),
    }
}

fn global(text: &str) -> Variable {
    module(text).variables.pop().expect("a variable")
}

#[test]
fn integers_are_written_in_four_bases() {
    for (text, value) in [("0", 0), ("17", 17), ("017", 15), ("0x1F", 31), ("0Xff", 255), ("0b101", 5), ("17U", 17)] {
        assert_eq!(integer(text), value, "{text}");
    }
    assert_eq!(integer("0xFFFFFFFFFFFFFFFF"), -1);
}

#[test]
fn floating_point_constants_keep_their_bits() {
    assert_eq!(constant("0f3F800000"), Operand::Single(1f32.to_bits()));
    assert_eq!(constant("0FfF800000"), Operand::Single(f32::NEG_INFINITY.to_bits()));
    assert_eq!(constant("0d3FF0000000000001"), Operand::Double(0x3FF0_0000_0000_0001));
    for (text, value) in [("1.5", 1.5), ("-1.5", -1.5), ("1e3", 1e3), ("2.5E-3", 2.5e-3), ("5.", 5.0), ("1.5*2.0", 3.0)]
    {
        assert_eq!(constant(text), Operand::Double(f64::to_bits(value)), "{text}");
    }
}

#[test]
fn constant_expressions_follow_the_rules_of_c() {
    for (text, value) in [
        ("1+2*3", 7),
        ("(1+2)*3", 9),
        ("-7/2", -3),
        ("-7 % 3", -1),
        ("-1U / 2", i64::MAX),
        ("1<<4|1", 17),
        ("6&3^1", 3),
        ("-8>>1", -4),
        ("1<<64", 0),
        ("~5", -6),
        ("(!0)+1", 2),
        ("3<4 && 4<=4", 1),
        ("1==2 || 2!=2", 0),
        ("-1 < 1U", 0),
        ("1.5 > 1.0", 1),
        ("0 ? 1 : 2 ? 3 : 4", 3),
        ("(.u64)-1 > 1", 1),
        ("(.s64)0xFFFFFFFFFFFFFFFF < 1", 1),
        ("WARP_SZ*2", 64),
        ("9223372036854775807+1", i64::MIN),
    ] {
        assert_eq!(integer(text), value, "{text}");
    }
}

#[test]
fn operands_have_all_their_forms() {
    let before = ".global .u32 x[4]; .func f() { ret; }";
    let function = kernel(
        before,
        "setp.lt.and.u32 %p1|_, %r1, -1, !q;
         mov.u64 %rd1, x+4;
         ld.global.L2::128B.v2.f32 %v, [%rd1+-8];
         mov.f32 %f1, %v.y;
         ld.shared::cta.b32 %r1, [64];
         ld.param.u64 %rd2, [a+0];
         mov.u32 %r2, %tid.x;
         mov.u32 %r3, %lanemask_lt;
         mov.u64 %rd3, f;
         mov.b64 {%r4, _}, %rd1;
         bar.sync 0, 64;
         ret;",
    );
    let register = |name: &str| {
        let position = function.registers.iter().position(|found| found.name == name);
        position.unwrap_or_else(|| panic!("{name}")) as u32
    };
    let operands: Vec<&[Operand]> = instructions(&function).iter().map(|found| &found.operands[..]).collect();
    let pair = Operand::Pair(Box::new(Operand::Register(register("%p1"))), Box::new(Operand::Sink));
    let minus_one = Operand::Integer(u64::MAX);
    let expected = [pair, Operand::Register(register("%r1")), minus_one, Operand::NotRegister(register("q"))];
    assert_eq!(operands[0], expected);
    assert_eq!(operands[1][1], Operand::Variable(VariableRef::Module(0), 4));
    let vector = [register("%v.x"), register("%v.y")].map(Operand::Register).to_vec();
    assert_eq!(operands[2], [Operand::Vector(vector), Operand::Address(Base::Register(register("%rd1")), -8)]);
    assert_eq!(instructions(&function)[2].opcode, ["ld", "global", "L2::128B", "v2", "f32"]);
    assert_eq!(operands[3][1], Operand::Register(register("%v.y")));
    assert_eq!(instructions(&function)[4].opcode, ["ld", "shared::cta", "b32"]);
    assert_eq!(operands[4][1], Operand::Address(Base::None, 64));
    assert_eq!(operands[5][1], Operand::Address(Base::Variable(VariableRef::Function(0)), 0));
    assert_eq!(operands[6][1], Operand::Special("tid.x".to_owned()));
    assert_eq!(operands[7][1], Operand::Special("lanemask_lt".to_owned()));
    assert_eq!(operands[8][1], Operand::Function(0));
    assert_eq!(operands[9][0], Operand::Vector(vec![Operand::Register(register("%r4")), Operand::Sink]));
    assert_eq!(operands[10], [Operand::Integer(0), Operand::Integer(64)]);
    assert!(operands[11].is_empty());
}

#[test]
fn registers_of_a_family_exist_once_used() {
    let function = kernel("", ".reg .b32 %x<1000000>; mov.u32 %x999999, %x0; mov.u32 %x0, %x999999;");
    let names: Vec<&str> = function.registers.iter().map(|register| register.name.as_str()).collect();
    assert_eq!(names, ["q", "%v.x", "%v.y", "%x999999", "%x0"], "declared one by one, then those used");
    assert!(function.registers[3..].iter().all(|register| register.ty == Type::B32));
}

#[test]
fn inner_names_hide_outer_ones() {
    let function = kernel("", ".reg .b32 t; { .reg .f32 t; mov.f32 t, 0f00000000; } mov.u32 t, 1;");
    let types: Vec<Type> = instructions(&function)
        .iter()
        .map(|found| match found.operands[0] {
            Operand::Register(id) => function.registers[id as usize].ty,
            ref other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(types, [Type::F32, Type::B32]);
}

#[test]
fn branches_find_the_nearest_label_around_them() {
    let function = kernel("", "bra L; { bra L; L: bra M; } L: bra L; M: ret; END:");
    let body = function.body.as_ref().expect("a body");
    let target = |index: usize| match body.instructions[index].operands[0] {
        Operand::Label(label) => body.labels[label as usize],
        ref other => panic!("{other:?}"),
    };
    assert_eq!([0, 1, 2, 3].map(target), [3, 2, 4, 3]);
    assert!(body.labels.contains(&5), "a label may stand at the end");
}

#[test]
fn indexed_branches_list_their_labels_where_the_list_stands() {
    let text = "list: .branchtargets A, B, A; { A: brx.idx.uni %r1, list; } A: ret; B: ret;";
    let function = kernel("", text);
    let body = function.body.as_ref().expect("a body");
    let Operand::Vector(labels) = &body.instructions[0].operands[1] else { panic!("{body:?}") };
    let targets: Vec<u32> = labels
        .iter()
        .map(|label| match label {
            Operand::Label(label) => body.labels[*label as usize],
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(targets, [1, 2, 1]);
}

#[test]
fn variables_have_sizes_alignments_and_initial_values() {
    let bytes = |text: &str| global(text).initial;
    let x = global(".visible .global .align 16 .b8 x[3][5];");
    assert_eq!((x.bytes, x.align, x.space, x.ty), (15, 16, Space::Global, Type::B8));
    assert_eq!((global(".global .v4 .f32 x;").bytes, global(".global .v4 .f32 x;").align), (16, 16));
    assert_eq!(global(".const .u16 x[2*3];").bytes, 12);
    assert_eq!(global(".visible .global .attribute(.managed) .align 8 .u32 x;").align, 8);
    assert_eq!((global(".extern .shared .f64 x[];").bytes, global(".extern .shared .f64 x[];").is_extern), (0, true));
    assert_eq!(bytes(".global .u8 x[4] = {1, -1, 300};"), [1, 255, 44]);
    let rows = global(".global .u8 x[3][2] = {{1}, {2, 3}};");
    assert_eq!((rows.bytes, &rows.initial[..]), (6, &[1, 0, 2, 3][..]));
    let open = global(".global .u8 x[][2] = {{1}, {2}, {3}};");
    assert_eq!((open.bytes, &open.initial[..]), (6, &[1, 0, 2, 0, 3][..]));
    assert_eq!(bytes(".global .f32 x = 1.5;"), 1.5f32.to_le_bytes());
    assert_eq!(bytes(".global .f64 x = 0f3FC00000;"), 1.5f64.to_le_bytes());
    assert_eq!(bytes(".global .v2 .u16 x[2] = {{1, 2}, {3, 4}};"), [1, 0, 2, 0, 3, 0, 4, 0]);
    let pointers = global(".global .u8 y[9]; .global .u64 x[3] = {7, y+2, generic(y)};");
    assert_eq!(pointers.relocations, [(8, 0, 2), (16, 0, 0)]);
    assert_eq!(pointers.initial.len(), 24);
    assert_eq!(module(".global .u32 a = 1, b[2], c;").variables.len(), 3);
}

#[test]
fn functions_have_parameters_results_and_bounds() {
    let module = module(
        ".func g;
         .visible .func (.reg .b32 r) f(.reg .f32 x, .param .align 8 .b8 s[24]) .noreturn { ret; }
         .entry e(.param .u64 .ptr .global .align 16 p, .param .v2 .f32 v) .maxntid 64, 2 .minnctapersm 3 { ret; }
         .weak .entry h() .maxntid 8 .reqntid 16, 2, 4 .maxnreg 40 .pragma \"nounroll\"; { .pragma \"x\"; ret; }",
    );
    let [g, f, e, h] = &module.functions[..] else { panic!("{module:?}") };
    assert!(g.body.is_none());
    assert_eq!(
        (&f.returns[..], &f.params[..]),
        (&[Place::Register(0)][..], &[Place::Register(1), Place::Variable(0)][..])
    );
    assert_eq!((f.variables[0].bytes, f.variables[0].align), (24, 8));
    assert_eq!(
        (e.params.len(), e.variables[0].align, e.variables[1].bytes),
        (2, 8, 8),
        ".ptr's alignment is its target's"
    );
    assert_eq!((e.threads_max, e.threads_required), (Some([64, 2, 1]), false));
    assert_eq!((h.threads_max, h.threads_required), (Some([16, 2, 4]), true));
}

#[test]
fn calls_come_with_and_without_results_and_arguments() {
    let before = ".func f() { ret; } .func (.reg .b32 r) g(.reg .b32 x) { mov.b32 r, x; ret; }";
    let function = kernel(before, "call f; call.uni f, (); call (%r1), g, (5); call (_), g, (%r2);");
    let shape: Vec<usize> = instructions(&function).iter().map(|found| found.operands.len()).collect();
    assert_eq!(shape, [1, 2, 3, 3]);
    assert_eq!(
        instructions(&function)[2].operands[1..],
        [Operand::Function(1), Operand::List(vec![Operand::Integer(5)])]
    );
}

#[test]
fn declarations_may_be_repeated_and_defined() {
    let module = module(
        ".extern .global .u32 x; .extern .global .u32 x; .visible .global .u32 x = 3;
         .func f(.param .b32 _); .func f(.param .b32 y) { ret; } .func f(.param .b32 z);",
    );
    assert_eq!((module.variables.len(), module.functions.len()), (1, 1));
    assert_eq!((module.variables[0].is_extern, module.variables[0].initial[0]), (false, 3));
    assert!(module.functions[0].body.is_some());
}

#[test]
fn comments_sections_and_line_markers_are_no_code() {
    let module = module(
        "# 1 \"kernel.cu\"\n/* .entry\n no */ .file 2 \"a \\\"b\\\".cu\", 12, 34\n@@DWARF .byte 0x2b\n
         .section .debug_str { $L__info_string0: .b8 95, 90\n .b64 .debug_abbrev+4 { } }
         .entry k() { // é
         .loc 2 7 1
         ret;\n.loc 2 9 5, function_name $L__info_string0+3, inlined_at 1 2 3\nret; }",
    );
    assert_eq!(module.files, [(2, "a \\\"b\\\".cu".to_owned())]);
    let sources: Vec<_> = instructions(&module.functions[0]).iter().map(|found| (found.line, found.source)).collect();
    assert_eq!(sources, [(13, Some((2, 7))), (15, Some((2, 9)))]);
    assert_eq!((module.version, module.target), ((8, 0), 90));
}
