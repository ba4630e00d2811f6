//! All servers of each zone at the same time: who agrees with whom, and which way down is the fastest.

use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use hickory_proto::op::Message;
use hickory_proto::rr::{Name, RData, Record, RecordType};

use super::{Trail, Walker, parse_name};
use crate::dns::one::{Attempt, ask_server};
use crate::dns::reply::{self, End, Reply};
use crate::dns::survey::{Asked, Opinion, Survey, ZoneSurvey};
use crate::dns::trace::{Outcome, Purpose, Server};
use crate::dns::{DnsError, Failure, Recursion, Tried, text};
use crate::{Clock, Span};

/// How many servers are asked at the same time.
const ASKED_AT_ONCE: usize = 16;

/// At how many addresses the servers of one zone are asked.
pub const SURVEY_ADDRESSES_MAX: usize = 32;

/// Through how many zones a survey goes.
pub const SURVEY_ZONES_MAX: usize = 32;

/// A server's answer, and how it was read.
struct Heard {
    asked: Asked,
    message: Option<Message>,
    reply: Reply,
}

impl Walker {
    /// Asks all servers of every zone on the way, and keeps what each of them says. What most of them say is where it goes on.
    ///
    /// Bounded by [`Walker::walk_timeout`], [`SURVEY_ZONES_MAX`] and [`SURVEY_ADDRESSES_MAX`]: two queries an address, and more only
    /// for those that are asked again over TCP or without EDNS. Signatures are not asked for; a walk checks them.
    pub async fn survey(&self, name: &str, record_type: RecordType, clock: &Clock) -> Survey {
        let start_ns = clock.now_ns();
        let mut survey = Survey {
            name: text::escape(name),
            record_type: record_type.to_string(),
            zones: Vec::new(),
            besides: Vec::new(),
            span: Span::default(),
            error: None,
        };
        let mut trail = Trail::new(self, clock);
        let surveying = async {
            let name = parse_name(name)?;
            survey.name = text::name(&name);
            trail.survey_zones(name, record_type, &mut survey.zones).await
        };
        let (result, span) = clock.measure(surveying).await;
        survey.error = result.err();
        survey.besides = trail.queries;
        survey.span = Span { start_ns, ..span };
        survey
    }
}

impl Trail<'_> {
    async fn survey_zones(
        &mut self,
        name: Name,
        record_type: RecordType,
        zones: &mut Vec<ZoneSurvey>,
    ) -> Result<(), DnsError> {
        let mut path = vec![name];
        let mut zone = Name::root();
        while zones.len() < SURVEY_ZONES_MAX {
            let name = path.last().cloned().unwrap_or_else(Name::root);
            let (surveyed, leader) = self.survey_zone(&zone, &name, record_type).await?;
            let tried = tried(&surveyed);
            zones.push(surveyed);
            let Some(Heard { asked, message, reply }) = leader else {
                return Err(DnsError::NoUsableServer { zone: text::name(&zone), tried });
            };
            let (aliases, end) = match reply {
                Reply::Referral(referral) => {
                    let evidence = message.map(|message| message.authorities).unwrap_or_default();
                    zone = self.enter(&zone, referral, evidence, asked.query.server.address);
                    continue;
                }
                Reply::Answer { aliases, end } => (aliases, end),
                Reply::Useless(_) => return Ok(()),
            };
            for target in aliases.iter().filter_map(text::alias_target) {
                let is_loop = path.contains(&target);
                path.push(target);
                if is_loop {
                    return Err(DnsError::AliasLoop { path: path.iter().map(text::name).collect() });
                }
                if path.len() > self.options.aliases_max {
                    let path = path.iter().map(text::name).collect();
                    return Err(DnsError::AliasesExceeded { max: self.options.aliases_max, path });
                }
            }
            let End::Elsewhere(last) = end else { return Ok(()) };
            zone = self.closest_zone(&last, record_type);
        }
        Err(DnsError::QueriesExceeded { max: SURVEY_ZONES_MAX })
    }

    /// All servers of one zone; and the fastest of those who say what most say.
    async fn survey_zone(
        &mut self,
        zone: &Name,
        name: &Name,
        record_type: RecordType,
    ) -> Result<(ZoneSurvey, Option<Heard>), DnsError> {
        let mut servers = self.known_servers(zone);
        let mut unreachable = Vec::new();
        for unknown in self.servers_without_address(zone) {
            match self.find_server(zone, &unknown, 0).await? {
                Ok(addresses) => servers.extend(self.at(&unknown.name, &addresses)),
                Err(reason) => {
                    let failure = Failure::NoAddress { reason };
                    unreachable.push(Tried { name: text::name(&unknown.name), address: None, failure });
                }
            }
        }
        let left_out = servers.len().saturating_sub(SURVEY_ADDRESSES_MAX);
        servers.truncate(SURVEY_ADDRESSES_MAX);
        let (timeout, clock) = (self.time_left()?, self.clock);
        let ask = |server: Server| ask_one(zone, server, (name.clone(), record_type), timeout, clock);
        let asking = stream::iter(servers).map(ask).buffer_unordered(ASKED_AT_ONCE);
        let heard: Vec<Result<Heard, DnsError>> = asking.collect().await;
        let mut heard = heard.into_iter().collect::<Result<Vec<_>, _>>()?;
        heard.sort_by_key(|heard| (!heard.asked.is_useful(), heard.asked.query.span.duration_ns));
        let opinions = opinions(&heard);
        let mut serials: Vec<u32> = heard.iter().filter_map(|heard| heard.asked.serial).collect();
        serials.sort_unstable_by(|a, b| b.cmp(a));
        serials.dedup();
        let leader = opinions
            .first()
            .and_then(|opinion| heard.iter().position(|heard| says(heard) == Some(opinion.says.clone())));
        let mut asked: Vec<Asked> = heard.iter().map(|heard| heard.asked.clone()).collect();
        asked.sort_by_key(|asked| (!asked.is_useful(), asked.query.span.duration_ns));
        let leader = leader.map(|place| heard.swap_remove(place));
        let (zone, name) = (text::name(zone), text::name(name));
        Ok((ZoneSurvey { zone, name, asked, unreachable, left_out, opinions, serials }, leader))
    }
}

