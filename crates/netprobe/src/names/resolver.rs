//! From place to place until somebody knows the name.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::ask::{self, Asking};
use super::cache::{Cache, Hit};
use super::stub::Learnt;
use super::{CacheLook, Method, Place, Resolution, ResolverOptions, Source, Upstream};
use crate::dns::{DnsError, site_name};
use crate::tls::{Alpn, TlsClient};
use crate::{Clock, Error};

/// Resolves names, and remembers what it learnt for as long as it may.
#[derive(Debug, Default)]
pub struct Resolver {
    pub(super) options: ResolverOptions,
    pub(super) cache: Mutex<Cache>,
    /// For a resolver behind TLS, with the tickets that it gave.
    pub(super) tls: Option<Result<TlsClient, Error>>,
    /// Whether a site's HTTPS record is needed as much as its addresses are.
    insists_on_sites: bool,
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
        Self { options, cache: Mutex::default(), tls, insists_on_sites: false }
    }

    /// The same for somebody who has to know what a site's HTTPS record says: it has all the time that addresses have, and is asked for
    /// again where only they are known.
    pub(crate) fn insisting_on_sites(mut self) -> Self {
        let walker = &mut self.options.walker;
        walker.site_grace = walker.site_grace.max(Duration::from_millis(self.options.timeout_ms));
        Self { insists_on_sites: true, ..self }
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
        let (mut own, known) = self.look_in_own_cache(host, clock);
        let known_site = port.and_then(|port| self.known_site(host, port));
        if port.is_some() && known_site.is_none() && self.insists_on_sites && own.hit {
            own = CacheLook { span: own.span, ..CacheLook::miss(Place::Own, "the addresses alone", clock) };
        }
        if let Some(answer) = known.filter(|_| own.hit) {
            let addresses = answer.clone().unwrap_or_default();
            let resolution = Resolution::given(host, addresses, Source::Cache);
            let error = answer.err().map(Error::from);
            return Resolution { known_site, error, ..resolution }.after(vec![own]);
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
        let (stub, learnt) = ask::ask(resolver, &asking).await;
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
