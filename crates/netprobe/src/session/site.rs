//! The way to a site whose HTTPS record is followed (RFC 9460): server after server, each decision a step.
//!
//! ```text
//! names ─► the record ─► alias? ask there ─► http:? as if it had answered 307
//!                     └► its servers, the smallest priority first ─► the host's own addresses, if the name is not to be hidden
//!                          └ another name: its addresses, and meanwhile a connection to the hints
//! ```

use std::net::IpAddr;

use futures_util::future::join;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use url::Url;

use super::Session;
use super::hidden::not_visited;
use super::retry::together;
use crate::dns::{Alias, Answer, DnsError, Site};
use crate::endpoint::{Endpoint, Followed, Plan};
use crate::http::Redirect;
use crate::report::Hop;
use crate::tcp::{self, Outcome};
use crate::url::{authority, host, port};
use crate::{Clock, Error, Phase, Span, Step};

/// The status that a site with an HTTPS record is taken to have answered over `http:` (section 9.5).
const AS_IF: u16 = 307;

impl Session {
    /// A connection to the URL's site by way of its HTTPS record, if it has one; `own` is what became of asking for its host's own
    /// addresses. `None`: nobody is connected to, since the hop is redirected to `https:`.
    pub(super) async fn connect_to_site(
        &self,
        url: &Url,
        own: Result<Vec<IpAddr>, Error>,
        hop: &mut Hop,
        clock: &Clock,
    ) -> Result<Option<TcpStream>, Error> {
        let at = (host(url), port(url));
        let Some(site) = hop.resolution.as_ref().and_then(|resolution| resolution.site()).cloned() else {
            return self.connect(at, &own?, hop, clock).await.map(Some);
        };
        let site = self.unaliased(site, hop, clock).await;
        if own.is_ok() {
            self.insist_on(&site, url, hop, clock)?;
        }
        let mut plan = Plan::new(&site, at.1, self.probe.alpn);
        let is_reliant = self.hides(url) && plan.is_keyed;
        if is_reliant {
            plan = plan.hiding();
        }
        hop.steps.extend(plan.passed_over.into_iter().map(|why| decision(why, clock)));
        if url.scheme() == "http" && !plan.endpoints.is_empty() {
            self.upgrade(url, hop, clock);
            own.is_err().then(|| forgive(&mut hop.steps));
            return Ok(None);
        }
        let mut followed = Followed { endpoints: plan.endpoints, ..Followed::default() };
        let mut last = None;
        for (place, endpoint) in followed.endpoints.iter().enumerate() {
            hop.steps.push(decision(format!("to {}: {}", endpoint.authority(), endpoint.why), clock));
            let first = hop.steps.len();
            match self.connect_to_endpoint(endpoint, own.as_deref(), hop, clock).await {
                Ok((stream, resolution)) => {
                    own.is_err().then(|| forgive(&mut hop.steps));
                    (followed.used, followed.resolution) = (Some(place), resolution);
                    hop.followed = Some(followed);
                    return Ok(Some(stream));
                }
                Err(error) => {
                    let tried = hop.steps.split_off(first);
                    let label = format!("{} in vain: {}", endpoint.authority(), error.with_causes());
                    hop.steps.push(together(Phase::Site, label, tried));
                    hop.connection = None;
                    last = Some(error);
                }
            }
        }
        let is_followed = !followed.endpoints.is_empty();
        hop.followed = is_followed.then_some(followed);
        if is_reliant {
            own.is_err().then(|| forgive(&mut hop.steps));
            let error = last.unwrap_or_else(|| DnsError::NoUsableEndpoint { name: site.name }.into());
            return Err(not_visited(error, hop, clock));
        }
        if is_followed {
            hop.steps.push(decision(format!("to {}: the host's own addresses are left", authority(at.0, at.1)), clock));
        }
        self.connect(at, &own?, hop, clock).await.map(Some)
    }

    /// From `http:` to `https:` before anything is sent in the clear.
    fn upgrade(&self, url: &Url, hop: &mut Hop, clock: &Clock) {
        let mut secure = url.clone();
        // Both are special schemes of the URL standard, between which a URL may change; the usual port goes along.
        let _ = secure.set_scheme("https");
        let why = "to https: a site that has such a record is reached by TLS, as if it had answered 307 (RFC 9460, section 9.5)";
        hop.steps.push(decision(why.to_owned(), clock));
        let url = if self.probe.http.reveal_secrets { secure.to_string() } else { crate::url::redacted(&secure) };
        hop.redirect = Some(Redirect { status: AS_IF, url, by_https_record: true, ..Redirect::default() });
    }

