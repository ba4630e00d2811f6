//! What is checked is in `crates/netprobe/tests/fuzzed/url.rs`; `tests/lab/seeds.rs` there checks it for the seeds alone.
//!
//! `fuzz/run.sh 600 netprobe_url`
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/netprobe/tests/fuzzed/url.rs"]
mod fuzzed;

fuzz_target!(|text: &str| fuzzed::check(text));
