//! What a server brings along about its own certificate: an answer of the authority that it is not revoked (a stapled OCSP response,
//! RFC 6960 and RFC 6066, section 8). It is shown, and its signature checked; nobody is refused because of it.

use std::fmt;

use rustls::pki_types::CertificateDer;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use x509_parser::asn1_rs::{Any, BitString, Enumerated, FromDer, Tag};
use x509_parser::prelude::{ASN1Time, X509Certificate};
use x509_parser::x509::{AlgorithmIdentifier, ReasonCode};

use super::certificate::unix_now_s;

/// What the server stapled to its certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Staple {
    /// What the authority says.
    Answer(StapledAnswer),
    /// The authority's server could not say: `try later` and the like.
    NoAnswer {
        /// Its status, by the name in RFC 6960.
        status: String,
    },
    /// It is not an OCSP response, or none that can be read here.
    Unreadable {
        /// What is wrong with it.
        reason: String,
    },
}

/// What an authority says of a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StapledAnswer {
    /// Whether the certificate is revoked.
    pub status: Revocation,
    /// Whether it is about the certificate that was shown, by its serial number.
    pub is_for_this_certificate: bool,
    /// When it was signed, in seconds since 1970.
    pub produced_unix_s: i64,
    /// Since when it is known to be true, in seconds since 1970.
    pub this_update_unix_s: i64,
    /// Until when it is good, in seconds since 1970, if it says.
    pub next_update_unix_s: Option<i64>,
    /// Whether that was over when it came.
    pub is_stale: bool,
    /// Who signed it.
    pub signer: Signer,
}

/// Whether a certificate is revoked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Revocation {
    /// It is not.
    Good,
    /// It is.
    Revoked {
        /// Since when, in seconds since 1970.
        at_unix_s: i64,
        /// Why, by the name in RFC 5280, if it says.
        reason: Option<String>,
    },
    /// The authority does not know it.
    Unknown,
}

/// Whose signature it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signer {
    /// The certificate's own issuer.
    Issuer,
    /// Somebody whom the issuer lets sign such answers.
    Delegate {
        /// Who.
        name: String,
    },
    /// Neither of them.
    Nobody {
        /// What is wrong.
        reason: String,
    },
    /// It was not checked.
    NotChecked {
        /// Why not.
        reason: String,
    },
}

/// What does not fit the grammar of RFC 6960, section 4.2.1.
type Reading<T> = Result<T, String>;

/// Reads what was stapled to the first certificate of a chain.
pub(crate) fn read(der: &[u8], chain: &[CertificateDer<'_>]) -> Staple {
    parse(der, chain).unwrap_or_else(|reason| Staple::Unreadable { reason })
}

/// The elements of a sequence, one after the other.
struct Elements<'a>(&'a [u8]);

impl<'a> Elements<'a> {
    /// The elements of a sequence that is all there is.
    fn of(der: &'a [u8], what: &str) -> Reading<Self> {
        Elements(der).sequence(what)
    }

    fn next(&mut self, what: &str) -> Reading<Any<'a>> {
        let (rest, any) = Any::from_der(self.0).map_err(|error| format!("{what}: {error}"))?;
        self.0 = rest;
        Ok(any)
    }

    fn sequence(&mut self, what: &str) -> Reading<Elements<'a>> {
        let any = self.next(what)?;
        if any.header.tag() == Tag::Sequence { Ok(Elements(any.data)) } else { Err(format!("{what} is no sequence")) }
    }

    /// What is behind a tag of this sequence's own, if it comes next.
    fn tagged(&mut self, number: u32) -> Option<Elements<'a>> {
        let (rest, any) = Any::from_der(self.0).ok()?;
        let is_it = any.header.is_contextspecific() && any.header.tag().0 == number;
        is_it.then(|| {
            self.0 = rest;
            Elements(any.data)
        })
    }

    fn time(&mut self, what: &str) -> Reading<i64> {
        let (rest, time) = ASN1Time::from_der(self.0).map_err(|error| format!("{what}: {error}"))?;
        self.0 = rest;
        Ok(time.timestamp())
    }

    fn number(&mut self, what: &str) -> Reading<u32> {
        let (rest, number) = Enumerated::from_der(self.0).map_err(|error| format!("{what}: {error}"))?;
        self.0 = rest;
        Ok(number.0)
    }
}

