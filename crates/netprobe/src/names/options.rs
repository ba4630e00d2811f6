//! How names are resolved, as the caller says.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{Machine, Upstream};
use crate::dns::{RecordType, Walker};
use crate::tls::Roots;

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
    pub(super) fn record_types(self) -> &'static [RecordType] {
        match self {
            Self::Any => &[RecordType::AAAA, RecordType::A],
            Self::V4 => &[RecordType::A],
            Self::V6 => &[RecordType::AAAA],
        }
    }

    pub(super) fn name(self) -> &'static str {
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
    /// Whether the HTTPS record of a site is asked for beside its addresses (RFC 9460).
    pub https_records: bool,
    /// Who is asked when nothing on this machine knows.
    pub method: Method,
    /// Where this machine looks first; nowhere if none is given.
    pub machine: Option<Machine>,
    /// Whose signature makes the certificate of a resolver good.
    pub roots: Roots,
    /// How the walk from the root is done: from where, trusting what, within which limits.
    pub walker: Walker,
}

/// Who is asked for a name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Method {
    /// The authorities, from the root down.
    #[default]
    Walk,
    /// This resolver, or the system's.
    Resolver(Option<Upstream>),
}

impl Default for ResolverOptions {
    fn default() -> Self {
        Self {
            family: Family::Any,
            timeout_ms: 10_000,
            https_records: true,
            method: Method::Walk,
            machine: Some(Machine::default()),
            roots: Roots::default(),
            walker: Walker::default(),
        }
    }
}
