//! Our side of a handshake.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConnection;
use rustls::client::danger::ServerCertVerifier;
use rustls::client::{ClientConfig, EchStatus, Resumption};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::ech::Hiding;
use super::identity::{ASKED, Asked, Asks};
use super::tickets::{TicketStore, Tickets};
use super::{
    Alpn, ClientIdentity, EarlyData, Handshake, HandshakeKind, Roots, TlsError, Trust, certificate, reason, staple,
    warm_provider,
};
use crate::{Clock, Error, Phase, Span};

/// Shakes hands, and remembers the tickets that servers give, so that the next handshake with the same one is shorter.
#[derive(Debug, Clone)]
pub struct TlsClient {
    config: Arc<ClientConfig>,
    tickets: Arc<TicketStore>,
    verifier: Arc<dyn ServerCertVerifier>,
    is_checked: bool,
    /// Whether servers that ask are told who we are.
    is_identified: bool,
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

    /// The configuration for QUIC, which has TLS 1.3 alone, and for HTTP/3 inside: without tickets, and none is asked for.
    #[cfg(feature = "h3")]
    pub(crate) fn quic(&self) -> ClientConfig {
        let mut config = ClientConfig::clone(&self.config);
        config.alpn_protocols = vec![b"h3".to_vec()];
        config.resumption = Resumption::disabled();
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
            client_certificate: None,
            early_data: None,
            staple: None,
            ech: None,
            tickets: None,
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
    /// As [`Self::handshake`]; [`TlsError::EchKeys`] if the keys cannot be used, [`TlsError::EchRejected`] if the server has not.
    pub async fn handshake_hidden<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        host: &str,
        stream: S,
        keys: Option<&[u8]>,
        timeout_ms: u64,
        clock: &Clock,
    ) -> (Handshake, Result<TlsStream<S>, Error>) {
        let hiding = keys.map_or(Ok(Hiding::Grease), |keys| Hiding::with_keys(host, keys));
        match hiding {
            Ok(hiding) => {
                self.shake((host, stream), Extra { hiding: Some(hiding), early: None }, timeout_ms, clock).await
            }
            Err(error) => (self.unstarted(clock), Err(error.into())),
        }
    }

    /// The same with bytes that go along before there is a secret, encrypted with one of last time. Whether they arrived is in
    /// [`Handshake::early_data`]; if not, they have to be written once more. **Whoever records them may send them again.**
    ///
    /// # Errors
    /// As [`Self::handshake`].
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

    async fn shake<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        (host, stream): (&str, S),
        Extra { early, hiding }: Extra<'_>,
        timeout_ms: u64,
        clock: &Clock,
    ) -> (Handshake, Result<TlsStream<S>, Error>) {
        let mut handshake = self.unstarted(clock);
        let Ok(name) = ServerName::try_from(host.to_owned()) else {
            return (handshake, Err(TlsError::ServerName { host: host.to_owned() }.into()));
        };
        handshake.server_name = matches!(name, ServerName::DnsName(_)).then(|| host.to_owned());
        let asked = Arc::new(Asked { may_answer: self.is_identified, ..Asked::default() });
        self.tickets.begins(&name);
        let mut config = Arc::clone(&self.config);
        if early.is_some() {
            Arc::make_mut(&mut config).enable_early_data = true;
        }
        if let Some(hiding) = &hiding {
            config = match hiding.config(&self.config, Arc::clone(&self.verifier)) {
                Ok(config) => Arc::new(config),
                Err(error) => {
                    let reason = error.to_string();
                    return (handshake, Err(TlsError::EchKeys { host: host.to_owned(), reason }.into()));
                }
            };
            handshake.server_name = hiding.public_name().map(str::to_owned).or(handshake.server_name);
        }
        let mut sent = None;
        let send = |connection: &mut ClientConnection| sent = early.map(|early| send_early(connection, early));
        let connecting = TlsConnector::from(config).connect_with(name.clone(), stream, send);
        let connecting = ASKED.scope(Arc::clone(&asked), connecting);
        let limit = Duration::from_millis(timeout_ms);
        let (result, span) = clock.measure(tokio::time::timeout(limit, connecting)).await;
        handshake.span = span;
        handshake.client_certificate = asked.take();
        handshake.early_data = sent;
        match result {
            Err(_) => (handshake, Err(Error::Timeout { phase: Phase::Tls, limit_ms: timeout_ms })),
            Ok(Err(error)) => {
                let rejected = hiding.as_ref().zip(reason::rejected_ech(&error));
                if let Some((hiding, has_retry_keys)) = rejected {
                    handshake.ech = Some(hiding.outcome(false));
                    let (host, public_name) = (host.to_owned(), hiding.public_name().unwrap_or_default().to_owned());
                    return (handshake, Err(TlsError::EchRejected { host, public_name, has_retry_keys }.into()));
                }
                let (reason, chain) = reason::explain(host, &error, handshake.client_certificate.as_ref());
                handshake.chain = chain;
                (handshake, Err(reason.into()))
            }
            Ok(Ok(stream)) => {
                self.describe(&mut handshake, &stream);
                let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
                handshake.staple = asked.take_staple().map(|der| staple::read(&der, chain));
                self.tickets.agreed(&name, handshake.alpn.as_deref());
                let is_hidden = stream.get_ref().1.ech_status() == EchStatus::Accepted;
                handshake.ech = hiding.as_ref().map(|hiding| hiding.outcome(is_hidden));
                let is_accepted = stream.get_ref().1.is_early_data_accepted();
                handshake.early_data = handshake.early_data.map(|sent| sent.answered(is_accepted));
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
            client_certificate: None,
            early_data: None,
            staple: None,
            ech: None,
            tickets: None,
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

/// What is not in every handshake.
#[derive(Default)]
struct Extra<'a> {
    early: Option<&'a [u8]>,
    hiding: Option<Hiding>,
}

/// All of it goes along, or nothing.
fn send_early(connection: &mut ClientConnection, early: &[u8]) -> EarlyData {
    let bytes = early.len() as u64;
    let Some(mut writer) = connection.early_data() else { return EarlyData::NoTicket };
    let bytes_max = writer.bytes_left();
    if early.len() > bytes_max {
        return EarlyData::TooLong { bytes, bytes_max: bytes_max as u64 };
    }
    // Into memory, and there is room.
    match writer.write_all(early) {
        Ok(()) => EarlyData::Rejected { bytes },
        Err(_) => EarlyData::NoTicket,
    }
}
