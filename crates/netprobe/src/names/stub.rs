//! Asking a resolver: what every program does, and what hides the walk. Ours is hickory-resolver.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::future::join_all;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts, ServerOrderingStrategy,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError as NetDnsError, NetError};
use serde::{Deserialize, Serialize};

use super::Family;
use crate::dns::{Answer, DnsError, Outcome, Query, Record, RecordType, Recursion, Server, ask_one, text};
use crate::{Clock, Span};

/// The port of resolvers.
const PORT: u16 = 53;

/// What a resolver answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stub {
    /// The resolvers that were there to be asked.
    pub resolvers: Vec<SocketAddr>,
    /// What they answered, aliases included.
    pub records: Vec<Record>,
    /// From the first query to the last answer.
    pub span: Span,
    /// Why there is no address.
    pub error: Option<DnsError>,
}

impl Stub {
    /// The addresses among the records.
    #[must_use]
    pub fn addresses(&self) -> Vec<IpAddr> {
        Answer::Records { records: self.records.clone() }.addresses()
    }
}

/// Asks this resolver, or those of the system, in the order in which they are listed.
pub(super) async fn ask(
    resolver: Option<SocketAddr>,
    name: &str,
    family: Family,
    timeout: Duration,
    clock: &Clock,
) -> Stub {
    let (mut stub, span) = clock.measure(ask_all(resolver, name, family, timeout)).await;
    stub.span = span;
    stub
}

async fn ask_all(resolver: Option<SocketAddr>, name: &str, family: Family, timeout: Duration) -> Stub {
    let mut stub = Stub { resolvers: Vec::new(), records: Vec::new(), span: Span::default(), error: None };
    let resolvers = match resolver.map_or_else(system_resolvers, |resolver| Ok(vec![resolver])) {
        Ok(resolvers) => resolvers,
        Err(error) => return Stub { error: Some(error), ..stub },
    };
    stub.resolvers.clone_from(&resolvers);
    let listed = resolvers.iter().map(SocketAddr::to_string).collect::<Vec<_>>().join(", ");
    let unusable =
        |error: &NetError| DnsError::Stub { server: listed.clone(), reason: text::escape(&error.to_string()) };
    let client = match client(&resolvers, timeout) {
        Ok(client) => client,
        Err(error) => return Stub { error: Some(unusable(&error)), ..stub },
    };
    let name = match crate::dns::parse_name(name) {
        Ok(name) => name,
        Err(error) => return Stub { error: Some(error), ..stub },
    };
    // Both families at the same time, as programs ask.
    let types = family.record_types();
    let lookup = |record_type: &RecordType| tokio::time::timeout(timeout, client.lookup(name.clone(), *record_type));
    for (record_type, found) in types.iter().zip(join_all(types.iter().map(lookup)).await) {
        match found {
            Ok(Ok(lookup)) => {
                // The aliases come with each type's answer.
                for record in text::records(lookup.answers()) {
                    if !stub.records.contains(&record) {
                        stub.records.push(record);
                    }
                }
            }
            Ok(Err(error)) => stub.error = Some(negative(&error, *record_type).unwrap_or_else(|| unusable(&error))),
            Err(_) => {
                let reason = format!("silent for {} ms", timeout.as_millis());
                stub.error = Some(DnsError::Stub { server: listed.clone(), reason });
            }
        }
    }
    if !stub.addresses().is_empty() {
        stub.error = None;
    }
    stub
}

fn client(resolvers: &[SocketAddr], timeout: Duration) -> Result<TokioResolver, NetError> {
    let server = |address: &SocketAddr| {
        let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
            connection.port = address.port();
            connection
        });
        NameServerConfig::new(address.ip(), true, connections.to_vec())
    };
    let config = ResolverConfig::from_name_servers(resolvers.iter().map(server).collect());
    let mut options = ResolverOpts::default();
    options.timeout = timeout;
    options.attempts = 1;
    options.cache_size = 0;
    options.use_hosts_file = ResolveHosts::Never;
    options.server_ordering_strategy = ServerOrderingStrategy::UserProvidedOrder;
    TokioResolver::builder_with_config(config, TokioRuntimeProvider::default()).with_options(options).build()
}

/// That there are no records is an answer.
fn negative(error: &NetError, record_type: RecordType) -> Option<DnsError> {
    let NetError::Dns(NetDnsError::NoRecordsFound(none)) = error else { return None };
    let name = text::name(none.query.name());
    let absent = none.response_code == hickory_proto::op::ResponseCode::NXDomain;
    match none.response_code {
        _ if absent => Some(DnsError::NoSuchName { name, soa: None }),
        hickory_proto::op::ResponseCode::NoError => {
            Some(DnsError::NoData { name, record_type: record_type.to_string(), soa: None })
        }
        _ => None,
    }
}

/// The resolvers of the system's configuration.
///
/// # Errors
///
/// [`DnsError::File`] if it cannot be read.
pub fn system_resolvers() -> Result<Vec<SocketAddr>, DnsError> {
    let (config, _) = hickory_resolver::system_conf::read_system_conf().map_err(|error| DnsError::File {
        path: "the system's resolver configuration".to_owned(),
        reason: error.to_string(),
    })?;
    let port = |server: &NameServerConfig| server.connections.first().map_or(PORT, |connection| connection.port);
    Ok(config.name_servers().iter().map(|server| SocketAddr::new(server.ip, port(server))).collect())
}

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
