//! Asking a resolver: what every program does, and what hides the walk.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::future::{OptionFuture, join_all};
use hickory_proto::rr::Name;
use hickory_resolver::config::NameServerConfig;
use serde::{Deserialize, Serialize};

use super::Family;
use super::secure::{self, Secured};
use super::site::Questions;
use super::upstream::{PORT, Upstream};
use crate::dns::exchange::{unanswered, with_grace};
use crate::dns::message::Shape;
use crate::dns::one::{Attempt, ask_server, prepare, written_down};
use crate::dns::reply::{End, Reply, read_resolved};
use crate::dns::{
    Answer, DnsError, Outcome, Query, Record, RecordType, Recursion, Server, Site, Soa, Transport, Tried, Walker,
    ask_one, text,
};
use crate::tls::TlsClient;
use crate::{Clock, Error, Phase, Span, Step};

/// What resolvers answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stub {
    /// Those that were asked, in that order, as [`Upstream`] writes them.
    pub resolvers: Vec<String>,
    /// The connection to the last of them, if it was asked through TLS.
    pub secured: Option<Secured>,
    /// Every query, in the order in which they were sent.
    pub queries: Vec<Query>,
    /// What was answered, aliases included.
    pub records: Vec<Record>,
    /// How the site wants to be reached, if that was asked for beside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<Site>,
    /// From the first thing that was done to the last answer.
    pub span: Span,
    /// Why there is no address.
    pub error: Option<Error>,
}

impl Stub {
    /// The addresses among the records.
    #[must_use]
    pub fn addresses(&self) -> Vec<IpAddr> {
        Answer::Records { records: self.records.clone() }.addresses()
    }

    /// The whole as a step with its parts.
    pub(super) fn step(&self, name: &str) -> Step {
        let label = format!("{name} @{}", self.resolvers.join(", "));
        let mut step = Step::new(Phase::Names, label, self.span, self.error.clone());
        step.children = self.secured.iter().flat_map(Secured::steps).collect();
        step.children.extend(self.queries.iter().map(Query::step));
        step
    }
}

/// What is asked, for how long it may be waited, and with what a resolver behind TLS is found and known.
pub(super) struct Asking<'a> {
    pub(super) name: &'a str,
    pub(super) family: Family,
    /// What is needed of the name.
    pub(super) record_types: &'a [RecordType],
    /// The name whose HTTPS record is asked for beside.
    pub(super) site: Option<Name>,
    pub(super) timeout: Duration,
    pub(super) tls: Option<&'a Result<TlsClient, Error>>,
    pub(super) walker: &'a Walker,
    pub(super) clock: &'a Clock,
}

/// What became of each question; of some in more than one attempt.
pub(super) type Replies = Vec<Attempt>;

/// What may be remembered of one record type, and for how many seconds.
pub(super) struct Learnt {
    pub(super) record_type: RecordType,
    pub(super) answer: Result<Vec<IpAddr>, DnsError>,
    pub(super) ttl: u32,
}

/// Asks this resolver, or those of the system one after the other, in the order in which they are listed.
pub(super) async fn ask(resolver: Option<&Upstream>, asking: &Asking<'_>) -> (Stub, Vec<Learnt>) {
    let stub = Stub {
        resolvers: Vec::new(),
        secured: None,
        queries: Vec::new(),
        records: Vec::new(),
        site: None,
        span: Span::default(),
        error: None,
    };
    let mut learnt = Vec::new();
    let (mut stub, span) = asking.clock.measure(ask_all(resolver, asking, stub, &mut learnt)).await;
    stub.span = span;
    (stub, learnt)
}

async fn ask_all(resolver: Option<&Upstream>, asking: &Asking<'_>, mut stub: Stub, learnt: &mut Vec<Learnt>) -> Stub {
    let system = || system_resolvers().map(|all| all.into_iter().map(Upstream::Plain).collect());
    let upstreams = match resolver.map_or_else(system, |resolver| Ok(vec![resolver.clone()])) {
        Ok(upstreams) => upstreams,
        Err(error) => return Stub { error: Some(error.into()), ..stub },
    };
    let name = match crate::dns::parse_name(asking.name) {
        Ok(name) => name,
        Err(error) => return Stub { error: Some(error.into()), ..stub },
    };
    let mut questions: Vec<_> = asking.record_types.iter().map(|kind| (name.clone(), *kind)).collect();
    let mut tried = Vec::new();
    let began_ns = asking.clock.now_ns();
    for (place, upstream) in upstreams.iter().enumerate() {
        // One that says nothing leaves time for those behind it.
        let spent = Duration::from_nanos(asking.clock.now_ns().saturating_sub(began_ns));
        let timeout = asking.timeout.saturating_sub(spent) / u32::try_from(upstreams.len() - place).unwrap_or(u32::MAX);
        stub.resolvers.push(upstream.to_string());
        let asked = Questions::new(&questions, asking.site.as_ref().filter(|_| stub.site.is_none()));
        let replies = match upstream {
            Upstream::Plain(address) => plain(*address, &asked, timeout, asking).await,
            secure => {
                let (secured, replies) = Box::pin(secure::ask(secure, &asked, timeout, asking)).await;
                stub.secured = Some(secured);
                replies
            }
        };
        let replies = match replies {
            Ok(replies) => replies,
            Err(error) => return Stub { error: Some(error), ..stub },
        };
        for (mut query, message) in replies {
            if let Some(site) = asking.site.as_ref().filter(|_| query.record_type == RecordType::HTTPS.to_string()) {
                stub.take_site(query, message, site);
                continue;
            }
            let asked = questions.iter().find(|(_, kind)| kind.to_string() == query.record_type).cloned();
            if let (Some((name, kind)), Some(message)) = (asked, message) {
                let reply = read_resolved(&message, &name, kind);
                query.outcome = reply.outcome();
                questions.retain(|(_, left)| matches!(reply, Reply::Useless(_)) || *left != kind);
                learnt.extend(Learnt::of(&reply, &name, kind));
                stub.take(reply, &name, kind);
            }
            if let Outcome::Failed(failure) = &query.outcome {
                // The same of both families is one thing.
                let one = Tried::new(query.server.clone(), failure.clone());
                tried.extend((!tried.contains(&one)).then_some(one));
            }
            stub.queries.push(query);
        }
        if questions.is_empty() {
            break;
        }
    }
    if !stub.addresses().is_empty() {
        stub.error = None;
    } else if !questions.is_empty() {
        stub.error = Some(DnsError::NoUsableResolver { tried }.into());
    }
    stub
}

