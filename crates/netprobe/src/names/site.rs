//! How a site wants to be reached (RFC 9460), asked of a resolver beside its addresses and waited for only a little longer.

use std::sync::PoisonError;
use std::time::Duration;

use hickory_proto::op::Message;
use hickory_proto::rr::{Name, RecordType};
use tokio::time::Instant;

use super::ask::{self, Asking};
use super::{Method, Resolver, Stub};
use crate::dns::reply::{End, Reply, read_resolved};
use crate::dns::{Alias, Answer, DnsError, Lookup, Outcome, Query, Site, Soa, Tried, dnssec, site_name, text};
use crate::{Clock, Step};

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

impl Resolver {
    /// What was learnt of the site at this port of the host.
    pub(super) fn known_site(&self, host: &str, port: u16) -> Option<Site> {
        let name = text::name(&site_name(host, port)?);
        self.cache.lock().unwrap_or_else(PoisonError::into_inner).site(&name, Instant::now())
    }

    /// The HTTPS records of a name as it is, and how they were asked for: where an alias leads that a resolver has left to us.
    pub(crate) async fn site_at(&self, name: &str, clock: &Clock) -> (Option<Site>, Step) {
        let limit = Duration::from_millis(self.options.timeout_ms);
        let walker = self.options.walker.within(limit);
        let Method::Resolver(resolver) = &self.options.method else {
            let mut walk = Box::pin(walker.walk(name, &[RecordType::HTTPS], clock)).await;
            let lookup = walk.lookups.pop();
            return (lookup.map(|lookup| Site { name: walk.name.clone(), lookup }), walk.step(None));
        };
        let site = crate::dns::parse_name(name).ok();
        let (tls, family) = (self.tls.as_ref(), self.options.family);
        let asking = Asking { name, family, record_types: &[], site, timeout: limit, tls, walker: &walker, clock };
        let (mut stub, _) = Box::pin(ask::ask(resolver.as_ref(), &asking)).await;
        (stub.site.take(), stub.step(name))
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
