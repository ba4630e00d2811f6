//! What happens when you type `www.google.com` and press Enter? Each step done, timed, and told: what happened, and why there is
//! such a step at all.
//!
//! Without a URL it runs against a lab of its own on loopback: root, top-level and authoritative name servers with signed zones, a
//! certificate authority, web servers. No network is needed, and nothing leaves the machine.
//!
//! ```text
//! cargo run --release --example what_happens                       # the lab
//! cargo run --release --example what_happens -- www.google.com     # the internet
//! cargo run --release --example what_happens -- --html page.html   # a page to look at; --svg, --har and --json too
//! ```
//!
//! Sample output, shortened:
//!
//! ```text
//! DNS   2.31 ms  www.whiteboard.test is 127.0.1.1
//!                a name means nothing to the network: it carries packets to addresses
//!                  · …
//! TCP   88.0 µs  connected to 127.0.1.1:37573; round trip 21.0 µs, 0 retransmissions, segments of 32741 bytes
//!                SYN, SYN-ACK, ACK: three packets, and both sides have agreed to count every byte, so that none is lost
//! TLS   1.42 ms  TLS 1.3, TLS_AES_256_GCM_SHA384, X25519MLKEM768 (safe from quantum computers too); both speak h2
//!                …
//! wait   164 µs  the answer begins: 200 OK
//!                …
//! 4.36 ms in all: 2.93 ms waiting for the network (67 %), 1.43 ms our own work
//! ```
//!
//! The exit status is 0 if every step succeeded, 1 if one failed, 2 if the arguments make no sense.

use std::error::Error;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use netprobe::dns::{PORT, Server};
use netprobe::names::{Family, Method, ResolverOptions};
use netprobe::render::{Telling, Waterfall, duration, escape_json, escape_terminal};
use netprobe::tls::Roots;
use netprobe::{Lab, Override, Probe, Report};

mod support;

/// What happens when you type a URL, step by step, measured.
#[derive(Parser)]
struct Arguments {
    /// The URL, or just a host; without one, a lab on loopback is visited
    url: Option<String>,
    /// Print the report as JSON instead
    #[arg(long)]
    json: bool,
    /// Write an HTTP archive, as browsers' developer tools read it
    #[arg(long, value_name = "FILE")]
    har: Option<PathBuf>,
    /// Write the waterfall as a picture
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Write the whole report as one self-contained page
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Trust the certificates of this PEM file, and no others
    #[arg(long, value_name = "FILE")]
    cacert: Option<PathBuf>,
    /// Trust everybody: nothing is checked, and the report says so loudly
    #[arg(long, conflicts_with = "cacert")]
    insecure: bool,
    /// An address that is known already; may be given more than once
    #[arg(long, value_name = "HOST:PORT:ADDR")]
    resolve: Vec<Override>,
    /// Root name servers to start the walk at, instead of the internet's
    #[arg(long, value_name = "IP,IP", value_delimiter = ',')]
    roots: Vec<IpAddr>,
    /// The port of all name servers
    #[arg(long, value_name = "N")]
    dns_port: Option<u16>,
    /// Ask this resolver instead of walking from the root
    #[arg(long, value_name = "IP:PORT")]
    dns: Option<SocketAddr>,
    /// Use IPv4 alone
    #[arg(short = '4', conflicts_with = "ipv6")]
    ipv4: bool,
    /// Use IPv6 alone
    #[arg(short = '6')]
    ipv6: bool,
    /// How long each step may take
    #[arg(long, value_name = "N")]
    timeout_ms: Option<u64>,
    /// How many redirects are followed
    #[arg(long, value_name = "N", default_value_t = 10)]
    max_redirects: usize,
    /// How far away the server is: sets the round trip beside what the speed of light allows
    #[arg(long, value_name = "KM", value_parser = kilometres)]
    distance_km: Option<f64>,
    /// Leave cookies and passwords readable in the report
    #[arg(long)]
    reveal_secrets: bool,
}

fn kilometres(text: &str) -> Result<f64, String> {
    let far = text.parse().ok().filter(|km: &f64| km.is_finite() && *km > 0.0);
    far.ok_or_else(|| format!("{text:?} is not a distance in kilometres"))
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result = runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(run(&arguments)));
    match result {
        Ok(report) if report.error.is_some() => ExitCode::FAILURE,
        other => support::exit(other.map(|_| ())),
    }
}

