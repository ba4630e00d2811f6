//! One RRset and its signatures (RFC 4035, section 5.3), and a zone's keys against their fingerprints (section 5.2).

use hickory_proto::dnssec::rdata::{DNSKEY, DNSSECRData, DS, RRSIG};
use hickory_proto::dnssec::{PublicKey, Verifier};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType, SerialNumber};

use super::{Bogus, KEYS_MAX, Key, RRSETS_MAX, SIGNATURES_MAX};
use crate::dns::text;

/// The records of one name and type, with the signatures that came along.
#[derive(Debug, Clone)]
pub(crate) struct RrSet {
    pub(crate) name: Name,
    pub(crate) record_type: RecordType,
    pub(crate) records: Vec<Record>,
    pub(crate) signatures: Vec<RRSIG>,
}

impl RrSet {
    /// From a section of a response; none if there are no such records.
    pub(crate) fn find(section: &[Record], name: &Name, record_type: RecordType) -> Option<Self> {
        let here = |record: &&Record| record.name == *name;
        let mut records: Vec<Record> =
            section.iter().filter(here).filter(|record| record.record_type() == record_type).cloned().collect();
        records.iter_mut().for_each(|record| record.ttl = 0); // Not signed as it is; and it would count when sorting.
        records.sort();
        records.dedup(); // RFC 4034, section 6.3
        let signatures = section.iter().filter(here).filter_map(|record| match &record.data {
            RData::DNSSEC(DNSSECRData::RRSIG(signature)) if signature.input().type_covered == record_type => {
                Some(signature.clone())
            }
            _ => None,
        });
        let signatures = signatures.collect();
        (!records.is_empty()).then(|| Self { name: name.clone(), record_type, records, signatures })
    }

    /// Every RRset of these types.
    pub(crate) fn all(section: &[Record], types: &[RecordType]) -> Vec<Self> {
        let mut found: Vec<Self> = Vec::new();
        for record in section.iter().filter(|record| types.contains(&record.record_type())) {
            let (name, record_type) = (&record.name, record.record_type());
            if found.len() >= RRSETS_MAX {
                break;
            }
            if !found.iter().any(|known| known.name == *name && known.record_type == record_type) {
                found.extend(Self::find(section, name, record_type));
            }
        }
        found
    }

    /// The zone that says it signed these records: the name's own, or one above it.
    pub(crate) fn signer(&self) -> Option<&Name> {
        self.signatures.iter().map(|signature| &signature.input().signer_name).find(|signer| signer.zone_of(&self.name))
    }

    /// Whether one of the zone's keys signed these records. Says which name they were made of, if it was a wildcard.
    ///
    /// `now` is in seconds since 1970; times of signatures wrap around (RFC 4034, section 3.1.5).
    pub(crate) fn verify(
        &self,
        zone: &Name,
        keys: &[DNSKEY],
        now: u32,
        checks: &mut Checks,
    ) -> Result<Verified, Bogus> {
        let (name, record_type) = (text::name(&self.name), self.record_type.to_string());
        let missing = Bogus::SignatureMissing { name, record_type, zone: text::name(zone) };
        let mut worst = missing;
        let mut pairs = 0;
        for signature in self.signatures.iter().take(SIGNATURES_MAX * 2) {
            match self.in_force(signature, zone, now) {
                Err(why) => worst = why,
                Ok(()) => {
                    let candidates = keys.iter().filter(|key| may_have_signed(key, signature));
                    let candidates: Vec<&DNSKEY> = candidates.take(SIGNATURES_MAX.saturating_sub(pairs)).collect();
                    pairs += candidates.len();
                    if candidates.is_empty() {
                        worst = self.no_key(signature, zone);
                    }
                    for key in candidates {
                        checks.spend()?;
                        if key.verify_rrsig(&self.name, DNSClass::IN, signature, self.records.iter()).is_ok() {
                            return Ok(self.verified(signature));
                        }
                        worst = self.wrong(signature);
                    }
                }
            }
        }
        Err(worst)
    }

    /// Everything about a signature but the signature.
    fn in_force(&self, signature: &RRSIG, zone: &Name, now: u32) -> Result<(), Bogus> {
        let input = signature.input();
        let (name, record_type) = (text::name(&self.name), self.record_type.to_string());
        if input.signer_name != *zone || input.num_labels > self.name.num_labels() {
            return Err(Bogus::SignerOutside { name, record_type, signer: text::name(&input.signer_name) });
        }
        let clock = SerialNumber::new(now);
        if input.sig_expiration < clock {
            let by_seconds = now.wrapping_sub(input.sig_expiration.get());
            return Err(Bogus::SignatureExpired { name, record_type, by_seconds });
        }
        if clock < input.sig_inception {
            let in_seconds = input.sig_inception.get().wrapping_sub(now);
            return Err(Bogus::SignatureNotYetValid { name, record_type, in_seconds });
        }
        Ok(())
    }

