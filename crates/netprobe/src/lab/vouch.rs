//! What others say of the lab's certificates: its authority, that they are not revoked (OCSP responses, RFC 6960), and public logs,
//! that they have been told of them (SCTs, RFC 6962).

use aws_lc_rs::digest::{Digest, SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use rcgen::{CertifiedIssuer, KeyPair, PublicKeyData, SigningKey};
use rustls::pki_types::CertificateDer;
use time::{Duration, OffsetDateTime};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::LabError;
use super::ca::signed;

/// What the authority says of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Says {
    Good,
    /// Its key was stolen two days ago.
    Revoked,
    /// It was good, until an answer that is three days overdue.
    WasGood,
}

const SEQUENCE: u8 = 0x30;
const OCTETS: u8 = 0x04;
const ECDSA_WITH_SHA256: &[u8] = b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02";
/// The algorithm of the hashes in a certificate's ID. It protects nothing, and is what clients look for (RFC 5019, section 2.1.1): OpenSSL,
/// and with it curl, finds no answer that has another.
const SHA1: &[u8] = b"\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00";
const OCSP_BASIC: &[u8] = b"\x06\x09\x2b\x06\x01\x05\x05\x07\x30\x01\x01";

/// The object identifier of the extension with SCTs.
pub(super) const SCTS: &[u64] = &[1, 3, 6, 1, 4, 1, 11129, 2, 4, 2];

/// An element of DER: a tag, a length, and what is in it.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = content.len().to_be_bytes();
    let digits: Vec<u8> = length.into_iter().skip_while(|digit| *digit == 0).collect();
    let mut element = vec![tag];
    if content.len() < 0x80 {
        element.push(content.len() as u8);
    } else {
        element.push(0x80 | digits.len() as u8);
        element.extend(digits);
    }
    element.extend(content);
    element
}

fn time(at: OffsetDateTime) -> Vec<u8> {
    let (date, clock) = (at.date(), at.time());
    let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
    let (hour, minute, second) = (clock.hour(), clock.minute(), clock.second());
    der(0x18, &[format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}Z").as_bytes()])
}

fn sha256(bytes: &[u8]) -> Digest {
    digest(&SHA256, bytes)
}

fn parsed<'a>(der: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, LabError> {
    let wrong = |error: &dyn std::fmt::Display| LabError::Sign {
        what: "what vouches for a certificate".to_owned(),
        message: error.to_string(),
    };
    X509Certificate::from_der(der).map(|(_, certificate)| certificate).map_err(|error| wrong(&error))
}

/// When an answer is good, and what it is.
#[derive(Debug, Clone, Copy)]
struct Told {
    says: Says,
    since: OffsetDateTime,
    /// If it says.
    until: Option<OffsetDateTime>,
}

impl Told {
    fn now(says: Says) -> Self {
        let now = OffsetDateTime::now_utc();
        let (since, until) = match says {
            Says::WasGood => (now - 10 * Duration::DAY, now - 3 * Duration::DAY),
            Says::Good | Says::Revoked => (now - Duration::HOUR, now + 7 * Duration::DAY),
        };
        Self { says, since, until: Some(until) }
    }
}

/// An OCSP response of the issuer about a certificate, as servers staple it to theirs.
pub(super) fn staple(
    leaf: &CertificateDer<'_>,
    issuer: &CertifiedIssuer<'static, KeyPair>,
    says: Says,
) -> Result<Vec<u8>, LabError> {
    staple_by(leaf, issuer, (issuer.key(), &[]), Told::now(says))
}

/// The same by whoever has this key, with certificates the last of which says who that is, if it is not the issuer.
fn staple_by(
    leaf: &CertificateDer<'_>,
    issuer: &CertifiedIssuer<'static, KeyPair>,
    (key_of_signer, certificates_of_signer): (&KeyPair, &[&CertificateDer<'_>]),
    Told { says, since, until }: Told,
) -> Result<Vec<u8>, LabError> {
    let (leaf, authority) = (parsed(leaf)?, parsed(issuer.der())?);
    let signer = certificates_of_signer.last().map(|der| parsed(der)).transpose()?;
    let name_of_signer = signer.as_ref().unwrap_or(&authority).subject().as_raw();
    let sha1 = |bytes: &[u8]| der(OCTETS, &[digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref()]);
    let (name_hash, key_hash) =
        (sha1(authority.subject().as_raw()), sha1(&authority.public_key().subject_public_key.data));
    let about = der(SEQUENCE, &[SHA1, &name_hash, &key_hash, &der(0x02, &[leaf.raw_serial()])]);
    let key_compromise = b"\xa0\x03\x0a\x01\x01";
    let status = match says {
        Says::Revoked => der(0xa1, &[&time(since - 2 * Duration::DAY), key_compromise]),
        Says::Good | Says::WasGood => der(0x80, &[]),
    };
    let until = until.map(|until| der(0xa0, &[&time(until)])).unwrap_or_default();
    let answer = der(SEQUENCE, &[&about, &status, &time(since), &until]);
    let data = der(SEQUENCE, &[&der(0xa1, &[name_of_signer]), &time(since), &der(SEQUENCE, &[&answer])]);
    let signature = signed("a staple", key_of_signer.sign(&data))?;
    let certificates: Vec<&[u8]> = certificates_of_signer.iter().map(AsRef::as_ref).collect();
    let certificates = match certificates.as_slice() {
        [] => Vec::new(),
        some => der(0xa0, &[&der(SEQUENCE, some)]),
    };
    let basic = der(SEQUENCE, &[&data, ECDSA_WITH_SHA256, &der(0x03, &[&[0], &signature]), &certificates]);
    let bytes = der(SEQUENCE, &[OCSP_BASIC, &der(OCTETS, &[&basic])]);
    Ok(der(SEQUENCE, &[b"\x0a\x01\x00", &der(0xa0, &[&bytes])]))
}

/// The content of the extension with SCTs: what each log signed about the certificate without it.
pub(super) fn timestamps(
    without: &CertificateDer<'_>,
    issuer: &CertifiedIssuer<'static, KeyPair>,
    logs: &[KeyPair],
) -> Result<Vec<u8>, LabError> {
    let certificate = parsed(without)?;
    let to_be_signed: &[u8] = certificate.tbs_certificate.as_ref();
    let authority = parsed(issuer.der())?;
    let at_ms = (OffsetDateTime::now_utc() - Duration::HOUR).unix_timestamp() as u64 * 1000;
    let mut list = Vec::new();
    for log in logs {
        // Version 1; a timestamp of a certificate to come.
        let mut entry = vec![0, 0];
        entry.extend(at_ms.to_be_bytes());
        entry.extend([0, 1]);
        entry.extend(sha256(authority.public_key().raw).as_ref());
        entry.extend(&(to_be_signed.len() as u32).to_be_bytes()[1..]);
        entry.extend(to_be_signed);
        entry.extend([0, 0]);
        let signature = signed("a log's timestamp", log.sign(&entry))?;
        let mut timestamp = vec![0];
        timestamp.extend(sha256(&log.subject_public_key_info()).as_ref());
        timestamp.extend(at_ms.to_be_bytes());
        // No extensions; SHA-256 and ECDSA.
        timestamp.extend([0, 0, 4, 3]);
        timestamp.extend((signature.len() as u16).to_be_bytes());
        timestamp.extend(signature);
        list.extend((timestamp.len() as u16).to_be_bytes());
        list.extend(timestamp);
    }
    Ok(der(OCTETS, &[&(list.len() as u16).to_be_bytes(), &list]))
}

#[cfg(test)]
mod tests;
