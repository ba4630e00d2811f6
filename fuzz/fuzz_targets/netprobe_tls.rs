//! What is checked is in `crates/netprobe/tests/fuzzed/tls.rs`; `tests/seeds.rs` there checks it for the seeds alone.
//!
//! ```sh
//! mkdir -p fuzz/corpus/netprobe_tls
//! cargo +nightly fuzz run netprobe_tls fuzz/corpus/netprobe_tls crates/netprobe/tests/fuzzed/seeds/tls
//! ```
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/netprobe/tests/fuzzed/tls.rs"]
mod fuzzed;

fuzz_target!(|bytes: &[u8]| {
    fuzzed::check(bytes);
});
