//! What happened, told line by line: what each step did, and why there is such a step at all.

use serde::{Deserialize, Serialize};

use super::duration;
use crate::http::Exchange;
use crate::names::Source;
use crate::tcp::Connection;
use crate::tls::{EarlyData, EchOutcome, Handshake, HandshakeKind, Trust};
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

impl Phase {
    /// Why there is such a step.
    #[must_use]
    pub fn why(self) -> &'static str {
        match self {
            Self::Key => {
                "a key closes a circuit, its controller interrupts a processor, and the kernel wakes whoever waits for the character"
            }
            Self::Url => "what was typed says how to talk (scheme), to whom (host, port) and what about (path)",
            Self::Names => "a name means nothing to the network: it carries packets to addresses",
            Self::Site => {
                "a name says where a machine is; an HTTPS record says where a site is, and how it wants to be spoken to"
            }
            Self::Connect => {
                "SYN, SYN-ACK, ACK: three packets, and both sides have agreed to count every byte, so that none is lost"
            }
            Self::Proxy => "the proxy connects in our place, and passes on bytes that it need not understand",
            Self::Tls => {
                "HTTPS: the server proves who it is, and a Diffie-Hellman exchange gives both sides keys that nobody else has"
            }
            Self::Send => "the request itself: a method, a path and headers; small, and so gone at once",
            Self::Upload => "what the server is to have: as fast as the narrowest link on the way there allows",
            Self::Retry => {
                "a server may close a connection at any time, or want to be asked again; a request that it did not act on may be sent again"
            }
            Self::Wait => "a round trip, and the server's work: a load balancer picks a machine, which makes the page",
            Self::Transfer => "the rest of the answer, as fast as the narrowest link on the way allows",
            Self::Decode => "text shrinks to a third, and sending takes longer than unpacking",
            Self::Quic => {
                "the connection and its keys in one handshake: what TCP and TLS need two round trips for takes one"
            }
            Self::Path => {
                "no machine knows the whole way: each router passes a packet on to the next, and tells if it may go no further"
            }
            Self::Html => "text becomes a tree: which element is in which",
            Self::Css => "text becomes rules: which elements look how",
            Self::RenderTree => "each element meets the rules that apply to it; what is not shown drops out",
            Self::Layout => "boxes get their places and sizes, from the width of the window down",
            Self::Paint => "boxes become a list of things to draw, from the back to the front",
            Self::Composite => "the list becomes pixels, layer upon layer",
        }
    }
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

