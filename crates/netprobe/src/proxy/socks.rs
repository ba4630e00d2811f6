//! SOCKS version 5 (RFC 1928), with user name and password (RFC 1929).
//!
//! ```text
//!  greeting  05 n methods…          ◄ 05 method             00 nothing, 02 user and password, ff none of these
//!  who       01 n user… n password… ◄ 01 status             00 welcome
//!  request   05 01 00 type address… port
//!                                   ◄ 05 reply 00 type address… port        type: 01 IPv4, 03 a name with its length, 04 IPv6
//! ```

use std::net::IpAddr;

use futures_util::FutureExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::tunnel::{Target, hung_up, malformed};
use super::{Proxy, ProxyError};
use crate::url::authority;

const VERSION: u8 = 5;
const NO_CREDENTIALS: u8 = 0;
const USER_AND_PASSWORD: u8 = 2;
const NONE_ACCEPTABLE: u8 = 0xff;

/// Every length is one byte.
const FIELD_BYTES_MAX: usize = 255;

pub(super) async fn connect(proxy: &Proxy, target: Target<'_>, stream: &mut TcpStream) -> Result<String, ProxyError> {
    let mut talk = Talk { proxy, stream };
    talk.greet().await?;
    let mut request = vec![VERSION, 1, 0];
    request.extend(address(target.host)?);
    request.extend(target.port.to_be_bytes());
    talk.send(&request).await?;
    talk.reply(target).await
}

struct Talk<'a> {
    proxy: &'a Proxy,
    stream: &'a mut TcpStream,
}

impl Talk<'_> {
    async fn greet(&mut self) -> Result<(), ProxyError> {
        let given = self.proxy.credentials.is_some();
        let methods: &[u8] = if given { &[NO_CREDENTIALS, USER_AND_PASSWORD] } else { &[NO_CREDENTIALS] };
        self.send(&[&[VERSION, methods.len() as u8], methods].concat()).await?;
        let [version, method] = self.receive(0).await?;
        self.check_version(version)?;
        match (method, &self.proxy.credentials) {
            (NO_CREDENTIALS, _) => Ok(()),
            (USER_AND_PASSWORD, Some(credentials)) => {
                let mut who = vec![1];
                who.extend(field(&credentials.user)?);
                who.extend(field(&credentials.password)?);
                self.send(&who).await?;
                let [_, status] = self.receive(0).await?;
                if status == 0 { Ok(()) } else { Err(self.wants_credentials()) }
            }
            (USER_AND_PASSWORD | NONE_ACCEPTABLE, _) => Err(self.wants_credentials()),
            (other, _) => Err(malformed(self.proxy, format!("it chose method {other}, which was not offered"))),
        }
    }

    async fn reply(&mut self, target: Target<'_>) -> Result<String, ProxyError> {
        let [version, reply, _, kind] = self.receive(0).await?;
        self.check_version(version)?;
        if reply != 0 {
            let (proxy, target) = (self.proxy.to_string(), authority(target.host, target.port));
            return Err(ProxyError::Refused { proxy, target, answer: named(reply) });
        }
        // The address that it connects from, which says little; but it has to be whole, or the tunnel begins at the wrong byte.
        let (before, length) = match kind {
            1 => (4, 4),
            4 => (4, 16),
            3 => {
                let [length] = self.receive(4).await?;
                (5, usize::from(length))
            }
            other => {
                return Err(malformed(self.proxy, format!("its reply has an address of the unknown type {other}")));
            }
        };
        self.receive_into(&mut vec![0; length + 2], before).await?;
        self.check_end().await?;
        Ok(named(reply))
    }

    /// Whoever is at the other end of the tunnel waits for us to begin: what comes with the reply is too much of it.
    async fn check_end(&mut self) -> Result<(), ProxyError> {
        let mut byte = [0];
        match self.stream.peek(&mut byte).now_or_never() {
            Some(Ok(1..)) => Err(malformed(self.proxy, "its reply is longer than it says".to_owned())),
            _ => Ok(()),
        }
    }

    fn check_version(&self, version: u8) -> Result<(), ProxyError> {
        if version == VERSION {
            return Ok(());
        }
        Err(malformed(self.proxy, format!("its answer begins with {version}, and SOCKS version 5 with 5")))
    }

    fn wants_credentials(&self) -> ProxyError {
        ProxyError::Credentials { proxy: self.proxy.to_string(), given: self.proxy.credentials.is_some() }
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), ProxyError> {
        self.stream.write_all(bytes).await.map_err(|error| hung_up(self.proxy, error))
    }

    /// The next bytes of an answer of which so many have been read before.
    async fn receive<const N: usize>(&mut self, before: usize) -> Result<[u8; N], ProxyError> {
        let mut bytes = [0; N];
        self.receive_into(&mut bytes, before).await?;
        Ok(bytes)
    }

    async fn receive_into(&mut self, bytes: &mut [u8], before: usize) -> Result<(), ProxyError> {
        let mut read = 0;
        while let Some(rest) = bytes.get_mut(read..).filter(|rest| !rest.is_empty()) {
            let more = self.stream.read(rest).await.map_err(|error| hung_up(self.proxy, error))?;
            if more == 0 {
                let (proxy, came) = (self.proxy.to_string(), before + read);
                return Err(match came {
                    0 => ProxyError::HungUp { proxy, source: None },
                    bytes_read => {
                        ProxyError::ShortReply { proxy, bytes: bytes_read, bytes_expected: before + bytes.len() }
                    }
                });
            }
            read += more;
        }
        Ok(())
    }
}

fn address(host: &str) -> Result<Vec<u8>, ProxyError> {
    match host.parse() {
        Ok(IpAddr::V4(address)) => Ok([&[1][..], &address.octets()].concat()),
        Ok(IpAddr::V6(address)) => Ok([&[4][..], &address.octets()].concat()),
        Err(_) => Ok([vec![3], field(host)?].concat()),
    }
}

/// A length and so many bytes.
fn field(text: &str) -> Result<Vec<u8>, ProxyError> {
    let length = u8::try_from(text.len())
        .map_err(|_| ProxyError::NameTooLong { bytes: text.len(), bytes_max: FIELD_BYTES_MAX })?;
    Ok([&[length], text.as_bytes()].concat())
}

/// RFC 1928, section 6.
fn named(reply: u8) -> String {
    let name = match reply {
        0 => "succeeded",
        1 => "general SOCKS server failure",
        2 => "connection not allowed by ruleset",
        3 => "network unreachable",
        4 => "host unreachable",
        5 => "connection refused",
        6 => "TTL expired",
        7 => "command not supported",
        8 => "address type not supported",
        _ => return format!("reply {reply}, which has no name"),
    };
    name.to_owned()
}
