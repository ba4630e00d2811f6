//! What is checked is in `crates/netprobe/tests/fuzzed/http.rs`; `tests/seeds.rs` there checks it for the seeds alone.
//!
//! ```sh
//! mkdir -p fuzz/corpus/netprobe_http
//! cargo +nightly fuzz run netprobe_http fuzz/corpus/netprobe_http crates/netprobe/tests/fuzzed/seeds/http
//! ```
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/netprobe/tests/fuzzed/http.rs"]
mod fuzzed;

fuzz_target!(|bytes: &[u8]| fuzzed::check(bytes));
