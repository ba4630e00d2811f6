//! What every server of every zone on the way says: plain data, like a [`Walk`](super::Walk).

use serde::{Deserialize, Serialize};

use super::{DnsError, Outcome, Query, Tried};
use crate::Span;

/// The same question, put to all servers of each zone at the same time (as the Go program dnstrace does).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Survey {
    /// The name that was asked for, fully qualified.
    pub name: String,
    /// The record type.
    pub record_type: String,
    /// The zones on the way, from the root down; where an alias leads elsewhere, on from there.
    pub zones: Vec<ZoneSurvey>,
    /// Queries for the addresses of servers that are known by name only.
    pub besides: Vec<Query>,
    /// From the first query to the last answer.
    pub span: Span,
    /// Why it ended before anybody knew.
    pub error: Option<DnsError>,
}

/// What the servers of one zone say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ZoneSurvey {
    /// The zone.
    pub zone: String,
    /// The name that they were asked about: an alias's target after an alias.
    pub name: String,
    /// Every server that was asked, the fastest first.
    pub asked: Vec<Asked>,
    /// Those that could not be asked.
    pub unreachable: Vec<Tried>,
    /// Addresses that were left out, since a zone's servers are asked at so many at most.
    pub left_out: usize,
    /// What they say, what most of them say first. Servers agree if there is one opinion.
    pub opinions: Vec<Opinion>,
    /// The versions of the zone that they serve, by their SOA records, the newest first.
    pub serials: Vec<u32>,
}

/// One server, what it was asked and what it said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// The query that was answered, or the last that was not.
    pub query: Query,
    /// The version of the zone that it serves, if it said so.
    pub serial: Option<u32>,
    /// Every other query to it: for its SOA record, and attempts that came to nothing.
    pub others: Vec<Query>,
}

/// What some servers say, apart from times to live and the order of records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opinion {
    /// In words.
    pub says: String,
    /// How many of the servers.
    pub servers: usize,
}

impl Asked {
    /// Whether what it said was of use.
    #[must_use]
    pub fn is_useful(&self) -> bool {
        !matches!(self.query.outcome, Outcome::Failed(_) | Outcome::Truncated)
    }
}

impl ZoneSurvey {
    /// The first server that was of use.
    #[must_use]
    pub fn fastest(&self) -> Option<&Asked> {
        self.asked.iter().find(|asked| asked.is_useful())
    }

    /// The last of those that were of use.
    #[must_use]
    pub fn slowest(&self) -> Option<&Asked> {
        self.asked.iter().rfind(|asked| asked.is_useful())
    }

    /// Whether all servers that were of use said the same, of the same version of the zone.
    #[must_use]
    pub fn is_agreed(&self) -> bool {
        self.opinions.len() <= 1 && self.serials.len() <= 1
    }
}

impl Survey {
    /// The fastest useful server of each zone: the best way down that there was.
    #[must_use]
    pub fn best_path(&self) -> Vec<&Asked> {
        self.zones.iter().filter_map(ZoneSurvey::fastest).collect()
    }

    /// How many queries it took.
    #[must_use]
    pub fn queries(&self) -> usize {
        let asked = self.zones.iter().flat_map(|zone| &zone.asked);
        self.besides.len() + asked.map(|asked| 1 + asked.others.len()).sum::<usize>()
    }
}
