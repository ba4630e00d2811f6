//! What others say of the lab's certificates: its authority, that they are not revoked (OCSP responses, RFC 6960), and public logs,
//! that they have been told of them (SCTs, RFC 6962).

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
const SHA256: &[u8] = b"\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01";
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

fn sha256(bytes: &[u8]) -> Vec<u8> {
    let rustls::SupportedCipherSuite::Tls13(suite) = rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256
    else {
        return Vec::new();
    };
    suite.common.hash_provider.hash(bytes).as_ref().to_vec()
}

fn parsed<'a>(der: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, LabError> {
    let wrong = |error: &dyn std::fmt::Display| LabError::Sign {
        what: "what vouches for a certificate".to_owned(),
        message: error.to_string(),
    };
    X509Certificate::from_der(der).map(|(_, certificate)| certificate).map_err(|error| wrong(&error))
}

/// An OCSP response of the issuer about a certificate, as servers staple it to theirs.
pub(super) fn staple(
    leaf: &CertificateDer<'_>,
    issuer: &CertifiedIssuer<'static, KeyPair>,
    says: Says,
) -> Result<Vec<u8>, LabError> {
    staple_by(leaf, issuer, (issuer.key(), &[]), says)
}

/// The same by whoever has this key, with a certificate that says who that is, if it is not the issuer.
fn staple_by(
    leaf: &CertificateDer<'_>,
    issuer: &CertifiedIssuer<'static, KeyPair>,
    (key_of_signer, certificate_of_signer): (&KeyPair, &[u8]),
    says: Says,
) -> Result<Vec<u8>, LabError> {
    let (leaf, authority) = (parsed(leaf)?, parsed(issuer.der())?);
    let (name, now) = (authority.subject().as_raw(), OffsetDateTime::now_utc());
    let (since, until) = match says {
        Says::WasGood => (now - 10 * Duration::DAY, now - 3 * Duration::DAY),
        Says::Good | Says::Revoked => (now - Duration::HOUR, now + 7 * Duration::DAY),
    };
    let key = &authority.public_key().subject_public_key.data;
    let (name_hash, key_hash) = (der(OCTETS, &[&sha256(name)]), der(OCTETS, &[&sha256(key)]));
    let about = der(SEQUENCE, &[SHA256, &name_hash, &key_hash, &der(0x02, &[leaf.raw_serial()])]);
    let key_compromise = b"\xa0\x03\x0a\x01\x01";
    let status = match says {
        Says::Revoked => der(0xa1, &[&time(now - 2 * Duration::DAY), key_compromise]),
        Says::Good | Says::WasGood => der(0x80, &[]),
    };
    let answer = der(SEQUENCE, &[&about, &status, &time(since), &der(0xa0, &[&time(until)])]);
    let data = der(SEQUENCE, &[&der(0xa1, &[name]), &time(since), &der(SEQUENCE, &[&answer])]);
    let signature = signed("a staple", key_of_signer.sign(&data))?;
    let certificates = match certificate_of_signer {
        [] => Vec::new(),
        one => der(0xa0, &[&der(SEQUENCE, &[one])]),
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
        entry.extend(sha256(authority.public_key().raw));
        entry.extend(&(to_be_signed.len() as u32).to_be_bytes()[1..]);
        entry.extend(to_be_signed);
        entry.extend([0, 0]);
        let signature = signed("a log's timestamp", log.sign(&entry))?;
        let mut timestamp = vec![0];
        timestamp.extend(sha256(&log.subject_public_key_info()));
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
mod tests {
    use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, Issuer};

    use super::*;
    use crate::tls::{Revocation, Signer, Staple, StapledAnswer, read_staple};

    struct Made {
        leaf: CertificateDer<'static>,
        issuer: CertifiedIssuer<'static, KeyPair>,
    }

    fn made(issuer: CertifiedIssuer<'static, KeyPair>) -> Made {
        let key = KeyPair::generate().expect("a key");
        let by: &Issuer<'_, KeyPair> = &issuer;
        let leaf = CertificateParams::new(["a.test".to_owned()]).and_then(|params| params.signed_by(&key, by));
        Made { leaf: leaf.expect("a certificate").der().clone(), issuer }
    }

    fn authority() -> CertifiedIssuer<'static, KeyPair> {
        let mut params = CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority")
    }

    fn read(made: &Made, staple: &[u8]) -> Staple {
        read_staple(staple, &[made.leaf.clone(), made.issuer.der().clone()])
    }

    fn answer(staple: Staple) -> StapledAnswer {
        match staple {
            Staple::Answer(answer) => answer,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_staple_is_by_the_issuer_or_by_whom_it_lets() {
        let (made, stranger) = (made(authority()), made(authority()));
        let good = staple(&made.leaf, &made.issuer, Says::Good).expect("a staple");
        let told = answer(read(&made, &good));
        assert_eq!((&told.status, &told.signer, told.is_stale), (&Revocation::Good, &Signer::Issuer, false));
        assert!(told.is_for_this_certificate && told.next_update_unix_s > Some(told.this_update_unix_s));
        assert!(
            !answer(read_staple(&good, &[stranger.leaf.clone(), made.issuer.der().clone()])).is_for_this_certificate
        );
        let foreign = answer(read_staple(&good, &[made.leaf.clone(), stranger.issuer.der().clone()]));
        assert!(matches!(foreign.signer, Signer::Nobody { .. }), "{foreign:?}");
        let alone = answer(read_staple(&good, std::slice::from_ref(&made.leaf)));
        assert!(matches!(alone.signer, Signer::NotChecked { .. }), "{alone:?}");
        let delegate = |by: &CertifiedIssuer<'static, KeyPair>, usage| {
            let (key, mut params) = (KeyPair::generate().expect("a key"), CertificateParams::default());
            params.extended_key_usages = vec![usage];
            let by: &Issuer<'_, KeyPair> = by;
            let certificate = params.signed_by(&key, by).expect("a certificate");
            let staple = staple_by(&made.leaf, &made.issuer, (&key, certificate.der()), Says::Good).expect("a staple");
            answer(read(&made, &staple)).signer
        };
        let signer = delegate(&made.issuer, ExtendedKeyUsagePurpose::OcspSigning);
        assert!(matches!(signer, Signer::Delegate { .. }), "{signer:?}");
        for (by, usage) in [
            (&made.issuer, ExtendedKeyUsagePurpose::ServerAuth),
            (&stranger.issuer, ExtendedKeyUsagePurpose::OcspSigning),
        ] {
            let signer = delegate(by, usage);
            assert!(matches!(signer, Signer::Nobody { .. }), "{signer:?}");
        }
    }

    #[test]
    fn a_staple_that_is_cut_or_changed_is_never_a_panic_nor_signed() {
        let made = made(authority());
        let whole = staple(&made.leaf, &made.issuer, Says::Revoked).expect("a staple");
        assert!(matches!(answer(read(&made, &whole)).status, Revocation::Revoked { reason: Some(_), .. }));
        for end in 0..whole.len() {
            assert!(matches!(read(&made, &whole[..end]), Staple::Unreadable { .. }), "{end}");
        }
        for place in 0..whole.len() {
            let mut changed = whole.clone();
            changed[place] ^= 0x41;
            // Whatever is read of it; what is about the certificate is signed.
            if let Staple::Answer(told) = read(&made, &changed)
                && told.status == Revocation::Good
            {
                assert!(matches!(told.signer, Signer::Nobody { .. }), "{place}: {told:?}");
            }
        }
        assert_eq!(read(&made, b"\x30\x03\x0a\x01\x03"), Staple::NoAnswer { status: "tryLater".to_owned() });
    }
}
