//! Happy Eyeballs, version 2 [RFC 8305]: which address to try, and when to stop waiting for one and try the next as well.
//!
//! The plain version tries one address after the other, and a dead one costs its whole timeout. Here:
//! 1. Addresses alternate between the families, the first one's family first (RFC 8305 section 4, with a First Address Family
//!    Count of 1).
//! 2. An attempt that has not been answered after the Connection Attempt Delay keeps running, and the next begins (section 5).
//! 3. An attempt that fails starts the next at once.
//! 4. The first to connect wins; the others are abandoned.
//!
//! Section 3's Resolution Delay has nothing to do here: a [`crate::names::Resolver`] gives both families together. Hints (RFC 9460,
//! section 7.3) may begin before them: once the addresses are there, attempts at others are withdrawn.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::{OptionFuture, Ready};
use serde::{Deserialize, Serialize};

use crate::{Clock, IoFailure, Span};

/// As good as never, and nothing that a clock could overflow by.
const DELAY_MAX: Duration = Duration::from_secs(86_400);

/// One address that was tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// The address.
    pub address: SocketAddr,
    /// From the SYN to the outcome. The kernel does the work, so all of it is waiting.
    pub span: Span,
    /// How it ended.
    pub outcome: Outcome,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// This is the connection.
    Connected,
    /// Another was faster.
    Abandoned,
    /// Nobody had answered when time was up.
    TimedOut,
    /// It was a hint, and the addresses that came meanwhile do not have it.
    Withdrawn,
    /// The system said why not.
    Failed(IoFailure),
}

/// The addresses in the order in which they are tried: families alternate, beginning with the first address's (RFC 8305, section 4, with a First
/// Address Family Count of 1).
///
/// Within a family the order stays as it was given.
#[must_use]
pub fn interleave(addresses: &[IpAddr]) -> Vec<IpAddr> {
    let first_family = addresses.first().is_some_and(IpAddr::is_ipv6);
    let (first, second): (Vec<IpAddr>, Vec<IpAddr>) =
        addresses.iter().partition(|address| address.is_ipv6() == first_family);
    let longest = first.len().max(second.len());
    (0..longest).flat_map(|rank| [first.get(rank), second.get(rank)]).flatten().copied().collect()
}

/// Races connections to `targets`, in their order (RFC 8305, section 5): the next begins when the one before has been on its way for
/// `attempt_delay`, or has failed, and the first to connect wins.
///
/// Returns every attempt that was begun, and the winner's index and connection. Ends at the latest `limit` after its start.
pub async fn race<S, F>(
    targets: &[SocketAddr],
    attempt_delay: Duration,
    limit: Duration,
    clock: &Clock,
    connect: impl Fn(SocketAddr) -> F,
) -> (Vec<Attempt>, Option<(usize, S)>)
where
    F: Future<Output = io::Result<S>>,
{
    race_hinted(targets, None::<Ready<_>>, attempt_delay, limit, clock, connect).await
}

/// The same to targets that may be hints: once it is `known` which addresses there are, the race goes on among those. If nobody knows,
/// the hints are all there is. Nobody wins before.
pub(super) async fn race_hinted<S, F>(
    targets: &[SocketAddr],
    known: Option<impl Future<Output = Option<Vec<SocketAddr>>>>,
    attempt_delay: Duration,
    limit: Duration,
    clock: &Clock,
    connect: impl Fn(SocketAddr) -> F,
) -> (Vec<Attempt>, Option<(usize, S)>)
where
    F: Future<Output = io::Result<S>>,
{
    let limit = limit.min(DELAY_MAX);
    let mut race = Race { clock, attempts: Vec::new(), running: Vec::new(), won: None };
    let mut waiting: VecDeque<SocketAddr> = targets.iter().copied().collect();
    let mut known = std::pin::pin!(OptionFuture::from(known));
    let mut is_known = false;
    let mut deadline = std::pin::pin!(tokio::time::sleep(limit));
    let mut next_start = std::pin::pin!(tokio::time::sleep(Duration::ZERO));
    let mut may_start = true;
    let winner = std::future::poll_fn(|context| {
        loop {
            if !is_known && let Poll::Ready(answer) = known.as_mut().poll(context) {
                is_known = true;
                if let Some(Some(addresses)) = answer {
                    waiting = race.keep(&addresses);
                    may_start |= race.running.is_empty();
                    deadline.as_mut().reset(tokio::time::Instant::now() + limit);
                }
            }
            if race.won.is_some() {
                return if is_known { Poll::Ready(race.won.take()) } else { Poll::Pending };
            }
            if may_start && let Some(target) = waiting.pop_front() {
                race.begin(target, connect(target));
                next_start.as_mut().reset(tokio::time::Instant::now() + attempt_delay.min(DELAY_MAX));
                may_start = false;
            }
            match race.poll(context) {
                Progress::Connected(index, stream) => race.win(index, stream),
                Progress::Failed => may_start = true,
                Progress::Nothing if is_known && race.running.is_empty() && waiting.is_empty() => {
                    return Poll::Ready(None);
                }
                Progress::Nothing if is_known && deadline.as_mut().poll(context).is_ready() => {
                    return Poll::Ready(None);
                }
                Progress::Nothing if !waiting.is_empty() && next_start.as_mut().poll(context).is_ready() => {
                    may_start = true;
                }
                Progress::Nothing => return Poll::Pending,
            }
        }
    })
    .await;
    race.end(&Outcome::TimedOut);
    (race.attempts, winner)
}

