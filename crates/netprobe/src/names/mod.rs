//! From a name to addresses, in the order in which this machine asks.
//!
//! ```text
//! our own cache ──miss──► the machine, in the order of nsswitch.conf ──miss──► the walk from the root, or a resolver
//! (a browser's place)       ├─ files: /etc/hosts
//!                           ├─ dns: what the resolver (the router's, the provider's) has in its cache
//!                           └─ others are named, and not asked
//! ```
//!
//! An entry in the hosts file ends the search, as it does for every program. An answer in the resolver's cache is shown, and the
//! walk is done all the same: this crate is there to show it. [`Method::Resolver`] asks a resolver instead, as programs do: in the
//! clear, inside TLS or over HTTPS ([`Upstream`]). Such a resolver has to be found, connected to and agreed with first: each of these is
//! a step ([`Secured`]).

mod cache;
mod doh;
mod hosts;
mod machine;
mod nsswitch;
mod resolution;
mod secure;
mod site;
mod stub;
mod upstream;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::dns::{DnsError, RecordType, Walker, site_name};
use crate::tls::{Alpn, Roots, TlsClient};
use crate::{Clock, Error};
use cache::{Cache, Hit};
use stub::{Asking, Learnt};

pub use cache::CACHE_ENTRIES_MAX;
pub(crate) use doh::MESSAGE;
pub use hosts::{HostsEntry, find_in_hosts};
pub use machine::Machine;
pub use nsswitch::{Found, Service, host_services};
pub use resolution::{CacheLook, Place, Resolution, Source};
pub use secure::Secured;
pub use stub::{Stub, system_resolvers};
pub use upstream::{TLS_PORT, Upstream};

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

/// Resolves names, and remembers what it learnt for as long as it may.
#[derive(Debug, Default)]
pub struct Resolver {
    options: ResolverOptions,
    cache: Mutex<Cache>,
    /// For a resolver behind TLS, with the tickets that it gave.
    tls: Option<Result<TlsClient, Error>>,
}

impl Resolver {
    /// A resolver that has learnt nothing yet. Reads the roots if it is going to ask through TLS.
    #[must_use]
    pub fn new(options: ResolverOptions) -> Self {
        let alpn = match &options.method {
            Method::Resolver(Some(Upstream::Tls { .. })) => Some(Alpn::Dot),
            Method::Resolver(Some(Upstream::Https { .. })) => Some(Alpn::Http2),
            _ => None,
        };
        let tls = alpn.map(|alpn| TlsClient::new(&options.roots, alpn).map_err(Error::from));
        Self { options, cache: Mutex::default(), tls }
    }

    /// The addresses of `host`, which is a name or an address without brackets.
    pub async fn resolve(&self, host: &str, clock: &Clock) -> Resolution {
        self.find(host, None, clock).await
    }

    /// The same, and how the site at this port of the host wants to be reached: its HTTPS record, which is asked for at the same time
    /// and not followed here. Nobody is asked if the addresses are known already.
    pub async fn resolve_site(&self, host: &str, port: u16, clock: &Clock) -> Resolution {
        self.find(host, Some(port).filter(|_| self.options.https_records), clock).await
    }

    async fn find(&self, host: &str, port: Option<u16>, clock: &Clock) -> Resolution {
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
        let (own, known) = self.look_in_own_cache(host, clock);
        if let Some(answer) = known {
            let addresses = answer.clone().unwrap_or_default();
            let mut resolution = Resolution::given(host, addresses, Source::Cache);
            resolution.known_site = port.and_then(|port| self.known_site(host, port));
            resolution.error = answer.err().map(Error::from);
            return resolution.after(vec![own]);
        }
        let mut looks = vec![own];
        looks.extend(self.look_on_machine(host, clock).await);
        let local = looks.iter().find(|look| look.hit && !matches!(look.place, Place::Resolver { .. }));
        if let Some(look) = local {
            return Resolution::given(host, look.addresses.clone(), Source::Hosts).after(looks);
        }
        let resolution = match &self.options.method {
            // Futures that hold whole walks would fill the stack of whoever holds them.
            Method::Walk => Box::pin(self.walk(host, port, clock)).await,
            Method::Resolver(resolver) => Box::pin(self.ask_resolver(resolver.as_ref(), host, port, clock)).await,
        };
        resolution.after(looks)
    }

