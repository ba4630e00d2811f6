//! TLS: from a connection to a secret shared with somebody known.
//!
//! The client says which ciphers and groups it can do and sends its half of a Diffie–Hellman exchange; the server picks, sends its
//! own half and a certificate that says whose key signs the conversation. From then on both have the same symmetric keys, and
//! nobody who listened has. TLS 1.3 needs one round trip for it, TLS 1.2 two.

mod certificate;
mod error;
mod reason;
mod roots;
pub mod scan;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustls::client::ClientConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::ServerName;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::{Clock, Error, Phase, Span, Step};

pub use certificate::Certificate;
pub use error::TlsError;
pub use roots::Roots;

/// How a handshake began and ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Handshake {
    /// From the ClientHello to the last message of the handshake, or to its failure.
    pub span: Span,
    /// The host in the ClientHello, in the clear: whoever listens learns it. `None` when the host is an address.
    pub server_name: Option<String>,
    /// `TLS 1.3` or `TLS 1.2`, once agreed.
    pub version: Option<String>,
    /// The cipher suite, by its IANA name.
    pub cipher_suite: Option<String>,
    /// The group of the key exchange; none when a session was resumed without one.
    pub group: Option<String>,
    /// Whether the key exchange also resists a quantum computer.
    pub is_post_quantum: bool,
    /// The protocol that goes inside, as the server picked it.
    pub alpn: Option<String>,
    /// How much of a handshake it was.
    pub kind: Option<HandshakeKind>,
    /// Whether anybody checked who the peer is.
    pub trust: Trust,
    /// What the server showed, its own first; also when it was not good enough.
    pub chain: Vec<Certificate>,
}

/// How much of a handshake it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HandshakeKind {
    /// From nothing: keys, certificate and all.
    Full,
    /// With one more round trip, since the server wanted another group than the client had guessed (HelloRetryRequest).
    FullWithHelloRetryRequest,
    /// From a ticket of an earlier one: no certificate, less work.
    Resumed,
}

/// Whether anybody checked who the peer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// The chain leads to a trusted root and is for this host.
    Verified,
    /// The chain was looked at, and is not good enough; or there was none yet.
    NotVerified,
    /// Nobody looked: [`Roots::Unchecked`].
    Unchecked,
}

impl Handshake {
    /// The handshake as a step.
    #[must_use]
    pub fn step(&self, error: Option<Error>) -> Step {
        let parts = [&self.version, &self.cipher_suite, &self.group, &self.alpn];
        let label: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
        let label = if label.is_empty() { "no agreement".to_owned() } else { label.join(", ") };
        Step::new(Phase::Tls, label, self.span, error)
    }
}

/// Which protocols are offered inside TLS (ALPN).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Alpn {
    /// HTTP/2, else HTTP/1.1.
    #[default]
    Any,
    /// HTTP/1.1 alone.
    Http1,
    /// HTTP/2 alone.
    Http2,
    /// DNS over TLS (RFC 7858), which is no HTTP.
    Dot,
}

impl Alpn {
    fn protocols(self) -> Vec<Vec<u8>> {
        match self {
            Self::Any => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            Self::Http1 => vec![b"http/1.1".to_vec()],
            Self::Http2 => vec![b"h2".to_vec()],
            Self::Dot => vec![b"dot".to_vec()],
        }
    }
}

/// Shakes hands, and remembers the tickets that servers give, so that the next handshake with the same one is shorter.
#[derive(Debug, Clone)]
pub struct TlsClient {
    config: Arc<ClientConfig>,
    is_checked: bool,
}

