//! Servers that take a request with the ClientHello (0-RTT) and answer before the handshake is done, and those that handle it badly.
//! tokio-rustls finishes the handshake before anything else, so that these hold the connection themselves.

use std::convert::Infallible;
use std::io::{self, Read, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use http::{HeaderName, Response, StatusCode};
use http_body_util::Full;
use hyper::service::service_fn;
use rustls::server::{ServerSessionMemoryCache, StoresServerSessions};
use rustls::{ServerConfig, ServerConnection};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::StartHandshake;

use super::pages::{self, Pages};
use crate::Fault;

/// How much a client may send with its ClientHello.
const EARLY_BYTES_MAX: u32 = 16 * 1024;

/// How often early requests have arrived: a header of their answers.
const ARRIVALS: HeaderName = HeaderName::from_static("x-early-arrivals");

/// A host that gives tickets for early data.
#[derive(Debug)]
pub(super) struct Early {
    /// For its first connection.
    first: Arc<ServerConfig>,
    /// For all others, with the same tickets.
    later: Arc<ServerConfig>,
    fault: Option<Fault>,
    connections: AtomicUsize,
    arrivals: AtomicUsize,
}

impl Early {
    pub(super) fn new(config: &ServerConfig, fault: Option<Fault>) -> Self {
        let mut refuses = config.clone();
        if fault == Some(Fault::EarlyDataReplayed) {
            refuses.session_storage = Arc::new(NeverForgets(ServerSessionMemoryCache::new(256)));
        } else {
            refuses.session_storage = ServerSessionMemoryCache::new(256);
        }
        let mut takes = refuses.clone();
        takes.max_early_data_size = EARLY_BYTES_MAX;
        takes.send_half_rtt_data = true;
        let takes = Arc::new(takes);
        let is_refused = fault == Some(Fault::EarlyDataRejected);
        let later = if is_refused { Arc::new(refuses) } else { Arc::clone(&takes) };
        let (connections, arrivals) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self { first: takes, later, fault, connections, arrivals }
    }

    /// One that speaks HTTP/1.1 alone from the second connection on.
    pub(super) fn changing(config: &ServerConfig) -> Self {
        let early = Self::new(config, None);
        let mut later = ServerConfig::clone(&early.later);
        later.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self { later: Arc::new(later), ..early }
    }

    pub(super) async fn connection(
        self: Arc<Self>,
        start: StartHandshake<TcpStream>,
        pages: Arc<Pages>,
    ) -> io::Result<()> {
        let is_later = self.connections.fetch_add(1, Ordering::Relaxed) > 0;
        let config = if is_later { &self.later } else { &self.first };
        let tls = start.accepted.into_connection(Arc::clone(config)).map_err(|(error, _)| io::Error::other(error))?;
        let mut stream = EarlyStream { tls, socket: start.io };
        let is_early = stream.tls.early_data().is_some();
        let is_h2 = stream.tls.alpn_protocol() == Some(b"h2");
        let requests = AtomicUsize::new(0);
        let service = service_fn(move |request| {
            let is_first = requests.fetch_add(1, Ordering::Relaxed) == 0;
            let (early, pages) = (Arc::clone(&self), Arc::clone(&pages));
            let arrivals = is_early.then(|| early.arrivals.fetch_add(1, Ordering::Relaxed) + 1);
            async move {
                if early.fault == Some(Fault::TooEarly) && is_early && is_first {
                    let mut refusal = Response::new(Full::default());
                    *refusal.status_mut() = StatusCode::TOO_EARLY;
                    return Ok(refusal);
                }
                let mut answer = pages.respond(request, true).await;
                answer.headers_mut().extend(arrivals.map(|count| (ARRIVALS, count.into())));
                Ok::<_, Infallible>(answer)
            }
        });
        pages::serve(stream, is_h2, service).await
    }
}

/// Tickets that are good again and again: what lets a replay in (RFC 8446, section 8).
#[derive(Debug)]
struct NeverForgets(Arc<ServerSessionMemoryCache>);

impl StoresServerSessions for NeverForgets {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        self.0.put(key, value)
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.0.get(key)
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.0.get(key)
    }

    fn can_cache(&self) -> bool {
        self.0.can_cache()
    }
}

/// Bytes inside TLS, the early ones first.
struct EarlyStream {
    tls: ServerConnection,
    socket: TcpStream,
}

impl EarlyStream {
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.tls.wants_write() {
            ready!(self.socket.poll_write_ready(cx))?;
            match self.tls.write_tls(&mut Socket(&self.socket)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => drop(other?),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// What is there inside TLS, if anything is.
    fn take(&mut self, bytes: &mut [u8]) -> io::Result<Option<usize>> {
        if let Some(mut early) = self.tls.early_data() {
            let taken = early.read(bytes)?;
            if taken > 0 {
                return Ok(Some(taken));
            }
        }
        match self.tls.reader().read(bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            other => other.map(Some),
        }
    }
}

impl AsyncRead for EarlyStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            let processed = self.tls.process_new_packets();
            if let Err(error) = processed {
                // The alert that says why.
                let _ = self.poll_send(cx);
                return Poll::Ready(Err(io::Error::other(error)));
            }
            if let Some(taken) = self.take(buffer.initialize_unfilled())? {
                buffer.advance(taken);
                return Poll::Ready(Ok(()));
            }
            let _ = self.poll_send(cx)?;
            ready!(self.socket.poll_read_ready(cx))?;
            let Self { tls, socket } = &mut *self;
            match tls.read_tls(&mut Socket(socket)) {
                Ok(0) => return Poll::Ready(Ok(())),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => drop(other?),
            }
        }
    }
}

impl AsyncWrite for EarlyStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_send(cx))?;
        Poll::Ready(self.tls.writer().write(bytes))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_send(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.tls.send_close_notify();
        ready!(self.poll_send(cx))?;
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

/// A socket for those who ask whether it is ready first.
struct Socket<'a>(&'a TcpStream);

impl Read for Socket<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(bytes)
    }
}

impl Write for Socket<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
