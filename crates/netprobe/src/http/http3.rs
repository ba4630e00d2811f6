//! One request over HTTP/3 (RFC 9114): a stream of a QUIC connection for each, so that a lost packet holds up nobody else's answer.

use std::future::poll_fn;
use std::time::Duration;

use hyper::body::{Buf, Bytes};
use url::Url;

use super::redaction::{self, RawHeaders};
use super::{Exchange, HttpError, HttpOptions, Protocol, headers};
use crate::{Clock, Error, Phase, Span};

type Requests = h3::client::SendRequest<h3_quinn::OpenStreams, Bytes>;
type Stream = h3::client::RequestStream<h3_quinn::BidiStream<Bytes>, Bytes>;

/// Requests `url` over a QUIC connection, and takes the answer as far as the limits allow.
///
/// # Errors
/// [`HttpError`], or [`Error::Timeout`]. What came until then is returned either way.
pub(crate) async fn exchange(
    connection: quinn::Connection,
    url: &Url,
    options: &HttpOptions,
    clock: &Clock,
) -> (Exchange, Result<(), Error>) {
    let mut exchange = Exchange::begin(Protocol::Http3, url, options);
    let head = match headers::request(url, None, Protocol::Http3, None, options) {
        Ok(head) => head,
        Err(error) => return (exchange, Err(error.into())),
    };
    exchange.request_headers = redaction::report(head.headers(), options.reveal_secrets);
    let mut run = Run { exchange: &mut exchange, options, clock };
    let result = run.whole(&connection, head).await;
    exchange.received_bytes = connection.stats().udp_rx.bytes;
    (exchange, result)
}

struct Run<'a> {
    exchange: &'a mut Exchange,
    options: &'a HttpOptions,
    clock: &'a Clock,
}

impl Run<'_> {
    async fn whole(&mut self, connection: &quinn::Connection, head: http::Request<()>) -> Result<(), Error> {
        let mut builder = h3::client::builder();
        builder.max_field_section_size(self.options.limits.head_bytes_max as u64);
        let built = builder.build::<_, _, Bytes>(h3_quinn::Connection::new(connection.clone())).await;
        let (mut driver, mut requests) = built.map_err(|error| closed(&error))?;
        // The connection's own work goes on beside the request.
        tokio::select! {
            result = self.request(&mut requests, head) => result,
            error = poll_fn(|cx| driver.poll_close(cx)) => Err(closed(&error).into()),
        }
    }

    async fn request(&mut self, requests: &mut Requests, head: http::Request<()>) -> Result<(), Error> {
        let limit_ms = self.options.wait_timeout_ms;
        let sending = async {
            let mut stream = requests.send_request(head).await?;
            stream.finish().await?;
            Ok::<_, h3::error::StreamError>(stream)
        };
        let (sent, span) = self.clock.measure(limited(limit_ms, sending)).await;
        self.exchange.send = Some(span);
        let mut stream =
            sent.ok_or(Error::Timeout { phase: Phase::Send, limit_ms })?.map_err(|error| broken(&error))?;
        let (answer, span) = self.clock.measure(limited(limit_ms, stream.recv_response())).await;
        self.exchange.wait = Some(span);
        let answer = answer.ok_or(Error::Timeout { phase: Phase::Wait, limit_ms })?.map_err(|error| broken(&error))?;
        self.exchange.first_byte_ns = Some(span.end_ns());
        self.exchange.note_head(&answer, true, self.options.reveal_secrets);
        self.exchange.raw_headers = RawHeaders(answer.into_parts().0.headers);
        let (taken, span) = self.body(&mut stream).await;
        self.exchange.transfer = Some(span);
        taken?;
        self.exchange.decode(self.options, self.clock).await
    }

    async fn body(&mut self, stream: &mut Stream) -> (Result<(), Error>, Span) {
        let (limit_ms, bytes_max) = (self.options.transfer_timeout_ms, self.options.limits.body_bytes_max);
        let exchange = &mut *self.exchange;
        let taking = async {
            while let Some(mut data) = stream.recv_data().await.map_err(|error| broken(&error))? {
                exchange.body_bytes += data.remaining() as u64;
                if exchange.body_bytes > bytes_max as u64 {
                    return Err(HttpError::BodyTooLarge { bytes_max });
                }
                let data = data.copy_to_bytes(data.remaining());
                exchange.body.extend_from_slice(&data);
            }
            Ok(())
        };
        let (taken, span) = self.clock.measure(limited(limit_ms, taking)).await;
        let timeout = Error::Timeout { phase: Phase::Transfer, limit_ms };
        (taken.map_or(Err(timeout), |taken| taken.map_err(Error::from)), span)
    }
}

/// What comes of it in the given time; `None` if nothing does.
async fn limited<F: Future>(limit_ms: u64, future: F) -> Option<F::Output> {
    tokio::time::timeout(Duration::from_millis(limit_ms), future).await.ok()
}

fn closed(error: &h3::error::ConnectionError) -> HttpError {
    HttpError::Stream { reason: error.to_string() }
}

fn broken(error: &h3::error::StreamError) -> HttpError {
    HttpError::Stream { reason: error.to_string() }
}
