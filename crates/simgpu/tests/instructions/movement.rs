//! `mov` of packed words, loads and stores of every width, address spaces ("Data Movement and Conversion Instructions").

use crate::support::{Kind, check, exact, rows};

const WORDS: &[u64] = &[0, 0x7f, 0x80, 0xff, 0x8000, 0x1234_8765, 0x8000_0000, 0xfedc_ba98_7654_3210, u64::MAX];

#[test]
fn words_are_packed_and_unpacked() {
    let operands = rows(&[WORDS, WORDS, WORDS, WORDS], 50);
    let same = |got: u64, want: u64| got == want;
    exact("@mov.b64 %d0, {%s0, %s1};", &[Kind::B32; 4], Kind::B64, &operands, |row| {
        row[0] & 0xffff_ffff | row[1] << 32
    });
    exact("@mov.b32 %d0, {%s0, %s1};", &[Kind::B16; 4], Kind::B32, &operands, |row| row[0] & 0xffff | row[1] << 16);
    exact("@mov.b64 %d0, {%s0, %s1, %s2, %s3};", &[Kind::B16; 4], Kind::B64, &operands, |row| {
        (0..4).fold(0, |word, i| word | (row[i] & 0xffff) << (16 * i))
    });
    check(
        "@mov.b64 {%d0, %d1}, %s0;",
        &[Kind::B64],
        &[Kind::B32; 2],
        &operands,
        |row| vec![row[0] & 0xffff_ffff, row[0] >> 32],
        same,
    );
    check("@mov.b64 {_, %d0}, %s0;", &[Kind::B64], &[Kind::B32], &operands, |row| vec![row[0] >> 32], same);
    check(
        "@mov.b32 {%d0, %d1}, %s0;",
        &[Kind::B32],
        &[Kind::B16; 2],
        &operands,
        |row| vec![row[0] & 0xffff, row[0] >> 16 & 0xffff],
        same,
    );
    // Source and target may be the same registers.
    let text = "{ .reg .b32 %x, %y; .reg .b64 %w; @mov.b64 {%x, %y}, %s0; @mov.b64 %w, {%y, %x}; @mov.b64 {%y, %x}, %w; @mov.b64 %d0, {%x, %y}; }";
    exact(text, &[Kind::B64], Kind::B64, &operands, |row| row[0]);
}

#[test]
fn loads_extend_and_stores_cut_in_every_space() {
    let operands = rows(&[WORDS], 60);
    for space in [".shared", ".local", ".global", ""] {
        let address = match space {
            ".shared" => {
                "mov.u32 %t, %tid.x; cvt.u64.u32 %a, %t; shl.b64 %a, %a, 4; mov.u64 %b, place; add.u64 %a, %a, %b;"
            }
            ".local" => "mov.u64 %a, own;",
            ".global" => "add.u64 %a, %in, 32;",
            _ => "mov.u64 %a, own; cvta.local.u64 %a, %a;",
        };
        for (ty, bits) in
            [("u8", 8u32), ("s8", 8), ("b8", 8), ("u16", 16), ("s16", 16), ("u32", 32), ("s32", 32), ("u64", 64)]
        {
            for (register, kind) in [("b16", Kind::B16), ("b32", Kind::B32), ("b64", Kind::B64)] {
                let wide = match kind {
                    Kind::B16 => 16,
                    Kind::B32 => 32,
                    _ => 64,
                };
                if wide < bits {
                    continue;
                }
                let text = format!(
                    "{{ .reg .b64 %a, %b; .reg .b32 %t; .reg .{register} %v; .shared .align 16 .b8 place[2048]; .local .align 16 .b8 own[16];
                    {address} mov.b64 %b, -1; st{space}.b64 [%a], %b; mov.{register} %v, %s0;
                    st{space}.b{bits} [%a], %v; @ld{space}.{ty} %d0, [%a]; }}"
                );
                exact(&text, &[kind], kind, &operands, |row| {
                    let low = row[0] & (u64::MAX >> (64 - bits));
                    let spare = 64 - bits;
                    if ty.starts_with('s') { ((low << spare) as i64 >> spare) as u64 } else { low }
                });
            }
        }
        let text = format!(
            "{{ .reg .b64 %a, %b; .reg .b32 %t; .shared .align 16 .b8 place[2048]; .local .align 16 .b8 own[16];
            {address} st{space}.v4.b32 [%a], {{%s0, %s1, %s2, 7}}; @ld{space}.v2.b32 {{%d0, _}}, [%a+8]; @ld{space}.v2.u32 {{%d2, %d1}}, [%a]; }}"
        );
        let operands = rows(&[WORDS, WORDS, WORDS], 40);
        let low = |x: u64| x & 0xffff_ffff;
        // The input's row is 48 bytes: vectors of 16 are aligned in all its places from 32 on.
        check(
            &text,
            &[Kind::B32; 3],
            &[Kind::B32; 3],
            &operands,
            |row| vec![low(row[2]), low(row[1]), low(row[0])],
            |got, want| got == want,
        );
    }
}

#[test]
fn generic_addresses_know_their_space() {
    let operands = rows(&[WORDS], 0);
    let text = "{ .reg .b64 %a, %b; .shared .align 8 .b8 place[8]; .local .align 8 .b8 own[8];
        mov.u64 %a, place; cvta.shared.u64 %b, %a; @isspacep.shared %d0, %b; @isspacep.global %d1, %b;
        cvta.to.shared.u64 %b, %b; setp.eq.u64 %d2, %a, %b;
        mov.u64 %a, own; cvta.local.u64 %b, %a; @isspacep.local %d3, %b; @isspacep.global %d4, %in; }";
    let text = text.replace("setp.eq.u64", "@setp.eq.u64");
    check(&text, &[Kind::B32], &[Kind::Pred; 5], &operands, |_| vec![1, 0, 1, 1, 1], |got, want| got == want);
}
