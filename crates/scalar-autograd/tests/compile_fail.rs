//! What does not compile: a handle that outlives what it stands for.

#[test]
fn handles_cannot_outlive_their_nodes() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
