//! What was learnt, for as long as those who know allow: our own cache, in the place of a browser's.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::Instant;

use crate::dns::text::time_to_live;
use crate::dns::{Answer, DnsError, Lookup, RecordType, Site};

/// The most answers that are kept. Those that expire first make room.
pub const CACHE_ENTRIES_MAX: usize = 1024;

/// Nothing is kept for longer than a day, whatever its TTL.
const TTL_MAX: u32 = 86_400;

/// Answers by name and record type, each until its time to live is over (RFC 1035, section 3.2.1; RFC 2308).
#[derive(Debug, Default)]
pub(super) struct Cache {
    addresses: Kept<Result<Vec<IpAddr>, DnsError>>,
    /// By the names that were asked for them.
    sites: Kept<Site>,
}

/// What may be kept of one kind.
#[derive(Debug)]
struct Kept<V> {
    entries: HashMap<(String, RecordType), Entry<V>>,
}

#[derive(Debug, Clone)]
struct Entry<V> {
    answer: V,
    expires: Instant,
}

/// What the cache holds for a name.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Hit {
    /// Addresses, or that there are none.
    pub(super) answer: Result<Vec<IpAddr>, DnsError>,
    /// How much longer it may be kept.
    pub(super) ttl_left: Duration,
}

impl Cache {
    /// The addresses of a name, if an answer is there for each of the record types.
    pub(super) fn get(&self, name: &str, record_types: &[RecordType], now: Instant) -> Option<Hit> {
        let mut ttl_left = Duration::MAX;
        let mut addresses = Vec::new();
        let mut none = None;
        for record_type in record_types {
            let entry = self.addresses.get(name, *record_type, now)?;
            ttl_left = ttl_left.min(entry.expires - now);
            match &entry.answer {
                Ok(found) => addresses.extend_from_slice(found),
                Err(error) => none = none.or(Some(error.clone())),
            }
        }
        let answer = none.filter(|_| addresses.is_empty()).map_or(Ok(addresses), Err);
        Some(Hit { answer, ttl_left })
    }

    /// Keeps what a walk found. Errors are not kept: the next try may fare better.
    pub(super) fn put(&mut self, name: &str, record_type: RecordType, lookup: &Lookup, now: Instant) {
        if let (Ok(found), Some(ttl)) = (&lookup.answer, ttl(lookup)) {
            let answer = lookup.negative().map_or_else(|| Ok(found.addresses()), Err);
            self.insert(name, record_type, answer, ttl, now);
        }
    }

    /// What is known of a site, by the name that is asked for its HTTPS record.
    pub(super) fn site(&self, name: &str, now: Instant) -> Option<Site> {
        self.sites.get(name, RecordType::HTTPS, now).map(|entry| entry.answer.clone())
    }

    /// Keeps what a site's HTTPS records say, or that there are none.
    pub(super) fn put_site(&mut self, site: &Site, now: Instant) {
        if let Some(ttl) = ttl(&site.lookup) {
            self.sites.insert(&site.name, RecordType::HTTPS, site.clone(), ttl, now);
        }
    }

    /// Keeps addresses for a time in seconds.
    pub(super) fn insert(
        &mut self,
        name: &str,
        record_type: RecordType,
        answer: Result<Vec<IpAddr>, DnsError>,
        ttl: u32,
        now: Instant,
    ) {
        self.addresses.insert(name, record_type, answer, ttl, now);
    }
}

impl<V> Default for Kept<V> {
    fn default() -> Self {
        Self { entries: HashMap::new() }
    }
}

impl<V> Kept<V> {
    fn get(&self, name: &str, record_type: RecordType, now: Instant) -> Option<&Entry<V>> {
        self.entries.get(&(key(name), record_type)).filter(|entry| entry.expires > now)
    }

    fn insert(&mut self, name: &str, record_type: RecordType, answer: V, ttl: u32, now: Instant) {
        let ttl = time_to_live(ttl);
        if ttl == 0 {
            return;
        }
        if self.entries.len() >= CACHE_ENTRIES_MAX {
            self.entries.retain(|_, entry| entry.expires > now);
        }
        if self.entries.len() >= CACHE_ENTRIES_MAX {
            let first = self.entries.iter().min_by_key(|(_, entry)| entry.expires).map(|(key, _)| key.clone());
            first.and_then(|first| self.entries.remove(&first));
        }
        let expires = now + Duration::from_secs(u64::from(ttl.min(TTL_MAX)));
        self.entries.insert((key(name), record_type), Entry { answer, expires });
    }
}

/// For how many seconds an answer may be kept; none if it is no answer.
fn ttl(lookup: &Lookup) -> Option<u32> {
    let aliases = lookup.aliases.iter().map(|alias| time_to_live(alias.ttl));
    let own = match lookup.answer.as_ref().ok()? {
        Answer::Records { records } => records.iter().map(|record| time_to_live(record.ttl)).min(),
        Answer::NoData { soa, .. } | Answer::NoSuchName { soa, .. } => soa.as_ref().map(|soa| soa.negative_ttl),
    };
    own.map(|own| aliases.fold(own, u32::min))
}

fn key(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &[RecordType] = &[RecordType::A];

    fn address(last: u8) -> Vec<IpAddr> {
        vec![IpAddr::from([192, 0, 2, last])]
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_lives_as_long_as_it_may() {
        let mut cache = Cache::default();
        cache.insert("www.A.test.", RecordType::A, Ok(address(1)), 30, Instant::now());
        tokio::time::advance(Duration::from_secs(29)).await;
        let hit = cache.get("WWW.a.test", A, Instant::now()).expect("a hit");
        assert_eq!((hit.answer, hit.ttl_left), (Ok(address(1)), Duration::from_secs(1)));
        assert_eq!(cache.get("www.a.test", &[RecordType::A, RecordType::AAAA], Instant::now()), None);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(cache.get("www.a.test", A, Instant::now()), None);
        cache.insert("zero.test", RecordType::A, Ok(address(2)), 0, Instant::now());
        assert_eq!(cache.get("zero.test", A, Instant::now()), None);
        cache.insert("negative.test", RecordType::A, Ok(address(2)), u32::MAX, Instant::now());
        assert_eq!(cache.get("negative.test", A, Instant::now()), None);
        cache.insert("long.test", RecordType::A, Ok(address(2)), i32::MAX as u32, Instant::now());
        let hit = cache.get("long.test", A, Instant::now()).expect("a hit");
        assert_eq!(hit.ttl_left, Duration::from_secs(u64::from(TTL_MAX)));
    }

    #[tokio::test(start_paused = true)]
    async fn the_cache_is_bounded_and_what_expires_first_makes_room() {
        let mut cache = Cache::default();
        let now = Instant::now();
        for index in 0..CACHE_ENTRIES_MAX + 10 {
            let ttl = u32::try_from(index).expect("small") + 10;
            cache.insert(&format!("{index}.test"), RecordType::A, Ok(address(1)), ttl, now);
        }
        assert_eq!(cache.addresses.entries.len(), CACHE_ENTRIES_MAX);
        assert!(cache.get("9.test", A, now).is_none() && cache.get("10.test", A, now).is_some());
    }
}
