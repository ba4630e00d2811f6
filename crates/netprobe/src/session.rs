//! Runs of one probe that share what they may: the resolver's cache and TLS tickets.

mod early;
mod hidden;
mod hop;
mod reach;
mod retry;
mod run;
mod site;

use std::borrow::Cow;

use crate::keypress::{KeyPress, Pressed};
use crate::names::Resolver;
use crate::path::{self, Path};
use crate::tls::{Ech, TlsClient};
use crate::{Clock, Embedder, Error, Probe, Report};

use run::Run;

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
        let resolver = resolver(&probe);
        Ok(Self { probe, resolver, tls })
    }

    #[cfg(feature = "h3")]
    pub(crate) fn with_tls(probe: Probe, tls: TlsClient) -> Self {
        let resolver = resolver(&probe);
        Self { probe, resolver, tls }
    }

    #[cfg(feature = "h3")]
    pub(crate) fn probe(&self) -> &Probe {
        &self.probe
    }

    /// Only the first origin is told who we are.
    fn tls_for(&self, is_first: bool) -> &TlsClient {
        if is_first { &self.tls } else { self.tls.anonymous() }
    }

    #[cfg(feature = "h3")]
    pub(crate) fn tls(&self) -> &TlsClient {
        &self.tls
    }

    /// A session with the same options that has learnt nothing yet.
    #[must_use]
    pub fn forgetful(&self) -> Self {
        let resolver = resolver(&self.probe);
        Self { probe: self.probe.clone(), resolver, tls: self.tls.forgetful() }
    }

    /// A session with the same options and the same tickets that sends early data ([`Probe::early_data`]). It has its own cache of
    /// names.
    #[must_use]
    pub fn early(&self) -> Self {
        let probe = Probe { early_data: true, ..self.probe.clone() };
        Self { resolver: resolver(&probe), probe, tls: self.tls.clone() }
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
    /// body, and neither HTTP/3 nor the path is looked for. Headers of the caller's ([`HttpOptions::headers`](crate::http::HttpOptions::headers))
    /// go to the page's own origin alone, its cookies to its own site, and nothing is connected to that is more private than its server:
    /// that is [`TcpError::MorePrivate`](crate::tcp::TcpError::MorePrivate).
    pub async fn run_resource(&self, clock: &Clock, embedder: &Embedder, url: &str) -> Report {
        let begun_ns = clock.now_ns();
        let mut report = Report::begin(url, self.probe.http.reveal_secrets);
        let mut run = Run::embedded(self, clock, embedder);
        report.error = run.hops(url, &mut report).await.err();
        run.close(&mut report.hops);
        report.end(begun_ns, clock.now_ns(), None);
        report
    }

    async fn run_with(&self, clock: &Clock, key_press: Option<KeyPress>, url: &str) -> Report {
        let begun_ns = if key_press.is_some() { 0 } else { clock.now_ns() };
        let mut report = Report { key_press, ..Report::begin(url, self.probe.http.reveal_secrets) };
        let mut run = Run::begin(self, clock, Cow::Borrowed(&self.probe.http));
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
}

/// Who resolves names. Without the record that may have the keys a name cannot be hidden.
fn resolver(probe: &Probe) -> Resolver {
    let resolver = Resolver::new(probe.names.clone());
    if probe.ech == Ech::Offered { resolver.insisting_on_sites() } else { resolver }
}
