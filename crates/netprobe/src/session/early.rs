//! A request that goes with the ClientHello: 0-RTT (RFC 8446, section 2.3). Whoever listens may send it again, and the server answers
//! twice: only what changes nothing is sent like that, and only when it was asked for.

use std::pin::pin;
use std::sync::Arc;

use futures_util::poll;
use url::Url;

use super::run::{Open, Run, note_end, vain};
use crate::http::{Channel, Protocol, late};
use crate::report::Hop;
use crate::tcp::{Passed, Wire};
use crate::tls::{EarlyData, Ech, Watched};
use crate::url::host;
use crate::{Error, Phase, Step};

/// What a server says that wants to be sure that it hears of a request once (RFC 8470).
const TOO_EARLY: u16 = 425;

impl Run<'_> {
    /// What the request would be written in, if it may go with the ClientHello, and the server would take it.
    pub(super) fn early_protocol(&mut self, url: &Url) -> Option<Protocol> {
        let is_first = self.is_first(url);
        let probe = &self.session.probe;
        let is_safe = matches!(self.http.method(), "GET" | "HEAD") && self.http.body.is_none();
        let may = probe.early_data && probe.ech == Ech::Off && is_safe && url.scheme() == "https";
        let alpn = self.session.tls_for(is_first).early_alpn(host(url)).filter(|_| may)?;
        Some(if alpn == "h2" { Protocol::Http2 } else { Protocol::Http1 })
    }

    /// The request is written first, and leaves with the handshake's first message.
    pub(super) async fn hop_early(
        &mut self,
        url: &Url,
        (wire, passed): (Wire, Arc<Passed>),
        protocol: Protocol,
        hop: (&mut Hop, usize),
    ) -> Result<(), Error> {
        let (hop, index) = hop;
        let session = self.session;
        let is_first = self.is_first(url);
        let tls = session.tls_for(is_first);
        let given = self.http.as_ref();
        let options = if is_first { given } else { &given.for_another_origin() };
        let cookie = self.jar.header(url);
        let (stream, binder) = late();
        let mut channel = Channel::new(stream, protocol, options, self.clock);
        let mut exchanging = Box::pin(channel.exchange(url, cookie.as_deref(), options));
        let mut early = Vec::new();
        let ready = loop {
            if let std::task::Poll::Ready(ended) = poll!(exchanging.as_mut()) {
                break Some(ended);
            }
            let written = binder.written();
            if written.len() == early.len() {
                break None;
            }
            early = written;
        };
        if let Some((exchange, result)) = ready {
            // It cannot be sent at all.
            drop(exchanging);
            hop.steps.extend(exchange.steps(result.as_ref().err()));
            hop.exchange = Some(exchange);
            return result;
        }
        let limit_ms = session.probe.tls_timeout_ms;
        let shaking = pin!(tls.handshake_early(host(url), wire, &early, limit_ms, self.clock));
        let (handshake, stream) = shaking.await;
        hop.steps.push(handshake.step(stream.as_ref().err().cloned()));
        let agreed = if handshake.alpn.as_deref() == Some("h2") { Protocol::Http2 } else { Protocol::Http1 };
        let is_accepted = matches!(handshake.early_data, Some(EarlyData::Accepted { .. }));
        let agreed_ns = handshake.span.end_ns();
        hop.handshake = Some(handshake);
        let stream = stream.inspect_err(|_| {
            hop.count(passed.bytes());
            note_end(hop, &passed);
        })?;
        let (stream, ending) = Watched::new(stream);
        if agreed != protocol {
            // What was written is in the wrong language, and has not been heard.
            drop(exchanging);
            let channel = Channel::new(stream, agreed, options, self.clock);
            let mut open = Open { origin: url.origin(), channel, ending, passed, counted: (0, 0), hop: index };
            let result = self.exchange(url, &mut open, hop).await;
            self.open = Some(open);
            return result;
        }
        binder.bind(stream, is_accepted);
        let (mut exchange, result) = exchanging.await;
        exchange.waits_from(agreed_ns);
        let mut open = Open { origin: url.origin(), channel, ending, passed, counted: (0, 0), hop: index };
        let mut result = self.settle(url, &mut open, hop, exchange, result);
        hop.steps.sort_by_key(|step| step.span.start_ns);
        let is_too_early = hop.exchange.as_ref().is_some_and(|exchange| exchange.status == Some(TOO_EARLY));
        if is_too_early && is_accepted && open.channel.is_ready() {
            let before = hop.steps.iter().position(|step| step.phase == Phase::Wait).unwrap_or(hop.steps.len());
            let tried: Vec<Step> = hop.steps.drain(before..).collect();
            hop.steps.push(vain("425 Too Early: the server wants it again, now that the handshake is done", tried));
            result = self.exchange(url, &mut open, hop).await;
        }
        self.open = Some(open);
        result
    }
}
