//! What is not PTX or not supported is an error at load that names it and its line.

use simgpu::Error;

use crate::support::{Kind, load_error};

const SOURCES: [Kind; 4] = [Kind::B32, Kind::B64, Kind::B16, Kind::Pred];
const TARGETS: [Kind; 4] = [Kind::B32, Kind::B64, Kind::B16, Kind::Pred];

/// The line of an instruction in the helper's kernel.
fn line_of(text: &str) -> u32 {
    let ptx = crate::support::kernel(text, &SOURCES, &TARGETS);
    1 + ptx.lines().position(|line| line == text).expect("the instruction") as u32
}

#[test]
fn unknown_instructions_and_modifiers_name_themselves() {
    for text in [
        "frobnicate.u32 %d0, %s0;",
        "add.frobnicated.u32 %d0, %s0, %s0;",
        "add.sat.u32 %d0, %s0, %s0;",
        "mul.lo.f32 %d0, %s0, %s0;",
        "add.NaN.f32 %d0, %s0, %s0;",
        "neg.sat.f32 %d0, %s0;",
        "add.relu.f16 %d2, %s2, %s2;",
        "shf.l.wrap.b64 %d1, %s1, %s1, %s0;",
        "setp.lo.s32 %d3, %s0, %s0;",
        "setp.lt.b32 %d3, %s0, %s0;",
        "cvt.rn.sat.bf16.f32 %d2, %s0;",
        "div.approx.f64 %d1, %s1, %s1;",
        "vote.ballot.b32 %d0, %s3;",
        "shfl.idx.b32 %d0, %s0, 0, 31;",
        "redux.sync.add.b32 %d0, %s0, -1;",
        "atom.global.add.b32 %d0, [%s1], %s0;",
        "mma.sync.aligned.m16n8k99.row.col.f32.bf16.bf16.f32 {%d0}, {%s0}, {%s0}, {%s0};",
        "tex.2d.v4.f32.s32 %d0, %s0;",
        "bmsk.b32 %d0, %s0, %s0;",
    ] {
        match load_error(text, &SOURCES, &TARGETS) {
            Error::Unsupported { line, what } => {
                assert_eq!(line, line_of(text), "{text}");
                assert!(text.starts_with(&what), "{text}: {what}");
            }
            other => panic!("{text}: {other}"),
        }
    }
}

#[test]
fn operands_are_counted_and_registers_measured() {
    for text in [
        // Too few, too many.
        "add.u32 %d0, %s0;",
        "add.u32 %d0;",
        "add.u32 %d0, %s0, %s0, %s0;",
        "fma.rn.f32 %d0, %s0, %s0;",
        "lop3.b32 %d0, %s0, %s0, %s0;",
        "mov.u32 %d0;",
        "mov.u32 %d0, %s0, %s0;",
        "setp.lt.u32 %d3, %s0;",
        "selp.b32 %d0, %s0, %s0;",
        "shfl.sync.idx.b32 %d0, %s0, 0, 31;",
        "st.global.u32 [%s1];",
        "ld.global.u32 %d0, [%s1], 3;",
        "atom.global.add.u32 %d0, [%s1];",
        "bar.sync 0, 32, 32;",
        "bar.arrive 0;",
        "cvt.u32.u64 %d0;",
        "neg.s32 %d0, %s0, %s0;",
        // Registers of another width or kind.
        "add.u32 %d1, %s0, %s0;",
        "add.u32 %d0, %s1, %s0;",
        "add.u32 %d0, %s2, %s0;",
        "add.u64 %d1, %s0, %s1;",
        "add.u16 %d0, %s2, %s2;",
        "add.u32 %d0, %s3, %s0;",
        "and.pred %d3, %s0, %s3;",
        "mov.b64 %d1, {%s0, %s1};",
        "mov.b32 {%d0, %d2}, %s0;",
        "ld.global.u32 %d2, [%s1];",
        "ld.global.v2.u32 {%d0, %d0, %d0}, [%s1];",
        "st.global.u32 [%s1], %s3;",
        "ld.global.u32 %d0, [%s2];",
        "ld.global.u32 %d0, [%s3];",
        "shl.b64 %d1, %s1, %s1;",
        "mul.wide.u32 %d0, %s0, %s0;",
        "popc.b64 %d1, %s1;",
        "selp.b32 %d0, %s0, %s0, %s0;",
        "cvt.u64.u32 %d0, %s0;",
        "cvt.u32.u16 %d2, %s0;",
    ] {
        match load_error(text, &SOURCES, &TARGETS) {
            Error::Syntax { line, message } => {
                assert_eq!(line, line_of(text), "{text}: {message}");
                assert!(!message.is_empty());
            }
            other => panic!("{text}: {other}"),
        }
    }
}
