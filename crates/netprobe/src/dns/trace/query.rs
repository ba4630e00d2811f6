//! One query: why, to whom, how it went, and what the response was good for.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::Span;
use crate::dns::{BadServiceBinding, Edns, Failure, ServiceBinding};

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
