//! Resources from the network, every step of it measured.

use netprobe::{AddressSpace, Clock, Embedder, Report, Session};
use url::Url;

use super::{Fetch, Fetched};
use crate::{Error, Page};

/// Fetches through a [`Session`] of netprobe: `http` and `https`, with its limits, timeouts and redirects, on one clock.
///
/// What the session learns, names and TLS tickets, the next resource profits from; each has a connection of its own. What is asked for
/// is asked for with GET, in the name of the page ([`Network::asked_by`]):
///
/// - The caller's headers ([`netprobe::http::HttpOptions::headers`]) go to the page's origin, and to no other.
/// - The cookies of the visit go to the page's site. Those that resources set live as long as their own redirects.
/// - The page may ask for what is in its server's address space or in a more public one, and for nothing that is more private
///   ([`AddressSpace::may_ask`]): a page of the internet does not reach the machines around whoever looks at it. Addresses are looked at
///   when names are resolved and before anybody is connected to, after redirects too.
#[derive(Debug, Clone)]
pub struct Network<'a> {
    session: &'a Session,
    clock: Clock,
    embedder: Embedder,
}

impl<'a> Network<'a> {
    /// Fetches through a session, on a clock that runs already: its reports have one time axis with everything else on it. Until a visit
    /// is named, the page counts as one of the internet, for which nobody's headers and cookies are.
    #[must_use]
    pub fn on(session: &'a Session, clock: Clock) -> Self {
        Self { session, clock, embedder: Embedder::default() }
    }

    /// The same for what the page of this visit asks for ([`Embedder::of`]). If the visit was led to another origin than it began at,
    /// nobody gets the caller's headers: they were not meant for that one, and it chooses what is asked for.
    #[must_use]
    pub fn asked_by(self, visit: &Report) -> Self {
        Self { embedder: Embedder::of(visit), ..self }
    }

    /// The same for a page whose server counts as being in this address space.
    #[must_use]
    pub fn in_space(mut self, space: AddressSpace) -> Self {
        self.embedder.space = space;
        self
    }

    /// Fetches a page, and tells how.
    ///
    /// # Errors
    /// [`Error::Page`] if it did not come. A page with a status that says that there is none, 404 say, is a page.
    pub async fn page(&self, url: &str) -> (Result<Page, Error>, Report) {
        let report = self.session.run_on(&self.clock, url).await;
        let failed = |reason: String| Error::Page { url: report.url.clone(), reason };
        let page = match &report.error {
            Some(error) => Err(failed(error.with_causes())),
            None => Page::from_report(&report).ok_or_else(|| failed("no answer".to_owned())),
        };
        (page, report)
    }
}

impl Fetch for Network<'_> {
    async fn fetch(&self, url: &Url) -> Fetched {
        if !matches!(url.scheme(), "http" | "https") {
            return Fetched::failed(format!("{}: is not fetched over the network", url.scheme()));
        }
        fetched(self.session.run_resource(&self.clock, &self.embedder, url.as_str()).await)
    }
}

/// What a run brought: its report, and the body apart.
fn fetched(mut report: Report) -> Fetched {
    let redirected = report.hops.iter().filter(|hop| hop.redirect.is_some());
    let redirects: Vec<String> = redirected.map(|hop| hop.url.clone()).collect();
    let error = report.error.as_ref().map(netprobe::Error::with_causes);
    let mut fetched = Fetched { redirects, error, ..Fetched::default() };
    if let Some(hop) = report.hops.last_mut() {
        fetched.url = Some(hop.url.clone());
        if let Some(exchange) = &mut hop.exchange {
            fetched.status = exchange.status;
            fetched.content_type = exchange.header("content-type").map(str::to_owned);
            fetched.body = std::mem::take(&mut exchange.body);
        }
    }
    // What redirects say besides is nothing to keep.
    report.hops.iter_mut().filter_map(|hop| hop.exchange.as_mut()).for_each(|exchange| exchange.body = Vec::new());
    let refused = fetched.status.filter(|status| !(200..300).contains(status));
    fetched.error = fetched.error.or(refused.map(|status| format!("status {status}")));
    fetched.report = Some(report);
    fetched
}
