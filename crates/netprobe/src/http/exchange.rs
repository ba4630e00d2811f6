//! One request and its answer.

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Body;
use tokio::io::{AsyncRead, AsyncWrite};
use url::Url;

use super::answer::AnswerBody;
use super::channel::{Channel, Line, Outgoing};
use super::decode::{Bounds, decode_within};
use super::error::{Context, Failure, explain};
use super::informational::Interim;
use super::patience::within;
use super::redaction::{self, RawHeaders};
use super::spans::{Polls, divide};
use super::upload::Upload;
use super::{AltService, Exchange, Hsts, HttpError, HttpOptions, Limits, Protocol, headers};
use crate::{Clock, Error, Phase};

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
        let mut exchange = Exchange::begin(self.protocol, url, options);
        if self.forwarder.is_some() {
            exchange.target = headers::absolute(url);
        }
        let head = match headers::request(url, cookie, self.protocol, self.forwarder.as_ref(), options) {
            Ok(head) => head,
            Err(error) => return (exchange, Err(error.into())),
        };
        exchange.request_headers = redaction::report(head.headers(), options.reveal_secrets);
        self.moments.reset();
        let mut run = Run { channel: self, options, exchange: &mut exchange };
        let result = run.whole(head, url.scheme() == "https").await;
        exchange.received_bytes = self.moments.received_bytes();
        if let Some(upload) = &mut exchange.upload_bytes {
            let announced = std::mem::replace(upload, self.moments.uploaded_bytes());
            if *upload < announced {
                // The rest would be taken for the beginning of the next request.
                self.line = Line::Broken;
            }
        }
        (exchange, result)
    }
}

impl Exchange {
    pub(super) fn note_head<B>(&mut self, response: &http::Response<B>, is_secure: bool, reveal_secrets: bool) {
        let text = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        // Of those that are lists, each line has a part.
        let list = |name: &str| {
            let lines = response.headers().get_all(name).iter().filter_map(|value| value.to_str().ok());
            lines.map(str::to_owned).reduce(|list, line| list + ", " + &line)
        };
        self.status = Some(response.status().as_u16());
        self.response_headers = redaction::report(response.headers(), reveal_secrets);
        self.hsts = text("strict-transport-security").filter(|_| is_secure).and_then(Hsts::parse);
        self.alt_svc = list("alt-svc").as_deref().map(AltService::parse).unwrap_or_default();
        self.content_encoding = list("content-encoding");
    }

    /// Undoes the body's encodings, within the limits of an answer: as long as the transfer might take.
    pub(super) async fn decode(&mut self, options: &HttpOptions, clock: &Clock) -> Result<(), Error> {
        let Some(encoding) = self.content_encoding.clone() else { return Ok(()) };
        let bounds = Bounds::new(options.limits.decoded_bytes_max, options.transfer_timeout_ms);
        let (result, span) = clock.measure(decode_within(&encoding, &self.body, bounds)).await;
        self.decode = Some(span);
        if let Some(decoded) = result? {
            self.decoded_bytes = Some(decoded.len() as u64);
            self.body = decoded;
        }
        Ok(())
    }
}

struct Run<'a> {
    channel: &'a mut Channel,
    options: &'a HttpOptions,
    exchange: &'a mut Exchange,
}

