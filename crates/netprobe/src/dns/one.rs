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
    let (first, mut more) = ask_server(server, &asked, recursion, timeout, clock).await?;
    Ok(more.pop().unwrap_or(first).0)
}

/// A query, and the message that came back, if it is one that can be read as an answer.
pub(crate) type Attempt = (Query, Option<Message>);

/// The same with the messages as they came: the first attempt, and those that it took besides.
pub(crate) async fn ask_server(
    server: &Server,
    asked: &(Name, RecordType),
    recursion: Recursion,
    timeout: Duration,
    clock: &Clock,
) -> Result<(Attempt, Vec<Attempt>), DnsError> {
    let began_ns = clock.now_ns();
    let ask = async |transport, edns| {
        let left = timeout.saturating_sub(Duration::from_nanos(clock.now_ns().saturating_sub(began_ns)));
        let patience = Patience::new(left, RESEND_AFTER, TRIES_MAX);
        let shape = Shape { recursion, edns, randomise_case: transport == Transport::Udp, ..Shape::default() };
        let prepared = prepare(asked, shape)?;
        let (exchange, span) = clock.measure(exchange(&prepared, server.address, transport, patience, clock)).await;
        Ok::<_, DnsError>(written_down(server, asked, transport, &prepared, span, exchange))
    };
    let (mut transport, mut edns) = (Transport::Udp, true);
    let first = ask(transport, edns).await?;
    let mut more = Vec::new();
    while let Some(otherwise) = otherwise(more.last().unwrap_or(&first), transport, edns) {
        (transport, edns) = otherwise;
        more.push(ask(transport, edns).await?);
    }
    Ok((first, more))
}

/// How else the server may be asked, if that is what it takes.
fn otherwise((query, message): &Attempt, transport: Transport, edns: bool) -> Option<(Transport, bool)> {
    let is_udp = transport == Transport::Udp;
    match (&query.outcome, message) {
        (Outcome::Truncated, _) => Some((Transport::Tcp, edns)),
        // Perhaps it does not keep capital letters. Nobody answers in its place on a connection to it.
        (Outcome::Failed(Failure::Silent { discarded, .. }), _) if is_udp && discarded.wrong_question > 0 => {
            Some((Transport::Tcp, edns))
        }
        (_, Some(message)) if edns && lacks_edns(message) => Some((transport, false)),
        _ => None,
    }
}

/// A server from before 1999 (RFC 6891, section 7).
pub(super) fn lacks_edns(message: &Message) -> bool {
    matches!(message.metadata.response_code, ResponseCode::FormErr | ResponseCode::NotImp) && message.edns.is_none()
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
) -> Attempt {
    let outcome = match &exchange.response {
        Err(failure) => Outcome::Failed(failure.clone()),
        Ok(message) if message.metadata.truncation => match transport {
            Transport::Udp => Outcome::Truncated,
            other => Outcome::Failed(truncated(other)),
        },
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
    // What did fit says nothing about the rest.
    (query, exchange.response.ok().filter(|message| !message.metadata.truncation))
}

/// What fits every message did not fit this one.
pub(super) fn truncated(transport: Transport) -> Failure {
    Failure::Malformed { reason: format!("truncated, and that over {}", transport.name()) }
}
