//! What was asked, of whom, and what came back: plain data that says everything and holds on to nothing.
//!
//! Every text that came from a server is escaped as zone files escape it (`\DDD`), so it can be printed on a terminal.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::dnssec::{Link, Status};
use super::{BadServiceBinding, DnsError, Edns, Failure, ServiceBinding};
use crate::Span;

/// Everything that one walk did and found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Walk {
    /// The name that was asked for, fully qualified.
    pub name: String,
    /// Every query, in the order in which they were sent.
    pub queries: Vec<Query>,
    /// One for each record type that was asked for.
    pub lookups: Vec<Lookup>,
    /// What was known from walks before, and therefore not asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remembered: Vec<Remembered>,
    /// How the site wants to be reached, if its HTTPS record was asked for beside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<Site>,
    /// The chain of trust: the zones on the way, and what each is signed with.
    pub chain: Vec<Link>,
    /// From the first query to the last answer.
    pub span: Span,
}

impl Walk {
    /// Every address found, in the order of the record types that were asked for.
    ///
    /// # Errors
    ///
    /// When there is none: the first error of a lookup, or that the name or the records do not exist.
    pub fn addresses(&self) -> Result<Vec<IpAddr>, DnsError> {
        let addresses: Vec<IpAddr> =
            self.lookups.iter().filter_map(|lookup| lookup.answer.as_ref().ok()).flat_map(Answer::addresses).collect();
        if !addresses.is_empty() {
            return Ok(addresses);
        }
        let failed = self.lookups.iter().find_map(|lookup| lookup.answer.as_ref().err());
        Err(failed.cloned().or_else(|| self.lookups.iter().find_map(Lookup::negative)).unwrap_or_else(|| {
            DnsError::NoData { name: self.name.clone(), record_type: "A or AAAA".to_owned(), soa: None }
        }))
    }
}

/// What became of one question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lookup {
    /// The record type.
    pub record_type: String,
    /// The aliases that were followed, in order.
    pub aliases: Vec<Alias>,
    /// The records, or that there are none, or why it is not known.
    pub answer: Result<Answer, DnsError>,
    /// Whether the chain of signatures reaches from the trust anchor to the answer.
    pub dnssec: Status,
}

impl Lookup {
    /// The error that a caller who needs records makes of a negative answer.
    #[must_use]
    pub fn negative(&self) -> Option<DnsError> {
        let record_type = self.record_type.clone();
        match self.answer.as_ref().ok()? {
            Answer::Records { .. } => None,
            Answer::NoData { name, soa } => {
                Some(DnsError::NoData { name: name.clone(), record_type, soa: soa.clone() })
            }
            Answer::NoSuchName { name, soa } => Some(DnsError::NoSuchName { name: name.clone(), soa: soa.clone() }),
        }
    }
}

/// Something that a [`Memory`](super::Memory) knew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// A zone, or the name that was asked for.
    pub name: String,
    /// `NS` for who serves a zone and with which keys; else the type of the answer.
    pub record_type: String,
    /// For how many seconds more.
    pub ttl_left: u32,
}

/// What a site's HTTPS records say (RFC 9460), asked for beside its addresses. A site needs none: that there is none, or that nobody
/// answered, fails nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Site {
    /// The name that was asked: that of the host, with the port in front if it is not the usual one.
    pub name: String,
    /// What came of it.
    pub lookup: Lookup,
}

impl Site {
    /// The records that can be used, the best first.
    #[must_use]
    pub fn bindings(&self) -> Vec<&ServiceBinding> {
        let Ok(Answer::Records { records }) = &self.lookup.answer else { return Vec::new() };
        super::service::usable(records)
    }

    /// What it means to somebody on the way to the site, in sentences.
    #[must_use]
    pub fn meaning(&self) -> Vec<String> {
        match &self.lookup.answer {
            Ok(Answer::Records { records }) => super::service::meaning(records),
            Ok(Answer::NoData { .. } | Answer::NoSuchName { .. }) => Vec::new(),
            Err(error) => vec![format!("how the site wants to be reached is not known: {error}")],
        }
    }
}

/// One alias: a CNAME record, or an HTTPS or SVCB record in alias mode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alias {
    /// The name that is an alias.
    pub name: String,
    /// What it is an alias of.
    pub target: String,
    /// Seconds for which this may be kept.
    pub ttl: u32,
}

/// An answer from an authority.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// There are records.
    Records {
        /// The records, at the last name of the aliases.
        records: Vec<Record>,
    },
    /// The name exists, and has no records of this type (RFC 2308, section 2.2).
    NoData {
        /// The last name of the aliases.
        name: String,
        /// The zone's SOA record: how long "none" may be kept.
        soa: Option<Soa>,
    },
    /// There is no such name, for any type (NXDOMAIN: RFC 2308, section 2.1).
    NoSuchName {
        /// The last name of the aliases.
        name: String,
        /// The zone's SOA record: how long "none" may be kept.
        soa: Option<Soa>,
    },
}

impl Answer {
    /// The addresses in A and AAAA records.
    pub fn addresses(&self) -> Vec<IpAddr> {
        match self {
            Self::Records { records } => {
                let hosts = records.iter().filter(|record| matches!(record.record_type.as_str(), "A" | "AAAA"));
                hosts.filter_map(|record| record.data.parse().ok()).collect()
            }
            Self::NoData { .. } | Self::NoSuchName { .. } => Vec::new(),
        }
    }
}

