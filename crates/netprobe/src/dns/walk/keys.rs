//! The keys of the zones on the way, each vouched for by the zone above it.

use std::net::SocketAddr;

use hickory_proto::dnssec::rdata::{DNSSECRData, DS};
use hickory_proto::rr::{self, Name, RData, RecordType};

use super::ask::Question;
use super::trust::OPINIONS_MAX;
use super::{Trail, Trust, Zone, memory};
use crate::dns::dnssec::denial::{Claim, Denial, OPT_OUT};
use crate::dns::dnssec::signature::{RrSet, trust_keys, usable};
use crate::dns::dnssec::{Bogus, Insecure, Status};
use crate::dns::reply::{End, Reply};
use crate::dns::trace::Purpose;
use crate::dns::{DnsError, Failure, text};

impl Trail<'_> {
    /// What is known about the keys of a zone. Asks for them once.
    pub(super) async fn trust(&mut self, name: &Name) -> Result<Trust, DnsError> {
        let Some(zone) = self.zones.get(name) else { return Ok(Trust::Unchecked) };
        self.relied_on.insert(name.clone());
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
        let has_proof =
            |record: &rr::Record| matches!(record.record_type(), RecordType::DS | RecordType::NSEC | RecordType::NSEC3);
        let mut doubted: Vec<SocketAddr> = Vec::new();
        let mut first = None;
        if zone.evidence.iter().any(has_proof) {
            match self.weigh(zone, &parent, &zone.evidence).await? {
                bogus @ Err(Trust::Bogus(_)) => first = Some(bogus),
                found => return Ok(found),
            }
            doubted.extend(zone.referred_by);
        }
        // A parent that does not know about DS has to be asked for them (RFC 4035, section 5.2), and so has another of its servers
        // when what came with the referral is not what was signed.
        let question = about(&zone.name, RecordType::DS, Purpose::Delegation);
        while doubted.len() < OPINIONS_MAX {
            let heard = match self.ask(&parent, &question, &doubted).await {
                Ok(heard) => heard,
                Err(DnsError::NoUsableServer { .. }) => break,
                Err(error) => return Err(error),
            };
            let evidence = [heard.message.answers, heard.message.authorities].concat();
            match self.weigh(zone, &parent, &evidence).await? {
                Err(Trust::Bogus(why)) => {
                    self.failed(heard.index, heard.server, Failure::Bogus(why.clone()));
                    doubted.push(heard.server);
                    first.get_or_insert(Err(Trust::Bogus(why)));
                }
                found => return Ok(found),
            }
        }
        match first {
            Some(bogus) => Ok(bogus),
            None => self.weigh(zone, &parent, &[]).await,
        }
    }

    /// What the parent's word amounts to: fingerprints, or why there are none.
    async fn weigh(
        &mut self,
        zone: &Zone,
        parent: &Name,
        evidence: &[rr::Record],
    ) -> Result<Result<Vec<DS>, Trust>, DnsError> {
        if let Some(set) = RrSet::find(evidence, &zone.name, RecordType::DS) {
            return Ok(match self.check(&set, parent).await? {
                Err(status) => Err(Trust::from(status)),
                Ok(_) => vouched(&zone.name, &set),
            });
        }
        let gathered = self.gather(evidence, parent).await?;
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
        let question = about(zone, RecordType::DNSKEY, Purpose::Keys);
        let no_keys = |reason: String| Bogus::NoKeys { zone: text::name(zone), reason };
        let mut doubted: Vec<SocketAddr> = Vec::new();
        let mut first = None;
        while doubted.len() < OPINIONS_MAX {
            let heard = match self.ask(zone, &question, &doubted).await {
                Ok(heard) => heard,
                Err(error @ DnsError::NoUsableServer { .. }) => {
                    first.get_or_insert_with(|| no_keys(error.to_string()));
                    break;
                }
                Err(error) => return Err(error),
            };
            let why = match RrSet::find(&heard.message.answers, zone, RecordType::DNSKEY) {
                None => no_keys("its servers say that it has none".to_owned()),
                Some(set) => match trust_keys(&set, zone, fingerprints, self.now, &mut self.checks) {
                    Ok(keys) => {
                        self.expire_with(zone, &heard.message.answers);
                        return Ok(Trust::Keys(keys));
                    }
                    Err(why) => why,
                },
            };
            self.failed(heard.index, heard.server, Failure::Bogus(why.clone()));
            doubted.push(heard.server);
            first.get_or_insert(why);
        }
        Ok(Trust::Bogus(first.unwrap_or_else(|| no_keys("nobody was asked".to_owned()))))
    }

    /// What is known about a zone is over when these records are.
    fn expire_with(&mut self, zone: &Name, records: &[rr::Record]) {
        let ttl = records.iter().map(|record| text::time_to_live(record.ttl)).min();
        if let (Some(zone), Some(ttl)) = (self.zones.get_mut(zone), ttl) {
            zone.expires = zone.expires.min(memory::expiry(ttl));
        }
    }

    /// The next zone on the way from a zone down to a name that the same servers serve, and so never refer to.
    pub(super) async fn cut_towards(&mut self, zone: &Name, name: &Name) -> Result<Option<Name>, DnsError> {
        for labels in usize::from(zone.num_labels()) + 1..=name.iter().len() {
            let candidate = name.trim_to(labels);
            if self.zones.contains_key(&candidate) {
                return Ok(Some(candidate));
            }
            let question = about(&candidate, RecordType::DS, Purpose::Delegation);
            let heard = match self.ask(zone, &question, &[]).await {
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
                let Some(above) = self.zones.get(zone) else { return Ok(None) };
                let servers = above.servers.clone();
                let evidence = [heard.message.answers, heard.message.authorities].concat();
                let ttl = evidence.iter().map(|record| text::time_to_live(record.ttl)).min().unwrap_or(0);
                let expires = above.expires.min(memory::expiry(ttl));
                let below = Zone {
                    name: candidate.clone(),
                    parent: Some(zone.clone()),
                    servers,
                    evidence,
                    referred_by: Some(heard.server),
                    trust: None,
                    vouched: Vec::new(),
                    expires,
                };
                self.zones.insert(candidate.clone(), below);
                return Ok(Some(candidate));
            }
        }
        Ok(None)
    }
}

fn about(name: &Name, record_type: RecordType, purpose: Purpose) -> Question {
    Question { name: name.clone(), record_type, purpose, depth: 0 }
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

impl Trust {
    pub(super) fn status(self) -> Status {
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
