//! One request and its answer.

use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::body::{Body, Bytes, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::rt::Executor;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use url::Url;

use super::driver::Driver;
use super::error::{Context, explain};
use super::tap::{Moments, Tap};
use super::{AltService, Exchange, Hsts, HttpError, HttpOptions, Protocol, decode, headers};
use crate::{Clock, Error, Phase, Span};

/// Requests `url` over `stream`, and takes the answer as far as the limits allow. Redirects are not followed here.
///
/// # Errors
/// [`HttpError`], or [`Error::Timeout`]. What came until then is returned either way.
pub async fn exchange<S>(
    stream: S,
    url: &Url,
    cookie: Option<&str>,
    protocol: Protocol,
    options: &HttpOptions,
    clock: &Clock,
) -> (Exchange, Result<(), Error>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut exchange = Exchange::begin(protocol, url);
    let request = match headers::request(url, cookie, protocol, options, Empty::new()) {
        Ok(request) => request,
        Err(error) => return (exchange, Err(error.into())),
    };
    exchange.request_headers = headers::report(request.headers(), options.reveal_secrets);
    let (tap, moments) = Tap::new(stream, *clock);
    let mut run = Run { driver: Driver::default(), moments: &moments, options, clock, exchange: &mut exchange };
    let result = run.whole(tap, request, url.scheme() == "https").await;
    exchange.received_bytes = moments.received_bytes();
    (exchange, result)
}

struct Run<'a> {
    driver: Driver,
    moments: &'a Moments,
    options: &'a HttpOptions,
    clock: &'a Clock,
    exchange: &'a mut Exchange,
}

type Request = http::Request<Empty<Bytes>>;

impl Run<'_> {
    async fn whole<S>(&mut self, stream: Tap<S>, request: Request, is_secure: bool) -> Result<(), Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let response = self.head(stream, request).await?;
        self.note_head(&response, is_secure);
        let (head, body) = response.into_parts();
        self.exchange.raw_headers = head.headers;
        self.body(body).await?;
        self.decode()
    }

    /// Sends the request and waits for the head of the answer: two spans of one future, divided where the request had left.
    async fn head<S>(&mut self, stream: Tap<S>, request: Request) -> Result<http::Response<Incoming>, Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let limit_ms = self.options.wait_timeout_ms;
        let inbox = self.driver.inbox();
        let limits = self.options.limits;
        let (protocol, io) = (self.exchange.protocol, TokioIo::new(stream));
        let (moments, clock) = (self.moments, self.clock);
        let answer = async {
            match protocol {
                Protocol::Http1 => {
                    let mut builder = http1::Builder::new();
                    builder.max_buf_size(limits.head_bytes_max).max_headers(limits.headers_max);
                    let (mut sender, connection) = builder.handshake(io).await?;
                    inbox.execute(connection);
                    moments.submit(clock.now_ns());
                    sender.send_request(request).await
                }
                Protocol::Http2 => {
                    let mut builder = http2::Builder::new(inbox.clone());
                    builder.max_header_list_size(u32::try_from(limits.head_bytes_max).unwrap_or(u32::MAX));
                    let (mut sender, connection) = builder.handshake(io).await?;
                    inbox.execute(connection);
                    moments.submit(clock.now_ns());
                    sender.send_request(request).await
                }
            }
        };
        let limited = tokio::time::timeout(Duration::from_millis(limit_ms), self.driver.drive(answer));
        let (result, span) = self.clock.measure(limited).await;
        self.divide(span);
        self.exchange.first_byte_ns = match protocol {
            Protocol::Http1 => self.moments.first_read_ns(),
            Protocol::Http2 => matches!(result, Ok(Ok(_))).then(|| span.end_ns()),
        };
        match result {
            Err(_) => Err(Error::Timeout { phase: Phase::Wait, limit_ms }),
            Ok(Err(error)) => Err(self.explain(&error, None).into()),
            Ok(Ok(response)) => Ok(response),
        }
    }

    /// Divides the time until the head: what was spent before the request's last byte left is sending, and all of it our own
    /// work, since a request this small fits any socket's buffer.
    fn divide(&mut self, span: Span) {
        let Some(sent_ns) = self.moments.sent_ns() else {
            self.exchange.send = Some(span);
            return;
        };
        let send_ns = sent_ns.saturating_sub(span.start_ns).min(span.duration_ns);
        self.exchange.send = Some(Span::new(span.start_ns, send_ns, send_ns));
        let cpu_ns = span.cpu_ns.saturating_sub(send_ns);
        self.exchange.wait = Some(Span::new(span.start_ns + send_ns, span.duration_ns - send_ns, cpu_ns));
    }

    fn note_head(&mut self, response: &http::Response<Incoming>, is_secure: bool) {
        let text = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        self.exchange.status = Some(response.status().as_u16());
        self.exchange.response_headers = headers::report(response.headers(), self.options.reveal_secrets);
        self.exchange.hsts = text("strict-transport-security").filter(|_| is_secure).and_then(Hsts::parse);
        self.exchange.alt_svc = text("alt-svc").map(AltService::parse).unwrap_or_default();
        self.exchange.content_encoding = text("content-encoding").map(str::to_owned);
    }

    async fn body(&mut self, mut body: Incoming) -> Result<(), Error> {
        let limit_ms = self.options.transfer_timeout_ms;
        let bytes_max = self.options.limits.body_bytes_max;
        let expected = body.size_hint().exact();
        let exchange = &mut *self.exchange;
        let taking = async {
            while let Some(frame) = body.frame().await {
                let Ok(data) = frame?.into_data() else { continue };
                exchange.body_bytes += data.len() as u64;
                if exchange.body_bytes > bytes_max as u64 {
                    return Ok(Err(HttpError::BodyTooLarge { bytes_max }));
                }
                exchange.body.extend_from_slice(&data);
            }
            Ok(Ok(()))
        };
        let limited = tokio::time::timeout(Duration::from_millis(limit_ms), self.driver.drive(taking));
        let (result, span): (Result<hyper::Result<_>, _>, _) = self.clock.measure(limited).await;
        self.exchange.transfer = Some(span);
        match result {
            Err(_) => Err(Error::Timeout { phase: Phase::Transfer, limit_ms }),
            Ok(Err(error)) => Err(self.explain(&error, expected).into()),
            Ok(Ok(taken)) => Ok(taken?),
        }
    }

    fn decode(&mut self) -> Result<(), Error> {
        let Some(encoding) = self.exchange.content_encoding.clone() else { return Ok(()) };
        let bytes_max = self.options.limits.decoded_bytes_max;
        let (result, span) = self.clock.measure_work(|| decode(&encoding, &self.exchange.body, bytes_max));
        self.exchange.decode = Some(span);
        if let Some(decoded) = result? {
            self.exchange.decoded_bytes = Some(decoded.len() as u64);
            self.exchange.body = decoded;
        }
        Ok(())
    }

    fn explain(&self, error: &hyper::Error, body_bytes_expected: Option<u64>) -> HttpError {
        let limits = self.options.limits;
        let context = Context {
            head_bytes_max: limits.head_bytes_max,
            headers_max: limits.headers_max,
            received_bytes: self.moments.received_bytes(),
            body_bytes: self.exchange.body_bytes,
            body_bytes_expected,
        };
        explain(error, &context)
    }
}
