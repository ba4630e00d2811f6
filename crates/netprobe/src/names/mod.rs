//! From a name to addresses, in the order in which this machine asks.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::dns::{DnsError, Outcome, Query, RecordType, Tried, Walk, Walker};
use crate::{Clock, Error, Phase, Step};

/// Which addresses are wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// Both; IPv6 is tried first.
    #[default]
    Any,
    /// IPv4 alone.
    V4,
    /// IPv6 alone.
    V6,
}

impl Family {
    /// Whether the address is of this family.
    #[must_use]
    pub fn accepts(self, address: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => address.is_ipv4(),
            Self::V6 => address.is_ipv6(),
        }
    }

    /// What to ask for.
    fn record_types(self) -> &'static [RecordType] {
        match self {
            Self::Any => &[RecordType::AAAA, RecordType::A],
            Self::V4 => &[RecordType::A],
            Self::V6 => &[RecordType::AAAA],
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Any => "IP",
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        }
    }
}

/// How names are resolved.
#[derive(Debug, Clone)]
pub struct ResolverOptions {
    /// Which addresses are wanted.
    pub family: Family,
    /// How long finding the addresses of one name may take.
    pub timeout_ms: u64,
    /// How the walk from the root is done: from where, trusting what, within which limits.
    pub walker: Walker,
}

impl Default for ResolverOptions {
    fn default() -> Self {
        Self { family: Family::Any, timeout_ms: 10_000, walker: Walker::default() }
    }
}

/// Resolves names, and remembers what it learnt for as long as it may.
#[derive(Debug, Default)]
pub struct Resolver {
    options: ResolverOptions,
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
    /// The walk, if there was one: every query, and the chain of trust.
    pub walk: Option<Walk>,
    /// Why there is no address, if there is none.
    pub error: Option<Error>,
}

impl Resolution {
    /// Addresses that need nobody's answer.
    #[must_use]
    pub fn given(name: &str, addresses: Vec<IpAddr>, source: Source) -> Self {
        Self { name: name.to_owned(), addresses, source, steps: Vec::new(), walk: None, error: None }
    }
}

impl Resolver {
    /// A resolver that has learnt nothing yet.
    #[must_use]
    pub fn new(options: ResolverOptions) -> Self {
        Self { options }
    }

    /// The addresses of `host`, which is a name or an address without brackets.
    pub async fn resolve(&self, host: &str, clock: &Clock) -> Resolution {
        let family = self.options.family;
        if let Ok(address) = host.parse::<IpAddr>() {
            let mut resolution = Resolution::given(host, vec![address], Source::Literal);
            if !family.accepts(address) {
                let addresses = std::mem::take(&mut resolution.addresses);
                let family = family.name().to_owned();
                resolution.error =
                    Some(DnsError::NoAddressOfFamily { name: host.to_owned(), family, addresses }.into());
            }
            return resolution;
        }
        self.walk(host, clock).await
    }

    /// Asks the authorities, from the root down.
    async fn walk(&self, host: &str, clock: &Clock) -> Resolution {
        let limit = Duration::from_millis(self.options.timeout_ms);
        let mut walker = self.options.walker.clone();
        walker.walk_timeout = walker.walk_timeout.min(limit);
        let walk = walker.walk(host, self.options.family.record_types(), clock).await;
        let mut resolution = Resolution::given(host, Vec::new(), Source::Nothing);
        match walk.addresses() {
            Ok(addresses) => (resolution.addresses, resolution.source) = (addresses, Source::Walk),
            Err(error) => resolution.error = Some(error.into()),
        }
        let label = format!("walk from the root to {}", walk.name);
        let mut step = Step::new(Phase::Names, label, walk.span, resolution.error.clone());
        step.children = walk.queries.iter().map(Query::step).collect();
        resolution.steps.push(step);
        resolution.walk = Some(walk);
        resolution
    }
}

impl Query {
    /// One bar of the waterfall.
    fn step(&self) -> Step {
        let label = format!("{} {} @{}: {}", self.name, self.record_type, self.server, self.outcome);
        let error = match &self.outcome {
            Outcome::Failed(failure) => {
                let tried = vec![Tried { server: self.server.clone(), failure: failure.clone() }];
                Some(DnsError::NoUsableServer { zone: self.zone.clone(), tried }.into())
            }
            _ => None,
        };
        Step::new(Phase::Names, label, self.span, error)
    }
}
