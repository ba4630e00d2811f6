//! What happened, as a value: serialisable, and the source of every picture.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::endpoint::Followed;
use crate::http::{Exchange, Redirect};
use crate::keypress::KeyPress;
use crate::names::Resolution;
use crate::path::Path;
use crate::proxy::Tunnel;
use crate::tcp::Connection;
use crate::tls::{Handshake, Staple, Trust};
use crate::url::{URL_BYTES_MAX, redacted_text, shortened};
use crate::{AddressSpace, Error, Light, Phase, Span, Step};

/// What happened, from the text of a URL to the last byte of the last answer, or to the first step that failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The URL that was asked for, without its secrets unless they were asked for.
    pub url: String,
    /// When the run began, in milliseconds since 1970.
    pub started_unix_ms: u64,
    /// How long all of it took. `cpu_ns` is our own work, `wait_ns` the network's and the peers'.
    pub total: Span,
    /// The key press that began it, if one did: the run's clock counts from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_press: Option<KeyPress>,
    /// One a request: the first, and one for each redirect.
    pub hops: Vec<Hop>,
    /// The last request once more, over QUIC and over TCP at the same time, if the server speaks HTTP/3 and that was asked for.
    #[cfg(feature = "h3")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub race: Option<crate::Race>,
    /// The path to the last connection's other end, if it was asked for. It is looked for when all else is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<Path>,
    /// Why the last step failed, if it did. Everything before it is there.
    pub error: Option<Error>,
    /// The round trip beside what the speed of light allows, if the distance was given.
    pub light: Option<Light>,
}

/// One request and everything that it needed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Hop {
    /// What was requested.
    pub url: String,
    /// What happened, in order; the last has the error, if there was one.
    pub steps: Vec<Step>,
    /// How the host's name became addresses. Its `steps` are the parts of the step here.
    pub resolution: Option<Resolution>,
    /// Where the server of the page is that asks for this, if one does: nothing more private is connected to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_from: Option<AddressSpace>,
    /// The place of the hop whose connection carried this request too: no name was asked for, and nothing agreed again.
    pub reused: Option<usize>,
    /// Where the caller had us connect in place of the URL's host and port, if [`Probe::connect_to`](crate::Probe::connect_to) says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connected_to: Option<String>,
    /// What was made of the site's HTTPS record, if [`Probe::https_records`](crate::Probe::https_records) says that it is followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub followed: Option<Followed>,
    /// How an address became a connection.
    pub connection: Option<Connection>,
    /// The tunnel through a proxy, if there is one: names and connection are the proxy's, then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tunnel: Option<Tunnel>,
    /// The proxy that passes the request on as it is: names and connection are the proxy's, then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forwarded_by: Option<String>,
    /// How the connection became a secret; none for `http`.
    pub handshake: Option<Handshake>,
    /// The request and its answer.
    pub exchange: Option<Exchange>,
    /// Where the answer sent us.
    pub redirect: Option<Redirect>,
    /// Bytes that left for this request, TLS's own included, and those that left in vain over a connection that was closed meanwhile.
    pub sent_bytes: u64,
    /// Bytes that came, counted likewise.
    pub received_bytes: u64,
}

impl Hop {
    pub(crate) fn new(url: String) -> Self {
        Self { url, ..Self::default() }
    }

    /// More bytes passed: sent and received.
    pub(crate) fn count(&mut self, (sent, received): (u64, u64)) {
        self.sent_bytes = self.sent_bytes.saturating_add(sent);
        self.received_bytes = self.received_bytes.saturating_add(received);
    }

    /// The step of a kind, if it was reached.
    #[must_use]
    pub fn step(&self, phase: Phase) -> Option<&Step> {
        self.steps.iter().find(|step| step.phase == phase)
    }
}

