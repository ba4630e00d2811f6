//! What walks have learnt, for as long as those who said it allow: the difference between a cold walk and a warm one.

use std::collections::HashMap;
use std::time::Duration;

use hickory_proto::rr::{Name, RecordType};
use tokio::time::Instant;

use super::{Trail, Trust, Validation, Walker, Zone};
use crate::dns::dnssec::Status;
use crate::dns::roots::Anchor;
use crate::dns::text;
use crate::dns::trace::{Answer, Lookup, Remembered, Server};

/// The most zones, and the most answers, that are remembered. Those that expire first make room.
pub const MEMORY_ENTRIES_MAX: usize = 1024;

/// Nothing is remembered for longer than a day, whatever its TTL.
const TTL_MAX: u32 = 86_400;

/// Referrals with their keys, and answers, each until its time to live is over. It is good for one set of roots and anchors: a walker
/// with others forgets everything first. What failed or is bogus is not remembered.
#[derive(Debug, Default)]
pub struct Memory {
    learnt_from: Option<(Vec<Server>, Vec<Anchor>, Validation)>,
    zones: HashMap<Name, Zone>,
    answers: HashMap<(Name, RecordType), Kept>,
}

#[derive(Debug)]
struct Kept {
    lookup: Lookup,
    learnt: Instant,
    expires: Instant,
}

impl Memory {
    /// Forgets answers, and keeps who serves which zone: as if other names of the same zones were looked for.
    pub fn forget_answers(&mut self) {
        self.answers.clear();
    }

    /// Whether nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.zones.is_empty() && self.answers.is_empty()
    }

    /// What this walker may take over: nothing that was learnt under other assumptions.
    pub(super) fn open(&mut self, walker: &Walker) {
        let learnt_from = Some((walker.roots.clone(), walker.anchors.clone(), walker.validation));
        if self.learnt_from != learnt_from {
            *self = Self { learnt_from, ..Self::default() };
        }
    }

    /// The answer to a question, with what is left of its times to live.
    pub(super) fn answer(&self, name: &Name, record_type: RecordType, now: Instant) -> Option<(Lookup, Remembered)> {
        let kept = self.answers.get(&(name.to_lowercase(), record_type)).filter(|kept| kept.expires > now)?;
        let age = u32::try_from((now - kept.learnt).as_secs()).unwrap_or(u32::MAX);
        let remembered = remembered(name, &record_type.to_string(), kept.expires, now);
        Some((aged(kept.lookup.clone(), age), remembered))
    }

    /// Keeps an answer for as long as every part of it may be kept.
    pub(super) fn keep(&mut self, name: &Name, record_type: RecordType, lookup: &Lookup, now: Instant) {
        let Some(ttl) = ttl(lookup).filter(|ttl| *ttl > 0) else { return };
        make_room(&mut self.answers, |kept| kept.expires, now);
        let kept = Kept { lookup: lookup.clone(), learnt: now, expires: now + seconds(ttl) };
        self.answers.insert((name.to_lowercase(), record_type), kept);
    }
}

impl Trail<'_> {
    /// Takes over the zones that are remembered, if those above them are, too.
    pub(super) fn recall(&mut self, memory: &Memory, name: &Name, now: Instant) -> Vec<Remembered> {
        let mut zones: Vec<&Zone> = memory.zones.values().filter(|zone| zone.expires > now).collect();
        zones.sort_by_key(|zone| zone.name.num_labels());
        let mut recalled = Vec::new();
        for zone in zones {
            if zone.parent.as_ref().is_some_and(|parent| !self.zones.contains_key(parent)) {
                continue;
            }
            if zone.parent.is_some() && zone.name.zone_of(name) {
                recalled.push(remembered(&zone.name, "NS", zone.expires, now));
            }
            self.zones.insert(zone.name.clone(), zone.clone());
        }
        recalled
    }

    /// Leaves behind what it found out about zones.
    pub(super) fn remember(self, memory: &mut Memory, now: Instant) {
        for (name, zone) in self.zones {
            if zone.expires > now && !matches!(zone.trust, Some(Trust::Bogus(_))) {
                make_room(&mut memory.zones, |zone| zone.expires, now);
                memory.zones.insert(name, zone);
            }
        }
    }
}

fn remembered(name: &Name, record_type: &str, expires: Instant, now: Instant) -> Remembered {
    let ttl_left = u32::try_from((expires - now).as_secs()).unwrap_or(u32::MAX);
    Remembered { name: text::name(name), record_type: record_type.to_owned(), ttl_left }
}

/// When what was learnt now is over.
pub(super) fn expiry(ttl: u32) -> Instant {
    Instant::now() + seconds(text::time_to_live(ttl))
}