impl Learnt {
    /// What an answer is good for; one that leads nowhere is for nothing.
    fn of(reply: &Reply, name: &Name, record_type: RecordType) -> Option<Self> {
        let Reply::Answer { aliases, end } = reply else { return None };
        let last =
            || text::name(&aliases.iter().filter_map(text::alias_target).next_back().unwrap_or_else(|| name.clone()));
        let (answer, ttl) = match end {
            End::Records(records) => {
                let addresses = records.iter().filter_map(|record| record.data.ip_addr()).collect();
                (Ok(addresses), records.iter().map(|record| text::time_to_live(record.ttl)).min()?)
            }
            End::NoData(Some(soa)) => {
                let (soa, record_type) = (Soa::of(soa), record_type.to_string());
                let ttl = soa.negative_ttl;
                (Err(DnsError::NoData { name: last(), record_type, soa: Some(soa) }), ttl)
            }
            End::NoSuchName(Some(soa)) => {
                let soa = Soa::of(soa);
                let ttl = soa.negative_ttl;
                (Err(DnsError::NoSuchName { name: last(), soa: Some(soa) }), ttl)
            }
            End::NoData(None) | End::NoSuchName(None) | End::Elsewhere(_) | End::Loop(_) => return None,
        };
        let ttl = aliases.iter().map(|alias| text::time_to_live(alias.ttl)).fold(ttl, u32::min);
        Some(Self { record_type, answer, ttl })
    }
}

impl Stub {
    /// Takes what a resolver found, and only what follows from the question.
    fn take(&mut self, reply: Reply, name: &Name, record_type: RecordType) {
        let Reply::Answer { aliases, end } = reply else { return };
        let last = aliases.iter().fold(name.clone(), |last, alias| text::alias_target(alias).unwrap_or(last));
        let records = match &end {
            End::Records(records) => records.as_slice(),
            _ => &[],
        };
        for record in text::records(aliases.iter().chain(records)) {
            // The aliases come with each type's answer.
            if !self.records.contains(&record) {
                self.records.push(record);
            }
        }
        let (last, kind) = (text::name(&last), record_type.to_string());
        self.error = match end {
            End::Records(_) | End::Elsewhere(_) => return,
            End::Loop(_) => {
                let path = std::iter::once(name.clone()).chain(aliases.iter().filter_map(text::alias_target));
                Some(DnsError::AliasLoop { path: path.map(|name| text::name(&name)).collect() }.into())
            }
            End::NoData(soa) => {
                let soa = soa.as_ref().map(Soa::of);
                Some(DnsError::NoData { name: last, record_type: kind, soa }.into())
            }
            End::NoSuchName(soa) => {
                let soa = soa.as_ref().map(Soa::of);
                Some(DnsError::NoSuchName { name: last, soa }.into())
            }
        };
    }
}

/// All questions at the same time, as programs ask.
async fn plain(
    resolver: SocketAddr,
    questions: &Questions,
    timeout: Duration,
    asking: &Asking<'_>,
) -> Result<Replies, Error> {
    let (clock, grace) = (asking.clock, asking.walker.site_grace);
    let server = Server { name: String::new(), address: resolver };
    let ask = |question| ask_server(&server, question, Recursion::Desired, timeout, clock);
    let (needed, site) = questions.all().split_at(questions.needed());
    let began_ns = clock.now_ns();
    let extra = OptionFuture::from(site.first().map(ask));
    let (mut asked, extra) = with_grace(join_all(needed.iter().map(ask)), extra, grace).await;
    match (extra, site.first()) {
        (Some(heard), _) => asked.extend(heard),
        (None, Some(question)) => asked.push(unheard(&server, question, began_ns, clock).map(|one| (one, Vec::new()))),
        (None, None) => {}
    }
    let asked = asked.into_iter().collect::<Result<Vec<_>, DnsError>>()?;
    Ok(asked.into_iter().flat_map(|(first, more)| std::iter::once(first).chain(more)).collect())
}

/// A question whose answer nobody waited for any longer.
fn unheard(server: &Server, question: &(Name, RecordType), began_ns: u64, clock: &Clock) -> Result<Attempt, DnsError> {
    let (exchange, span) = unanswered(began_ns, clock.now_ns());
    let prepared = prepare(question, Shape::default())?;
    Ok(written_down(server, question, Transport::Udp, &prepared, span, exchange))
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
