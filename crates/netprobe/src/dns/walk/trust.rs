//! The chain of trust, from the evidence that was gathered on the way down.

use hickory_proto::dnssec::rdata::{DNSSECRData, DS};
use hickory_proto::op::Message;
use hickory_proto::rr::{self, Name, RData, RecordType};

use super::ask::Question;
use super::{Trail, Trust, Zone};
use crate::dns::dnssec::denial::{Claim, Denial, OPT_OUT, Proofs};
use crate::dns::dnssec::signature::{RrSet, Verified, trust_keys, usable};
use crate::dns::dnssec::{Bogus, Insecure, Status};
use crate::dns::reply::{End, Reply};
use crate::dns::trace::Purpose;
use crate::dns::{DnsError, text};

/// An RRset whose signature holds.
struct Checked {
    /// The zone that signed it: the one that was asked, or one below it on the same server.
    zone: Name,
    verified: Verified,
}

/// Proofs whose signatures hold, and why others do not.
struct Gathered {
    proofs: Proofs,
    zone: Name,
    failed: Option<Status>,
}

impl Trail<'_> {
    /// Whether everything in an answer from a server of `zone` is as it was signed.
    pub(super) async fn validate(
        &mut self,
        zone: &Name,
        question: &Question,
        message: &Message,
        aliases: &[rr::Record],
        end: &End,
    ) -> Result<Status, DnsError> {
        let mut name = question.name.clone();
        let mut status = Status::Secure;
        for record in aliases {
            status = status.and(self.validate_alias(zone, message, record).await?);
            if let RData::CNAME(target) = &record.data {
                name = target.0.clone();
            }
        }
        let ending = match end {
            End::Records(_) => self.validate_set(zone, message, &name, question.record_type).await?,
            End::Elsewhere(_) | End::Loop(_) => Status::Secure,
            End::NoData(_) => self.validate_denial(zone, message, Claim::NoType(&name, question.record_type)).await?,
            End::NoSuchName(_) => self.validate_denial(zone, message, Claim::NoName(&name)).await?,
        };
        Ok(status.and(ending))
    }

    /// A CNAME record is signed, or it follows from a DNAME record above it that is (RFC 6672, section 5.3.1).
    async fn validate_alias(&mut self, zone: &Name, message: &Message, alias: &rr::Record) -> Result<Status, DnsError> {
        let signed =
            RrSet::find(&message.answers, &alias.name, RecordType::CNAME).is_some_and(|set| !set.signatures.is_empty());
        let dname = message.answers.iter().find(|record| {
            record.record_type() == RecordType::DNAME && record.name != alias.name && record.name.zone_of(&alias.name)
        });
        match dname {
            Some(dname) if !signed && follows_from(alias, dname) => {
                self.validate_set(zone, message, &dname.name, RecordType::DNAME).await
            }
            _ => self.validate_set(zone, message, &alias.name, RecordType::CNAME).await,
        }
    }

    async fn validate_set(
        &mut self,
        zone: &Name,
        message: &Message,
        name: &Name,
        record_type: RecordType,
    ) -> Result<Status, DnsError> {
        let Some(set) = RrSet::find(&message.answers, name, record_type) else { return Ok(Status::Secure) };
        match self.check(&set, zone).await? {
            Err(status) => Ok(status),
            Ok(Checked { verified: Verified { encloser: None }, .. }) => Ok(Status::Secure),
            Ok(Checked { zone, verified: Verified { encloser: Some(encloser) } }) => {
                self.validate_denial(&zone, message, Claim::Expanded(name, &encloser)).await
            }
        }
    }

    async fn validate_denial(&mut self, zone: &Name, message: &Message, claim: Claim<'_>) -> Result<Status, DnsError> {
        let trust = self.trust(zone).await?;
        if !matches!(trust, Trust::Keys(_)) {
            return Ok(trust.status());
        }
        let gathered = self.gather(&message.authorities, zone).await?;
        match gathered.proofs.prove(&gathered.zone, claim) {
            // Whatever lies in a gap that opted out is not proved to be absent, only to be unsigned (RFC 5155, section 9.2).
            Denial::Proved(OPT_OUT) => Ok(Status::Insecure(Insecure::OptOut { zone: text::name(&gathered.zone) })),
            Denial::Proved(_) => Ok(Status::Secure),
            Denial::Insecure(why) => Ok(Status::Insecure(why)),
            Denial::Missing => {
                if let Some(failed) = gathered.failed {
                    return Ok(failed);
                }
                // Perhaps an unsigned zone below lives on the same server.
                let (Claim::NoName(name) | Claim::NoType(name, _) | Claim::Expanded(name, _)) = claim;
                let mut soas = message.authorities.iter().filter(|record| record.record_type() == RecordType::SOA);
                // Only a zone that the name is in: another that is unsigned would excuse anything.
                let soa = soas.find(|soa| soa.name.zone_of(name));
                let owner = soa.map_or(name, |soa| &soa.name).clone();
                if zone.zone_of(&owner)
                    && self.is_below_unsigned(zone, &owner).await?
                    && let Some(why) = self.insecure_above(&owner)
                {
                    return Ok(Status::Insecure(why));
                }
                Ok(Status::Bogus(Bogus::ProofMissing { zone: text::name(&gathered.zone), claim: claim.to_string() }))
            }
        }
    }

    async fn is_below_unsigned(&mut self, zone: &Name, name: &Name) -> Result<bool, DnsError> {
        let mut zone = zone.clone();
        while let Some(below) = self.cut_towards(&zone, name).await? {
            if matches!(self.trust(&below).await?, Trust::Insecure(_)) {
                return Ok(true);
            }
            zone = below;
        }
        Ok(false)
    }

    fn insecure_above(&self, name: &Name) -> Option<Insecure> {
        match self.zones.get(&self.closest_zone(name, RecordType::A))?.trust.clone()? {
            Trust::Insecure(why) => Some(why),
            _ => None,
        }
    }

    /// Whether the zone, or one below it that the same servers serve, signed these records.
    async fn check(&mut self, set: &RrSet, zone: &Name) -> Result<Result<Checked, Status>, DnsError> {
        let mut zone = zone.clone();
        loop {
            let keys = match self.trust(&zone).await? {
                Trust::Keys(keys) => keys,
                other => return Ok(Err(other.status())),
            };
            let signer = set.signer().cloned();
            // A DS record at a cut is above it.
            let target = match (&signer, set.record_type) {
                (Some(signer), _) => signer.clone(),
                (None, RecordType::DS) => set.name.base_name(),
                (None, _) => set.name.clone(),
            };
            if signer.as_ref() != Some(&zone)
                && zone.zone_of(&target)
                && let Some(below) = self.cut_towards(&zone, &target).await?
            {
                zone = below;
                continue;
            }
            let verified = set.verify(&zone, &keys, self.now, &mut self.checks);
            return Ok(verified.map(|verified| Checked { zone, verified }).map_err(Status::Bogus));
        }
    }

    /// What is known about the keys of a zone. Asks for them once.
    async fn trust(&mut self, name: &Name) -> Result<Trust, DnsError> {
        let Some(zone) = self.zones.get(name) else { return Ok(Trust::Unchecked) };
        if let Some(trust) = &zone.trust {
            return Ok(trust.clone());
        }
        if !self.settling.insert(name.clone()) {
            // Somebody signed the proof of a zone's keys with those keys.
            let reason = "the proof of them depends on itself".to_owned();
            return Ok(Trust::Bogus(Bogus::NoKeys { zone: text::name(name), reason }));
        }
        let zone = zone.clone();
        let fingerprints = Box::pin(self.fingerprints(&zone)).await;
        self.settling.remove(name);
        let trust = match fingerprints? {
            Ok(fingerprints) => {
                if let Some(zone) = self.zones.get_mut(name) {
                    zone.vouched = fingerprints.iter().map(DS::key_tag).collect();
                }
                self.keys(name, &fingerprints).await?
            }
            Err(trust) => trust,
        };
        if let Some(zone) = self.zones.get_mut(name) {
            zone.trust = Some(trust.clone());
        }
        Ok(trust)
    }

    /// The fingerprints that the parent vouches for, or the anchors.
    async fn fingerprints(&mut self, zone: &Zone) -> Result<Result<Vec<DS>, Trust>, DnsError> {
        let Some(parent) = zone.parent.clone() else {
            let anchors = self.options.anchors.iter().map(|anchor| anchor.0.clone()).collect::<Vec<_>>();
            return Ok(if anchors.is_empty() { Err(Trust::Unchecked) } else { Ok(anchors) });
        };
        let trust = self.trust(&parent).await?;
        if !matches!(trust, Trust::Keys(_)) {
            return Ok(Err(trust));
        }
        let mut evidence = zone.evidence.clone();
        let has_proof =
            |record: &rr::Record| matches!(record.record_type(), RecordType::DS | RecordType::NSEC | RecordType::NSEC3);
        if !evidence.iter().any(has_proof) {
            // A parent that does not know about DS has to be asked for them (RFC 4035, section 5.2).
            let question = self.about(&zone.name, RecordType::DS, Purpose::Delegation);
            match self.ask(&parent, &question).await {
                Ok(heard) => evidence = [heard.message.answers, heard.message.authorities].concat(),
                Err(DnsError::NoUsableServer { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        if let Some(set) = RrSet::find(&evidence, &zone.name, RecordType::DS) {
            return Ok(match self.check(&set, &parent).await? {
                Err(status) => Err(Trust::from(status)),
                Ok(_) => vouched(&zone.name, &set),
            });
        }
        let gathered = self.gather(&evidence, &parent).await?;
        let unsigned = |proof: &str| {
            let (zone, parent) = (text::name(&zone.name), text::name(&gathered.zone));
            Trust::Insecure(Insecure::UnsignedDelegation { zone, parent, proof: proof.to_owned() })
        };
        let claim = Claim::NoType(&zone.name, RecordType::DS);
        Ok(Err(match gathered.proofs.prove(&gathered.zone, claim) {
            Denial::Proved(proof)
                if proof == OPT_OUT || gathered.proofs.is_delegation(&gathered.zone, &zone.name) == Some(true) =>
            {
                unsigned(proof)
            }
            Denial::Insecure(why) => Trust::Insecure(why),
            Denial::Proved(_) | Denial::Missing => match gathered.failed {
                Some(failed) => Trust::from(failed),
                None => {
                    let claim = claim.to_string();
                    Trust::Bogus(Bogus::ProofMissing { zone: text::name(&gathered.zone), claim })
                }
            },
        }))
    }

    /// The zone's own keys, held against their fingerprints.
    async fn keys(&mut self, zone: &Name, fingerprints: &[DS]) -> Result<Trust, DnsError> {
        let question = self.about(zone, RecordType::DNSKEY, Purpose::Keys);
        let no_keys = |reason: String| Ok(Trust::Bogus(Bogus::NoKeys { zone: text::name(zone), reason }));
        let message = match self.ask(zone, &question).await {
            Ok(heard) => heard.message,
            Err(error @ DnsError::NoUsableServer { .. }) => return no_keys(error.to_string()),
            Err(error) => return Err(error),
        };
        let Some(set) = RrSet::find(&message.answers, zone, RecordType::DNSKEY) else {
            return no_keys("its servers say that it has none".to_owned());
        };
        Ok(match trust_keys(&set, zone, fingerprints, self.now, &mut self.checks) {
            Ok(keys) => Trust::Keys(keys),
            Err(why) => Trust::Bogus(why),
        })
    }

    /// The next zone on the way from a zone down to a name that the same servers serve, and so never refer to.
    async fn cut_towards(&mut self, zone: &Name, name: &Name) -> Result<Option<Name>, DnsError> {
        for labels in usize::from(zone.num_labels()) + 1..=name.iter().len() {
            let candidate = name.trim_to(labels);
            if self.zones.contains_key(&candidate) {
                return Ok(Some(candidate));
            }
            let question = self.about(&candidate, RecordType::DS, Purpose::Delegation);
            let heard = match self.ask(zone, &question).await {
                Ok(heard) => heard,
                Err(DnsError::NoUsableServer { .. }) => return Ok(None),
                Err(error) => return Err(error),
            };
            let cut = match heard.reply {
                Reply::Answer { end: End::Records(_), .. } => true,
                Reply::Answer { end: End::NoData(_), .. } => {
                    let gathered = Box::pin(self.gather(&heard.message.authorities, zone)).await?;
                    let proved = gathered.proofs.prove(zone, Claim::NoType(&candidate, RecordType::DS));
                    let opted_out = proved == Denial::Proved(OPT_OUT);
                    opted_out || gathered.proofs.is_delegation(zone, &candidate) == Some(true)
                }
                Reply::Answer { end: End::NoSuchName(_), .. } => return Ok(None),
                _ => false,
            };
            if cut {
                let servers = self.zones.get(zone).map(|zone| zone.servers.clone()).unwrap_or_default();
                let evidence = [heard.message.answers, heard.message.authorities].concat();
                let below = Zone {
                    name: candidate.clone(),
                    parent: Some(zone.clone()),
                    servers,
                    evidence,
                    trust: None,
                    vouched: Vec::new(),
                };
                self.zones.insert(candidate.clone(), below);
                return Ok(Some(candidate));
            }
        }
        Ok(None)
    }

    /// The proofs in a section whose signatures hold.
    async fn gather(&mut self, section: &[rr::Record], zone: &Name) -> Result<Gathered, DnsError> {
        let mut gathered = Gathered { proofs: Proofs::default(), zone: zone.clone(), failed: None };
        for set in RrSet::all(section, &[RecordType::NSEC, RecordType::NSEC3]) {
            match self.check(&set, zone).await? {
                Ok(Checked { zone, verified: Verified { encloser: None } }) => {
                    gathered.zone = zone;
                    gathered.proofs.add(&set);
                }
                Ok(_) => {}
                Err(status) => gathered.failed = Some(status),
            }
        }
        Ok(gathered)
    }

    fn about(&self, name: &Name, record_type: RecordType, purpose: Purpose) -> Question {
        Question { name: name.clone(), record_type, purpose, depth: 0 }
    }
}

/// What a DS RRset says that can be used.
fn vouched(zone: &Name, set: &RrSet) -> Result<Vec<DS>, Trust> {
    let fingerprints = set.records.iter().filter_map(|record| match &record.data {
        RData::DNSSEC(DNSSECRData::DS(ds)) => Some(ds.clone()),
        _ => None,
    });
    let fingerprints: Vec<DS> = fingerprints.collect();
    let known = usable(&fingerprints);
    if known.is_empty() {
        let algorithms =
            fingerprints.iter().map(|ds| u8::from(ds.algorithm()).to_string()).collect::<Vec<_>>().join(", ");
        return Err(Trust::Insecure(Insecure::UnsupportedAlgorithm { zone: text::name(zone), algorithms }));
    }
    Ok(known)
}

/// Whether replacing the end of the alias's name, as the DNAME record says, gives its target.
fn follows_from(alias: &rr::Record, dname: &rr::Record) -> bool {
    let (RData::CNAME(target), Some(new_end)) = (&alias.data, text::dname_target(dname)) else { return false };
    let kept = usize::from(alias.name.num_labels()).saturating_sub(usize::from(dname.name.num_labels()));
    let front = Name::from_labels(alias.name.iter().take(kept));
    front.and_then(|front| front.append_name(&new_end)).is_ok_and(|name| name == target.0)
}

impl Trust {
    fn status(self) -> Status {
        match self {
            Self::Keys(_) => Status::Secure,
            Self::Insecure(why) => Status::Insecure(why),
            Self::Bogus(why) => Status::Bogus(why),
            Self::Unchecked => Status::Unchecked,
        }
    }
}

impl From<Status> for Trust {
    fn from(status: Status) -> Self {
        match status {
            Status::Insecure(why) => Self::Insecure(why),
            Status::Bogus(why) => Self::Bogus(why),
            Status::Secure | Status::Unchecked => Self::Unchecked,
        }
    }
}
