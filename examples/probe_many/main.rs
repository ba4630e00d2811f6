//! One number is an anecdote: the same URL probed again and again, from nothing and with what earlier visits had learnt.
//!
//! Cold: every name is asked for from the root, every handshake is whole. Resumed: the name is in the cache, and TLS has a ticket.
//! The difference is what caches are for. The two alternate, so that a busy moment hits both.
//!
//! ```text
//! cargo run --release --example probe_many                            # the lab, 20 times each
//! cargo run --release --example probe_many -- www.google.com -n 50
//! cargo run --release --example probe_many -- - < urls.txt            # many URLs, one a line: a line of JSON for each
//! ```
//!
//! Sample output:
//!
//! ```text
//!                       cold                                resumed
//!                min      p50      p90      p99       min      p50      p90      p99
//! DNS        1.61 ms  1.80 ms  2.25 ms  2.71 ms    1.2 µs   1.5 µs   2.1 µs   2.6 µs
//!  …
//! total      3.52 ms  3.91 ms  4.70 ms  5.26 ms   1.01 ms  1.12 ms  1.33 ms  1.60 ms
//! ```
//!
//! With `-` in place of the URL, each line of standard input is probed once, at most `--parallel-max` at a time, and a line of JSON
//! printed as soon as it is done, failures included. Empty lines, and those that begin with `#`, are skipped.
//!
//! The exit status is 0 if every probe succeeded, 1 if one failed, 2 if the arguments make no sense.

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use netprobe::render::{duration, escape_json, escape_terminal};
use netprobe::{Percentiles, Phase, Series};

mod lines;
#[path = "../support/request.rs"]
mod request;
#[path = "../support/runtime.rs"]
mod runtime;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/visit.rs"]
mod visit;

use request::RequestArguments;
use visit::VisitArguments;

/// Probe a URL many times: minimum and percentiles of every phase, cold and resumed.
#[derive(Parser)]
struct Arguments {
    /// The URL, or just a host; - to read them from standard input, one a line; without one, the lab's site
    url: Option<String>,
    /// How many times cold, and as many times resumed
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    runs: u32,
    #[command(flatten)]
    visit: VisitArguments,
    /// With -: how many URLs are probed at a time
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=300))]
    parallel_max: u16,
    #[command(flatten)]
    request: RequestArguments,
    /// Print every sample as JSON instead; with -, the whole report of every URL
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    support::exit(runtime::block_on(run(&Arguments::parse())))
}

async fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let lab = visit::lab_unless(arguments.url.as_ref())?;
    let mut probe = arguments.visit.probe(lab.as_ref())?;
    arguments.request.apply(&mut probe)?;
    if arguments.url.as_deref() == Some("-") {
        return lines::probe_lines(&probe, arguments.parallel_max.into(), arguments.json).await;
    }
    let url = arguments.url.clone().or_else(|| lab.as_ref().map(|lab| lab.url("/"))).unwrap_or_default();
    // Drawn on standard error, and only if that is a terminal.
    let bar = ProgressBar::new(2 * u64::from(arguments.runs));
    bar.set_style(ProgressStyle::with_template("{bar:40} {pos}/{len} probes")?);
    let series = probe.repeat(&url, arguments.runs as usize, |done, _| bar.set_position(done as u64)).await?;
    bar.finish_and_clear();
    let mut out = io::stdout().lock();
    if arguments.json {
        writeln!(out, "{}", escape_json(&serde_json::to_string_pretty(&series)?))?;
    } else {
        table(&mut out, &series)?;
    }
    let failures: Vec<_> =
        series.cold.iter().chain(&series.resumed).filter_map(|sample| sample.error.as_ref()).collect();
    match failures.first() {
        Some(first) => {
            let first = escape_terminal(&first.with_causes());
            Err(format!("{} of {} probes failed; the first: {first}", failures.len(), 2 * arguments.runs).into())
        }
        None => Ok(()),
    }
}

fn table(out: &mut impl Write, series: &Series) -> io::Result<()> {
    let heads = ["min", "p50", "p90", "p99"].map(|head| format!("{head:>9}")).concat();
    writeln!(out, "{:<9}{:^36}  {:^36}", "", "cold", "resumed")?;
    writeln!(out, "{:<9}{heads}  {heads}", "")?;
    for phase in Phase::ALL {
        let (cold, resumed) =
            (Percentiles::of_phase(&series.cold, phase), Percentiles::of_phase(&series.resumed, phase));
        if cold.is_some() || resumed.is_some() {
            writeln!(out, "{:<9}{}  {}", phase.name(), cells(cold), cells(resumed))?;
        }
    }
    let (cold, resumed) = (Percentiles::of_total(&series.cold), Percentiles::of_total(&series.resumed));
    writeln!(out, "{:<9}{}  {}", "total", cells(cold), cells(resumed))
}

fn cells(percentiles: Option<Percentiles>) -> String {
    let Some(Percentiles { min_ns, p50_ns, p90_ns, p99_ns }) = percentiles else { return format!("{:>36}", "none") };
    [min_ns, p50_ns, p90_ns, p99_ns].map(|ns| format!("{:>9}", duration(ns))).concat()
}
