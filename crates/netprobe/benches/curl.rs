//! Beside curl: the same URL of a lab in another process, alternately. `cargo bench -p netprobe --bench curl`. Needs curl.
//!
//! 1. Phases: medians of the differences of curl's cumulative times, with the address known to both, agree within 15 % or 0.3 ms.
//! 2. Overhead: a whole probe with its walk through the lab's DNS takes at most 1.3 times curl's `time_total` without one.
//!
//! Connection and TLS are fresh each time. The exit status is 1 if one of them does not hold.

#![allow(clippy::print_stdout, missing_docs, reason = "a bench prints its table")]

mod other;

use std::io::Write;
use std::process::{Command, ExitCode};

use netprobe::{Phase, Probe, Report};
use other::{Card, Other};

const RUNS: usize = 50;
const WARM_UP_RUNS: usize = 5;
const OVERHEAD_MAX: f64 = 1.3;
const RELATIVE_MAX: f64 = 0.15;
const ABSOLUTE_MAX_MS: f64 = 0.3;

/// Milliseconds: connect, TLS, first byte after the request, the rest, everything.
type Times = [f64; 5];

const NAMES: [&str; 5] = ["TCP", "TLS", "wait", "transfer", "whole"];

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
    let known = card.resolve.parse().expect("HOST:PORT:ADDRESS");
    let resolved = Probe { overrides: vec![known], ..card.probe() }.open().expect("a session");
    let walking = card.probe().open().expect("a session");
    let (mut ours, mut curls, mut walks) = (Vec::new(), Vec::new(), Vec::new());
    for run in 0..WARM_UP_RUNS + RUNS {
        let our = resolved.forgetful().run(&card.url).await;
        let curl = curl(card, root.path().to_str().expect("UTF-8"));
        let walk = walking.forgetful().run(&card.url).await;
        assert!(our.error.is_none() && walk.error.is_none(), "{:?} {:?}", our.error, walk.error);
        if run >= WARM_UP_RUNS {
            ours.push(times(&our));
            curls.push(curl);
            walks.push(walk.total.duration_ms());
        }
    }
    let phases = agree(&ours, &curls);
    let (whole, total) = (median(walks), median(curls.iter().map(|times| times[4]).collect()));
    let ratio = whole / total;
    println!(
        "\na whole probe with its walk: {whole:.3} ms, curl's time_total without one: {total:.3} ms, ratio {ratio:.3}"
    );
    phases && ratio <= OVERHEAD_MAX
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

fn curl(card: &Card, root: &str) -> Times {
    let format =
        "%{time_namelookup} %{time_connect} %{time_appconnect} %{time_pretransfer} %{time_starttransfer} %{time_total}";
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--http2", "--compressed", "--output", "/dev/null", "--cacert", root])
        .args(["--resolve", &card.resolve, "--write-out", format, &card.url])
        .output()
        .expect("curl");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let ms: Vec<f64> = text.split(' ').map(|seconds| seconds.parse::<f64>().expect("a number") * 1e3).collect();
    let [name, connect, tls, before, first, total] = ms[..] else { panic!("{text}") };
    [connect - name, tls - connect, first - before, total - first, total]
}

/// Prints the medians of the phases side by side; false if they are too far apart. The whole is shown, and judged elsewhere: curl's
/// has its own set-up in it.
fn agree(ours: &[Times], curls: &[Times]) -> bool {
    println!("{:<10}{:>12}{:>12}{:>12}", "median", "netprobe ms", "curl ms", "apart");
    let mut holds = true;
    for (index, name) in NAMES.iter().enumerate() {
        let of = |all: &[Times]| median(all.iter().map(|times| times[index]).collect());
        let (our, curl) = (of(ours), of(curls));
        let apart = (our - curl).abs();
        let is_near = apart <= ABSOLUTE_MAX_MS || apart <= RELATIVE_MAX * curl;
        let is_judged = index < 4;
        println!(
            "{name:<10}{our:>12.3}{curl:>12.3}{apart:>12.3}{}",
            if is_near || !is_judged { "" } else { "  too far" }
        );
        holds &= is_near || !is_judged;
    }
    holds
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    (values[middle] + values[(values.len() - 1) / 2]) / 2.0
}
