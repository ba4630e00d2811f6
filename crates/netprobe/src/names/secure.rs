//! A resolver behind TLS: find it, connect, shake hands, ask. Each of these is a step with its time, as on the way to a page.

use std::future::Future;
use std::net::IpAddr;
use std::time::Duration;

use hickory_proto::rr::{Name, RecordType};
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::ask::{Asking, Replies};
use super::doh;
use super::site::Questions;
use super::upstream::Upstream;
use crate::dns::exchange::Exchange;
use crate::dns::message::{Prepared, Shape};
use crate::dns::one::{prepare, written_down};
use crate::dns::stream::{self, Queries, Received};
use crate::dns::{Discarded, DnsError, Failure, Server, Transport, Tried, Walk};
use crate::tcp::{self, ConnectOptions, Connection};
use crate::tls::{Handshake, TlsClient};
use crate::url::{host, port};
use crate::{Clock, Error, Span, Step};

/// How a resolver behind TLS was reached. All questions about one name go over one connection, and the next name gets another,
/// whose handshake is resumed where the resolver gave a ticket.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Secured {
    /// How its own name became an address, if it is known by name only: it cannot be asked for that.
    pub bootstrap: Option<Walk>,
    /// The connection to it.
    pub connection: Option<Connection>,
    /// The handshake on it.
    pub handshake: Option<Handshake>,
    /// Why it could not be asked. The last of the steps above failed, then.
    pub error: Option<Error>,
}

impl Secured {
    /// Its parts as steps; the error is the last one's.
    pub(super) fn steps(&self) -> Vec<Step> {
        let walked = self.bootstrap.as_ref().map(|walk| walk.step(None));
        let connected = self.connection.as_ref().map(|connection| connection.step(None));
        let agreed = self.handshake.as_ref().map(|handshake| handshake.step(None));
        let mut steps: Vec<Step> = [walked, connected, agreed].into_iter().flatten().collect();
        if let Some(last) = steps.last_mut() {
            last.error.clone_from(&self.error);
        }
        steps
    }
}

/// What is left of the time that a resolver has.
struct Deadline<'a> {
    clock: &'a Clock,
    end_ns: u64,
}

impl Deadline<'_> {
    fn left(&self) -> Duration {
        Duration::from_nanos(self.end_ns.saturating_sub(self.clock.now_ns()))
    }

    fn left_ms(&self) -> u64 {
        u64::try_from(self.left().as_millis()).unwrap_or(u64::MAX).max(1)
    }
}

/// Asks a resolver behind TLS. How far it came is returned either way.
pub(super) async fn ask(
    resolver: &Upstream,
    questions: &Questions,
    timeout: Duration,
    asking: &Asking<'_>,
) -> (Secured, Result<Replies, Error>) {
    let mut secured = Secured::default();
    let end_ns = asking.clock.now_ns().saturating_add(u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX));
    let deadline = Deadline { clock: asking.clock, end_ns };
    let opened = open(resolver, asking, &deadline, &mut secured).await;
    let (server, stream) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            secured.error = Some(error.clone());
            return (secured, Err(error));
        }
    };
    let replies = put(resolver, questions, (server, stream), asking.walker.site_grace, &deadline).await;
    (secured, replies.map_err(Error::from))
}

/// The connection, up to the point where questions may go over it.
async fn open(
    resolver: &Upstream,
    asking: &Asking<'_>,
    deadline: &Deadline<'_>,
    secured: &mut Secured,
) -> Result<(Server, TlsStream<TcpStream>), Error> {
    let tls: &TlsClient = match asking.tls {
        Some(Ok(tls)) => tls,
        Some(Err(error)) => return Err(error.clone()),
        None => return Err(DnsError::NoUsableResolver { tried: Vec::new() }.into()),
    };
    let (name, addresses, port) = match resolver {
        Upstream::Plain(address) => (address.ip().to_string(), vec![address.ip()], address.port()),
        Upstream::Tls { address, name } => {
            (name.clone().unwrap_or_else(|| address.ip().to_string()), vec![address.ip()], address.port())
        }
        Upstream::Https { url, address: Some(address) } => (host(url).to_owned(), vec![*address], port(url)),
        Upstream::Https { url, address: None } => {
            (host(url).to_owned(), find(host(url), asking, deadline, secured).await?, port(url))
        }
    };
    let options = ConnectOptions { timeout_ms: deadline.left_ms(), ..ConnectOptions::default() };
    let (connection, stream) = tcp::connect(&name, &addresses, port, &options, asking.clock).await;
    let peer = connection.peer;
    secured.connection = Some(connection);
    let stream = stream?;
    let (handshake, stream) = tls.handshake(&name, stream, deadline.left_ms(), asking.clock).await;
    secured.handshake = Some(handshake);
    let address = peer.ok_or_else(|| tcp::TcpError::NoAddress { host: name.clone() })?;
    let (server, stream) = (Server { name, address }, stream?);
    let agreed = secured.handshake.as_ref().and_then(|handshake| handshake.alpn.clone());
    if matches!(resolver, Upstream::Https { .. }) && agreed.as_deref() != Some("h2") {
        let tried = vec![Tried::new(server, Failure::NotHttp2 { agreed })];
        return Err(DnsError::NoUsableResolver { tried }.into());
    }
    Ok((server, stream))
}

