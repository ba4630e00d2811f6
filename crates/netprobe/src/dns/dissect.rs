//! A response that somebody captured, read as the walk reads it.

use std::time::{SystemTime, UNIX_EPOCH};

use hickory_proto::op::{Header, Message, Query as Question};
use hickory_proto::rr::RecordType;
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};

use super::dnssec::denial::{Claim, Denial, Proofs};
use super::dnssec::signature::{Checks, RrSet, keys_in};
use super::dnssec::{SIGNATURE_CHECKS_MAX, Status};
use super::message::Prepared;
use super::reply::{self, End, Reply};
use super::trace::{Outcome, Response};
use super::walk::parse_name;
use super::{DnsError, text};

/// What a response says.
#[derive(Debug, Clone, PartialEq)]
pub struct Dissection {
    /// Its parts.
    pub response: Response,
    /// What it is good for, to somebody who asked a server of the zone.
    pub outcome: Outcome,
    /// Name and type of every RRset that has signatures, and whether a key that is in the same response made one of them.
    /// Such a response is only as good as its keys.
    pub signatures: Vec<(String, Status)>,
    /// If it says that something does not exist: whether the NSEC or NSEC3 records in it would prove that, were they signed.
    pub denial: Option<bool>,
}

/// Reads a response that came from a server of `zone` (`.` believes everything), as it was at the time `now`.
///
/// Does no I/O, and takes time and memory in proportion to the bytes.
///
/// # Errors
///
/// [`DnsError::BadName`] if `zone` is none, [`DnsError::Malformed`] if the bytes are no response.
pub fn dissect(bytes: &[u8], zone: &str, now: SystemTime) -> Result<Dissection, DnsError> {
    let zone = parse_name(zone)?;
    let malformed = |reason: &str| DnsError::Malformed { reason: text::escape(reason) };
    let mut decoder = BinDecoder::new(bytes);
    let header = Header::read(&mut decoder).map_err(|error| malformed(&error.to_string()))?;
    let question = Question::read(&mut decoder).map_err(|error| malformed(&error.to_string()))?;
    let prepared = Prepared::asked(header.id, question.clone());
    let message = prepared.accept(bytes).map_err(|why| malformed(&format!("{why:?}")))?;
    let response = Response::of(&message);
    let signatures = signatures(&message, now);
    if message.metadata.truncation {
        return Ok(Dissection { response, outcome: Outcome::Truncated, signatures, denial: None });
    }
    let reply = reply::read(&message, &zone, question.name(), question.query_type());
    let claim = match &reply {
        Reply::Answer { aliases, end: End::NoData(_) } if aliases.is_empty() => {
            Some(Claim::NoType(question.name(), question.query_type()))
        }
        Reply::Answer { aliases, end: End::NoSuchName(_) } if aliases.is_empty() => {
            Some(Claim::NoName(question.name()))
        }
        _ => None,
    };
    let denial = claim.map(|claim| {
        let mut proofs = Proofs::default();
        let sets = RrSet::all(&message.authorities, &[RecordType::NSEC, RecordType::NSEC3]);
        sets.iter().for_each(|set| proofs.add(set));
        let zone = sets.iter().find_map(RrSet::signer).cloned().unwrap_or(zone);
        !matches!(proofs.prove(&zone, claim), Denial::Missing)
    });
    Ok(Dissection { response, outcome: reply.outcome(), signatures, denial })
}

fn signatures(message: &Message, now: SystemTime) -> Vec<(String, Status)> {
    let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let now = u32::try_from(seconds & u64::from(u32::MAX)).unwrap_or(u32::MAX);
    let mut checks = Checks::new(SIGNATURE_CHECKS_MAX);
    let keys: Vec<_> = RrSet::all(&message.answers, &[RecordType::DNSKEY])
        .iter()
        .flat_map(keys_in)
        .take(SIGNATURE_CHECKS_MAX)
        .collect();
    let mut found = Vec::new();
    for section in [&message.answers, &message.authorities] {
        let types: Vec<RecordType> = section.iter().map(|record| record.record_type()).collect();
        for set in RrSet::all(section, &types).iter().filter(|set| !set.signatures.is_empty()) {
            let name = format!("{} {}", text::name(&set.name), set.record_type);
            let status = match set.signer() {
                Some(signer) if !keys.is_empty() => {
                    set.verify(signer, &keys, now, &mut checks).map_or_else(Status::Bogus, |_| Status::Secure)
                }
                _ => Status::Unchecked,
            };
            found.push((name, status));
        }
    }
    found
}
