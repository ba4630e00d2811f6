//! One run: hop after hop, and what it keeps from one to the next.

use std::borrow::Cow;
use std::sync::Arc;

use url::Url;

use super::Session;
use crate::http::{self, Channel, Exchange, HstsHosts, HttpError, HttpOptions, Jar, Redirect, Trail};
use crate::proxy::ProxyError;
use crate::report::{Hop, waited_ns};
use crate::tcp::{Passed, Wire};
use crate::tls::{Ending, explain_ending};
use crate::url::{host, parse, redacted};
use crate::{Clock, Error, Phase, Report, Span, Step};

/// What one run keeps from hop to hop.
pub(super) struct Run<'a> {
    pub(super) session: &'a Session,
    pub(super) clock: &'a Clock,
    /// Where the last request went.
    #[cfg(feature = "h3")]
    pub(super) at: Option<Url>,
    /// What the next request is: a redirect may change it.
    pub(super) http: Cow<'a, HttpOptions>,
    pub(super) jar: Jar,
    pub(super) hsts: HstsHosts,
    pub(super) open: Option<Open>,
    /// Whose headers those for one origin alone are: where the first request went, or where the page is from.
    pub(super) first: Option<url::Origin>,
}

/// The connection that the last hop left open.
pub(super) struct Open {
    pub(super) origin: url::Origin,
    pub(super) channel: Channel,
    pub(super) ending: Ending,
    pub(super) passed: Arc<Passed>,
    /// Bytes, sent and received, that earlier hops have in their reports.
    pub(super) counted: (u64, u64),
    /// The hop that made it.
    pub(super) hop: usize,
}

impl<'a> Run<'a> {
    /// A run that has not done anything yet.
    pub(super) fn begin(session: &'a Session, clock: &'a Clock, http: Cow<'a, HttpOptions>) -> Self {
        Self {
            session,
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
}

impl Run<'_> {
    fn shown(&self, url: &Url) -> String {
        if self.session.probe.http.reveal_secrets { url.to_string() } else { redacted(url) }
    }

    pub(super) async fn hops(&mut self, text: &str, report: &mut Report) -> Result<(), Error> {
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
    pub(super) fn close(&mut self, hops: &mut [Hop]) {
        let Some(Open { channel, passed, hop, .. }) = self.open.take() else { return };
        drop(channel);
        if let Some(hop) = hops.get_mut(hop) {
            note_end(hop, &passed);
        }
    }

    /// Whether it goes to the origin of the first request.
    pub(super) fn is_first(&mut self, url: &Url) -> bool {
        self.first.get_or_insert_with(|| url.origin()) == &url.origin()
    }

    pub(super) async fn exchange(&mut self, url: &Url, open: &mut Open, hop: &mut Hop) -> Result<(), Error> {
        let is_first = self.is_first(url);
        let given = self.http.as_ref();
        let options = if is_first { given } else { &given.for_another_origin() };
        let cookie = self.jar.header(url);
        hop.forwarded_by = self.session.forwarder(url).map(ToString::to_string);
        let (exchange, result) = open.channel.exchange(url, cookie.as_deref(), options).await;
        self.settle(url, open, hop, exchange, result)
    }

    /// What an exchange leaves in the report, and in what the run remembers.
    pub(super) fn settle(
        &mut self,
        url: &Url,
        open: &mut Open,
        hop: &mut Hop,
        mut exchange: Exchange,
        mut result: Result<(), Error>,
    ) -> Result<(), Error> {
        let is_first = self.is_first(url);
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
            handshake.tickets = Some(self.session.tls_for(is_first).tickets(host(url)));
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
pub(super) fn vain(why: &str, tried: Vec<Step>) -> Step {
    together(Phase::Retry, why.to_owned(), tried)
}

/// Steps as the parts of one.
pub(super) fn together(phase: Phase, label: String, parts: Vec<Step>) -> Step {
    let start_ns = parts.first().map_or(0, |step| step.span.start_ns);
    let end_ns = parts.iter().map(|step| step.span.end_ns()).max().unwrap_or(start_ns);
    let wait_ns = waited_ns(parts.iter().map(|step| step.span));
    let duration_ns = end_ns - start_ns;
    let span = Span::new(start_ns, duration_ns, duration_ns.saturating_sub(wait_ns));
    let mut step = Step::new(phase, label, span, None);
    step.children = parts;
    step
}

pub(super) fn note_end(hop: &mut Hop, passed: &Passed) {
    if let Some(connection) = &mut hop.connection {
        connection.info_at_end = passed.at_end();
    }
}

/// Whether the connection ended.
fn is_cut(error: &Error) -> bool {
    matches!(error, Error::Http(HttpError::Incomplete { .. } | HttpError::Cut { .. } | HttpError::Stream { .. }))
}
