//! What a response means to somebody who asked a server of a zone: answer, alias, referral, "none", or no use.
//!
//! A server is believed about its own zone and what is below it, and about nothing else (its **bailiwick**). Whatever it
//! says about other names is ignored, however helpful it looks: that is how caches used to be poisoned.

use std::net::IpAddr;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::SOA;
use hickory_proto::rr::{Name, RData, Record, RecordType};

use super::Failure;
use super::text;
use super::trace::Outcome;

/// The most aliases in one response.
const ALIASES_MAX: usize = 16;

/// The most name servers of one zone that are considered, and the most addresses of each.
const SERVERS_MAX: usize = 32;

/// What a response says.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// Aliases from the question's name on, and what is at the end of them.
    Answer { aliases: Vec<Record>, end: End },
    /// Ask the servers of this zone.
    Referral(Referral),
    /// It is of no use.
    Useless(Failure),
}

impl Reply {
    /// The same for a trace.
    pub(crate) fn outcome(&self) -> Outcome {
        match self {
            Self::Answer { end: End::Records(_), .. } => Outcome::Answer,
            Self::Answer { end: End::Elsewhere(name) | End::Loop(name), .. } => Outcome::Alias(text::name(name)),
            Self::Answer { end: End::NoData(_), .. } => Outcome::NoData,
            Self::Answer { end: End::NoSuchName(_), .. } => Outcome::NoSuchName,
            Self::Referral(referral) => {
                let ignored = text::records(&referral.ignored);
                Outcome::Referral { zone: text::name(&referral.zone), ignored }
            }
            Self::Useless(failure) => Outcome::Failed(failure.clone()),
        }
    }
}

/// What is at the end of a response's aliases.
#[derive(Debug, Clone)]
pub(crate) enum End {
    /// The records that were asked for.
    Records(Vec<Record>),
    /// A name that this response says nothing about.
    Elsewhere(Name),
    /// Aliases that lead back to this name.
    Loop(Name),
    /// The name has no such records.
    NoData(Option<Negative>),
    /// There is no such name.
    NoSuchName(Option<Negative>),
}

/// The SOA record of a negative answer.
#[derive(Debug, Clone)]
pub(crate) struct Negative {
    pub(crate) zone: Name,
    pub(crate) ttl: u32,
    pub(crate) soa: SOA,
}

/// The servers of a zone below.
#[derive(Debug, Clone)]
pub(crate) struct Referral {
    pub(crate) zone: Name,
    pub(crate) servers: Vec<NameServer>,
    /// Seconds for which all the addresses that came along may be kept.
    pub(crate) ttl: u32,
    /// Addresses that were not the server's to give.
    pub(crate) ignored: Vec<Record>,
}

/// A name server, and its addresses where they are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NameServer {
    pub(crate) name: Name,
    pub(crate) addresses: Vec<IpAddr>,
}

/// What a response from a server of `zone` says about `name`.
pub(crate) fn read(message: &Message, zone: &Name, name: &Name, record_type: RecordType) -> Reply {
    let rcode = message.metadata.response_code;
    if !matches!(rcode, ResponseCode::NoError | ResponseCode::NXDomain) {
        return Reply::Useless(Failure::rcode(message));
    }
    let (aliases, end) = follow(&message.answers, zone, name, record_type);
    if !aliases.is_empty() || !matches!(end, End::Elsewhere(_)) {
        if !message.metadata.authoritative {
            return lame("answers from a cache, without authority");
        }
        return Reply::Answer { aliases, end };
    }
    let soa = negative(message, zone, name);
    if rcode == ResponseCode::NXDomain {
        if !message.metadata.authoritative {
            return lame("denies the name without authority");
        }
        return Reply::Answer { aliases, end: End::NoSuchName(soa) };
    }
    if soa.is_none()
        && let Some(referral) = referral(message, zone, name)
    {
        return Reply::Referral(referral);
    }
    if !message.metadata.authoritative {
        let upward = message.authorities.iter().find(|record| record.record_type() == RecordType::NS);
        return match upward {
            Some(record) => lame(&format!("refers to {}, which leads no closer", text::name(&record.name))),
            None => lame("knows nothing and refers to nobody"),
        };
    }
    Reply::Answer { aliases, end: End::NoData(soa) }
}

