//! One query to one server, as `dig` does it.

use std::time::Duration;

use hickory_proto::op::ResponseCode;

use super::exchange::{Patience, exchange};
use super::message::{Prepared, Recursion, Shape};
use super::trace::{Outcome, Purpose, Query, Response, Server, Transport};
use super::walk::{RESEND_AFTER, TRIES_MAX, parse_name};
use super::{DnsError, Failure, RecordType, text};
use crate::Clock;

/// Asks one server one question, again if no answer comes, and again over TCP if the answer is truncated.
///
/// With [`Recursion::NotDesired`], a resolver answers from its cache or not at all.
///
/// # Errors
///
/// Only for a name that is none: everything else is in the query's [`Outcome`].
pub async fn ask_one(
    server: &Server,
    name: &str,
    record_type: RecordType,
    recursion: Recursion,
    timeout: Duration,
    clock: &Clock,
) -> Result<Query, DnsError> {
    let name = parse_name(name)?;
    let patience = Patience::new(timeout, RESEND_AFTER, TRIES_MAX);
    let mut transport = Transport::Udp;
    loop {
        let randomise_case = transport == Transport::Udp;
        let shape = Shape { recursion, dnssec: false, edns: true, randomise_case };
        let too_long = || DnsError::BadName { name: text::name(&name), reason: "it is too long".to_owned() };
        let prepared = Prepared::new(&name, record_type, shape).ok_or_else(too_long)?;
        let (exchange, span) = clock.measure(exchange(&prepared, server.address, transport, patience, clock)).await;
        let outcome = match &exchange.response {
            Err(failure) => Outcome::Failed(failure.clone()),
            Ok(message) if message.metadata.truncation && transport == Transport::Udp => {
                transport = Transport::Tcp;
                continue;
            }
            Ok(message) => match message.metadata.response_code {
                ResponseCode::NoError if message.answers.is_empty() => Outcome::NoData,
                ResponseCode::NoError => Outcome::Answer,
                ResponseCode::NXDomain => Outcome::NoSuchName,
                other => Outcome::Failed(Failure::Rcode { rcode: text::rcode(other) }),
            },
        };
        return Ok(Query {
            purpose: Purpose::Question,
            depth: 0,
            zone: String::new(),
            server: server.clone(),
            transport,
            name: text::name(&name),
            record_type: record_type.to_string(),
            span,
            sent_ns: exchange.sent_ns,
            udp_payload_max: prepared.udp_payload_max(),
            bytes_sent: prepared.bytes().len(),
            bytes_received: exchange.bytes_received,
            discarded: exchange.discarded,
            response: exchange.response.as_ref().ok().map(Response::of),
            outcome,
        });
    }
}
