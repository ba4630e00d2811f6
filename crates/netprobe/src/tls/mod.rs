//! TLS: from a connection to a secret shared with somebody known.
//!
//! The client says which ciphers and groups it can do and sends its half of a Diffie–Hellman exchange; the server picks, sends its
//! own half and a certificate that says whose key signs the conversation. From then on both have the same symmetric keys, and
//! nobody who listened has. TLS 1.3 (RFC 8446) needs one round trip for it, TLS 1.2 (RFC 5246) two. A server may ask who the client is, too
//! ([`ClientIdentity`]).

mod asked;
mod certificate;
mod client;
mod ech;
mod error;
mod handshake;
mod identity;
mod reason;
mod roots;
pub mod scan;
mod shake;
mod staple;
mod tickets;
mod watched;

use std::sync::{Arc, OnceLock};

use rustls::crypto::{CryptoProvider, aws_lc_rs};

pub use certificate::{Certificate, SignedTimestamp};
pub use client::TlsClient;
pub use ech::{Ech, EchKeys, EchOutcome};
pub use error::TlsError;
pub use handshake::{EarlyData, Handshake, HandshakeKind, Trust};
pub use identity::{ClientCertificate, ClientIdentity};
#[cfg(feature = "h3")]
pub(crate) use reason::explain_alert;
pub(crate) use reason::explain_ending;
pub use roots::Roots;
pub use staple::{Revocation, Signer, Staple, StapledAnswer};
pub use tickets::Tickets;
pub(crate) use watched::{Ending, Watched};

/// Which protocols are offered inside TLS (ALPN, RFC 7301).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Alpn {
    /// HTTP/2, else HTTP/1.1.
    #[default]
    Any,
    /// HTTP/1.1 alone.
    Http1,
    /// HTTP/2 alone.
    Http2,
    /// DNS over TLS (RFC 7858), which is no HTTP.
    Dot,
}

impl Alpn {
    fn protocols(self) -> Vec<Vec<u8>> {
        match self {
            Self::Any => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            Self::Http1 => vec![b"http/1.1".to_vec()],
            Self::Http2 => vec![b"h2".to_vec()],
            Self::Dot => vec![b"dot".to_vec()],
        }
    }
}

/// The cryptography, with everything done once that is slow only the first time.
pub(crate) fn warm_provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    let provider = PROVIDER.get_or_init(|| {
        let provider = aws_lc_rs::default_provider();
        // A failure here would come back in the handshake, where it can be reported.
        let _ = provider.secure_random.fill(&mut [0; 32]);
        for group in &provider.kx_groups {
            let _ = group.start();
        }
        Arc::new(provider)
    });
    Arc::clone(provider)
}
