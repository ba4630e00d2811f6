//! Why a handshake failed, as a value.

use serde::{Deserialize, Serialize};

use crate::IoFailure;

/// Why there is no secret, or one with nobody knows whom.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TlsError {
    /// The host is not a name that a certificate can have.
    #[error("{host:?} is not a name that a certificate can have")]
    ServerName {
        /// The host.
        host: String,
    },
    /// There is nothing to check certificates against.
    #[error("no trusted roots from {origin}: {reason}")]
    Roots {
        /// Where they were to come from.
        origin: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The certificate was good once.
    #[error("{host}: the certificate of {subject} expired {} ago", days(*days_ago))]
    Expired {
        /// The host.
        host: String,
        /// Whose certificate it is: the host's own, or one further up the chain.
        subject: String,
        /// For how many whole days it has been expired.
        days_ago: i64,
    },
    /// The certificate will be good.
    #[error("{host}: the certificate of {subject} is not valid before {} from now; is this machine's clock right?", days(*days_ahead))]
    NotYetValid {
        /// The host.
        host: String,
        /// Whose certificate it is.
        subject: String,
        /// In how many whole days it will be valid.
        days_ahead: i64,
    },
    /// The certificate is somebody else's.
    #[error("{host}: the certificate is not for this host but for {}", list(names))]
    WrongHost {
        /// The host that was asked for.
        host: String,
        /// The names that the certificate is for.
        names: Vec<String>,
    },
    /// The certificate vouches for itself.
    #[error("{host}: the certificate of {subject} is self-signed: nobody else vouches for it")]
    SelfSigned {
        /// The host.
        host: String,
        /// Whose certificate it is.
        subject: String,
    },
    /// The server left out a link.
    #[error("{host}: the server did not send the intermediate certificate of {issuer}, which signed {subject}")]
    MissingIntermediate {
        /// The host.
        host: String,
        /// Whose certificate is the last that the server sent.
        subject: String,
        /// Who signed it.
        issuer: String,
    },
    /// The chain is whole, and ends at somebody whom nobody here trusts.
    #[error("{host}: the chain ends at {root}, which is not among the trusted roots")]
    UntrustedRoot {
        /// The host.
        host: String,
        /// The root.
        root: String,
    },
    /// Something else is wrong with the certificate.
    #[error("{host}: the certificate is not acceptable: {reason}")]
    Certificate {
        /// The host.
        host: String,
        /// What the verifier said.
        reason: String,
    },
    /// The server knows nothing newer than TLS 1.1.
    #[error("{host}: the server is too old: it wants {offered}, and nothing older than TLS 1.2 is safe")]
    TooOld {
        /// The host.
        host: String,
        /// What the server wants, as far as it says.
        offered: String,
    },
    /// No cipher suite, group or signature scheme that both sides know.
    #[error("{host}: the two sides have nothing in common: {reason}")]
    NothingInCommon {
        /// The host.
        host: String,
        /// What was missing.
        reason: String,
    },
    /// What came back is not TLS.
    #[error("{host}: what answers is not TLS; an http:// URL may be meant")]
    NotTls {
        /// The host.
        host: String,
    },
    /// The server gave up, and said why in one word.
    #[error("{host}: the server ended the handshake with the alert {alert}")]
    Alert {
        /// The host.
        host: String,
        /// The alert's name.
        alert: String,
    },
    /// The server gave up after the handshake.
    #[error("{host}: after the handshake, the server ended the connection with the alert {alert}")]
    LateAlert {
        /// The host.
        host: String,
        /// The alert's name.
        alert: String,
    },
    /// What was to say who we are cannot be read, or does not belong together.
    #[error("the client certificate cannot be used: {reason}")]
    Identity {
        /// What is wrong with it.
        reason: String,
    },
    /// The server wants to know who we are.
    #[error("{host}: the server wants a client certificate{}, and none was sent (the alert {alert})", of(authorities))]
    ClientCertificateRequired {
        /// The host.
        host: String,
        /// The authorities whose certificates it takes; none if it does not say.
        authorities: Vec<String>,
        /// The alert's name.
        alert: String,
    },
    /// The server does not take our word for who we are.
    #[error(
        "{host}: the server refuses the client certificate of {subject}, signed by {issuer}, with the alert {alert}"
    )]
    ClientCertificateRefused {
        /// The host.
        host: String,
        /// Whose certificate was sent.
        subject: String,
        /// Who signed it.
        issuer: String,
        /// The alert's name.
        alert: String,
    },
    /// The keys that hide the name in the ClientHello cannot be used.
    #[error("{host}: its HTTPS record has no keys for an encrypted ClientHello that can be used: {reason}")]
    EchKeys {
        /// The host.
        host: String,
        /// What is wrong with them.
        reason: String,
    },
    /// The server did not decrypt the ClientHello, and went on as the public name (RFC 9849, section 6.1.6). Its certificate is for that,
    /// unless nobody checks certificates.
    #[error("{host}: the server did not decrypt the ClientHello, and went on as {public_name}{}", retry(*has_retry_keys))]
    EchRejected {
        /// The host, which nobody but the client knows of.
        host: String,
        /// The name that everybody could see.
        public_name: String,
        /// Whether it sent keys to try again with.
        has_retry_keys: bool,
    },
    /// The server did not decrypt the ClientHello, and its certificate is not good for the public name (RFC 9849, section 6.1.7): it may be
    /// anybody, and keys that it sent must not be used.
    #[error(
        "{host}: the server did not decrypt the ClientHello, and cannot show to be {public_name}, the public name of the keys: {reason}"
    )]
    EchUnproven {
        /// The host, which nobody but the client knows of.
        host: String,
        /// The name that everybody could see, for which the certificate was to be.
        public_name: String,
        /// What is wrong with the certificate. Its host is the public name.
        reason: Box<TlsError>,
    },
    /// The server broke the protocol's rules.
    #[error("{host}: the handshake broke the rules: {reason}")]
    Protocol {
        /// The host.
        host: String,
        /// Which one.
        reason: String,
    },
    /// The connection was cut in the middle of the handshake.
    #[error("{host}: the connection was cut during the handshake")]
    Cut {
        /// The host.
        host: String,
        /// What the system said.
        source: IoFailure,
    },
}

fn days(days: i64) -> String {
    match days {
        0 => "less than a day".to_owned(),
        1 => "1 day".to_owned(),
        more => format!("{more} days"),
    }
}

/// More names than this are only counted in a message; the error itself has all.
const NAMES_MAX: usize = 8;

fn retry(has_keys: bool) -> &'static str {
    if has_keys { "; it sent newer keys" } else { "; it sent no other keys" }
}

fn of(authorities: &[String]) -> String {
    if authorities.is_empty() { String::new() } else { format!(" of {}", list(authorities)) }
}

fn list(names: &[String]) -> String {
    let (told, more) = names.split_at(names.len().min(NAMES_MAX));
    match (told, more.len()) {
        ([], _) => "no host at all".to_owned(),
        (_, 0) => told.join(", "),
        (_, more) => format!("{} and {more} more", told.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_stays_short_however_many_hosts_there_are() {
        let names: Vec<String> = (1..=500).map(|number| format!("{number}.test")).collect();
        let message = |count: usize| {
            TlsError::WrongHost { host: "a.test".to_owned(), names: names[..count].to_vec() }.to_string()
        };
        assert!(message(0).ends_with("but for no host at all"));
        assert!(message(8).ends_with(" 7.test, 8.test"));
        assert!(message(500).ends_with(" 7.test, 8.test and 492 more"));
    }
}
