//! A look into a resolver's cache.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::future::join_all;

use super::Family;
use crate::Clock;
use crate::dns::{Answer, Outcome, Query, Record, RecordType, Recursion, Server, ask_one};

/// What a resolver has in its cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Peek {
    Hit { addresses: Vec<IpAddr>, ttl_left: u32 },
    Miss { why: String },
}

/// Asks a resolver without asking it to search: RD = 0. It can only answer from its cache, and the TTL that it gives is what
/// is left of it. Many resolvers do not answer such questions to everybody, since they show what others looked at.
pub(super) async fn peek(resolver: SocketAddr, name: &str, family: Family, timeout: Duration, clock: &Clock) -> Peek {
    let server = Server { name: String::new(), address: resolver };
    let mut found: Vec<Record> = Vec::new();
    let mut why = "not in its cache".to_owned();
    let ask = |record_type: &RecordType| ask_one(&server, name, *record_type, Recursion::NotDesired, timeout, clock);
    for query in join_all(family.record_types().iter().map(ask)).await {
        match query {
            Ok(Query { outcome: Outcome::Failed(failure), .. }) => why = failure.to_string(),
            Ok(Query { response, .. }) => found.extend(response.into_iter().flat_map(|response| response.answers)),
            Err(error) => return Peek::Miss { why: error.to_string() },
        }
    }
    let ttl_left = found.iter().map(|record| record.ttl).min();
    let addresses = Answer::Records { records: found }.addresses();
    match ttl_left {
        Some(ttl_left) if !addresses.is_empty() => Peek::Hit { addresses, ttl_left },
        _ => Peek::Miss { why },
    }
}
