//! One handshake: what goes into it, and what is known once it is over.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConnection;
use rustls::client::{ClientConfig, EchStatus};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::asked::{ASKED, Asked};
use super::ech::Hiding;
use super::reason::{Attempt, Failure};
use super::{EarlyData, Handshake, HandshakeKind, Staple, TlsClient, TlsError, Trust, certificate};
use crate::{Clock, Error, Phase, Span};

/// What is not in every handshake.
#[derive(Default)]
pub(super) struct Extra<'a> {
    pub(super) early: Option<&'a [u8]>,
    pub(super) hiding: Option<Hiding>,
}

impl TlsClient {
    pub(super) async fn shake<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        (host, stream): (&str, S),
        extra: Extra<'_>,
        timeout_ms: u64,
        clock: &Clock,
    ) -> (Handshake, Result<TlsStream<S>, Error>) {
        let mut handshake = self.unstarted(clock);
        let Ok(name) = ServerName::try_from(host.to_owned()) else {
            return (handshake, Err(TlsError::ServerName { host: host.to_owned() }.into()));
        };
        let config = match self.config_for(host, &extra) {
            Ok(config) => config,
            Err(error) => return (handshake, Err(error.into())),
        };
        let Extra { early, hiding } = extra;
        let in_the_clear = matches!(name, ServerName::DnsName(_)).then_some(host);
        handshake.server_name = hiding.as_ref().and_then(Hiding::public_name).or(in_the_clear).map(str::to_owned);
        self.tickets.begins(&name);
        let asked = Asked::new(self.is_identified);
        let mut sent = None;
        let send = |connection: &mut ClientConnection| sent = early.map(|early| send_early(connection, early));
        let connecting = TlsConnector::from(config).connect_with(name.clone(), stream, send);
        let connecting = ASKED.scope(Arc::clone(&asked), connecting);
        let limit = Duration::from_millis(timeout_ms);
        let (result, span) = clock.measure(tokio::time::timeout(limit, connecting)).await;
        handshake.span = span;
        let is_done = matches!(result, Ok(Ok(_)));
        handshake.client_certificate = asked.client_certificate(is_done);
        handshake.early_data = sent;
        if matches!(sent, Some(EarlyData::Unanswered { .. })) && !is_done {
            self.tickets.failed_early(&name);
        }
        let result = match result {
            Err(_) => Err(Error::Timeout { phase: Phase::Tls, limit_ms: timeout_ms }),
            Ok(Err(error)) => {
                let told = handshake.client_certificate.as_ref().filter(|_| asked.is_answered(is_done));
                let failure = Attempt { host, hiding: hiding.as_ref(), told }.explain(&error);
                let Failure { error, chain, ech } = failure;
                (handshake.chain, handshake.ech) = (chain, ech);
                Err(error.into())
            }
            Ok(Ok(stream)) => {
                self.describe(&mut handshake, &stream, hiding.as_ref());
                let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
                handshake.staple = asked.take_staple().map(|der| Staple::parse(&der, chain));
                self.tickets.agreed(&name, handshake.alpn.as_deref());
                Ok(stream)
            }
        };
        (handshake, result)
    }

    fn config_for(&self, host: &str, extra: &Extra<'_>) -> Result<Arc<ClientConfig>, TlsError> {
        if let Some(hiding) = &extra.hiding {
            let config = hiding.config(&self.config, Arc::clone(&self.verifier));
            return config.map(Arc::new).map_err(|error| hiding.failure(host, &error));
        }
        let mut config = Arc::clone(&self.config);
        if extra.early.is_some() {
            Arc::make_mut(&mut config).enable_early_data = true;
        }
        Ok(config)
    }

    /// One that has not begun.
    pub(super) fn unstarted(&self, clock: &Clock) -> Handshake {
        let trust = if self.is_checked { Trust::NotVerified } else { Trust::Unchecked };
        Handshake::begun(Span { start_ns: clock.now_ns(), ..Span::default() }, trust)
    }

    /// What was agreed on.
    fn describe<S>(&self, handshake: &mut Handshake, stream: &TlsStream<S>, hiding: Option<&Hiding>) {
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
        handshake.ech = hiding.map(|hiding| hiding.outcome(session.ech_status() == EchStatus::Accepted));
        let is_accepted = session.is_early_data_accepted();
        handshake.early_data = handshake.early_data.map(|sent| sent.answered(is_accepted));
    }
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
        Ok(()) => EarlyData::Unanswered { bytes },
        Err(_) => EarlyData::NoTicket,
    }
}
