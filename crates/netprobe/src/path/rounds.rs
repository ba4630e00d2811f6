//! Which packets are sent: a few hops at a time, until the destination answers or too many say nothing.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::future::join_all;

use super::probe::send;
use super::{PathAnswer, PathHop, PathOptions, PathReply};
use crate::Clock;

/// How many hops are asked at the same time. More would be lost on a near destination, which limits how often it answers.
const HOPS_AT_ONCE: usize = 4;

/// After so many hops in a row that say nothing, those behind them are not asked.
const SILENT_MAX: usize = 8;

pub(super) async fn trace(
    destination: IpAddr,
    options: &PathOptions,
    clock: &Clock,
) -> io::Result<(Vec<PathHop>, bool)> {
    let mut rounds = Rounds { destination, options, clock, sent: 0 };
    let mut hops: Vec<PathHop> = Vec::new();
    let ttls: Vec<u8> = (1..=options.hops_max).collect();
    for some in ttls.chunks(HOPS_AT_ONCE) {
        hops.extend(rounds.ask(some).await?);
        let silent = hops.iter().rev().take_while(|hop| hop.replies.is_empty()).count();
        if hops.iter().any(|hop| ends(hop, destination)) || silent >= SILENT_MAX {
            break;
        }
    }
    let end = hops.iter().position(|hop| ends(hop, destination));
    let last = end.or_else(|| hops.iter().rposition(|hop| !hop.replies.is_empty()));
    hops.truncate(last.map_or(0, |last| last + 1));
    for _ in 1..options.rounds {
        let answering: Vec<u8> = hops.iter().filter(|hop| !hop.replies.is_empty()).map(|hop| hop.ttl).collect();
        for some in answering.chunks(HOPS_AT_ONCE) {
            for again in rounds.ask(some).await? {
                if let Some(hop) = hops.iter_mut().find(|hop| hop.ttl == again.ttl) {
                    hop.sent = hop.sent.saturating_add(again.sent);
                    hop.replies.extend(again.replies);
                }
            }
        }
    }
    let reached = |reply: &PathReply| reply.from == destination || reply.says == PathAnswer::PortUnreachable;
    let reached = hops.iter().flat_map(|hop| &hop.replies).any(reached);
    Ok((hops, reached))
}

/// Whether nothing is behind a hop, or nothing can be known of it.
fn ends(hop: &PathHop, destination: IpAddr) -> bool {
    hop.replies.iter().any(|reply| reply.from == destination || reply.says != PathAnswer::TimeExceeded)
}

struct Rounds<'a> {
    destination: IpAddr,
    options: &'a PathOptions,
    clock: &'a Clock,
    sent: u16,
}

impl Rounds<'_> {
    /// Sends one packet to each of these hops, and waits for what comes back.
    async fn ask(&mut self, ttls: &[u8]) -> io::Result<Vec<PathHop>> {
        let limit = Duration::from_millis(self.options.timeout_ms);
        let asking: Vec<_> = ttls
            .iter()
            .map(|ttl| {
                let target = SocketAddr::new(self.destination, self.options.port.wrapping_add(self.sent));
                self.sent = self.sent.wrapping_add(1);
                let asking = send(target, *ttl, self.clock);
                async move {
                    match tokio::time::timeout(limit, asking).await {
                        Ok(reply) => reply.map(|reply| PathHop { ttl: *ttl, sent: 1, replies: vec![reply] }),
                        Err(_) => Ok(PathHop { ttl: *ttl, sent: 1, replies: Vec::new() }),
                    }
                }
            })
            .collect();
        join_all(asking).await.into_iter().collect()
    }
}
