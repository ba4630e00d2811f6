//! Real PTX, damaged: the answer is a module or an error, never a panic.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, RngSeed};
use simgpu::ptx::parse;
use simgpu::{Error, Gpu, Settings};

const FILES: [&str; 4] = [
    include_str!("ptx/tensor.ptx"),
    include_str!("ptx/parts.ptx"),
    include_str!("ptx/saxpy.ptx"),
    include_str!("ptx/language.ptx"),
];

/// Parses, decodes what can be parsed, and checks that an error is about a line of the text and short.
fn survive(text: &str) {
    let lines = text.lines().count() as u32 + 1;
    let loaded = parse(text).and_then(|_| Gpu::new(Settings::default()).load(text));
    match loaded {
        Ok(_) | Err(Error::Limit { .. }) => {}
        Err(Error::Syntax { line, message: what } | Error::Unsupported { line, what }) => {
            assert!((1..=lines).contains(&line), "line {line} of {lines}: {what}");
            assert!(what.len() < 1000, "{what}");
        }
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn text_that_ends_early_is_an_error_or_a_shorter_module() {
    let text = FILES[0];
    let complete = parse(text).expect("PTX").functions.len();
    for end in 0..text.len() {
        let start = &text[..end];
        survive(start);
        if let Ok(module) = parse(start) {
            let ends_outside = start.trim_end().ends_with('}') || module.functions.len() < complete;
            assert!(ends_outside || text[end..].trim().is_empty(), "cut at {end}: a function without its end");
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Damage {
    Delete(usize, usize),
    Duplicate(usize, usize),
    Swap(usize, usize),
    Byte(usize, u8),
}

fn damage() -> impl Strategy<Value = Damage> {
    let at = 0..usize::MAX;
    prop_oneof![
        (at.clone(), 1..40usize).prop_map(|(at, length)| Damage::Delete(at, length)),
        (at.clone(), 1..40usize).prop_map(|(at, length)| Damage::Duplicate(at, length)),
        (at.clone(), at.clone()).prop_map(|(one, other)| Damage::Swap(one, other)),
        (at, any::<u8>()).prop_map(|(at, byte)| Damage::Byte(at, byte)),
    ]
}

impl Damage {
    /// To bytes, or to tokens that stand for them: any list whose places can be moved.
    fn apply<T: Clone>(self, list: &mut Vec<T>, byte: impl Fn(u8) -> T) {
        if list.is_empty() {
            return;
        }
        let count = list.len();
        let range = |at: usize, length: usize| at % count..(at % count + length).min(count);
        match self {
            Damage::Delete(at, length) => drop(list.drain(range(at, length))),
            Damage::Duplicate(at, length) => {
                let copy = list[range(at, length)].to_vec();
                list.splice(at % count..at % count, copy);
            }
            Damage::Swap(one, other) => list.swap(one % count, other % count),
            Damage::Byte(at, value) => list[at % count] = byte(value),
        }
    }
}

/// The same cases in every run; a failure's message has the damage in it.
fn config() -> Config {
    Config {
        cases: 2000,
        rng_algorithm: RngAlgorithm::ChaCha,
        rng_seed: RngSeed::Fixed(0x0050_7458),
        failure_persistence: None,
        ..Config::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn damaged_bytes_are_survived(file in 0..FILES.len(), damages in prop::collection::vec(damage(), 1..4)) {
        let mut bytes = FILES[file].as_bytes().to_vec();
        for damage in damages {
            damage.apply(&mut bytes, |byte| byte);
        }
        survive(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn damaged_words_are_survived(file in 0..FILES.len(), damages in prop::collection::vec(damage(), 1..4)) {
        let ends_word = |found: char| " \t\n,;[]{}()".contains(found);
        let mut words: Vec<&str> = FILES[file].split_inclusive(ends_word).collect();
        let others = ["{", "}", ";", "%r1", "-", "0x", ".b8", "[", "\"", "/*", "bra ", ".reg ", "(", "@", "<", ":"];
        for damage in damages {
            damage.apply(&mut words, |byte| others[byte as usize % others.len()]);
        }
        survive(&words.concat());
    }

    #[test]
    fn any_text_behind_a_header_is_survived(text in "[ -~\n]{0,200}") {
        survive(&text);
        survive(&format!(".version 8.0 .target sm_80 {text}"));
        survive(&format!(".version 8.0 .target sm_80 .entry k() {{ {text}"));
    }
}

#[test]
fn brackets_without_an_end_are_errors() {
    for open in ["{", "(", "[", "{ {", ".section .d {", ".entry k(", ".global .u8 x[1] = {", ".attribute("] {
        for before in ["", ".entry k() { ", ".global .u64 x = ", ".entry k() { mov.b32 "] {
            let text = format!(".version 8.0 .target sm_80\n{before}{}", open.repeat(50_000));
            assert!(parse(&text).is_err(), "{before}{open}");
            survive(&text);
        }
    }
}
