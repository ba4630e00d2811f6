//! Who signed an OCSP response: the issuer of the certificate, or somebody whom it lets (RFC 6960, section 4.2.2.2).

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use x509_parser::asn1_rs::{BitString, FromDer};
use x509_parser::prelude::X509Certificate;
use x509_parser::x509::AlgorithmIdentifier;

use super::der::{Elements, Reading};
use super::{CLOCK_SKEW_S, Signer, date};

/// So many certificates in a response are looked at: one is enough, and each costs a check of a signature.
const CERTIFICATES_MAX: usize = 4;

/// So many certificates behind the first are looked at for its issuer, who belongs right behind it (RFC 5246, section 7.4.2), and in TLS
/// 1.3 should (RFC 8446, section 4.4.2). Each that has the right name costs a check of a signature.
const CHAIN_MAX: usize = 8;

/// Who signed a certificate, among those that came with it. Its place and its name say nothing: whoever has a certificate can send one
/// of its own making in front of the issuer's, with the issuer's name, and the path to a root goes around it. A signature by an
/// algorithm that is not known here is nobody's.
pub(super) fn issuer_of<'a>(leaf: &X509Certificate<'_>, others: &[&'a [u8]]) -> Option<X509Certificate<'a>> {
    let others = others.iter().take(CHAIN_MAX).filter_map(|der| X509Certificate::from_der(der).ok());
    others.map(|(_, other)| other).find(|other| is_issued_by(leaf, other))
}

fn is_issued_by(certificate: &X509Certificate<'_>, issuer: &X509Certificate<'_>) -> bool {
    certificate.issuer().as_raw() == issuer.subject().as_raw()
        && certificate.verify_signature(Some(issuer.public_key())).is_ok()
}

/// Whom a response names as its signer.
#[derive(Clone, Copy)]
pub(super) enum Responder<'a> {
    Name(&'a [u8]),
    /// By the SHA-1 hash of the key.
    Key(&'a [u8]),
}

impl<'a> Responder<'a> {
    /// The next element of what is signed.
    pub(super) fn of(data: &mut Elements<'a>) -> Reading<Self> {
        if let Some(name) = data.tagged(1) {
            return Ok(Self::Name(name.0));
        }
        let mut key = data.tagged(2).ok_or("the responder is neither a name nor the hash of a key")?;
        Ok(Self::Key(key.next("the responder's key")?.data))
    }

    /// Whether that is who has this certificate (RFC 6960, section 4.2.2.3).
    fn is(self, certificate: &X509Certificate<'_>) -> bool {
        let key = &certificate.public_key().subject_public_key.data;
        match self {
            Self::Name(name) => name == certificate.subject().as_raw(),
            Self::Key(hash) => digest(&SHA1_FOR_LEGACY_USE_ONLY, key).as_ref() == hash,
        }
    }
}

/// What is signed, and the signature.
pub(super) struct Signed<'a> {
    data: &'a [u8],
    algorithm: AlgorithmIdentifier<'a>,
    signature: BitString<'a>,
    certificates: Vec<X509Certificate<'a>>,
}

impl<'a> Signed<'a> {
    /// Reads what comes after the data.
    pub(super) fn of(data: &'a [u8], basic: &mut Elements<'a>) -> Reading<Self> {
        let (rest, algorithm) =
            AlgorithmIdentifier::from_der(basic.0).map_err(|error| format!("its algorithm: {error}"))?;
        let (rest, signature) = BitString::from_der(rest).map_err(|error| format!("its signature: {error}"))?;
        basic.0 = rest;
        let given = basic.tagged(0).and_then(|mut certificates| certificates.sequence("its certificates").ok());
        let mut given = given.unwrap_or(Elements(&[]));
        let mut certificates = Vec::new();
        while certificates.len() < CERTIFICATES_MAX
            && let Ok((rest, certificate)) = X509Certificate::from_der(given.0)
        {
            given.0 = rest;
            certificates.push(certificate);
        }
        Ok(Self { data, algorithm, signature, certificates })
    }

    fn is_by(&self, certificate: &X509Certificate<'_>) -> Result<(), String> {
        let key = certificate.public_key();
        x509_parser::verify::verify_signature(key, &self.algorithm, &self.signature, self.data)
            .map_err(|error| error.to_string())
    }
}

/// Checks the signature by the issuer's key, or by that of somebody whose certificate is in the response.
pub(super) fn signer(
    signed: &Signed<'_>,
    responder: Responder<'_>,
    issuer: Option<&X509Certificate<'_>>,
    now_unix_s: i64,
) -> Signer {
    let Some(issuer) = issuer else {
        return Signer::NotChecked { reason: "no certificate in the chain is seen to be the issuer's".to_owned() };
    };
    let nobody = |reason: String| Signer::Nobody { reason };
    let by_issuer = signed.is_by(issuer);
    if by_issuer.is_ok() {
        return if responder.is(issuer) { Signer::Issuer } else { nobody("it names another signer".to_owned()) };
    }
    let mut first_refusal = None;
    // One key may have several certificates: an expired one, and its successor.
    for delegate in signed.certificates.iter().filter(|one| signed.is_by(one).is_ok()) {
        let Some(reason) = refusal(delegate, responder, issuer, now_unix_s) else {
            return Signer::Delegate { name: delegate.subject().to_string() };
        };
        first_refusal.get_or_insert(reason);
    }
    nobody(first_refusal.unwrap_or_else(|| match signed.certificates.len() {
        0 => format!("not by the issuer: {}", by_issuer.err().unwrap_or_default()),
        1 => "neither by the issuer nor by the certificate in it".to_owned(),
        count => format!("neither by the issuer nor by one of the {count} certificates in it"),
    }))
}

/// Why somebody who did sign may not: a delegate's certificate is by the issuer itself, for this purpose, and good at this time.
fn refusal(
    delegate: &X509Certificate<'_>,
    responder: Responder<'_>,
    issuer: &X509Certificate<'_>,
    now_unix_s: i64,
) -> Option<String> {
    let usage = delegate.extended_key_usage().ok().flatten();
    let (since, until) = (delegate.validity().not_before.timestamp(), delegate.validity().not_after.timestamp());
    if !is_issued_by(delegate, issuer) {
        Some("the certificate in it is not by the issuer".to_owned())
    } else if !usage.is_some_and(|usage| usage.value.ocsp_signing) {
        Some("the certificate in it is not for signing such answers".to_owned())
    } else if until < now_unix_s {
        Some(format!("the certificate in it expired at {}", date(until)))
    } else if since > now_unix_s.saturating_add(CLOCK_SKEW_S) {
        Some(format!("the certificate in it is not good before {}", date(since)))
    } else if !responder.is(delegate) {
        Some("it names another signer".to_owned())
    } else {
        None
    }
}
