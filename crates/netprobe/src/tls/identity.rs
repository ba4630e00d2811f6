//! Who the client is, for servers that ask.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use serde::{Deserialize, Serialize};

use super::{Certificate, TlsError, warm_provider};

/// Who we are, for servers that ask: a certificate with those between it and a root, and its key. The key is in no report and no debug
/// output.
#[derive(Clone)]
pub struct ClientIdentity {
    pub(super) certified: Arc<CertifiedKey>,
}

impl ClientIdentity {
    /// Reads the chain, one's own certificate first, and the key of that certificate. Both may stand in the same text.
    ///
    /// # Errors
    /// [`TlsError::Identity`] if one of them is not there, or they do not belong together.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let wrong = |reason: String| TlsError::Identity { reason };
        let certificates: Result<Vec<CertificateDer<'static>>, _> = CertificateDer::pem_slice_iter(chain).collect();
        // What is wrong with them is not repeated: the key may stand in the same text.
        let certificates = certificates.map_err(|_| wrong("its certificates cannot be read".to_owned()))?;
        if certificates.is_empty() {
            return Err(wrong("there is no certificate in the PEM text".to_owned()));
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| wrong(no_key(key, &error)))?;
        Self::new(certificates, key)
    }

    pub(crate) fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Self, TlsError> {
        let certified = CertifiedKey::from_der(chain, key, &warm_provider());
        let certified = certified.map_err(|error| TlsError::Identity {
            reason: match error {
                rustls::Error::InconsistentKeys(_) => "the key is not that of the first certificate".to_owned(),
                other => other.to_string(),
            },
        })?;
        Ok(Self { certified: Arc::new(certified) })
    }

    /// The certificate that says who we are.
    #[must_use]
    pub fn certificate(&self) -> Option<Certificate> {
        self.certified.cert.first().and_then(|der| Certificate::parse(der))
    }
}

/// The text is not repeated: it may be a key all the same.
fn no_key(pem: &[u8], error: &rustls::pki_types::pem::Error) -> String {
    let is_encrypted = pem.windows(9).any(|window| window == b"ENCRYPTED");
    if is_encrypted {
        "its key is encrypted; only plain keys are read"
    } else {
        match error {
            rustls::pki_types::pem::Error::NoItemsFound => "there is no private key in the PEM text",
            _ => "its key cannot be read",
        }
    }
    .to_owned()
}

impl PartialEq for ClientIdentity {
    /// Whether it is the same chain; its key is then the same too.
    fn eq(&self, other: &Self) -> bool {
        self.certified.cert == other.certified.cert
    }
}

impl Eq for ClientIdentity {}

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ClientIdentity").field("certificate", &self.certificate()).finish_non_exhaustive()
    }
}

/// What a server wanted to know of us (CertificateRequest: RFC 8446, section 4.3.2; RFC 5246, section 7.4.4), and what it was told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientCertificate {
    /// The authorities whose certificates it takes; none if it does not say.
    pub authorities: Vec<String>,
    /// The certificate that we sent, and with it the proof that we have its key; none if we have no identity, or none whose key
    /// signs in a way that the server takes, or if the handshake failed before that.
    pub sent: Option<Certificate>,
    /// The certificate that was to be sent, if the handshake failed before it was: the server has not seen it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsent: Option<Certificate>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pem() -> (String, String) {
        let key = rcgen::KeyPair::generate().expect("a key");
        let params = rcgen::CertificateParams::new(["ann.test".to_owned()]).expect("a name");
        (params.self_signed(&key).expect("a certificate").pem(), key.serialize_pem())
    }

    fn reason(chain: &str, key: &str) -> String {
        match ClientIdentity::from_pem(chain.as_bytes(), key.as_bytes()) {
            Err(TlsError::Identity { reason }) => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_chain_and_its_key_belong_together_and_the_key_is_never_shown() {
        let ((chain, key), (other_chain, other_key)) = (pem(), pem());
        let identity = ClientIdentity::from_pem(chain.as_bytes(), key.as_bytes()).expect("an identity");
        let both = chain.clone() + &key;
        assert_eq!(ClientIdentity::from_pem(both.as_bytes(), both.as_bytes()), Ok(identity.clone()));
        assert_eq!(identity.certificate().map(|one| one.names), Some(vec!["ann.test".to_owned()]));
        let shown = format!("{identity:?}");
        let secret = key.lines().nth(1).expect("a line of the key");
        assert!(shown.contains("ann.test") && !shown.contains(secret) && !shown.contains("PRIVATE"), "{shown}");
        assert_eq!(reason(&chain, &other_key), "the key is not that of the first certificate");
        assert_eq!(reason(&other_chain, &key), "the key is not that of the first certificate");
        assert_eq!(reason(&key, &key), "there is no certificate in the PEM text");
        assert_eq!(reason(&chain, &chain), "there is no private key in the PEM text");
        let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        assert_eq!(reason(&chain, encrypted), "its key is encrypted; only plain keys are read");
        assert_eq!(reason("-----BEGIN CERTIFICATE-----\n?", &key), "its certificates cannot be read");
        let unbroken = chain.clone() + &key.replace('\n', "");
        assert_eq!(reason(&unbroken, &unbroken), "its certificates cannot be read");
    }
}
