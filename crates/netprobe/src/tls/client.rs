//! Who shakes hands: whom it trusts, who it is, and which tickets it has.

use std::sync::Arc;

use rustls::client::danger::ServerCertVerifier;
use rustls::client::{ClientConfig, Resumption};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::client::TlsStream;

use super::asked::Asks;
#[cfg(feature = "h3")]
use super::asked::{Asked, OnlyAsked};
use super::ech::Hiding;
use super::shake::Extra;
use super::tickets::{TicketStore, Tickets};
use super::{Alpn, ClientIdentity, EchKeys, Handshake, Roots, TlsError, warm_provider};
#[cfg(feature = "h3")]
use super::{HandshakeKind, Trust, certificate};
#[cfg(feature = "h3")]
use crate::Span;
use crate::{Clock, Error};

/// Shakes hands, and remembers the tickets that servers give, so that the next handshake with the same one is shorter.
#[derive(Debug, Clone)]
pub struct TlsClient {
    pub(super) config: Arc<ClientConfig>,
    pub(super) tickets: Arc<TicketStore>,
    pub(super) verifier: Arc<dyn ServerCertVerifier>,
    pub(super) is_checked: bool,
    /// Whether servers that ask are told who we are.
    pub(super) is_identified: bool,
    /// Who tells nobody who we are; `None` if there is nothing to tell. A ticket from a server that was told says it, too, so these have
    /// a store of their own.
    unidentified: Option<Box<TlsClient>>,
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
        let config = config.dangerous().with_custom_certificate_verifier(Arc::clone(&verifier));
        let mut config = config.with_client_cert_resolver(Arc::new(Asks { identity: None }));
        config.alpn_protocols = alpn.protocols();
        let tickets = Arc::new(TicketStore::new());
        config.resumption = Resumption::store(Arc::clone(&tickets) as _);
        let is_checked = *roots != Roots::Unchecked;
        Ok(Self { config: Arc::new(config), tickets, verifier, is_checked, is_identified: true, unidentified: None })
    }

    /// The same client, which tells servers that ask who it is. It has no tickets yet.
    #[must_use]
    pub fn with_identity(&self, identity: Option<ClientIdentity>) -> Self {
        let mut config = ClientConfig::clone(&self.config);
        let unidentified =
            identity.as_ref().map(|_| Box::new(Self { is_identified: false, unidentified: None, ..self.forgetful() }));
        config.client_auth_cert_resolver = Arc::new(Asks { identity });
        Self { config: Arc::new(config), unidentified, ..self.clone() }.forgetful()
    }

    /// The same client, which tells nobody who it is, not by a ticket either.
    #[must_use]
    pub fn anonymous(&self) -> &Self {
        self.unidentified.as_deref().unwrap_or(self)
    }

    /// The same client without its tickets.
    pub(crate) fn forgetful(&self) -> Self {
        let mut config = ClientConfig::clone(&self.config);
        let tickets = Arc::new(TicketStore::new());
        config.resumption = Resumption::store(Arc::clone(&tickets) as _);
        let unidentified = self.unidentified.as_ref().map(|other| Box::new(other.forgetful()));
        Self { config: Arc::new(config), tickets, unidentified, ..self.clone() }
    }

    /// The configuration for one connection of QUIC, which has TLS 1.3 alone, and for HTTP/3 inside: without tickets, and none is asked
    /// for. Nobody is told who we are; what the server asked is noted.
    #[cfg(feature = "h3")]
    pub(crate) fn quic(&self) -> (ClientConfig, Arc<Asked>) {
        let (mut config, asked) = (ClientConfig::clone(&self.config), Asked::new(false));
        config.alpn_protocols = vec![b"h3".to_vec()];
        config.resumption = Resumption::disabled();
        config.client_auth_cert_resolver = Arc::new(OnlyAsked(Arc::clone(&asked)));
        (config, asked)
    }

    /// A handshake that somebody else has done with [`Self::quic`]. Its suite, its group and its staple are not told.
    #[cfg(feature = "h3")]
    pub(crate) fn described(
        &self,
        host: &str,
        span: Span,
        alpn: Option<String>,
        chain: &[rustls::pki_types::CertificateDer<'static>],
    ) -> Handshake {
        let trust = if self.is_checked { Trust::Verified } else { Trust::Unchecked };
        Handshake {
            server_name: host.parse::<std::net::IpAddr>().is_err().then(|| host.to_owned()),
            version: Some("TLS 1.3".to_owned()),
            alpn,
            kind: Some(HandshakeKind::Full),
            chain: certificate::parse_chain(chain),
            ..Handshake::begun(span, trust)
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
        self.shake((host, stream), Extra::default(), timeout_ms, clock).await
    }

    /// The same with the host encrypted, to the keys of an ECHConfigList: a site's HTTPS record has it. Without one, with an
    /// extension that looks like it (GREASE). It is TLS 1.3 or nothing.
    ///
    /// # Errors
    /// As [`Self::handshake`]; [`TlsError::EchKeys`] if the keys cannot be used; if the server has not used them, [`TlsError::EchRejected`],
    /// or [`TlsError::EchUnproven`] if its certificate is not good for the public name.
    pub async fn handshake_hidden<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        host: &str,
        stream: S,
        keys: Option<&[u8]>,
        timeout_ms: u64,
        clock: &Clock,
    ) -> (Handshake, Result<TlsStream<S>, Error>) {
        let hiding = keys.map_or(Ok(Hiding::Grease), |keys| EchKeys::read(host, keys).map(Hiding::With));
        match hiding {
            Ok(hiding) => {
                self.shake((host, stream), Extra { hiding: Some(hiding), early: None }, timeout_ms, clock).await
            }
            Err(error) => (self.unstarted(clock), Err(error.into())),
        }
    }

    /// The same with bytes that go along before there is a secret, encrypted with one of last time. Whether they arrived is in
    /// [`Handshake::early_data`]; if not, they have to be written once more. **Whoever records them may send them again** (RFC 8446,
    /// section 8).
    ///
    /// # Errors
    /// As [`Self::handshake`]. If they were sent, the handshake that is returned has [`EarlyData::Unanswered`](super::EarlyData::Unanswered):
    /// it may be tried once more, and is then without them.
    pub async fn handshake_early<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        host: &str,
        stream: S,
        early: &[u8],
        timeout_ms: u64,
        clock: &Clock,
    ) -> (Handshake, Result<TlsStream<S>, Error>) {
        self.shake((host, stream), Extra { early: Some(early), hiding: None }, timeout_ms, clock).await
    }

    /// What was agreed inside TLS (ALPN) with a server that said that it would take early data next time; empty if nothing was.
    #[must_use]
    pub fn early_alpn(&self, host: &str) -> Option<String> {
        self.tickets.early(host)
    }

    /// The tickets that this server gave since the last handshake with it began.
    #[must_use]
    pub fn tickets(&self, host: &str) -> Tickets {
        self.tickets.since(host)
    }
}
