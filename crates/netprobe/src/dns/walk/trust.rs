//! Whether an answer is as it was signed, by the keys of its zone.

use std::net::SocketAddr;

use hickory_proto::op::Message;
use hickory_proto::rr::{self, Name, RData, RecordType};

use super::ask::{Heard, Question};
use super::{Trail, Trust};
use crate::dns::dnssec::denial::{Claim, Denial, OPT_OUT, Proofs};
use crate::dns::dnssec::signature::{RrSet, Verified};
use crate::dns::dnssec::{Bogus, Insecure, Status};
use crate::dns::reply::{End, Reply};
use crate::dns::{DnsError, Failure, text};

/// The most servers of a zone that are asked the same because signatures do not hold: one of them may be forged, broken or out of
/// date, and all of them hardly ever are (RFC 4035, section 4.7, and what resolvers do).
pub(super) const OPINIONS_MAX: usize = 3;

/// An RRset whose signature holds.
pub(super) struct Checked {
    /// The zone that signed it: the one that was asked, or one below it on the same server.
    pub(super) zone: Name,
    pub(super) verified: Verified,
}

/// Proofs whose signatures hold, and why others do not.
pub(super) struct Gathered {
    pub(super) proofs: Proofs,
    pub(super) zone: Name,
    pub(super) failed: Option<Status>,
}

impl Trail<'_> {
    /// Asks until an answer's signatures hold. If nobody's do, the first answer is given back, with what is wrong with it.
    pub(super) async fn ask_until_valid(
        &mut self,
        zone: &Name,
        question: &Question,
    ) -> Result<(Heard, Status), DnsError> {
        let mut first = None;
        let mut doubted: Vec<SocketAddr> = Vec::new();
        while doubted.len() < OPINIONS_MAX {
            let heard = match self.ask(zone, question, &doubted).await {
                Ok(heard) => heard,
                Err(error) => return first.ok_or(error),
            };
            let status = self.validate(zone, question, &heard).await?;
            let Status::Bogus(why) = &status else { return Ok((heard, status)) };
            self.failed(heard.index, heard.server, Failure::Bogus(why.clone()));
            doubted.push(heard.server);
            first.get_or_insert((heard, status));
            // Without good keys no answer is any better.
            if matches!(self.zones.get(zone).and_then(|zone| zone.trust.as_ref()), Some(Trust::Bogus(_))) {
                break;
            }
        }
        first.ok_or_else(|| DnsError::NoUsableServer { zone: text::name(zone), tried: Vec::new() })
    }

    /// Whether everything in an answer from a server of `zone` is as it was signed. Referrals are not signed.
    async fn validate(&mut self, zone: &Name, question: &Question, heard: &Heard) -> Result<Status, DnsError> {
        let Reply::Answer { aliases, end } = &heard.reply else { return Ok(Status::Secure) };
        let message = &heard.message;
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
    pub(super) async fn check(&mut self, set: &RrSet, zone: &Name) -> Result<Result<Checked, Status>, DnsError> {
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

    /// The proofs in a section whose signatures hold.
    pub(super) async fn gather(&mut self, section: &[rr::Record], zone: &Name) -> Result<Gathered, DnsError> {
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
}

/// Whether replacing the end of the alias's name, as the DNAME record says, gives its target.
fn follows_from(alias: &rr::Record, dname: &rr::Record) -> bool {
    let (RData::CNAME(target), Some(new_end)) = (&alias.data, text::dname_target(dname)) else { return false };
    let kept = usize::from(alias.name.num_labels()).saturating_sub(usize::from(dname.name.num_labels()));
    let front = Name::from_labels(alias.name.iter().take(kept));
    front.and_then(|front| front.append_name(&new_end)).is_ok_and(|name| name == target.0)
}
