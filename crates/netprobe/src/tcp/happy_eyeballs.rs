//! Happy Eyeballs, version 2 [RFC 8305]: which address to try, and when to stop waiting for one and try the next as well.
//!
//! The plain version tries one address after the other, and a dead one costs its whole timeout. Here:
//! 1. Addresses alternate between the families, the first one's family first (RFC 8305 section 4, with a First Address Family
//!    Count of 1).
//! 2. An attempt that has not been answered after the Connection Attempt Delay keeps running, and the next begins (section 5).
//! 3. An attempt that fails starts the next at once.
//! 4. The first to connect wins; the others are abandoned.
//!
//! Section 3's Resolution Delay has nothing to do here: a [`crate::names::Resolver`] gives both families together.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

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
    /// The system said why not.
    Failed(IoFailure),
}

/// The addresses in the order in which they are tried: families alternate, beginning with the first address's.
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

/// Races connections to `targets`, in their order.
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
    let mut race = Race { clock, attempts: Vec::new(), running: Vec::new() };
    let mut waiting = targets.iter().copied();
    let mut deadline = std::pin::pin!(tokio::time::sleep(limit));
    let mut next_start = std::pin::pin!(tokio::time::sleep(Duration::ZERO));
    let mut may_start = true;
    let winner = std::future::poll_fn(|context| {
        loop {
            if may_start && let Some(target) = waiting.next() {
                race.begin(target, connect(target));
                next_start.as_mut().reset(tokio::time::Instant::now() + attempt_delay.min(DELAY_MAX));
                may_start = false;
            }
            match race.poll(context) {
                Progress::Connected(index, stream) => return Poll::Ready(Some((index, stream))),
                Progress::Failed if waiting.len() > 0 => may_start = true,
                Progress::Failed => {}
                Progress::Nothing if race.running.is_empty() && waiting.len() == 0 => return Poll::Ready(None),
                Progress::Nothing if deadline.as_mut().poll(context).is_ready() => return Poll::Ready(None),
                Progress::Nothing if waiting.len() > 0 && next_start.as_mut().poll(context).is_ready() => {
                    may_start = true;
                }
                Progress::Nothing => return Poll::Pending,
            }
        }
    })
    .await;
    let rest = if winner.is_some() { Outcome::Abandoned } else { Outcome::TimedOut };
    (race.end(&rest), winner)
}

struct Race<'a, F> {
    clock: &'a Clock,
    attempts: Vec<Attempt>,
    /// The attempts that have no outcome yet, by index.
    running: Vec<(usize, Pin<Box<F>>)>,
}

enum Progress<S> {
    Connected(usize, S),
    Failed,
    Nothing,
}

impl<S, F: Future<Output = io::Result<S>>> Race<'_, F> {
    fn begin(&mut self, address: SocketAddr, future: F) {
        let span = Span { start_ns: self.clock.now_ns(), ..Span::default() };
        self.running.push((self.attempts.len(), Box::pin(future)));
        self.attempts.push(Attempt { address, span, outcome: Outcome::TimedOut });
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

    fn end(mut self, outcome: &Outcome) -> Vec<Attempt> {
        for (index, _) in std::mem::take(&mut self.running) {
            self.settle(index, outcome.clone());
        }
        self.attempts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELAY: Duration = Duration::from_millis(250);
    const LIMIT: Duration = Duration::from_secs(10);

    fn target(last: u8) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, last], 443))
    }

    /// Connects after so many milliseconds, or fails after so many.
    async fn play(after_ms: u64, fails: bool) -> io::Result<u64> {
        tokio::time::sleep(Duration::from_millis(after_ms)).await;
        if fails { Err(io::ErrorKind::ConnectionRefused.into()) } else { Ok(after_ms) }
    }

    /// Start and duration of each attempt in milliseconds, its outcome's initial, and the winner.
    async fn summary(plays: &[(u64, bool)]) -> (Vec<(u64, u64, char)>, Option<usize>) {
        let targets: Vec<SocketAddr> = (1..).zip(plays).map(|(last, _)| target(last)).collect();
        let script = |address: SocketAddr| {
            let index = targets.iter().position(|target| *target == address).expect("a target");
            play(plays[index].0, plays[index].1)
        };
        let (attempts, winner) = race(&targets, DELAY, LIMIT, &Clock::start(), script).await;
        let line = |attempt: &Attempt| {
            let outcome = match attempt.outcome {
                Outcome::Connected => 'c',
                Outcome::Abandoned => 'a',
                Outcome::TimedOut => 't',
                Outcome::Failed(_) => 'f',
            };
            // Tokio's timer ticks once a millisecond.
            (attempt.span.start_ns / 1_000_000, attempt.span.duration_ns / 1_000_000, outcome)
        };
        (attempts.iter().map(line).collect(), winner.map(|(index, _)| index))
    }

    fn close(left: &[(u64, u64, char)], right: &[(u64, u64, char)]) -> bool {
        let near = |a: u64, b: u64| a.abs_diff(b) <= 4;
        left.len() == right.len() && left.iter().zip(right).all(|(a, b)| near(a.0, b.0) && near(a.1, b.1) && a.2 == b.2)
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_begins_when_the_first_is_slow_or_has_failed() {
        for (plays, expected, expected_winner) in [
            (&[(20, false), (20, false)][..], &[(0, 20, 'c')][..], Some(0)),
            (&[(400, false), (20, false)], &[(0, 270, 'a'), (250, 20, 'c')], Some(1)),
            (&[(300, false), (200, false)], &[(0, 300, 'c'), (250, 50, 'a')], Some(0)),
            (&[(10, true), (20, false)], &[(0, 10, 'f'), (10, 20, 'c')], Some(1)),
            (&[(10, true), (20, true)], &[(0, 10, 'f'), (10, 20, 'f')], None),
            (&[(60_000, false), (300, true), (5, false)], &[(0, 505, 'a'), (250, 255, 'a'), (500, 5, 'c')], Some(2)),
            (&[(60_000, false), (60_000, false)], &[(0, 10_000, 't'), (250, 9_750, 't')], None),
            (&[], &[], None),
        ] {
            let (attempts, winner) = summary(plays).await;
            assert!(close(&attempts, expected), "{plays:?}: {attempts:?}, not {expected:?}");
            assert_eq!(winner, expected_winner, "{plays:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn no_delay_is_too_long() {
        let targets = [target(1), target(2)];
        let (attempts, winner) =
            race(&targets, Duration::MAX, Duration::MAX, &Clock::start(), |_| play(20, true)).await;
        assert_eq!((attempts.len(), winner), (2, None));
    }

    #[test]
    fn families_alternate_and_the_first_ones_begins() {
        let parse = |list: &str| list.split(' ').map(|one| one.parse().expect("an address")).collect::<Vec<IpAddr>>();
        let order = interleave(&parse("::1 ::2 ::3 10.0.0.1 10.0.0.2"));
        assert_eq!(order, parse("::1 10.0.0.1 ::2 10.0.0.2 ::3"));
        assert_eq!(interleave(&parse("10.0.0.1 10.0.0.2 ::1")), parse("10.0.0.1 ::1 10.0.0.2"));
        assert!(interleave(&[]).is_empty());
    }
}
