//! Runs of one probe that share what they may: the resolver's cache and TLS tickets.

mod early;
mod site;

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use tokio::net::TcpStream;
use url::Url;

use crate::http::{
    self, Channel, Exchange, Forwarder, HstsHosts, HttpError, HttpOptions, Jar, Protocol, Redirect, Trail,
};
use crate::keypress::{KeyPress, Pressed};
use crate::names::{Resolution, Resolver, Source};
use crate::path::{self, Path};
use crate::proxy::{self, Proxy, ProxyError, Tunnel};
use crate::report::{Hop, waited_ns};
use crate::tcp::{self, Passed, Wire};
use crate::tls::{Ech, EchOutcome, Ending, TlsClient, Watched, explain_ending};
use crate::url::{authority, host, parse, port, redacted};
use crate::{Clock, Error, HttpsRecords, Phase, Probe, Report, Span, Step};

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
        let tls = TlsClient::new(&probe.roots, probe.alpn)?.with_identity(probe.identity.clone());
        let resolver = Resolver::new(probe.names.clone());
        Ok(Self { probe, resolver, tls })
    }

    #[cfg(feature = "h3")]
    pub(crate) fn with_tls(probe: Probe, tls: TlsClient) -> Self {
        let resolver = Resolver::new(probe.names.clone());
        Self { probe, resolver, tls }
    }

    #[cfg(feature = "h3")]
    pub(crate) fn probe(&self) -> &Probe {
        &self.probe
    }

    #[cfg(feature = "h3")]
    pub(crate) fn tls(&self) -> &TlsClient {
        &self.tls
    }

    /// A session with the same options that has learnt nothing yet.
    #[must_use]
    pub fn forgetful(&self) -> Self {
        let resolver = Resolver::new(self.probe.names.clone());
        Self { probe: self.probe.clone(), resolver, tls: self.tls.forgetful() }
    }

    /// A session with the same options and the same tickets that sends early data ([`Probe::early_data`]). It has its own cache of
    /// names.
    #[must_use]
    pub fn early(&self) -> Self {
        let probe = Probe { early_data: true, ..self.probe.clone() };
        Self { resolver: Resolver::new(probe.names.clone()), probe, tls: self.tls.clone() }
    }

    /// Does what a browser does with `url`, one step at a time.
    pub async fn run(&self, url: &str) -> Report {
        self.run_on(&Clock::start(), url).await
    }

    /// The same, with a timeline that begins at a key press.
    pub async fn run_from(&self, pressed: &Pressed, url: &str) -> Report {
        self.run_with(&Clock::started_at(pressed.at), Some(pressed.key_press.clone()), url).await
    }

    /// The same on a clock that runs already: several runs have one time axis, then.
    pub async fn run_on(&self, clock: &Clock, url: &str) -> Report {
        self.run_with(clock, None, url).await
    }

    /// Something that a page asks for, a style sheet or an image, on a clock that runs already. It is no visit: always a GET without a
    /// body, and neither HTTP/3 nor the path is looked for. Headers that are for one origin alone ([`HttpOptions::headers`]) are for the
    /// page's; without a page, for nobody's.
    pub async fn run_resource(&self, clock: &Clock, page: Option<&Url>, url: &str) -> Report {
        let begun_ns = clock.now_ns();
        let mut report = Report::begin(url, self.probe.http.reveal_secrets);
        let mut run = self.begin(clock, Cow::Owned(self.probe.http.as_get()));
        run.first = Some(page.map_or_else(url::Origin::new_opaque, Url::origin));
        report.error = run.hops(url, &mut report).await.err();
        run.close(&mut report.hops);
        report.end(begun_ns, clock.now_ns(), None);
        report
    }

    /// A run that has not done anything yet.
    fn begin<'a>(&'a self, clock: &'a Clock, http: Cow<'a, HttpOptions>) -> Run<'a> {
        Run {
            session: self,
            clock,
            #[cfg(feature = "h3")]
            at: None,
            http,
            jar: Jar::default(),
            hsts: HstsHosts::default(),
            open: None,
            first: None,
        }
    }

    async fn run_with(&self, clock: &Clock, key_press: Option<KeyPress>, url: &str) -> Report {
        let begun_ns = if key_press.is_some() { 0 } else { clock.now_ns() };
        let mut report = Report { key_press, ..Report::begin(url, self.probe.http.reveal_secrets) };
        let mut run = self.begin(clock, Cow::Borrowed(&self.probe.http));
        if let Err(error) = run.hops(url, &mut report).await {
            report.error = Some(error);
        }
        run.close(&mut report.hops);
        #[cfg(feature = "h3")]
        let at = run.at.take().map(|url| (run.is_first(&url), url));
        report.end(begun_ns, clock.now_ns(), self.probe.distance_km);
        #[cfg(feature = "h3")]
        if let Some((is_first, url)) = &at {
            report.race = self.race(&report, url, *is_first, clock).await;
        }
        report.path = self.path(&report, clock).await;
        report
    }

    /// The path to where the last connection led, if it is to be looked for and there was one.
    async fn path(&self, report: &Report, clock: &Clock) -> Option<Path> {
        let options = self.probe.path.as_ref()?;
        let peer = report.hops.iter().rev().find_map(|hop| hop.connection.as_ref()?.peer)?;
        Some(path::trace(peer.ip(), options, clock).await)
    }

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

    async fn connect(
        &self,
        (host, port): (&str, u16),
        addresses: &[IpAddr],
        hop: &mut Hop,
        clock: &Clock,
    ) -> Result<TcpStream, Error> {
        let options = &self.probe.connect;
        let (connection, stream) = tcp::connect(host, addresses, port, options, clock).await;
        hop.steps.push(connection.step(stream.as_ref().err().cloned()));
        hop.connection = Some(connection);
        stream
    }

    /// Where a connection for the URL leads: to its host and port, unless the caller says otherwise.
    fn destination<'a>(&'a self, url: &'a Url, hop: &mut Hop) -> (&'a str, u16) {
        let (host, port) = (host(url), port(url));
        let Some((host, port)) = self.probe.connect_to.iter().find_map(|direct| direct.destination(host, port)) else {
            return (host, port);
        };
        hop.connected_to = Some(authority(host, port));
        (host, port)
    }

    /// The proxy that gets the request as it is. A connection that is to lead somewhere else needs a tunnel, as with curl.
    fn forwarder(&self, url: &Url) -> Option<&Proxy> {
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
                _ => self.connect((host, port), &addresses?, hop, clock).await.map(Some),
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
        if self.forwarder(url).is_some() {
            let addresses = self.resolve((&proxy.host, proxy.port), false, hop, clock).await?;
            return self.connect((&proxy.host, proxy.port), &addresses, hop, clock).await;
        }
        let address = match proxy.kind {
            proxy::Kind::Socks5 => {
                self.resolve((host, port), is_site, hop, clock).await?.first().map(ToString::to_string)
            }
            proxy::Kind::Http | proxy::Kind::Socks5h => None,
        };
        let target = proxy::Target { host: address.as_deref().unwrap_or(host), port };
        let addresses = self.resolve((&proxy.host, proxy.port), false, hop, clock).await?;
        let mut stream = self.connect((&proxy.host, proxy.port), &addresses, hop, clock).await?;
        let (span, answer) = proxy::open(proxy, target, &mut stream, self.probe.proxy_timeout_ms, clock).await;
        let to = authority(target.host, port);
        let label = format!("{to} through {proxy}");
        hop.steps.push(Step::new(Phase::Proxy, label, span, answer.as_ref().err().cloned()));
        let answered = answer.as_ref().ok().cloned();
        hop.tunnel = Some(Tunnel { proxy: proxy.to_string(), target: to, span, answer: answered });
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
        let tls = if is_first { &self.tls } else { &self.tls.anonymous() };
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

/// What one run keeps from hop to hop.
struct Run<'a> {
    session: &'a Session,
    clock: &'a Clock,
    /// Where the last request went.
    #[cfg(feature = "h3")]
    at: Option<Url>,
    /// What the next request is: a redirect may change it.
    http: Cow<'a, HttpOptions>,
    jar: Jar,
    hsts: HstsHosts,
    open: Option<Open>,
    /// Whose headers those for one origin alone are: where the first request went, or where the page is from.
    first: Option<url::Origin>,
}

