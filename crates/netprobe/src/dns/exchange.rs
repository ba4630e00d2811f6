//! One query to one server, and back: the only file here that touches the network.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use hickory_proto::op::Message;
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{Instant, timeout};

use super::Failure;
use super::message::{NotAResponse, Prepared};
use super::stream::{self, Queries};
use super::text::escape;
use super::trace::{Discarded, Transport};
use crate::{Clock, Span};

/// The largest datagram that is read: more than was asked for, since some servers do not listen.
const DATAGRAM_MAX: usize = 4096;

/// The most wrong datagrams that are looked at before a server counts as silent.
const DISCARDED_MAX: usize = 1000;

/// How long a server is waited for, and how often it is asked meanwhile.
///
/// A datagram may be lost, and nobody says so. What comes too late may come all the same: every try has the ID and the port of the
/// first, so whichever arrives first answers all of them, and there is no more to guess for a forger.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    timeout: Duration,
    resend_after: Duration,
    tries_max: usize,
}

impl Patience {
    /// However short the time is, there is room in it for three tries.
    pub(crate) fn new(timeout: Duration, resend_after: Duration, tries_max: usize) -> Self {
        Self { timeout, resend_after: resend_after.min(timeout / 4), tries_max }
    }
}

/// What came of a query.
pub(crate) struct Exchange {
    pub(crate) bytes_received: usize,
    pub(crate) discarded: Discarded,
    /// When it was sent, each time.
    pub(crate) sent_ns: Vec<u64>,
    pub(crate) response: Result<Message, Failure>,
}

/// Sends a query and waits for the response to it.
pub(crate) async fn exchange(
    query: &Prepared,
    server: SocketAddr,
    transport: Transport,
    patience: Patience,
    clock: &Clock,
) -> Exchange {
    let mut waiting =
        Waiting { query, server, clock, discarded: Discarded::default(), bytes_received: 0, sent_ns: Vec::new() };
    let response = match transport {
        Transport::Udp => timeout(patience.timeout, waiting.datagrams(patience)).await,
        // Who asks through TLS brings the connection along: see `stream`.
        Transport::Tcp | Transport::Tls | Transport::Https => timeout(patience.timeout, waiting.connection()).await,
    };
    let Waiting { discarded, bytes_received, sent_ns, .. } = waiting;
    let after_ms = u64::try_from(patience.timeout.as_millis()).unwrap_or(u64::MAX);
    let response = match response {
        Ok(Ok(message)) => Ok(message),
        Ok(Err(Trouble::Failure(failure))) => Err(failure),
        Ok(Err(Trouble::Io(error))) => Err(Failure::Unreachable { reason: error.to_string() }),
        Err(_) => Err(Failure::Silent { after_ms, tries: sent_ns.len(), discarded }),
    };
    Exchange { bytes_received, discarded, sent_ns, response }
}

/// Awaits both, but `extra` no longer than `grace` after what is needed; none if it took longer.
pub(crate) async fn with_grace<N, E>(
    needed: impl Future<Output = N>,
    extra: impl Future<Output = E>,
    grace: Duration,
) -> (N, Option<E>) {
    match select(pin!(needed), pin!(extra)).await {
        Either::Left((needed, extra)) => (needed, timeout(grace, extra).await.ok()),
        Either::Right((extra, needed)) => (needed.await, Some(extra)),
    }
}

/// A query that nobody waited for any longer.
pub(crate) fn unanswered(began_ns: u64, now_ns: u64) -> (Exchange, Span) {
    let duration_ns = now_ns.saturating_sub(began_ns);
    let discarded = Discarded::default();
    let response = Err(Failure::Silent { after_ms: duration_ns / 1_000_000, tries: 1, discarded });
    let exchange = Exchange { bytes_received: 0, discarded, sent_ns: vec![began_ns], response };
    (exchange, Span::new(began_ns, duration_ns, 0))
}

struct Waiting<'a> {
    query: &'a Prepared,
    server: SocketAddr,
    clock: &'a Clock,
    discarded: Discarded,
    bytes_received: usize,
    sent_ns: Vec<u64>,
}

enum Trouble {
    Io(io::Error),
    Failure(Failure),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Waiting<'_> {
    /// From a port that the operating system draws, of which one more thing must be guessed. Not connected: the kernel
    /// would drop what comes from elsewhere, and it could not be counted.
    async fn datagrams(&mut self, patience: Patience) -> Result<Message, Trouble> {
        let any: IpAddr =
            if self.server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let socket = UdpSocket::bind(SocketAddr::new(any, 0)).await?;
        let (began, mut wait) = (Instant::now(), patience.resend_after);
        for _ in 1..patience.tries_max {
            self.send(&socket).await?;
            if let Ok(response) = timeout(wait, self.receive(&socket)).await {
                return response;
            }
            if self.discarded.wrong_question > 0 {
                // It is there, and will answer the same again.
                let after_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
                let (tries, discarded) = (self.sent_ns.len(), self.discarded);
                return Err(Trouble::Failure(Failure::Silent { after_ms, tries, discarded }));
            }
            wait = wait.saturating_mul(2);
        }
        self.send(&socket).await?;
        self.receive(&socket).await
    }

    async fn send(&mut self, socket: &UdpSocket) -> io::Result<()> {
        self.sent_ns.push(self.clock.now_ns());
        socket.send_to(self.query.bytes(), self.server).await.map(drop)
    }

    async fn receive(&mut self, socket: &UdpSocket) -> Result<Message, Trouble> {
        let mut buffer = vec![0; DATAGRAM_MAX];
        loop {
            let (length, source) = socket.recv_from(&mut buffer).await?;
            let datagram = buffer.get(..length).unwrap_or_default();
            if (source.ip(), source.port()) != (self.server.ip(), self.server.port()) {
                self.discarded.wrong_source += 1;
            } else if let Some(message) = self.accept(datagram)? {
                return Ok(message);
            }
            if self.discarded.total() >= DISCARDED_MAX {
                let reason = format!("{DISCARDED_MAX} wrong responses");
                return Err(Trouble::Failure(Failure::Malformed { reason }));
            }
        }
    }

    async fn connection(&mut self) -> Result<Message, Trouble> {
        self.sent_ns.push(self.clock.now_ns());
        let mut stream = TcpStream::connect(self.server).await?;
        stream.set_nodelay(true)?;
        let mut received = [None];
        let queries = Queries { all: std::slice::from_ref(self.query), needed: 1, grace: Duration::ZERO };
        stream::exchange(&mut stream, queries, &mut received, self.clock).await;
        let [received] = received;
        match received {
            Some(Ok(received)) => {
                self.bytes_received = received.bytes;
                Ok(received.message)
            }
            Some(Err(failure)) => Err(Trouble::Failure(failure)),
            None => Err(Trouble::Failure(Failure::Cut { reason: "no answer was waited for".to_owned() })),
        }
    }

    /// The response in these bytes; none if they are to be dropped.
    fn accept(&mut self, bytes: &[u8]) -> Result<Option<Message>, Trouble> {
        match self.query.accept(bytes) {
            Ok(message) => {
                self.bytes_received = bytes.len();
                return Ok(Some(message));
            }
            Err(NotAResponse::WrongId) => self.discarded.wrong_id += 1,
            Err(NotAResponse::WrongQuestion) => self.discarded.wrong_question += 1,
            Err(NotAResponse::Malformed { reason }) => {
                self.bytes_received = bytes.len();
                return Err(Trouble::Failure(Failure::Malformed { reason: escape(&reason) }));
            }
        }
        Ok(None)
    }
}
