//! The walk itself: from the root to the servers that know.

mod ask;
mod descend;
mod keys;
mod memory;
mod minimise;
mod send;
mod site;
mod survey;
mod trail;
mod trust;

use std::time::{Duration, SystemTime};

use hickory_proto::rr::{Name, RecordType};
use tokio::time::Instant;

use super::roots::{Anchor, PORT, root_anchors, root_servers};
use super::trace::{Lookup, Purpose, Query, Server, Walk};
use super::{DnsError, service, text};
use crate::{Clock, Span};
pub(crate) use descend::{Descent, Ending};

pub use memory::{MEMORY_ENTRIES_MAX, Memory};
pub use survey::{SURVEY_ADDRESSES_MAX, SURVEY_ZONES_MAX};

use trail::{Trail, Trust, Zone};

/// What is done about signatures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Validation {
    /// They are checked, and a bogus answer is an error.
    #[default]
    Enforce,
    /// They are checked, and a bogus answer is an answer that is called bogus.
    Report,
    /// They are not asked for.
    Off,
}

/// Longer than most round trips, however far away the server is.
pub(super) const RESEND_AFTER: Duration = Duration::from_millis(400);

/// How often a query is sent to one server at most.
pub(super) const TRIES_MAX: usize = 5;

/// Long enough for a server that has it, and too short to be felt where none answers.
const SITE_GRACE: Duration = Duration::from_millis(500);

/// How to walk, and the limits that bound every walk.
///
/// ```no_run
/// # async fn walk() {
/// use netprobe::Clock;
/// use netprobe::dns::{RecordType, Walker};
///
/// let walk = Walker::default().walk("www.google.com", &[RecordType::A, RecordType::AAAA], &Clock::start()).await;
/// for query in &walk.queries {
///     println!("{} says {:?}", query.server, query.outcome);
/// }
/// println!("{:?}", walk.addresses());
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Walker {
    /// Where to start.
    pub roots: Vec<Server>,
    /// The port of every server below the root.
    pub port: u16,
    /// Which keys of the root are trusted. Without any, nothing is validated.
    pub anchors: Vec<Anchor>,
    /// What is done about signatures.
    pub validation: Validation,
    /// How long one server may take to answer, all tries together.
    pub query_timeout: Duration,
    /// How long an answer is waited for before the query is sent again; each further wait is twice as long as the one before.
    pub resend_after: Duration,
    /// How often a query is sent to one server at most.
    pub tries_max: usize,
    /// How long the whole walk may take.
    pub walk_timeout: Duration,
    /// How much longer than the addresses the HTTPS record of their site may take.
    pub site_grace: Duration,
    /// The most queries, each with its tries.
    pub queries_max: usize,
    /// The most levels of "to ask this server, find its address first".
    pub depth_max: usize,
    /// The most aliases.
    pub aliases_max: usize,
    /// Whether letters are drawn capital or small ("0x20"), so that a response is harder to forge.
    pub randomise_case: bool,
    /// Whether each server is told no more of the name than it needs to refer to the next (QNAME minimisation, RFC 9156).
    pub minimise: bool,
    /// Whether servers are asked at IPv6 addresses when none at IPv4 addresses answers.
    pub ipv6: bool,
    /// What time it is for signatures; the system's clock if none is given.
    pub now: Option<SystemTime>,
}

impl Default for Walker {
    fn default() -> Self {
        Self {
            roots: rotated(root_servers()),
            port: PORT,
            anchors: root_anchors(),
            validation: Validation::Enforce,
            query_timeout: Duration::from_secs(2),
            resend_after: RESEND_AFTER,
            tries_max: TRIES_MAX,
            walk_timeout: Duration::from_secs(20),
            site_grace: SITE_GRACE,
            queries_max: 100,
            depth_max: 6,
            aliases_max: 16,
            randomise_case: true,
            minimise: false,
            ipv6: true,
            now: None,
        }
    }
}

/// Not everybody begins with the same root server; IPv4 addresses stay in front.
fn rotated(mut servers: Vec<Server>) -> Vec<Server> {
    use std::hash::{BuildHasher, Hasher, RandomState};
    let ipv4 = servers.iter().filter(|server| server.address.is_ipv4()).count();
    if ipv4 > 0 {
        let drawn = RandomState::new().build_hasher().finish();
        let by = usize::try_from(drawn % 4_294_967_296).unwrap_or(0) % ipv4;
        servers[..ipv4].rotate_left(by);
    }
    servers
}

impl Walker {
    /// Looks up each of the record types of a name, asking nobody but the servers that are authorities.
    ///
    /// Never fails as a whole: what went wrong with a record type is in its [`Lookup`], and every query that was made is in
    /// the [`Walk`] whatever became of it.
    pub async fn walk(&self, name: &str, record_types: &[RecordType], clock: &Clock) -> Walk {
        self.walk_to(name, None, record_types, &mut Memory::default(), clock).await
    }

