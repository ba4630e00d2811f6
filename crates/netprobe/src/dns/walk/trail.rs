//! What a walk knows on its way.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::time::{SystemTime, UNIX_EPOCH};

use hickory_proto::dnssec::rdata::DNSKEY;
use hickory_proto::rr::{self, Name, RecordType};
use tokio::time::Instant;

use super::ask::Heard;
use super::send::Key;
use super::{Validation, Walker, memory};
use crate::Clock;
use crate::dns::dnssec::signature::{Checks, describe};
use crate::dns::dnssec::{Bogus, Insecure, Link, SIGNATURE_CHECKS_MAX, Status};
use crate::dns::reply::NameServer;
use crate::dns::text;
use crate::dns::trace::{Query, Server};

/// What is known so far.
pub(super) struct Trail<'a> {
    pub(super) options: &'a Walker,
    pub(super) clock: &'a Clock,
    pub(super) started_ns: u64,
    pub(super) queries: Vec<Query>,
    /// Record types whose turn has not come.
    pub(super) wanted: Vec<RecordType>,
    /// The name whose HTTPS record is asked for beside.
    pub(super) site: Option<Name>,
    /// When the patience for it ends, in nanoseconds since the run's start; before its turn nobody hurries.
    pub(super) site_until_ns: Option<u64>,
    /// What was heard of them already.
    pub(super) beside: HashMap<Key, Heard>,
    pub(super) zones: HashMap<Name, Zone>,
    /// Addresses of servers that were looked up; none while that is going on.
    pub(super) addresses: HashMap<Name, Option<Result<Vec<IpAddr>, String>>>,
    /// How often a server failed: it is asked later.
    pub(super) failures: HashMap<SocketAddr, usize>,
    /// Zones whose trust was asked for.
    pub(super) relied_on: HashSet<Name>,
    /// Zones whose trust is being found out.
    pub(super) settling: HashSet<Name>,
    pub(super) checks: Checks,
    pub(super) now: u32,
}

/// A zone on the way.
#[derive(Debug, Clone)]
pub(super) struct Zone {
    pub(super) name: Name,
    /// The zone that referred to it; none for the root.
    pub(super) parent: Option<Name>,
    pub(super) servers: Vec<NameServer>,
    /// What the parent said along with the referral: DS records, or the proof that there are none.
    pub(super) evidence: Vec<rr::Record>,
    /// Which server of the parent said so.
    pub(super) referred_by: Option<SocketAddr>,
    pub(super) trust: Option<Trust>,
    pub(super) vouched: Vec<u16>,
    /// Until when what is known about it may be used by later walks.
    pub(super) expires: Instant,
}

/// What is known about a zone's keys.
#[derive(Debug, Clone)]
pub(super) enum Trust {
    Keys(Vec<DNSKEY>),
    Insecure(Insecure),
    Bogus(Bogus),
    /// Nothing to start from.
    Unchecked,
}

impl<'a> Trail<'a> {
    pub(super) fn new(options: &'a Walker, clock: &'a Clock) -> Self {
        let now = options.now.unwrap_or_else(SystemTime::now);
        let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let root = Zone {
            name: Name::root(),
            parent: None,
            servers: options.roots.iter().map(root_server).collect(),
            evidence: Vec::new(),
            referred_by: None,
            trust: None,
            vouched: options.anchors.iter().map(|anchor| anchor.0.key_tag()).collect(),
            // Its addresses are known in advance; its keys are not.
            expires: memory::expiry(i32::MAX.unsigned_abs()),
        };
        Self {
            options,
            clock,
            started_ns: clock.now_ns(),
            queries: Vec::new(),
            wanted: Vec::new(),
            site: None,
            site_until_ns: None,
            beside: HashMap::new(),
            zones: HashMap::from([(Name::root(), root)]),
            addresses: HashMap::new(),
            failures: HashMap::new(),
            relied_on: HashSet::new(),
            settling: HashSet::new(),
            checks: Checks::new(SIGNATURE_CHECKS_MAX),
            // Signatures count seconds modulo 2³².
            now: u32::try_from(seconds & u64::from(u32::MAX)).unwrap_or(u32::MAX),
        }
    }

    pub(super) fn validates(&self) -> bool {
        self.options.validation != Validation::Off && !self.options.anchors.is_empty()
    }

    /// The zones whose trust was settled, from the root down.
    pub(super) fn links(&self) -> Vec<Link> {
        let mut used = self.relied_on.clone();
        for name in &self.relied_on {
            let above = |name: &Name| self.zones.get(name).and_then(|zone| zone.parent.clone());
            used.extend(std::iter::successors(above(name), above));
        }
        let settled = self.zones.values().filter(|zone| zone.trust.is_some() && used.contains(&zone.name));
        let mut zones: Vec<&Zone> = settled.collect();
        zones.sort_by_key(|zone| (zone.name.num_labels(), zone.name.clone()));
        let link = |zone: &&Zone| {
            let (status, keys) = match zone.trust.clone()? {
                Trust::Keys(keys) => (Status::Secure, describe(&keys)),
                Trust::Insecure(why) => (Status::Insecure(why), Vec::new()),
                Trust::Bogus(why) => (Status::Bogus(why), Vec::new()),
                Trust::Unchecked => return None,
            };
            Some(Link { zone: text::name(&zone.name), status, vouched: zone.vouched.clone(), keys })
        };
        zones.iter().filter_map(link).collect()
    }
}

/// For zones that the root's servers serve besides the root. One without a name keeps its address, which is all that is used.
fn root_server(server: &Server) -> NameServer {
    let name = Name::from_ascii(&server.name).unwrap_or_else(|_| Name::root());
    NameServer { name, addresses: vec![server.address.ip()] }
}