struct Race<'a, S, F> {
    clock: &'a Clock,
    attempts: Vec<Attempt>,
    /// The attempts that have no outcome yet, by index.
    running: Vec<(usize, Pin<Box<F>>)>,
    /// The first connection.
    won: Option<(usize, S)>,
}

enum Progress<S> {
    Connected(usize, S),
    Failed,
    Nothing,
}

impl<S, F: Future<Output = io::Result<S>>> Race<'_, S, F> {
    fn begin(&mut self, address: SocketAddr, future: F) {
        let span = Span { start_ns: self.clock.now_ns(), ..Span::default() };
        self.running.push((self.attempts.len(), Box::pin(future)));
        self.attempts.push(Attempt { address, span, outcome: Outcome::TimedOut });
    }

    fn win(&mut self, index: usize, stream: S) {
        self.won = Some((index, stream));
        self.end(&Outcome::Abandoned);
    }

    /// Withdraws what is not at one of these addresses, and returns those that are still to be tried.
    fn keep(&mut self, addresses: &[SocketAddr]) -> VecDeque<SocketAddr> {
        let is_kept = |attempt: &Attempt| addresses.contains(&attempt.address);
        let (kept, withdrawn) =
            std::mem::take(&mut self.running).into_iter().partition(|(index, _)| is_kept(&self.attempts[*index]));
        self.running = withdrawn;
        self.end(&Outcome::Withdrawn);
        self.running = kept;
        if let Some((index, _)) = self.won.take_if(|(index, _)| !is_kept(&self.attempts[*index])) {
            self.settle(index, Outcome::Withdrawn);
        }
        // What lost against a hint that was wrong has its chance once more.
        let was_tried = |address: &SocketAddr| {
            let mut tried = self.attempts.iter().filter(|attempt| attempt.address == *address);
            tried.any(|attempt| attempt.outcome != Outcome::Abandoned)
        };
        addresses.iter().filter(|address| !was_tried(address)).copied().collect()
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Progress<S> {
        for place in 0..self.running.len() {
            let (index, future) = &mut self.running[place];
            let index = *index;
            if let Poll::Ready(result) = future.as_mut().poll(context) {
                drop(self.running.remove(place));
                return match result {
                    Ok(stream) => {
                        self.settle(index, Outcome::Connected);
                        Progress::Connected(index, stream)
                    }
                    Err(error) => {
                        self.settle(index, Outcome::Failed(error.into()));
                        Progress::Failed
                    }
                };
            }
        }
        Progress::Nothing
    }

    fn settle(&mut self, index: usize, outcome: Outcome) {
        let attempt = &mut self.attempts[index];
        let start_ns = attempt.span.start_ns;
        attempt.span = Span::new(start_ns, self.clock.now_ns() - start_ns, 0);
        attempt.outcome = outcome;
    }

    /// What still runs has no better outcome than this.
    fn end(&mut self, outcome: &Outcome) {
        for (index, _) in std::mem::take(&mut self.running) {
            self.settle(index, outcome.clone());
        }
    }
}

#[cfg(test)]
mod tests;
