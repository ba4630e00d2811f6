//! Why a handshake failed, in words that say what to do about it.

use std::io;

use rustls::{AlertDescription, CertificateError, InvalidMessage, PeerIncompatible};

use super::certificate::{Certificate, DAY_S, unix_now_s};
use super::ech::Hiding;
use super::roots::Rejected;
use super::{ClientCertificate, EchOutcome, TlsError, certificate};

/// A handshake that was tried.
pub(super) struct Attempt<'a> {
    pub(super) host: &'a str,
    pub(super) hiding: Option<&'a Hiding>,
    /// What the server wanted to know of us, if it asked and has been answered.
    pub(super) told: Option<&'a ClientCertificate>,
}

/// Why one failed.
pub(super) struct Failure {
    pub(super) error: TlsError,
    /// What the server showed, if it failed because of that.
    pub(super) chain: Vec<Certificate>,
    /// What became of hiding the host, if that is known.
    pub(super) ech: Option<EchOutcome>,
}

impl Attempt<'_> {
    /// What went wrong.
    pub(super) fn explain(&self, error: &io::Error) -> Failure {
        let host = || self.host.to_owned();
        let failure = |error| Failure { error, chain: Vec::new(), ech: None };
        let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) else {
            return failure(TlsError::Cut { host: host(), source: error.into() });
        };
        if let Some(rejected) = Rejected::of(error) {
            return self.explain_rejected(rejected);
        }
        if let (Some(hiding), Some(has_retry_keys)) = (self.hiding, rejected_ech(error)) {
            let public_name = hiding.public_name().unwrap_or_default().to_owned();
            let ech = Some(hiding.outcome(false));
            return Failure { ech, ..failure(TlsError::EchRejected { host: host(), public_name, has_retry_keys }) };
        }
        let refused = match error {
            // TLS 1.2: the server looks at the certificate before the handshake is done.
            rustls::Error::AlertReceived(alert) => self.told.and_then(|told| refused(self.host, *alert, told)),
            _ => None,
        };
        failure(refused.unwrap_or_else(|| explain_protocol(host(), error)))
    }

    /// A certificate that is not good enough for the host, or for the public name: which of them it was to be for says whether the server
    /// had decrypted the ClientHello.
    fn explain_rejected(&self, rejected: &Rejected) -> Failure {
        let chain = certificate::parse_chain(&rejected.chain);
        let public_name = self.hiding.and_then(Hiding::public_name);
        let hidden_behind = public_name.filter(|name| !name.eq_ignore_ascii_case(self.host));
        let outer = hidden_behind.filter(|name| name.eq_ignore_ascii_case(&rejected.name));
        let error = explain_certificate(outer.unwrap_or(self.host), &rejected.reason, &chain);
        let error = match outer {
            None => error,
            Some(name) => TlsError::EchUnproven {
                host: self.host.to_owned(),
                public_name: name.to_owned(),
                reason: Box::new(error),
            },
        };
        let hiding = self.hiding.filter(|_| hidden_behind.is_some());
        Failure { error, chain, ech: hiding.map(|hiding| hiding.outcome(outer.is_none())) }
    }
}

/// Whether the server went on with the public name in place of the encrypted one, and if so, whether it sent keys to try again with.
fn rejected_ech(error: &rustls::Error) -> Option<bool> {
    match error {
        rustls::Error::PeerIncompatible(PeerIncompatible::ServerRejectedEncryptedClientHello(keys)) => {
            Some(keys.as_ref().is_some_and(|keys| !keys.is_empty()))
        }
        _ => None,
    }
}

/// What an alert means that ends a handshake of QUIC.
#[cfg(feature = "h3")]
pub(crate) fn explain_alert(host: &str, alert: AlertDescription) -> TlsError {
    explain_protocol(host.to_owned(), &rustls::Error::AlertReceived(alert))
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
