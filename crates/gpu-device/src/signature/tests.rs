use super::*;

/// As NVIDIA's compiler writes it, with a function and a string that must not be taken for a kernel.
const MODULE: &str = r#"
// .entry commented_out()
.version 8.0
.target sm_80
.address_size 64
/* .entry so_is_this(.param .u64 x) { */
.func (.param .b32 result) helper(.param .b64 pointer) { ret; }
.visible .entry _Z6matmulPKfS0_Pfii(
	.param .u64 _Z6matmulPKfS0_Pfii_param_0,
	.param .u64 .ptr .global .align 16 _Z6matmulPKfS0_Pfii_param_1,
	.param .u32 _Z6matmulPKfS0_Pfii_param_2,
	.param .f32 _Z6matmulPKfS0_Pfii_param_3,
	.param .align 4 .b8 _Z6matmulPKfS0_Pfii_param_4[12]
)
.maxntid 16, 16, 1
.minnctapersm 2
{
	.loc 1 3 0
	ret;
}
.section .debug_str { .b8 46 }
.file 1 "a name with .entry in_it("
.entry none { ret; }
.weak .entry empty() .reqntid 32, 4 { ret; }
"#;

#[test]
fn signatures_are_those_of_the_text() {
    let signatures = signatures("test", MODULE).expect("PTX");
    let names: Vec<_> = signatures.iter().map(|signature| signature.name.as_str()).collect();
    assert_eq!(names, ["_Z6matmulPKfS0_Pfii", "none", "empty"]);
    let written: Vec<_> = signatures[0].parameters.iter().map(ToString::to_string).collect();
    assert_eq!(
        written,
        [".u64 (8 bytes)", ".u64 (8 bytes, a pointer)", ".u32 (4 bytes)", ".f32 (4 bytes)", ".b8[12] (12 bytes)"]
    );
    assert_eq!(signatures[0].threads_per_block_max, Some(256));
    assert_eq!(signatures[0].required_block, None);
    assert!(signatures[1].parameters.is_empty());
    assert_eq!(signatures[2].required_block, Some([32, 4, 1]));
}

#[test]
fn what_is_not_understood_is_an_error_with_its_line() {
    let cases = [
        ("\n.entry", 2, "expected the kernel's name, found the end"),
        (".entry k(.param .u64 a", 1, "expected `,` or `)` after a parameter, found the end"),
        (".entry k(.u64 a) {", 1, "expected `.param`, found `.u64`"),
        (".entry k(.param .v4 a) {", 1, "`.v4` is no type of a parameter"),
        (".entry k(.param .f8 a) {", 1, "`.f8` is no type of a parameter"),
        (".entry k(.param a) {", 1, "a parameter without a type"),
        (".entry k(\n.param .b8 a[x]) {", 2, "expected a number below 2^32, found `x`"),
        (".entry k(.param .b8 a[4) {", 1, "expected `]`, found `)`"),
        (".entry k() .reqntid 99999999999 {", 1, "expected a number below 2^32, found `99999999999`"),
        (".entry k() .maxntid {", 1, "expected a number, found `{`"),
        (".entry k()", 1, "the text ends inside kernel `k`"),
    ];
    for (text, line, reason) in cases {
        let error = signatures("test", text).expect_err(text);
        assert_eq!(error, Error::Ptx { module: "test".into(), line, reason: reason.into() }, "{text}");
    }
}

#[test]
fn no_prefix_of_a_text_panics() {
    let text = format!("{MODULE}\u{00e9}\"ü");
    for end in (0..text.len()).filter(|&end| text.is_char_boundary(end)) {
        let _either = signatures("test", &text[..end]);
    }
}
