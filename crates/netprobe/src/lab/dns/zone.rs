//! One signed zone: its records, its key, and the proofs of what it does not hold.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use hickory_proto::dnssec::crypto::Ed25519SigningKey;
use hickory_proto::dnssec::rdata::sig::SigInput;
use hickory_proto::dnssec::rdata::{DNSKEY, DNSSECRData, DS, NSEC, NSEC3, RRSIG};
use hickory_proto::dnssec::{Algorithm, DigestType, Nsec3HashAlgorithm, SigningKey, TBS};
use hickory_proto::rr::rdata::{NS, SOA};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType, SerialNumber};
use rustls_pki_types::PrivatePkcs8KeyDer;

/// Seconds for which the lab's records may be kept.
pub(super) const TTL: u32 = 300;

/// Seconds for which its negative answers may be kept.
pub(super) const NEGATIVE_TTL: u32 = 60;

/// How far signatures reach into the past and the future, in seconds.
const SIGNED_BEFORE: u32 = 3600;
const SIGNED_AFTER: u32 = 7 * 86_400;

/// How long ago an expired signature expired, in seconds.
const EXPIRED_AGO: u32 = 3 * 86_400;

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

/// What is wrong with the signatures at a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spoilt {
    Expired,
    Forged,
    Missing,
    /// Of a DS record: in the name of the zone below.
    ByChild,
}

type RrSets = BTreeMap<RecordType, Vec<Record>>;

pub(super) struct Zone {
    pub(super) origin: Name,
    pub(super) proof: Proof,
    names: BTreeMap<Name, RrSets>,
    key: Ed25519SigningKey,
    dnskey: DNSKEY,
    now: u32,
    spoilt: HashMap<Name, Spoilt>,
    signatures: Mutex<HashMap<(Name, RecordType), Record>>,
    hashed: Vec<(Vec<u8>, Name)>,
}

impl Zone {
    /// An empty zone, but for its SOA record, its name servers and its key.
    ///
    /// Keys are made of the zone's name: they are the same every time, and keep no secret.
    pub(super) fn new(origin: &str, servers: &[&str], proof: Proof, now: u32) -> Result<Self, String> {
        let origin = name(origin)?;
        let key = key(&origin)?;
        let public = key.to_public_key().map_err(|error| error.to_string())?;
        let dnskey = DNSKEY::with_flags(257, public);
        let mut zone = Self {
            origin: origin.clone(),
            proof,
            names: BTreeMap::new(),
            key,
            dnskey: dnskey.clone(),
            now,
            spoilt: HashMap::new(),
            signatures: Mutex::default(),
            hashed: Vec::new(),
        };
        let primary = name(servers.first().copied().unwrap_or("ns.invalid."))?;
        let soa = SOA::new(primary, name("hostmaster.whiteboard.test.")?, 1, 7200, 900, 1_209_600, NEGATIVE_TTL);
        zone.put(&origin, RData::SOA(soa));
        for server in servers {
            zone.put(&origin, RData::NS(NS(name(server)?)));
        }
        if proof != Proof::None {
            zone.put(&origin, RData::DNSSEC(DNSSECRData::DNSKEY(dnskey)));
        }
        Ok(zone)
    }

    pub(super) fn put(&mut self, owner: &Name, data: RData) {
        let record = Record::from_rdata(owner.clone(), TTL, data);
        self.names.entry(owner.clone()).or_default().entry(record.record_type()).or_default().push(record);
    }

    pub(super) fn spoil(&mut self, owner: &Name, how: Spoilt) {
        self.spoilt.insert(owner.clone(), how);
    }

    /// Servers, glue and fingerprint of a zone below. `signed` may be another zone than the one that is there.
    pub(super) fn delegate(&mut self, child: &Zone, signed: Option<&Zone>, glue: &[(Name, RData)]) {
        for server in child.records(&child.origin, RecordType::NS) {
            self.put(&child.origin, server.data.clone());
        }
        if let Some(ds) = signed.and_then(|signed| signed.ds(&child.origin)) {
            self.put(&child.origin, RData::DNSSEC(DNSSECRData::DS(ds)));
        }
        for (owner, address) in glue {
            self.put(owner, address.clone());
        }
    }

    /// The fingerprint of this zone's key, as the key of `owner`.
    pub(super) fn ds(&self, owner: &Name) -> Option<DS> {
        let digest = self.dnskey.to_digest(owner, DigestType::SHA256).ok()?;
        let tag = self.dnskey.calculate_key_tag().ok()?;
        Some(DS::new(tag, Algorithm::ED25519, DigestType::SHA256, digest.as_ref().to_vec()))
    }

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

