//! Why a handshake failed, in words that say what to do about it.

use std::io;

use rustls::{AlertDescription, CertificateError, InvalidMessage, PeerIncompatible};

use super::certificate::{Certificate, DAY_S, unix_now_s};
use super::roots::Rejected;
use super::{ClientCertificate, TlsError, certificate};

/// What went wrong, and the chain that the server showed if it was because of that.
pub(super) fn explain(
    host: &str,
    error: &io::Error,
    asked: Option<&ClientCertificate>,
) -> (TlsError, Vec<Certificate>) {
    let host_owned = || host.to_owned();
    let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) else {
        return (TlsError::Cut { host: host_owned(), source: error.into() }, Vec::new());
    };
    if let Some(rejected) = Rejected::of(error) {
        let chain = certificate::parse_chain(&rejected.chain);
        return (explain_certificate(host, &rejected.reason, &chain), chain);
    }
    let refused = match error {
        // TLS 1.2: the server looks at the certificate before the handshake is done.
        rustls::Error::AlertReceived(alert) => asked.and_then(|asked| refused(host, *alert, asked)),
        _ => None,
    };
    (refused.unwrap_or_else(|| explain_protocol(host_owned(), error)), Vec::new())
}

/// Whether the server went on with the public name in place of the encrypted one, and if so, whether it sent keys to try again with.
pub(super) fn rejected_ech(error: &io::Error) -> Option<bool> {
    match error.get_ref()?.downcast_ref::<rustls::Error>()? {
        rustls::Error::PeerIncompatible(PeerIncompatible::ServerRejectedEncryptedClientHello(keys)) => {
            Some(keys.as_ref().is_some_and(|keys| !keys.is_empty()))
        }
        _ => None,
    }
}

/// What an alert means that comes after the handshake.
pub(crate) fn explain_ending(host: &str, alert: AlertDescription, asked: Option<&ClientCertificate>) -> TlsError {
    let other = || TlsError::LateAlert { host: host.to_owned(), alert: format!("{alert:?}") };
    asked.and_then(|asked| refused(host, alert, asked)).unwrap_or_else(other)
}

/// What an alert means that comes once the server has asked who we are, if it is about that.
fn refused(host: &str, alert: AlertDescription, asked: &ClientCertificate) -> Option<TlsError> {
    use AlertDescription as A;
    // RFC 8446, section 6.2; before, a server said HandshakeFailure (RFC 5246, section 7.4.6).
    let is_about_it = matches!(
        alert,
        A::BadCertificate
            | A::UnsupportedCertificate
            | A::CertificateRevoked
            | A::CertificateExpired
            | A::CertificateUnknown
            | A::UnknownCA
            | A::AccessDenied
            | A::DecryptError
            | A::CertificateRequired
            | A::HandshakeFailure
    );
    let (host, alert) = (host.to_owned(), format!("{alert:?}"));
    let refusal = match &asked.sent {
        None => TlsError::ClientCertificateRequired { host, authorities: asked.authorities.clone(), alert },
        Some(sent) => TlsError::ClientCertificateRefused {
            host,
            subject: sent.owner().to_owned(),
            issuer: sent.issuer_name().to_owned(),
            alert,
        },
    };
    is_about_it.then_some(refusal)
}

fn explain_protocol(host: String, error: &rustls::Error) -> TlsError {
    use rustls::Error as E;
    match error {
        E::InvalidMessage(
            InvalidMessage::InvalidContentType
            | InvalidMessage::UnknownProtocolVersion
            | InvalidMessage::InvalidEmptyPayload
            | InvalidMessage::MessageTooLarge,
        ) => TlsError::NotTls { host },
        E::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::Tls12NotOffered,
        ) => TlsError::TooOld { host, offered: "TLS 1.1 or older".to_owned() },
        E::AlertReceived(AlertDescription::ProtocolVersion) => {
            TlsError::TooOld { host, offered: "another protocol version".to_owned() }
        }
        E::AlertReceived(alert @ (AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity)) => {
            TlsError::NothingInCommon { host, reason: format!("the server's alert is {alert:?}") }
        }
        E::AlertReceived(alert) => TlsError::Alert { host, alert: format!("{alert:?}") },
        E::PeerIncompatible(reason) => TlsError::NothingInCommon { host, reason: format!("{reason:?}") },
        E::InvalidCertificate(reason) => TlsError::Certificate { host, reason: reason.to_string() },
        other => TlsError::Protocol { host, reason: other.to_string() },
    }
}

fn explain_certificate(host: &str, reason: &rustls::Error, chain: &[Certificate]) -> TlsError {
    let host_owned = host.to_owned();
    let other = |host| TlsError::Certificate { host, reason: reason.to_string() };
    let (rustls::Error::InvalidCertificate(why), Some(leaf)) = (reason, chain.first()) else {
        return other(host_owned);
    };
    let now = unix_now_s();
    match why {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            let culprit = chain.iter().find(|one| one.not_after_unix_s < now).unwrap_or(leaf);
            let days_ago = (now - culprit.not_after_unix_s).div_euclid(DAY_S);
            TlsError::Expired { host: host_owned, subject: culprit.owner().to_owned(), days_ago }
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            let culprit = chain.iter().find(|one| one.not_before_unix_s > now).unwrap_or(leaf);
            let days_ahead = (culprit.not_before_unix_s - now).div_euclid(DAY_S);
            TlsError::NotYetValid { host: host_owned, subject: culprit.owner().to_owned(), days_ahead }
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            TlsError::WrongHost { host: host_owned, names: leaf.names.clone() }
        }
        CertificateError::UnknownIssuer => unknown_issuer(host_owned, chain, leaf),
        _ => other(host_owned),
    }
}

/// Three different mistakes, one verdict of the verifier's: told apart by where the chain that was sent ends.
///
/// From the leaf, follow issuers among the certificates that were sent. If that ends at the leaf, it is self-signed or its
/// issuer was left out; a public host's certificate is never signed by a root directly. If it ends at an authority, the server
/// sent what it should, and that authority, or the root above it that servers may leave out, is not trusted.
fn unknown_issuer(host: String, chain: &[Certificate], leaf: &Certificate) -> TlsError {
    if leaf.is_self_signed {
        return TlsError::SelfSigned { host, subject: leaf.owner().to_owned() };
    }
    let mut top = leaf;
    for _ in 0..chain.len() {
        match chain.iter().find(|one| one.subject == top.issuer && one.is_authority) {
            Some(issuer) if !top.is_self_signed => top = issuer,
            _ => break,
        }
    }
    if std::ptr::eq(top, leaf) {
        let (subject, issuer) = (leaf.owner().to_owned(), leaf.issuer_name().to_owned());
        return TlsError::MissingIntermediate { host, subject, issuer };
    }
    let root = if top.is_self_signed { top.owner() } else { top.issuer_name() };
    TlsError::UntrustedRoot { host, root: root.to_owned() }
}
