//! Asking resolvers: one after the other, all questions to each at the same time.

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::{OptionFuture, join_all};
use hickory_proto::rr::Name;
use hickory_resolver::config::NameServerConfig;

use super::site::Questions;
use super::stub::{Learnt, Stub};
use super::upstream::{PORT, Upstream};
use super::{Family, secure};
use crate::dns::exchange::{unanswered, with_grace};
use crate::dns::message::Shape;
use crate::dns::one::{Attempt, ask_server, prepare, written_down};
use crate::dns::reply::{Reply, read_resolved};
use crate::dns::{DnsError, Outcome, RecordType, Recursion, Server, Transport, Tried, Walker};
use crate::tls::TlsClient;
use crate::{Clock, Error};

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

/// Asks this resolver, or those of the system one after the other, in the order in which they are listed.
pub(super) async fn ask(resolver: Option<&Upstream>, asking: &Asking<'_>) -> (Stub, Vec<Learnt>) {
    let mut learnt = Vec::new();
    let (mut stub, span) = asking.clock.measure(ask_all(resolver, asking, Stub::unasked(), &mut learnt)).await;
    stub.span = span;
    (stub, learnt)
}

async fn ask_all(resolver: Option<&Upstream>, asking: &Asking<'_>, stub: Stub, learnt: &mut Vec<Learnt>) -> Stub {
    let system = || system_resolvers().map(|all| all.into_iter().map(Upstream::Plain).collect());
    match resolver.map_or_else(system, |resolver| Ok(vec![resolver.clone()])) {
        Ok(upstreams) => ask_each(&upstreams, asking, stub, learnt).await,
        Err(error) => Stub { error: Some(error.into()), ..stub },
    }
}

async fn ask_each(upstreams: &[Upstream], asking: &Asking<'_>, mut stub: Stub, learnt: &mut Vec<Learnt>) -> Stub {
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
        let asked = Questions::new(&questions, asking.site.as_ref().filter(|_| stub.lacks_site()));
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
        if questions.is_empty() && (asking.site.is_none() || !stub.lacks_site()) {
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