/// The question and the zone's SOA record, at the same time.
async fn ask_one(
    zone: &Name,
    server: Server,
    question: (Name, RecordType),
    timeout: Duration,
    clock: &Clock,
) -> Result<Heard, DnsError> {
    let soa = (zone.clone(), RecordType::SOA);
    let ask = |asked| ask_server(&server, asked, Recursion::NotDesired, timeout, clock);
    let (answer, version) = futures_util::future::join(ask(&question), ask(&soa)).await;
    let written_down = |attempt: Attempt, purpose, (name, record_type): &(Name, RecordType)| {
        let (mut query, message) = attempt;
        query.zone = text::name(zone);
        query.purpose = purpose;
        let reply = message.as_ref().map(|message| reply::read(message, zone, name, *record_type));
        if let Some(reply) = &reply {
            query.outcome = reply.outcome();
        }
        (query, message, reply)
    };
    let (first, more) = answer?;
    let mut last = written_down(first, Purpose::Question, &question);
    let mut others = Vec::new();
    for again in more {
        others.push(std::mem::replace(&mut last, written_down(again, Purpose::Question, &question)).0);
    }
    let (query, message, reply) = last;
    let (first, more) = version?;
    let mut version_of_zone = None;
    for attempt in std::iter::once(first).chain(more) {
        let (query, _, reply) = written_down(attempt, Purpose::Version, &soa);
        version_of_zone = reply.as_ref().and_then(serial).or(version_of_zone);
        others.push(query);
    }
    let reply = reply.unwrap_or_else(|| Reply::Useless(failure(&query.outcome)));
    Ok(Heard { asked: Asked { query, serial: version_of_zone, others }, message, reply })
}

fn failure(outcome: &Outcome) -> Failure {
    match outcome {
        Outcome::Failed(failure) => failure.clone(),
        other => Failure::Malformed { reason: other.to_string() },
    }
}

fn serial(reply: &Reply) -> Option<u32> {
    let Reply::Answer { end: End::Records(records), .. } = reply else { return None };
    records.iter().find_map(|record| match &record.data {
        RData::SOA(soa) => Some(soa.serial),
        _ => None,
    })
}

/// Groups of servers that say the same, the largest first; of two as large, that of the fastest server.
fn opinions(heard: &[Heard]) -> Vec<Opinion> {
    let mut opinions: Vec<Opinion> = Vec::new();
    for says in heard.iter().filter_map(says) {
        match opinions.iter_mut().find(|opinion| opinion.says == says) {
            Some(opinion) => opinion.servers += 1,
            None => opinions.push(Opinion { says, servers: 1 }),
        }
    }
    opinions.sort_by_key(|opinion| std::cmp::Reverse(opinion.servers));
    opinions
}

/// What a server says, without what may differ among servers that agree: times to live, order, signatures, the version of the zone.
fn says(heard: &Heard) -> Option<String> {
    match &heard.reply {
        Reply::Useless(_) => None,
        Reply::Referral(referral) => {
            let mut servers: Vec<String> = referral.servers.iter().map(|server| text::name(&server.name)).collect();
            servers.sort();
            Some(format!("ask {} of {}", servers.join(", "), text::name(&referral.zone)))
        }
        Reply::Answer { aliases, end } => {
            let aliases =
                aliases.iter().filter_map(text::alias_target).map(|name| format!("alias of {}; ", text::name(&name)));
            let end = match end {
                End::Records(records) => data(records),
                End::Elsewhere(_) => "which others know".to_owned(),
                End::Loop(name) => format!("back at {}", text::name(name)),
                End::NoData(_) => "no such records".to_owned(),
                End::NoSuchName(_) => "no such name".to_owned(),
            };
            Some(aliases.chain([end]).collect())
        }
    }
}

fn data(records: &[Record]) -> String {
    let mut data: Vec<String> =
        text::records(records).into_iter().map(|record| format!("{} {}", record.record_type, record.data)).collect();
    data.sort();
    data.join(", ")
}

fn tried(survey: &ZoneSurvey) -> Vec<Tried> {
    let failed = survey.asked.iter().filter(|asked| !asked.is_useful());
    let failed = failed.map(|asked| Tried::new(asked.query.server.clone(), failure(&asked.query.outcome)));
    failed.chain(survey.unreachable.iter().cloned()).collect()
}
