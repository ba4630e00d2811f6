//! DNSSEC: whether an answer is what the zone's owner signed.
//!
//! ```text
//! trust anchor ──► DNSKEY of .       the fingerprint of one key is known in advance
//!                    │ signs
//!                    ▼
//!                  DS of test.       the parent's word on which key the child has
//!                    │ fingerprint of
//!                    ▼
//!                  DNSKEY of test.   signs the DS of shop.test., and so on down
//!                    ⋮
//!                  A of www.shop.test.
//! ```
//!
//! Every RRset (the records of one name and type) comes with signatures (RRSIG) of its zone's keys (DNSKEY). A zone's keys
//! are trusted if the parent signed their fingerprint (DS), and the root's because its fingerprint is built in. "There is
//! no such record" is signed too: NSEC and NSEC3 records name the gap that the name would be in. The same proof shows that
//! a parent vouches for *no* key of a child: that child is **insecure**, and its answers are worth what all answers were
//! worth before DNSSEC. Anything in between is **bogus**. The resolver's own word for it (the AD bit) is never asked.
//! (RFC 4033, 4034, 4035; NSEC3: RFC 5155; clarified by RFC 6840.)
//!
//! Checking costs the checker, so an attacker would send many keys and signatures (CVE-2023-50387) or expensive hashes
//! (CVE-2023-50868): [`SIGNATURE_CHECKS_MAX`], [`SIGNATURES_MAX`],
//! [`KEYS_MAX`], [`RRSETS_MAX`] and [`NSEC3_ITERATIONS_MAX`] bound both.

use serde::{Deserialize, Serialize};

pub(crate) mod denial;
pub(crate) mod nsec3;
pub(crate) mod signature;

/// The most signature checks in one walk.
pub const SIGNATURE_CHECKS_MAX: usize = 128;

/// The most pairs of a signature and a key that are tried for one RRset.
pub const SIGNATURES_MAX: usize = 8;

/// The most keys of one zone that are looked at.
pub const KEYS_MAX: usize = 64;

/// The most RRsets of one response whose signatures are looked at.
pub const RRSETS_MAX: usize = 64;

/// Zones that hash names more often than this count as insecure (RFC 9276, section 3.2).
pub const NSEC3_ITERATIONS_MAX: u16 = 150;

/// What became of the chain of trust.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Signed all the way from the trust anchor.
    Secure,
    /// Provably not signed.
    Insecure(Insecure),
    /// It should be signed, and the signatures do not hold.
    Bogus(Bogus),
    /// Not looked at: validation is off, or the walk did not get that far.
    Unchecked,
}

impl Status {
    /// The status of two things together: no better than the worse one.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let rank = |status: &Self| match status {
            Self::Secure => 0,
            Self::Insecure(_) => 1,
            Self::Unchecked => 2,
            Self::Bogus(_) => 3,
        };
        if rank(&other) > rank(&self) { other } else { self }
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Secure => write!(f, "secure"),
            Self::Insecure(why) => write!(f, "insecure: {why}"),
            Self::Bogus(why) => write!(f, "bogus: {why}"),
            Self::Unchecked => write!(f, "not checked"),
        }
    }
}

/// Why an answer is not signed, and need not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Insecure {
    /// The parent proves that it vouches for no key of the zone.
    #[error("{zone} is not signed: {parent} proves with {proof} that it has no DS record")]
    UnsignedDelegation {
        /// The zone without keys.
        zone: String,
        /// Its parent.
        parent: String,
        /// `NSEC`, `NSEC3` or `NSEC3 (opt-out)`.
        proof: String,
    },
    /// The zone is signed in ways that this validator does not know (RFC 4035, section 5.2).
    #[error("{zone} is signed with algorithms that are not supported here: {algorithms}")]
    UnsupportedAlgorithm {
        /// The zone.
        zone: String,
        /// Its algorithms.
        algorithms: String,
    },
    /// Its proofs would cost too much to check.
    #[error("{zone} hashes names {iterations} times, more than {max}")]
    HashIterations {
        /// The zone.
        zone: String,
        /// Additional iterations of its NSEC3 records.
        iterations: u16,
        /// The most that are computed.
        max: u16,
    },
    /// The gap that the name would be in may hold unsigned delegations.
    #[error("{zone} leaves out unsigned delegations from its proofs (NSEC3 opt-out)")]
    OptOut {
        /// The zone.
        zone: String,
    },
}

