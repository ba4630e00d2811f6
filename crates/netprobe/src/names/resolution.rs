//! What came of looking for a name: where it was looked for, and what was found.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::Stub;
use crate::dns::{DnsError, Outcome, Query, Site, Transport, Tried, Walk};
use crate::{Clock, Error, Phase, Span, Step};

/// A place where an answer could be already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Place {
    /// What this [`Resolver`](crate::names::Resolver) learnt before: it is in the place of a browser's cache.
    Own,
    /// A hosts file.
    HostsFile {
        /// Where it is.
        path: String,
    },
    /// A resolver's cache.
    Resolver {
        /// The resolver.
        address: SocketAddr,
    },
    /// Another service of nsswitch.conf.
    Service {
        /// Its name there.
        name: String,
    },
    /// The rule that `localhost` is this machine (RFC 6761, section 6.3).
    Localhost,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Own => write!(f, "own cache"),
            Self::HostsFile { path } => write!(f, "{path}"),
            Self::Resolver { address } => write!(f, "cache of the resolver {address}"),
            Self::Service { name } => write!(f, "service {name}"),
            Self::Localhost => write!(f, "localhost"),
        }
    }
}

/// One look into one of those places.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheLook {
    /// Where.
    pub place: Place,
    /// Whether the answer was there.
    pub hit: bool,
    /// The addresses that were.
    pub addresses: Vec<IpAddr>,
    /// For how much longer, in which line, or why not.
    pub note: String,
    /// When.
    pub span: Span,
}

impl CacheLook {
    pub(super) fn miss(place: Place, why: &str, clock: &Clock) -> Self {
        let span = Span::new(clock.now_ns(), 0, 0);
        Self { place, hit: false, addresses: Vec::new(), note: why.to_owned(), span }
    }

    pub(super) fn step(&self) -> Step {
        let hit = if self.hit { "hit" } else { "miss" };
        Step::new(Phase::Names, format!("{}: {hit}, {}", self.place, self.note), self.span, None)
    }
}

/// Where the addresses came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Source {
    /// The host is an address already.
    Literal,
    /// The caller said so (`--resolve`).
    Override,
    /// What this [`Resolver`](crate::names::Resolver) learnt before.
    Cache,
    /// The hosts file, or the rule for `localhost`.
    Hosts,
    /// A resolver.
    Resolver,
    /// The servers that are authorities for it, found from the root down.
    Walk,
    /// Nothing knew.
    Nothing,
}

/// What a name resolved to, and what was tried for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resolution {
    /// The name, as asked.
    pub name: String,
    /// Its addresses, in the order in which they were given.
    pub addresses: Vec<IpAddr>,
    /// Who gave them.
    pub source: Source,
    /// What was tried, in order: each becomes a bar of the waterfall.
    pub steps: Vec<Step>,
    /// Where it was looked for before anybody was asked, in order.
    pub caches: Vec<CacheLook>,
    /// The walk, if there was one: every query, and the chain of trust.
    pub walk: Option<Walk>,
    /// What a resolver answered, if one was asked.
    pub stub: Option<Stub>,
    /// How the site wants to be reached, if that was learnt before along with its addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_site: Option<Site>,
    /// Why there is no address, if there is none.
    pub error: Option<Error>,
}

impl Resolution {
    /// Addresses that need nobody's answer.
    #[must_use]
    pub fn given(name: &str, addresses: Vec<IpAddr>, source: Source) -> Self {
        Self {
            name: name.to_owned(),
            addresses,
            source,
            steps: Vec::new(),
            caches: Vec::new(),
            walk: None,
            stub: None,
            known_site: None,
            error: None,
        }
    }
}

impl Resolution {
    /// How the site wants to be reached, if anybody was asked.
    #[must_use]
    pub fn site(&self) -> Option<&Site> {
        let walked = self.walk.as_ref().and_then(|walk| walk.site.as_ref());
        walked.or_else(|| self.stub.as_ref()?.site.as_ref()).or(self.known_site.as_ref())
    }

    /// Whether the addresses are those of this fully qualified name: the one that was asked for, or one that it is an alias of.
    pub(crate) fn is_of(&self, name: &str) -> bool {
        let is_same = |other: &str| same_name(other, name);
        let walked = self.walk.iter().flat_map(|walk| &walk.lookups).flat_map(|lookup| &lookup.aliases);
        let answered = self.stub.iter().flat_map(|stub| &stub.records).filter(|record| record.record_type == "CNAME");
        is_same(&self.name)
            || walked.map(|alias| &alias.target).any(|target| is_same(target))
            || answered.map(|record| &record.data).any(|target| is_same(target))
    }

    /// Puts the looks that came before in front.
    pub(super) fn after(mut self, looks: Vec<CacheLook>) -> Self {
        self.steps.splice(0..0, looks.iter().map(CacheLook::step));
        self.caches = looks;
        self
    }
}

/// Names know no case, and a final dot changes nothing in one that is fully qualified.
fn same_name(one: &str, other: &str) -> bool {
    one.strip_suffix('.').unwrap_or(one).eq_ignore_ascii_case(other.strip_suffix('.').unwrap_or(other))
}

impl Walk {
    /// A bar of the waterfall with one for each query.
    pub(super) fn step(&self, error: Option<Error>) -> Step {
        let mut step = Step::new(Phase::Names, format!("walk from the root to {}", self.name), self.span, error);
        step.children = self.queries.iter().map(Query::step).collect();
        step
    }
}

impl Query {
    /// One bar of the waterfall.
    pub(super) fn step(&self) -> Step {
        let over =
            if self.transport == Transport::Udp { String::new() } else { format!(" over {}", self.transport.name()) };
        let label = format!("{} {} @{}{over}: {}", self.name, self.record_type, self.server, self.outcome);
        let error = match &self.outcome {
            Outcome::Failed(failure) => {
                let tried = vec![Tried::new(self.server.clone(), failure.clone())];
                Some(DnsError::NoUsableServer { zone: self.zone.clone(), tried }.into())
            }
            _ => None,
        };
        let mut step = Step::new(Phase::Names, label, self.span, error);
        step.children = self.tries();
        step
    }

    /// Its tries, if it was sent more than once.
    fn tries(&self) -> Vec<Step> {
        if self.sent_ns.len() < 2 {
            return Vec::new();
        }
        let ends = self.sent_ns.iter().skip(1).copied().chain([self.span.end_ns()]);
        let step = |(index, (start_ns, end_ns)): (usize, (u64, u64))| {
            let label = match (index, index + 1 == self.sent_ns.len()) {
                (0, _) => "sent, no answer in time".to_owned(),
                (_, false) => "sent again, no answer in time".to_owned(),
                (_, true) => format!("sent again: {}", self.outcome),
            };
            Step::new(Phase::Names, label, Span::new(start_ns, end_ns.saturating_sub(start_ns), 0), None)
        };
        self.sent_ns.iter().copied().zip(ends).enumerate().map(step).collect()
    }
}
