//! One query to one server, and back: the only file here that touches the network.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hickory_proto::op::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{Instant, timeout_at};

use super::Failure;
use super::message::{NotAResponse, Prepared};
use super::text::escape;
use super::trace::{Discarded, Transport};

/// The largest datagram that is read: more than was asked for, since some servers do not listen.
const DATAGRAM_MAX: usize = 4096;

/// The most wrong datagrams that are looked at before a server counts as silent.
const DISCARDED_MAX: usize = 1000;

/// What came of a query.
pub(crate) struct Exchange {
    pub(crate) bytes_received: usize,
    pub(crate) discarded: Discarded,
    pub(crate) response: Result<Message, Failure>,
}

/// Sends a query and waits for the response to it.
pub(crate) async fn exchange(
    query: &Prepared,
    server: SocketAddr,
    transport: Transport,
    timeout: Duration,
) -> Exchange {
    let mut waiting = Waiting { discarded: Discarded::default(), bytes_received: 0 };
    let started = Instant::now();
    let response = match transport {
        Transport::Udp => timeout_at(started + timeout, waiting.datagram(query, server)).await,
        Transport::Tcp => timeout_at(started + timeout, waiting.connection(query, server)).await,
    };
    let after_ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
    let Waiting { discarded, bytes_received } = waiting;
    let response = match response {
        Ok(Ok(message)) => Ok(message),
        Ok(Err(Trouble::Failure(failure))) => Err(failure),
        Ok(Err(Trouble::Io(error))) => Err(Failure::Unreachable { reason: error.to_string() }),
        Err(_) => Err(Failure::Silent { after_ms, discarded }),
    };
    Exchange { bytes_received, discarded, response }
}

struct Waiting {
    discarded: Discarded,
    bytes_received: usize,
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

impl Waiting {
    /// From a port that the operating system draws, of which one more thing must be guessed. Not connected: the kernel
    /// would drop what comes from elsewhere, and it could not be counted.
    async fn datagram(&mut self, query: &Prepared, server: SocketAddr) -> Result<Message, Trouble> {
        let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let socket = UdpSocket::bind(SocketAddr::new(any, 0)).await?;
        socket.send_to(query.bytes(), server).await?;
        let mut buffer = vec![0; DATAGRAM_MAX];
        loop {
            let (length, source) = socket.recv_from(&mut buffer).await?;
            let datagram = buffer.get(..length).unwrap_or_default();
            if (source.ip(), source.port()) != (server.ip(), server.port()) {
                self.discarded.wrong_source += 1;
            } else if let Some(message) = self.accept(query, datagram)? {
                return Ok(message);
            }
            if self.discarded.total() >= DISCARDED_MAX {
                let reason = format!("{DISCARDED_MAX} wrong responses");
                return Err(Trouble::Failure(Failure::Malformed { reason }));
            }
        }
    }

    /// Two bytes of length, then the message, both ways (RFC 7766, section 8).
    async fn connection(&mut self, query: &Prepared, server: SocketAddr) -> Result<Message, Trouble> {
        let mut stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        let length = u16::try_from(query.bytes().len()).map_err(io::Error::other)?;
        stream.write_all(&[&length.to_be_bytes(), query.bytes()].concat()).await?;
        let length = usize::from(stream.read_u16().await?);
        let mut bytes = Vec::new();
        let limit = u64::try_from(length).map_err(io::Error::other)?;
        stream.take(limit).read_to_end(&mut bytes).await?;
        if bytes.len() < length {
            let reason = format!("the connection ended after {} of {length} bytes", bytes.len());
            return Err(Trouble::Failure(Failure::Malformed { reason }));
        }
        self.accept(query, &bytes)?.ok_or_else(|| {
            Trouble::Failure(Failure::Malformed { reason: "the response is for another query".to_owned() })
        })
    }

    /// The response in these bytes; none if they are to be dropped.
    fn accept(&mut self, query: &Prepared, bytes: &[u8]) -> Result<Option<Message>, Trouble> {
        match query.accept(bytes) {
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