fn handshake(handshake: &Handshake) -> (String, Vec<String>) {
    let parts = [&handshake.version, &handshake.cipher_suite, &handshake.group];
    let mut what = parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(", ");
    if handshake.is_post_quantum {
        what += " (safe from quantum computers too)";
    }
    if let Some(alpn) = &handshake.alpn {
        what += &format!("; both speak {alpn}");
    }
    what += match handshake.kind {
        Some(HandshakeKind::Resumed) => "; resumed with a ticket from last time",
        Some(HandshakeKind::FullWithHelloRetryRequest) => {
            "; after a HelloRetryRequest: the server wanted another group"
        }
        _ => "",
    };
    what += match handshake.trust {
        Trust::Unchecked => "; THE CERTIFICATE WAS NOT CHECKED",
        Trust::Verified | Trust::NotVerified => "",
    };
    let certificate = |certificate: &crate::tls::Certificate| {
        let names = match certificate.names.len() {
            0 => String::new(),
            1..=3 => format!(" for {}", certificate.names.join(", ")),
            many => format!(" for {} and {} more", certificate.names[..2].join(", "), many - 2),
        };
        let life = match certificate.days_left {
            left if left < 0 => format!("expired {} days ago", -(left + 1)),
            left => format!("{left} days left"),
        };
        let (owner, issuer) = (certificate.owner(), certificate.issuer_name());
        let logs = match certificate.timestamps.len() {
            0 => String::new(),
            logs => format!("; {logs} public logs say that they know it (not checked)"),
        };
        format!("{owner}{names}: {}, {life}, signed by {issuer} ({}){logs}", certificate.key, certificate.signature)
    };
    let asked = handshake.client_certificate.as_ref().map(|asked| {
        let of = match asked.authorities.as_slice() {
            [] => String::new(),
            authorities => format!(" of {}", authorities.join(" or ")),
        };
        let sent = match (&asked.sent, &asked.unsent) {
            (Some(sent), _) => format!("that of {} was sent, signed by {}", sent.owner(), sent.issuer_name()),
            (None, Some(unsent)) => {
                format!("that of {} was not sent: the handshake failed before", unsent.owner())
            }
            (None, None) => "none was sent".to_owned(),
        };
        format!("the server asked for a client certificate{of}: {sent}")
    });
    what += &match &handshake.ech {
        Some(EchOutcome::Accepted { public_name }) => format!("; the name was hidden: who listens saw {public_name}"),
        Some(EchOutcome::Rejected { public_name }) => {
            format!("; the name was hidden behind {public_name}, and the server did not decrypt it")
        }
        Some(EchOutcome::Grease) => "; what looked like a hidden name meant nothing (GREASE)".to_owned(),
        Some(EchOutcome::NoKeys) => {
            "; the name could not be hidden: there is no HTTPS record with keys for that, or nobody was asked"
                .to_owned()
        }
        None => String::new(),
    };
    what += &match handshake.early_data {
        Some(EarlyData::Accepted { bytes }) => {
            format!("; the request went with the first message: {bytes} bytes of early data")
        }
        Some(EarlyData::Rejected { bytes }) => format!("; {bytes} bytes of early data were rejected, and sent again"),
        Some(EarlyData::TooLong { bytes, bytes_max }) => {
            format!("; the request of {bytes} bytes waited: the ticket allows {bytes_max} bytes of early data")
        }
        Some(EarlyData::NoTicket) => "; the request waited: there was no ticket for early data".to_owned(),
        Some(EarlyData::Unanswered { .. }) | None => String::new(),
    };
    // The handshake failed: the error is told in place of what was agreed on.
    let unanswered = match handshake.early_data {
        Some(EarlyData::Unanswered { bytes }) => {
            Some(format!("{bytes} bytes of early data were sent, and nobody knows what became of them"))
        }
        _ => None,
    };
    let tickets = handshake.tickets.filter(|tickets| tickets.count > 0).map(|tickets| {
        let early = match tickets.early_data_bytes_max {
            0 => String::new(),
            bytes => format!(", which may take {bytes} bytes of early data along"),
        };
        format!("tickets for the next handshakes: {}{early}", tickets.count)
    });
    let staple = handshake.staple.as_ref().map(ToString::to_string);
    (
        what,
        handshake.chain.iter().map(certificate).chain(staple).chain(asked).chain(unanswered).chain(tickets).collect(),
    )
}

fn exchanged(exchange: &Exchange, phase: Phase) -> (String, Vec<String>) {
    let name = exchange.protocol.name();
    match phase {
        Phase::Send => {
            let header = |header: &crate::http::Header| format!("{}: {}", header.name, header.value);
            let headers = exchange.request_headers.iter().map(header).collect();
            (format!("{} {} {name}", exchange.method, exchange.target), headers)
        }
        Phase::Upload => {
            let what = format!("{} bytes of the request's body", exchange.upload_bytes.unwrap_or_default());
            (what, Vec::new())
        }
        Phase::Wait => answer(exchange),
        Phase::Transfer => (format!("{} bytes of body", exchange.body_bytes), Vec::new()),
        _ => {
            let encoding = exchange.content_encoding.as_deref().unwrap_or_default();
            let decoded = exchange.decoded_bytes.map(|bytes| format!("{bytes} bytes")).unwrap_or_default();
            (format!("{} bytes of {encoding} become {decoded}", exchange.body_bytes), Vec::new())
        }
    }
}

fn answer(exchange: &Exchange) -> (String, Vec<String>) {
    let mut details = Vec::new();
    if let Some(server) = exchange.header("x-served-by") {
        details.push(format!("answered by {server}"));
    }
    if let Some(location) = exchange.header("location") {
        details.push(format!("go to {location} instead"));
    }
    if let Some(hsts) = exchange.hsts {
        details.push(format!("only over TLS for {} days (HSTS)", hsts.max_age_s / 86_400));
    }
    details
        .extend(exchange.alt_svc.iter().map(|alt| format!("also reachable by {} at {}", alt.protocol, alt.authority)));
    let cookie = |cookie: &crate::http::Cookie| match cookie.is_accepted {
        true => format!("a cookie to send back: {}", cookie.name),
        false => format!("a cookie that is refused: {}", cookie.name),
    };
    details.extend(exchange.cookies.iter().map(cookie));
    let status = exchange.status.map(|status| status.to_string()).unwrap_or_default();
    let reason = exchange.status.and_then(|status| ::http::StatusCode::from_u16(status).ok());
    let reason = reason.and_then(|status| status.canonical_reason()).unwrap_or_default();
    (format!("the answer begins: {status} {reason}").trim_end().to_owned(), details)
}
