//! What is checked is in `crates/netprobe/tests/fuzzed/tls.rs`; `tests/lab/seeds.rs` there checks it for the seeds alone.
//!
//! `fuzz/run.sh 600 netprobe_tls`
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/netprobe/tests/fuzzed/tls.rs"]
mod fuzzed;

fuzz_target!(|bytes: &[u8]| {
    fuzzed::check(bytes);
});
