//! Random kernels with branches and loops against a plain interpreter, thread by thread: registers that are live across
//! blocks, carried around loops, written on one path only, or under a guard.

use std::fmt::Write;

use crate::support::{Kind, LANES, Random, kernel, run};

const REGISTERS: usize = 10;

/// A statement of a random program.
enum Statement {
    /// `r[d] = op(r[a], r[b])`, under a guard where r[g] is odd.
    Compute { op: usize, d: usize, a: usize, b: usize, guard: Option<usize> },
    /// Both sides of a branch on r[a] < r[b].
    If { a: usize, b: usize, then: Vec<Statement>, otherwise: Vec<Statement> },
    /// As many times as r[a] mod `most`.
    Loop { a: usize, most: u32, body: Vec<Statement> },
    /// Leaves the innermost loop where r[a] is divisible by 5.
    Break { a: usize },
}

const OPS: [&str; 6] = ["add.u32", "sub.u32", "mul.lo.u32", "xor.b32", "min.s32", "max.u32"];

fn apply(op: usize, a: u32, b: u32) -> u32 {
    match op {
        0 => a.wrapping_add(b),
        1 => a.wrapping_sub(b),
        2 => a.wrapping_mul(b),
        3 => a ^ b,
        4 => (a as i32).min(b as i32) as u32,
        _ => a.max(b),
    }
}

fn statements(random: &mut Random, depth: usize, in_loop: bool) -> Vec<Statement> {
    let mut pick = |n: usize| random.below(n as u64) as usize;
    let count = 1 + pick(6);
    let mut kinds: Vec<(usize, [usize; 4])> = Vec::new();
    for _ in 0..count {
        kinds.push((pick(10), [pick(REGISTERS), pick(REGISTERS), pick(REGISTERS), pick(4 * REGISTERS)]));
    }
    kinds
        .into_iter()
        .map(|(kind, [d, a, b, guard])| match kind {
            7 if depth > 0 => Statement::If {
                a,
                b,
                then: statements(random, depth - 1, in_loop),
                otherwise: if guard % 2 == 0 { Vec::new() } else { statements(random, depth - 1, in_loop) },
            },
            8 if depth > 0 => Statement::Loop { a, most: 1 + d as u32 % 5, body: statements(random, depth - 1, true) },
            9 if in_loop => Statement::Break { a },
            _ => Statement::Compute {
                op: (d + a + guard) % OPS.len(),
                d,
                a,
                b,
                guard: (guard < REGISTERS).then_some(guard),
            },
        })
        .collect()
}

fn line(out: &mut String, text: String) {
    writeln!(out, "{text}").expect("a string takes it");
}

/// The PTX of statements. Every use of a label or a loop counter has a number of its own.
fn write(out: &mut String, statements: &[Statement], next: &mut usize, end: Option<usize>) {
    for statement in statements {
        *next += 1;
        let id = *next;
        match statement {
            Statement::Compute { op, d, a, b, guard: None } => line(out, format!("{} %r{d}, %r{a}, %r{b};", OPS[*op])),
            Statement::Compute { op, d, a, b, guard: Some(guard) } => {
                line(out, format!(".reg .b32 %g{id}; .reg .pred %p{id}; and.b32 %g{id}, %r{guard}, 1;"));
                line(out, format!("setp.eq.u32 %p{id}, %g{id}, 1; @%p{id} {} %r{d}, %r{a}, %r{b};", OPS[*op]));
            }
            Statement::If { a, b, then, otherwise } => {
                line(out, format!(".reg .pred %p{id}; setp.lt.u32 %p{id}, %r{a}, %r{b}; @!%p{id} bra $else{id};"));
                write(out, then, next, end);
                line(out, format!("bra.uni $endif{id};\n$else{id}:"));
                write(out, otherwise, next, end);
                line(out, format!("$endif{id}:"));
            }
            Statement::Loop { a, most, body } => {
                line(
                    out,
                    format!(
                        ".reg .b32 %i{id}, %n{id}; .reg .pred %p{id}; rem.u32 %n{id}, %r{a}, {most}; mov.u32 %i{id}, 0;"
                    ),
                );
                line(out, format!("$loop{id}: setp.ge.u32 %p{id}, %i{id}, %n{id}; @%p{id} bra $endloop{id};"));
                write(out, body, next, Some(id));
                line(out, format!("add.u32 %i{id}, %i{id}, 1; bra $loop{id};\n$endloop{id}:"));
            }
            Statement::Break { a } => {
                let end = end.expect("a loop");
                line(out, format!(".reg .b32 %g{id}; .reg .pred %p{id}; rem.u32 %g{id}, %r{a}, 5;"));
                line(out, format!("setp.eq.u32 %p{id}, %g{id}, 0; @%p{id} bra $endloop{end};"));
            }
        }
    }
}

/// Runs statements for one thread. Says whether the innermost loop was left.
fn interpret(statements: &[Statement], r: &mut [u32; REGISTERS]) -> bool {
    for statement in statements {
        match statement {
            Statement::Compute { op, d, a, b, guard } => {
                if guard.is_none_or(|guard| r[guard] & 1 == 1) {
                    r[*d] = apply(*op, r[*a], r[*b]);
                }
            }
            Statement::If { a, b, then, otherwise } => {
                if interpret(if r[*a] < r[*b] { then } else { otherwise }, r) {
                    return true;
                }
            }
            Statement::Loop { a, most, body } => {
                for _ in 0..r[*a] % most {
                    if interpret(body, r) {
                        break;
                    }
                }
            }
            Statement::Break { a } if r[*a].is_multiple_of(5) => return true,
            Statement::Break { .. } => {}
        }
    }
    false
}

#[test]
fn random_programs_do_what_each_thread_would_alone() {
    for seed in 0..150 {
        let mut random = Random(seed);
        let program = statements(&mut random, 4, false);
        let mut text = String::from("{\n");
        // Only two registers begin with something; the others are 0 before they are written.
        for register in 0..REGISTERS {
            writeln!(text, ".reg .b32 %r{register};").expect("a string takes it");
        }
        text.push_str("mov.u32 %r0, %s0; mov.u32 %r1, %s1;\n");
        write(&mut text, &program, &mut 0, None);
        // Some of them only: the others are dead at the end.
        for register in 0..5 {
            writeln!(text, "mov.u32 %d{register}, %r{};", 2 * register).expect("a string takes it");
        }
        text.push('}');
        let ptx = kernel(&text, &[Kind::B32; 2], &[Kind::B32; 5]);
        let rows: Vec<Vec<u64>> = (0..128).map(|_| vec![random.next() >> 40, random.next() & 0xffff_ffff]).collect();
        for lanes in LANES {
            for (row, result) in rows.iter().zip(run(&ptx, &rows, |_| true, 5, lanes)) {
                let mut registers = [0; REGISTERS];
                (registers[0], registers[1]) = (row[0] as u32, row[1] as u32);
                interpret(&program, &mut registers);
                let want: Vec<u64> = (0..5).map(|register| registers[2 * register].into()).collect();
                assert_eq!(result, want, "seed {seed}, {row:x?}, {lanes:?}\n{ptx}");
            }
        }
    }
}
