//! A slow-down is caught without a clock: how many instructions each piece of work takes, counted by valgrind's callgrind and compared
//! with what it took when `recorded.txt` was written.
//!
//! `CARGO_INCREMENTAL=0 cargo test --test instruction_counts -- --count` compares, and fails if something takes more (or less, so that
//! the record is kept true); `-- --record` writes the record anew. The same compiler makes the same instructions, so that counts of a build
//! repeat to a few in ten thousand; an incremental build is another one (one of its counts was 14 % higher). What is counted is built as
//! tests are, with debug assertions, which a release has not; and since valgrind does not know AVX-512, it is the path for AVX2.

#![allow(clippy::print_stdout, reason = "a count is for whoever asked for it")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::{env, fs};

mod work;

use work::WORK;

/// By how much a count may differ from the record. Builds with and without debug information, in other folders, differ by up to half a per
/// cent.
const TOLERANCE: f64 = 0.03;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--run", name, times] => run(name, times.parse().expect("a number")),
        ["--count"] => return compare(&counts()),
        ["--record"] => record(&counts()),
        _ => println!("{} kinds of work; `-- --count` counts their instructions under valgrind", WORK.len()),
    }
    ExitCode::SUCCESS
}

fn run(name: &str, times: usize) {
    let (_, work) = WORK.iter().find(|(known, _)| *known == name).expect("a kind of work");
    work(times);
}

/// The instructions of each kind of work, done once; setting up and tearing down are left out.
fn counts() -> BTreeMap<&'static str, u64> {
    let once = |name| count(name, 2) - count(name, 1);
    WORK.iter().map(|(name, _)| (*name, once(name))).collect()
}

fn count(name: &str, times: usize) -> u64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(env::current_exe().expect("a path"))
        .args(["--run", name, &times.to_string()])
        .env("RAYON_NUM_THREADS", "1")
        .output()
        .expect("valgrind is installed");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {text}");
    let collected = text.lines().find_map(|line| line.split_once("Collected : ")).expect("a count");
    collected.1.trim().parse().expect("a number")
}

fn compare(counts: &BTreeMap<&str, u64>) -> ExitCode {
    let record = fs::read_to_string(path()).expect("the record");
    let recorded: BTreeMap<&str, u64> = record
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(' '))
        .map(|(name, count)| (name, count.trim().parse().expect("a number")))
        .collect();
    assert!(recorded.keys().eq(counts.keys()), "the record is of other work: `-- --record`");
    let mut is_as_recorded = true;
    for (name, count) in counts {
        let before = recorded[name];
        let ratio = *count as f64 / before as f64;
        let differs = (ratio - 1.0).abs() > TOLERANCE;
        is_as_recorded &= !differs;
        println!(
            "{name:<28} {count:>12} instructions, {ratio:.3} of {before}{}",
            if differs { "  <-- differs" } else { "" }
        );
    }
    if is_as_recorded { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn record(counts: &BTreeMap<&str, u64>) {
    let mut text = "# Instructions of each kind of work, built as tests are; written by `cargo test --test instruction_counts -- --record`.\n".to_owned();
    for (name, count) in counts {
        writeln!(text, "{name} {count}").expect("a string grows");
    }
    fs::write(path(), text).expect("the record is written");
}

fn path() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/instruction_counts/recorded.txt")
}