/// The connection that the last hop left open.
struct Open {
    origin: url::Origin,
    channel: Channel,
    ending: Ending,
    passed: Arc<Passed>,
    /// Bytes, sent and received, that earlier hops have in their reports.
    counted: (u64, u64),
    /// The hop that made it.
    hop: usize,
}

impl Run<'_> {
    fn shown(&self, url: &Url) -> String {
        if self.session.probe.http.reveal_secrets { url.to_string() } else { redacted(url) }
    }

    async fn hops(&mut self, text: &str, report: &mut Report) -> Result<(), Error> {
        let probe = &self.session.probe;
        let (parsed, span) = self.clock.measure_work(|| parse(text));
        let parsed = parsed.map_err(|error| Error::from(error.reported(probe.http.reveal_secrets)));
        let label = report.url.clone();
        let mut hop = Hop::new(label.clone());
        hop.steps.push(Step::new(Phase::Url, label, span, parsed.as_ref().err().cloned()));
        report.hops.push(hop);
        let mut url = parsed?;
        let mut trail = Trail::default();
        loop {
            let visited = trail.visit(&url, self.http.method(), self.jar.header(&url), probe.redirects_max);
            visited.map_err(|error| self.refuse(error.into(), report))?;
            #[cfg(feature = "h3")]
            {
                self.at = Some(url.clone());
            }
            self.hop(&url, &mut report.hops).await?;
            let Some(hop) = report.hops.last_mut() else { return Ok(()) };
            if hop.redirect.as_ref().is_some_and(|redirect| redirect.by_https_record) {
                // Both are special schemes of the URL standard, between which a URL may change.
                let _ = url.set_scheme("https");
                report.hops.push(Hop::new(self.shown(&url)));
                continue;
            }
            let redirected = self.redirect(&url, hop);
            let Some(mut next) = redirected.map_err(|error| self.refuse(error, report))? else { return Ok(()) };
            let Some(hop) = report.hops.last_mut() else { return Ok(()) };
            let upgraded_by_hsts = self.hsts.upgrade(&mut next);
            let is_downgrade = url.scheme() == "https" && next.scheme() == "http";
            let status = hop.exchange.as_ref().and_then(|exchange| exchange.status).unwrap_or_default();
            let becomes_get = http::becomes_get(status, self.http.method());
            if becomes_get {
                self.http = Cow::Owned(self.http.as_get());
            }
            let shown = self.shown(&next);
            let by_https_record = false;
            hop.redirect =
                Some(Redirect { status, url: shown, becomes_get, is_downgrade, upgraded_by_hsts, by_https_record });
            report.hops.push(Hop::new(self.shown(&next)));
            url = next;
        }
    }

    /// A URL that an answer sent us to and that is not visited: a step of the last hop, which failed.
    fn refuse(&self, error: Error, report: &mut Report) -> Error {
        if let Some(hop) = report.hops.last_mut() {
            let span = Span::new(self.clock.now_ns(), 0, 0);
            hop.steps.push(Step::new(Phase::Url, "not visited".to_owned(), span, Some(error.clone())));
        }
        error
    }

    /// One request, from its name to its last byte, or over the connection of the last. What succeeds is in the hop before the next
    /// step begins.
    async fn hop(&mut self, url: &Url, hops: &mut [Hop]) -> Result<(), Error> {
        if let Some(result) = self.hop_again(url, hops).await {
            return result;
        }
        self.close(hops);
        let index = hops.len().saturating_sub(1);
        let Some(hop) = hops.last_mut() else { return Ok(()) };
        hop.url = self.shown(url);
        let Some(stream) = self.session.reach(url, hop, self.clock).await? else { return Ok(()) };
        let (wire, passed) = Wire::new(stream);
        if let Some(protocol) = self.early_protocol(url) {
            return self.hop_early(url, (wire, passed), protocol, (hop, index)).await;
        }
        let is_first = self.is_first(url);
        let (channel, ending) = match self.session.secure(url, wire, is_first, hop, self.clock).await {
            Ok(secured) => secured,
            Err(error) => {
                hop.count(passed.bytes());
                note_end(hop, &passed);
                return Err(error);
            }
        };
        let mut open = Open { origin: url.origin(), channel, ending, passed, counted: (0, 0), hop: index };
        let result = self.exchange(url, &mut open, hop).await;
        self.open = Some(open);
        result
    }

    /// The request over the connection that is there already, if it may go over it and the server has not just hung up.
    async fn hop_again(&mut self, url: &Url, hops: &mut [Hop]) -> Option<Result<(), Error>> {
        let is_usable = |open: &mut Open| open.origin == url.origin() && open.channel.is_ready();
        let mut open = self.open.take_if(is_usable)?;
        let peer = hops.get(open.hop).and_then(|hop| hop.connection.as_ref()?.peer);
        let hop = hops.last_mut()?;
        hop.reused = Some(open.hop);
        let label = format!("{}: reused", peer.map(|peer| peer.to_string()).unwrap_or_default());
        hop.steps.push(Step::new(Phase::Connect, label, Span::new(self.clock.now_ns(), 0, 0), None));
        let result = self.exchange(url, &mut open, hop).await;
        let has_hung_up = result.as_ref().is_err_and(is_cut)
            && hop.exchange.as_ref().is_none_or(|exchange| exchange.received_bytes == 0)
            && self.http.is_idempotent();
        self.open = Some(open);
        if has_hung_up {
            // It had not yet heard of this request: a fresh connection may carry it (RFC 9112, section 9.3.1).
            let vain = vain("the server hung up on the connection that was open", std::mem::take(&mut hop.steps));
            let Hop { sent_bytes, received_bytes, .. } = *hop;
            *hop = Hop { steps: vec![vain], sent_bytes, received_bytes, ..Hop::new(self.shown(url)) };
            return None;
        }
        Some(result)
    }

    /// Closes the connection that is open, and has its end in the report of the hop that made it.
    fn close(&mut self, hops: &mut [Hop]) {
        let Some(Open { channel, passed, hop, .. }) = self.open.take() else { return };
        drop(channel);
        if let Some(hop) = hops.get_mut(hop) {
            note_end(hop, &passed);
        }
    }

    /// Whether it goes to the origin of the first request.
    fn is_first(&mut self, url: &Url) -> bool {
        self.first.get_or_insert_with(|| url.origin()) == &url.origin()
    }

    async fn exchange(&mut self, url: &Url, open: &mut Open, hop: &mut Hop) -> Result<(), Error> {
        let is_first = self.is_first(url);
        let given = self.http.as_ref();
        let options = if is_first { given } else { &given.for_another_origin() };
        let cookie = self.jar.header(url);
        hop.forwarded_by = self.session.forwarder(url).map(ToString::to_string);
        let (exchange, result) = open.channel.exchange(url, cookie.as_deref(), options).await;
        self.settle(url, open, hop, exchange, result)
    }

    /// What an exchange leaves in the report, and in what the run remembers.
    fn settle(
        &mut self,
        url: &Url,
        open: &mut Open,
        hop: &mut Hop,
        mut exchange: Exchange,
        mut result: Result<(), Error>,
    ) -> Result<(), Error> {
        let forwarder = self.session.forwarder(url);
        if let Some(proxy) = forwarder.filter(|_| result.is_ok() && exchange.status == Some(407)) {
            let given = proxy.credentials.is_some();
            result = Err(ProxyError::Credentials { proxy: proxy.to_string(), given }.into());
        }
        if let Some(alert) = open.ending.alert().filter(|_| result.is_err()) {
            let asked = hop.handshake.as_ref().and_then(|handshake| handshake.client_certificate.as_ref());
            result = Err(explain_ending(host(url), alert, asked).into());
        }
        let (sent, received) = open.passed.bytes();
        hop.count((sent - open.counted.0, received - open.counted.1));
        open.counted = (sent, received);
        hop.steps.extend(exchange.steps(result.as_ref().err()));
        let set = exchange.raw_headers.get_all("set-cookie").iter().filter_map(|value| value.to_str().ok());
        exchange.cookies = self.jar.take(set, url, self.http.reveal_secrets);
        if let Some(handshake) = &mut hop.handshake {
            handshake.tickets = Some(self.session.tls.tickets(host(url)));
        }
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
        Ok(target.map_err(|error| error.reported(self.session.probe.http.reveal_secrets))?)
    }
}

