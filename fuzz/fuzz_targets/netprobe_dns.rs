//! What is checked is in `crates/netprobe/tests/fuzzed/dns.rs`; `tests/seeds.rs` there checks it for the seeds alone.
//!
//! ```sh
//! mkdir -p fuzz/corpus/netprobe_dns
//! cargo +nightly fuzz run netprobe_dns fuzz/corpus/netprobe_dns crates/netprobe/tests/fuzzed/seeds/dns
//! ```
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/netprobe/tests/fuzzed/dns.rs"]
mod fuzzed;

fuzz_target!(|bytes: &[u8]| fuzzed::check(bytes));