/// What a resolver's response says about `name`. It has no authority and needs none: it was asked to find out, and whoever asks takes
/// its word for it.
pub(crate) fn read_resolved(message: &Message, name: &Name, record_type: RecordType) -> Reply {
    let rcode = message.metadata.response_code;
    if !matches!(rcode, ResponseCode::NoError | ResponseCode::NXDomain) {
        return Reply::Useless(Failure::rcode(message));
    }
    let everything = Name::root();
    let (aliases, end) = follow(&message.answers, &everything, name, record_type);
    let end = match end {
        // It may say more behind them, and that is not followed.
        End::Elsewhere(_) if aliases.len() >= ALIASES_MAX => {
            return Reply::Useless(Failure::Malformed { reason: format!("{ALIASES_MAX} aliases or more") });
        }
        End::Elsewhere(last) if rcode == ResponseCode::NXDomain => {
            End::NoSuchName(negative(message, &everything, &last))
        }
        End::Elsewhere(last) => End::NoData(negative(message, &everything, &last)),
        end => end,
    };
    Reply::Answer { aliases, end }
}

fn lame(reason: &str) -> Reply {
    Reply::Useless(Failure::Lame { reason: reason.to_owned() })
}

/// From alias to alias through one response, as far as it reaches and the server may be believed.
fn follow(answers: &[Record], zone: &Name, name: &Name, record_type: RecordType) -> (Vec<Record>, End) {
    let mut aliases: Vec<Record> = Vec::new();
    let mut current = name.clone();
    loop {
        if !zone.zone_of(&current) {
            return (aliases, End::Elsewhere(current));
        }
        let here = |record: &&Record| record.name == current;
        let records: Vec<Record> =
            answers.iter().filter(here).filter(|record| record.record_type() == record_type).cloned().collect();
        if !records.is_empty() {
            return (aliases, End::Records(records));
        }
        let alias = answers.iter().filter(here).find_map(|record| match &record.data {
            RData::CNAME(target) => Some((record, &target.0)),
            _ => None,
        });
        let Some((record, target)) = alias else { return (aliases, End::Elsewhere(current)) };
        let visited = aliases.iter().any(|alias| alias.name == *target) || record.name == *target;
        aliases.push(record.clone());
        if visited {
            return (aliases, End::Loop(target.clone()));
        }
        if aliases.len() >= ALIASES_MAX {
            return (aliases, End::Elsewhere(target.clone()));
        }
        current = target.clone();
    }
}

/// The SOA record of the zone that denies: it must enclose the name, and be the server's to speak for.
fn negative(message: &Message, zone: &Name, name: &Name) -> Option<Negative> {
    message.authorities.iter().find_map(|record| match &record.data {
        RData::SOA(soa) if zone.zone_of(&record.name) && record.name.zone_of(name) => {
            Some(Negative { zone: record.name.clone(), ttl: record.ttl, soa: soa.clone() })
        }
        _ => None,
    })
}

/// The name servers of a zone that is closer to the name than `zone` is.
fn referral(message: &Message, zone: &Name, name: &Name) -> Option<Referral> {
    let closer = |owner: &Name| owner != zone && zone.zone_of(owner) && owner.zone_of(name);
    let named = message.authorities.iter().filter_map(|record| match &record.data {
        RData::NS(server) if closer(&record.name) => Some((&record.name, &server.0)),
        _ => None,
    });
    let named: Vec<(&Name, &Name)> = named.take(SERVERS_MAX).collect();
    let child = named.first()?.0.clone();
    let mut ignored = Vec::new();
    let mut servers: Vec<NameServer> = Vec::new();
    let mut ttl = u32::MAX;
    for (owner, server) in named {
        if *owner != child || servers.iter().any(|known| known.name == *server) {
            continue;
        }
        let glue =
            message.additionals.iter().filter(|record| record.name == *server && record.data.ip_addr().is_some());
        let glue: Vec<&Record> = glue.take(SERVERS_MAX).collect();
        let believed = zone.zone_of(server);
        if !believed {
            ignored.extend(glue.iter().map(|record| (*record).clone()));
        }
        ttl = glue.iter().filter(|_| believed).map(|record| text::time_to_live(record.ttl)).fold(ttl, u32::min);
        let addresses = glue.iter().filter(|_| believed).filter_map(|record| record.data.ip_addr()).collect();
        servers.push(NameServer { name: server.clone(), addresses });
    }
    Some(Referral { zone: child, servers, ttl, ignored })
}
