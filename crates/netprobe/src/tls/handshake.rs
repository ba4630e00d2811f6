//! What a handshake agreed on.

use serde::{Deserialize, Serialize};

use super::{Certificate, ClientCertificate, EchOutcome, Staple, Tickets};
use crate::{Error, Phase, Span, Step};

/// How a handshake began and ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Handshake {
    /// From the ClientHello to the last message of the handshake, or to its failure.
    pub span: Span,
    /// The name in the ClientHello, in the clear: whoever listens learns it. It is the host, or the public name if that was hidden. `None`
    /// when the host is an address.
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
    /// What the server wanted to know of us, if it asked. Who resumes is not asked again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<ClientCertificate>,
    /// What became of hiding the host (RFC 9849), if that was asked for and is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ech: Option<EchOutcome>,
    /// What the server stapled to its certificate: whether its authority has revoked it. Who resumes is not told again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub staple: Option<Staple>,
    /// What became of a request that was to go with the ClientHello, if one was. Also told when the handshake failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub early_data: Option<EarlyData>,
    /// The tickets that the server gave until the first answer was there. None if nobody looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tickets: Option<Tickets>,
}

/// What became of bytes that were to go with the ClientHello (0-RTT: RFC 8446, sections 2.3 and 4.2.10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EarlyData {
    /// The server took them.
    Accepted {
        /// How many.
        bytes: u64,
    },
    /// They were sent, and the server did not want them: they have to be sent again.
    Rejected {
        /// How many.
        bytes: u64,
    },
    /// They were sent, and the handshake failed before the server said what became of them: it may have acted on them. The server's
    /// tickets are forgotten then, so that the next handshake is a whole one without early data, which may well succeed (RFC 8446,
    /// section D.3).
    Unanswered {
        /// How many.
        bytes: u64,
    },
    /// They were not sent: the ticket does not allow so many.
    TooLong {
        /// How many.
        bytes: u64,
        /// How many the ticket allows.
        bytes_max: u64,
    },
    /// They were not sent: there was no ticket that allows any.
    NoTicket,
}

impl EarlyData {
    /// What is known of them once the server has answered.
    pub(super) fn answered(self, is_accepted: bool) -> Self {
        match self {
            Self::Unanswered { bytes } if is_accepted => Self::Accepted { bytes },
            Self::Unanswered { bytes } => Self::Rejected { bytes },
            unsent => unsent,
        }
    }
}

/// How much of a handshake it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HandshakeKind {
    /// From nothing: keys, certificate and all.
    Full,
    /// With one more round trip, since the server wanted another group than the client had guessed (HelloRetryRequest: RFC
    /// 8446, section 4.1.4).
    FullWithHelloRetryRequest,
    /// From a ticket of an earlier one: no certificate, less work (RFC 8446, section 2.2; RFC 5077).
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
    /// Nobody looked: [`Roots::Unchecked`](super::Roots::Unchecked).
    Unchecked,
}

impl Handshake {
    /// One that has agreed on nothing yet.
    pub(super) fn begun(span: Span, trust: Trust) -> Self {
        Self {
            span,
            server_name: None,
            version: None,
            cipher_suite: None,
            group: None,
            is_post_quantum: false,
            alpn: None,
            kind: None,
            trust,
            chain: Vec::new(),
            client_certificate: None,
            early_data: None,
            staple: None,
            ech: None,
            tickets: None,
        }
    }

    /// How often something went there and back before the server could hear the request, the connection itself not counted: by
    /// the rules of TLS 1.2 (RFC 5246, section 7.3) and 1.3 (RFC 8446, section 2), from what the handshake was. None if it failed.
    #[must_use]
    pub fn round_trips(&self) -> Option<u32> {
        let kind = self.kind?;
        let is_early = matches!(self.early_data, Some(EarlyData::Accepted { .. }));
        let is_old = self.version.as_deref() == Some("TLS 1.2");
        Some(match kind {
            _ if is_early => 0,
            HandshakeKind::Full if is_old => 2,
            HandshakeKind::FullWithHelloRetryRequest => 2,
            HandshakeKind::Full | HandshakeKind::Resumed => 1,
        })
    }

    /// The handshake as a step. If nobody knows what became of early data, its name says so.
    #[must_use]
    pub fn step(&self, error: Option<Error>) -> Step {
        let parts = [&self.version, &self.cipher_suite, &self.group, &self.alpn];
        let label: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
        let mut label = if label.is_empty() { "no agreement".to_owned() } else { label.join(", ") };
        if let Some(EarlyData::Unanswered { bytes }) = self.early_data {
            label += &format!("; {bytes} bytes of early data were sent, and nobody knows what became of them");
        }
        Step::new(Phase::Tls, label, self.span, error)
    }
}
