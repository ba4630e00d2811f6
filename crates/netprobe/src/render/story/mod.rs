//! What happened, told line by line: what each step did, and why there is such a step at all.

mod http;
mod tls;
mod why;

use serde::{Deserialize, Serialize};

use self::http::exchanged;
use self::tls::handshake;
use super::duration;
use crate::names::Source;
use crate::tcp::Connection;
use crate::{Hop, Phase, Report, Step};

/// A step, told. May hold text that a peer sent: whoever shows it escapes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Telling {
    /// Which kind of step.
    pub phase: Phase,
    /// What happened.
    pub what: String,
    /// Why there is such a step.
    pub why: &'static str,
    /// What it was made of.
    pub details: Vec<String>,
    /// Whether it failed.
    pub failed: bool,
}

impl Report {
    /// What happened in each hop, told step by step.
    #[must_use]
    pub fn story(&self) -> Vec<Vec<Telling>> {
        self.hops.iter().map(tell_hop).collect()
    }
}

/// The steps of a hop, told.
pub(super) fn tell_hop(hop: &Hop) -> Vec<Telling> {
    hop.steps.iter().map(|step| tell(hop, step)).collect()
}

/// A step whose label and parts say all there is to say.
pub(super) fn told(step: &Step) -> Telling {
    let (what, failed) = match &step.error {
        Some(error) => (error.with_causes(), true),
        None => (step.label.clone(), false),
    };
    Telling { phase: step.phase, what, why: step.phase.why(), details: parts(step, 0), failed }
}

fn tell(hop: &Hop, step: &Step) -> Telling {
    let (mut what, details) = match step.phase {
        Phase::Url => (format!("{} is taken apart", hop.url), Vec::new()),
        Phase::Names => names(hop, step),
        Phase::Connect => match (hop.reused, &hop.connection) {
            (Some(first), _) => {
                let what = format!(
                    "the connection of request {} is still open: no name, no SYN, no keys again",
                    first.saturating_add(1)
                );
                (what, Vec::new())
            }
            (None, connection) => {
                let (mut what, details) = connection.as_ref().map(connect).unwrap_or_default();
                if let Some(elsewhere) = &hop.connected_to {
                    what += &format!("; the caller said: to {elsewhere}, whatever the URL says");
                }
                if let Some(proxy) = &hop.forwarded_by {
                    what += &format!("; it is {proxy}, which passes the request on");
                }
                (what, details)
            }
        },
        Phase::Retry | Phase::Site | Phase::Quic => (step.label.clone(), parts(step, 0)),
        Phase::Proxy => hop.tunnel.as_ref().map(tunnel).unwrap_or_default(),
        Phase::Tls => hop.handshake.as_ref().map(handshake).unwrap_or_default(),
        _ => {
            let (what, details) =
                hop.exchange.as_ref().map(|exchange| exchanged(exchange, step.phase)).unwrap_or_default();
            let becomes_get = step.phase == Phase::Wait && hop.redirect.as_ref().is_some_and(|to| to.becomes_get);
            let again = becomes_get.then(|| "with GET, and without the body: only 307 and 308 keep both".to_owned());
            (what, parts(step, 0).into_iter().chain(details).chain(again).collect())
        }
    };
    if let Some(error) = &step.error {
        what = error.with_causes();
    }
    Telling { phase: step.phase, what, why: step.phase.why(), details, failed: step.error.is_some() }
}

fn tunnel(tunnel: &crate::proxy::Tunnel) -> (String, Vec<String>) {
    let answer = tunnel.answer.as_deref().unwrap_or("no answer");
    (format!("{} is asked to connect to {}: {answer}", tunnel.proxy, tunnel.target), Vec::new())
}

fn names(hop: &Hop, step: &Step) -> (String, Vec<String>) {
    // Through a proxy a hop may have two names, and keeps the proxy's resolution; so it may where an HTTPS record is followed, and keeps
    // the site's own.
    let is_of = |name: &str| step.label.strip_prefix(name).is_some_and(|rest| rest.starts_with(": "));
    let resolution = hop.resolution.as_ref().filter(|resolution| is_of(&resolution.name));
    let Some(resolution) = resolution else { return (step.label.clone(), parts(step, 0)) };
    let addresses = resolution.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let what = match resolution.source {
        Source::Literal => format!("{addresses} is an address already: there is nobody to ask"),
        Source::Override => format!("{} is {addresses}: the caller said so", resolution.name),
        _ => format!("{} is {addresses}", resolution.name),
    };
    let said = resolution.site().map(|site| site.meaning()).unwrap_or_default();
    (what, parts(step, 0).into_iter().chain(said).collect())
}

/// Deeper than any step's parts have parts; a report may come from a file.
const DEPTH_MAX: usize = 8;

/// A line for each part of a step and each part of a part.
fn parts(step: &Step, depth: usize) -> Vec<String> {
    let line = |part: &Step| {
        let mark = if part.error.is_some() { "✗ " } else { "" };
        format!("{}{mark}{} ({})", "  ".repeat(depth), part.label, duration(part.span.duration_ns))
    };
    let below = |part: &Step| if depth < DEPTH_MAX { parts(part, depth + 1) } else { Vec::new() };
    step.children.iter().flat_map(|part| std::iter::once(line(part)).chain(below(part))).collect()
}

fn connect(connection: &Connection) -> (String, Vec<String>) {
    let mut what = match connection.peer {
        Some(peer) => format!("connected to {peer}"),
        None => "no connection".to_owned(),
    };
    if let Some(info) = connection.info_at_end.or(connection.info) {
        what += &format!(
            "; round trip {}, {} retransmissions, segments of {} bytes",
            duration(u64::from(info.rtt_us) * 1000),
            info.retransmits,
            info.send_mss_bytes
        );
    }
    // One attempt that worked needs no list.
    (what, if connection.attempts.len() > 1 { parts(&connection.step(None), 0) } else { Vec::new() })
}
