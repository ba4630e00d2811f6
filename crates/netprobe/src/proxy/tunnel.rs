//! Asking a proxy for a connection.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Kind, Proxy, ProxyError, socks};
use crate::url::authority;
use crate::{Clock, Error, Phase, Span};

/// How long the head of a proxy's answer may be.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Where a tunnel leads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    /// A name that the proxy resolves, or an address.
    pub(crate) host: &'a str,
    pub(crate) port: u16,
}

/// Asks for a tunnel; returns when that was, and what the proxy said.
pub(crate) async fn open(
    proxy: &Proxy,
    target: Target<'_>,
    stream: &mut TcpStream,
    timeout_ms: u64,
    clock: &Clock,
) -> (Span, Result<String, Error>) {
    let asking = async {
        match proxy.kind {
            Kind::Http => connect(proxy, target, stream).await,
            Kind::Socks5 | Kind::Socks5h => socks::connect(proxy, target, stream).await,
        }
    };
    let limited = tokio::time::timeout(Duration::from_millis(timeout_ms), asking);
    let (result, span) = clock.measure(limited).await;
    let timeout = Error::Timeout { phase: Phase::Proxy, limit_ms: timeout_ms };
    (span, result.map_or(Err(timeout), |result| result.map_err(Error::from)))
}

/// HTTP's CONNECT (RFC 9110, section 9.3.6).
async fn connect(proxy: &Proxy, target: Target<'_>, stream: &mut TcpStream) -> Result<String, ProxyError> {
    let authority = authority(target.host, target.port);
    let mut request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n");
    if let Some(credentials) = &proxy.credentials {
        request += &format!("Proxy-Authorization: {}\r\n", credentials.basic());
    }
    request += "\r\n";
    stream.write_all(request.as_bytes()).await.map_err(|error| hung_up(proxy, error))?;
    let head = read_head(proxy, stream).await?;
    let head = String::from_utf8_lossy(&head);
    let line = head.lines().next().unwrap_or_default();
    let status = status(line).ok_or_else(|| malformed(proxy, format!("{:?} is no status line", clip(line))))?;
    match status {
        200..300 => Ok(clip(line)),
        407 => Err(ProxyError::Credentials { proxy: proxy.to_string(), given: proxy.credentials.is_some() }),
        _ => Err(ProxyError::Refused { proxy: proxy.to_string(), target: authority, answer: clip(line) }),
    }
}

fn status(line: &str) -> Option<u16> {
    let mut words = line.strip_prefix("HTTP/1.")?.split(' ');
    words.next().filter(|minor| matches!(*minor, "0" | "1"))?;
    words.next().filter(|status| status.len() == 3)?.parse().ok()
}

/// Reads the head of an answer and nothing behind it: that belongs to the tunnel.
async fn read_head(proxy: &Proxy, stream: &mut TcpStream) -> Result<Vec<u8>, ProxyError> {
    let mut head = Vec::new();
    let mut seen = [0; 1024];
    loop {
        let length = stream.peek(&mut seen).await.map_err(|error| hung_up(proxy, error))?;
        if length == 0 {
            return Err(ProxyError::HungUp { proxy: proxy.to_string(), source: None });
        }
        let before = head.len();
        head.extend_from_slice(seen.get(..length).unwrap_or_default());
        // The end may begin in what came before.
        let from = before.saturating_sub(3);
        let end = head.get(from..).and_then(|new| new.windows(4).position(|four| four == b"\r\n\r\n"));
        let end = end.map(|end| from + end + 4);
        head.truncate(end.unwrap_or(head.len()));
        let mut taken = vec![0; head.len() - before];
        stream.read_exact(&mut taken).await.map_err(|error| hung_up(proxy, error))?;
        if end.is_some() {
            return Ok(head);
        }
        if head.len() >= HEAD_BYTES_MAX {
            return Err(ProxyError::HeadTooLong { proxy: proxy.to_string(), bytes_max: HEAD_BYTES_MAX });
        }
    }
}

/// How much of a proxy's words is kept.
const WORDS_CHARS_MAX: usize = 120;

fn clip(text: &str) -> String {
    text.chars().take(WORDS_CHARS_MAX).collect()
}

pub(super) fn malformed(proxy: &Proxy, reason: String) -> ProxyError {
    ProxyError::Malformed { proxy: proxy.to_string(), reason }
}

pub(super) fn hung_up(proxy: &Proxy, error: io::Error) -> ProxyError {
    let source = (error.kind() != io::ErrorKind::UnexpectedEof).then(|| error.into());
    ProxyError::HungUp { proxy: proxy.to_string(), source }
}
