//! The path: which routers a packet passes, and how long it takes to each and back.
//!
//! ```text
//!  TTL 1 ──► router ✗                     each router takes one from a packet's time to live; where none is left,
//!        ◄── ICMP "time exceeded"         the packet is dropped, and its sender told by whom (RFC 792, RFC 4443)
//!  TTL 2 ──► router ──► router ✗
//!  TTL 3 ──► router ──► router ──► host   nobody listens on the port there: ICMP "port unreachable", and the end of the path
//! ```
//!
//! This is Van Jacobson's traceroute. On Linux it needs no privileges: the kernel queues the ICMP errors of a UDP socket for whoever
//! owns the socket (`IP_RECVERR` in ip(7)). Elsewhere the field `unavailable` of a [`struct@Path`] says that it cannot be done.

#[cfg(target_os = "linux")]
mod probe;
#[cfg(target_os = "linux")]
mod rounds;

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::render::duration;
use crate::{Clock, Phase, Span, Step};

/// How the path is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathOptions {
    /// How many routers are asked at most.
    pub hops_max: u8,
    /// How many packets go to each that answers.
    pub rounds: u8,
    /// How long each packet is waited for.
    pub timeout_ms: u64,
    /// The first port; each packet goes to another. Nobody should listen there.
    pub port: u16,
}

impl Default for PathOptions {
    fn default() -> Self {
        Self { hops_max: 30, rounds: 3, timeout_ms: 1_000, port: 33_434 }
    }
}

/// The path to an address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Path {
    /// Where it leads.
    pub destination: IpAddr,
    /// When it was looked for.
    pub span: Span,
    /// The routers in order, and the destination, if it answered.
    pub hops: Vec<PathHop>,
    /// Whether the destination answered.
    pub reached: bool,
    /// Why nothing is known, if so.
    pub unavailable: Option<String>,
}

/// One place on a path.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PathHop {
    /// How many places it is away.
    pub ttl: u8,
    /// How many packets were sent to it.
    pub sent: u8,
    /// What came back.
    pub replies: Vec<PathReply>,
}

/// What came back for a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathReply {
    /// Who answered. Another router may be that far away for the next packet.
    pub from: IpAddr,
    /// From sending to the answer, as this process saw it.
    pub span: Span,
    /// What the answer says.
    pub says: PathAnswer,
}

/// What an ICMP error says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PathAnswer {
    /// The packet's time to live was over: a router on the way.
    TimeExceeded,
    /// Nobody listens on the port: the destination.
    PortUnreachable,
    /// The packet cannot or may not go on.
    Unreachable {
        /// The ICMP type.
        kind: u8,
        /// The ICMP code.
        code: u8,
    },
}

impl PathHop {
    /// The shortest round trip, in nanoseconds.
    #[must_use]
    pub fn round_trip_ns(&self) -> Option<u64> {
        self.replies.iter().map(|reply| reply.span.duration_ns).min()
    }

    fn step(&self, path: &Span) -> Step {
        let Some(first) = self.replies.first() else {
            let label = format!("{}: no answer to {} packets", self.ttl, self.sent);
            return Step::new(Phase::Path, label, Span::new(path.start_ns, 0, 0), None);
        };
        let mut others: Vec<String> = self.replies.iter().map(|reply| reply.from.to_string()).collect();
        others.dedup();
        let lost = usize::from(self.sent).saturating_sub(self.replies.len());
        let shortest = duration(self.round_trip_ns().unwrap_or_default());
        let mut label = format!("{}: {}, {shortest}", self.ttl, others.join(" or "));
        if lost > 0 {
            label += &format!(", {lost} of {} packets without an answer", self.sent);
        }
        if let PathAnswer::Unreachable { kind, code } = first.says {
            label += &format!(": does not let it pass (ICMP type {kind}, code {code})");
        }
        Step::new(Phase::Path, label, first.span, None)
    }
}

impl Path {
    pub(crate) fn unavailable(destination: IpAddr, span: Span, why: String) -> Self {
        Self { destination, span, hops: Vec::new(), reached: false, unavailable: Some(why) }
    }

    /// The path in a sentence.
    #[must_use]
    pub fn summary(&self) -> String {
        let Self { destination, hops, .. } = self;
        let answered = hops.iter().filter(|hop| !hop.replies.is_empty()).count();
        match (&self.unavailable, self.reached) {
            (Some(why), _) => format!("the path to {destination} cannot be shown: {why}"),
            (None, true) if hops.len() == 1 => format!("{destination} is 1 hop away, and it answered"),
            (None, true) => format!("{destination} is {} hops away, and {answered} of them answered", hops.len()),
            (None, false) if answered == 0 => {
                format!("nobody on the path to {destination} answers: routers or firewalls keep it to themselves")
            }
            (None, false) => {
                format!("{answered} hops on the path to {destination} answered, and what is behind them did not")
            }
        }
    }

    /// The path as a step with its hops as parts.
    #[must_use]
    pub fn step(&self) -> Step {
        let mut step = Step::new(Phase::Path, self.summary(), self.span, None);
        step.children = self.hops.iter().map(|hop| hop.step(&self.span)).collect();
        step
    }
}

/// Looks for the path to an address.
pub async fn trace(destination: IpAddr, options: &PathOptions, clock: &Clock) -> Path {
    #[cfg(target_os = "linux")]
    {
        let (found, span) = clock.measure(rounds::trace(destination, options, clock)).await;
        match found {
            Ok((hops, reached)) => Path { destination, span, hops, reached, unavailable: None },
            Err(error) => Path::unavailable(destination, span, format!("this system sends no such packets: {error}")),
        }
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = options;
        let why = "without privileges only Linux tells who sent an ICMP error".to_owned();
        Path::unavailable(destination, Span::new(clock.now_ns(), 0, 0), why)
    }
}