    /// Fewer labels in the signature than in the name: it was made for `*.` and those labels (RFC 4035, section 5.3.4).
    fn verified(&self, signature: &RRSIG) -> Verified {
        let labels = signature.input().num_labels;
        let expanded = labels < self.name.num_labels();
        Verified { encloser: expanded.then(|| self.name.trim_to(usize::from(labels))) }
    }

    fn no_key(&self, signature: &RRSIG, zone: &Name) -> Bogus {
        Bogus::KeyMissing {
            name: text::name(&self.name),
            record_type: self.record_type.to_string(),
            key_tag: signature.input().key_tag,
            zone: text::name(zone),
        }
    }

    fn wrong(&self, signature: &RRSIG) -> Bogus {
        Bogus::SignatureWrong {
            name: text::name(&self.name),
            record_type: self.record_type.to_string(),
            key_tag: signature.input().key_tag,
        }
    }
}

/// What a good signature says besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verified {
    /// The records were made of the wildcard below this name: that the name itself does not exist needs a proof.
    pub(crate) encloser: Option<Name>,
}

/// How many more signatures may be checked.
#[derive(Debug)]
pub(crate) struct Checks {
    pub(crate) left: usize,
    pub(crate) max: usize,
}

impl Checks {
    pub(crate) fn new(max: usize) -> Self {
        Self { left: max, max }
    }

    fn spend(&mut self) -> Result<(), Bogus> {
        self.left = self.left.checked_sub(1).ok_or(Bogus::ChecksExceeded { max: self.max })?;
        Ok(())
    }
}

fn may_have_signed(key: &DNSKEY, signature: &RRSIG) -> bool {
    let input = signature.input();
    key.zone_key()
        && !key.revoke()
        && key.public_key().algorithm() == input.algorithm
        && key.calculate_key_tag().is_ok_and(|tag| tag == input.key_tag)
}

/// The keys in a DNSKEY RRset.
pub(crate) fn keys_in(set: &RrSet) -> Vec<DNSKEY> {
    let keys = set.records.iter().filter_map(|record| match &record.data {
        RData::DNSSEC(DNSSECRData::DNSKEY(key)) => Some(key.clone()),
        _ => None,
    });
    keys.take(KEYS_MAX).collect()
}

/// The fingerprints in a DS RRset that this validator can use. SHA-1 is left out where there is better (RFC 4509).
pub(crate) fn usable(fingerprints: &[DS]) -> Vec<DS> {
    let supported = |ds: &&DS| ds.algorithm().is_supported() && ds.digest_type().is_supported();
    let known: Vec<DS> = fingerprints.iter().filter(supported).cloned().collect();
    let sha1 = hickory_proto::dnssec::DigestType::SHA1;
    let better = known.iter().any(|ds| ds.digest_type() != sha1);
    known.into_iter().filter(|ds| !better || ds.digest_type() != sha1).collect()
}

/// The zone's keys, if one of those that have a known fingerprint signed them all.
pub(crate) fn trust_keys(
    set: &RrSet,
    zone: &Name,
    fingerprints: &[DS],
    now: u32,
    checks: &mut Checks,
) -> Result<Vec<DNSKEY>, Bogus> {
    let keys = keys_in(set);
    let vouched = |key: &&DNSKEY| {
        key.calculate_key_tag().is_ok_and(|tag| {
            let same = |ds: &&DS| ds.key_tag() == tag && ds.algorithm() == key.public_key().algorithm();
            fingerprints.iter().filter(same).take(SIGNATURES_MAX).any(|ds| ds.covers(zone, key).unwrap_or(false))
        })
    };
    let entry: Vec<DNSKEY> = keys.iter().filter(vouched).cloned().collect();
    if entry.is_empty() {
        let keys = keys.iter().filter_map(|key| key.calculate_key_tag().ok()).collect();
        let vouched = fingerprints.iter().map(DS::key_tag).collect();
        return Err(Bogus::NoMatchingDs { zone: text::name(zone), keys, vouched });
    }
    set.verify(zone, &entry, now, checks)?;
    Ok(keys)
}

/// The keys as text.
pub(crate) fn describe(keys: &[DNSKEY]) -> Vec<Key> {
    let describe = |key: &DNSKEY| {
        let tag = key.calculate_key_tag().ok()?;
        let algorithm = key.public_key().algorithm().to_string();
        Some(Key { tag, algorithm, entry_point: key.secure_entry_point() })
    };
    keys.iter().filter_map(describe).collect()
}
