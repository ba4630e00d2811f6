//! One hop: a request over a fresh connection, or over the one that is open.

use std::borrow::Cow;
use std::sync::Arc;

use url::Url;

use super::retry::{is_cut, note_end, vain};
use super::run::Run;
use crate::http::{Channel, Exchange, HttpOptions};
use crate::proxy::ProxyError;
use crate::report::Hop;
use crate::tcp::{Passed, Wire};
use crate::tls::{Ending, explain_ending};
use crate::url::host;
use crate::{Error, Phase, Span, Step};

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

impl Run<'_> {
    /// One request, from its name to its last byte, or over the connection of the last. What succeeds is in the hop before the next
    /// step begins.
    pub(super) async fn hop(&mut self, url: &Url, hops: &mut [Hop]) -> Result<(), Error> {
        if let Some(result) = self.hop_again(url, hops).await {
            return result;
        }
        self.close(hops);
        let index = hops.len().saturating_sub(1);
        let Some(hop) = hops.last_mut() else { return Ok(()) };
        hop.url = self.shown(url);
        hop.asked_from = self.embedder.map(|embedder| embedder.space);
        if let Some(protocol) = self.early_protocol(url)
            && let Some(result) = self.hop_early(url, protocol, (hop, index)).await
        {
            return result;
        }
        let Some(stream) = self.session.reach(url, hop, self.clock).await? else { return Ok(()) };
        let (wire, passed) = Wire::new(stream);
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
        let (exchange, result) = self.request(url, &mut open, hop).await;
        // Whatever it said at its end, in an alert or without a word: it had not yet heard of this request.
        let has_hung_up =
            result.as_ref().is_err_and(is_cut) && exchange.received_bytes == 0 && self.http.is_idempotent();
        let result = self.settle(url, &mut open, hop, exchange, result);
        self.open = Some(open);
        if has_hung_up {
            // A fresh connection may carry it (RFC 9110, section 9.2.2; RFC 9112, section 9.3.1).
            let vain = vain("the server hung up on the connection that was open", std::mem::take(&mut hop.steps));
            self.begin_again(hop, vec![vain]);
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

    /// What a request to the URL is made with: not everybody gets all headers.
    pub(super) fn options_for(&mut self, url: &Url) -> Cow<'_, HttpOptions> {
        let (is_first, is_embedded) = (self.is_first(url), self.embedder.is_some());
        match self.http.as_ref() {
            given if is_first => Cow::Borrowed(given),
            given if is_embedded => Cow::Owned(given.for_strangers()),
            given => Cow::Owned(given.for_another_origin()),
        }
    }

    /// A hop that keeps these steps, and bytes that passed in vain.
    pub(super) fn begin_again(&self, hop: &mut Hop, steps: Vec<Step>) {
        let Hop { asked_from, sent_bytes, received_bytes, .. } = *hop;
        let url = std::mem::take(&mut hop.url);
        *hop = Hop { steps, asked_from, sent_bytes, received_bytes, ..Hop::new(url) };
    }

    pub(super) async fn exchange(&mut self, url: &Url, open: &mut Open, hop: &mut Hop) -> Result<(), Error> {
        let (exchange, result) = self.request(url, open, hop).await;
        self.settle(url, open, hop, exchange, result)
    }

    async fn request(&mut self, url: &Url, open: &mut Open, hop: &mut Hop) -> (Exchange, Result<(), Error>) {
        let options = self.options_for(url).into_owned();
        let cookie = self.jar.header(url);
        hop.forwarded_by = self.session.forwarder(url).map(ToString::to_string);
        open.channel.exchange(url, cookie.as_deref(), &options).await
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
}
