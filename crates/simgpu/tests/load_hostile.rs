//! PTX that says much with little text: calls put functions in the place of the call. Loading it ends at a limit with a name.

use simgpu::{Error, Gpu, Settings, limits};

const HEADER: &str = ".version 8.0\n.target sm_80\n.address_size 64\n";

fn error_of(text: &str) -> Error {
    match Gpu::new(Settings::default()).load(&format!("{HEADER}{text}")) {
        Ok(module) => panic!("{} kernels were loaded", module.kernels().len()),
        Err(error) => error,
    }
}

fn beyond(text: &str, limit: usize) {
    match error_of(text) {
        Error::Limit { value, max: found, .. } => assert!(found == limit as u64 && value > found, "{value}, {found}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn functions_that_call_functions_double_no_further_than_the_limit() {
    let mut text = ".func f0() { .reg .b32 r; mov.b32 r, 1; ret; }\n".to_owned();
    for level in 1..60 {
        text.push_str(&format!(".func f{level}() {{ call f{0}; call f{0}; ret; }}\n", level - 1));
    }
    match error_of(&format!("{text}.entry k() {{ call f59; }}")) {
        Error::Limit { what, .. } => assert!(what.ends_with("of a kernel and the functions it calls"), "{what}"),
        other => panic!("{other:?}"),
    }
    let depth = (1..200).map(|level| format!(".func f{level}() {{ call f{}; }}\n", level - 1)).collect::<String>();
    beyond(&format!(".func f0() {{ ret; }}\n{depth}.entry k() {{ call f199; }}"), limits::CALL_DEPTH);
    beyond(".func f();\n.func f() { call f; }\n.entry k() { call f; }", limits::CALL_DEPTH);
}

#[test]
fn variables_and_operands_are_counted_each_time_they_are_put_in() {
    let locals = (0..1000).map(|index| format!(".local .b8 x{index}[1];")).collect::<String>();
    let calls = "call f;".repeat(1100);
    beyond(&format!(".func f() {{ {locals} }}\n.entry k() {{ {calls} }}"), limits::FUNCTION_VARIABLES);
    let list = format!("t: .branchtargets {}L; L: brx.idx r, t;", "L,".repeat(20_000));
    beyond(&format!(".func f() {{ .reg .b32 r; {list} }}\n.entry k() {{ {calls} }}"), limits::FUNCTION_OPERANDS);
}

#[test]
fn a_call_with_many_arguments_takes_no_more_than_its_text() {
    let list = |item: &str| (0..50_000).map(|index| format!("{item}{index}")).collect::<Vec<_>>().join(", ");
    let text = format!(
        ".func f({}) {{ ret; }}\n.entry k() {{ .reg .b32 a<50000>; call f, ({}); }}",
        list(".reg .b32 p"),
        list("a")
    );
    // It is loaded, or has more registers than there are; either way soon.
    match Gpu::new(Settings::default()).load(&format!("{HEADER}{text}")) {
        Ok(module) => assert_eq!(module.kernels(), ["k"]),
        Err(Error::Limit { max, .. }) => assert_eq!(max, limits::REGISTER_SLOTS as u64),
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn kernels_are_counted() {
    let kernels: String = (0..=limits::MODULE_KERNELS).map(|index| format!(".entry k{index}(){{}}\n")).collect();
    beyond(&kernels, limits::MODULE_KERNELS);
}

#[test]
fn many_kernels_share_one_limit_of_instructions() {
    let body = "mov.b32 r, r;".repeat(500_000);
    let kernels: String = (0..9).map(|index| format!(".entry k{index}() {{ call f; }}\n")).collect();
    beyond(&format!(".func f() {{ .reg .b32 r; {body} }}\n{kernels}"), limits::MODULE_INSTRUCTIONS);
}
