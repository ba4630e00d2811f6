//! One query to one server, as `dig` does it.

use std::time::Duration;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::Name;

use super::exchange::{Exchange, Patience, exchange};
use super::message::{Prepared, Recursion, Shape};
use super::trace::{Outcome, Purpose, Query, Response, Server, Transport};
use super::walk::{RESEND_AFTER, TRIES_MAX, parse_name};
use super::{DnsError, Failure, RecordType, text};
use crate::{Clock, Span};

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
    let asked = (parse_name(name)?, record_type);
    ask_server(server, &asked, recursion, timeout, clock).await.map(|(query, _)| query)
}

/// The same with the message as it came.
pub(crate) async fn ask_server(
    server: &Server,
    asked: &(Name, RecordType),
    recursion: Recursion,
    timeout: Duration,
    clock: &Clock,
) -> Result<(Query, Option<Message>), DnsError> {
    let patience = Patience::new(timeout, RESEND_AFTER, TRIES_MAX);
    let mut transport = Transport::Udp;
    loop {
        let shape = Shape { recursion, randomise_case: transport == Transport::Udp, ..Shape::default() };
        let prepared = prepare(asked, shape)?;
        let (exchange, span) = clock.measure(exchange(&prepared, server.address, transport, patience, clock)).await;
        let is_cut = exchange.response.as_ref().is_ok_and(|message| message.metadata.truncation);
        if is_cut && transport == Transport::Udp {
            transport = Transport::Tcp;
            continue;
        }
        return Ok(written_down(server, asked, transport, &prepared, span, exchange));
    }
}

pub(crate) fn prepare((name, record_type): &(Name, RecordType), shape: Shape) -> Result<Prepared, DnsError> {
    let too_long = || DnsError::BadName { name: text::name(name), reason: "it is too long".to_owned() };
    Prepared::new(name, *record_type, shape).ok_or_else(too_long)
}

/// A query of nobody's walk.
pub(crate) fn written_down(
    server: &Server,
    (name, record_type): &(Name, RecordType),
    transport: Transport,
    prepared: &Prepared,
    span: Span,
    exchange: Exchange,
) -> (Query, Option<Message>) {
    let outcome = match &exchange.response {
        Err(failure) => Outcome::Failed(failure.clone()),
        Ok(message) => match message.metadata.response_code {
            ResponseCode::NoError if message.answers.is_empty() => Outcome::NoData,
            ResponseCode::NoError => Outcome::Answer,
            ResponseCode::NXDomain => Outcome::NoSuchName,
            _ => Outcome::Failed(Failure::rcode(message)),
        },
    };
    let query = Query {
        purpose: Purpose::Question,
        depth: 0,
        zone: String::new(),
        server: server.clone(),
        transport,
        name: text::name(name),
        record_type: record_type.to_string(),
        span,
        sent_ns: exchange.sent_ns,
        udp_payload_max: prepared.udp_payload_max(),
        bytes_sent: prepared.bytes().len(),
        bytes_received: exchange.bytes_received,
        discarded: exchange.discarded,
        response: exchange.response.as_ref().ok().map(Response::of),
        outcome,
    };
    (query, exchange.response.ok())
}
