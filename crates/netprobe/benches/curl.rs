//! Beside curl: the same URL of a lab in another process, alternately. `cargo bench -p netprobe --bench curl`. Needs curl.
//!
//! 1. Phases: medians of the differences of curl's cumulative times, with the address known to both, agree within 15 % or 0.3 ms.
//! 2. Overhead: a whole probe with its walk through the lab's DNS takes at most 1.3 times curl's `time_total` without one.
//!
//! Connection and TLS are fresh each time, and both trust the lab's root alone (`--cacert`). Phases are compared twice: with a
//! server as near as loopback is, and with the same behind a proxy that makes every round trip take 20 ms.
//!
//! curl's TLS time has OpenSSL's set-up in it: the context, the ciphers, and the CA file, which it reads when the ServerHello is
//! there already. A probe's clock starts when that is done. So a process of curl makes two transfers, the first to another host on
//! the same server, and phases are compared with the second's, which has a connection and a handshake of its own; but some of the
//! set-up is done again for it. On loopback, where there is hardly anything else, TLS is therefore shown and not judged; it is with
//! the server that is 20 ms away. Wholes are compared with the first transfer's, which is what a user of curl waits for.
//!
//! The exit status is 1 if a phase or the whole does not hold.

#![allow(clippy::print_stdout, missing_docs, reason = "a bench prints its table")]

mod other;

use std::io::Write;
use std::process::{Command, ExitCode};

use netprobe::{Phase, Probe, Report};
use other::{Card, Other, ROUND_TRIP_MS, Site};

const RUNS: usize = 50;
const WARM_UP_RUNS: usize = 5;
const OVERHEAD_MAX: f64 = 1.3;
const RELATIVE_MAX: f64 = 0.15;
const ABSOLUTE_MAX_MS: f64 = 0.3;

/// Milliseconds: connect, TLS, first byte after the request, the rest, everything.
type Times = [f64; 5];

const NAMES: [&str; 5] = ["TCP", "TLS", "wait", "transfer", "whole"];
const TCP: usize = 0;
const TLS: usize = 1;
const WAIT: usize = 2;
const TRANSFER: usize = 3;
const WHOLE: usize = 4;

