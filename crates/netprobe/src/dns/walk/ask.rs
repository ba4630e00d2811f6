//! One question to the servers of a zone, one after the other, until one gives an answer that is of use.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};

use hickory_proto::op::Message;
use hickory_proto::rr::{Name, RecordType};

use super::Trail;
use crate::dns::one::{lacks_edns, truncated};
use crate::dns::reply::{self, NameServer, Reply};
use crate::dns::trace::{Outcome, Purpose, Server, Transport};
use crate::dns::{DnsError, Failure, Tried, text};

/// A question, and why it is asked.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) name: Name,
    pub(super) record_type: RecordType,
    pub(super) purpose: Purpose,
    pub(super) depth: usize,
}

impl Question {
    pub(super) fn asked(&self) -> (Name, RecordType) {
        (self.name.clone(), self.record_type)
    }
}

/// A response that is of use.
pub(super) struct Heard {
    pub(super) message: Message,
    pub(super) reply: Reply,
    /// Who said so.
    pub(super) server: SocketAddr,
    /// Its query's place in the trace.
    pub(super) index: usize,
}

impl Trail<'_> {
    /// Asks the zone's servers, those with known addresses first, and none of those that are doubted.
    pub(super) async fn ask(
        &mut self,
        zone: &Name,
        question: &Question,
        doubted: &[SocketAddr],
    ) -> Result<Heard, DnsError> {
        if let Some(heard) = self.heard_beside(zone, question) {
            return Ok(heard);
        }
        let mut tried = Vec::new();
        for server in self.known_servers(zone).into_iter().filter(|server| !doubted.contains(&server.address)) {
            match self.ask_server(zone, &server, question).await? {
                Ok(heard) => return Ok(heard),
                Err(failure) => tried.push(Tried::new(server, failure)),
            }
        }
        for unknown in self.servers_without_address(zone) {
            let servers = match self.find_server(zone, &unknown, question.depth).await? {
                Ok(addresses) => self.at(&unknown.name, &addresses),
                Err(reason) => {
                    let failure = Failure::NoAddress { reason };
                    tried.push(Tried { name: text::name(&unknown.name), address: None, failure });
                    continue;
                }
            };
            for server in servers.into_iter().filter(|server| !doubted.contains(&server.address)) {
                match self.ask_server(zone, &server, question).await? {
                    Ok(heard) => return Ok(heard),
                    Err(failure) => tried.push(Tried::new(server, failure)),
                }
            }
        }
        Err(DnsError::NoUsableServer { zone: text::name(zone), tried })
    }

    /// IPv4 before IPv6, and servers that failed before last.
    pub(super) fn known_servers(&self, zone: &Name) -> Vec<Server> {
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

    pub(super) fn servers_without_address(&self, zone: &Name) -> Vec<NameServer> {
        let servers = self.zones.get(zone).map(|zone| zone.servers.as_slice()).unwrap_or_default();
        servers.iter().filter(|server| server.addresses.is_empty()).cloned().collect()
    }

    pub(super) fn at(&self, name: &Name, addresses: &[IpAddr]) -> Vec<Server> {
        let port = self.options.port;
        let server = |address: &IpAddr| Server { name: text::name(name), address: SocketAddr::new(*address, port) };
        addresses.iter().map(server).collect()
    }

    /// The addresses of a server that is known by name only. Inner errors end the walk, outer ones only this server's part.
    pub(super) async fn find_server(
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
                Ok(message) if message.metadata.truncation => truncated(transport),
                Ok(message) if edns && lacks_edns(&message) => {
                    edns = false;
                    self.conclude(index, Outcome::Failed(Failure::rcode(&message)));
                    continue;
                }
                Ok(message) => match reply::read(&message, zone, &question.name, question.record_type) {
                    Reply::Useless(failure) => failure,
                    reply => {
                        self.conclude(index, reply.outcome());
                        return Ok(Ok(Heard { message, reply, server: server.address, index }));
                    }
                },
            };
            self.failed(index, server.address, failure.clone());
            return Ok(Err(failure));
        }
    }

    pub(super) fn conclude(&mut self, index: usize, outcome: Outcome) {
        if let Some(query) = self.queries.get_mut(index) {
            query.outcome = outcome;
        }
    }

    /// The server is asked later from now on.
    pub(super) fn failed(&mut self, index: usize, server: SocketAddr, failure: Failure) {
        self.conclude(index, Outcome::Failed(failure));
        *self.failures.entry(server).or_default() += 1;
    }
}