/// What was tried and has to be done again, as one step. That it failed is its parts' to say: the run goes on.
fn vain(why: &str, tried: Vec<Step>) -> Step {
    together(Phase::Retry, why.to_owned(), tried)
}

/// Steps as the parts of one.
fn together(phase: Phase, label: String, parts: Vec<Step>) -> Step {
    let start_ns = parts.first().map_or(0, |step| step.span.start_ns);
    let end_ns = parts.iter().map(|step| step.span.end_ns()).max().unwrap_or(start_ns);
    let wait_ns = waited_ns(parts.iter().map(|step| step.span));
    let duration_ns = end_ns - start_ns;
    let span = Span::new(start_ns, duration_ns, duration_ns.saturating_sub(wait_ns));
    let mut step = Step::new(phase, label, span, None);
    step.children = parts;
    step
}

/// The keys that the site's HTTPS record has for an encrypted ClientHello; where it was followed, those of the server that it led to.
fn ech_keys(host: &str, hop: &Hop) -> Option<Vec<u8>> {
    if let Some(followed) = &hop.followed {
        return crate::dns::decoded_ech(followed.endpoints.get(followed.used?)?.ech.as_ref()?);
    }
    let resolution = hop.resolution.as_ref().filter(|resolution| resolution.name.eq_ignore_ascii_case(host))?;
    let bindings = resolution.site().map(crate::dns::Site::bindings)?;
    bindings.into_iter().find_map(crate::dns::ServiceBinding::ech_config_list)
}

fn note_end(hop: &mut Hop, passed: &Passed) {
    if let Some(connection) = &mut hop.connection {
        connection.info_at_end = passed.at_end();
    }
}

/// Whether the connection ended.
fn is_cut(error: &Error) -> bool {
    matches!(error, Error::Http(HttpError::Incomplete { .. } | HttpError::Cut { .. } | HttpError::Stream { .. }))
}