fn main() -> ExitCode {
    if other::served() {
        return ExitCode::SUCCESS;
    }
    let other = Other::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    if runtime.block_on(compare(&other.card)) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn compare(card: &Card) -> bool {
    let root = tempfile::NamedTempFile::new().expect("a file");
    root.as_file().write_all(card.root_pem.as_bytes()).expect("a file");
    let root = root.path().to_str().expect("UTF-8");
    let near = alternate(card, &card.near, root).await;
    let far = alternate(card, &card.far, root).await;
    println!("on loopback");
    let near_agrees = near.agree(&[TCP, WAIT, TRANSFER]);
    println!("with a round trip of {ROUND_TRIP_MS} ms");
    let far_agrees = far.agree(&[TCP, TLS, WAIT, TRANSFER]);
    let total = |all: &[Times]| median(all.iter().map(|times| times[WHOLE]).collect());
    let (whole, first, second) = (median(near.walks.clone()), total(&near.firsts), total(&near.seconds));
    let ratio = whole / first;
    println!(
        "on loopback, a whole probe with its walk: {whole:.3} ms; curl's time_total without one: {first:.3} ms, ratio {ratio:.3} \
         ({second:.3} ms for a second transfer, ratio {:.3})",
        whole / second
    );
    near_agrees && far_agrees && ratio <= OVERHEAD_MAX
}

/// What was measured, in turns.
#[derive(Default)]
struct Measured {
    ours: Vec<Times>,
    firsts: Vec<Times>,
    seconds: Vec<Times>,
    /// Of whole probes that walk, in milliseconds. Only the near server's name is in the lab's DNS with its port.
    walks: Vec<f64>,
}

async fn alternate(card: &Card, site: &Site, root: &str) -> Measured {
    let known = site.resolve.parse().expect("HOST:PORT:ADDRESS");
    let resolved = Probe { overrides: vec![known], ..card.probe() }.open().expect("a session");
    let walking = card.probe().open().expect("a session");
    let mut measured = Measured::default();
    for run in 0..WARM_UP_RUNS + RUNS {
        let our = resolved.forgetful().run(&site.url).await;
        let [first, second] = curl(site, root);
        let walk = walking.forgetful().run(&card.near.url).await;
        assert!(our.error.is_none() && walk.error.is_none(), "{:?} {:?}", our.error, walk.error);
        if run >= WARM_UP_RUNS {
            measured.ours.push(times(&our));
            measured.firsts.push(first);
            measured.seconds.push(second);
            measured.walks.push(walk.total.duration_ms());
        }
    }
    measured
}

fn times(report: &Report) -> Times {
    let ms = |phase| report.phase_ns(phase) as f64 / 1e6;
    let exchange = report.answer().expect("an answer");
    let sent = exchange.send.expect("a span").end_ns();
    let first = exchange.first_byte_ns.expect("a first byte");
    let last = exchange.transfer.expect("a span").end_ns();
    let since = |end: u64, start: u64| end.saturating_sub(start) as f64 / 1e6;
    [ms(Phase::Connect), ms(Phase::Tls), since(first, sent), since(last, first), since(last, 0)]
}

/// The times of two transfers by one process: to the other host, then to the one that is probed.
fn curl(site: &Site, root: &str) -> [Times; 2] {
    let format = "%{time_namelookup} %{time_connect} %{time_appconnect} %{time_pretransfer} %{time_starttransfer} \
                  %{time_total}\\n";
    let mut command = Command::new("curl");
    for (index, url) in [&site.other_url, &site.url].into_iter().enumerate() {
        command.args((index > 0).then_some("--next"));
        command.args([
            "--silent",
            "--show-error",
            "--http2",
            "--compressed",
            "--output",
            "/dev/null",
            "--cacert",
            root,
        ]);
        command.args(["--resolve", &site.resolve, "--resolve", &site.other_resolve, "--write-out", format, url]);
    }
    let output = command.output().expect("curl");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let [first, second] = text.lines().collect::<Vec<_>>()[..] else { panic!("{text}") };
    [first, second].map(transfer)
}

fn transfer(line: &str) -> Times {
    let ms: Vec<f64> = line.split(' ').map(|seconds| seconds.parse::<f64>().expect("a number") * 1e3).collect();
    let [name, connect, tls, before, first, total] = ms[..] else { panic!("{line}") };
    // Connected at once to somebody known: then there would be nothing to compare.
    assert!(connect > 0.0 && tls > connect, "{line}");
    [connect - name, tls - connect, first - before, total - first, total]
}

impl Measured {
    /// Prints the medians of the phases side by side; false if one of those that are judged is too far apart.
    fn agree(&self, judged: &[usize]) -> bool {
        println!("{:<10}{:>12}{:>12}{:>12}{:>20}", "median", "netprobe ms", "curl ms", "apart", "curl's first ms");
        let mut holds = true;
        for (index, name) in NAMES.iter().enumerate() {
            let of = |all: &[Times]| median(all.iter().map(|times| times[index]).collect());
            let (our, curl, first) = (of(&self.ours), of(&self.seconds), of(&self.firsts));
            let apart = (our - curl).abs();
            let is_far = judged.contains(&index) && apart > ABSOLUTE_MAX_MS && apart > RELATIVE_MAX * curl;
            let verdict = if is_far { "  too far" } else { "" };
            println!("{name:<10}{our:>12.3}{curl:>12.3}{apart:>12.3}{first:>20.3}{verdict}");
            holds &= !is_far;
        }
        println!();
        holds
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    (values[middle] + values[(values.len() - 1) / 2]) / 2.0
}
