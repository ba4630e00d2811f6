//! The same proofs over hashes of names: NSEC3 (RFC 5155, section 8).
//!
//! Sorted hashes do not show which names above a missing name exist, so a proof has up to three parts: a record at the
//! longest name above that exists (the **closest encloser**), a gap for the name one label longer (**next closer**), and
//! a gap for the wildcard below the encloser, which could have stood for the name.

use hickory_proto::dnssec::rdata::NSEC3;
use hickory_proto::rr::{Name, RecordType};

use super::Insecure;
use super::denial::{Claim, Denial, OPT_OUT, cut, lacks, wildcard};
use crate::dns::text;

/// A hash, as the first label of an NSEC3 record's name writes it: 32 characters of base32 with extended hex alphabet.
type Hash = Vec<u8>;

/// A zone's NSEC3 records, all made with the same parameters.
pub(super) struct Hashed<'a> {
    zone: &'a Name,
    records: Vec<(Hash, &'a NSEC3)>,
}

/// Which names above exist.
struct Enclosed<'a> {
    encloser: Name,
    /// The gap that the next closer name lies in.
    gap: &'a NSEC3,
}

impl<'a> Hashed<'a> {
    /// None if there are no records. Those with other parameters than the first are left out (section 8.2).
    pub(super) fn new(zone: &'a Name, records: &'a [(Name, NSEC3)]) -> Option<Self> {
        let (_, first) = records.first()?;
        let same = |nsec3: &NSEC3| {
            nsec3.salt() == first.salt()
                && nsec3.iterations() == first.iterations()
                && nsec3.hash_algorithm() == first.hash_algorithm()
        };
        let hashed = records.iter().filter(|(owner, nsec3)| same(nsec3) && owner.base_name() == *zone);
        let hashed = hashed.filter_map(|(owner, nsec3)| Some((decode(owner.iter().next()?)?, nsec3)));
        Some(Self { zone, records: hashed.collect() })
    }

    pub(super) fn prove(&self, claim: Claim<'_>) -> Denial {
        match claim {
            Claim::NoName(name) => {
                let Some(enclosed) = self.enclose(name) else { return Denial::Missing };
                let at_wildcard = wildcard(&enclosed.encloser).and_then(|wildcard| self.gap(&wildcard));
                if at_wildcard.is_none() { Denial::Missing } else { self.unless_opted_out(&enclosed) }
            }
            Claim::NoType(name, record_type) => self.no_type(name, record_type),
            Claim::Expanded(name, encloser) => {
                // The signature shows that the encloser exists: only the next closer name's gap is needed (section 8.8).
                let next_closer = name.trim_to(usize::from(encloser.num_labels()) + 1);
                match self.gap(&next_closer) {
                    Some(gap) => self.unless_opted_out(&Enclosed { encloser: encloser.clone(), gap }),
                    None => Denial::Missing,
                }
            }
        }
    }

    fn no_type(&self, name: &Name, record_type: RecordType) -> Denial {
        if let Some(nsec3) = self.at(name) {
            let lacks = lacks(nsec3.type_set(), name, record_type);
            return if lacks { Denial::Proved("NSEC3") } else { Denial::Missing };
        }
        let Some(enclosed) = self.enclose(name) else { return Denial::Missing };
        if record_type == RecordType::DS {
            // Only an opted-out gap may hide a delegation (section 8.6).
            return if enclosed.gap.opt_out() { Denial::Proved(OPT_OUT) } else { Denial::Missing };
        }
        let at_wildcard = wildcard(&enclosed.encloser).and_then(|wildcard| Some((self.at(&wildcard)?, wildcard)));
        match at_wildcard {
            Some((nsec3, wildcard)) if lacks(nsec3.type_set(), &wildcard, record_type) => {
                self.unless_opted_out(&enclosed)
            }
            Some(_) => Denial::Missing,
            // An empty name that exists only above opted-out delegations has no record (RFC 5155, errata 3441).
            None if enclosed.gap.opt_out() => self.unless_opted_out(&enclosed),
            None => Denial::Missing,
        }
    }

    fn unless_opted_out(&self, enclosed: &Enclosed<'_>) -> Denial {
        if enclosed.gap.opt_out() {
            return Denial::Insecure(Insecure::OptOut { zone: text::name(self.zone) });
        }
        Denial::Proved("NSEC3")
    }

    /// The closest encloser proof (section 8.3).
    fn enclose(&self, name: &Name) -> Option<Enclosed<'a>> {
        let mut next_closer = name.clone();
        while next_closer != *self.zone && self.zone.zone_of(&next_closer) {
            let encloser = next_closer.base_name();
            if let Some(nsec3) = self.at(&encloser) {
                let gap = self.gap(&next_closer)?;
                return (!cut(nsec3.type_set())).then_some(Enclosed { encloser, gap });
            }
            next_closer = encloser;
        }
        None
    }

    /// The record at a name.
    pub(super) fn at(&self, name: &Name) -> Option<&'a NSEC3> {
        let hash = self.hash(name)?;
        self.records.iter().find(|(owner, _)| *owner == hash).map(|(_, nsec3)| *nsec3)
    }

    /// The record whose gap a name lies in.
    fn gap(&self, name: &Name) -> Option<&'a NSEC3> {
        let hash = self.hash(name)?;
        let covering = self.records.iter().find(|(owner, nsec3)| {
            let next = nsec3.next_hashed_owner_name();
            if owner.as_slice() < next {
                *owner < hash && hash.as_slice() < next
            } else {
                *owner < hash || hash.as_slice() < next
            }
        });
        covering.map(|(_, nsec3)| *nsec3)
    }

    fn hash(&self, name: &Name) -> Option<Hash> {
        let (_, first) = self.records.first()?;
        let hash = first.hash_algorithm().hash(first.salt(), name, first.iterations()).ok()?;
        Some(hash.as_ref().to_vec())
    }
}

/// Base32 with extended hex alphabet, without padding (RFC 4648, section 7).
fn decode(label: &[u8]) -> Option<Hash> {
    let mut bytes = Vec::with_capacity(label.len() * 5 / 8);
    let (mut bits, mut held) = (0_u32, 0);
    for &digit in label {
        let value = char::from(digit).to_digit(32)?;
        bits = bits << 5 | value;
        held += 5;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff).ok()?);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_read_from_labels() {
        // RFC 5155, appendix A: H(example) = 0p9mhaveqvm6t7vbl5lop2u3t2rp3tom
        let salt = [0xaa, 0xbb, 0xcc, 0xdd];
        let name = Name::from_ascii("example.").expect("a name");
        let hash = hickory_proto::dnssec::Nsec3HashAlgorithm::SHA1.hash(&salt, &name, 12).expect("a hash");
        assert_eq!(decode(b"0p9mhaveqvm6t7vbl5lop2u3t2rp3tom").as_deref(), Some(hash.as_ref()));
        assert_eq!(decode(b"0P9MHAVEQVM6T7VBL5LOP2U3T2RP3TOM").as_deref(), Some(hash.as_ref()));
        assert_eq!(decode(b"not-a-hash"), None);
    }
}
