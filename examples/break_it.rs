//! A gallery of what goes wrong between a URL and its page: each fault is played by the lab's servers, visited, and named.
//!
//! Beside each stands what a browser would say about it. A browser hides what a user can do nothing about; this is the place to see
//! what was really wrong, and that every step before it is kept.
//!
//! ```text
//! cargo run --release --example break_it                          # all of them
//! cargo run --release --example break_it -- expired-certificate   # one
//! ```
//!
//! Sample output, shortened:
//!
//! ```text
//! expired-certificate: the certificate was good until it expired
//!   a browser: NET::ERR_CERT_DATE_INVALID
//!   netprobe:  TLS failed after 1.02 ms: expired-certificate.whiteboard.test: the certificate of … expired 10 days ago
//!   kept:      URL, DNS, TCP
//! …
//! ```
//!
//! The exit status is 0: a fault that ends its visit does what it is there for.

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use netprobe::http::Limits;
use netprobe::render::{duration, escape_terminal};
use netprobe::tls::{EarlyData, Ech};
use netprobe::{Fault, HttpsRecords, Lab, Phase, Probe, Report};

#[path = "support/runtime.rs"]
mod runtime;
mod support;

/// What goes wrong on the way to a page, and how it looks.
#[derive(Parser)]
struct Arguments {
    /// The faults to visit, by name; all of them if none is given
    #[arg(value_parser = fault)]
    faults: Vec<Fault>,
    /// How long each step may take: some faults hang for ever
    #[arg(long, value_name = "N", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=600_000))]
    timeout_ms: u64,
}

fn fault(name: &str) -> Result<Fault, String> {
    let known = || Fault::ALL.map(Fault::name).join(", ");
    Fault::ALL
        .into_iter()
        .find(|fault| fault.name() == name)
        .ok_or_else(|| format!("there is no such fault, there are {}", known()))
}

fn main() -> ExitCode {
    support::exit(runtime::block_on(run(&Arguments::parse())))
}

async fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let lab = Lab::start()?;
    // As a browser's, so that what is wrong with the records shows.
    let probe = Probe { https_records: HttpsRecords::Followed, ..lab.probe() };
    let mut probe = probe.with_timeout_ms(arguments.timeout_ms);
    probe.http.limits = Limits { body_bytes_max: 1024 * 1024, decoded_bytes_max: 8 * 1024 * 1024, ..Limits::default() };
    let faults = if arguments.faults.is_empty() { &Fault::ALL[..] } else { &arguments.faults };
    let mut out = io::stdout().lock();
    let mut named = 0;
    for fault in faults {
        probe.names.method = lab.fault_method(*fault);
        probe.proxies = lab.fault_proxies(*fault);
        probe.identity = lab.fault_identity(*fault);
        #[cfg(feature = "h3")]
        {
            probe.http3 = *fault == Fault::StalledHttp3;
        }
        probe.early_data = fault.needs_a_ticket();
        probe.ech = if *fault == Fault::EchRejected { Ech::Offered } else { Ech::Off };
        let session = probe.open()?;
        if fault.needs_a_ticket() {
            // The visit that is told is the second.
            let _ = session.run(&lab.fault_url(*fault)).await;
        }
        let report = session.run(&lab.fault_url(*fault)).await;
        named += usize::from(report.error.is_some());
        show(&mut out, *fault, &report)?;
    }
    writeln!(
        out,
        "{} faults: {named} ended the visit and were named, {} were survived",
        faults.len(),
        faults.len() - named
    )?;
    Ok(())
}

fn show(out: &mut impl Write, fault: Fault, report: &Report) -> io::Result<()> {
    writeln!(out, "{}: {}", fault.name(), fault.description())?;
    writeln!(out, "  a browser: {}", fault.browser())?;
    match (&report.error, report.failed_step()) {
        (Some(error), Some(step)) => writeln!(
            out,
            "  netprobe:  {} failed after {}: {}",
            step.phase.name(),
            duration(step.span.duration_ns),
            escape_terminal(&error.with_causes())
        )?,
        (Some(error), None) => writeln!(out, "  netprobe:  {}", escape_terminal(&error.with_causes()))?,
        (None, _) => writeln!(out, "  netprobe:  survived: {}", escape_terminal(&survived(report)))?,
    }
    let kept = report.steps().filter(|step| step.error.is_none()).map(|step| step.phase);
    writeln!(out, "  kept:      {}\n", kept.map(Phase::name).collect::<Vec<_>>().join(", "))
}

/// What made no difference in the end, and can be seen all the same.
fn survived(report: &Report) -> String {
    let parts =
        report.steps().flat_map(|step| &step.children).flat_map(|part| std::iter::once(part).chain(&part.children));
    let failed = parts.filter_map(|part| part.error.as_ref()).map(netprobe::Error::with_causes);
    let attempts = report.hops.iter().filter_map(|hop| hop.connection.as_ref()).flat_map(|one| &one.attempts);
    let lost = attempts.filter(|attempt| attempt.outcome != netprobe::tcp::Outcome::Connected);
    let lost = lost.map(|attempt| format!("{} did not answer, the next one did", attempt.address));
    let walks = report.hops.iter().filter_map(|hop| hop.resolution.as_ref()?.walk.as_ref());
    let again = walks.flat_map(|walk| &walk.queries).find(|query| query.sent_ns.len() > 1);
    let again = again.map(|query| format!("{} got the query when it was sent again", query.server));
    let rejected = report.hops.iter().filter_map(|hop| match hop.handshake.as_ref()?.early_data? {
        EarlyData::Rejected { bytes } => Some(format!("{bytes} bytes of early data were rejected, and sent again")),
        _ => None,
    });
    let twice = report.answer().and_then(|answer| answer.header("x-early-arrivals")).filter(|count| *count != "1");
    let twice = twice.map(|count| format!("the request arrived {count} times"));
    let retried = report.steps().filter(|step| step.phase == Phase::Retry).map(|step| step.label.clone());
    let lost = lost.chain(rejected).chain(twice).chain(retried);
    #[cfg(feature = "h3")]
    let lost = lost.chain(report.race.as_ref().map(netprobe::Race::summary));
    let all: Vec<String> = failed.chain(again).chain(lost).chain(report.warnings()).collect();
    if all.is_empty() { "the answer is right".to_owned() } else { all.join("; ") }
}
