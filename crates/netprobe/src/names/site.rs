//! How a site wants to be reached (RFC 9460), asked of a resolver beside its addresses and waited for only a little longer.

use hickory_proto::op::Message;
use hickory_proto::rr::{Name, RecordType};

use super::Stub;
use crate::dns::reply::{End, Reply, read_resolved};
use crate::dns::{Alias, Answer, DnsError, Lookup, Outcome, Query, Site, Soa, Tried, dnssec, text};

/// What a resolver is asked: addresses, which are needed, and behind them the HTTPS record of their site, which is not.
pub(super) struct Questions {
    all: Vec<(Name, RecordType)>,
    needed: usize,
}

impl Questions {
    pub(super) fn new(needed: &[(Name, RecordType)], site: Option<&Name>) -> Self {
        let site = site.map(|name| (name.clone(), RecordType::HTTPS));
        Self { all: needed.iter().cloned().chain(site).collect(), needed: needed.len() }
    }

    pub(super) fn all(&self) -> &[(Name, RecordType)] {
        &self.all
    }

    /// How many of them have to be answered.
    pub(super) fn needed(&self) -> usize {
        self.needed
    }
}

impl Stub {
    /// Takes what a resolver says about the site. Aliases that the record makes are the resolver's to follow.
    pub(super) fn take_site(&mut self, mut query: Query, message: Option<Message>, name: &Name) {
        let reply = message.map(|message| read_resolved(&message, name, RecordType::HTTPS));
        if let Some(reply) = &reply {
            query.outcome = reply.outcome();
        }
        let failed = match &query.outcome {
            Outcome::Failed(failure) => vec![Tried::new(query.server.clone(), failure.clone())],
            _ => Vec::new(),
        };
        // After half an answer comes another try.
        if query.outcome != Outcome::Truncated {
            let unusable = || (Vec::new(), Err(DnsError::NoUsableResolver { tried: failed }));
            let (aliases, answer) = reply.and_then(|reply| answer(reply, name)).unwrap_or_else(unusable);
            let record_type = RecordType::HTTPS.to_string();
            let lookup = Lookup { record_type, aliases, answer, dnssec: dnssec::Status::Unchecked };
            self.site = Some(Site { name: text::name(name), lookup });
        }
        self.queries.push(query);
    }
}

fn answer(reply: Reply, name: &Name) -> Option<(Vec<Alias>, Result<Answer, DnsError>)> {
    let Reply::Answer { aliases, end } = reply else { return None };
    let path: Vec<Name> = std::iter::once(name.clone()).chain(aliases.iter().filter_map(text::alias_target)).collect();
    let path: Vec<String> = path.iter().map(text::name).collect();
    let last = path.last().cloned().unwrap_or_default();
    let answer = match end {
        End::Records(records) => Ok(Answer::Records { records: text::records(&records) }),
        End::NoData(soa) => Ok(Answer::NoData { name: last, soa: soa.as_ref().map(Soa::of) }),
        End::NoSuchName(soa) => Ok(Answer::NoSuchName { name: last, soa: soa.as_ref().map(Soa::of) }),
        End::Elsewhere(_) => Ok(Answer::NoData { name: last, soa: None }),
        End::Loop(_) => Err(DnsError::AliasLoop { path: path.clone() }),
    };
    let alias = |(record, target): (&hickory_proto::rr::Record, &String)| Alias {
        name: text::name(&record.name),
        target: target.clone(),
        ttl: record.ttl,
    };
    Some((aliases.iter().zip(path.iter().skip(1)).map(alias).collect(), answer))
}
