//! What does a TLS server show? Version, cipher, key exchange, the whole chain; what a second visit saves; and the plain reason
//! when the chain is not good enough.
//!
//! Three handshakes with the same server: one with everything offered, one that resumes it, one that offers HTTP/1.1 alone.
//!
//! ```text
//! cargo run --release --example tls_xray                         # the lab's server
//! cargo run --release --example tls_xray -- www.google.com       # HOST, HOST:PORT or a URL
//! cargo run --release --example tls_xray -- --early-data         # and a visit whose request goes with the ClientHello
//! cargo run --release --example tls_xray -- --scan               # and everything that the server accepts
//! ```
//!
//! Sample output, shortened:
//!
//! ```text
//! version        TLS 1.3
//! cipher suite   TLS_AES_256_GCM_SHA384
//! key exchange   X25519MLKEM768: also resists a quantum computer
//! protocol       h2
//! first visit    full, 1.38 ms; round trips before the request is heard: 1; the answer after 1.71 ms, 2130 bytes sent, 2789 received
//! second visit   resumed, 612 µs; round trips before the request is heard: 1; …
//! tickets        2, for no early data
//! without HTTP/2 http/1.1
//! revoked?       stapled: not revoked, as of … until …; signed by its issuer
//! chain          1. www.whiteboard.test: ECDSA P-256, 90 days left, ecdsa-with-SHA256 by Whiteboard Lab Intermediate
//!                …
//! ```
//!
//! With `--scan`, after some twenty connections more to the lab's server:
//!
//! ```text
//! TLS 1.3        accepted
//!                  suites TLS_AES_256_GCM_SHA384, TLS_AES_128_GCM_SHA256, TLS_CHACHA20_POLY1305_SHA256
//!                  groups X25519MLKEM768, X25519, secp256r1, secp384r1, …
//! TLS 1.2        accepted
//!                …
//! TLS 1.1        declined with the alert HandshakeFailure
//! TLS 1.0        declined with the alert HandshakeFailure
//! ```
//!
//! The exit status is 0 if the handshake succeeded, the chain was good, and the scan came to its end.

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use netprobe::render::{duration, escape_json, escape_terminal};
use netprobe::tls::scan::{Accepted, Scan, scan};
use netprobe::tls::{Alpn, Certificate, EarlyData, Handshake, HandshakeKind, Trust};
use netprobe::{Clock, Hop, Probe, Report};

#[path = "support/runtime.rs"]
mod runtime;
mod support;
#[path = "support/visit.rs"]
mod visit;

use visit::{IdentityArguments, VisitArguments};

/// What a TLS server shows, and whether it is good enough.
#[derive(Parser)]
struct Arguments {
    /// A host, a host and a port, or a URL; without one, the lab's server
    host: Option<String>,
    #[command(flatten)]
    visit: VisitArguments,
    #[command(flatten)]
    identity: IdentityArguments,
    /// A third visit, whose request goes with the ClientHello (0-RTT), if the server gave a ticket for that
    #[arg(long, visible_alias = "tls-earlydata")]
    early_data: bool,
    /// Find every version, cipher suite and group that the server accepts; each takes a connection
    #[arg(long)]
    scan: bool,
    /// Print the three handshakes, and the scan if there is one, as JSON instead
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    support::exit(runtime::block_on(run(&Arguments::parse())))
}

async fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let lab = visit::lab_unless(arguments.host.as_ref())?;
    let mut probe = arguments.visit.probe(lab.as_ref())?;
    probe.redirects_max = 0;
    arguments.identity.apply(&mut probe)?;
    let timeout_ms = probe.tls_timeout_ms;
    let url = arguments
        .host
        .clone()
        .or_else(|| lab.as_ref().map(|lab| lab.host_url(if arguments.early_data { "early" } else { "www" }, "/")));
    let url = url.unwrap_or_default();
    let session = probe.open()?;
    let first = session.run(&url).await;
    let second = session.run(&url).await;
    let old = Probe { alpn: Alpn::Http1, ..probe }.run(&url).await;
    let early = if arguments.early_data { Some(session.early().run(&url).await) } else { None };
    let visits: Vec<&Report> = [&first, &second, &old].into_iter().chain(&early).collect();
    let handshakes: Vec<Option<&Handshake>> = visits.iter().map(|report| handshake(report)).collect();
    let scan = if arguments.scan { scanned(&url, &first, timeout_ms).await } else { None };
    let mut out = io::stdout().lock();
    if arguments.json {
        let json = match &scan {
            Some(scan) => serde_json::to_string_pretty(&serde_json::json!({ "handshakes": handshakes, "scan": scan })),
            None => serde_json::to_string_pretty(&handshakes),
        };
        writeln!(out, "{}", escape_json(&json?))?;
    } else {
        if let Some(handshake) = handshakes[0] {
            show(&mut out, handshake, &visits)?;
        }
        scan.iter().flat_map(|scan| &scan.versions).try_for_each(|accepted| show_accepted(&mut out, accepted))?;
    }
    verdict(&first)?;
    match scan.and_then(|scan| scan.error) {
        Some(error) => Err(escape_terminal(&error.with_causes()).into()),
        None => Ok(()),
    }
}

/// The server that was visited first, if there was one, and TLS is what it was visited with. Each connection gets so much time.
async fn scanned(url: &str, first: &Report, timeout_ms: u64) -> Option<Scan> {
    let url = netprobe::url::parse(url).ok()?;
    let hop = first.hops.first().filter(|hop| hop.handshake.is_some())?;
    let peer = hop.connection.as_ref()?.peer?;
    Some(scan(netprobe::url::host(&url), peer, timeout_ms, &Clock::start()).await)
}

fn handshake(report: &Report) -> Option<&Handshake> {
    report.hops.first().and_then(|hop: &Hop| hop.handshake.as_ref())
}

/// Only what TLS says counts here: a redirect, or an answer of whatever kind, is none of its business.
fn verdict(report: &Report) -> Result<(), Box<dyn Error>> {
    match (handshake(report), &report.error) {
        (Some(handshake), _) if handshake.trust == Trust::Verified => Ok(()),
        (_, Some(error)) => Err(escape_terminal(&error.with_causes()).into()),
        (_, None) => Err("the URL is http: there is no TLS to look at".into()),
    }
}

/// `visits`: the first, the second, one that offers HTTP/1.1 alone, and perhaps one with early data.
fn show(out: &mut impl Write, first: &Handshake, visits: &[&Report]) -> io::Result<()> {
    let or_none = |text: &Option<String>| escape_terminal(text.as_deref().unwrap_or("none"));
    writeln!(out, "version        {}", or_none(&first.version))?;
    writeln!(out, "cipher suite   {}", or_none(&first.cipher_suite))?;
    let quantum =
        if first.is_post_quantum { "also resists a quantum computer" } else { "a quantum computer could undo it" };
    writeln!(out, "key exchange   {}: {quantum}", or_none(&first.group))?;
    writeln!(out, "protocol       {}", or_none(&first.alpn))?;
    for (title, place) in [("first visit", 0), ("second visit", 1), ("third visit", 3)] {
        if let Some(told) = visits.get(place).and_then(|report| visit(report)) {
            writeln!(out, "{title:<14} {told}")?;
        }
    }
    let tickets = first.tickets.unwrap_or_default();
    match (tickets.count, tickets.early_data_bytes_max) {
        (0, _) => writeln!(out, "tickets        none: every visit is like the first")?,
        (count, 0) => writeln!(out, "tickets        {count}, for no early data")?,
        (count, bytes) => writeln!(out, "tickets        {count}, for {bytes} bytes of early data")?,
    }
    if let Some(old) = visits.get(2).and_then(|report| handshake(report)) {
        writeln!(out, "without HTTP/2 {}", or_none(&old.alpn))?;
    }
    if let Some(asked) = &first.client_certificate {
        let authorities = match asked.authorities.as_slice() {
            [] => "of any authority".to_owned(),
            authorities => format!("of {}", authorities.join(" or ")),
        };
        let sent = match (&asked.sent, &asked.unsent) {
            (Some(sent), _) => format!("sent: {}", sent.owner()),
            (None, Some(unsent)) => format!("not sent, since the handshake failed before: {}", unsent.owner()),
            (None, None) => "none was sent".to_owned(),
        };
        writeln!(
            out,
            "who are you?   a client certificate {}; {}",
            escape_terminal(&authorities),
            escape_terminal(&sent)
        )?;
    }
    match &first.staple {
        Some(staple) => writeln!(out, "revoked?       {}", escape_terminal(&staple.to_string()))?,
        None => writeln!(out, "revoked?       the server stapled nothing about it")?,
    }
    for (index, certificate) in first.chain.iter().enumerate() {
        let title = if index == 0 { "chain" } else { "" };
        writeln!(out, "{title:<14} {}. {}", index + 1, escape_terminal(&line(certificate)))?;
        if !certificate.names.is_empty() {
            let (few, more) = certificate.names.split_at(certificate.names.len().min(4));
            let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
            writeln!(out, "                  for {}{more}", escape_terminal(&few.join(", ")))?;
        }
        for log in &certificate.timestamps {
            writeln!(
                out,
                "                  known to the log {}, whose signature is not checked",
                escape_terminal(&log.log_id)
            )?;
        }
    }
    Ok(())
}

