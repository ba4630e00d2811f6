//! What is wrong with a text, and where.

use simgpu::ptx::parse;
use simgpu::{Error, limits};

/// Two lines; what follows starts in line 3.
const HEADER: &str = ".version 8.0\n.target sm_80 .address_size 64\n";

fn error_of(text: &str) -> Error {
    match parse(text) {
        Ok(module) => panic!("{text} gives {module:?}"),
        Err(error) => error,
    }
}

/// A syntax error of module-scope text, in that line, with that message.
fn wrong(text: &str, line: u32, message: &str) {
    let expected = Error::Syntax { line, message: message.to_owned() };
    assert_eq!(error_of(&format!("{HEADER}{text}")), expected, "{text}");
}

/// The same inside a kernel; the text starts in line 5.
fn wrong_inside(body: &str, line: u32, message: &str) {
    wrong(&format!(".entry k(.param .u64 a) {{\n.reg .b32 %r<9>; .reg .pred %p;\n{body}\nret; }}"), line, message);
}

fn unsupported(text: &str, line: u32, what: &str) {
    let expected = Error::Unsupported { line, what: what.to_owned() };
    assert_eq!(error_of(&format!("{HEADER}{text}")), expected, "{text}");
}

fn beyond(text: &str, what: &str, value: u64, limit: u64) {
    match error_of(&format!("{HEADER}{text}")) {
        Error::Limit { what: found, value: at, max: most } => assert_eq!((found, at, most), (what, value, limit)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_opens_with_version_and_target() {
    let message = |text: &str| error_of(text).to_string();
    assert_eq!(message(""), "line 1: expected `.version`, which opens a PTX file, found the end of the text");
    assert_eq!(message("hello"), "line 1: expected `.version`, which opens a PTX file, found `hello`");
    assert_eq!(message(".version 8"), "line 1: expected a version such as `8.0`, found `8`");
    assert_eq!(message(".version 8.0\n.entry"), "line 2: expected `.target`, which follows `.version`, found `.entry`");
    assert_eq!(message(".version 8.0 .target gfx90"), "line 1: expected a target such as `sm_80`, found `gfx90`");
    wrong(".version 8.0", 3, "`.version` stands a second time");
}

#[test]
fn names_must_be_declared_once_before_use() {
    wrong_inside("mov.u32 %r1, %r9;", 5, "`%r9` is not declared");
    wrong_inside("\nmov.u32 %r01, 1;", 6, "`%r01` is not declared");
    wrong_inside("mov.u32 %r1, %warp;", 5, "`%warp` is not declared");
    wrong_inside("call f;", 5, "`f` is not declared");
    wrong_inside("{ .reg .b32 t; }\nmov.u32 t, 1;", 6, "`t` is not declared");
    wrong_inside(".reg .b32 t;\n.reg .f32 t;", 6, "`t` is declared twice in the same scope, first in line 5");
    wrong_inside(".reg .b32 %r5;", 5, "`%r5` is declared twice in the same scope");
    wrong_inside(".reg .b32 %x10;\n.reg .b32 %x<11>;", 6, "some of the registers `%x<11>` are declared twice");
    wrong_inside(".reg .b32 a;", 5, "`a` is declared twice in the same scope, first in line 3");
    wrong(".global .u32 x;\n.global .u32 x;", 4, "`x` is declared twice, first in line 3");
    wrong(".global .u32 x;\n.entry x() { }", 4, "`x` is declared as a variable before");
    wrong(".entry x() { }\n.global .u32 x;", 4, "`x` is declared as a function before");
    wrong(".func f() { }\n.func f() { }", 4, "`f` is defined twice, first in line 3");
    let message =
        "`f` is a .func with 0 results and 0 parameters in line 3, a .entry with 0 results and 1 parameters here";
    wrong(".func f();\n.entry f(.param .u32 x) { }", 4, message);
}

#[test]
fn labels_belong_to_branches() {
    wrong_inside("bra L;", 5, "there is no label `L` in this scope or around it");
    wrong_inside("bra L;\n{ L: }", 5, "there is no label `L` in this scope or around it");
    wrong_inside("bra %r1;", 5, "there is no label `%r1` in this scope or around it");
    wrong_inside("L:\nL:", 6, "`L` is declared twice in the same scope, first in line 5");
    wrong_inside("L: mov.u32 %r1, L;", 5, "`L` is a label, not a value");
    let message = "expected the name of a `.branchtargets` list that stands before, found `L`";
    wrong_inside("L: brx.idx %r1, L;", 5, message);
    wrong_inside("t: .branchtargets L; {\nL: brx.idx %r1, t; }", 5, "there is no label `L` in this scope or around it");
}

#[test]
fn statements_and_operands_have_a_form() {
    wrong_inside("mov.u32 %r1, 1", 6, "expected `;`, found `ret`");
    wrong_inside("mov.u32 %r1, 1;;", 5, "expected an instruction, a directive or `}`, found `;`");
    wrong_inside("@%r1 mov.u32 %r1, 1;", 5, "a guard is of type .pred, `%r1` is of type B32");
    wrong_inside("@L mov.u32 %r1, 1;", 5, "expected a predicate register, found `L`");
    wrong_inside("ld.global.u32 %r1, [%r1-4];", 5, "expected `]`, found `-`");
    wrong_inside("ld.global.u32 %r1, [%r1+%r2];", 5, "expected a constant, found `%r2`");
    wrong_inside("mov.u32 %r1, {{%r1}};", 5, "expected a constant, found `{`");
    wrong_inside("mov.u32 %r1, %laneid.x;", 5, "expected a component that `%laneid` has, found `.x`");
    wrong_inside("mov.u32 %r1, 08;", 5, "`08` is neither an integer of 64 bits nor a floating-point number");
    wrong_inside("mov.f32 %r1, 0f3F80;", 5, "`0f3F80` is neither an integer of 64 bits nor a floating-point number");
    wrong_inside("mov.u32 %r1, 1/0;", 5, "`/` with zero as its right-hand side");
    wrong_inside("mov.u32 %r1, 1+1.5;", 5, "`+` does not apply to an integer and a floating-point number");
    wrong_inside("mov.f32 %r1, -0f3F800000;", 5, "`-` does not apply to a `0f` constant");
    wrong_inside("mov.u32 %r1, \u{e9};", 5, "the character `é` has no meaning here");
    wrong_inside("mov.u32 %r1, \0;", 5, "the character `\\0` has no meaning here");
    wrong_inside("/* mov\n", 5, "the comment that starts here with `/*` has no `*/`");
    wrong_inside(".pragma \"x\n\";", 5, "the string that starts here has no closing `\"`");
    wrong_inside("{", 6, "expected an instruction, a directive or `}`, found the end of the text");
    wrong(".section .debug_info {\n{ }", 4, "expected the `}` of the `{` in line 3, found the end of the text");
}

#[test]
fn variables_have_a_form() {
    wrong(".global .align 3 .u32 x;", 3, "expected an alignment (a power of two), found `3`");
    wrong(".global .pred x;", 3, "a variable in memory cannot be of type `.pred`");
    let message = "the array `x` has no size, and neither `.extern` nor an initial value gives it one";
    wrong(".global .u32 x[];", 3, message);
    wrong(".global .u32 x[0];", 3, message);
    wrong(".global .u32 x[-1];", 3, "expected the size of an array, found `-`");
    wrong(".global .u32 x[2] = {1,\n2, 3};", 4, "`x` has more initial values than elements (2)");
    wrong(".global .u32 x[2][2] = {1, 2, 3, 4};", 3, "expected `{`, found `1`");
    wrong(".global .f32 x = 1;", 3, "an integer cannot be the initial value of an element of F32");
    wrong(".shared .u32 x = 1;", 3, "only `.global` and `.const` variables can have an initial value");
    wrong(".extern .global .u32 x = 1;", 3, "an `.extern` variable cannot have an initial value");
    wrong(".global .u64 x = x;", 3, "`x` is not declared");
    let message = "an address is an integer of 64 bits, the elements are of type U32";
    wrong(".global .u32 y;\n.global .u32 x = y;", 4, message);
    wrong(".entry k() .maxntid 0 { }", 3, "expected a size of `.maxntid`, at least 1, found `0`");
}

#[test]
fn what_is_not_supported_is_named_with_its_line() {
    unsupported(".alias a, b;", 3, ".alias");
    unsupported(".global .texref t;", 3, ".texref");
    unsupported("\n.tex .u32 t;", 4, ".tex");
    unsupported(".address_size 32", 3, ".address_size 32");
    unsupported(".func f() { }\n.global .u64 x = f;", 4, "the address of the function f as initial value");
    unsupported(".global .u8 y;\n.global .u8 x[8] = {0xFF(y)};", 4, "a mask of an address in an initial value");
    unsupported(".entry k() {\np: .callprototype _ (.param .b32 _); }", 4, ".callprototype");
    unsupported(".entry k() {\n.reg .b64 %rd;\ncall %rd, p; }", 5, "a call through a register");
    let error = error_of(&format!("{HEADER}.{}", "x".repeat(500)));
    assert_eq!(error, Error::Unsupported { line: 3, what: format!(".{}…", "x".repeat(59)) }, "quotes are short");
}

#[test]
fn limits_hold() {
    let nesting = limits::NESTING as u64;
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
    beyond(&format!(".entry k() {}", "{".repeat(100_000)), "nesting of `{ }`", nesting + 1, nesting);
    for expression in
        [deep("(", ")"), deep("-", ""), deep("(.s64)", ""), deep("1?1:", ""), deep("1?", ":1"), deep("1?(", "):1")]
    {
        let text = format!(".global .u32 x = {expression};");
        beyond(&text, "nesting of a constant expression", nesting + 1, nesting);
    }
    beyond(&format!(".global .u8 x{};", "[1]".repeat(100_000)), "dimensions of an array", nesting + 1, nesting);
    let registers = limits::FUNCTION_REGISTERS as u64;
    beyond(".entry k() { .reg .b32 %r<4000000000>; }", "registers of a function", 4_000_000_000, registers);
    let bytes = limits::VARIABLE_BYTES;
    beyond(&format!(".shared .u8 x[{}];", bytes + 1), "bytes of a module's variables", bytes + 1, bytes);
    beyond(".shared .f64 x[4000000000][4000000000][9];", "bytes of a module's variables", u64::MAX, bytes);
    beyond(
        &format!(".global .u8 x; .entry k() {{ .local .u8 y[{bytes}]; }}"),
        "bytes of a module's variables",
        bytes + 1,
        bytes,
    );
    let param = limits::PARAM_BYTES;
    let text = format!(".entry k(.param .u8 x, .param .align 8 .b8 y[{param}]) {{ }}");
    beyond(&text, "bytes of an entry's parameters", param + 8, param);
}

#[test]
fn a_text_beyond_its_limit_is_not_read() {
    let text = " ".repeat(limits::MODULE_BYTES + 1);
    let (value, max) = (text.len() as u64, limits::MODULE_BYTES as u64);
    assert_eq!(error_of(&text), Error::Limit { what: "bytes of PTX text", value, max });
}

#[test]
fn instructions_beyond_their_limit_are_refused() {
    let count = limits::FUNCTION_INSTRUCTIONS;
    beyond(
        &format!(".entry k() {{ {} }}", "ret;".repeat(count + 1)),
        "instructions of a function",
        count as u64 + 1,
        count as u64,
    );
}

/// A long list that many branches name would take their product.
#[test]
fn memory_does_not_grow_with_the_square_of_the_text() {
    let list = format!("t: .branchtargets {}L;", "L,".repeat(20_000));
    let text = format!("{HEADER}.entry k() {{ .reg .b32 r; {list} L: {} }}", "brx.idx r, t;".repeat(20_000));
    match error_of(&text) {
        Error::Limit { what, max, .. } => {
            assert_eq!((what, max), ("bytes of a module once parsed", limits::PARSED_BYTES));
        }
        other => panic!("{other:?}"),
    }
}
