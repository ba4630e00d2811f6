//! Queries on their way: one to one server, and beside it the same question about the other record types that are wanted.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::{OptionFuture, join_all};
use hickory_proto::op::Message;
use hickory_proto::rr::{Name, RecordType};

use super::ask::{Heard, Question};
use super::{Trail, Validation};
use crate::dns::exchange::{Patience, exchange, unanswered, with_grace};
use crate::dns::message::{Prepared, Recursion, Shape};
use crate::dns::one::{self, lacks_edns, written_down};
use crate::dns::reply::{self, Reply};
use crate::dns::trace::{Outcome, Purpose, Query, Server, Transport};
use crate::dns::{DnsError, Failure, text};

/// Labels of a zone that may well answer the question itself. The root and top-level domains refer, and do so whatever the type.
const LABELS_BESIDE_MIN: u8 = 2;

impl Trail<'_> {
    /// Sends one query, with others beside it, and writes them down. The response is that of the first.
    pub(super) async fn send(
        &mut self,
        zone: &Name,
        server: &Server,
        question: &Question,
        transport: Transport,
        edns: bool,
    ) -> Result<(usize, Result<Message, Failure>), DnsError> {
        let timeout = self.time_left()?;
        let room = self.options.queries_max.saturating_sub(self.queries.len());
        if room == 0 {
            return Err(DnsError::QueriesExceeded { max: self.options.queries_max });
        }
        let mut questions = vec![question.clone()];
        if transport == Transport::Udp && edns {
            questions.extend(self.beside(zone, question).into_iter().take(room - 1));
        }
        let prepared = questions.iter().map(|question| self.prepare(question, transport, edns));
        let prepared = prepared.collect::<Result<Vec<_>, DnsError>>()?;
        let (clock, address) = (self.clock, server.address);
        let patience = Patience::new(timeout, self.options.resend_after, self.options.tries_max);
        let exchange = |query| clock.measure(exchange(query, address, transport, patience, clock));
        // What nobody needs is the last, and is not waited for.
        let (needed, site) = prepared.split_at(prepared.len() - usize::from(self.ends_with_site(&questions)));
        let (began_ns, needed) = (clock.now_ns(), join_all(needed.iter().map(exchange)));
        let site = OptionFuture::from(site.first().map(exchange));
        let (mut done, site) = with_grace(needed, site, self.options.site_grace).await;
        done.extend(site.unwrap_or_else(|| Some(unanswered(began_ns, clock.now_ns()))));
        let index = self.queries.len();
        let mut responses = Vec::new();
        for ((question, prepared), (exchange, span)) in questions.iter().zip(&prepared).zip(done) {
            responses.push(exchange.response.clone());
            let (query, _) = written_down(server, &question.asked(), transport, prepared, span, exchange);
            let Question { purpose, depth, .. } = *question;
            self.queries.push(Query { purpose, depth, zone: text::name(zone), ..query });
        }
        let mut responses = responses.into_iter();
        let first = responses.next().ok_or(DnsError::QueriesExceeded { max: self.options.queries_max })?;
        for (place, (question, response)) in (index + 1..).zip(questions.into_iter().skip(1).zip(responses)) {
            self.keep(zone, address, question, place, response);
        }
        Ok((index, first))
    }

    fn prepare(&self, question: &Question, transport: Transport, edns: bool) -> Result<Prepared, DnsError> {
        let shape = Shape {
            recursion: Recursion::NotDesired,
            dnssec: self.options.validation != Validation::Off,
            edns,
            randomise_case: self.options.randomise_case && transport == Transport::Udp,
            ..Shape::default()
        };
        one::prepare(&question.asked(), shape)
    }

    /// The same question about the types whose turn has not come.
    fn beside(&self, zone: &Name, question: &Question) -> Vec<Question> {
        if question.purpose != Purpose::Question || zone.num_labels() < LABELS_BESIDE_MIN {
            return Vec::new();
        }
        let others = self.wanted.iter().map(|wanted| Question { record_type: *wanted, ..question.clone() });
        let site = self.site.iter().filter(|name| zone.zone_of(name));
        let site = site.map(|name| Question { name: name.clone(), record_type: RecordType::HTTPS, ..question.clone() });
        others.chain(site).filter(|other| !self.beside.contains_key(&key(zone, other))).collect()
    }

    /// Whether the last of these questions is the one that is asked beside all others.
    fn ends_with_site(&self, questions: &[Question]) -> bool {
        let is_site = |last: &Question| Some(&last.name) == self.site.as_ref() && last.record_type == RecordType::HTTPS;
        questions.len() > 1 && questions.last().is_some_and(is_site)
    }

    /// Keeps what was heard of another type until its turn comes. What is of no use is asked for again then.
    fn keep(
        &mut self,
        zone: &Name,
        server: SocketAddr,
        question: Question,
        index: usize,
        response: Result<Message, Failure>,
    ) {
        let message = match response {
            Ok(message) if message.metadata.truncation => return self.conclude(index, Outcome::Truncated),
            Ok(message) if lacks_edns(&message) => return,
            Ok(message) => message,
            Err(_) => return,
        };
        match reply::read(&message, zone, &question.name, question.record_type) {
            Reply::Useless(failure) => self.conclude(index, Outcome::Failed(failure)),
            reply => {
                self.conclude(index, reply.outcome());
                self.beside.insert(key(zone, &question), Heard { message, reply, server, index });
            }
        }
    }

    /// What was heard of this question when another type was asked for; once.
    pub(super) fn heard_beside(&mut self, zone: &Name, question: &Question) -> Option<Heard> {
        if question.purpose == Purpose::Question { self.beside.remove(&key(zone, question)) } else { None }
    }

    /// For one query: its own limit, or what is left of the walk's.
    pub(super) fn time_left(&self) -> Result<Duration, DnsError> {
        let spent = Duration::from_nanos(self.clock.now_ns() - self.started_ns);
        let limit = self.options.walk_timeout;
        let after_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        let left = limit.checked_sub(spent).filter(|left| !left.is_zero()).ok_or(DnsError::TimedOut { after_ms })?;
        let left = left.min(self.options.query_timeout);
        Ok(self.patience_left()?.map_or(left, |patience| left.min(patience)))
    }
}

/// Whom was asked what.
pub(super) type Key = (Name, Name, hickory_proto::rr::RecordType);

fn key(zone: &Name, question: &Question) -> Key {
    (zone.clone(), question.name.clone(), question.record_type)
}
