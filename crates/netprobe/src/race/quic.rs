//! QUIC (RFC 9000, 9001): the handshake of TLS 1.3 is that of the connection.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::{HandshakeData, QuicClientConfig};
use quinn::{ConnectionError, Endpoint, VarInt};
use rustls::AlertDescription;
use rustls::pki_types::CertificateDer;
use url::Url;

use crate::http::{self, HttpError};
use crate::report::Hop;
use crate::tls::{ClientCertificate, TlsError, explain_alert, explain_ending};
use crate::url::host;
use crate::{Clock, Error, IoFailure, Phase, Session, Span, Step};

/// What a handshake was made of.
struct Shaken {
    connection: quinn::Connection,
    /// When the server's half of the key exchange had come, and with it the protocol.
    agreed_ns: u64,
    alpn: Option<String>,
    /// What the server wanted to know of us.
    asked: Option<ClientCertificate>,
}

impl Session {
    /// Connects and requests; what fails is in the hop's last step.
    pub(super) async fn over_quic(&self, address: SocketAddr, url: &Url, hop: &mut Hop, clock: &Clock) {
        let limit_ms = self.probe().tls_timeout_ms;
        let name = host(url).to_owned();
        let connecting = tokio::time::timeout(Duration::from_millis(limit_ms), self.shake(address, &name, clock));
        let (shaken, span) = clock.measure(connecting).await;
        let shaken = shaken.unwrap_or(Err(Error::Timeout { phase: Phase::Quic, limit_ms }));
        let mut step = Step::new(Phase::Quic, address.to_string(), span, shaken.as_ref().err().cloned());
        let Ok(shaken) = shaken else {
            hop.steps.push(step);
            return;
        };
        step.children = parts(&shaken, span);
        let mut handshake = self.tls().described(&name, span, shaken.alpn.clone(), &chain(&shaken.connection));
        handshake.client_certificate.clone_from(&shaken.asked);
        hop.handshake = Some(handshake);
        hop.steps.push(step);
        let (exchange, result) = http::exchange_http3(shaken.connection.clone(), url, &self.probe().http, clock).await;
        // As over TCP, we are done before the server has looked at what we said of ourselves.
        let ending = shaken.connection.close_reason().and_then(|reason| alert(&reason));
        let result = result.map_err(|error| match ending {
            Some(alert) => explain_ending(&name, alert, shaken.asked.as_ref()).into(),
            None => error,
        });
        let stats = shaken.connection.stats();
        (hop.sent_bytes, hop.received_bytes) = (stats.udp_tx.bytes, stats.udp_rx.bytes);
        hop.steps.extend(exchange.steps(result.as_ref().err()));
        hop.exchange = Some(exchange);
        shaken.connection.close(VarInt::from_u32(0x100), b"");
    }

    async fn shake(&self, address: SocketAddr, name: &str, clock: &Clock) -> Result<Shaken, Error> {
        let wrong = |reason: String| Error::from(TlsError::Protocol { host: name.to_owned(), reason });
        let (config, asked) = self.tls().quic();
        let crypto = QuicClientConfig::try_from(config).map_err(|error| wrong(error.to_string()))?;
        let any = match address {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        let endpoint = Endpoint::client(SocketAddr::new(any, 0));
        let endpoint = endpoint.map_err(|error| HttpError::Cut { bytes: 0, source: IoFailure::from(error) })?;
        let config = quinn::ClientConfig::new(Arc::new(crypto));
        let connecting = endpoint.connect_with(config, address, name);
        let mut connecting = connecting.map_err(|error| wrong(error.to_string()))?;
        let failed = |error: ConnectionError| match alert(&error) {
            Some(alert) => Error::from(explain_alert(name, alert)),
            None if is_certificate(&error) => {
                TlsError::Certificate { host: name.to_owned(), reason: error.to_string() }.into()
            }
            None => wrong(error.to_string()),
        };
        let data = connecting.handshake_data().await.map_err(failed)?;
        let agreed_ns = clock.now_ns();
        let alpn = data.downcast::<HandshakeData>().ok().and_then(|data| data.protocol);
        let connection = connecting.await.map_err(failed)?;
        let alpn = alpn.map(|name| String::from_utf8_lossy(&name).into_owned());
        Ok(Shaken { connection, agreed_ns, alpn, asked: asked.client_certificate(true) })
    }
}

/// CRYPTO_ERROR: behind it is the number of an alert of TLS (RFC 9001, section 4.8).
const CRYPTO_ERROR: u64 = 0x0100;

/// The alert with which the server closed the connection, if it did.
fn alert(error: &ConnectionError) -> Option<AlertDescription> {
    let ConnectionError::ConnectionClosed(close) = error else { return None };
    let number = u64::from(close.error_code).checked_sub(CRYPTO_ERROR)?;
    u8::try_from(number).ok().map(AlertDescription::from)
}

/// Whether it was we who ended it, with an alert that is about the server's certificate.
fn is_certificate(error: &ConnectionError) -> bool {
    use AlertDescription as A;
    let ConnectionError::TransportError(error) = error else { return false };
    let about = [A::BadCertificate, A::CertificateRevoked, A::CertificateExpired, A::CertificateUnknown, A::UnknownCA];
    about.into_iter().any(|alert| u64::from(error.code) == CRYPTO_ERROR + u64::from(u8::from(alert)))
}

/// The two halves of the handshake.
fn parts(shaken: &Shaken, span: Span) -> Vec<Step> {
    let agreed_ns = shaken.agreed_ns.saturating_sub(span.start_ns).min(span.duration_ns);
    let stats = shaken.connection.stats();
    let first = "Initial packets: the ClientHello there, the ServerHello back".to_owned();
    let second = format!(
        "Handshake packets: certificate and Finished; round trip {}, packets of {} bytes, {} lost",
        crate::render::duration(u64::try_from(shaken.connection.rtt().as_nanos()).unwrap_or(u64::MAX)),
        stats.path.current_mtu,
        stats.path.lost_packets
    );
    let later = Span::new(span.start_ns + agreed_ns, span.duration_ns - agreed_ns, 0);
    vec![
        Step::new(Phase::Quic, first, Span::new(span.start_ns, agreed_ns, 0), None),
        Step::new(Phase::Quic, second, later, None),
    ]
}

fn chain(connection: &quinn::Connection) -> Vec<CertificateDer<'static>> {
    let chain = connection.peer_identity().and_then(|identity| identity.downcast().ok());
    chain.map(|chain| *chain).unwrap_or_default()
}
