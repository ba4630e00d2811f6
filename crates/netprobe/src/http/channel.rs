//! A connection that carries requests, one after the other: once it is there, the next costs one round trip (RFC 9112, section 9.3).

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::FutureExt;
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::rt::Executor;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::driver::{Driver, Inbox};
use super::tap::{Moments, Tap};
use super::{HttpOptions, Limits, Protocol};
use crate::Clock;

/// Less than this hyper does not take for a limit.
const HEAD_BYTES_MIN: usize = 8192;

/// An open connection, with hyper's work on it.
pub struct Channel {
    pub(super) protocol: Protocol,
    pub(super) driver: Driver,
    pub(super) line: Line,
    pub(super) moments: Arc<Moments>,
    pub(super) clock: Clock,
}

pub(super) type Request = http::Request<Empty<Bytes>>;

type Opening = Pin<Box<dyn Future<Output = hyper::Result<Sender>> + Send>>;

/// Where requests are handed over. What opens it belongs to the first request's time.
pub(super) enum Line {
    Unopened(Opening),
    Open(Sender),
    Broken,
}

/// hyper's end of a connection.
pub(super) enum Sender {
    Http1(http1::SendRequest<Empty<Bytes>>),
    Http2(http2::SendRequest<Empty<Bytes>>),
}

impl Channel {
    /// Nothing is sent before the first request. The limits hold for every answer.
    pub fn new<S>(stream: S, protocol: Protocol, options: &HttpOptions, clock: &Clock) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let driver = Driver::default();
        let (tap, moments) = Tap::new(stream, *clock);
        let opening = open(tap, protocol, options.limits, driver.inbox());
        Self { protocol, driver, line: Line::Unopened(Box::pin(opening)), moments, clock: *clock }
    }

    /// Whether another request may go over it: the last answer is complete, and the server has not hung up, as far as is known.
    pub fn is_ready(&mut self) -> bool {
        let Line::Open(sender) = &mut self.line else { return false };
        self.driver.drive(sender.ready()).now_or_never().is_some_and(|ready| ready.is_ok())
    }
}

async fn open<S>(stream: Tap<S>, protocol: Protocol, limits: Limits, inbox: Inbox) -> hyper::Result<Sender>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let io = TokioIo::new(stream);
    match protocol {
        Protocol::Http1 => {
            let mut builder = http1::Builder::new();
            builder.max_buf_size(limits.head_bytes_max.max(HEAD_BYTES_MIN)).max_headers(limits.headers_max);
            let (sender, connection) = builder.handshake(io).await?;
            inbox.execute(connection);
            Ok(Sender::Http1(sender))
        }
        Protocol::Http2 => {
            let mut builder = http2::Builder::new(inbox.clone());
            builder.max_header_list_size(u32::try_from(limits.head_bytes_max).unwrap_or(u32::MAX));
            let (sender, connection) = builder.handshake(io).await?;
            inbox.execute(connection);
            Ok(Sender::Http2(sender))
        }
    }
}

impl Line {
    /// Opens the line if need be, and hands a request over.
    pub(super) async fn send(
        &mut self,
        request: Request,
        moments: &Moments,
        clock: &Clock,
    ) -> hyper::Result<http::Response<Incoming>> {
        if let Self::Unopened(opening) = self {
            let opened = opening.await;
            *self = Self::Broken;
            *self = Self::Open(opened?);
        }
        moments.submit(clock.now_ns());
        match self {
            Self::Open(Sender::Http1(sender)) => sender.send_request(request).await,
            Self::Open(Sender::Http2(sender)) => sender.send_request(request).await,
            // Not reached: a line that did not open said so.
            Self::Unopened(_) | Self::Broken => std::future::pending().await,
        }
    }
}

impl Sender {
    async fn ready(&mut self) -> hyper::Result<()> {
        match self {
            Self::Http1(sender) => sender.ready().await,
            Self::Http2(sender) => sender.ready().await,
        }
    }
}
