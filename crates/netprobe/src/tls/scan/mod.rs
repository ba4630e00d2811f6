//! What a server accepts, not only what it picks: versions, cipher suites and groups.
//!
//! ```text
//!  client                               server
//!  ClientHello: A, B, C, D  ──►         ◄── ServerHello: B        it accepts B; hang up
//!  ClientHello: A, C, D     ──►         ◄── ServerHello: A        and A
//!  ClientHello: C, D        ──►         ◄── Alert                 and no more
//! ```
//!
//! A server picks from what it is offered. What it picked is left out of the next offer, until it declines: so each thing that it accepts
//! costs one connection. Up to the pick everything is in the clear, and no handshake is finished. What is found is what it accepts from
//! this client, for this name, at this time, among what is offered: every suite and group that IANA's lists had when rustls took
//! them over.

mod hello;
mod offered;
mod reply;

use std::net::SocketAddr;
use std::time::Duration;

use rustls::pki_types::ServerName;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{TlsError, warm_provider};
use crate::tcp::TcpError;
use crate::{Clock, Error, IoFailure, Phase, Span};
use hello::Offer;
use reply::{Broken, Pick, Reply, has_group};

pub use offered::{Suite, Weakness};

/// The most connections of one scan. A server that accepts everything needs about 400.
pub const CONNECTIONS_MAX: usize = 512;

/// The most bytes of one reply: a hello and a chain of certificates.
const REPLY_BYTES_MAX: usize = 128 * 1024;

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Version {
    /// Deprecated (RFC 8996).
    #[serde(rename = "TLS 1.0")]
    Tls10,
    /// Deprecated (RFC 8996).
    #[serde(rename = "TLS 1.1")]
    Tls11,
    /// RFC 5246.
    #[serde(rename = "TLS 1.2")]
    Tls12,
    /// RFC 8446.
    #[serde(rename = "TLS 1.3")]
    Tls13,
}

impl Version {
    /// All of them, the newest first.
    pub const ALL: [Self; 4] = [Self::Tls13, Self::Tls12, Self::Tls11, Self::Tls10];

    /// What people call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tls10 => "TLS 1.0",
            Self::Tls11 => "TLS 1.1",
            Self::Tls12 => "TLS 1.2",
            Self::Tls13 => "TLS 1.3",
        }
    }

    /// What stands for it on the wire.
    fn code(self) -> u16 {
        match self {
            Self::Tls10 => 0x0301,
            Self::Tls11 => 0x0302,
            Self::Tls12 => 0x0303,
            Self::Tls13 => 0x0304,
        }
    }
}

/// What a server accepts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scan {
    /// The whole of it.
    pub span: Span,
    /// How many connections it took.
    pub connections: usize,
    /// What was found for each version, the newest first; as far as it came.
    pub versions: Vec<Accepted>,
    /// Why it ended early, if it did.
    pub error: Option<Error>,
}

/// What a server accepts in one version; nothing if it does not speak it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Accepted {
    /// The version.
    pub version: Version,
    /// Cipher suites, in the order in which the server picked them.
    pub suites: Vec<Suite>,
    /// Groups of the key exchange, likewise.
    pub groups: Vec<String>,
    /// How it declines what it does not accept: an alert, an older version, a connection that is closed.
    pub declines_with: Option<String>,
}

/// Finds out what a server accepts, one connection after the other, each of which gets `timeout_ms`.
pub async fn scan(host: &str, address: SocketAddr, timeout_ms: u64, clock: &Clock) -> Scan {
    let name = ServerName::try_from(host).ok().filter(|name| matches!(name, ServerName::DnsName(_)));
    let mut scanner = Scanner { host, sends_name: name.is_some(), address, timeout_ms, connections: 0 };
    let mut versions = Vec::new();
    let (result, span) = clock.measure(scanner.all(&mut versions)).await;
    Scan { span, connections: scanner.connections, versions, error: result.err() }
}

struct Scanner<'a> {
    host: &'a str,
    sends_name: bool,
    address: SocketAddr,
    timeout_ms: u64,
    connections: usize,
}

/// What a server made of an offer.
enum Answer {
    Picked(Pick),
    Declined(String),
}

