//! One run: hop after hop, and what it keeps from one to the next.

use std::borrow::Cow;

use url::Url;

use super::Session;
use super::hop::Open;
use crate::http::{self, HstsHosts, HttpOptions, Jar, Redirect, Trail};
use crate::report::Hop;
use crate::url::{parse, redacted};
use crate::{Clock, Embedder, Error, Phase, Report, Span, Step};

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
    /// The page that asks, if one does.
    pub(super) embedder: Option<&'a Embedder>,
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
            embedder: None,
        }
    }

    /// A run for what a page asks for.
    pub(super) fn embedded(session: &'a Session, clock: &'a Clock, embedder: &'a Embedder) -> Self {
        let origin = embedder.origin.as_ref().map_or_else(url::Origin::new_opaque, Url::origin);
        let run = Self::begin(session, clock, Cow::Owned(session.probe.http.as_get()));
        Self { first: Some(origin), embedder: Some(embedder), ..run }
    }
}

impl Run<'_> {
    pub(super) fn shown(&self, url: &Url) -> String {
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
        self.jar = self.embedder.map(|embedder| embedder.cookies_for(&url)).unwrap_or_default();
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

    /// Where the answer sends us, if anywhere.
    fn redirect(&self, url: &Url, hop: &Hop) -> Result<Option<Url>, Error> {
        let Some(exchange) = &hop.exchange else { return Ok(None) };
        let location = exchange.raw_headers.get("location").map(|value| String::from_utf8_lossy(value.as_bytes()));
        let target = http::target(url, exchange.status.unwrap_or_default(), location.as_deref());
        Ok(target.map_err(|error| error.reported(self.session.probe.http.reveal_secrets))?)
    }
}