fn seconds(ttl: u32) -> Duration {
    Duration::from_secs(u64::from(ttl.min(TTL_MAX)))
}

/// For how long an answer may be kept, all its parts together.
fn ttl(lookup: &Lookup) -> Option<u32> {
    if matches!(lookup.dnssec, Status::Bogus(_)) {
        return None;
    }
    let own = match lookup.answer.as_ref().ok()? {
        Answer::Records { records } => records.iter().map(|record| text::time_to_live(record.ttl)).min(),
        Answer::NoData { soa, .. } | Answer::NoSuchName { soa, .. } => {
            soa.as_ref().map(|soa| text::time_to_live(soa.negative_ttl))
        }
    };
    Some(lookup.aliases.iter().map(|alias| text::time_to_live(alias.ttl)).fold(own?, u32::min))
}

fn aged(mut lookup: Lookup, age: u32) -> Lookup {
    lookup.aliases.iter_mut().for_each(|alias| alias.ttl = alias.ttl.saturating_sub(age));
    match &mut lookup.answer {
        Ok(Answer::Records { records }) => {
            records.iter_mut().for_each(|record| record.ttl = record.ttl.saturating_sub(age));
        }
        Ok(Answer::NoData { soa: Some(soa), .. } | Answer::NoSuchName { soa: Some(soa), .. }) => {
            soa.negative_ttl = soa.negative_ttl.saturating_sub(age);
        }
        _ => {}
    }
    lookup
}

fn make_room<K: Clone + Eq + std::hash::Hash, V>(
    map: &mut HashMap<K, V>,
    expires: impl Fn(&V) -> Instant,
    now: Instant,
) {
    if map.len() >= MEMORY_ENTRIES_MAX {
        map.retain(|_, value| expires(value) > now);
    }
    if map.len() >= MEMORY_ENTRIES_MAX {
        let first = map.iter().min_by_key(|(_, value)| expires(value)).map(|(key, _)| key.clone());
        first.and_then(|first| map.remove(&first));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::DnsError;
    use crate::dns::trace::{Alias, Record};

    fn name(text: &str) -> Name {
        Name::from_ascii(text).expect("a name")
    }

    fn lookup(ttl: u32) -> Lookup {
        let record = Record {
            name: "a.test.".to_owned(),
            ttl,
            record_type: "A".to_owned(),
            data: "192.0.2.1".to_owned(),
            service: None,
        };
        let alias = Alias { name: "b.test.".to_owned(), target: "a.test.".to_owned(), ttl: 100 };
        let answer = Ok(Answer::Records { records: vec![record] });
        Lookup { record_type: "A".to_owned(), aliases: vec![alias], answer, dnssec: Status::Secure }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_ages_and_ends_with_its_shortest_part() {
        let mut memory = Memory::default();
        memory.keep(&name("B.test."), RecordType::A, &lookup(300), Instant::now());
        tokio::time::advance(Duration::from_secs(99)).await;
        let (found, remembered) = memory.answer(&name("b.TEST."), RecordType::A, Instant::now()).expect("an answer");
        assert_eq!((found.aliases[0].ttl, remembered.ttl_left), (1, 1));
        let Ok(Answer::Records { records }) = &found.answer else { panic!("{found:?}") };
        assert_eq!(records[0].ttl, 201);
        assert!(memory.answer(&name("b.test."), RecordType::AAAA, Instant::now()).is_none());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(memory.answer(&name("b.test."), RecordType::A, Instant::now()).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn what_failed_or_has_no_time_is_not_kept_and_there_is_an_end() {
        let mut memory = Memory::default();
        let now = Instant::now();
        let failed = Lookup::failed(RecordType::A, DnsError::TimedOut { after_ms: 1 });
        for lookup in [failed, lookup(0), lookup(u32::MAX)] {
            memory.keep(&name("a.test."), RecordType::A, &lookup, now);
        }
        assert!(memory.is_empty());
        for index in 0..MEMORY_ENTRIES_MAX + 10 {
            memory.keep(&name(&format!("{index}.test.")), RecordType::A, &lookup(50), now);
        }
        assert_eq!(memory.answers.len(), MEMORY_ENTRIES_MAX);
        let walker = Walker::default();
        memory.open(&walker);
        assert!(memory.is_empty(), "nobody knows from whom it was");
        memory.keep(&name("a.test."), RecordType::A, &lookup(50), now);
        memory.open(&walker);
        assert!(!memory.is_empty());
        memory.open(&Walker { anchors: Vec::new(), ..walker });
        assert!(memory.is_empty(), "what was believed for other reasons");
    }
}
