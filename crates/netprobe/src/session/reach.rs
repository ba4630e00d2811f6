//! The way to whoever is to answer: names, a connection or a tunnel, TLS.

use std::net::{IpAddr, Ipv4Addr};

use tokio::net::TcpStream;
use url::Url;

use super::Session;
use super::hidden::ech_keys;
use crate::http::{Channel, Forwarder, Protocol};
use crate::names::{Resolution, Source};
use crate::proxy::{self, Proxy, Tunnel};
use crate::report::Hop;
use crate::tcp::{self, ConnectOptions, Wire};
use crate::tls::{Ech, EchOutcome, Ending, Watched};
use crate::url::{authority, host, port};
use crate::{Clock, Error, HttpsRecords, Phase, Span, Step};

impl Session {
    pub(crate) async fn resolve(
        &self,
        (host, port): (&str, u16),
        is_site: bool,
        hop: &mut Hop,
        clock: &Clock,
    ) -> Result<Vec<IpAddr>, Error> {
        let given =
            self.probe.overrides.iter().filter(|known| known.host.eq_ignore_ascii_case(host) && known.port == port);
        let given: Vec<IpAddr> = given.map(|known| known.address).collect();
        let resolving = async {
            if given.is_empty() {
                // A proxy is no site, nor is where the caller leads connections to.
                match is_site {
                    true => self.resolver.resolve_site(host, port, clock).await,
                    false => self.resolver.resolve(host, clock).await,
                }
            } else {
                Resolution::given(host, given, Source::Override)
            }
        };
        let (mut resolution, span) = clock.measure(resolving).await;
        let label = resolution.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let mut step = Step::new(Phase::Names, format!("{host}: {label}"), span, resolution.error.clone());
        step.children = std::mem::take(&mut resolution.steps);
        hop.steps.push(step);
        let (addresses, error) = (resolution.addresses.clone(), resolution.error.clone());
        hop.resolution = Some(resolution);
        error.map_or(Ok(addresses), Err)
    }

    pub(super) async fn connect(
        &self,
        (host, port): (&str, u16),
        addresses: &[IpAddr],
        hop: &mut Hop,
        clock: &Clock,
    ) -> Result<TcpStream, Error> {
        self.connect_as(&self.connect_options(hop), (host, port), addresses, hop, clock).await
    }

    /// How connections to sites are made.
    pub(super) fn connect_options(&self, hop: &Hop) -> ConnectOptions {
        let options = self.probe.connect;
        ConnectOptions { asked_from: hop.asked_from.or(options.asked_from), ..options }
    }

    async fn connect_as(
        &self,
        options: &ConnectOptions,
        (host, port): (&str, u16),
        addresses: &[IpAddr],
        hop: &mut Hop,
        clock: &Clock,
    ) -> Result<TcpStream, Error> {
        let (connection, stream) = tcp::connect(host, addresses, port, options, clock).await;
        hop.steps.push(connection.step(stream.as_ref().err().cloned()));
        hop.connection = Some(connection);
        stream
    }

    /// A connection to a proxy, which is where the caller has it.
    async fn connect_to_proxy(&self, proxy: &Proxy, hop: &mut Hop, clock: &Clock) -> Result<TcpStream, Error> {
        let at = (proxy.host.as_str(), proxy.port);
        let addresses = self.resolve(at, false, hop, clock).await?;
        let options = ConnectOptions { asked_from: None, ..self.probe.connect };
        self.connect_as(&options, at, &addresses, hop, clock).await
    }

