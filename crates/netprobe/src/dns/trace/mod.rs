//! What was asked, of whom, and what came back: plain data that says everything and holds on to nothing.
//!
//! Every text that came from a server is escaped as zone files escape it (`\DDD`), so it can be printed on a terminal.

mod query;
mod site;

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::DnsError;
use super::dnssec::{Link, Status};
use crate::Span;

pub use query::{Discarded, Outcome, Purpose, Query, Record, Response, Server, Transport};
pub use site::Site;

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