impl TlsClient {
    /// A client that trusts these roots. Reads them now, and warms the cryptography up: the first use of randomness takes aws-lc
    /// some 40 ms, which is nobody's handshake.
    ///
    /// # Errors
    /// [`TlsError::Roots`] if there are none.
    pub fn new(roots: &Roots, alpn: Alpn) -> Result<Self, TlsError> {
        let provider = warm_provider();
        let verifier = roots.verifier(&provider)?;
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsError::Protocol { host: String::new(), reason: error.to_string() })?;
        let mut config = config.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
        config.alpn_protocols = alpn.protocols();
        Ok(Self { config: Arc::new(config), is_checked: *roots != Roots::Unchecked })
    }

    /// The same client without its tickets.
    pub(crate) fn forgetful(&self) -> Self {
        let mut config = ClientConfig::clone(&self.config);
        config.resumption = rustls::client::Resumption::in_memory_sessions(256);
        Self { config: Arc::new(config), ..*self }
    }

    /// The configuration for QUIC, which has TLS 1.3 alone, and for HTTP/3 inside: without tickets, and none is asked for.
    #[cfg(feature = "h3")]
    pub(crate) fn quic(&self) -> ClientConfig {
        let mut config = ClientConfig::clone(&self.config);
        config.alpn_protocols = vec![b"h3".to_vec()];
        config.resumption = rustls::client::Resumption::disabled();
        config
    }

    /// A handshake that somebody else has done with [`Self::quic`]. Its suite and group are not told.
    #[cfg(feature = "h3")]
    pub(crate) fn described(
        &self,
        host: &str,
        span: Span,
        alpn: Option<String>,
        chain: &[rustls::pki_types::CertificateDer<'static>],
    ) -> Handshake {
        Handshake {
            span,
            server_name: host.parse::<std::net::IpAddr>().is_err().then(|| host.to_owned()),
            version: Some("TLS 1.3".to_owned()),
            cipher_suite: None,
            group: None,
            is_post_quantum: false,
            alpn,
            kind: Some(HandshakeKind::Full),
            trust: if self.is_checked { Trust::Verified } else { Trust::Unchecked },
            chain: certificate::parse_chain(chain),
        }
    }

    /// Shakes hands over `stream` with somebody who is to prove to be `host`.
    ///
    /// # Errors
    /// [`TlsError`], or [`Error::Timeout`] after `timeout_ms`. What was learnt until then is returned either way.
    pub async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        host: &str,
        stream: S,
        timeout_ms: u64,
        clock: &Clock,
    ) -> (Handshake, Result<TlsStream<S>, Error>) {
        let mut handshake = self.unstarted(clock);
        let Ok(name) = ServerName::try_from(host.to_owned()) else {
            return (handshake, Err(TlsError::ServerName { host: host.to_owned() }.into()));
        };
        handshake.server_name = matches!(name, ServerName::DnsName(_)).then(|| host.to_owned());
        let connecting = TlsConnector::from(Arc::clone(&self.config)).connect(name, stream);
        let limit = Duration::from_millis(timeout_ms);
        let (result, span) = clock.measure(tokio::time::timeout(limit, connecting)).await;
        handshake.span = span;
        match result {
            Err(_) => (handshake, Err(Error::Timeout { phase: Phase::Tls, limit_ms: timeout_ms })),
            Ok(Err(error)) => {
                let (reason, chain) = reason::explain(host, &error);
                handshake.chain = chain;
                (handshake, Err(reason.into()))
            }
            Ok(Ok(stream)) => {
                self.describe(&mut handshake, &stream);
                (handshake, Ok(stream))
            }
        }
    }

    fn unstarted(&self, clock: &Clock) -> Handshake {
        Handshake {
            span: Span { start_ns: clock.now_ns(), ..Span::default() },
            server_name: None,
            version: None,
            cipher_suite: None,
            group: None,
            is_post_quantum: false,
            alpn: None,
            kind: None,
            trust: if self.is_checked { Trust::NotVerified } else { Trust::Unchecked },
            chain: Vec::new(),
        }
    }

    fn describe<S>(&self, handshake: &mut Handshake, stream: &TlsStream<S>) {
        let (_, session) = stream.get_ref();
        handshake.version = session.protocol_version().map(|version| match version {
            rustls::ProtocolVersion::TLSv1_2 => "TLS 1.2".to_owned(),
            rustls::ProtocolVersion::TLSv1_3 => "TLS 1.3".to_owned(),
            other => format!("{other:?}"),
        });
        let suite = session.negotiated_cipher_suite().map(|suite| suite.suite());
        handshake.cipher_suite = suite.and_then(|suite| suite.as_str()).map(|name| name.replace("TLS13_", "TLS_"));
        let group = session.negotiated_key_exchange_group().map(|group| group.name());
        handshake.group = group.map(|group| format!("{group:?}"));
        handshake.is_post_quantum = group.is_some_and(|group| format!("{group:?}").contains("MLKEM"));
        handshake.alpn = session.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned());
        handshake.kind = session.handshake_kind().map(|kind| match kind {
            rustls::HandshakeKind::Full => HandshakeKind::Full,
            rustls::HandshakeKind::FullWithHelloRetryRequest => HandshakeKind::FullWithHelloRetryRequest,
            _ => HandshakeKind::Resumed,
        });
        handshake.chain = session.peer_certificates().map(certificate::parse_chain).unwrap_or_default();
        if self.is_checked {
            handshake.trust = Trust::Verified;
        }
    }
}

/// The cryptography, with everything done once that is slow only the first time.
pub(crate) fn warm_provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    let provider = PROVIDER.get_or_init(|| {
        let provider = aws_lc_rs::default_provider();
        // A failure here would come back in the handshake, where it can be reported.
        let _ = provider.secure_random.fill(&mut [0; 32]);
        for group in &provider.kx_groups {
            let _ = group.start();
        }
        Arc::new(provider)
    });
    Arc::clone(provider)
}
