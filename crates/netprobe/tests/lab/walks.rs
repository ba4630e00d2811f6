//! Walks through the lab, and what tests want to know of them.

use std::time::Duration;

use netprobe::dns::{DnsError, Failure, Lookup, Outcome, Purpose, Query, RecordType, Walk, Walker};
use netprobe::{Clock, Fault, Lab};

/// The web server's address in every healthy answer.
pub(crate) const WEB: &str = "127.0.1.1";

pub(crate) async fn walk(walker: &Walker, name: &str, record_type: RecordType) -> Walk {
    walker.walk(name, &[record_type], &Clock::start()).await
}

/// Walks to the host of a fault. Long enough for a busy machine, short enough for those that have to be waited for.
pub(crate) async fn fault(lab: &Lab, fault: Fault) -> Walk {
    let walker = Walker { query_timeout: Duration::from_secs(2), ..lab.walker() };
    walk_to(&walker, fault).await
}

pub(crate) async fn walk_to(walker: &Walker, fault: Fault) -> Walk {
    walk(walker, &fault.host(), RecordType::A).await
}

pub(crate) fn lookup(walk: &Walk) -> &Lookup {
    assert_eq!(walk.lookups.len(), 1);
    &walk.lookups[0]
}

pub(crate) fn error(walk: &Walk) -> &DnsError {
    lookup(walk).answer.as_ref().expect_err("an error")
}

/// Zone by zone, the queries for the question itself.
pub(crate) fn asked(walk: &Walk) -> Vec<&str> {
    questions(walk).map(|query| query.zone.as_str()).collect()
}

pub(crate) fn questions(walk: &Walk) -> impl Iterator<Item = &Query> {
    walk.queries.iter().filter(|query| query.purpose == Purpose::Question)
}

pub(crate) fn addresses(walk: &Walk) -> Vec<String> {
    walk.addresses().expect("addresses").iter().map(ToString::to_string).collect()
}

pub(crate) fn failures(walk: &Walk) -> Vec<&Failure> {
    let failure = |query: &'_ Query| matches!(query.outcome, Outcome::Failed(_));
    let failed = walk.queries.iter().filter(|query| failure(query));
    failed
        .filter_map(|query| if let Outcome::Failed(failure) = &query.outcome { Some(failure) } else { None })
        .collect()
}
