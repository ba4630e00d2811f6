//! What an honest authority answers (RFC 1034, section 4.3.2; with signatures: RFC 4035, section 3.1).
//!
//! 1. Find the zone that is closest to the name. None: refuse.
//! 2. The name is at or below a delegation: name the servers below, with glue, and the fingerprint of their key or the proof
//!    that there is none. Without AA: this server is no authority for the name.
//! 3. The name is there: its records; or its alias, and on from there; or the proof that it has no such records.
//! 4. A wildcard stands for it: the wildcard's records, and the proof that the name itself is not there.
//! 5. Nothing: the proof of that.

use hickory_proto::op::{Edns, Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::{Name, RData, Record, RecordType};

use super::zone::Zone;

/// The most aliases that one answer follows.
const ALIASES_MAX: usize = 8;

/// Answers a query from these zones.
pub(super) fn answer(zones: &[&Zone], query: &Message) -> Message {
    let mut response = Message::new(query.metadata.id, MessageType::Response, OpCode::Query);
    response.metadata.recursion_desired = query.metadata.recursion_desired;
    response.queries = query.queries.clone();
    let wants_signatures = query.edns.as_ref().is_some_and(|edns| edns.flags().dnssec_ok);
    if query.edns.is_some() {
        let mut edns = Edns::new();
        edns.set_max_payload(1232).set_version(0).set_dnssec_ok(wants_signatures);
        response.set_edns(edns);
    }
    let Some(question) = query.queries.first() else {
        response.metadata.response_code = ResponseCode::FormErr;
        return response;
    };
    if query.metadata.op_code != OpCode::Query {
        response.metadata.response_code = ResponseCode::NotImp;
        return response;
    }
    match closest(zones, question.name(), question.query_type()) {
        Some(zone) => fill(zone, question.name(), question.query_type(), &mut response),
        None => response.metadata.response_code = ResponseCode::Refused,
    }
    if !wants_signatures {
        strip(&mut response, question.query_type());
    }
    response
}

fn closest<'a>(zones: &[&'a Zone], name: &Name, record_type: RecordType) -> Option<&'a Zone> {
    let holds = |zone: &&&Zone| {
        // The fingerprint of a zone's key is the parent's to give, if the parent is here.
        let below = record_type != RecordType::DS || zone.origin != *name;
        zone.origin.zone_of(name) && below
    };
    let closest = zones.iter().filter(holds).max_by_key(|zone| zone.origin.num_labels());
    closest.or_else(|| zones.iter().find(|zone| zone.origin == *name)).copied()
}

fn fill(zone: &Zone, name: &Name, record_type: RecordType, response: &mut Message) {
    let mut name = name.clone();
    response.metadata.authoritative = true;
    for _ in 0..ALIASES_MAX {
        if let Some(cut) = zone.cut_above(&name)
            && !(cut == name && record_type == RecordType::DS)
        {
            if response.answers.is_empty() {
                refer(zone, &cut, response);
            }
            return;
        }
        let alias = zone.records(&name, RecordType::CNAME).first().cloned();
        if zone.has(&name, record_type) {
            response.add_answers(zone.signed(&name, record_type));
            return;
        }
        match alias {
            Some(Record { data: RData::CNAME(target), .. }) => {
                response.add_answers(zone.signed(&name, RecordType::CNAME));
                let visited = response.answers.iter().any(|record| record.name == target.0);
                if visited || !zone.origin.zone_of(&target.0) {
                    return;
                }
                name = target.0.clone();
            }
            _ if zone.exists(&name) => {
                response.add_authorities(zone.soa());
                response.add_authorities(zone.proof_at(&name));
                return;
            }
            _ => return absent(zone, &name, record_type, response),
        }
    }
}

fn refer(zone: &Zone, cut: &Name, response: &mut Message) {
    response.metadata.authoritative = false;
    let servers = zone.records(cut, RecordType::NS);
    response.add_authorities(servers.to_vec());
    if zone.has(cut, RecordType::DS) {
        response.add_authorities(zone.signed(cut, RecordType::DS));
    } else {
        let mut proofs = zone.proof_at(cut);
        // The gap alone does not show which names above exist.
        if !proofs.iter().any(|record| record.name == *cut) {
            add_new(&mut proofs, zone.proof_at(&cut.base_name()));
        }
        response.add_authorities(proofs);
    }
    for server in servers {
        if let RData::NS(server) = &server.data {
            response.add_additionals(zone.records(&server.0, RecordType::A).to_vec());
            response.add_additionals(zone.records(&server.0, RecordType::AAAA).to_vec());
        }
    }
}

fn absent(zone: &Zone, name: &Name, record_type: RecordType, response: &mut Message) {
    let mut next_closer = name.clone();
    while !zone.exists(&next_closer.base_name()) {
        next_closer = next_closer.base_name();
    }
    let encloser = next_closer.base_name();
    let mut proofs = zone.proof_at(&next_closer);
    let Ok(wildcard) = encloser.prepend_label("*") else { return };
    if zone.has(&wildcard, record_type) {
        let made = zone.signed(&wildcard, record_type).into_iter().map(|mut record| {
            record.name = name.clone();
            record
        });
        response.add_answers(made);
        response.add_authorities(proofs);
        return;
    }
    if !zone.exists(&wildcard) {
        response.metadata.response_code = ResponseCode::NXDomain;
    }
    add_new(&mut proofs, zone.proof_at(&encloser));
    add_new(&mut proofs, zone.proof_at(&wildcard));
    response.add_authorities(zone.soa());
    response.add_authorities(proofs);
}

fn add_new(records: &mut Vec<Record>, more: Vec<Record>) {
    for record in more {
        if !records.contains(&record) {
            records.push(record);
        }
    }
}

/// Without signatures and proofs, for those who did not ask for them (RFC 4035, section 3.1).
fn strip(response: &mut Message, record_type: RecordType) {
    let kept = |record: &Record| {
        let kind = record.record_type();
        let dnssec = [RecordType::RRSIG, RecordType::NSEC, RecordType::NSEC3, RecordType::DS].contains(&kind);
        kind == record_type || !dnssec
    };
    response.answers.retain(kept);
    response.authorities.retain(kept);
}
