//! DNS over HTTPS (RFC 8484): each query is a request of its own, all of them on one HTTP/2 connection.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::join_all;
use http::header::{ACCEPT, AGE, CONTENT_TYPE};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http2::{self, SendRequest};
use hyper::rt::Executor;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use url::Url;

use crate::Clock;
use crate::dns::Failure;
use crate::dns::exchange::with_grace;
use crate::dns::message::Prepared;
use crate::dns::stream::{Queries, Received};
use crate::dns::text::escape;
use crate::http::Driver;

/// What a DNS message is called over HTTP (RFC 8484, section 6).
pub(crate) const MESSAGE: &str = "application/dns-message";

/// The most bytes of a DNS message, however it travels.
const BYTES_MAX: usize = 65_535;

/// The most bytes of an answer's head.
const HEAD_BYTES_MAX: u32 = 16 * 1024;

/// Sends each query as a request, and takes what comes for as long as the caller waits.
pub(super) async fn exchange<S>(
    stream: S,
    url: &Url,
    queries: Queries<'_>,
    received: &mut [Option<Result<Received, Failure>>],
    clock: &Clock,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut driver = Driver::default();
    let inbox = driver.inbox();
    let asking = async {
        let mut builder = http2::Builder::new(inbox.clone());
        builder.max_header_list_size(HEAD_BYTES_MAX);
        let sender = match builder.handshake(TokioIo::new(stream)).await {
            Ok((sender, connection)) => {
                inbox.execute(connection);
                sender
            }
            Err(error) => return received.fill_with(|| Some(Err(cut(&error)))),
        };
        let ask = async |(query, place): (&Prepared, &mut Option<_>)| {
            *place = Some(ask(sender.clone(), url, query, clock).await);
        };
        let mut needed: Vec<_> = queries.all.iter().zip(received).map(ask).collect();
        let extra = needed.split_off(queries.needed);
        with_grace(join_all(needed), join_all(extra), queries.grace).await;
    };
    driver.drive(asking).await;
}

async fn ask(
    mut sender: SendRequest<Empty<Bytes>>,
    url: &Url,
    query: &Prepared,
    clock: &Clock,
) -> Result<Received, Failure> {
    let request = request(url, query)?;
    let answer = sender.send_request(request).await.map_err(|error| cut(&error))?;
    if answer.status() != http::StatusCode::OK {
        return Err(Failure::Status { status: answer.status().as_u16() });
    }
    let kind = answer.headers().get(CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let is_message =
        |kind: &String| kind.split(';').next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case(MESSAGE));
    if !kind.as_ref().is_some_and(is_message) {
        let content_type = kind.map_or_else(|| "something without a type".to_owned(), |kind| escape(&kind));
        return Err(Failure::ContentType { content_type });
    }
    let age = age(answer.headers());
    let bytes = body(answer.into_body()).await?;
    let mut message = query.accept(&bytes).map_err(|why| why.failure())?;
    for record in message.answers.iter_mut().chain(&mut message.authorities).chain(&mut message.additionals) {
        record.ttl = record.ttl.saturating_sub(age);
    }
    Ok(Received { message, bytes: bytes.len(), at_ns: clock.now_ns() })
}

/// Seconds that the answer has spent in caches on the way, which its TTLs do not know of (RFC 8484, section 5.1).
fn age(headers: &http::HeaderMap) -> u32 {
    let digits = headers.get(AGE).and_then(|value| value.to_str().ok()).unwrap_or_default().trim();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return 0;
    }
    // A number that is too large is as large as can be (RFC 9111, section 1.2.2).
    digits.parse().unwrap_or(u32::MAX)
}

/// GET, which caches on the way keep, with the query in the URL (section 4.1).
fn request(url: &Url, query: &Prepared) -> Result<http::Request<Empty<Bytes>>, Failure> {
    let mut url = url.clone();
    url.query_pairs_mut().append_pair("dns", &URL_SAFE_NO_PAD.encode(query.bytes()));
    let built = http::Request::get(url.as_str()).header(ACCEPT, MESSAGE).body(Empty::new());
    built.map_err(|error| Failure::Unreachable { reason: error.to_string() })
}

async fn body(mut body: Incoming) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|error| cut(&error))?.into_data() else { continue };
        if bytes.len() + data.len() > BYTES_MAX {
            return Err(Failure::TooLarge { bytes_max: BYTES_MAX });
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

fn cut(error: &hyper::Error) -> Failure {
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    Failure::Cut { reason: escape(&causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")) }
}
