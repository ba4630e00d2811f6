//! What each fault is, and how it looks from a browser's window.

use super::Fault;

impl Fault {
    /// What is wrong, in a sentence.
    #[must_use]
    pub fn description(self) -> &'static str {
        match self {
            Self::CnameLoop => "the name is an alias of an alias of itself, all in one answer",
            Self::CnameLoopAcrossZones => {
                "the name is an alias of a name in another zone, which is an alias of the first"
            }
            Self::EndlessAliases => "aliases of aliases, more than anybody follows",
            Self::LameServer => "the first name server does not know that the zone is its own",
            Self::ServFail => "the first name server fails",
            Self::SilentServer => "the first name server says nothing",
            Self::MalformedAnswer => "the first name server sends bytes that are no message",
            Self::BogusServer => {
                "the first name server answers with what nobody signed, the second with what was signed"
            }
            Self::StaleServer => {
                "the first name server has an old version of the zone, with an address where nobody is any more"
            }
            Self::LostQuery => "the first datagram of every query is lost",
            Self::EveryServerFails => "every name server of the zone fails",
            Self::Truncated => "the answer does not fit a datagram",
            Self::WrongId => "before the answer comes one with another ID: somebody guesses",
            Self::WrongSource => "before the answer comes one from another port: somebody guesses",
            Self::WrongCase => "the server answers in small letters whatever it was asked in",
            Self::ForeignGlue => "the referral names an address that is none of its business, and it is wrong",
            Self::NsLoop => "two zones whose name servers have their names in each other",
            Self::NxDomain => "the name does not exist",
            Self::NoData => "the name exists, and has no address",
            Self::BogusSignature => "a DNSSEC signature does not verify",
            Self::ExpiredSignature => "a DNSSEC signature was good until it expired",
            Self::MissingSignature => "the zone is signed, this record is not",
            Self::WrongDs => "the parent zone vouches for another key than the zone has",
            Self::SelfSignedDs => "the fingerprint of the zone's key is signed by that key, not by the parent's",
            Self::MissingProof => "the zone is signed, and does not prove that there is nothing",
            Self::HttpsRecordMalformed => "the record that says how the site is reached has a parameter twice",
            Self::HttpsRecordLoop => "the record that says how the site is reached is an alias of an alias of itself",
            Self::HttpsRecordSilent => "the name server says nothing to those who ask how the site is reached",
            Self::HttpsRecordDeadHint => {
                "the record that says how the site is reached hints at an address where nobody answers"
            }
            Self::HttpsRecordDeadServer => "the server that the site's record prefers refuses, the next one is there",
            Self::DotWrongCertificate => "the resolver behind TLS shows somebody else's certificate",
            Self::DotHangsUp => "the resolver behind TLS hangs up when it is asked",
            Self::DohStatus => "the resolver behind HTTPS answers with the status 500",
            Self::DohContentType => "the resolver behind HTTPS answers with a web page",
            Self::DohWrongId => "the resolver behind HTTPS answers with another ID",
            Self::DohWrongQuestion => "the resolver behind HTTPS answers another question",
            Self::DohEndlessBody => "the answer of the resolver behind HTTPS never ends",
            Self::ConnectionRefused => "nobody listens on the port",
            Self::SilentAddress => "the SYN is never answered",
            Self::BrokenFirstAddress => "the first address does not answer, the second does",
            Self::ProxyHangsUp => "the proxy hangs up when it is asked for a connection",
            Self::SocksShortReply => "the reply of the SOCKS proxy is shorter than it says",
            Self::ExpiredCertificate => "the certificate was good until it expired",
            Self::NotYetValidCertificate => "the certificate is good from tomorrow",
            Self::WrongHost => "the certificate is somebody else's",
            Self::SelfSigned => "the certificate vouches for itself",
            Self::MissingIntermediate => "the server left out the certificate between its own and the root",
            Self::UntrustedRoot => "the chain is whole, and nobody trusts its root",
            Self::OldTls => "the server knows nothing newer than TLS 1.1",
            Self::ResetInHandshake => "the connection is reset in the middle of the handshake",
            Self::NotTls => "the port answers in plain HTTP",
            Self::SilentHandshake => "the connection is accepted, and the handshake never answered",
            Self::RevokedStaple => "what the server stapled to its certificate says that it is revoked",
            Self::StaleStaple => "what the server stapled to its certificate was good until three days ago",
            Self::EchRejected => "the site's record has keys to hide its name with, and the server does not decrypt it",
            Self::ClientCertificateMissing => "the server wants to know who the client is, and is not told",
            Self::ClientCertificateUntrusted => {
                "the client shows a certificate of an authority that the server does not know"
            }
            Self::EarlyDataRejected => "the server gives tickets for early data, and does not take it",
            Self::EarlyDataReplayed => {
                "somebody in the middle sends the request of a first flight twice, and both are heard"
            }
            Self::TooEarly => "the server wants a request that came with the ClientHello once more",
            Self::SlowHeaders => "the head of the answer comes one byte at a time",
            Self::SlowBody => "the body comes one byte at a time",
            Self::StalledHttp3 => "over HTTP/3 the server takes the request and never answers; over TCP it does",
            Self::EndlessHints => "hints (103) of what the page will need, and never the page",
            Self::HeaderBomb => "the head never ends",
            Self::EndlessBody => "the body never ends",
            Self::GzipBomb => "a small body that decompresses to 200 MiB",
            Self::CorruptGzip => "the body is not the gzip that its head says",
            Self::TruncatedBody => "the body ends before its announced length",
            Self::NotHttp => "the answer is not HTTP but a mail server's greeting",
            Self::ResetInBody => "the connection is reset in the middle of the body",
            Self::RedirectLoop => "two pages redirect to each other",
            Self::Downgrade => "https redirects to http",
        }
    }

    /// What Chromium's window shows. Written down from its list of network errors, not measured; where a resolver stands between
    /// the browser and the name servers, the resolver decides how much of a fault arrives.
    #[must_use]
    pub fn browser(self) -> &'static str {
        match self {
            Self::NxDomain => "DNS_PROBE_FINISHED_NXDOMAIN",
            Self::CnameLoop
            | Self::CnameLoopAcrossZones
            | Self::EndlessAliases
            | Self::EveryServerFails
            | Self::NsLoop
            | Self::NoData
            | Self::BogusSignature
            | Self::ExpiredSignature
            | Self::MissingSignature
            | Self::WrongDs
            | Self::SelfSignedDs
            | Self::MissingProof
            | Self::DotWrongCertificate
            | Self::DotHangsUp
            | Self::DohStatus
            | Self::DohContentType
            | Self::DohWrongId
            | Self::DohWrongQuestion
            | Self::DohEndlessBody => "ERR_NAME_NOT_RESOLVED",
            Self::ConnectionRefused | Self::StaleServer => "ERR_CONNECTION_REFUSED",
            Self::SilentAddress => "ERR_CONNECTION_TIMED_OUT, after minutes",
            Self::ProxyHangsUp => "ERR_TUNNEL_CONNECTION_FAILED",
            Self::SocksShortReply => "ERR_SOCKS_CONNECTION_FAILED",
            Self::ExpiredCertificate | Self::NotYetValidCertificate => "ERR_CERT_DATE_INVALID",
            Self::WrongHost => "ERR_CERT_COMMON_NAME_INVALID",
            Self::SelfSigned | Self::MissingIntermediate | Self::UntrustedRoot => "ERR_CERT_AUTHORITY_INVALID",
            Self::OldTls => "ERR_SSL_VERSION_OR_CIPHER_MISMATCH",
            Self::ResetInHandshake | Self::ResetInBody => "ERR_CONNECTION_RESET",
            Self::NotTls => "ERR_SSL_PROTOCOL_ERROR",
            Self::RevokedStaple => "ERR_CERT_REVOKED",
            Self::StaleStaple => "nothing: the page",
            Self::EchRejected => "nothing: the page, its name in the clear at the second try",
            Self::ClientCertificateMissing => "ERR_BAD_SSL_CLIENT_AUTH_CERT",
            Self::ClientCertificateUntrusted => "ERR_BAD_SSL_CLIENT_AUTH_CERT",
            Self::SilentHandshake => "ERR_TIMED_OUT, after minutes",
            Self::SlowHeaders | Self::SlowBody | Self::EndlessHints => "nothing: it goes on loading",
            Self::HeaderBomb => "ERR_RESPONSE_HEADERS_TOO_BIG",
            Self::EndlessBody | Self::GzipBomb => "nothing: the tab grows until it is closed",
            Self::CorruptGzip => "ERR_CONTENT_DECODING_FAILED",
            Self::TruncatedBody => "ERR_CONTENT_LENGTH_MISMATCH",
            Self::NotHttp => "ERR_INVALID_HTTP_RESPONSE",
            Self::RedirectLoop => "ERR_TOO_MANY_REDIRECTS",
            Self::Downgrade => "the page, and \"Not secure\" beside its address",
            Self::LameServer
            | Self::ServFail
            | Self::SilentServer
            | Self::MalformedAnswer
            | Self::BogusServer
            | Self::LostQuery
            | Self::Truncated
            | Self::WrongId
            | Self::WrongSource
            | Self::WrongCase
            | Self::ForeignGlue
            | Self::StalledHttp3
            | Self::BrokenFirstAddress
            | Self::HttpsRecordMalformed
            | Self::HttpsRecordLoop
            | Self::HttpsRecordSilent
            | Self::HttpsRecordDeadHint
            | Self::HttpsRecordDeadServer
            | Self::EarlyDataRejected
            | Self::TooEarly => "nothing: the page, a little later",
            Self::EarlyDataReplayed => "nothing: the page, and what it did may have been done twice",
        }
    }
}