/// Why signatures do not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Bogus {
    /// The signature's time is over.
    #[error("the signature of {name} {record_type} expired {} ago", span(*by_seconds))]
    SignatureExpired {
        /// Whose records.
        name: String,
        /// Their type.
        record_type: String,
        /// Seconds since it expired.
        by_seconds: u32,
    },
    /// The signature's time has not come.
    #[error("the signature of {name} {record_type} is valid only in {}", span(*in_seconds))]
    SignatureNotYetValid {
        /// Whose records.
        name: String,
        /// Their type.
        record_type: String,
        /// Seconds until it is valid.
        in_seconds: u32,
    },
    /// The zone is signed and these records are not.
    #[error("{name} {record_type} is not signed, though {zone} is")]
    SignatureMissing {
        /// Whose records.
        name: String,
        /// Their type.
        record_type: String,
        /// The signed zone.
        zone: String,
    },
    /// The records are not those that were signed.
    #[error("the signature of {name} {record_type} does not fit: it is not what key {key_tag} signed")]
    SignatureWrong {
        /// Whose records.
        name: String,
        /// Their type.
        record_type: String,
        /// The key that is said to have signed.
        key_tag: u16,
    },
    /// The signature is by somebody who has no say about the name.
    #[error("{name} {record_type} is signed by {signer}, which is not its zone")]
    SignerOutside {
        /// Whose records.
        name: String,
        /// Their type.
        record_type: String,
        /// Who signed.
        signer: String,
    },
    /// The key that signed is not among the zone's.
    #[error("{name} {record_type} is signed with key {key_tag}, which {zone} does not have")]
    KeyMissing {
        /// Whose records.
        name: String,
        /// Their type.
        record_type: String,
        /// The key's tag.
        key_tag: u16,
        /// The zone.
        zone: String,
    },
    /// None of the zone's keys has a fingerprint that the parent (or the anchor) vouches for.
    #[error("no key of {zone} matches its DS record: {} there, {} vouched for", tags(keys), tags(vouched))]
    NoMatchingDs {
        /// The zone.
        zone: String,
        /// Tags of the keys that it has.
        keys: Vec<u16>,
        /// Tags of the keys that its parent vouches for.
        vouched: Vec<u16>,
    },
    /// The zone's keys could not be had.
    #[error("the keys of {zone} cannot be had: {reason}")]
    NoKeys {
        /// The zone.
        zone: String,
        /// Why.
        reason: String,
    },
    /// That something does not exist is claimed and not proved.
    #[error("{zone} does not prove that {claim}")]
    ProofMissing {
        /// The zone that should.
        zone: String,
        /// What it should prove.
        claim: String,
    },
    /// Checking was stopped.
    #[error("more than {max} signature checks")]
    ChecksExceeded {
        /// The most that are done.
        max: usize,
    },
}

/// One zone of the chain of trust.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The zone.
    pub zone: String,
    /// Whether it is trusted.
    pub status: Status,
    /// Tags of the keys that its parent, or the anchor for the root, vouches for.
    pub vouched: Vec<u16>,
    /// Its keys.
    pub keys: Vec<Key>,
}

/// A zone's public key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// Its tag: a checksum to find it by (RFC 4034, appendix B).
    pub tag: u16,
    /// Its algorithm.
    pub algorithm: String,
    /// Whether it is flagged as the one that parents vouch for (SEP: a key signing key).
    pub entry_point: bool,
}

fn tags(tags: &[u16]) -> String {
    if tags.is_empty() {
        return "none".to_owned();
    }
    tags.iter().map(|tag| format!("key {tag}")).collect::<Vec<_>>().join(", ")
}

fn span(seconds: u32) -> String {
    match seconds {
        0..=119 => format!("{seconds} seconds"),
        120..=7199 => format!("{} minutes", seconds / 60),
        7200..=172_799 => format!("{} hours", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}