impl Report {
    pub(crate) fn begin(url: &str, reveal_secrets: bool) -> Self {
        let shown = if reveal_secrets { url.to_owned() } else { redacted_text(url) };
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            url: if url.len() > URL_BYTES_MAX { shortened(&shown) } else { shown },
            started_unix_ms: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
            total: Span::default(),
            key_press: None,
            hops: Vec::new(),
            #[cfg(feature = "h3")]
            race: None,
            path: None,
            error: None,
            light: None,
        }
    }

    /// The report of a run that could not begin.
    pub(crate) fn unstarted(url: &str, error: Error, reveal_secrets: bool) -> Self {
        Self { error: Some(error), ..Self::begin(url, reveal_secrets) }
    }

    pub(crate) fn end(&mut self, begun_ns: u64, now_ns: u64, distance_km: Option<f64>) {
        // Whatever is between the steps is our own work too.
        let key_wait_ns = self.key_press.as_ref().map_or(0, |press| press.span.wait_ns);
        let wait_ns = key_wait_ns.saturating_add(waited_ns(self.steps().map(|step| step.span)));
        let duration_ns = now_ns.saturating_sub(begun_ns);
        self.total = Span::new(begun_ns, duration_ns, duration_ns.saturating_sub(wait_ns));
        let first_query_ns = self.first_query_ns();
        if let Some(press) = &mut self.key_press {
            press.to_first_query_ns = first_query_ns;
        }
        let connection = self.hops.iter().rev().find_map(|hop| hop.connection.as_ref());
        let info = connection.and_then(|connection| connection.info);
        let round_trip_ns = info.map(|info| u64::from(info.rtt_us) * 1_000);
        let round_trip_ns = round_trip_ns.or(connection.map(|connection| connection.span.duration_ns));
        let distance_km = distance_km.filter(|km| km.is_finite() && *km >= 0.0);
        self.light = distance_km.zip(round_trip_ns).map(|(km, ns)| Light::new(km, ns, self.total.wait_ns));
    }

    /// When the first DNS query left, if one did.
    fn first_query_ns(&self) -> Option<u64> {
        let resolutions = self.hops.iter().filter_map(|hop| hop.resolution.as_ref());
        let start = |resolution: &Resolution| {
            let walk = resolution.walk.as_ref().and_then(|walk| walk.queries.first()).map(|query| query.span);
            walk.or(resolution.stub.as_ref().map(|stub| stub.span)).map(|span| span.start_ns)
        };
        resolutions.filter_map(start).min()
    }

    /// The steps of all hops, in order.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.hops.iter().flat_map(|hop| &hop.steps)
    }

    /// The step that failed.
    #[must_use]
    pub fn failed_step(&self) -> Option<&Step> {
        self.steps().find(|step| step.error.is_some())
    }

    /// The time that all steps of a kind took together, in nanoseconds.
    #[must_use]
    pub fn phase_ns(&self, phase: Phase) -> u64 {
        self.steps().filter(|step| step.phase == phase).fold(0, |sum, step| sum.saturating_add(step.span.duration_ns))
    }

    /// The last answer, if there was one.
    #[must_use]
    pub fn answer(&self) -> Option<&Exchange> {
        self.hops.last().and_then(|hop| hop.exchange.as_ref())
    }

    /// Things that did not stop the run and that somebody should know.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        for hop in &self.hops {
            if hop.handshake.as_ref().is_some_and(|handshake| handshake.trust == Trust::Unchecked) {
                warnings.push(format!("{}: CERTIFICATES WERE NOT CHECKED: anybody may have answered", hop.url));
            }
            let staple = hop.handshake.as_ref().and_then(|handshake| handshake.staple.as_ref());
            warnings.extend(staple.and_then(Staple::complaint).map(|complaint| format!("{}: {complaint}", hop.url)));
            let secured = hop.resolution.as_ref().and_then(|found| found.stub.as_ref()?.secured.as_ref());
            let resolver = secured.and_then(|secured| secured.handshake.as_ref());
            if resolver.is_some_and(|handshake| handshake.trust == Trust::Unchecked) {
                warnings.push(format!(
                    "{}: THE RESOLVER'S CERTIFICATE WAS NOT CHECKED: anybody may have answered",
                    hop.url
                ));
            }
            if hop.redirect.as_ref().is_some_and(|redirect| redirect.is_downgrade) {
                warnings
                    .push(format!("{}: redirects from https to http: what follows can be read and changed", hop.url));
            }
        }
        warnings
    }
}

/// How long spans waited. What several waited for at the same time counts once.
pub(crate) fn waited_ns(spans: impl Iterator<Item = Span>) -> u64 {
    let (mut waited_ns, mut until_ns) = (0_u64, 0);
    for span in spans {
        let alone_ns = span.end_ns().saturating_sub(span.start_ns.max(until_ns));
        waited_ns = waited_ns.saturating_add(span.wait_ns.min(alone_ns));
        until_ns = until_ns.max(span.end_ns());
    }
    waited_ns
}
