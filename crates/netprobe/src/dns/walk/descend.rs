//! From referral to referral, and from alias to alias.

use std::net::{IpAddr, SocketAddr};

use hickory_proto::rr::{self, Name, RData, RecordType};

use super::ask::Question;
use super::memory;
use super::minimise::Disclosure;
use super::{Trail, Validation, Zone};
use crate::dns::dnssec::Status;
use crate::dns::reply::{End, Negative, Referral, Reply};
use crate::dns::trace::{Alias, Answer, Lookup, Purpose, Soa};
use crate::dns::{DnsError, service, text};

/// Where a descent ended.
pub(crate) struct Descent {
    pub(crate) aliases: Vec<Alias>,
    pub(crate) end: Ending,
    pub(crate) status: Status,
}

pub(crate) enum Ending {
    Records(Vec<rr::Record>),
    NoData(Name, Option<Negative>),
    NoSuchName(Name, Option<Negative>),
}

impl Descent {
    pub(super) fn addresses(&self) -> Vec<IpAddr> {
        match &self.end {
            Ending::Records(records) => records.iter().filter_map(|record| record.data.ip_addr()).collect(),
            _ => Vec::new(),
        }
    }
}

impl Lookup {
    pub(super) fn failed(record_type: RecordType, error: DnsError) -> Self {
        let dnssec = match &error {
            DnsError::Bogus(why) => Status::Bogus(why.clone()),
            _ => Status::Unchecked,
        };
        Self { record_type: record_type.to_string(), aliases: Vec::new(), answer: Err(error), dnssec }
    }
}

impl Trail<'_> {
    /// The question itself.
    pub(super) async fn look_up(&mut self, name: &Name, record_type: RecordType) -> Lookup {
        let descent = if service::is_service(record_type) {
            self.descend_to_service(name, record_type).await
        } else {
            self.descend(name, record_type, Purpose::Question, 0).await
        };
        let descent = match descent {
            Ok(descent) => descent,
            Err(error) => return Lookup::failed(record_type, error),
        };
        let answer = match descent.end {
            Ending::Records(records) => Answer::Records { records: text::records(&records) },
            Ending::NoData(name, soa) => Answer::NoData { name: text::name(&name), soa: soa.as_ref().map(Soa::of) },
            Ending::NoSuchName(name, soa) => {
                Answer::NoSuchName { name: text::name(&name), soa: soa.as_ref().map(Soa::of) }
            }
        };
        Lookup {
            record_type: record_type.to_string(),
            aliases: descent.aliases,
            answer: Ok(answer),
            dnssec: descent.status,
        }
    }

    /// Down from the closest zone that is known already, once for the name and once for every alias that leaves it.
    pub(super) async fn descend(
        &mut self,
        name: &Name,
        record_type: RecordType,
        purpose: Purpose,
        depth: usize,
    ) -> Result<Descent, DnsError> {
        // Addresses of servers need no proof: whatever those servers say has to.
        let validate = purpose == Purpose::Question && self.validates();
        let mut status = if validate { Status::Secure } else { Status::Unchecked };
        let mut aliases: Vec<Alias> = Vec::new();
        let mut path = vec![name.clone()];
        let mut zone = self.closest_zone(name, record_type);
        let mut disclosure = Disclosure::new(self.options.minimise);
        loop {
            let current = path.last().cloned().unwrap_or_else(Name::root);
            zone = self.approach(zone, &current, depth, &mut disclosure).await?;
            let question = Question { name: current.clone(), record_type, purpose, depth };
            let (heard, verdict) = if validate {
                self.ask_until_valid(&zone, &question).await?
            } else {
                (self.ask(&zone, &question, &[]).await?, Status::Unchecked)
            };
            let (records, end) = match heard.reply {
                Reply::Referral(referral) => {
                    zone = self.enter(&zone, referral, heard.message.authorities, heard.server);
                    continue;
                }
                Reply::Answer { aliases, end } => (aliases, end),
                // `ask` gives back nothing useless.
                Reply::Useless(failure) => {
                    return Err(DnsError::NoUsableServer {
                        zone: format!("{} ({failure})", text::name(&zone)),
                        tried: Vec::new(),
                    });
                }
            };
            status = status.and(verdict);
            if let (Status::Bogus(why), Validation::Enforce) = (&status, self.options.validation) {
                return Err(DnsError::Bogus(why.clone()));
            }
            follow(&records, &mut aliases, &mut path);
            if matches!(end, End::Loop(_)) || repeats(&path) {
                return Err(DnsError::AliasLoop { path: path.iter().map(text::name).collect() });
            }
            if aliases.len() > self.options.aliases_max {
                let path = path.iter().map(text::name).collect();
                return Err(DnsError::AliasesExceeded { max: self.options.aliases_max, path });
            }
            let last = path.last().cloned().unwrap_or_else(Name::root);
            let end = match end {
                End::Records(records) => Ending::Records(records),
                End::NoData(soa) => Ending::NoData(last, soa),
                End::NoSuchName(soa) => Ending::NoSuchName(last, soa),
                End::Elsewhere(_) | End::Loop(_) => {
                    zone = self.closest_zone(&last, record_type);
                    disclosure.restart();
                    continue;
                }
            };
            return Ok(Descent { aliases, end, status });
        }
    }

    /// The zone to ask about a name first. A DS record is its parent's to give.
    pub(super) fn closest_zone(&self, name: &Name, record_type: RecordType) -> Name {
        let mut above = if record_type == RecordType::DS && !name.is_root() { name.base_name() } else { name.clone() };
        while !self.zones.contains_key(&above) && !above.is_root() {
            above = above.base_name();
        }
        above
    }

    /// Writes down what a referral said.
    pub(super) fn enter(
        &mut self,
        parent: &Name,
        referral: Referral,
        evidence: Vec<rr::Record>,
        server: SocketAddr,
    ) -> Name {
        let Referral { zone: name, servers, ttl, .. } = referral;
        // Fingerprints and proofs may end before the servers' names do.
        let ttl = evidence.iter().map(|record| text::time_to_live(record.ttl)).fold(ttl, u32::min);
        let zone = Zone {
            name: name.clone(),
            parent: Some(parent.clone()),
            servers,
            evidence,
            referred_by: Some(server),
            trust: None,
            vouched: Vec::new(),
            expires: memory::expiry(ttl),
        };
        self.zones.entry(name.clone()).or_insert(zone);
        name
    }
}

fn follow(records: &[rr::Record], aliases: &mut Vec<Alias>, path: &mut Vec<Name>) {
    for record in records {
        if let RData::CNAME(target) = &record.data {
            aliases.push(Alias { name: text::name(&record.name), target: text::name(&target.0), ttl: record.ttl });
            path.push(target.0.clone());
        }
    }
}

/// Whether a path of names comes back to one that it went through.
fn repeats(path: &[Name]) -> bool {
    path.iter().enumerate().any(|(index, name)| path[..index].contains(name))
}

impl Soa {
    pub(crate) fn of(negative: &Negative) -> Self {
        let soa = &negative.soa;
        Self {
            zone: text::name(&negative.zone),
            primary: text::name(&soa.mname),
            serial: soa.serial,
            minimum: soa.minimum,
            negative_ttl: negative.ttl.min(soa.minimum),
        }
    }
}