    /// The same by somebody who has walked before: what is remembered is not asked again, and what is new is remembered.
    pub async fn walk_with(&self, memory: &mut Memory, name: &str, record_types: &[RecordType], clock: &Clock) -> Walk {
        self.walk_to(name, None, record_types, memory, clock).await
    }

    /// The same, and beside it the HTTPS record of the site at this port of the host (RFC 9460), as browsers ask for it. It is waited for
    /// no longer than [`Walker::site_grace`] after everything else is there.
    pub async fn walk_to_site(&self, host: &str, port: u16, record_types: &[RecordType], clock: &Clock) -> Walk {
        self.walk_to(host, Some(port), record_types, &mut Memory::default(), clock).await
    }

    async fn walk_to(
        &self,
        name: &str,
        port: Option<u16>,
        record_types: &[RecordType],
        memory: &mut Memory,
        clock: &Clock,
    ) -> Walk {
        let start_ns = clock.now_ns();
        let parsed = parse_name(name);
        let mut trail = Trail::new(self, clock);
        trail.site = parsed.as_ref().ok().zip(port).and_then(|(host, port)| service::query_name(host, port));
        memory.open(self);
        let (mut lookups, mut remembered) = (Vec::new(), Vec::new());
        match &parsed {
            Ok(name) => remembered.extend(trail.recall(memory, name, Instant::now())),
            Err(error) => lookups.extend(record_types.iter().map(|kind| Lookup::failed(*kind, error.clone()))),
        }
        for (index, record_type) in record_types.iter().enumerate() {
            let Ok(name) = &parsed else { break };
            if let Some((lookup, from)) = memory.answer(name, *record_type, Instant::now()) {
                lookups.push(lookup);
                remembered.push(from);
                continue;
            }
            let later = record_types[index + 1..].iter().copied();
            trail.wanted = later.filter(|kind| memory.answer(name, *kind, Instant::now()).is_none()).collect();
            let lookup = trail.look_up(name, *record_type).await;
            memory.keep(name, *record_type, &lookup, Instant::now());
            lookups.push(lookup);
        }
        let site = trail.look_up_site().await;
        let chain = trail.links();
        let queries = std::mem::take(&mut trail.queries);
        trail.remember(memory, Instant::now());
        let name = parsed.map_or_else(|_| text::escape(name), |name| text::name(&name));
        let duration_ns = clock.now_ns() - start_ns;
        let asking_cpu_ns: u64 = queries.iter().map(|query| query.span.cpu_ns).sum();
        let cpu_ns = duration_ns.saturating_sub(covered_ns(&queries)) + asking_cpu_ns;
        Walk { name, queries, lookups, site, remembered, chain, span: Span::new(start_ns, duration_ns, cpu_ns) }
    }
}

impl Walker {
    /// One type of a name's records as messages have them: for a resolver that passes them on.
    pub(crate) async fn find(&self, name: &Name, record_type: RecordType, clock: &Clock) -> Result<Descent, DnsError> {
        let mut trail = Trail::new(self, clock);
        Box::pin(trail.descend(name, record_type, Purpose::Question, 0)).await
    }

    /// The same in less time, of which one server that says nothing leaves some for others.
    pub(crate) fn within(&self, limit: Duration) -> Self {
        let mut walker = self.clone();
        walker.walk_timeout = walker.walk_timeout.min(limit);
        walker.query_timeout = walker.query_timeout.min(limit / 4);
        walker
    }
}

/// How long at least one query was under way.
fn covered_ns(queries: &[Query]) -> u64 {
    let mut spans: Vec<Span> = queries.iter().map(|query| query.span).collect();
    spans.sort_by_key(|span| span.start_ns);
    let (mut covered_ns, mut until_ns) = (0, 0);
    for span in spans {
        covered_ns += span.end_ns().saturating_sub(until_ns.max(span.start_ns));
        until_ns = until_ns.max(span.end_ns());
    }
    covered_ns
}

/// A fully qualified name; international ones in their ASCII form (IDNA, RFC 5890).
pub(crate) fn parse_name(name: &str) -> Result<Name, DnsError> {
    if name.is_empty() {
        return Err(DnsError::BadName { name: String::new(), reason: "it is empty".to_owned() });
    }
    let mut parsed = Name::from_utf8(name).map_err(|error| DnsError::BadName {
        name: text::escape(name),
        reason: text::escape(error.to_string().trim_end_matches([':', ' '])),
    })?;
    parsed.set_fqdn(true);
    Ok(parsed)
}
