//! What goes wrong in the lab, and where.

mod gallery;
mod names;

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

/// The zone that all hosts of the lab are in.
pub(super) const ZONE: &str = "whiteboard.test";

/// Where the lab's healthy web server listens.
pub(super) const WEB: Ipv4Addr = Ipv4Addr::new(127, 0, 1, 1);

/// Where nobody answers: every SYN is dropped.
pub(super) const SILENT: Ipv4Addr = Ipv4Addr::new(127, 0, 1, 3);

/// Where nobody listens: every SYN is refused.
pub(super) const REFUSING: Ipv4Addr = Ipv4Addr::new(127, 0, 1, 2);

/// Where the lab's resolver listens, healthy or not.
pub(super) const RESOLVER: Ipv4Addr = Ipv4Addr::new(127, 0, 2, 53);

/// One way in which the internet breaks. Each has a host of its own in the lab, `<name>.whiteboard.test`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Fault {
    // DNS: what the lab's name servers do.
    /// A CNAME chain that comes back to its start, inside one answer.
    CnameLoop,
    /// A CNAME chain that comes back to its start across two zones.
    CnameLoopAcrossZones,
    /// More CNAMEs in a row than anybody follows.
    EndlessAliases,
    /// The first name server of the zone does not know that it is one.
    LameServer,
    /// The first name server of the zone fails.
    ServFail,
    /// The first name server of the zone says nothing.
    SilentServer,
    /// The first name server of the zone sends bytes that are no message.
    MalformedAnswer,
    /// The first name server of the zone answers with what nobody signed.
    BogusServer,
    /// The first name server of the zone has an old version of it, with an address where nobody is any more.
    StaleServer,
    /// The first datagram of every query is lost.
    LostQuery,
    /// Every name server of the zone fails.
    EveryServerFails,
    /// The answer does not fit a datagram.
    Truncated,
    /// Before the answer comes one with another ID.
    WrongId,
    /// Before the answer comes one from another port.
    WrongSource,
    /// The server answers in small letters whatever it was asked in.
    WrongCase,
    /// The referral gives an address for a name server that is none of its business, and it is wrong.
    ForeignGlue,
    /// Two zones whose name servers have their names in each other.
    NsLoop,
    /// The name does not exist.
    NxDomain,
    /// The name exists, and has no address.
    NoData,
    /// A signature that does not verify.
    BogusSignature,
    /// A signature that was good until it expired.
    ExpiredSignature,
    /// The zone is signed, these records are not.
    MissingSignature,
    /// The parent vouches for another key than the zone has.
    WrongDs,
    /// The fingerprint of the zone's key is signed by that very key instead of the parent's.
    SelfSignedDs,
    /// The zone is signed, and does not prove that there is no address.
    MissingProof,
    /// The record that says how the site is reached has the same parameter twice.
    HttpsRecordMalformed,
    /// The record that says how the site is reached is an alias of an alias of itself.
    HttpsRecordLoop,
    /// The name server says nothing to those who ask how the site is reached.
    HttpsRecordSilent,
    /// The record that says how the site is reached names an address where nobody answers, and a host that has a better one.
    HttpsRecordDeadHint,
    /// The server that the record prefers refuses, the next one is there.
    HttpsRecordDeadServer,

    // DNS: what the lab's resolver does.
    /// The resolver behind TLS shows somebody else's certificate.
    DotWrongCertificate,
    /// The resolver behind TLS hangs up when it is asked.
    DotHangsUp,
    /// The resolver behind HTTPS answers with the status 500.
    DohStatus,
    /// The resolver behind HTTPS answers with a web page.
    DohContentType,
    /// The resolver behind HTTPS answers with another ID.
    DohWrongId,
    /// The resolver behind HTTPS answers another question.
    DohWrongQuestion,
    /// The answer of the resolver behind HTTPS never ends.
    DohEndlessBody,

    // TCP.
    /// Nobody listens.
    ConnectionRefused,
    /// The SYN is never answered.
    SilentAddress,
    /// The name's first address does not answer, its second does.
    BrokenFirstAddress,

    // Proxies.
    /// The proxy hangs up when it is asked for a connection.
    ProxyHangsUp,
    /// The reply of the SOCKS proxy is shorter than it says.
    SocksShortReply,

    // TLS.
    /// The certificate was good until it expired.
    ExpiredCertificate,
    /// The certificate is good from tomorrow.
    NotYetValidCertificate,
    /// The certificate is somebody else's.
    WrongHost,
    /// The certificate vouches for itself.
    SelfSigned,
    /// The server left out the certificate between its own and the root.
    MissingIntermediate,
    /// The chain is whole, and nobody trusts its root.
    UntrustedRoot,
    /// The server knows nothing newer than TLS 1.1.
    OldTls,
    /// The connection is reset in the middle of the handshake.
    ResetInHandshake,
    /// The port answers in plain HTTP.
    NotTls,
    /// The server accepts the connection and never answers the handshake.
    SilentHandshake,

    /// What the server stapled to its certificate says that it is revoked.
    RevokedStaple,
    /// What the server stapled to its certificate was good until three days ago.
    StaleStaple,
    /// The site's HTTPS record has keys to hide its name with, and its server does not decrypt it.
    EchRejected,
    /// The server wants to know who the client is, and is not told.
    ClientCertificateMissing,
    /// The client shows a certificate of an authority that the server does not know.
    ClientCertificateUntrusted,
    /// The server gives tickets for early data, and does not take it.
    EarlyDataRejected,
    /// Somebody in the middle sends the first flight twice, and the server acts on the early data in both.
    EarlyDataReplayed,
    /// The server wants a request that came as early data once more (425).
    TooEarly,

    // HTTP.
    /// The head of the answer comes one byte at a time.
    SlowHeaders,
    /// The body comes one byte at a time.
    SlowBody,
    /// Over HTTP/3 the server takes the request and never answers; over TCP it does. It shows with the feature `h3`.
    StalledHttp3,
    /// One informational answer (103) after the other, and never the answer.
    EndlessHints,
    /// The head never ends.
    HeaderBomb,
    /// The body never ends.
    EndlessBody,
    /// A few kilobytes that decompress to gigabytes.
    GzipBomb,
    /// The body is not the gzip that its head says.
    CorruptGzip,
    /// The body ends before its announced length.
    TruncatedBody,
    /// The answer is not HTTP.
    NotHttp,
    /// The connection is reset in the middle of the body.
    ResetInBody,
    /// Two pages that redirect to each other.
    RedirectLoop,
    /// From `https:` to `http:`.
    Downgrade,
}

