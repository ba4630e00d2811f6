//! From a name to addresses, in the order in which this machine asks.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::dns::DnsError;
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

    fn name(self) -> &'static str {
        match self {
            Self::Any => "IP",
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        }
    }
}

/// How names are resolved.
#[derive(Debug, Clone, Default)]
pub struct ResolverOptions {
    /// Which addresses are wanted.
    pub family: Family,
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
    /// Why there is no address, if there is none.
    pub error: Option<Error>,
}

impl Resolution {
    /// Addresses that need nobody's answer.
    #[must_use]
    pub fn given(name: &str, addresses: Vec<IpAddr>, source: Source) -> Self {
        Self { name: name.to_owned(), addresses, source, steps: Vec::new(), error: None }
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
        let mut resolution = Resolution::given(host, Vec::new(), Source::Nothing);
        let error: Error = DnsError::Unknown { name: host.to_owned(), asked: "nobody".to_owned() }.into();
        let ((), span) = clock.measure_work(|| ());
        resolution.steps.push(Step::new(Phase::Names, host, span, Some(error.clone())));
        resolution.error = Some(error);
        resolution
    }
}