fn parse(der: &[u8], chain: &[CertificateDer<'_>]) -> Reading<Staple> {
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
    let basic = bytes.next("the answer")?.data;
    let mut basic = Elements::of(basic, "the answer")?;
    let before = basic.0;
    let mut data = basic.sequence("what is signed")?;
    let signed = &before[..before.len() - basic.0.len()];
    let signer = signer(signed, &mut basic, chain)?;
    let _version = data.tagged(0);
    data.next("the responder")?;
    let produced_unix_s = data.time("the time of its signature")?;
    let mut singles = data.sequence("the answers")?;
    let serial =
        chain.first().and_then(|der| X509Certificate::from_der(der).ok().map(|(_, leaf)| leaf.raw_serial().to_vec()));
    let mut chosen = None;
    while !singles.0.is_empty() {
        let (about, single) = single(&mut singles)?;
        let is_for_this = serial.as_deref() == Some(about);
        if is_for_this || chosen.is_none() {
            chosen = Some((is_for_this, single));
        }
        if is_for_this {
            break;
        }
    }
    let (is_for_this_certificate, single) = chosen.ok_or("it is about no certificate")?;
    let is_stale = single.next_update_unix_s.is_some_and(|until| until < unix_now_s());
    Ok(Staple::Answer(StapledAnswer {
        status: single.status,
        is_for_this_certificate,
        produced_unix_s,
        this_update_unix_s: single.this_update_unix_s,
        next_update_unix_s: single.next_update_unix_s,
        is_stale,
        signer,
    }))
}

struct Single {
    status: Revocation,
    this_update_unix_s: i64,
    next_update_unix_s: Option<i64>,
}

/// The serial number that an answer is about, and what it says.
fn single<'a>(singles: &mut Elements<'a>) -> Reading<(&'a [u8], Single)> {
    let mut single = singles.sequence("an answer")?;
    let mut about = single.sequence("the certificate's ID")?;
    for what in ["the hash", "the issuer's name", "the issuer's key"] {
        about.next(what)?;
    }
    let serial = about.next("the serial number")?.data;
    let status = single.next("the status")?;
    let status = match status.header.tag().0 {
        0 => Revocation::Good,
        1 => revoked(Elements(status.data))?,
        _ => Revocation::Unknown,
    };
    let this_update_unix_s = single.time("the time of the answer")?;
    let next_update_unix_s = single.tagged(0).map(|mut next| next.time("the time of the next answer")).transpose()?;
    Ok((serial, Single { status, this_update_unix_s, next_update_unix_s }))
}

fn revoked(mut info: Elements<'_>) -> Reading<Revocation> {
    let at_unix_s = info.time("the time of the revocation")?;
    let reason = info.tagged(0).map(|mut reason| reason.number("the reason")).transpose()?;
    let name = |code: u32| u8::try_from(code).map_or_else(|_| code.to_string(), |code| ReasonCode(code).to_string());
    Ok(Revocation::Revoked { at_unix_s, reason: reason.map(name) })
}

