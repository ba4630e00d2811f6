//! A request that goes with the ClientHello: 0-RTT (RFC 8446, section 2.3). Whoever listens may send it again, and the server answers
//! twice: only what changes nothing is sent like that, and only when it was asked for.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::poll;
use tokio_rustls::client::TlsStream;
use url::Url;

use super::hop::Open;
use super::retry::{is_shy_of_early_data, note_end, vain};
use super::run::Run;
use crate::http::{self, Binder, Channel, Exchange, Protocol, late};
use crate::report::Hop;
use crate::tcp::{Passed, Wire};
use crate::tls::{EarlyData, Ech, Handshake, Watched};
use crate::url::host;
use crate::{Clock, Error, Phase, Span, Step};

/// What a server says that wants to be sure that it hears of a request once (RFC 8470).
const TOO_EARLY: u16 = 425;

/// A connection inside TLS, its handshake done with early data in it.
type Stream = Watched<TlsStream<Wire>>;

/// An exchange that has begun before there was a connection.
type Exchanging<'a> = Pin<Box<dyn Future<Output = (Exchange, Result<(), Error>)> + Send + 'a>>;

/// What an exchange has written before there was a connection.
struct Written {
    bytes: Vec<u8>,
    /// How it ended, if it ended there: it cannot be sent at all.
    ended: Option<(Exchange, Result<(), Error>)>,
    span: Span,
}

impl Run<'_> {
    /// What the request would be written in, if it may go with the ClientHello, and the server would take it.
    pub(super) fn early_protocol(&mut self, url: &Url) -> Option<Protocol> {
        let is_first = self.is_first(url);
        let probe = &self.session.probe;
        let is_safe = matches!(self.http.method(), "GET" | "HEAD") && self.http.body.is_none();
        let may = probe.early_data && probe.ech == Ech::Off && is_safe && url.scheme() == "https";
        let alpn = self.session.tls_for(is_first).early_alpn(host(url)).filter(|_| may)?;
        Some(protocol(Some(&alpn)))
    }

    /// The request is written first, and leaves with the handshake's first message. `None`: that handshake failed, and one without early
    /// data may not (RFC 8446, appendix D.3).
    pub(super) async fn hop_early(
        &mut self,
        url: &Url,
        protocol: Protocol,
        (hop, index): (&mut Hop, usize),
    ) -> Option<Result<(), Error>> {
        let begun = hop.steps.len();
        let result = self.try_early(url, protocol, (hop, index)).await;
        let handshake = hop.handshake.as_ref();
        let went = handshake.filter(|handshake| handshake.kind.is_none()).and_then(|handshake| handshake.early_data);
        let (Some(EarlyData::Unanswered { .. }), Err(error)) = (went, &result) else { return Some(result) };
        if !is_shy_of_early_data(error) {
            return Some(result);
        }
        let why = format!("the handshake with early data failed ({error}): once more, without");
        let tried = hop.steps.split_off(begun);
        let mut steps = std::mem::take(&mut hop.steps);
        steps.push(vain(&why, tried));
        self.begin_again(hop, steps);
        None
    }

    async fn try_early(&mut self, url: &Url, protocol: Protocol, (hop, index): (&mut Hop, usize)) -> Result<(), Error> {
        let (session, clock) = (self.session, self.clock);
        let Some(stream) = session.reach(url, hop, clock).await? else { return Ok(()) };
        let (wire, passed) = Wire::new(stream);
        let is_first = self.is_first(url);
        let options = &self.options_for(url).into_owned();
        let cookie = self.jar.header(url);
        let (stream, binder) = late();
        let mut channel = Channel::new(stream, protocol, options, clock);
        let hold = channel.hold();
        let mut exchanging: Exchanging<'_> = Box::pin(channel.exchange(url, cookie.as_deref(), options));
        let written = write(&mut exchanging, &binder, clock).await;
        if let Some((exchange, result)) = written.ended {
            drop(exchanging);
            hop.steps.extend(exchange.steps(result.as_ref().err()));
            hop.exchange = Some(exchange);
            return result;
        }
        let limit_ms = session.probe.tls_timeout_ms;
        let tls = session.tls_for(is_first);
        let (handshake, stream) = tls.handshake_early(host(url), wire, &written.bytes, limit_ms, clock).await;
        let (agreed, agreed_ns) = (self::protocol(handshake.alpn.as_deref()), handshake.span.end_ns());
        let is_accepted = matches!(handshake.early_data, Some(EarlyData::Accepted { .. }));
        let stream = note(hop, handshake, stream, &passed)?;
        let (stream, ending) = Watched::new(stream);
        let open = |channel| Open {
            origin: url.origin(),
            channel,
            ending: ending.clone(),
            passed: Arc::clone(&passed),
            counted: (0, 0),
            hop: index,
        };
        if agreed != protocol {
            // What was written is in the wrong language.
            drop(exchanging);
            let step = in_vain(self.http.method(), url, written.span, (protocol, agreed), is_accepted);
            hop.steps.push(step);
            hop.steps.sort_by_key(|step| step.span.start_ns);
            let mut open = open(Channel::new(stream, agreed, options, clock));
            let result = self.exchange(url, &mut open, hop).await;
            self.open = Some(open);
            return result;
        }
        hold.release();
        binder.bind(stream, is_accepted);
        let (mut exchange, result) = exchanging.await;
        exchange.waits_from(agreed_ns);
        let mut open = open(channel);
        let mut result = self.settle(url, &mut open, hop, exchange, result);
        hop.steps.sort_by_key(|step| step.span.start_ns);
        if is_accepted {
            result = self.again_if_too_early(url, &mut open, hop, result).await;
        }
        self.open = Some(open);
        result
    }

    /// The request once more, if the server wants it now that the handshake is done.
    async fn again_if_too_early(
        &mut self,
        url: &Url,
        open: &mut Open,
        hop: &mut Hop,
        result: Result<(), Error>,
    ) -> Result<(), Error> {
        let is_too_early = hop.exchange.as_ref().is_some_and(|exchange| exchange.status == Some(TOO_EARLY));
        if !is_too_early || !open.channel.is_ready() {
            return result;
        }
        let before = hop.steps.iter().position(|step| step.phase == Phase::Wait).unwrap_or(hop.steps.len());
        let tried: Vec<Step> = hop.steps.drain(before..).collect();
        hop.steps.push(vain("425 Too Early: the server wants it again, now that the handshake is done", tried));
        self.exchange(url, open, hop).await
    }
}

