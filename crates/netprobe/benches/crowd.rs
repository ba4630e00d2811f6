//! A thousand probes at once, each with its walk, TCP, TLS and HTTP/2, against a lab in another process, with at most 4,096 open
//! files: `bash -c 'ulimit -n 4096; cargo bench -p netprobe --bench crowd'`.
//!
//! The exit status is 1 if one of them fails, or if this process ever needed 256 MiB.

#![allow(clippy::print_stdout, missing_docs, reason = "a bench prints its result")]

mod other;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use other::Other;

const PROBES: usize = 1000;
const MEMORY_MAX_KIB: u64 = 256 * 1024;

fn main() -> ExitCode {
    if other::served() {
        return ExitCode::SUCCESS;
    }
    let other = Other::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let failures = runtime.block_on(crowd(&other));
    let memory_kib = memory_peak_kib();
    println!("{} of {PROBES} failed; {} MiB at the peak", failures.len(), memory_kib / 1024);
    failures.iter().take(5).for_each(|failure| println!("  {failure}"));
    if failures.is_empty() && memory_kib <= MEMORY_MAX_KIB { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn crowd(other: &Other) -> Vec<String> {
    // So many handshakes at once take the lab's one thread a while.
    let mut probe = other.card.probe().with_timeout_ms(60_000);
    probe.names.walker.query_timeout = Duration::from_secs(60);
    probe.names.walker.walk_timeout = Duration::from_secs(60);
    let session = Arc::new(probe.open().expect("a session"));
    let began = Instant::now();
    let probe = |_| {
        let (session, url) = (Arc::clone(&session), other.card.near.url.clone());
        // Nobody profits from anybody: every one of them walks and shakes hands.
        tokio::spawn(async move { session.forgetful().run(&url).await })
    };
    let probes: Vec<_> = (0..PROBES).map(probe).collect();
    let mut failures = Vec::new();
    for probe in probes {
        let report = probe.await.expect("no panic");
        failures.extend(report.error.map(|error| error.to_string()));
    }
    println!("{PROBES} probes in {:.2} s", began.elapsed().as_secs_f64());
    failures
}

/// The most memory that this process ever had, as the kernel counted it.
fn memory_peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a line");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
