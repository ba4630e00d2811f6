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
//! cargo run --release --example what_happens -- example.com -d a=b # a form is sent; -X, -H, -I and --data-binary @FILE too, as with curl
//! cargo run --release --example what_happens -- --press            # from the key: what the machine does for Enter (Linux)
//! cargo run --release --example what_happens -- --lab-tls early-data # a second visit: the request goes with the ClientHello
//! cargo run --release --example what_happens -- --balance          # the lab's servers behind a load balancer, one of them dies
//! cargo run --release --features paint --example what_happens -- --paint page.png      # on to the pixels; all of it: --press --paint page.png
//! ```
//!
//! With `--paint` the bytes that came become a picture (the crate `pagepaint`: some four hundred crates more), stage by stage on the same
//! timeline: HTML, CSS, what the page asks for and which element asked, the render tree, layout, paint, pixels. Without a URL the page is the lab's
//! `/page`, which has a style sheet and an image that has moved. `--trees FILE` writes what the stages made.
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
//! The exit status is 0 if every step succeeded and every `--slo` was met, 1 if not, 2 if the arguments make no sense.

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

#[cfg(not(feature = "paint"))]
use netprobe::Report;
use netprobe::names::Method;
use netprobe::proxy::Proxies;
use netprobe::render::{Chapter, Timeline, escape_json};
use netprobe::url::redacted_text;
use netprobe::{Clock, Lab, Probe, Span};

mod arguments;
mod balance;
mod files;
mod page;
#[cfg(feature = "paint")]
mod paint;
mod place;
mod press;
#[path = "../support/request.rs"]
mod request;
#[path = "../support/runtime.rs"]
mod runtime;
#[path = "../support/mod.rs"]
mod support;
mod tell;
#[path = "../support/visit.rs"]
mod visit;

use arguments::{Arguments, LabDns, LabProxy, LabTls, changed};
use balance::ServerSide;

fn main() -> ExitCode {
    let arguments = Arguments::read();
    #[cfg(feature = "paint")]
    paint::quieten();
    match runtime::block_on(run(&arguments)) {
        Ok(false) => ExitCode::FAILURE,
        other => support::exit(other.map(|_| ())),
    }
}

/// Whether every step succeeded.
async fn run(arguments: &Arguments) -> Result<bool, Box<dyn Error>> {
    files::check(arguments)?;
    let lab = visit::lab_unless(arguments.url.as_ref())?;
    // A page that is to be painted has something to paint.
    let path = if arguments.page.paint.is_some() { "/page" } else { "/" };
    let mut servers = match (&lab, arguments.balance) {
        (Some(lab), Some(policy)) => Some(ServerSide::start(lab, path, policy)?),
        _ => None,
    };
    let lab_url = || {
        let lab = lab.as_ref()?;
        Some(match (arguments.lab_tls, &servers) {
            (Some(LabTls::ClientCert), _) => lab.host_url("clients", path),
            (Some(LabTls::EarlyData), _) => lab.host_url("early", path),
            (None, Some(servers)) => servers.url.clone(),
            (None, None) => lab.url(path),
        })
    };
    let url = arguments.url.clone().or_else(lab_url).unwrap_or_default();
    let mut probe = arguments.visit.probe(lab.as_ref())?;
    if let Some(lab) = &lab {
        visit_lab(&mut probe, lab, arguments);
    }
    let probe = changed(arguments, probe)?;
    let session = probe.open()?;
    if probe.early_data {
        // For a ticket. How it goes shows in the visit that is told.
        let _ = session.run(&url).await;
    }
    let (clock, report) = if arguments.press {
        let shown = if arguments.reveal_secrets { url.clone() } else { redacted_text(&url) };
        let pressed = press::wait(&shown)?;
        (Clock::started_at(pressed.at), session.run_from(&pressed, &url).await)
    } else {
        let clock = Clock::start();
        (clock, session.run_on(&clock, &url).await)
    };
    let mut timeline = report.timeline();
    #[cfg(feature = "paint")]
    let painted =
        paint::paint((&arguments.page, arguments.reveal_secrets), &session, &clock, &report, &mut timeline).await;
    if let Some(servers) = &mut servers {
        servers.ask(&session, &clock).await?;
        servers.add_to(&mut timeline, &clock);
    }
    let missed: Vec<String> = arguments.slo.iter().filter_map(|objective| objective.missed_by(&report)).collect();
    if let Some(missed) = missed.first() {
        timeline.failure.get_or_insert_with(|| missed.clone());
    }
    #[cfg(feature = "paint")]
    let (resources, mut files) = match &painted {
        Some(painted) => (painted.reports(), painted.files(&arguments.page)?),
        None => Default::default(),
    };
    #[cfg(not(feature = "paint"))]
    let (resources, mut files): (Vec<&Report>, Vec<files::Written>) = Default::default();
    files.extend(files::of_visit(arguments, &report, &resources, &timeline)?);
    let after_report = files::write(files)?;
    let mut out = io::stdout().lock();
    let printed = if arguments.json {
        let mut json = serde_json::to_value(&report)?;
        if let (Some(servers), Some(json)) = (&servers, json.as_object_mut()) {
            json.insert("server_side".to_owned(), servers.to_json());
        }
        #[cfg(feature = "paint")]
        if let (Some(painted), Some(json)) = (&painted, json.as_object_mut()) {
            json.insert("page".to_owned(), painted.to_json());
        }
        if let Some(json) = json.as_object_mut().filter(|_| !arguments.slo.is_empty()) {
            json.insert("missed_objectives".to_owned(), missed.into());
        }
        writeln!(out, "{}", escape_json(&serde_json::to_string_pretty(&json)?))
    } else {
        tell::tell(&mut out, &timeline)
    };
    let printed = printed.and_then(|()| after_report.iter().try_for_each(|bytes| out.write_all(bytes)));
    // A reader that has seen enough changes nothing about how the probe went.
    match printed.and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(timeline.failure.is_none()),
    }
}

/// What of the lab was asked for: a resolver, a proxy, a way to do TLS.
fn visit_lab(probe: &mut Probe, lab: &Lab, arguments: &Arguments) {
    if let Some(how) = arguments.lab_dns {
        probe.names.method = Method::Resolver(Some(match how {
            LabDns::Plain => lab.resolver(),
            LabDns::Tls => lab.resolver_tls(),
            LabDns::Https => lab.resolver_https(),
        }));
    }
    if let Some(how) = arguments.lab_proxy {
        probe.proxies = Proxies::all(match how {
            LabProxy::Http => lab.http_proxy(),
            LabProxy::Socks5 => lab.socks_proxy(),
        });
    }
    match arguments.lab_tls {
        Some(LabTls::ClientCert) => probe.identity = lab.identity(),
        Some(LabTls::EarlyData) => probe.early_data = true,
        None => {}
    }
}

/// Adds a chapter: the timeline goes on until now, with so much more work of our own.
fn go_on(timeline: &mut Timeline, chapter: Chapter, busy_ns: u64, clock: &Clock) {
    timeline.chapters.push(chapter);
    timeline.total = Span::new(0, clock.now_ns(), timeline.total.cpu_ns.saturating_add(busy_ns));
}
