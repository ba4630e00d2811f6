//! The proofs of what a zone does not hold: NSEC (RFC 4034) and NSEC3 (RFC 5155) records, made when they are asked for.

use std::collections::BTreeSet;

use hickory_proto::dnssec::Nsec3HashAlgorithm;
use hickory_proto::dnssec::rdata::{DNSSECRData, NSEC, NSEC3};
use hickory_proto::rr::{Name, RData, Record, RecordType};

use super::zone::{NEGATIVE_TTL, RrSets, Zone};

/// How a zone proves that something does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    Nsec,
    /// Hashed, without salt or iterations (RFC 9276); unsigned delegations may be left out.
    Nsec3 {
        opt_out: bool,
    },
    /// The zone is not signed.
    None,
}

impl Zone {
    /// To be called once all records are there.
    pub(super) fn finish(mut self) -> Self {
        if let Proof::Nsec3 { opt_out } = self.proof {
            let mut names: BTreeSet<Name> = BTreeSet::new();
            for owner in self.names.keys().filter(|owner| self.is_authoritative(owner)) {
                if opt_out && self.is_cut(owner) && !self.has(owner, RecordType::DS) {
                    continue;
                }
                let mut above = owner.clone();
                while self.origin.zone_of(&above) {
                    names.insert(above.clone()); // Names that only lie between are hashed too.
                    if above == self.origin {
                        break;
                    }
                    above = above.base_name();
                }
            }
            self.hashed = names.into_iter().filter_map(|owner| Some((hash(&owner)?, owner))).collect();
            self.hashed.sort();
        }
        self
    }

    /// The proof record at a name or, if there is none, the one whose gap the name lies in.
    pub(super) fn proof_at(&self, owner: &Name) -> Vec<Record> {
        match self.proof {
            Proof::None => Vec::new(),
            Proof::Nsec => self.nsec_at(owner),
            Proof::Nsec3 { opt_out } => self.nsec3_at(owner, opt_out),
        }
    }

    fn nsec_at(&self, owner: &Name) -> Vec<Record> {
        let own = |(owner, _): &(&Name, &RrSets)| self.is_authoritative(owner);
        let Some((at, sets)) = self.names.range(..=owner.clone()).rev().find(own) else { return Vec::new() };
        let after = (std::ops::Bound::Excluded(at.clone()), std::ops::Bound::Unbounded);
        let next = self.names.range(after).find(own).map_or(&self.origin, |(next, _)| next);
        let types = self.types(at, sets, RecordType::NSEC);
        let nsec = NSEC::new(next.clone(), types);
        let record = Record::from_rdata(at.clone(), NEGATIVE_TTL, RData::DNSSEC(DNSSECRData::NSEC(nsec)));
        self.with_signature(vec![record])
    }

    fn nsec3_at(&self, owner: &Name, opt_out: bool) -> Vec<Record> {
        let Some(wanted) = hash(owner) else { return Vec::new() };
        let after = self.hashed.partition_point(|(hash, _)| *hash <= wanted);
        let Some((at, name)) = self.hashed[..after].last().or(self.hashed.last()) else { return Vec::new() };
        let next = self.hashed.iter().find(|(hash, _)| hash > at).or(self.hashed.first());
        let next = next.map(|(hash, _)| hash.clone()).unwrap_or_default();
        let types = self.names.get(name).map(|sets| self.types(name, sets, RecordType::NSEC3)).unwrap_or_default();
        let types = types.into_iter().filter(|record_type| *record_type != RecordType::NSEC3);
        let nsec3 = NSEC3::new(Nsec3HashAlgorithm::SHA1, opt_out, 0, Vec::new(), next, types);
        let Ok(at) = self.origin.prepend_label(base32(at)) else { return Vec::new() };
        let record = Record::from_rdata(at, NEGATIVE_TTL, RData::DNSSEC(DNSSECRData::NSEC3(nsec3)));
        self.with_signature(vec![record])
    }

    fn types(&self, owner: &Name, sets: &RrSets, proof: RecordType) -> Vec<RecordType> {
        let at_cut = [RecordType::NS, RecordType::DS];
        let own = |record_type: &&RecordType| !self.is_cut(owner) || at_cut.contains(record_type);
        let mut types: Vec<RecordType> = sets.keys().filter(own).copied().collect();
        let signed = !self.is_cut(owner) || self.has(owner, RecordType::DS) || proof == RecordType::NSEC;
        types.extend(signed.then_some(RecordType::RRSIG));
        types.push(proof);
        types
    }
}

fn hash(owner: &Name) -> Option<Vec<u8>> {
    Nsec3HashAlgorithm::SHA1.hash(&[], owner, 0).ok().map(|digest| digest.as_ref().to_vec())
}

/// Extended hex alphabet, for 20 bytes: 32 digits of 5 bits.
fn base32(hash: &[u8]) -> String {
    let bit = |at: usize| hash.get(at / 8).map_or(0, |byte| u32::from(byte >> (7 - at % 8) & 1));
    let digit = |from: usize| (from..from + 5).fold(0, |value, at| value << 1 | bit(at));
    let digits = (0..hash.len() * 8).step_by(5).map(digit);
    digits.filter_map(|value| char::from_digit(value, 32)).collect()
}