impl Fault {
    /// Whether it is a resolver that breaks, whatever it is asked for.
    pub(super) fn is_of_resolver(self) -> bool {
        matches!(
            self,
            Self::DotWrongCertificate
                | Self::DotHangsUp
                | Self::DohStatus
                | Self::DohContentType
                | Self::DohWrongId
                | Self::DohWrongQuestion
                | Self::DohEndlessBody
        )
    }

    /// Whether it is a proxy that breaks, whatever it is asked for.
    pub(super) fn is_of_proxy(self) -> bool {
        matches!(self, Self::ProxyHangsUp | Self::SocksShortReply)
    }

    /// Whether it is the client that does not say who it is, or not well enough.
    pub(super) fn is_of_client(self) -> bool {
        matches!(self, Self::ClientCertificateMissing | Self::ClientCertificateUntrusted)
    }

    /// Whether it shows at a second visit with [`Probe::early_data`](crate::Probe::early_data), when there is a ticket.
    #[must_use]
    pub fn needs_a_ticket(self) -> bool {
        matches!(self, Self::EarlyDataRejected | Self::EarlyDataReplayed | Self::TooEarly)
    }

    /// Its host in the lab.
    #[must_use]
    pub fn host(self) -> String {
        format!("{}.{ZONE}", self.name())
    }

    /// The address of the lab's web server that plays it; hosts that differ by their certificate or their answers alone share
    /// one. Faults of DNS have the healthy one, where they have any.
    pub(super) fn address(self) -> Ipv4Addr {
        match self {
            fault if fault.is_of_resolver() => RESOLVER,
            // What the old version says.
            Self::ConnectionRefused | Self::StaleServer => REFUSING,
            Self::SilentAddress | Self::BrokenFirstAddress => SILENT,
            Self::OldTls => Ipv4Addr::new(127, 0, 1, 4),
            Self::ResetInHandshake => Ipv4Addr::new(127, 0, 1, 5),
            Self::NotTls => Ipv4Addr::new(127, 0, 1, 6),
            Self::SilentHandshake => Ipv4Addr::new(127, 0, 1, 7),
            Self::EarlyDataReplayed => Ipv4Addr::new(127, 0, 1, 8),
            _ => WEB,
        }
    }
}