/// What a SOA record says about negative answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Soa {
    /// The zone that the answer came from.
    pub zone: String,
    /// The primary name server.
    pub primary: String,
    /// The version of the zone.
    pub serial: u32,
    /// The last field of the record, in seconds.
    pub minimum: u32,
    /// Seconds for which "none" may be kept: the smaller of the record's TTL and `minimum` (RFC 2308, section 5).
    pub negative_ttl: u32,
}

/// Why a query was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// It is what the caller wants to know.
    Question,
    /// It is a part of that name, to find who knows more without saying the rest (RFC 9156).
    Part,
    /// A name server is known by name only, and its address is needed.
    ServerAddress,
    /// The zone's public keys, to check its signatures with.
    Keys,
    /// Whether the parent vouches for keys of the child.
    Delegation,
    /// Which version of the zone the server has: its SOA record.
    Version,
}

/// How a query travelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// One datagram each way.
    Udp,
    /// A connection of its own (RFC 7766). The round trip includes making it.
    Tcp,
    /// A connection inside TLS that is there already (RFC 7858).
    Tls,
    /// A request over HTTP/2 on such a connection (RFC 8484).
    Https,
}

impl Transport {
    /// What people call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Https => "HTTPS",
        }
    }
}

/// A name server.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Server {
    /// Its name, empty if it is known by address only.
    pub name: String,
    /// Where it was asked.
    pub address: SocketAddr,
}

impl std::fmt::Display for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.name.is_empty() { write!(f, "{}", self.address) } else { write!(f, "{} ({})", self.name, self.address) }
    }
}

/// One query, and the response to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Query {
    /// Why it was sent.
    pub purpose: Purpose,
    /// 0 for the question itself; one more for each name server whose address had to be found first.
    pub depth: usize,
    /// The zone whose server was asked.
    pub zone: String,
    /// The server.
    pub server: Server,
    /// How.
    pub transport: Transport,
    /// The name asked for.
    pub name: String,
    /// The record type asked for.
    pub record_type: String,
    /// From sending to the response, or to giving up.
    pub span: Span,
    /// When it was sent, in nanoseconds since the run's start: more than once if no response came in time. All tries are the same
    /// bytes from the same port, so that a late response counts too.
    pub sent_ns: Vec<u64>,
    /// The largest datagram that the server was told it may answer with, in bytes; none without EDNS.
    pub udp_payload_max: Option<u16>,
    /// Bytes of the query, each time.
    pub bytes_sent: usize,
    /// Bytes of the response.
    pub bytes_received: usize,
    /// What arrived and was not the response.
    pub discarded: Discarded,
    /// The response, when one was accepted.
    pub response: Option<Response>,
    /// What the response was good for.
    pub outcome: Outcome,
}

/// Datagrams that arrived while waiting and did not count: wrong ones are dropped, and waiting goes on (RFC 5452).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Discarded {
    /// From another address or port than was asked.
    pub wrong_source: usize,
    /// With another ID than the query's, or a query themselves.
    pub wrong_id: usize,
    /// For another question, or in other capital and small letters than were sent ("0x20").
    pub wrong_question: usize,
}

impl Discarded {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> usize {
        self.wrong_source + self.wrong_id + self.wrong_question
    }
}

/// What a response was good for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It answers the question.
    Answer,
    /// It says that the name is an alias of this one.
    Alias(String),
    /// It names the servers of a zone that is closer to the name.
    Referral {
        /// That zone.
        zone: String,
        /// Addresses of servers that came with it and were outside of the asked server's authority: not believed.
        ignored: Vec<Record>,
    },
    /// The name has no records of this type.
    NoData,
    /// There is no such name.
    NoSuchName,
    /// It did not fit; the same question goes over TCP, and nothing of this response is used.
    Truncated,
    /// It is of no use: the next server is tried.
    Failed(Failure),
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Answer => write!(f, "the answer"),
            Self::Alias(target) => write!(f, "an alias of {target}"),
            Self::Referral { zone, .. } => write!(f, "ask the servers of {zone}"),
            Self::NoData => write!(f, "no such records"),
            Self::NoSuchName => write!(f, "no such name"),
            Self::Truncated => write!(f, "truncated, again over TCP"),
            Self::Failed(failure) => write!(f, "{failure}"),
        }
    }
}

/// The parts of a response (RFC 1035, section 4.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Response {
    /// `NOERROR`, `NXDOMAIN`, `SERVFAIL`, …
    pub rcode: String,
    /// AA: the server is an authority for the name.
    pub authoritative: bool,
    /// TC: the response did not fit.
    pub truncated: bool,
    /// RA: the server offers recursion.
    pub recursion_available: bool,
    /// AD: the server says that it checked the signatures. Shown, never believed.
    pub authentic_data: bool,
    /// What else the server said of itself and of this response; none if it does not know EDNS.
    pub edns: Option<Edns>,
    /// Records that answer the question.
    pub answers: Vec<Record>,
    /// Records about who is an authority.
    pub authorities: Vec<Record>,
    /// Records that help with the others: glue.
    pub additionals: Vec<Record>,
}

/// One resource record, as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Whose it is.
    pub name: String,
    /// Seconds for which it may be kept.
    pub ttl: u32,
    /// `A`, `NS`, `RRSIG`, …
    pub record_type: String,
    /// Its data, as zone files write it.
    pub data: String,
    /// What it says, or why it cannot be used, if it is an HTTPS or SVCB record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<Result<ServiceBinding, BadServiceBinding>>,
}
