//! Reading an OCSP response: what it says, and about which certificate.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA384, SHA512, digest};
use x509_parser::asn1_rs::Oid;
use x509_parser::oid_registry::{OID_HASH_SHA1, OID_NIST_HASH_SHA256, OID_NIST_HASH_SHA384, OID_NIST_HASH_SHA512};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::x509::ReasonCode;

use super::der::{Elements, Reading};
use super::signer::{Responder, Signed, issuer_of, signer};
use super::{CLOCK_SKEW_S, Revocation, Staple, StapledAnswer};
use crate::tls::certificate::DAY_S;

/// How old an answer may be that does not say until when it is good. By RFC 6960, section 4.2.2.1, there is always a newer one then, so
/// nobody needs an old one; RFC 5019, section 4, allows no such answer at all. Public authorities must not let one be good for longer
/// than this (CA/Browser Forum, Baseline Requirements, section 4.9.10).
const UNTIL_UNSAID_S: i64 = 10 * DAY_S;

/// Reads what was stapled to the first certificate of a chain, as it is at this time, in seconds since 1970.
pub(super) fn parse(der: &[u8], chain: &[&[u8]], now_unix_s: i64) -> Reading<Staple> {
    let mut response = Elements::of(der, "the response")?;
    let status = response.number("its status")?;
    if status != 0 {
        let known = ["", "malformedRequest", "internalError", "tryLater", "", "sigRequired", "unauthorized"];
        let name = known.get(status as usize).copied().filter(|name| !name.is_empty());
        return Ok(Staple::NoAnswer { status: name.map_or_else(|| format!("status {status}"), str::to_owned) });
    }
    let mut bytes = response.tagged(0).ok_or("it has no answer")?.sequence("the answer")?;
    // id-pkix-ocsp-basic is the only type that there is.
    bytes.next("the type of the answer")?;
    let mut basic = Elements::of(bytes.next("the answer")?.data, "the answer")?;
    let before = basic.0;
    let mut data = basic.sequence("what is signed")?;
    let data_der = &before[..before.len() - basic.0.len()];
    let _version = data.tagged(0);
    let responder = Responder::of(&mut data)?;
    let signed = Signed::of(data_der, &mut basic)?;
    let (leaf, behind) = chain.split_first().unzip();
    let leaf = leaf.and_then(|der| X509Certificate::from_der(der).ok()).map(|(_, leaf)| leaf);
    let issuer = leaf.as_ref().and_then(|leaf| issuer_of(leaf, behind.unwrap_or_default()));
    let signer = signer(&signed, responder, issuer.as_ref(), now_unix_s);
    let produced_unix_s = data.time("the time of its signature")?;
    let mut singles = data.sequence("the answers")?;
    let mut chosen = None;
    while !singles.0.is_empty() {
        let (about, single) = single(&mut singles)?;
        let is_for_this = leaf.as_ref().is_some_and(|leaf| about.is_of(leaf, issuer.as_ref()));
        if is_for_this || chosen.is_none() {
            chosen = Some((is_for_this, single));
        }
        if is_for_this {
            break;
        }
    }
    let (is_for_this_certificate, single) = chosen.ok_or("it is about no certificate")?;
    Ok(Staple::Answer(StapledAnswer {
        is_for_this_certificate,
        produced_unix_s,
        this_update_unix_s: single.this_update_unix_s,
        next_update_unix_s: single.next_update_unix_s,
        is_premature: single.this_update_unix_s > now_unix_s.saturating_add(CLOCK_SKEW_S),
        is_stale: single.good_until_unix_s() < now_unix_s,
        status: single.status,
        signer,
    }))
}

/// Which certificate an answer is about (CertID): who issued it, by two hashes, and its number there.
struct About<'a> {
    hash: Oid<'a>,
    issuer_name: &'a [u8],
    issuer_key: &'a [u8],
    serial: &'a [u8],
}

impl About<'_> {
    /// Whether it is this one. Its issuer's name is in it; the key is compared if its issuer is there.
    fn is_of(&self, leaf: &X509Certificate<'_>, issuer: Option<&X509Certificate<'_>>) -> bool {
        let hashes = [
            (OID_HASH_SHA1, &SHA1_FOR_LEGACY_USE_ONLY),
            (OID_NIST_HASH_SHA256, &SHA256),
            (OID_NIST_HASH_SHA384, &SHA384),
            (OID_NIST_HASH_SHA512, &SHA512),
        ];
        let Some((_, hash)) = hashes.into_iter().find(|(oid, _)| *oid == self.hash) else { return false };
        let is_hash = |of: &[u8], given: &[u8]| digest(hash, of).as_ref() == given;
        self.serial == leaf.raw_serial()
            && is_hash(leaf.issuer().as_raw(), self.issuer_name)
            && issuer.is_none_or(|issuer| is_hash(&issuer.public_key().subject_public_key.data, self.issuer_key))
    }
}

struct Single {
    status: Revocation,
    this_update_unix_s: i64,
    next_update_unix_s: Option<i64>,
}

impl Single {
    fn good_until_unix_s(&self) -> i64 {
        self.next_update_unix_s.unwrap_or(self.this_update_unix_s.saturating_add(UNTIL_UNSAID_S))
    }
}

/// What an answer is about, and what it says.
fn single<'a>(singles: &mut Elements<'a>) -> Reading<(About<'a>, Single)> {
    let mut single = singles.sequence("an answer")?;
    let mut about = single.sequence("the certificate's ID")?;
    let mut algorithm = about.sequence("the hash")?;
    let hash = algorithm.next("the hash")?.oid().map_err(|error| format!("the hash: {error}"))?;
    let issuer_name = about.next("the issuer's name")?.data;
    let issuer_key = about.next("the issuer's key")?.data;
    let serial = about.next("the serial number")?.data;
    let status = single.next("the status")?;
    let status = match status.header.tag().0 {
        0..=2 if !status.header.is_contextspecific() => return Err("the status has a tag of another class".to_owned()),
        0 => Revocation::Good,
        1 => revoked(Elements(status.data))?,
        2 => Revocation::Unknown,
        number => return Err(format!("the status is none of 0, 1 and 2 but {number}")),
    };
    let this_update_unix_s = single.time("the time of the answer")?;
    let next_update_unix_s = single.tagged(0).map(|mut next| next.time("the time of the next answer")).transpose()?;
    Ok((About { hash, issuer_name, issuer_key, serial }, Single { status, this_update_unix_s, next_update_unix_s }))
}

fn revoked(mut info: Elements<'_>) -> Reading<Revocation> {
    let at_unix_s = info.time("the time of the revocation")?;
    let reason = info.tagged(0).map(|mut reason| reason.number("the reason")).transpose()?;
    let name = |code: u32| u8::try_from(code).map_or_else(|_| code.to_string(), |code| ReasonCode(code).to_string());
    Ok(Revocation::Revoked { at_unix_s, reason: reason.map(name) })
}