/// Checks the signature by the issuer's key, or by that of somebody whose certificate is in the answer and signed by the issuer for
/// this purpose (RFC 6960, section 4.2.2.2).
fn signer(signed: &[u8], basic: &mut Elements<'_>, chain: &[CertificateDer<'_>]) -> Reading<Signer> {
    let (rest, algorithm) =
        AlgorithmIdentifier::from_der(basic.0).map_err(|error| format!("its algorithm: {error}"))?;
    let (rest, signature) = BitString::from_der(rest).map_err(|error| format!("its signature: {error}"))?;
    basic.0 = rest;
    let issuer = chain.get(1).and_then(|der| X509Certificate::from_der(der).ok());
    let Some((_, issuer)) = issuer else {
        return Ok(Signer::NotChecked { reason: "the chain has no certificate of the issuer".to_owned() });
    };
    let by = |one: &X509Certificate<'_>| {
        x509_parser::verify::verify_signature(one.public_key(), &algorithm, &signature, signed)
    };
    let verified = by(&issuer);
    if verified.is_ok() {
        return Ok(Signer::Issuer);
    }
    let delegate = basic.tagged(0).and_then(|mut certificates| certificates.sequence("its certificates").ok());
    let delegate = delegate.and_then(|certificates| X509Certificate::from_der(certificates.0).ok());
    let Some((_, delegate)) = delegate else {
        let reason = verified.err().map(|error| error.to_string()).unwrap_or_default();
        return Ok(Signer::Nobody { reason: format!("not by the issuer: {reason}") });
    };
    let may = delegate.extended_key_usage().ok().flatten().is_some_and(|usage| usage.value.ocsp_signing);
    let nobody = |reason: &str| Signer::Nobody { reason: reason.to_owned() };
    Ok(match (by(&delegate), delegate.verify_signature(Some(issuer.public_key())), may) {
        (Ok(()), Ok(()), true) => Signer::Delegate { name: delegate.subject().to_string() },
        (Err(_), ..) => nobody("neither by the issuer nor by the certificate in it"),
        (_, Err(_), _) => nobody("the certificate in it is not by the issuer"),
        (.., false) => nobody("the certificate in it is not for signing such answers"),
    })
}

impl Staple {
    /// What somebody should know, if it is not as it should be.
    #[must_use]
    pub fn complaint(&self) -> Option<String> {
        match self {
            Self::Answer(answer) => answer.complaint(),
            Self::NoAnswer { status } => Some(format!("the staple is no answer but {status}")),
            Self::Unreadable { reason } => Some(format!("the staple cannot be read: {reason}")),
        }
    }
}

impl fmt::Display for Staple {
    /// In a sentence.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let answer = match (self, self.complaint()) {
            (Self::Answer(answer), None) => answer,
            (_, complaint) => return formatter.write_str(&complaint.unwrap_or_default()),
        };
        let (since, until) = (date(answer.this_update_unix_s), answer.next_update_unix_s.map(date));
        let until = until.map(|until| format!(" until {until}")).unwrap_or_default();
        write!(formatter, "stapled: not revoked, as of {since}{until}; ")?;
        match &answer.signer {
            Signer::Issuer => formatter.write_str("signed by its issuer"),
            Signer::Delegate { name } => write!(formatter, "signed for its issuer by {name}"),
            Signer::Nobody { reason } | Signer::NotChecked { reason } => {
                write!(formatter, "signature not checked: {reason}")
            }
        }
    }
}

fn date(unix_s: i64) -> String {
    let at = OffsetDateTime::from_unix_timestamp(unix_s).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    format!("{:04}-{:02}-{:02} {:02}:{:02} UTC", at.year(), u8::from(at.month()), at.day(), at.hour(), at.minute())
}

impl StapledAnswer {
    fn complaint(&self) -> Option<String> {
        if let Signer::Nobody { reason } = &self.signer {
            return Some(format!("the staple is not signed by whom it should be: {reason}"));
        }
        if !self.is_for_this_certificate {
            return Some("the staple is about another certificate".to_owned());
        }
        match &self.status {
            Revocation::Revoked { reason, .. } => {
                let reason = reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
                Some(format!("the staple says that THE CERTIFICATE IS REVOKED{reason}"))
            }
            Revocation::Unknown => Some("the staple says that the authority does not know the certificate".to_owned()),
            Revocation::Good if self.is_stale => Some("the staple is stale: a newer one is overdue".to_owned()),
            Revocation::Good => None,
        }
    }
}
