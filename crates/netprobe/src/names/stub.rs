//! What resolvers answer: what every program goes by, and what hides the walk.

use std::net::IpAddr;

use hickory_proto::rr::Name;
use serde::{Deserialize, Serialize};

use super::secure::Secured;
use crate::dns::reply::{End, Reply};
use crate::dns::{Answer, DnsError, Query, Record, RecordType, Site, Soa, text};
use crate::{Error, Phase, Span, Step};

/// What resolvers answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stub {
    /// Those that were asked, in that order, as [`Upstream`](super::Upstream) writes them.
    pub resolvers: Vec<String>,
    /// The connection to the last of them, if it was asked through TLS.
    pub secured: Option<Secured>,
    /// Every query, in the order in which they were sent.
    pub queries: Vec<Query>,
    /// What was answered, aliases included.
    pub records: Vec<Record>,
    /// How the site wants to be reached, if that was asked for beside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<Site>,
    /// From the first thing that was done to the last answer.
    pub span: Span,
    /// Why there is no address.
    pub error: Option<Error>,
}

impl Stub {
    /// Before anybody was asked.
    pub(super) fn unasked() -> Self {
        Self {
            resolvers: Vec::new(),
            secured: None,
            queries: Vec::new(),
            records: Vec::new(),
            site: None,
            span: Span::default(),
            error: None,
        }
    }

    /// Whether nobody has said yet how the site wants to be reached: one that fails says nothing of it.
    pub(super) fn lacks_site(&self) -> bool {
        self.site.as_ref().is_none_or(|site| site.lookup.answer.is_err())
    }

    /// The addresses among the records.
    #[must_use]
    pub fn addresses(&self) -> Vec<IpAddr> {
        Answer::Records { records: self.records.clone() }.addresses()
    }

    /// The whole as a step with its parts.
    pub(super) fn step(&self, name: &str) -> Step {
        let label = format!("{name} @{}", self.resolvers.join(", "));
        let mut step = Step::new(Phase::Names, label, self.span, self.error.clone());
        step.children = self.secured.iter().flat_map(Secured::steps).collect();
        step.children.extend(self.queries.iter().map(Query::step));
        step
    }
}

/// What may be remembered of one record type, and for how many seconds.
pub(super) struct Learnt {
    pub(super) record_type: RecordType,
    pub(super) answer: Result<Vec<IpAddr>, DnsError>,
    pub(super) ttl: u32,
}

impl Learnt {
    /// What an answer is good for; one that leads nowhere is for nothing.
    pub(super) fn of(reply: &Reply, name: &Name, record_type: RecordType) -> Option<Self> {
        let Reply::Answer { aliases, end } = reply else { return None };
        let last =
            || text::name(&aliases.iter().filter_map(text::alias_target).next_back().unwrap_or_else(|| name.clone()));
        let (answer, ttl) = match end {
            End::Records(records) => {
                let addresses = records.iter().filter_map(|record| record.data.ip_addr()).collect();
                (Ok(addresses), records.iter().map(|record| text::time_to_live(record.ttl)).min()?)
            }
            End::NoData(Some(soa)) => {
                let (soa, record_type) = (Soa::of(soa), record_type.to_string());
                let ttl = soa.negative_ttl;
                (Err(DnsError::NoData { name: last(), record_type, soa: Some(soa) }), ttl)
            }
            End::NoSuchName(Some(soa)) => {
                let soa = Soa::of(soa);
                let ttl = soa.negative_ttl;
                (Err(DnsError::NoSuchName { name: last(), soa: Some(soa) }), ttl)
            }
            End::NoData(None) | End::NoSuchName(None) | End::Elsewhere(_) | End::Loop(_) => return None,
        };
        let ttl = aliases.iter().map(|alias| text::time_to_live(alias.ttl)).fold(ttl, u32::min);
        Some(Self { record_type, answer, ttl })
    }
}

impl Stub {
    /// Takes what a resolver found, and only what follows from the question.
    pub(super) fn take(&mut self, reply: Reply, name: &Name, record_type: RecordType) {
        let Reply::Answer { aliases, end } = reply else { return };
        let last = aliases.iter().fold(name.clone(), |last, alias| text::alias_target(alias).unwrap_or(last));
        let records = match &end {
            End::Records(records) => records.as_slice(),
            _ => &[],
        };
        for record in text::records(aliases.iter().chain(records)) {
            // The aliases come with each type's answer.
            if !self.records.contains(&record) {
                self.records.push(record);
            }
        }
        let (last, kind) = (text::name(&last), record_type.to_string());
        self.error = match end {
            End::Records(_) | End::Elsewhere(_) => return,
            End::Loop(_) => {
                let path = std::iter::once(name.clone()).chain(aliases.iter().filter_map(text::alias_target));
                Some(DnsError::AliasLoop { path: path.map(|name| text::name(&name)).collect() }.into())
            }
            End::NoData(soa) => {
                let soa = soa.as_ref().map(Soa::of);
                Some(DnsError::NoData { name: last, record_type: kind, soa }.into())
            }
            End::NoSuchName(soa) => {
                let soa = soa.as_ref().map(Soa::of);
                Some(DnsError::NoSuchName { name: last, soa }.into())
            }
        };
    }
}