async fn run(arguments: &Arguments) -> Result<Report, Box<dyn Error>> {
    // The lab lives until the probe is done.
    let lab = if arguments.url.is_none() { Some(Lab::start()?) } else { None };
    let base = lab.as_ref().map_or_else(Probe::default, Lab::probe);
    let url = arguments.url.clone().or_else(|| lab.as_ref().map(|lab| lab.url("/"))).unwrap_or_default();
    let report = probe(arguments, base)?.run(&url).await;
    write_files(arguments, &report)?;
    let mut out = io::stdout().lock();
    let printed = if arguments.json {
        let json = serde_json::to_string_pretty(&report)?;
        writeln!(out, "{}", escape_json(&json))
    } else {
        tell(&mut out, &report)
    };
    // A reader that has seen enough changes nothing about how the probe went.
    match printed {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(report),
    }
}

fn probe(arguments: &Arguments, mut probe: Probe) -> Result<Probe, Box<dyn Error>> {
    if let Some(timeout_ms) = arguments.timeout_ms {
        probe = probe.with_timeout_ms(timeout_ms);
    }
    if let Some(file) = &arguments.cacert {
        let pem = fs::read(file).map_err(|error| format!("cannot read {}: {error}", file.display()))?;
        probe.roots = Roots::Pem(pem);
    } else if arguments.insecure {
        probe.roots = Roots::Unchecked;
    }
    probe.names.family = match (arguments.ipv4, arguments.ipv6) {
        (true, _) => Family::V4,
        (_, true) => Family::V6,
        _ => Family::Any,
    };
    names(arguments, &mut probe.names);
    probe.overrides.extend(arguments.resolve.iter().cloned());
    probe.redirects_max = arguments.max_redirects;
    probe.distance_km = arguments.distance_km;
    probe.http.reveal_secrets = arguments.reveal_secrets;
    Ok(probe)
}

/// Who is asked for names. Other roots have other keys, which nobody here knows: below them nothing is validated.
fn names(arguments: &Arguments, options: &mut ResolverOptions) {
    let walker = &mut options.walker;
    walker.port = arguments.dns_port.unwrap_or(walker.port);
    if !arguments.roots.is_empty() {
        let root = |address: &IpAddr| Server {
            name: address.to_string(),
            address: SocketAddr::new(*address, arguments.dns_port.unwrap_or(PORT)),
        };
        walker.roots = arguments.roots.iter().map(root).collect();
        walker.anchors.clear();
    }
    if let Some(resolver) = arguments.dns {
        options.method = Method::Resolver(Some(resolver));
    }
}

fn write_files(arguments: &Arguments, report: &Report) -> Result<(), Box<dyn Error>> {
    let write = |file: &Path, text: String| {
        fs::write(file, text).map_err(|error| format!("cannot write {}: {error}", file.display()))
    };
    if let Some(file) = &arguments.har {
        write(file, escape_json(&serde_json::to_string_pretty(&report.to_har())?))?;
    }
    if let Some(file) = &arguments.svg {
        write(file, report.to_svg())?;
    }
    if let Some(file) = &arguments.html {
        write(file, report.to_html())?;
    }
    Ok(())
}

/// The story, the waterfall, and what to know besides.
fn tell(out: &mut impl Write, report: &Report) -> io::Result<()> {
    let color = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let timeline = report.timeline();
    for chapter in &timeline.chapters {
        writeln!(out, "{}\n", escape_terminal(&chapter.title))?;
        for (told, step) in chapter.story.iter().zip(&chapter.steps) {
            step_told(out, told, &duration(step.span.duration_ns), color)?;
        }
        writeln!(out)?;
    }
    write!(out, "{}", timeline.waterfall(&Waterfall { color, ..Waterfall::default() }))?;
    for note in &timeline.notes {
        writeln!(out, "{}", escape_terminal(note))?;
    }
    for warning in &timeline.warnings {
        writeln!(out, "WARNING: {}", escape_terminal(warning))?;
    }
    match &timeline.failure {
        Some(failure) => writeln!(out, "✗ {}", escape_terminal(failure)),
        None => writeln!(out, "✓ every step succeeded"),
    }
}

fn step_told(out: &mut impl Write, told: &Telling, time: &str, color: bool) -> io::Result<()> {
    let mark = if told.failed { "✗ " } else { "" };
    let (dim, reset) = if color { ("\u{1b}[2m", "\u{1b}[0m") } else { ("", "") };
    writeln!(out, "{:<9}{time:>8}  {mark}{}", told.phase.name(), escape_terminal(&told.what))?;
    writeln!(out, "{:<9}{:>8}  {dim}{}{reset}", "", "", told.why)?;
    for detail in &told.details {
        writeln!(out, "{:<9}{:>8}    · {}", "", "", escape_terminal(detail))?;
    }
    Ok(())
}
