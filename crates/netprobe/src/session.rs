//! Runs of one probe that share what they may: the resolver's cache and TLS tickets.

use std::net::IpAddr;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use url::Url;

use crate::http::{self, HstsHosts, Jar, Protocol, Redirect, Trail};
use crate::names::{Resolution, Resolver, Source};
use crate::report::Hop;
use crate::tcp::{self, Wire};
use crate::tls::TlsClient;
use crate::url::{host, parse, port, redacted};
use crate::{Clock, Error, Phase, Probe, Report, Step};

/// A probe that is ready to run, again and again. Later runs profit from what earlier ones learnt: names are cached for as long
/// as their TTL says, and TLS is resumed where the server gave a ticket. Cookies live for one run.
#[derive(Debug)]
pub struct Session {
    probe: Probe,
    resolver: Resolver,
    tls: TlsClient,
}

impl Session {
    pub(crate) fn new(probe: Probe) -> Result<Self, Error> {
        let tls = TlsClient::new(&probe.roots, probe.alpn)?;
        let resolver = Resolver::new(probe.names.clone());
        Ok(Self { probe, resolver, tls })
    }

    /// A session with the same options that has learnt nothing yet.
    #[must_use]
    pub fn forgetful(&self) -> Self {
        let resolver = Resolver::new(self.probe.names.clone());
        Self { probe: self.probe.clone(), resolver, tls: self.tls.forgetful() }
    }

    /// Does what a browser does with `url`, one step at a time.
    pub async fn run(&self, url: &str) -> Report {
        let mut report = Report::begin(url, self.probe.http.reveal_secrets);
        let clock = Clock::start();
        if let Err(error) = self.hops(url, &mut report, &clock).await {
            report.error = Some(error);
        }
        report.end(clock.now_ns(), self.probe.distance_km);
        report
    }

    async fn hops(&self, text: &str, report: &mut Report, clock: &Clock) -> Result<(), Error> {
        let (parsed, span) = clock.measure_work(|| parse(text));
        let parsed = parsed.map_err(|error| Error::from(error.without_secrets(self.probe.http.reveal_secrets)));
        let label = report.url.clone();
        let mut hop = Hop::new(label.clone());
        hop.steps.push(Step::new(Phase::Url, label, span, parsed.as_ref().err().cloned()));
        report.hops.push(hop);
        let mut url = parsed?;
        let mut run = Run { session: self, clock, jar: Jar::default(), hsts: HstsHosts::default() };
        let mut trail = Trail::default();
        while let Some(hop) = report.hops.last_mut() {
            hop.url = run.shown(&url);
            trail.visit(&url, run.jar.header(&url), self.probe.redirects_max)?;
            run.hop(&url, hop).await?;
            let Some(mut next) = run.redirect(&url, hop)? else { break };
            let upgraded_by_hsts = run.hsts.upgrade(&mut next);
            let is_downgrade = url.scheme() == "https" && next.scheme() == "http";
            let status = hop.exchange.as_ref().and_then(|exchange| exchange.status).unwrap_or_default();
            hop.redirect = Some(Redirect { status, url: run.shown(&next), is_downgrade, upgraded_by_hsts });
            report.hops.push(Hop::new(run.shown(&next)));
            url = next;
        }
        Ok(())
    }
}

/// What one run keeps from hop to hop.
struct Run<'a> {
    session: &'a Session,
    clock: &'a Clock,
    jar: Jar,
    hsts: HstsHosts,
}

impl Run<'_> {
    fn shown(&self, url: &Url) -> String {
        if self.session.probe.http.reveal_secrets { url.to_string() } else { redacted(url) }
    }

    /// One request, from its name to its last byte. What succeeds is in `hop` before the next step begins.
    async fn hop(&mut self, url: &Url, hop: &mut Hop) -> Result<(), Error> {
        let addresses = self.resolve(url, hop).await?;
        let stream = self.connect(url, &addresses, hop).await?;
        let (wire, passed) = Wire::new(stream);
        let result = self.talk(url, wire, hop).await;
        (hop.sent_bytes, hop.received_bytes) = passed.bytes();
        if let Some(connection) = &mut hop.connection {
            connection.info_at_end = passed.at_end();
        }
        result
    }

    async fn resolve(&self, url: &Url, hop: &mut Hop) -> Result<Vec<IpAddr>, Error> {
        let (host, port) = (host(url), port(url));
        let given = self.session.probe.overrides.iter().filter(|known| known.host == host && known.port == port);
        let given: Vec<IpAddr> = given.map(|known| known.address).collect();
        let resolving = async {
            if given.is_empty() {
                self.session.resolver.resolve(host, self.clock).await
            } else {
                Resolution::given(host, given, Source::Override)
            }
        };
        let (mut resolution, span) = self.clock.measure(resolving).await;
        let label = resolution.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let mut step = Step::new(Phase::Names, format!("{host}: {label}"), span, resolution.error.clone());
        step.children = std::mem::take(&mut resolution.steps);
        hop.steps.push(step);
        let (addresses, error) = (resolution.addresses.clone(), resolution.error.clone());
        hop.resolution = Some(resolution);
        error.map_or(Ok(addresses), Err)
    }

    async fn connect(&self, url: &Url, addresses: &[IpAddr], hop: &mut Hop) -> Result<TcpStream, Error> {
        let options = &self.session.probe.connect;
        let (connection, stream) = tcp::connect(host(url), addresses, port(url), options, self.clock).await;
        hop.steps.push(connection.step(stream.as_ref().err().cloned()));
        hop.connection = Some(connection);
        stream
    }

    async fn talk(&mut self, url: &Url, wire: Wire, hop: &mut Hop) -> Result<(), Error> {
        if url.scheme() == "http" {
            return self.exchange(url, wire, Protocol::Http1, hop).await;
        }
        let tls = &self.session.tls;
        let (handshake, stream) = tls.handshake(host(url), wire, self.session.probe.tls_timeout_ms, self.clock).await;
        hop.steps.push(handshake.step(stream.as_ref().err().cloned()));
        let protocol = if handshake.alpn.as_deref() == Some("h2") { Protocol::Http2 } else { Protocol::Http1 };
        hop.handshake = Some(handshake);
        self.exchange(url, stream?, protocol, hop).await
    }

    async fn exchange<S>(&mut self, url: &Url, stream: S, protocol: Protocol, hop: &mut Hop) -> Result<(), Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let options = &self.session.probe.http;
        let cookie = self.jar.header(url);
        let (mut exchange, result) =
            http::exchange(stream, url, cookie.as_deref(), protocol, options, self.clock).await;
        hop.steps.extend(exchange.steps(result.as_ref().err()));
        let set = exchange.raw_headers.get_all("set-cookie").iter().filter_map(|value| value.to_str().ok());
        exchange.cookies = self.jar.take(set, url, options.reveal_secrets);
        if let Some(hsts) = &exchange.hsts {
            self.hsts.learn(host(url), hsts);
        }
        hop.exchange = Some(exchange);
        result
    }

    /// Where the answer sends us, if anywhere.
    fn redirect(&self, url: &Url, hop: &Hop) -> Result<Option<Url>, Error> {
        let Some(exchange) = &hop.exchange else { return Ok(None) };
        let location = exchange.raw_headers.get("location").map(|value| String::from_utf8_lossy(value.as_bytes()));
        let target = http::target(url, exchange.status.unwrap_or_default(), location.as_deref());
        let reveal = self.session.probe.http.reveal_secrets;
        Ok(target.map_err(|error| if reveal { error } else { error.without_secrets() })?)
    }
}