impl Run<'_> {
    async fn whole(&mut self, head: http::Request<()>, is_secure: bool) -> Result<(), Error> {
        let response = self.head(head).await?;
        self.exchange.note_head(&response, is_secure, self.options.reveal_secrets);
        if response.status() == http::StatusCode::SWITCHING_PROTOCOLS {
            let reason = "it goes over to another protocol (101), which nobody asked for".to_owned();
            return Err(HttpError::NotHttp { reason }.into());
        }
        if response.headers().len() > self.options.limits.headers_max {
            // HTTP/1.1's parser stops there; HTTP/2's counts bytes alone.
            let Limits { head_bytes_max: bytes_max, headers_max, .. } = self.options.limits;
            return Err(HttpError::HeadTooLarge { bytes_max, headers_max }.into());
        }
        let (head, body) = response.into_parts();
        self.exchange.raw_headers = RawHeaders(head.headers);
        self.body(body).await?;
        self.exchange.decode(self.options, &self.channel.clock).await
    }

    /// Sends the request and waits for the head of the answer: spans of one future, divided where its parts had left.
    async fn head(&mut self, head: http::Request<()>) -> Result<http::Response<AnswerBody>, Error> {
        let limit_ms = self.options.wait_timeout_ms;
        let (request, interim) = self.outgoing(head);
        let Channel { protocol, driver, line, moments, clock, .. } = &mut *self.channel;
        let inbox = driver.inbox();
        let answer = driver.drive(line.send(request, &inbox, moments, clock));
        let limited = within(Duration::from_millis(limit_ms), moments, answer);
        let mut polls = Polls::new(moments, clock);
        let (result, span) = clock.measure(polls.watch(limited)).await;
        let sending_ns = polls.sending_ns;
        self.exchange.first_byte_ns = match protocol {
            Protocol::Http1 => moments.first_byte_ns(),
            Protocol::Http2 | Protocol::Http3 => matches!(result, Some(Ok(_))).then(|| span.end_ns()),
        };
        divide(self.exchange, span, sending_ns, moments);
        self.exchange.informational = interim.take();
        match result {
            None => Err(Error::Timeout { phase: Phase::Wait, limit_ms }),
            Some(Err(error)) => Err(self.explain(&error, None).into()),
            Some(Ok(response)) => Ok(response),
        }
    }

    fn outgoing(&self, head: http::Request<()>) -> (Outgoing, Arc<Interim>) {
        let Channel { moments, clock, .. } = &*self.channel;
        let HttpOptions { limits, reveal_secrets, expect_timeout_ms, body, .. } = self.options;
        let interim = Interim::new(*clock, Arc::clone(moments), limits.informational_max, *reveal_secrets);
        let mut upload = Upload::new(body.clone(), Arc::clone(moments), *clock);
        let expects = head.headers().get(http::header::EXPECT);
        if expects.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue")) {
            upload = upload.when_wanted(Arc::clone(&interim), *expect_timeout_ms);
        }
        (Outgoing { head, upload, interim: Arc::clone(&interim) }, interim)
    }

    /// How long the body is going to be, if that is known.
    fn expected_bytes(&self, body: &AnswerBody) -> Option<u64> {
        let has_none = self.exchange.method == "HEAD" || matches!(self.exchange.status, Some(204 | 304));
        let announced = || self.exchange.raw_headers.get(http::header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok();
        match body {
            // Where chunks win over a length, hyper knows.
            AnswerBody::Http1(body) => body.size_hint().exact(),
            AnswerBody::Http2(_) => announced().filter(|_| !has_none),
        }
    }

    async fn body(&mut self, mut body: AnswerBody) -> Result<(), Error> {
        let limit_ms = self.options.transfer_timeout_ms;
        let bytes_max = self.options.limits.body_bytes_max;
        let bytes_expected = self.expected_bytes(&body);
        let exchange = &mut *self.exchange;
        let taking = async {
            while let Some(data) = body.data().await {
                let data = data?;
                exchange.body_bytes += data.len() as u64;
                if exchange.body_bytes > bytes_max as u64 {
                    return Ok(Err(HttpError::BodyTooLarge { bytes_max }));
                }
                exchange.body.extend_from_slice(&data);
            }
            let bytes = exchange.body_bytes;
            let is_whole = bytes_expected.is_none_or(|expected| bytes >= expected);
            Ok(if is_whole { Ok(()) } else { Err(HttpError::Incomplete { bytes, bytes_expected }) })
        };
        let Channel { driver, clock, .. } = &mut *self.channel;
        let limited = tokio::time::timeout(Duration::from_millis(limit_ms), driver.drive(taking));
        let (result, span): (Result<Result<_, Failure>, _>, _) = clock.measure(limited).await;
        self.exchange.transfer = Some(span);
        match result {
            Err(_) => Err(Error::Timeout { phase: Phase::Transfer, limit_ms }),
            Ok(Err(error)) => Err(self.explain(&error, bytes_expected).into()),
            Ok(Ok(taken)) => Ok(taken?),
        }
    }

    fn explain(&self, error: &Failure, body_bytes_expected: Option<u64>) -> HttpError {
        let context = Context {
            limits: self.options.limits,
            received_bytes: self.channel.moments.received_bytes(),
            has_head: self.exchange.status.is_some(),
            body_bytes: self.exchange.body_bytes,
            body_bytes_expected,
        };
        explain(error, &context)
    }
}
