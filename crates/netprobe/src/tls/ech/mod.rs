//! The name in the ClientHello, encrypted (RFC 9849): to the keys that a site's HTTPS record has. Whoever listens sees a public name that
//! many sites share. A server that does not decrypt it goes on with that public name; the client checks that it is that, and gives up
//! (section 6.1.6).

mod keys;

use std::sync::Arc;

use rustls::client::danger::ServerCertVerifier;
use rustls::client::{ClientConfig, EchGreaseConfig, EchMode};
use rustls::crypto::aws_lc_rs::hpke::DH_KEM_X25519_HKDF_SHA256_AES_128;
use rustls::crypto::hpke::Hpke;
use serde::{Deserialize, Serialize};

use super::{TlsError, warm_provider};

pub use keys::EchKeys;

/// Whether the name in the ClientHello is hidden: encrypted ClientHello, ECH (RFC 9849).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Ech {
    /// It is not.
    #[default]
    Off,
    /// It is, if the site's HTTPS record has keys for it.
    Offered,
    /// It is not, and an extension looks as if it were: servers must not stumble over it.
    Grease,
}

/// What became of an encrypted ClientHello.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EchOutcome {
    /// The server decrypted it, and proved that.
    Accepted {
        /// The name that everybody could see.
        public_name: String,
    },
    /// The server went on with the public name. The handshake failed because of that: [`EchRejected`](super::TlsError::EchRejected), or
    /// [`EchUnproven`](super::TlsError::EchUnproven) if it could not show to be that.
    Rejected {
        /// The name that everybody could see.
        public_name: String,
    },
    /// What looked like it meant nothing.
    Grease,
    /// The site's HTTPS record has no keys for it, or was not to be had; or nobody was asked for one ([`Probe::ech`](crate::Probe::ech) says
    /// when), though there may be one with keys.
    NoKeys,
}

/// What a client does with the next ClientHello.
pub(super) enum Hiding {
    /// Encrypt it with these keys.
    With(EchKeys),
    Grease,
}

impl Hiding {
    pub(super) fn public_name(&self) -> Option<&str> {
        match self {
            Self::With(keys) => Some(keys.public_name()),
            Self::Grease => None,
        }
    }

    pub(super) fn outcome(&self, is_accepted: bool) -> EchOutcome {
        match (self.public_name().map(str::to_owned), is_accepted) {
            (None, _) => EchOutcome::Grease,
            (Some(public_name), true) => EchOutcome::Accepted { public_name },
            (Some(public_name), false) => EchOutcome::Rejected { public_name },
        }
    }

    /// Why there is no such configuration: the keys of a record are to blame only where there are some.
    pub(super) fn failure(&self, host: &str, error: &rustls::Error) -> TlsError {
        let host = host.to_owned();
        match self {
            Self::With(_) => TlsError::EchKeys { host, reason: error.to_string() },
            Self::Grease => TlsError::Protocol {
                host,
                reason: format!("nothing can be made up that looks like a hidden name: {error}"),
            },
        }
    }

    /// A configuration like another that hides the name. It has TLS 1.3 alone.
    pub(super) fn config(
        &self,
        like: &ClientConfig,
        verifier: Arc<dyn ServerCertVerifier>,
    ) -> Result<ClientConfig, rustls::Error> {
        let mode = match self {
            Self::With(keys) => EchMode::from(keys.config.clone()),
            Self::Grease => {
                let suite: &'static dyn Hpke = DH_KEM_X25519_HKDF_SHA256_AES_128;
                let (nobodys, _) = suite.generate_key_pair()?;
                EchMode::from(EchGreaseConfig::new(suite, nobodys))
            }
        };
        let builder = ClientConfig::builder_with_provider(warm_provider()).with_ech(mode)?;
        let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
        let mut config = builder.with_client_cert_resolver(Arc::clone(&like.client_auth_cert_resolver));
        config.alpn_protocols.clone_from(&like.alpn_protocols);
        config.resumption = like.resumption.clone();
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_to_blame_only_where_there_are_some() {
        let error = rustls::Error::General("no such suite".to_owned());
        let list = crate::lab::ech_config_list("public.test").expect("a list");
        let keys = Hiding::With(EchKeys::read("a.test", &list).expect("keys"));
        let told = keys.failure("a.test", &error);
        assert!(matches!(&told, TlsError::EchKeys { host, .. } if host == "a.test"), "{told:?}");
        let told = Hiding::Grease.failure("a.test", &error);
        assert!(matches!(&told, TlsError::Protocol { host, .. } if host == "a.test"), "{told:?}");
        assert!(told.to_string().contains("no such suite") && !told.to_string().contains("record"), "{told}");
    }
}
