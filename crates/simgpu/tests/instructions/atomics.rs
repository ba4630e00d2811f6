//! `atom` and `red` on global, shared and generic addresses ("Parallel Synchronization and Communication
//! Instructions"): each thread has its own place, or all share one.

use crate::support::{Kind, exact, rows};

const WORDS: &[u64] = &[0, 1, 2, 9, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 1 << 63, u64::MAX];
const SINGLES: &[u64] = &[0, 1, 0x8000_0001, 0x3f80_0000, 0xc000_0000, 0x0080_0000, 0x7f7f_ffff, 0x7f80_0000];

/// The old value and the new one, from a place in shared memory or in global memory (a module's array).
fn both(op: &str, ty: &str, kind: Kind, operands: &[Vec<u64>], new: impl Fn(u64, u64, u64) -> u64) {
    let list = if op == "cas" { "%s1, %s2" } else { "%s1" };
    let bits = if kind == Kind::B64 { 64 } else { 32 };
    for (space, set_up) in [
        ("shared", "mov.u64 %a, place; cvt.u64.u32 %o, %t; mad.lo.u64 %a, %o, 8, %a;"),
        ("", "mov.u64 %a, place; cvta.shared.u64 %a, %a; cvt.u64.u32 %o, %t; mad.lo.u64 %a, %o, 8, %a;"),
        ("global", "mov.u64 %a, %in; add.u64 %a, %a, 40;"),
        ("", "mov.u64 %a, %in; add.u64 %a, %a, 40;"),
    ] {
        let dot = if space.is_empty() { String::new() } else { format!(".{space}") };
        let text = format!(
            "{{ .reg .b64 %a, %o; .reg .b32 %t; .shared .align 8 .b8 place[1024]; mov.u32 %t, %tid.x; {set_up}
            st{dot}.b{bits} [%a], %s0; @atom{dot}.{op}.{ty} %d0, [%a], {list}; }}"
        );
        exact(&text, &[kind; 3], kind, operands, |row| row[0]);
        let text = text
            .replace("@atom", "atom")
            .replace("%d0, [%a]", "_, [%a]")
            .replace(" }", &format!(" @ld{dot}.b{bits} %d0, [%a]; }}"));
        exact(&text, &[kind; 3], kind, operands, |row| new(row[0], row[1], row[2]));
        if op != "cas" && op != "exch" {
            let text = text.replace("atom", "red").replace("_, [%a]", "[%a]");
            exact(&text, &[kind; 3], kind, operands, |row| new(row[0], row[1], row[2]));
        }
    }
}

#[test]
fn every_integer_operation() {
    let operands = rows(&[WORDS, WORDS, WORDS], 100);
    let low = |x: u64| x & 0xffff_ffff;
    for (bits, kind) in [("32", Kind::B32), ("64", Kind::B64)] {
        let cut = move |x: u64| if kind == Kind::B32 { low(x) } else { x };
        let signed = move |x: u64| if kind == Kind::B32 { i64::from(x as i32) } else { x as i64 };
        both("add", &format!("u{bits}"), kind, &operands, |a, b, _| a.wrapping_add(b));
        both("min", &format!("u{bits}"), kind, &operands, |a, b, _| cut(a).min(cut(b)));
        both("max", &format!("u{bits}"), kind, &operands, |a, b, _| cut(a).max(cut(b)));
        both("min", &format!("s{bits}"), kind, &operands, |a, b, _| signed(a).min(signed(b)) as u64);
        both("max", &format!("s{bits}"), kind, &operands, |a, b, _| signed(a).max(signed(b)) as u64);
        both("and", &format!("b{bits}"), kind, &operands, |a, b, _| a & b);
        both("or", &format!("b{bits}"), kind, &operands, |a, b, _| a | b);
        both("xor", &format!("b{bits}"), kind, &operands, |a, b, _| a ^ b);
        both("exch", &format!("b{bits}"), kind, &operands, |_, b, _| b);
        both("cas", &format!("b{bits}"), kind, &operands, |a, b, c| if cut(a) == cut(b) { c } else { a });
    }
    both("add", "s32", Kind::B32, &operands, |a, b, _| a.wrapping_add(b));
    both("inc", "u32", Kind::B32, &operands, |a, b, _| if low(a) >= low(b) { 0 } else { a + 1 });
    both("dec", "u32", Kind::B32, &operands, |a, b, _| if low(a) == 0 || low(a) > low(b) { b } else { a - 1 });
}

#[test]
fn sums_of_floats_flush_in_global_memory_only() {
    let operands = rows(&[SINGLES, SINGLES], 0);
    let flush = |x: f32| if x.is_subnormal() { 0f32.copysign(x) } else { x };
    let of = |word: u64| f32::from_bits(word as u32);
    for (space, flushes) in [("global", true), ("shared", false)] {
        let address =
            if flushes { "mov.u64 %a, %in; add.u64 %a, %a, 40;" } else { "cvt.u64.u32 %a, %t; shl.b64 %a, %a, 3;" };
        let text = format!(
            "{{ .reg .b64 %a; .reg .b32 %t; .shared .align 8 .b8 place[1024]; mov.u32 %t, %tid.x; {address}
            st.{space}.b32 [%a], %s0; atom.{space}.add.f32 _, [%a], %s1; @ld.{space}.b32 %d0, [%a]; }}"
        );
        crate::support::single(&text, &[Kind::B32; 2], &operands, |row| {
            if flushes { flush(flush(of(row[0])) + flush(of(row[1]))) } else { of(row[0]) + of(row[1]) }
        });
    }
}
