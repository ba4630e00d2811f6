//! What is checked is in `crates/netprobe/tests/fuzzed/report.rs`; `tests/seeds.rs` there checks it for the seeds alone.
//!
//! ```sh
//! mkdir -p fuzz/corpus/netprobe_report
//! cargo +nightly fuzz run netprobe_report fuzz/corpus/netprobe_report crates/netprobe/tests/fuzzed/seeds/report
//! ```
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/netprobe/tests/fuzzed/report.rs"]
mod fuzzed;

fuzz_target!(|text: &str| fuzzed::check(text));