    fn look_in_own_cache(&self, host: &str, clock: &Clock) -> (CacheLook, Option<Result<Vec<IpAddr>, DnsError>>) {
        let record_types = self.options.family.record_types();
        let cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let (hit, span) = clock.measure_work(|| cache.get(host, record_types, Instant::now()));
        let mut look = CacheLook { span, ..CacheLook::miss(Place::Own, "not learnt before", clock) };
        let Some(Hit { answer, ttl_left }) = hit else { return (look, None) };
        look.hit = true;
        look.note = format!("for {} s more", ttl_left.as_secs());
        look.addresses = answer.clone().unwrap_or_default();
        (look, Some(answer))
    }

    async fn look_on_machine(&self, host: &str, clock: &Clock) -> Vec<CacheLook> {
        let Some(machine) = &self.options.machine else { return Vec::new() };
        let family = self.options.family;
        let mut looks = machine.look(host, family, clock).await;
        let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        if (name == "localhost" || name.ends_with(".localhost")) && !looks.iter().any(|look| look.hit) {
            let loopback = [IpAddr::V6(Ipv6Addr::LOCALHOST), IpAddr::V4(Ipv4Addr::LOCALHOST)];
            let addresses = loopback.into_iter().filter(|address| family.accepts(*address)).collect();
            let look = CacheLook::miss(Place::Localhost, "always this machine", clock);
            looks.push(CacheLook { hit: true, addresses, ..look });
        }
        looks
    }

    /// Asks the authorities, from the root down.
    async fn walk(&self, host: &str, port: Option<u16>, clock: &Clock) -> Resolution {
        let limit = Duration::from_millis(self.options.timeout_ms);
        let walker = self.options.walker.within(limit);
        let record_types = self.options.family.record_types();
        let walk = match port {
            Some(port) => walker.walk_to_site(host, port, record_types, clock).await,
            None => walker.walk(host, record_types, clock).await,
        };
        {
            let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
            for (record_type, lookup) in record_types.iter().zip(&walk.lookups) {
                cache.put(host, *record_type, lookup, Instant::now());
            }
            walk.site.iter().for_each(|site| cache.put_site(site, Instant::now()));
        }
        let mut resolution = Resolution::given(host, Vec::new(), Source::Nothing);
        match walk.addresses() {
            Ok(addresses) => (resolution.addresses, resolution.source) = (addresses, Source::Walk),
            Err(error) => resolution.error = Some(error.into()),
        }
        resolution.steps.push(walk.step(resolution.error.clone()));
        resolution.walk = Some(walk);
        resolution
    }

    /// Asks a resolver, and takes its word for it.
    async fn ask_resolver(
        &self,
        resolver: Option<&Upstream>,
        host: &str,
        port: Option<u16>,
        clock: &Clock,
    ) -> Resolution {
        let family = self.options.family;
        let asking = Asking {
            name: host,
            family,
            record_types: family.record_types(),
            site: port.and_then(|port| site_name(host, port)),
            timeout: Duration::from_millis(self.options.timeout_ms),
            tls: self.tls.as_ref(),
            walker: &self.options.walker,
            clock,
        };
        let (stub, learnt) = stub::ask(resolver, &asking).await;
        {
            let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
            for Learnt { record_type, answer, ttl } in learnt {
                cache.insert(host, record_type, answer, ttl, Instant::now());
            }
            stub.site.iter().for_each(|site| cache.put_site(site, Instant::now()));
        }
        let mut resolution = Resolution::given(host, stub.addresses(), Source::Resolver);
        resolution.error.clone_from(&stub.error);
        resolution.steps.push(stub.step(host));
        resolution.stub = Some(stub);
        resolution
    }
}
