//! What a certificate says, in words.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rustls::pki_types::CertificateDer;
use serde::{Deserialize, Serialize};
use x509_parser::extensions::{ParsedExtension, SignedCertificateTimestamp};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate, X509Name};
use x509_parser::public_key::PublicKey;

/// One certificate of a chain (RFC 5280).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// Whose key it vouches for.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// The common name in its subject. Only a label: hosts are among `names`.
    #[serde(default)]
    pub common_name: Option<String>,
    /// The common name of its issuer.
    #[serde(default)]
    pub issuer_common_name: Option<String>,
    /// The hosts that it is for: names and addresses among its subject alternative names (RFC 9525, section 6).
    pub names: Vec<String>,
    /// Valid from, in seconds since 1970.
    pub not_before_unix_s: i64,
    /// Valid until, in seconds since 1970.
    pub not_after_unix_s: i64,
    /// Whole days until it expires; negative when it has.
    pub days_left: i64,
    /// Its key: `ECDSA P-256`, `RSA 2048 bits`.
    pub key: String,
    /// What its issuer signed it with: `ecdsa-with-SHA256`.
    pub signature: String,
    /// Whether it may sign other certificates.
    pub is_authority: bool,
    /// Whether its issuer is its subject and its signature is by its own key.
    pub is_self_signed: bool,
    /// Its serial number, in hexadecimal.
    pub serial: String,
    /// How long it is, in bytes.
    pub bytes: usize,
    /// Public logs that say that they have been told of it (Certificate Transparency, RFC 6962). Their signatures are not checked: that
    /// takes the logs' keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub timestamps: Vec<SignedTimestamp>,
}

/// A log's promise to publish a certificate: an SCT (RFC 6962, section 3.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedTimestamp {
    /// The log: the SHA-256 hash of its key, in base64, as lists of logs have it.
    pub log_id: String,
    /// When it was told, in milliseconds since 1970.
    pub at_unix_ms: u64,
}

pub(super) const DAY_S: i64 = 86_400;

pub(super) fn unix_now_s() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

impl Certificate {
    /// Reads a certificate, or `None` if it is not one.
    #[must_use]
    pub fn parse(der: &[u8]) -> Option<Self> {
        let (_, parsed) = X509Certificate::from_der(der).ok()?;
        let validity = parsed.validity();
        let not_after_unix_s = validity.not_after.timestamp();
        Some(Self {
            subject: parsed.subject().to_string(),
            issuer: parsed.issuer().to_string(),
            common_name: common_name(parsed.subject()),
            issuer_common_name: common_name(parsed.issuer()),
            names: names(&parsed),
            not_before_unix_s: validity.not_before.timestamp(),
            not_after_unix_s,
            days_left: (not_after_unix_s - unix_now_s()).div_euclid(DAY_S),
            key: key(&parsed),
            signature: signature(&parsed),
            is_authority: parsed.is_ca(),
            is_self_signed: parsed.subject() == parsed.issuer() && parsed.verify_signature(None).is_ok(),
            serial: parsed.raw_serial_as_string(),
            bytes: der.len(),
            timestamps: timestamps(&parsed),
        })
    }

    /// The name by which people know its owner: the common name, or else the first host, or else the whole subject.
    #[must_use]
    pub fn owner(&self) -> &str {
        self.common_name.as_deref().or(self.names.first().map(String::as_str)).unwrap_or(&self.subject)
    }

    /// The name by which people know its issuer.
    #[must_use]
    pub fn issuer_name(&self) -> &str {
        self.issuer_common_name.as_deref().unwrap_or(&self.issuer)
    }
}

/// Reads what can be read of a chain.
pub(super) fn parse_chain(chain: &[CertificateDer<'_>]) -> Vec<Certificate> {
    chain.iter().filter_map(|der| Certificate::parse(der)).collect()
}

/// Not from the name's text: there, any part of it may say `, CN=` and somebody else's name.
fn common_name(name: &X509Name<'_>) -> Option<String> {
    name.iter_common_name().find_map(|part| part.as_str().ok()).filter(|name| !name.is_empty()).map(str::to_owned)
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let extension = certificate.subject_alternative_name().ok().flatten();
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => address(bytes),
        _ => None,
    };
    extension.map(|extension| extension.value.general_names.iter().filter_map(name).collect()).unwrap_or_default()
}

fn timestamps(certificate: &X509Certificate<'_>) -> Vec<SignedTimestamp> {
    let lists = certificate.extensions().iter().filter_map(|extension| match extension.parsed_extension() {
        ParsedExtension::SCT(list) => Some(list),
        _ => None,
    });
    let timestamp = |sct: &SignedCertificateTimestamp<'_>| SignedTimestamp {
        log_id: BASE64_STANDARD.encode(sct.id.key_id),
        at_unix_ms: sct.timestamp,
    };
    lists.flatten().map(timestamp).collect()
}

fn address(bytes: &[u8]) -> Option<String> {
    let v4 = <[u8; 4]>::try_from(bytes).map(std::net::IpAddr::from);
    let v6 = <[u8; 16]>::try_from(bytes).map(std::net::IpAddr::from);
    v4.or(v6).ok().map(|address| address.to_string())
}

fn key(certificate: &X509Certificate<'_>) -> String {
    let info = certificate.public_key();
    let algorithm = info.algorithm.algorithm.to_id_string();
    match info.parsed() {
        Ok(PublicKey::RSA(key)) => format!("RSA {} bits", key.key_size()),
        Ok(PublicKey::EC(point)) => match point.key_size() {
            521 | 528 => "ECDSA P-521".to_owned(),
            bits => format!("ECDSA P-{bits}"),
        },
        _ if algorithm == "1.3.101.112" => "Ed25519".to_owned(),
        _ => algorithm,
    }
}

fn signature(certificate: &X509Certificate<'_>) -> String {
    let oid = &certificate.signature_algorithm.algorithm;
    let known = x509_parser::objects::oid2sn(oid, x509_parser::objects::oid_registry());
    known.map_or_else(|_| oid.to_id_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_inside_of_another_part_is_nobodys() {
        let key = rcgen::KeyPair::generate().expect("a key");
        let mut params = rcgen::CertificateParams::new(["a.test".to_owned()]).expect("a name");
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::OrganizationName, "x, CN=bank.test");
        let parse = |params: &rcgen::CertificateParams| {
            let certificate = params.self_signed(&key).expect("a certificate");
            Certificate::parse(certificate.der()).expect("a certificate")
        };
        assert_eq!((parse(&params).owner(), parse(&params).common_name), ("a.test", None));
        params.distinguished_name.push(rcgen::DnType::CommonName, "Ann, CN=bank.test");
        assert_eq!((parse(&params).owner(), parse(&params).issuer_name()), ("Ann, CN=bank.test", "Ann, CN=bank.test"));
    }
}
