//! Everything that can go wrong between a name and its address.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::ExtendedError;
use super::dnssec::Bogus;
use super::trace::{Discarded, Server, Soa};

/// Why a name has no address, or no other record that was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DnsError {
    /// It is not a domain name.
    #[error("{name:?} is not a domain name: {reason}")]
    BadName {
        /// What was given.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An authority says that there is no such name (NXDOMAIN).
    #[error("{name} does not exist{}", told(soa.as_ref()))]
    NoSuchName {
        /// The name.
        name: String,
        /// The zone that says so, and for how long.
        soa: Option<Soa>,
    },
    /// An authority says that the name has no such records (NODATA).
    #[error("{name} exists but has no {record_type} records{}", told(soa.as_ref()))]
    NoData {
        /// The name.
        name: String,
        /// The type.
        record_type: String,
        /// The zone that says so, and for how long.
        soa: Option<Soa>,
    },
    /// Aliases lead back to a name that they went through.
    #[error("aliases run in a circle: {}", path.join(" → "))]
    AliasLoop {
        /// The names in order; the last one is there twice.
        path: Vec<String>,
    },
    /// There are too many aliases.
    #[error("more than {max} aliases: {}", path.join(" → "))]
    AliasesExceeded {
        /// The most that are followed.
        max: usize,
        /// The names in order.
        path: Vec<String>,
    },
    /// Every server of a zone failed.
    #[error("no server of {zone} gave a usable answer: {}", list(tried))]
    NoUsableServer {
        /// The zone.
        zone: String,
        /// Each server, and what was wrong with it.
        tried: Vec<Tried>,
    },
    /// The walk needed too many queries.
    #[error("gave up after {max} queries")]
    QueriesExceeded {
        /// The most that are sent.
        max: usize,
    },
    /// The walk took too long.
    #[error("gave up after {after_ms} ms")]
    TimedOut {
        /// The most that it may take.
        after_ms: u64,
    },
    /// The chain of signatures is broken.
    #[error("DNSSEC: {0}")]
    Bogus(Bogus),
    /// The name's addresses are all of the other family.
    #[error("{name} has no {family} address, only others: {addresses:?}")]
    NoAddressOfFamily {
        /// The name.
        name: String,
        /// The family asked for.
        family: String,
        /// What there is.
        addresses: Vec<std::net::IpAddr>,
    },
    /// No resolver that was asked gave an answer that can be used.
    #[error("no resolver gave a usable answer: {}", list(tried))]
    NoUsableResolver {
        /// Each resolver, and what was wrong with it.
        tried: Vec<Tried>,
    },
    /// The record that says how a site is reached could not be had, though nobody on the way can change answers: somebody may be
    /// keeping it back (RFC 9460, section 3.1).
    #[error("the HTTPS record of {name} could not be had {channel}, where only keeping it back hides it")]
    SiteWithheld {
        /// The name that was asked for it.
        name: String,
        /// What protects answers: `through TLS`, or `in a signed zone`.
        channel: String,
        /// What became of asking.
        source: Box<DnsError>,
    },
    /// All servers of the site's HTTPS record have keys to hide its name with, and none of them can be spoken to: the host's own addresses
    /// would learn the name (RFC 9848, section 5.1).
    #[error(
        "no server of the HTTPS record of {name} can be spoken to, and any other would learn the name that they hide"
    )]
    NoUsableEndpoint {
        /// The name that the record is at.
        name: String,
    },
    /// The text does not say who is to be asked.
    #[error("{text:?} is no resolver: {reason}")]
    BadResolver {
        /// What was given.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Bytes that should be a response are none.
    #[error("not a response: {reason}")]
    Malformed {
        /// What is wrong.
        reason: String,
    },
    /// A file of the machine could not be read.
    #[error("cannot read {path}: {reason}")]
    File {
        /// The file.
        path: String,
        /// What went wrong.
        reason: String,
    },
}

