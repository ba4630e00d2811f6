//! One signed zone: its records and its key.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use hickory_proto::dnssec::crypto::Ed25519SigningKey;
use hickory_proto::dnssec::rdata::sig::SigInput;
use hickory_proto::dnssec::rdata::{DNSKEY, DNSSECRData, DS, RRSIG};
use hickory_proto::dnssec::{Algorithm, DigestType, SigningKey, TBS};
use hickory_proto::rr::rdata::{NS, SOA};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType, SerialNumber};
use rustls_pki_types::PrivatePkcs8KeyDer;

use super::proofs::Proof;

/// Seconds for which the lab's records may be kept.
pub(super) const TTL: u32 = 300;

/// Seconds for which its negative answers may be kept.
pub(super) const NEGATIVE_TTL: u32 = 60;

/// How far signatures reach into the past and the future, in seconds.
const SIGNED_BEFORE: u32 = 3600;
const SIGNED_AFTER: u32 = 7 * 86_400;

/// How long ago an expired signature expired, in seconds.
const EXPIRED_AGO: u32 = 3 * 86_400;

/// What is wrong with the signatures at a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spoilt {
    Expired,
    Forged,
    Missing,
    /// Of a DS record: in the name of the zone below.
    ByChild,
}

pub(super) type RrSets = BTreeMap<RecordType, Vec<Record>>;

pub(super) struct Zone {
    pub(super) origin: Name,
    pub(super) proof: Proof,
    pub(super) names: BTreeMap<Name, RrSets>,
    key: Ed25519SigningKey,
    dnskey: DNSKEY,
    now: u32,
    spoilt: HashMap<Name, Spoilt>,
    signatures: Mutex<HashMap<(Name, RecordType), Record>>,
    /// Of a zone with hashed proofs: its names by their hashes.
    pub(super) hashed: Vec<(Vec<u8>, Name)>,
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

    /// An older or newer version of the zone.
    pub(super) fn set_serial(&mut self, serial: u32) {
        let origin = self.origin.clone();
        let soas = self.names.get_mut(&origin).and_then(|sets| sets.get_mut(&RecordType::SOA));
        for record in soas.into_iter().flatten() {
            if let RData::SOA(soa) = &mut record.data {
                soa.serial = serial;
            }
        }
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
    pub(super) fn is_authoritative(&self, owner: &Name) -> bool {
        self.cut_above(owner).is_none_or(|cut| cut == *owner)
    }

    /// The records at a name, and their signature, if the zone is signed.
    pub(super) fn signed(&self, owner: &Name, record_type: RecordType) -> Vec<Record> {
        let records = self.records(owner, record_type).to_vec();
        self.with_signature(records)
    }

    pub(super) fn with_signature(&self, mut records: Vec<Record>) -> Vec<Record> {
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
            _ => matches!(first.record_type(), RecordType::A | RecordType::HTTPS),
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
