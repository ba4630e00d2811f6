//! One request and its answer.

use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::body::{Body, Incoming};
use tokio::io::{AsyncRead, AsyncWrite};
use url::Url;

use super::channel::{Channel, Request};
use super::error::{Context, explain};
use super::{AltService, Exchange, Hsts, HttpError, HttpOptions, Limits, Protocol, decode, headers};
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
    Channel::new(stream, protocol, options, clock).exchange(url, cookie, options).await
}

impl Channel {
    /// Requests `url`, and takes the answer as far as the limits allow. Redirects are not followed here.
    ///
    /// # Errors
    /// [`HttpError`], or [`Error::Timeout`]. What came until then is returned either way.
    pub async fn exchange(
        &mut self,
        url: &Url,
        cookie: Option<&str>,
        options: &HttpOptions,
    ) -> (Exchange, Result<(), Error>) {
        let mut exchange = Exchange::begin(self.protocol, url);
        let request = match headers::request(url, cookie, self.protocol, options, Empty::new()) {
            Ok(request) => request,
            Err(error) => return (exchange, Err(error.into())),
        };
        exchange.request_headers = headers::report(request.headers(), options.reveal_secrets);
        self.moments.reset();
        let mut run = Run { channel: self, options, exchange: &mut exchange };
        let result = run.whole(request, url.scheme() == "https").await;
        exchange.received_bytes = self.moments.received_bytes();
        (exchange, result)
    }
}

struct Run<'a> {
    channel: &'a mut Channel,
    options: &'a HttpOptions,
    exchange: &'a mut Exchange,
}

impl Run<'_> {
    async fn whole(&mut self, request: Request, is_secure: bool) -> Result<(), Error> {
        let response = self.head(request).await?;
        self.note_head(&response, is_secure);
        if response.headers().len() > self.options.limits.headers_max {
            // HTTP/1.1's parser stops there; HTTP/2's counts bytes alone.
            let Limits { head_bytes_max: bytes_max, headers_max, .. } = self.options.limits;
            return Err(HttpError::HeadTooLarge { bytes_max, headers_max }.into());
        }
        let (head, body) = response.into_parts();
        self.exchange.raw_headers = head.headers;
        self.body(body).await?;
        self.decode()
    }

    /// Sends the request and waits for the head of the answer: two spans of one future, divided where the request had left.
    async fn head(&mut self, request: Request) -> Result<http::Response<Incoming>, Error> {
        let limit_ms = self.options.wait_timeout_ms;
        let Channel { protocol, driver, line, moments, clock } = &mut *self.channel;
        let answer = driver.drive(line.send(request, moments, clock));
        let (result, span) = clock.measure(tokio::time::timeout(Duration::from_millis(limit_ms), answer)).await;
        let (first_read_ns, protocol) = (moments.first_read_ns(), *protocol);
        self.divide(span);
        self.exchange.first_byte_ns = match protocol {
            Protocol::Http1 => first_read_ns,
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
        let Some(sent_ns) = self.channel.moments.sent_ns() else {
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
        let Channel { driver, clock, .. } = &mut *self.channel;
        let limited = tokio::time::timeout(Duration::from_millis(limit_ms), driver.drive(taking));
        let (result, span): (Result<hyper::Result<_>, _>, _) = clock.measure(limited).await;
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
        let (result, span) = self.channel.clock.measure_work(|| decode(&encoding, &self.exchange.body, bytes_max));
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
            received_bytes: self.channel.moments.received_bytes(),
            body_bytes: self.exchange.body_bytes,
            body_bytes_expected,
        };
        explain(error, &context)
    }
}