    pub(super) fn records(&self, owner: &Name, record_type: RecordType) -> &[Record] {
        self.names.get(owner).and_then(|sets| sets.get(&record_type)).map_or(&[], Vec::as_slice)
    }

    pub(super) fn has(&self, owner: &Name, record_type: RecordType) -> bool {
        !self.records(owner, record_type).is_empty()
    }

    /// Whether there are records at the name, or below it.
    pub(super) fn exists(&self, owner: &Name) -> bool {
        self.names.range(owner.clone()..).next().is_some_and(|(next, _)| owner.zone_of(next))
    }

    pub(super) fn is_cut(&self, owner: &Name) -> bool {
        *owner != self.origin && self.has(owner, RecordType::NS)
    }

    /// The delegation that a name is at or below.
    pub(super) fn cut_above(&self, owner: &Name) -> Option<Name> {
        let above = usize::from(self.origin.num_labels()) + 1..=owner.iter().len();
        above.map(|labels| owner.trim_to(labels)).find(|above| self.is_cut(above))
    }

    /// Glue is not the zone's own.
    fn is_authoritative(&self, owner: &Name) -> bool {
        self.cut_above(owner).is_none_or(|cut| cut == *owner)
    }

    /// The records at a name, and their signature, if the zone is signed.
    pub(super) fn signed(&self, owner: &Name, record_type: RecordType) -> Vec<Record> {
        let records = self.records(owner, record_type).to_vec();
        self.with_signature(records)
    }

    fn with_signature(&self, mut records: Vec<Record>) -> Vec<Record> {
        if self.proof != Proof::None && !records.is_empty() {
            records.extend(self.signature(&records));
        }
        records
    }

    /// Made when first needed, then kept.
    fn signature(&self, records: &[Record]) -> Option<Record> {
        let first = records.first()?;
        let spoilt = self.spoilt.get(&first.name).copied().filter(|how| match how {
            Spoilt::ByChild => first.record_type() == RecordType::DS,
            _ => first.record_type() == RecordType::A,
        });
        if spoilt == Some(Spoilt::Missing) {
            return None;
        }
        let id = (first.name.clone(), first.record_type());
        let mut kept = self.signatures.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(signature) = kept.get(&id) {
            return Some(signature.clone());
        }
        let expires = match spoilt {
            Some(Spoilt::Expired) => self.now.wrapping_sub(EXPIRED_AGO),
            _ => self.now.wrapping_add(SIGNED_AFTER),
        };
        let input = SigInput {
            type_covered: first.record_type(),
            algorithm: Algorithm::ED25519,
            num_labels: first.name.num_labels(),
            original_ttl: first.ttl,
            sig_expiration: SerialNumber::new(expires),
            sig_inception: SerialNumber::new(expires.wrapping_sub(SIGNED_AFTER + SIGNED_BEFORE)),
            key_tag: self.dnskey.calculate_key_tag().ok()?,
            signer_name: if spoilt == Some(Spoilt::ByChild) { first.name.clone() } else { self.origin.clone() },
        };
        let signed = TBS::from_input(&first.name, DNSClass::IN, &input, records.iter()).ok()?;
        let mut signature = self.key.sign(&signed).ok()?;
        if spoilt == Some(Spoilt::Forged) {
            signature.iter_mut().take(1).for_each(|byte| *byte ^= 1);
        }
        let rrsig = RData::DNSSEC(DNSSECRData::RRSIG(RRSIG::from_sig(input, signature)));
        let record = Record::from_rdata(first.name.clone(), first.ttl, rrsig);
        kept.insert(id, record.clone());
        Some(record)
    }

    /// The SOA record of a negative answer, with its signature.
    pub(super) fn soa(&self) -> Vec<Record> {
        let mut records = self.signed(&self.origin, RecordType::SOA);
        records.iter_mut().for_each(|record| record.ttl = record.ttl.min(NEGATIVE_TTL));
        records
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

pub(super) fn name(text: &str) -> Result<Name, String> {
    let mut name = Name::from_ascii(text).map_err(|error| format!("{text}: {error}"))?;
    name.set_fqdn(true);
    Ok(name)
}

/// An Ed25519 key whose 32 bytes are a checksum of the zone's name.
fn key(origin: &Name) -> Result<Ed25519SigningKey, String> {
    const PKCS8_ED25519: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    let text = origin.to_ascii();
    let seed = hickory_proto::dnssec::crypto::Digest::new(text.as_bytes(), DigestType::SHA256)
        .map_err(|error| error.to_string())?;
    let der = [PKCS8_ED25519.as_slice(), seed.as_ref()].concat();
    Ed25519SigningKey::from_pkcs8(&PrivatePkcs8KeyDer::from(der)).map_err(|error| error.to_string())
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