impl Scanner<'_> {
    async fn all(&mut self, versions: &mut Vec<Accepted>) -> Result<(), Error> {
        for version in Version::ALL {
            versions.push(Accepted { version, suites: Vec::new(), groups: Vec::new(), declines_with: None });
            if let Some(accepted) = versions.last_mut() {
                self.suites(accepted).await?;
                self.groups(accepted).await?;
            }
        }
        Ok(())
    }

    async fn suites(&mut self, accepted: &mut Accepted) -> Result<(), Error> {
        let groups = offered::groups(accepted.version);
        for mut suites in offered::suites(accepted.version) {
            while !suites.is_empty() {
                match self.offer(accepted.version, &suites, &groups, false).await? {
                    Answer::Picked(pick) => {
                        let place = suites.iter().position(|suite| *suite == pick.suite);
                        suites.remove(place.ok_or_else(|| self.not_offered("a cipher suite"))?);
                        accepted.suites.push(Suite::of(pick.suite));
                    }
                    Answer::Declined(how) => {
                        accepted.declines_with.get_or_insert(how);
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    async fn groups(&mut self, accepted: &mut Accepted) -> Result<(), Error> {
        let is_1_3 = accepted.version == Version::Tls13;
        let suites = accepted.suites.iter().map(|suite| suite.code).filter(|suite| is_1_3 || has_group(*suite));
        let suites: Vec<u16> = suites.collect();
        let mut groups = offered::groups(accepted.version);
        while !groups.is_empty() && !suites.is_empty() {
            let Answer::Picked(Pick { group: Some(group), .. }) =
                self.offer(accepted.version, &suites, &groups, true).await?
            else {
                break;
            };
            let place = groups.iter().position(|offered| *offered == group);
            groups.remove(place.ok_or_else(|| self.not_offered("a group"))?);
            accepted.groups.push(offered::group_name(group));
        }
        Ok(())
    }

    /// One connection, as far as the server's pick.
    async fn offer(
        &mut self,
        version: Version,
        suites: &[u16],
        groups: &[u16],
        wants_group: bool,
    ) -> Result<Answer, Error> {
        if self.connections == CONNECTIONS_MAX {
            return Err(self.broken(format!("it goes on accepting after {CONNECTIONS_MAX} connections")));
        }
        self.connections += 1;
        let mut random = [0; 32];
        // Not what a secret depends on: no handshake is finished.
        let _ = warm_provider().secure_random.fill(&mut random);
        let server_name = self.sends_name.then_some(self.host);
        let offer = Offer { version, server_name, suites, groups, random };
        let limit = Duration::from_millis(self.timeout_ms);
        let exchanged = tokio::time::timeout(limit, self.exchange(&offer.bytes(), wants_group)).await;
        match exchanged.map_err(|_| Error::Timeout { phase: Phase::Tls, limit_ms: self.timeout_ms })?? {
            Some(Reply::Pick(pick)) if pick.version == version.code() => Ok(Answer::Picked(pick)),
            Some(Reply::Pick(pick)) if pick.version < version.code() => Ok(Answer::Declined(older(pick.version))),
            Some(Reply::Pick(_)) => Err(self.not_offered("a version")),
            Some(Reply::Alert(alert)) => Ok(Answer::Declined(format!("the alert {alert:?}"))),
            None => Ok(Answer::Declined("hanging up".to_owned())),
        }
    }

    /// What comes back for a ClientHello; nothing if the server hangs up.
    async fn exchange(&self, hello: &[u8], wants_group: bool) -> Result<Option<Reply>, Error> {
        let mut stream = TcpStream::connect(self.address).await.map_err(|error| self.unreachable(&error))?;
        let mut bytes = Vec::new();
        if stream.write_all(hello).await.is_err() {
            return Ok(None);
        }
        loop {
            match reply::read(&bytes, wants_group) {
                Ok(None) if bytes.len() > REPLY_BYTES_MAX => {
                    return Err(self.broken(format!("its reply has more than {REPLY_BYTES_MAX} bytes")));
                }
                Ok(None) => {}
                Ok(reply) => return Ok(reply),
                Err(Broken::NotTls) => return Err(TlsError::NotTls { host: self.host.to_owned() }.into()),
                Err(Broken::Rule(rule)) => return Err(self.broken(rule.to_owned())),
            }
            // Old servers reset the connection instead of saying no.
            if !stream.read_buf(&mut bytes).await.is_ok_and(|read| read > 0) {
                return Ok(None);
            }
        }
    }

    fn unreachable(&self, error: &std::io::Error) -> Error {
        let (host, address) = (self.host.to_owned(), self.address);
        TcpError::Connect { host, attempts: 1, address, source: IoFailure::from(error) }.into()
    }

    fn not_offered(&self, what: &str) -> Error {
        self.broken(format!("it picked {what} that was not offered"))
    }

    fn broken(&self, reason: String) -> Error {
        TlsError::Protocol { host: self.host.to_owned(), reason }.into()
    }
}

fn older(code: u16) -> String {
    let known = Version::ALL.into_iter().find(|version| version.code() == code);
    format!("answering with {}", known.map_or("something older", Version::name))
}
