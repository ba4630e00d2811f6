//! What is checked is in `crates/netprobe/tests/fuzzed/url.rs`; `tests/seeds.rs` there checks it for the seeds alone.
//!
//! ```sh
//! mkdir -p fuzz/corpus/netprobe_url
//! cargo +nightly fuzz run netprobe_url fuzz/corpus/netprobe_url crates/netprobe/tests/fuzzed/seeds/url
//! ```
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/netprobe/tests/fuzzed/url.rs"]
mod fuzzed;

fuzz_target!(|text: &str| fuzzed::check(text));
