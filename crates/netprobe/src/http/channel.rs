//! A connection that carries requests, one after the other: once it is there, the next costs one round trip (RFC 9112, section 9.3).

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use futures_util::FutureExt;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::rt::Executor;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::answer::AnswerBody;
use super::driver::{Driver, Inbox};
use super::error::Failure;
use super::informational::Interim;
use super::moments::Moments;
use super::patience::Hold;
use super::tap::Tap;
use super::upload::Upload;
use super::{HttpOptions, Limits, Protocol};
use crate::Clock;

/// Less than this hyper does not take for a limit.
const HEAD_BYTES_MIN: usize = 8192;

/// How much of an answer may come over HTTP/2 before we have to say that there is room for more: on one stream, on all.
const STREAM_WINDOW_BYTES: u32 = 2 * 1024 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 5 * 1024 * 1024;

/// An open connection, with the work that it needs in the background. Once it is there, the next request costs one round trip (RFC 9112,
/// section 9.3).
pub struct Channel {
    pub(super) protocol: Protocol,
    pub(super) driver: Driver,
    pub(super) line: Line,
    pub(super) moments: Arc<Moments>,
    pub(super) clock: Clock,
    /// The proxy at the other end, if there is one that passes requests on.
    pub(super) forwarder: Option<Forwarder>,
}

/// A proxy that gets requests with their whole URL as the target (RFC 9112, section 3.2.2).
pub(crate) struct Forwarder {
    /// The value of `proxy-authorization`, if it wants to know who asks.
    pub(crate) authorization: Option<String>,
}

type Opening = Pin<Box<dyn Future<Output = Result<Sender, Failure>> + Send>>;

/// Where requests are handed over. What opens it belongs to the first request's time.
pub(super) enum Line {
    Unopened(Opening),
    Open(Sender),
    Broken,
}

/// Our end of a connection. hyper speaks HTTP/1.1; over HTTP/2 it keeps informational answers to itself, so h2 is used directly.
pub(super) enum Sender {
    Http1(http1::SendRequest<Upload>),
    Http2(h2::client::SendRequest<Bytes>),
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
        Self { protocol, driver, line: Line::Unopened(Box::pin(opening)), moments, clock: *clock, forwarder: None }
    }

    /// The same to a proxy that passes requests on.
    pub(crate) fn forwarded(self, forwarder: Option<Forwarder>) -> Self {
        Self { forwarder, ..self }
    }

    /// Time to wait for an answer does not run until this is released: the stream is there before its connection is.
    pub(crate) fn hold(&self) -> Hold {
        Hold::new(&self.moments)
    }

    /// Whether another request may go over it: the last answer is complete, and the server has not hung up, as far as is known.
    pub fn is_ready(&mut self) -> bool {
        let Line::Open(sender) = &mut self.line else { return false };
        self.driver.drive(sender.ready()).now_or_never().is_some_and(|ready| ready.is_ok())
    }
}

async fn open<S>(stream: Tap<S>, protocol: Protocol, limits: Limits, inbox: Inbox) -> Result<Sender, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    match protocol {
        Protocol::Http1 => {
            let mut builder = http1::Builder::new();
            builder.max_buf_size(limits.head_bytes_max.max(HEAD_BYTES_MIN)).max_headers(limits.headers_max);
            let (sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
            inbox.execute(connection);
            Ok(Sender::Http1(sender))
        }
        Protocol::Http2 => {
            let mut builder = h2::client::Builder::new();
            builder.max_header_list_size(u32::try_from(limits.head_bytes_max).unwrap_or(u32::MAX));
            builder.initial_window_size(STREAM_WINDOW_BYTES).initial_connection_window_size(CONNECTION_WINDOW_BYTES);
            let (sender, connection) = builder.enable_push(false).handshake(stream).await?;
            inbox.execute(connection);
            Ok(Sender::Http2(sender))
        }
        Protocol::Http3 => Err(Failure::NoStream),
    }
}

/// A request and what belongs to it while it is on its way.
pub(super) struct Outgoing {
    pub(super) head: http::Request<()>,
    pub(super) upload: Upload,
    pub(super) interim: Arc<Interim>,
}

impl Line {
    /// Opens the line if need be, and hands a request over.
    pub(super) async fn send(
        &mut self,
        request: Outgoing,
        inbox: &Inbox,
        moments: &Moments,
        clock: &Clock,
    ) -> Result<http::Response<AnswerBody>, Failure> {
        if let Self::Unopened(opening) = self {
            let opened = opening.await;
            *self = Self::Broken;
            *self = Self::Open(opened?);
        }
        let interim = Arc::clone(&request.interim);
        let sending = async {
            match self {
                Self::Open(Sender::Http1(sender)) => {
                    moments.submit(clock.now_ns());
                    http1(sender, request).await
                }
                Self::Open(Sender::Http2(sender)) => {
                    poll_fn(|cx| sender.poll_ready(cx)).await?;
                    moments.submit(clock.now_ns());
                    http2(sender, request, inbox).await
                }
                // Not reached: a line that did not open said so.
                Self::Unopened(_) | Self::Broken => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = interim.too_many.notified() => Err(Failure::TooManyInformational),
            answer = sending => answer,
        }
    }
}

async fn http1(
    sender: &mut http1::SendRequest<Upload>,
    request: Outgoing,
) -> Result<http::Response<AnswerBody>, Failure> {
    let Outgoing { head, upload, interim } = request;
    let mut request = head.map(|()| upload);
    hyper::ext::on_informational(&mut request, move |answer| interim.note(answer.status(), answer.headers()));
    Ok(sender.send_request(request).await?.map(AnswerBody::Http1))
}

async fn http2(
    sender: &mut h2::client::SendRequest<Bytes>,
    request: Outgoing,
    inbox: &Inbox,
) -> Result<http::Response<AnswerBody>, Failure> {
    let Outgoing { head, upload, interim } = request;
    let is_all = hyper::body::Body::is_end_stream(&upload);
    let (mut answer, stream) = sender.send_request(head, is_all)?;
    if !is_all {
        // It may go on while the answer comes.
        inbox.execute(upload.send(stream));
    }
    let answer = poll_fn(|cx| {
        loop {
            match answer.poll_informational(cx) {
                Poll::Ready(Some(informational)) => {
                    let (head, ()) = informational?.into_parts();
                    interim.note(head.status, &head.headers);
                }
                Poll::Ready(None) => return answer.poll_unpin(cx),
                Poll::Pending => return Poll::Pending,
            }
        }
    });
    Ok(answer.await?.map(AnswerBody::Http2))
}

impl Sender {
    async fn ready(&mut self) -> Result<(), Failure> {
        match self {
            Self::Http1(sender) => Ok(sender.ready().await?),
            Self::Http2(sender) => Ok(poll_fn(|cx| sender.poll_ready(cx)).await?),
        }
    }
}
