//! What is checked is in `crates/netprobe/tests/fuzzed/report.rs`; `tests/lab/seeds.rs` there checks it for the seeds alone.
//!
//! `fuzz/run.sh 600 netprobe_report`
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/netprobe/tests/fuzzed/report.rs"]
mod fuzzed;

fuzz_target!(|text: &str| fuzzed::check(text));
