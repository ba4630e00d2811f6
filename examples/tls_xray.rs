//! What does a TLS server show? Version, cipher, key exchange, the whole chain; what a second visit saves; and the plain reason
//! when the chain is not good enough.
//!
//! Three handshakes with the same server: one with everything offered, one that resumes it, one that offers HTTP/1.1 alone.
//!
//! ```text
//! cargo run --release --example tls_xray                         # the lab's server
//! cargo run --release --example tls_xray -- www.google.com       # HOST, HOST:PORT or a URL
//! ```
//!
//! Sample output, shortened:
//!
//! ```text
//! version        TLS 1.3
//! cipher suite   TLS_AES_256_GCM_SHA384
//! key exchange   X25519MLKEM768: also resists a quantum computer
//! protocol       h2
//! first visit    full, 1.38 ms
//! second visit   resumed, 612 µs
//! without HTTP/2 http/1.1
//! chain          1. www.whiteboard.test: ECDSA P-256, 90 days left, ecdsa-with-SHA256 by Whiteboard Lab Intermediate
//!                …
//! ```
//!
//! The exit status is 0 if all handshakes succeeded and the chain was good.

use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use netprobe::render::{duration, escape_json, escape_terminal};
use netprobe::tls::{Alpn, Certificate, Handshake, HandshakeKind, Roots, Trust};
use netprobe::{Hop, Lab, Probe, Report};

mod support;

/// What a TLS server shows, and whether it is good enough.
#[derive(Parser)]
struct Arguments {
    /// A host, a host and a port, or a URL; without one, the lab's server
    host: Option<String>,
    /// Trust the certificates of this PEM file, and no others
    #[arg(long, value_name = "FILE")]
    cacert: Option<PathBuf>,
    /// Print the three handshakes as JSON instead
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result = runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(run(&Arguments::parse())));
    support::exit(result)
}

async fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let lab = if arguments.host.is_none() { Some(Lab::start()?) } else { None };
    let mut probe = lab.as_ref().map_or_else(Probe::default, Lab::probe);
    probe.redirects_max = 0;
    if let Some(file) = &arguments.cacert {
        let pem = fs::read(file).map_err(|error| format!("cannot read {}: {error}", file.display()))?;
        probe.roots = Roots::Pem(pem);
    }
    let url = arguments.host.clone().or_else(|| lab.as_ref().map(|lab| lab.url("/"))).unwrap_or_default();
    let session = probe.open()?;
    let first = session.run(&url).await;
    let second = session.run(&url).await;
    let old = Probe { alpn: Alpn::Http1, ..probe }.run(&url).await;
    let handshakes = [&first, &second, &old].map(handshake);
    let mut out = io::stdout().lock();
    if arguments.json {
        writeln!(out, "{}", escape_json(&serde_json::to_string_pretty(&handshakes)?))?;
    } else if let Some(handshake) = handshakes[0] {
        show(&mut out, handshake, handshakes[1], handshakes[2])?;
    }
    verdict(&first)
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

fn show(
    out: &mut impl Write,
    first: &Handshake,
    second: Option<&Handshake>,
    old: Option<&Handshake>,
) -> io::Result<()> {
    let or_none = |text: &Option<String>| escape_terminal(text.as_deref().unwrap_or("none"));
    writeln!(out, "version        {}", or_none(&first.version))?;
    writeln!(out, "cipher suite   {}", or_none(&first.cipher_suite))?;
    let quantum =
        if first.is_post_quantum { "also resists a quantum computer" } else { "a quantum computer could undo it" };
    writeln!(out, "key exchange   {}: {quantum}", or_none(&first.group))?;
    writeln!(out, "protocol       {}", or_none(&first.alpn))?;
    writeln!(out, "first visit    {}", visit(first))?;
    if let Some(second) = second {
        writeln!(out, "second visit   {}", visit(second))?;
    }
    if let Some(old) = old {
        writeln!(out, "without HTTP/2 {}", or_none(&old.alpn))?;
    }
    for (index, certificate) in first.chain.iter().enumerate() {
        let title = if index == 0 { "chain" } else { "" };
        writeln!(out, "{title:<14} {}. {}", index + 1, escape_terminal(&line(certificate)))?;
        if !certificate.names.is_empty() {
            let (few, more) = certificate.names.split_at(certificate.names.len().min(4));
            let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
            writeln!(out, "                  for {}{more}", escape_terminal(&few.join(", ")))?;
        }
    }
    Ok(())
}

fn visit(handshake: &Handshake) -> String {
    let kind = match handshake.kind {
        Some(HandshakeKind::Full) => "full",
        Some(HandshakeKind::FullWithHelloRetryRequest) => "full, with one more round trip (HelloRetryRequest)",
        Some(HandshakeKind::Resumed) => "resumed",
        None => "failed",
    };
    format!("{kind}, {}", duration(handshake.span.duration_ns))
}

fn line(certificate: &Certificate) -> String {
    let life = match certificate.days_left {
        left if left < 0 => format!("expired {} days ago", -(left + 1)),
        left => format!("{left} days left"),
    };
    let (owner, issuer) = (certificate.owner(), certificate.issuer_name());
    format!("{owner}: {}, {life}, {} by {issuer}", certificate.key, certificate.signature)
}
