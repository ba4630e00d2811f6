//! What a server brings along about its own certificate: an answer of the authority that it is not revoked (a stapled OCSP response,
//! RFC 6960 and RFC 6066, section 8). It is shown, and its signature checked; nobody is refused because of it.

mod der;
mod read;
mod signer;

use std::fmt;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::certificate::unix_now_s;

/// What the server stapled to its certificate: an answer of the authority that it is not revoked (OCSP: RFC 6960; stapled: RFC 6066, section 8).
/// It is shown, and its signature checked; nobody is refused because of it.
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
    /// Whether it is about the certificate that was shown: the number is its own, and who issued it is the same by name and key. The
    /// key is not compared if the chain has no certificate of the issuer's; the signer is [`Signer::NotChecked`] then.
    pub is_for_this_certificate: bool,
    /// When it was signed, in seconds since 1970.
    pub produced_unix_s: i64,
    /// Since when it is known to be true, in seconds since 1970.
    pub this_update_unix_s: i64,
    /// Until when it is good, in seconds since 1970, if it says.
    pub next_update_unix_s: Option<i64>,
    /// Whether that was over when it came (RFC 6960, section 4.2.2.1); if it does not say, whether it was more than ten days old.
    pub is_stale: bool,
    /// Whether it was not yet to be true when it came (RFC 6960, section 4.2.2.1), by more than clocks may be wrong: five minutes.
    #[serde(default)]
    pub is_premature: bool,
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
    /// Somebody whom the issuer lets sign such answers: by a certificate of its own for this purpose, which is good at this time (RFC
    /// 6960, section 4.2.2.2).
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

/// How far a responder's clock, or this machine's, may be wrong: what is good from a moment ahead of this is no complaint. OpenSSL's
/// clients allow as much.
pub(super) const CLOCK_SKEW_S: i64 = 300;

impl Staple {
    /// Reads what was stapled to the first certificate of a chain, as it is now. Who issued that is sought among the next eight, by name
    /// and signature: without its issuer no signature is checked. What cannot be read is [`Self::Unreadable`].
    #[must_use]
    pub fn parse<C: AsRef<[u8]>>(der: &[u8], chain: &[C]) -> Self {
        Self::parse_at(der, chain, unix_now_s())
    }

    /// The same, as it is at another time.
    pub(crate) fn parse_at<C: AsRef<[u8]>>(der: &[u8], chain: &[C], now_unix_s: i64) -> Self {
        let chain: Vec<&[u8]> = chain.iter().map(AsRef::as_ref).collect();
        read::parse(der, &chain, now_unix_s).unwrap_or_else(|reason| Self::Unreadable { reason })
    }

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
            Revocation::Good if self.is_premature => {
                let since = date(self.this_update_unix_s);
                Some(format!("the staple is not to be true before {since}; is this machine's clock right?"))
            }
            Revocation::Good if self.is_stale => Some(match self.next_update_unix_s {
                Some(_) => "the staple is stale: a newer one is overdue".to_owned(),
                None => format!(
                    "the staple is stale: it is of {}, and good until nobody knows when",
                    date(self.this_update_unix_s)
                ),
            }),
            Revocation::Good => None,
        }
    }
}