    /// Where a connection for the URL leads: to its host and port, unless the caller says otherwise.
    pub(super) fn destination<'a>(&'a self, url: &'a Url, hop: &mut Hop) -> (&'a str, u16) {
        let (host, port) = (host(url), port(url));
        let Some((host, port)) = self.probe.connect_to.iter().find_map(|direct| direct.destination(host, port)) else {
            return (host, port);
        };
        hop.connected_to = Some(authority(host, port));
        (host, port)
    }

    /// The proxy that gets the request as it is. A connection that is to lead somewhere else needs a tunnel, as with curl.
    pub(super) fn forwarder(&self, url: &Url) -> Option<&Proxy> {
        let leads_elsewhere =
            || self.probe.connect_to.iter().any(|direct| direct.destination(host(url), port(url)).is_some());
        self.probe.proxies.forwarder(url).filter(|_| !leads_elsewhere())
    }

    /// A connection to the URL's site, a tunnel to it through a proxy, or a connection to a proxy that passes requests on. `None` if the
    /// site's HTTPS record has redirected the hop.
    pub(crate) async fn reach(&self, url: &Url, hop: &mut Hop, clock: &Clock) -> Result<Option<TcpStream>, Error> {
        let (host, port) = self.destination(url, hop);
        let is_site = hop.connected_to.is_none();
        let Some(proxy) = self.probe.proxies.of(url) else {
            let addresses = self.resolve((host, port), is_site, hop, clock).await;
            return match self.probe.https_records {
                HttpsRecords::Followed if is_site => Box::pin(self.connect_to_site(url, addresses, hop, clock)).await,
                _ => {
                    let addresses = addresses?;
                    self.insist(url, hop, clock)?;
                    self.connect((host, port), &addresses, hop, clock).await.map(Some)
                }
            };
        };
        self.reach_through(proxy, url, (host, port), hop, clock).await.map(Some)
    }

    async fn reach_through(
        &self,
        proxy: &Proxy,
        url: &Url,
        (host, port): (&str, u16),
        hop: &mut Hop,
        clock: &Clock,
    ) -> Result<TcpStream, Error> {
        let is_site = hop.connected_to.is_none();
        let options = self.connect_options(hop);
        // What a proxy makes of a name nobody here knows; an address is what it is.
        let named: Vec<IpAddr> = literal(host).into_iter().collect();
        check(&options, host, &named, hop, clock)?;
        if self.forwarder(url).is_some() {
            return self.connect_to_proxy(proxy, hop, clock).await;
        }
        let mut resolution = None;
        let address = match proxy.kind {
            proxy::Kind::Socks5 => {
                let addresses = self.resolve((host, port), is_site, hop, clock).await?;
                check(&options, host, &addresses, hop, clock)?;
                self.insist(url, hop, clock)?;
                // What comes next is the proxy's.
                resolution = hop.resolution.take();
                addresses.into_iter().find(|address| options.allows(*address)).map(|address| address.to_string())
            }
            proxy::Kind::Http | proxy::Kind::Socks5h => None,
        };
        let target = proxy::Target { host: address.as_deref().unwrap_or(host), port };
        let mut stream = self.connect_to_proxy(proxy, hop, clock).await?;
        let (span, answer) = proxy::open(proxy, target, &mut stream, self.probe.proxy_timeout_ms, clock).await;
        let to = authority(target.host, port);
        let label = format!("{to} through {proxy}");
        hop.steps.push(Step::new(Phase::Proxy, label, span, answer.as_ref().err().cloned()));
        let answered = answer.as_ref().ok().cloned();
        hop.tunnel = Some(Tunnel { proxy: proxy.to_string(), target: to, resolution, span, answer: answered });
        answer.map(|_| stream)
    }

    /// TLS, if the URL asks for it. Only the first origin is told who we are.
    pub(crate) async fn secure(
        &self,
        url: &Url,
        wire: Wire,
        is_first: bool,
        hop: &mut Hop,
        clock: &Clock,
    ) -> Result<(Channel, Ending), Error> {
        let options = &self.probe.http;
        if url.scheme() == "http" {
            let authorization = |proxy: &Proxy| proxy.credentials.as_ref().map(proxy::Credentials::basic);
            let forwarder = self.forwarder(url).map(|proxy| Forwarder { authorization: authorization(proxy) });
            let channel = Channel::new(wire, Protocol::Http1, options, clock).forwarded(forwarder);
            return Ok((channel, Ending::default()));
        }
        let tls = self.tls_for(is_first);
        let (name, limit_ms) = (host(url), self.probe.tls_timeout_ms);
        let keys = ech_keys(name, hop);
        let (mut handshake, stream) = match (self.probe.ech, &keys) {
            (Ech::Offered, Some(_)) | (Ech::Grease, _) => {
                let keys = keys.as_deref().filter(|_| self.probe.ech == Ech::Offered);
                tls.handshake_hidden(name, wire, keys, limit_ms, clock).await
            }
            _ => tls.handshake(name, wire, limit_ms, clock).await,
        };
        if self.probe.ech == Ech::Offered && keys.is_none() {
            handshake.ech = Some(EchOutcome::NoKeys);
        }
        hop.steps.push(handshake.step(stream.as_ref().err().cloned()));
        let protocol = if handshake.alpn.as_deref() == Some("h2") { Protocol::Http2 } else { Protocol::Http1 };
        hop.handshake = Some(handshake);
        let (stream, ending) = Watched::new(stream?);
        Ok((Channel::new(stream, protocol, options, clock), ending))
    }
}

/// Whether one of the addresses may be connected to; if not, that is the hop's last step.
fn check(
    options: &ConnectOptions,
    host: &str,
    addresses: &[IpAddr],
    hop: &mut Hop,
    clock: &Clock,
) -> Result<(), Error> {
    let checked = options.check(host, addresses).map_err(Error::from);
    let refused = checked.as_ref().err().cloned();
    let step = |error| Step::new(Phase::Connect, "0 attempts".to_owned(), Span::new(clock.now_ns(), 0, 0), Some(error));
    hop.steps.extend(refused.map(step));
    checked
}

/// The address that a host is by its name.
fn literal(host: &str) -> Option<IpAddr> {
    let is_local = host.eq_ignore_ascii_case("localhost") || host.to_ascii_lowercase().ends_with(".localhost");
    if is_local { Some(Ipv4Addr::LOCALHOST.into()) } else { host.parse().ok() }
}
