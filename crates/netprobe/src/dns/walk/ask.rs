//! One question to the servers of a zone, one after the other, until one gives an answer that is of use.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{Name, RecordType};

use super::{Trail, Validation};
use crate::dns::exchange::exchange;
use crate::dns::message::{Prepared, Recursion, Shape};
use crate::dns::reply::{self, End, NameServer, Reply};
use crate::dns::trace::{Discarded, Outcome, Purpose, Query, Response, Server, Transport};
use crate::dns::{DnsError, Failure, Tried, text};

/// A question, and why it is asked.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) name: Name,
    pub(super) record_type: RecordType,
    pub(super) purpose: Purpose,
    pub(super) depth: usize,
}

/// A response that is of use.
pub(super) struct Heard {
    pub(super) message: Message,
    pub(super) reply: Reply,
}

impl Trail<'_> {
    /// Asks the zone's servers, those with known addresses first.
    pub(super) async fn ask(&mut self, zone: &Name, question: &Question) -> Result<Heard, DnsError> {
        let mut tried = Vec::new();
        for server in self.known_servers(zone) {
            match self.ask_server(zone, &server, question).await? {
                Ok(heard) => return Ok(heard),
                Err(failure) => tried.push(Tried { server, failure }),
            }
        }
        for unknown in self.servers_without_address(zone) {
            for server in match self.find_server(zone, &unknown, question.depth).await? {
                Ok(addresses) => self.at(&unknown.name, &addresses),
                Err(reason) => {
                    let server = Server { name: text::name(&unknown.name), address: nowhere(self.options.port) };
                    tried.push(Tried { server, failure: Failure::NoAddress { reason } });
                    continue;
                }
            } {
                match self.ask_server(zone, &server, question).await? {
                    Ok(heard) => return Ok(heard),
                    Err(failure) => tried.push(Tried { server, failure }),
                }
            }
        }
        Err(DnsError::NoUsableServer { zone: text::name(zone), tried })
    }

    /// IPv4 before IPv6, and servers that failed before last.
    fn known_servers(&self, zone: &Name) -> Vec<Server> {
        let mut servers = match self.zones.get(zone) {
            Some(zone) if zone.parent.is_some() => {
                zone.servers.iter().flat_map(|server| self.at(&server.name, &server.addresses)).collect()
            }
            _ => self.options.roots.clone(),
        };
        servers.retain(|server| self.options.ipv6 || server.address.is_ipv4());
        // Two names of one server are one server.
        let mut seen = HashSet::new();
        servers.retain(|server| seen.insert(server.address));
        servers
            .sort_by_key(|server| (self.failures.get(&server.address).copied().unwrap_or(0), server.address.is_ipv6()));
        servers
    }

    fn servers_without_address(&self, zone: &Name) -> Vec<NameServer> {
        let servers = self.zones.get(zone).map(|zone| zone.servers.as_slice()).unwrap_or_default();
        servers.iter().filter(|server| server.addresses.is_empty()).cloned().collect()
    }

    fn at(&self, name: &Name, addresses: &[IpAddr]) -> Vec<Server> {
        let port = self.options.port;
        let server = |address: &IpAddr| Server { name: text::name(name), address: SocketAddr::new(*address, port) };
        addresses.iter().map(server).collect()
    }

    /// The addresses of a server that is known by name only. Inner errors end the walk, outer ones only this server's part.
    async fn find_server(
        &mut self,
        zone: &Name,
        server: &NameServer,
        depth: usize,
    ) -> Result<Result<Vec<IpAddr>, String>, DnsError> {
        if zone.zone_of(&server.name) {
            return Ok(Err("it is inside of the zone that it serves, and no address came along".to_owned()));
        }
        if depth >= self.options.depth_max {
            return Ok(Err(format!("finding it would go more than {} levels deep", self.options.depth_max)));
        }
        match self.addresses.get(&server.name) {
            Some(Some(known)) => return Ok(known.clone()),
            Some(None) => return Ok(Err("to find it, it would have to be asked".to_owned())),
            None => {}
        }
        self.addresses.insert(server.name.clone(), None);
        let mut found = Vec::new();
        let mut reason = String::new();
        for record_type in [RecordType::A, RecordType::AAAA] {
            if !found.is_empty() || (record_type == RecordType::AAAA && !self.options.ipv6) {
                continue;
            }
            match Box::pin(self.descend(&server.name, record_type, Purpose::ServerAddress, depth + 1)).await {
                Ok(descent) => found.extend(descent.addresses()),
                Err(error @ (DnsError::QueriesExceeded { .. } | DnsError::TimedOut { .. })) => return Err(error),
                Err(error) => reason = error.to_string(),
            }
        }
        let result = match (found.is_empty(), reason.is_empty()) {
            (false, _) => Ok(found),
            (true, true) => Err("it has none".to_owned()),
            (true, false) => Err(reason),
        };
        self.addresses.insert(server.name.clone(), Some(result.clone()));
        Ok(result)
    }

    /// Asks one server, over TCP or without EDNS if that is what it takes. Outer errors end the walk.
    async fn ask_server(
        &mut self,
        zone: &Name,
        server: &Server,
        question: &Question,
    ) -> Result<Result<Heard, Failure>, DnsError> {
        let (mut transport, mut edns) = (Transport::Udp, true);
        loop {
            let (index, response) = self.send(zone, server, question, transport, edns).await?;
            let failure = match response {
                Err(Failure::Silent { discarded, .. })
                    if discarded.wrong_question > 0 && transport == Transport::Udp =>
                {
                    // Perhaps it does not keep capital letters. Nobody answers in its place on a connection to it.
                    transport = Transport::Tcp;
                    continue;
                }
                Err(failure) => failure,
                Ok(message) if message.metadata.truncation && transport == Transport::Udp => {
                    self.conclude(index, Outcome::Truncated);
                    transport = Transport::Tcp;
                    continue;
                }
                Ok(message) if message.metadata.truncation => {
                    Failure::Malformed { reason: "truncated, and that over TCP".to_owned() }
                }
                Ok(message) if edns && lacks_edns(&message) => {
                    edns = false;
                    self.conclude(index, Outcome::Failed(rcode_of(&message)));
                    continue;
                }
                Ok(message) => match reply::read(&message, zone, &question.name, question.record_type) {
                    Reply::Useless(failure) => failure,
                    reply => {
                        self.conclude(index, outcome(&reply));
                        return Ok(Ok(Heard { message, reply }));
                    }
                },
            };
            self.conclude(index, Outcome::Failed(failure.clone()));
            *self.failures.entry(server.address).or_default() += 1;
            return Ok(Err(failure));
        }
    }

    fn conclude(&mut self, index: usize, outcome: Outcome) {
        if let Some(query) = self.queries.get_mut(index) {
            query.outcome = outcome;
        }
    }

    /// Sends one query and writes it down.
    async fn send(
        &mut self,
        zone: &Name,
        server: &Server,
        question: &Question,
        transport: Transport,
        edns: bool,
    ) -> Result<(usize, Result<Message, Failure>), DnsError> {
        let timeout = self.time_left()?;
        if self.queries.len() >= self.options.queries_max {
            return Err(DnsError::QueriesExceeded { max: self.options.queries_max });
        }
        let shape = Shape {
            recursion: Recursion::NotDesired,
            dnssec: self.options.validation != Validation::Off,
            edns,
            randomise_case: self.options.randomise_case && transport == Transport::Udp,
        };
        let bad_name = || DnsError::BadName { name: text::name(&question.name), reason: "it is too long".to_owned() };
        let query = Prepared::new(&question.name, question.record_type, shape).ok_or_else(bad_name)?;
        let (exchange, span) = self.clock.measure(exchange(&query, server.address, transport, timeout)).await;
        let response = exchange.response;
        self.queries.push(Query {
            purpose: question.purpose,
            depth: question.depth,
            zone: text::name(zone),
            server: server.clone(),
            transport,
            name: text::name(&question.name),
            record_type: question.record_type.to_string(),
            span,
            bytes_sent: query.bytes().len(),
            bytes_received: exchange.bytes_received,
            discarded: exchange.discarded,
            response: response.as_ref().ok().map(Response::of),
            outcome: Outcome::Failed(response.as_ref().err().cloned().unwrap_or_else(|| silent(exchange.discarded))),
        });
        Ok((self.queries.len() - 1, response))
    }

    /// For one query: its own limit, or what is left of the walk's.
    fn time_left(&self) -> Result<Duration, DnsError> {
        let spent = Duration::from_nanos(self.clock.now_ns() - self.started_ns);
        let limit = self.options.walk_timeout;
        let after_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        let left = limit.checked_sub(spent).filter(|left| !left.is_zero()).ok_or(DnsError::TimedOut { after_ms })?;
        Ok(left.min(self.options.query_timeout))
    }
}

fn silent(discarded: Discarded) -> Failure {
    Failure::Silent { after_ms: 0, discarded }
}

fn nowhere(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), port)
}

fn rcode_of(message: &Message) -> Failure {
    Failure::Rcode { rcode: text::rcode(message.metadata.response_code) }
}

/// A server from before 1999 (RFC 6891, section 7).
fn lacks_edns(message: &Message) -> bool {
    matches!(message.metadata.response_code, ResponseCode::FormErr | ResponseCode::NotImp) && message.edns.is_none()
}

pub(in crate::dns) fn outcome(reply: &Reply) -> Outcome {
    match reply {
        Reply::Answer { end: End::Records(_), .. } => Outcome::Answer,
        Reply::Answer { end: End::Elsewhere(name) | End::Loop(name), .. } => Outcome::Alias(text::name(name)),
        Reply::Answer { end: End::NoData(_), .. } => Outcome::NoData,
        Reply::Answer { end: End::NoSuchName(_), .. } => Outcome::NoSuchName,
        Reply::Referral(referral) => {
            let ignored = text::records(&referral.ignored);
            Outcome::Referral { zone: text::name(&referral.zone), ignored }
        }
        Reply::Useless(failure) => Outcome::Failed(failure.clone()),
    }
}
