//! Whatever the bytes, reading them as a DNS response, a hosts file and an nsswitch.conf gives an answer or an error: no panic,
//! no hang, no memory without a limit. What it gives can be printed on a terminal.

use std::time::{Duration, UNIX_EPOCH};

use netprobe::dns::dissect;
use netprobe::names::{find_in_hosts, host_services};

/// The smallest record: a root name, type, class, TTL and no data.
const RECORD_BYTES: usize = 11;

pub(crate) fn check(bytes: &[u8]) {
    let now = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    for zone in [".", "test.", "whiteboard.test."] {
        if let Ok(dissection) = dissect(bytes, zone, now) {
            let response = &dissection.response;
            let records = || response.answers.iter().chain(&response.authorities).chain(&response.additionals);
            assert!(records().count() * RECORD_BYTES <= bytes.len());
            let printable = |text: &str| text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
            assert!(records().all(|record| printable(&record.name) && printable(&record.data)));
        }
    }
    assert!(find_in_hosts(bytes, "localhost").len() <= bytes.len());
    assert!(!host_services(bytes).is_empty());
}