/// The addresses of the resolver's own host, from the authorities.
async fn find(
    host: &str,
    asking: &Asking<'_>,
    deadline: &Deadline<'_>,
    secured: &mut Secured,
) -> Result<Vec<IpAddr>, Error> {
    if let Ok(address) = host.parse() {
        return Ok(vec![address]);
    }
    let walker = asking.walker.within(deadline.left());
    let walk = Box::pin(walker.walk(host, asking.family.record_types(), asking.clock)).await;
    let addresses = walk.addresses();
    secured.bootstrap = Some(walk);
    Ok(addresses?)
}

/// Puts all questions at the same time. They share the connection, and so the work that it takes.
async fn put(
    resolver: &Upstream,
    questions: &Questions,
    (server, mut stream): (Server, TlsStream<TcpStream>),
    grace: Duration,
    deadline: &Deadline<'_>,
) -> Result<Replies, DnsError> {
    let clock = deadline.clock;
    let is_https = matches!(resolver, Upstream::Https { .. });
    let shape = Shape { randomise_case: false, randomise_id: !is_https, padded: true, ..Shape::default() };
    let prepared = prepare_all(questions.all(), shape)?;
    let queries = Queries { all: &prepared, needed: questions.needed(), grace };
    let mut received: Vec<_> = prepared.iter().map(|_| None).collect();
    let limit = deadline.left();
    let span = match resolver {
        Upstream::Https { url, .. } => {
            within(limit, clock, doh::exchange(stream, url, queries, &mut received, clock)).await
        }
        _ => within(limit, clock, stream::exchange(&mut stream, queries, &mut received, clock)).await,
    };
    let transport = if is_https { Transport::Https } else { Transport::Tls };
    let waited = Duration::from_nanos(span.duration_ns).min(limit);
    let after_ms = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
    let silent = || Failure::Silent { after_ms, tries: 1, discarded: Discarded::default() };
    let written = questions.all().iter().zip(&prepared).zip(received).map(|((question, prepared), received)| {
        let (span, exchange) = apart(span, received.unwrap_or_else(|| Err(silent())));
        written_down(&server, question, transport, prepared, span, exchange)
    });
    Ok(written.collect())
}

/// Queries whose IDs are all different: on one connection nothing else tells their answers apart (RFC 7766, section 6.2.1). Over HTTPS
/// something does, and all are 0.
fn prepare_all(questions: &[(Name, RecordType)], shape: Shape) -> Result<Vec<Prepared>, DnsError> {
    let mut all: Vec<Prepared> = Vec::new();
    for question in questions {
        let mut query = prepare(question, shape)?;
        while shape.randomise_id && all.iter().any(|other| other.id() == query.id()) {
            query = prepare(question, shape)?;
        }
        all.push(query);
    }
    Ok(all)
}

async fn within(limit: Duration, clock: &Clock, exchange: impl Future<Output = ()>) -> Span {
    // What came in time is kept, and what did not come has no place.
    clock.measure(tokio::time::timeout(limit, exchange)).await.1
}

/// One query's part of what all of them took.
fn apart(whole: Span, received: Result<Received, Failure>) -> (Span, Exchange) {
    let until_ns = received.as_ref().map_or(whole.end_ns(), |received| received.at_ns);
    let span = Span::new(whole.start_ns, until_ns.saturating_sub(whole.start_ns), whole.cpu_ns);
    let bytes_received = received.as_ref().map_or(0, |received| received.bytes);
    let response = received.map(|received| received.message);
    (span, Exchange { bytes_received, discarded: Discarded::default(), sent_ns: vec![whole.start_ns], response })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_queries_on_a_connection_have_the_same_id() {
        // So many that drawing alone would give some of them twice.
        let question = (Name::from_ascii("a.test.").expect("a name"), RecordType::A);
        let all = prepare_all(&vec![question; 2000], Shape::default()).expect("queries");
        let ids: std::collections::HashSet<u16> = all.iter().map(Prepared::id).collect();
        assert_eq!(ids.len(), 2000);
    }
}