    /// The records at the end of aliases. A walk has followed them; a resolver may leave that to us.
    async fn unaliased(&self, mut site: Site, hop: &mut Hop, clock: &Clock) -> Site {
        let aliases_max = self.probe.names.walker.aliases_max;
        while let Some(alias) = next_alias(&site) {
            let targets = site.lookup.aliases.iter().map(|alias| &alias.target);
            let mut path: Vec<String> = std::iter::once(&site.name).chain(targets).cloned().collect();
            let is_loop = path.iter().any(|name| name.eq_ignore_ascii_case(&alias.target));
            path.push(alias.target.clone());
            if is_loop {
                site.lookup.answer = Err(DnsError::AliasLoop { path });
            } else if site.lookup.aliases.len() >= aliases_max {
                site.lookup.answer = Err(DnsError::AliasesExceeded { max: aliases_max, path });
            } else {
                let (next, asked) = self.resolver.site_at(&alias.target, clock).await;
                let label = format!("the HTTPS record of {} is an alias of {}: asked there", alias.name, alias.target);
                hop.steps.push(together(Phase::Site, label, vec![asked]));
                site.led_on(alias, next);
            }
        }
        site
    }

    /// A connection to one of the site's servers; and what its name resolved to, if that was asked for.
    async fn connect_to_endpoint(
        &self,
        endpoint: &Endpoint,
        own: Result<&[IpAddr], &Error>,
        hop: &mut Hop,
        clock: &Clock,
    ) -> Result<(TcpStream, Option<crate::names::Resolution>), Error> {
        let at = (endpoint.host.as_str(), endpoint.port);
        let is_own = hop.resolution.as_ref().is_some_and(|resolution| resolution.is_of(at.0));
        if let Ok(addresses) = own
            && is_own
        {
            note_hints(&endpoint.hints, addresses, hop, clock);
            return Ok((self.connect(at, addresses, hop, clock).await?, None));
        }
        let family = self.probe.names.family;
        let hints: Vec<IpAddr> = endpoint.hints.iter().copied().filter(|hint| family.accepts(*hint)).collect();
        let mut asked = Hop::default();
        let (tell, told) = oneshot::channel();
        let asking = async {
            let addresses = self.resolve(at, false, &mut asked, clock).await;
            // Nobody listens only if the connection is given up, which waits for this.
            let _ = tell.send(addresses.as_ref().ok().cloned());
            addresses
        };
        let known = async { told.await.ok().flatten() };
        let options = self.connect_options(hop);
        let connecting = tcp::connect_hinted(at.0, &hints, Some(known), at.1, &options, clock);
        // Futures that hold whole walks would fill the stack of whoever holds them.
        let (addresses, (connection, stream)) = Box::pin(join(asking, connecting)).await;
        let is_hinted =
            connection.attempts.iter().any(|attempt| attempt.outcome == Outcome::Connected) && addresses.is_err();
        for step in &mut asked.steps {
            // A hint may do in its place.
            step.error.take_if(|_| is_hinted);
        }
        hop.steps.append(&mut asked.steps);
        match &addresses {
            Ok(addresses) => note_hints(&hints, addresses, hop, clock),
            Err(error) if is_hinted => {
                let why = format!("{} has no address that anybody knows ({error}): the hint stands", endpoint.host);
                hop.steps.push(decision(why, clock));
            }
            Err(error) => {
                hop.steps.extend((!hints.is_empty()).then(|| connection.step(None)));
                return Err(error.clone());
            }
        }
        hop.steps.push(connection.step(stream.as_ref().err().cloned()));
        hop.connection = Some(connection);
        Ok((stream?, asked.resolution))
    }
}

impl Endpoint {
    fn authority(&self) -> String {
        authority(&self.host, self.port)
    }
}

/// Something that took no time of its own.
fn decision(why: String, clock: &Clock) -> Step {
    Step::new(Phase::Site, why, Span::new(clock.now_ns(), 0, 0), None)
}

/// Hints beside the addresses that they stand for (section 7.3).
fn note_hints(hints: &[IpAddr], addresses: &[IpAddr], hop: &mut Hop, clock: &Clock) {
    for hint in hints {
        let why = if addresses.contains(hint) {
            format!("the hint {hint} is right: it is among the addresses")
        } else {
            format!("the hint {hint} is wrong: it is none of the addresses, which count")
        };
        hop.steps.push(decision(why, clock));
    }
}

/// That a host has no address of its own is no failure where its record leads elsewhere; its queries say it still.
fn forgive(steps: &mut [Step]) {
    for step in steps.iter_mut().filter(|step| step.phase == Phase::Names) {
        if let Some(error) = step.error.take() {
            step.label = format!("{} none of its own: {}", step.label, error.with_causes());
        }
    }
}

/// Where the record sends whoever asked, if that was not followed already.
fn next_alias(site: &Site) -> Option<Alias> {
    let Ok(Answer::Records { records }) = &site.lookup.answer else { return None };
    let binding = *site.bindings().first().filter(|binding| binding.is_alias() && binding.target != ".")?;
    let is_it = |record: &&crate::dns::Record| record.service.as_ref().is_some_and(|it| it.as_ref() == Ok(binding));
    let record = records.iter().find(is_it)?;
    Some(Alias { name: record.name.clone(), target: binding.target.clone(), ttl: record.ttl })
}
