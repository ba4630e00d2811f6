//! Resources from the network, every step of it measured.

use netprobe::{Clock, Report, Session};
use url::Url;

use super::{Fetch, Fetched};
use crate::{Error, Page};

/// Fetches through a [`Session`] of netprobe: `http` and `https`, with its limits, timeouts and redirects, on one clock.
///
/// What the session learns, names and TLS tickets, the next resource profits from; each has a connection of its own, and cookies live
/// for one run. What is asked for is asked for with GET, and gets the secrets of [`netprobe::Probe::http`] only if it is of the page's origin
/// ([`Network::asked_by`]).
#[derive(Debug, Clone)]
pub struct Network<'a> {
    session: &'a Session,
    clock: Clock,
    /// Whose secrets those for one origin are; nobody's if there is none.
    page: Option<Url>,
}

impl<'a> Network<'a> {
    /// Fetches through a session, on a clock that runs already: its reports have one time axis with everything else on it.
    #[must_use]
    pub fn on(session: &'a Session, clock: Clock) -> Self {
        Self { session, clock, page: None }
    }

    /// The same for what the page of this visit asks for. Until a visit is named, secrets that are for one origin go to nobody; nor do they
    /// if the visit was led to another origin than it began at: they were not meant for that one, and it chooses what is asked for.
    #[must_use]
    pub fn asked_by(self, visit: &Report) -> Self {
        let began = visit.hops.first().and_then(|hop| Url::parse(&hop.url).ok());
        let ended = visit.hops.last().and_then(|hop| Url::parse(&hop.url).ok());
        let page = ended.filter(|ended| began.is_some_and(|began| began.origin() == ended.origin()));
        Self { page, ..self }
    }

    /// Fetches a page, and tells how.
    ///
    /// The result is [`Error::Page`] if it did not come. A page with a status that says that there is none, 404 say, is a page.
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
        fetched(self.session.run_resource(&self.clock, self.page.as_ref(), url.as_str()).await)
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
