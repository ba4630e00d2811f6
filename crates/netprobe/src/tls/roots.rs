//! Whom we trust, and how a chain is checked without losing it.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme};

use super::TlsError;
use super::asked::Asked;

/// Whose signature makes a certificate good.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Roots {
    /// Whom the operating system trusts.
    #[default]
    Platform,
    /// The certificates of this PEM text, and nobody else.
    Pem(Vec<u8>),
    /// Everybody: **nothing is checked**, and reports say so.
    Unchecked,
}

impl Roots {
    /// What checks certificates by these roots.
    pub(super) fn verifier(&self, provider: &Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
        let (origin, store) = match self {
            Self::Platform => ("the operating system", platform()?),
            Self::Pem(pem) => ("the given PEM text", from_pem(pem)?),
            Self::Unchecked => return Ok(Arc::new(Unchecked { provider: Arc::clone(provider) })),
        };
        let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(provider))
            .build()
            .map_err(|error| TlsError::Roots { origin: origin.to_owned(), reason: error.to_string() })?;
        Ok(Arc::new(KeepsTheChain { inner }))
    }
}

fn platform() -> Result<RootCertStore, TlsError> {
    let loaded = rustls_native_certs::load_native_certs();
    let mut store = RootCertStore::empty();
    let (added, _) = store.add_parsable_certificates(loaded.certs);
    if added == 0 {
        let reasons: Vec<String> = loaded.errors.iter().map(ToString::to_string).collect();
        let reason = if reasons.is_empty() { "it has none".to_owned() } else { reasons.join("; ") };
        return Err(TlsError::Roots { origin: "the operating system".to_owned(), reason });
    }
    Ok(store)
}

fn from_pem(pem: &[u8]) -> Result<RootCertStore, TlsError> {
    let wrong = |reason: String| TlsError::Roots { origin: "the given PEM text".to_owned(), reason };
    let mut store = RootCertStore::empty();
    for (index, certificate) in CertificateDer::pem_slice_iter(pem).enumerate() {
        let certificate = certificate.map_err(|error| wrong(format!("certificate {}: {error}", index + 1)))?;
        store.add(certificate).map_err(|error| wrong(format!("certificate {}: {error}", index + 1)))?;
    }
    if store.is_empty() { Err(wrong("it has no certificate".to_owned())) } else { Ok(store) }
}

/// A chain that was not good enough, and why. Travels inside [`CertificateError::Other`]: rustls drops the chain otherwise.
#[derive(Debug)]
pub(super) struct Rejected {
    pub(super) chain: Vec<CertificateDer<'static>>,
    /// Whom it was to be for: the host, or, if that was hidden and the server did not decrypt it, the public name.
    pub(super) name: String,
    pub(super) reason: rustls::Error,
}

impl std::fmt::Display for Rejected {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.reason.fmt(formatter)
    }
}

impl std::error::Error for Rejected {}

impl Rejected {
    /// What a verifier of ours put into an error, if it is such an error.
    pub(super) fn of(error: &rustls::Error) -> Option<&Self> {
        match error {
            rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(other))) => other.downcast_ref(),
            _ => None,
        }
    }
}

/// webpki's verdict; a chain that it rejects is kept in the error.
#[derive(Debug)]
struct KeepsTheChain {
    inner: Arc<WebPkiServerVerifier>,
}

impl ServerCertVerifier for KeepsTheChain {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Asked::note_staple(ocsp_response);
        let verdict = self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        verdict.map_err(|reason| {
            let chain = std::iter::once(end_entity).chain(intermediates);
            let chain = chain.map(|certificate| certificate.clone().into_owned()).collect();
            let rejected = Arc::new(Rejected { chain, name: server_name.to_str().into_owned(), reason });
            rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(rejected)))
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner
            .verify_tls12_signature(message, certificate, signature)
            .inspect(|_| Asked::note_that_an_answer_follows())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// Believes every chain; still checks that the peer has the key of the certificate that it shows.
#[derive(Debug)]
struct Unchecked {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Unchecked {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Asked::note_staple(ocsp_response);
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, known)
            .inspect(|_| Asked::note_that_an_answer_follows())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
