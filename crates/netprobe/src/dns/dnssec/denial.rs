//! Proofs that something does not exist, made of NSEC records (RFC 4034, section 4; RFC 4035, section 5.4).
//!
//! A zone's names are sorted, and each name's NSEC record says which one comes next and which types there are at this
//! one. So a signed NSEC record proves that nothing lies between two names, and that a name has no other types:
//!
//! ```text
//! a.test. NSEC d.test. A RRSIG NSEC       b.test. and c.test. do not exist; a.test. has no AAAA
//! ```
//!
//! That also lets anybody list the zone, so [`nsec3`](super::nsec3) sorts hashes of names instead.

use hickory_proto::dnssec::rdata::{DNSSECRData, NSEC, NSEC3};
use hickory_proto::rr::{Name, RData, RecordType, RecordTypeSet};

use super::nsec3::Hashed;
use super::signature::RrSet;
use super::{Insecure, NSEC3_ITERATIONS_MAX};
use crate::dns::text;

/// What is claimed not to exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim<'a> {
    /// There is no such name.
    NoName(&'a Name),
    /// The name has no records of this type.
    NoType(&'a Name, RecordType),
    /// The name does not exist, so that the wildcard below this encloser stands for it.
    Expanded(&'a Name, &'a Name),
}

impl std::fmt::Display for Claim<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoName(name) => write!(f, "{} does not exist", text::name(name)),
            Self::NoType(name, record_type) => write!(f, "{} has no {record_type} records", text::name(name)),
            Self::Expanded(name, encloser) => {
                write!(f, "{} does not exist, for which *.{} stands", text::name(name), text::name(encloser))
            }
        }
    }
}

/// What the proofs amount to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Denial {
    /// The claim holds. Says what it was proved with.
    Proved(&'static str),
    /// The zone is such that it cannot be proved, and need not be.
    Insecure(Insecure),
    /// Nothing proves it.
    Missing,
}

/// The proof of a gap that may hold unsigned delegations.
pub(crate) const OPT_OUT: &str = "NSEC3 (opt-out)";

/// The NSEC and NSEC3 records of one zone whose signatures were checked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Proofs {
    nsec: Vec<(Name, NSEC)>,
    nsec3: Vec<(Name, NSEC3)>,
}

impl Proofs {
    /// Takes up the records of an RRset that was verified.
    pub(crate) fn add(&mut self, set: &RrSet) {
        for record in &set.records {
            match &record.data {
                RData::DNSSEC(DNSSECRData::NSEC(nsec)) => self.nsec.push((set.name.clone(), nsec.clone())),
                RData::DNSSEC(DNSSECRData::NSEC3(nsec3)) => self.nsec3.push((set.name.clone(), nsec3.clone())),
                _ => {}
            }
        }
    }

    /// Whether they prove a claim about a name of this zone.
    pub(crate) fn prove(&self, zone: &Name, claim: Claim<'_>) -> Denial {
        let iterations = self.nsec3.iter().map(|(_, nsec3)| nsec3.iterations()).max().unwrap_or(0);
        if iterations > NSEC3_ITERATIONS_MAX {
            let zone = text::name(zone);
            return Denial::Insecure(Insecure::HashIterations { zone, iterations, max: NSEC3_ITERATIONS_MAX });
        }
        if self.nsec_proves(claim) {
            return Denial::Proved("NSEC");
        }
        Hashed::new(zone, &self.nsec3).map_or(Denial::Missing, |hashed| hashed.prove(claim))
    }

    /// Whether a delegation to the name is proved to be one: there are NS records and no SOA record.
    /// `None` if nothing is known about the name.
    pub(crate) fn is_delegation(&self, zone: &Name, name: &Name) -> Option<bool> {
        let types = match self.nsec_at(name) {
            Some(nsec) => nsec.type_set(),
            None => Hashed::new(zone, &self.nsec3)?.at(name)?.type_set(),
        };
        Some(types.contains(RecordType::NS) && !types.contains(RecordType::SOA))
    }

    fn nsec_proves(&self, claim: Claim<'_>) -> bool {
        match claim {
            Claim::NoName(name) => {
                let Some((owner, nsec)) = self.gap(name) else { return false };
                let encloser = encloser(name, owner, nsec);
                // Nothing is below the next name's ancestors: those exist, without records (RFC 4592, section 2.2.2).
                !name.zone_of(nsec.next_domain_name())
                    && wildcard(&encloser).is_some_and(|wildcard| self.gap(&wildcard).is_some())
            }
            Claim::NoType(name, record_type) => {
                if let Some(nsec) = self.nsec_at(name) {
                    return lacks(nsec.type_set(), name, record_type);
                }
                let Some((owner, nsec)) = self.gap(name) else { return false };
                if name.zone_of(nsec.next_domain_name()) {
                    return true; // It exists, without records: something below it is next.
                }
                let at_wildcard = wildcard(&encloser(name, owner, nsec));
                at_wildcard.and_then(|wildcard| self.nsec_at(&wildcard).map(|nsec| (wildcard, nsec))).is_some_and(
                    |(wildcard, nsec)| record_type != RecordType::DS && lacks(nsec.type_set(), &wildcard, record_type),
                )
            }
            Claim::Expanded(name, at) => self.gap(name).is_some_and(|(owner, nsec)| encloser(name, owner, nsec) == *at),
        }
    }

    fn nsec_at(&self, name: &Name) -> Option<&NSEC> {
        self.nsec.iter().find(|(owner, _)| owner == name).map(|(_, nsec)| nsec)
    }

    /// The record whose gap the name lies in.
    fn gap(&self, name: &Name) -> Option<(&Name, &NSEC)> {
        let covering = self.nsec.iter().find(|(owner, nsec)| {
            let next = nsec.next_domain_name();
            let between = if owner < next { owner < name && name < next } else { owner < name && next.zone_of(name) };
            between && !(owner.zone_of(name) && cut(nsec.type_set()))
        });
        covering.map(|(owner, nsec)| (owner, nsec))
    }
}

/// Names below are not this zone's to deny: there is a delegation, or a DNAME (RFC 6840, section 4.1).
pub(super) fn cut(types: &RecordTypeSet) -> bool {
    let delegation = types.contains(RecordType::NS) && !types.contains(RecordType::SOA);
    delegation || types.contains(RecordType::DNAME)
}

/// Whether a list of types shows that there are no records of this one (RFC 6840, sections 4.1 and 4.4).
pub(super) fn lacks(types: &RecordTypeSet, name: &Name, record_type: RecordType) -> bool {
    let absent = !types.contains(record_type) && !types.contains(RecordType::CNAME);
    if record_type == RecordType::DS {
        // The child's own list, from the wrong side of the cut, says nothing about the parent's records.
        return absent && (!types.contains(RecordType::SOA) || name.is_root());
    }
    // And the parent's list says nothing about the child's.
    absent && (!types.contains(RecordType::NS) || types.contains(RecordType::SOA))
}

/// The longest name above that exists: what the name shares with either end of the gap.
fn encloser(name: &Name, owner: &Name, nsec: &NSEC) -> Name {
    let (left, right) = (common(name, owner), common(name, nsec.next_domain_name()));
    if left.num_labels() >= right.num_labels() { left } else { right }
}

fn common(one: &Name, other: &Name) -> Name {
    let mut above = one.clone();
    while !above.zone_of(other) {
        above = above.base_name();
    }
    above
}

/// `*.` below a name; none if that is too long to exist.
pub(super) fn wildcard(encloser: &Name) -> Option<Name> {
    encloser.prepend_label("*").ok()
}