/// A server, and why it was of no use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{}: {failure}", called(name, *address))]
pub struct Tried {
    /// The server's name, empty if it is known by address only.
    pub name: String,
    /// Where it was asked; none if nobody knew its address.
    pub address: Option<SocketAddr>,
    /// What was wrong.
    pub failure: Failure,
}

impl Tried {
    pub(crate) fn new(server: Server, failure: Failure) -> Self {
        Self { name: server.name, address: Some(server.address), failure }
    }
}

fn called(name: &str, address: Option<SocketAddr>) -> String {
    match address {
        Some(address) => Server { name: name.to_owned(), address }.to_string(),
        None => name.to_owned(),
    }
}

/// Why a server's response, or the lack of one, is of no use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Failure {
    /// Nothing acceptable arrived in time.
    #[error("silent for {after_ms} ms{}{}", again(*tries), besides(discarded))]
    Silent {
        /// How long it was waited for.
        after_ms: u64,
        /// How often it was asked.
        tries: usize,
        /// What arrived instead.
        discarded: Discarded,
    },
    /// It answered with an error: `SERVFAIL`, `REFUSED`, …
    #[error("answered {rcode}{}", in_more_words(errors))]
    Rcode {
        /// The response code.
        rcode: String,
        /// What it says besides (RFC 8914). Nobody signed it.
        errors: Vec<ExtendedError>,
    },
    /// It is named as a server of the zone, and is no authority for it (a lame delegation).
    #[error("lame: {reason}")]
    Lame {
        /// What shows it.
        reason: String,
    },
    /// Its response cannot be parsed.
    #[error("malformed: {reason}")]
    Malformed {
        /// What is wrong with it.
        reason: String,
    },
    /// The connection to it ended before its response was there.
    #[error("the connection was of no more use: {reason}")]
    Cut {
        /// What happened to it.
        reason: String,
    },
    /// It did not agree on HTTP/2, over which DNS is asked through HTTPS here.
    #[error("agreed on {} instead of HTTP/2", agreed.as_deref().unwrap_or("no protocol"))]
    NotHttp2 {
        /// What it agreed on inside TLS (ALPN), if on anything.
        agreed: Option<String>,
    },
    /// It answered over HTTP, and not with a DNS message (RFC 8484, section 4.2.1).
    #[error("answered with the HTTP status {status} instead of a DNS message")]
    Status {
        /// The status.
        status: u16,
    },
    /// It answered over HTTP with something else than a DNS message.
    #[error("answered with {content_type} instead of application/dns-message")]
    ContentType {
        /// What it says that it is, escaped.
        content_type: String,
    },
    /// It answered with more than a message can be.
    #[error("answered with more than the {bytes_max} bytes that a DNS message can have")]
    TooLarge {
        /// The most.
        bytes_max: usize,
    },
    /// It cannot be reached.
    #[error("unreachable: {reason}")]
    Unreachable {
        /// What the operating system says.
        reason: String,
    },
    /// Its answer's signatures do not hold: another server may have a better one.
    #[error("bogus: {0}")]
    Bogus(Bogus),
    /// The address of the server could not be found.
    #[error("no address: {reason}")]
    NoAddress {
        /// Why.
        reason: String,
    },
}

fn told(soa: Option<&Soa>) -> String {
    soa.map(|soa| format!(", says {}, and may be believed for {} s", soa.zone, soa.negative_ttl)).unwrap_or_default()
}

fn list(tried: &[Tried]) -> String {
    if tried.is_empty() {
        return "it has none".to_owned();
    }
    tried.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn in_more_words(errors: &[ExtendedError]) -> String {
    errors.iter().map(|error| format!(", {error}")).collect()
}

fn again(tries: usize) -> String {
    if tries > 1 { format!(", asked {tries} times") } else { String::new() }
}

fn besides(discarded: &Discarded) -> String {
    match discarded.total() {
        0 => String::new(),
        total => format!(" ({total} wrong responses were discarded)"),
    }
}
