//! The name in the ClientHello, encrypted (RFC 9849): to the keys that a site's HTTPS record has. Whoever listens sees a public name that
//! many sites share. A server that does not decrypt it goes on with that public name, and the client then gives up.

use rustls::client::{ClientConfig, EchConfig, EchGreaseConfig, EchMode};
use rustls::crypto::aws_lc_rs::hpke::{ALL_SUPPORTED_SUITES, DH_KEM_X25519_HKDF_SHA256_AES_128};
use rustls::crypto::hpke::Hpke;
use rustls::pki_types::EchConfigListBytes;
use serde::{Deserialize, Serialize};

use super::{TlsError, warm_provider};

/// Whether the name in the ClientHello is hidden.
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
    /// The server went on with the public name. The handshake failed because of that: [`TlsError::EchRejected`].
    Rejected {
        /// The name that everybody could see.
        public_name: String,
    },
    /// What looked like it meant nothing.
    Grease,
    /// The site's HTTPS record has no keys for it, cannot be used, or was not to be had.
    NoKeys,
}

/// What a client does with the next ClientHello.
pub(super) enum Hiding {
    /// Encrypt it with these keys.
    With {
        config: EchConfig,
        public_name: String,
    },
    Grease,
}

impl Hiding {
    /// Reads an ECHConfigList.
    pub(super) fn with_keys(host: &str, list: &[u8]) -> Result<Self, TlsError> {
        let wrong = |reason: String| TlsError::EchKeys { host: host.to_owned(), reason };
        let config = EchConfig::new(EchConfigListBytes::from(list), ALL_SUPPORTED_SUITES);
        let config = config.map_err(|error| wrong(error.to_string()))?;
        let public_name = public_name(list).ok_or_else(|| wrong("the public name cannot be read".to_owned()))?;
        Ok(Self::With { config, public_name })
    }

    pub(super) fn public_name(&self) -> Option<&str> {
        match self {
            Self::With { public_name, .. } => Some(public_name),
            Self::Grease => None,
        }
    }

    pub(super) fn outcome(&self, is_accepted: bool) -> EchOutcome {
        match (self, is_accepted) {
            (Self::Grease, _) => EchOutcome::Grease,
            (Self::With { public_name, .. }, true) => EchOutcome::Accepted { public_name: public_name.clone() },
            (Self::With { public_name, .. }, false) => EchOutcome::Rejected { public_name: public_name.clone() },
        }
    }

    /// A configuration like another that hides the name. It has TLS 1.3 alone.
    pub(super) fn config(
        &self,
        like: &ClientConfig,
        verifier: std::sync::Arc<dyn rustls::client::danger::ServerCertVerifier>,
    ) -> Result<ClientConfig, rustls::Error> {
        let mode = match self {
            Self::With { config, .. } => EchMode::from(config.clone()),
            Self::Grease => {
                let suite: &'static dyn Hpke = DH_KEM_X25519_HKDF_SHA256_AES_128;
                let (nobodys, _) = suite.generate_key_pair()?;
                EchMode::from(EchGreaseConfig::new(suite, nobodys))
            }
        };
        let builder = ClientConfig::builder_with_provider(warm_provider()).with_ech(mode)?;
        let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
        let mut config = builder.with_client_cert_resolver(std::sync::Arc::clone(&like.client_auth_cert_resolver));
        config.alpn_protocols.clone_from(&like.alpn_protocols);
        config.resumption = like.resumption.clone();
        Ok(config)
    }
}

/// The version of the configurations of RFC 9849.
const VERSION: u16 = 0xfe0d;

/// The public name of the first configuration of RFC 9849 in a list (its section 4).
fn public_name(list: &[u8]) -> Option<String> {
    let (mut configs, _) = vector(list, 2)?;
    while !configs.is_empty() {
        let version = u16::from_be_bytes(configs.first_chunk().copied()?);
        let (contents, rest) = vector(&configs[2..], 2)?;
        configs = rest;
        if version != VERSION {
            continue;
        }
        // The key's ID and its KEM, the key, the suites, the longest name.
        let (_key, rest) = vector(contents.get(3..)?, 2)?;
        let (_suites, rest) = vector(rest, 2)?;
        let (name, _) = vector(rest.get(1..)?, 1)?;
        return String::from_utf8(name.to_vec()).ok();
    }
    None
}

/// A vector with a length of so many bytes in front, and what comes after it.
fn vector(bytes: &[u8], length_bytes: usize) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_at_checked(length_bytes)?;
    rest.split_at_checked(length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_keys_is_read_or_refused() {
        let list = crate::lab::ech_config_list("public.test").expect("a list");
        assert_eq!(public_name(&list).as_deref(), Some("public.test"));
        let read =
            |list: &[u8]| Hiding::with_keys("a.test", list).map(|hiding| hiding.public_name().map(str::to_owned));
        assert_eq!(read(&list), Ok(Some("public.test".to_owned())));
        for end in 0..list.len() {
            assert_eq!(public_name(&list[..end]), None, "{end}");
            assert!(matches!(read(&list[..end]), Err(TlsError::EchKeys { .. })), "{end}");
        }
        let mut of_tomorrow = list.clone();
        of_tomorrow[2] = 0xff;
        assert!(matches!(read(&of_tomorrow), Err(TlsError::EchKeys { .. })));
    }
}