/// What was agreed inside TLS.
fn protocol(alpn: Option<&str>) -> Protocol {
    if alpn == Some("h2") { Protocol::Http2 } else { Protocol::Http1 }
}

/// Has an exchange write what it can before anybody answers.
async fn write(exchanging: &mut Exchanging<'_>, binder: &Binder<Stream>, clock: &Clock) -> Written {
    let begun_ns = clock.now_ns();
    let mut bytes = Vec::new();
    let ended = loop {
        if let std::task::Poll::Ready(ended) = poll!(exchanging.as_mut()) {
            break Some(ended);
        }
        let written = binder.written();
        if written.len() == bytes.len() {
            break None;
        }
        bytes = written;
    };
    let duration_ns = clock.now_ns().saturating_sub(begun_ns);
    Written { bytes, ended, span: Span::new(begun_ns, duration_ns, duration_ns) }
}

/// Has the handshake in the report, and the connection's end, if it failed.
fn note<S>(hop: &mut Hop, handshake: Handshake, stream: Result<S, Error>, passed: &Passed) -> Result<S, Error> {
    hop.steps.push(handshake.step(stream.as_ref().err().cloned()));
    hop.handshake = Some(handshake);
    stream.inspect_err(|_| {
        hop.count(passed.bytes());
        note_end(hop, passed);
    })
}

/// A request that was written in another protocol than the server then agreed on. It should take none of its early data then (RFC 8446,
/// section 4.2.10).
fn in_vain(method: &str, url: &Url, span: Span, (wrote, agreed): (Protocol, Protocol), is_accepted: bool) -> Step {
    let however = if is_accepted { ", though it took what was sent" } else { "" };
    let (wrote, agreed) = (wrote.name(), agreed.name());
    let why = format!("written early in {wrote}, and the server agreed on {agreed}{however}: written again");
    let label = format!("{method} {}", http::path_and_query(url));
    vain(&why, vec![Step::new(Phase::Send, label, span, None)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_takes_what_it_does_not_speak_is_told_of() {
        let url = Url::parse("https://a.test/x?y").expect("a URL");
        let step =
            |is_accepted| in_vain("GET", &url, Span::new(7, 2, 2), (Protocol::Http2, Protocol::Http1), is_accepted);
        let why = "written early in HTTP/2, and the server agreed on HTTP/1.1";
        assert_eq!(step(false).label, format!("{why}: written again"));
        assert_eq!(step(true).label, format!("{why}, though it took what was sent: written again"));
        assert_eq!((step(true).phase, step(true).span.start_ns), (Phase::Retry, 7));
        assert_eq!(step(true).children[0].label, "GET /x?y");
    }
}