fn show_accepted(out: &mut impl Write, accepted: &Accepted) -> io::Result<()> {
    let name = accepted.version.name();
    if accepted.suites.is_empty() {
        let how = accepted.declines_with.as_deref().unwrap_or("nothing that could be understood");
        return writeln!(out, "{name:<14} declined with {how}");
    }
    writeln!(out, "{name:<14} accepted")?;
    let (good, weak): (Vec<_>, Vec<_>) = accepted.suites.iter().partition(|suite| suite.weakness.is_none());
    let good: Vec<&str> = good.iter().map(|suite| suite.name.as_str()).collect();
    if !good.is_empty() {
        writeln!(out, "                 suites {}", good.join(", "))?;
    }
    for suite in weak {
        let why = suite.weakness.map(netprobe::tls::scan::Weakness::description).unwrap_or_default();
        writeln!(out, "                 weak   {} ({why})", suite.name)?;
    }
    if accepted.groups.is_empty() {
        Ok(())
    } else {
        writeln!(out, "                 groups {}", accepted.groups.join(", "))
    }
}

/// What a visit cost, from the ClientHello on.
fn visit(report: &Report) -> Option<String> {
    let hop = report.hops.first()?;
    let handshake = hop.handshake.as_ref()?;
    let kind = match handshake.kind {
        Some(HandshakeKind::Full) => "full",
        Some(HandshakeKind::FullWithHelloRetryRequest) => "full, with one more round trip (HelloRetryRequest)",
        Some(HandshakeKind::Resumed) => "resumed",
        None => "failed",
    };
    let mut told = format!("{kind}, {}", duration(handshake.span.duration_ns));
    match handshake.early_data {
        Some(EarlyData::Accepted { bytes }) => told += &format!("; {bytes} bytes of early data accepted"),
        Some(EarlyData::Rejected { bytes }) => {
            told += &format!("; {bytes} bytes of early data rejected, and sent again")
        }
        Some(EarlyData::Unanswered { bytes }) => {
            told += &format!("; {bytes} bytes of early data sent, and nobody knows what became of them")
        }
        Some(EarlyData::TooLong { bytes_max, .. }) => {
            told += &format!("; no early data: only {bytes_max} bytes may be sent")
        }
        Some(EarlyData::NoTicket) => told += "; no early data: no ticket for it",
        None => {}
    }
    if let Some(trips) = handshake.round_trips() {
        told += &format!("; round trips before the request is heard: {trips}");
    }
    if let Some(first_byte_ns) = hop.exchange.as_ref().and_then(|exchange| exchange.first_byte_ns) {
        let after = duration(first_byte_ns.saturating_sub(handshake.span.start_ns));
        let (sent, received) = (hop.sent_bytes, hop.received_bytes);
        told += &format!("; the answer after {after}, {sent} bytes sent, {received} received");
    }
    Some(told)
}

fn line(certificate: &Certificate) -> String {
    let life = match certificate.days_left {
        left if left < 0 => format!("expired {} days ago", -(left + 1)),
        left => format!("{left} days left"),
    };
    let (owner, issuer) = (certificate.owner(), certificate.issuer_name());
    format!("{owner}: {}, {life}, {} by {issuer}", certificate.key, certificate.signature)
}
